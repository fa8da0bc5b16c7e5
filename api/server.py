"""Runs an application on a port until it is told to stop: the only place that knows uvicorn.

The port is taken before anything else happens, so that a taken one is told in a sentence. At
SIGTERM or SIGINT the server drains: it finishes what it has begun, refuses the rest, closes
everything and returns normally; a second signal ends it at once. After a SIGTERM new requests are
told 503 for a moment, so that whoever sends them looks for another replica; then connections are
refused. What has not ended when the time is over is cut off.
"""

from __future__ import annotations

import errno
import gc
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from types import FrameType
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from api.accepting import Acceptor
from api.drain import Drain
from api.limits import Limits
from api.patience import patient_protocol

BACKLOG: Final = 512
KEEP_ALIVE: Final = 30  # seconds
NOTICE: Final = 1.0  # seconds after SIGTERM in which connections are taken still, to be told 503
# An answer of ten thousands of objects has no cycles: looking for some at each 700 is in vain. What
# a request leaves to the collector are hundreds (tests/test_leavings.py), whatever its answer.
COLLECT_AFTER: Final = (200_000, 20, 20)


class ServerError(Exception):
    """The server cannot start; the message says what to do."""


def take_port(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises:
        ServerError: the port is taken, not allowed, or the host is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise ServerError(f"{host} is not an address; use 127.0.0.1 or 0.0.0.0.") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServerError(_why_not(error, host, port)) from None
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is taken, perhaps by another omnibis. "
                f"Stop that one, or choose a port: --port {port + 1 if port < 65535 else 8000}."  # noqa: PLR2004
            )
        case errno.EACCES:
            return f"Port {port} may not be opened by this user; choose one from 1024 on."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; use 127.0.0.1 or 0.0.0.0."
        case _:
            return f"Port {port} on {host} cannot be opened; choose another with --port."


def address_of(listener: socket.socket) -> str:
    """Return the address under which the server is reached, as one types it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    return f"http://{shown}:{port}"


class _Server(uvicorn.Server):
    """A uvicorn server that drains, and tells when it has started."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Drain,
        on_started: Callable[[], None],
        *,
        shared: bool = False,
    ) -> None:
        super().__init__(config)
        self._shared = shared
        self._drain = drain
        self._on_started = on_started
        self._open_until = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup([] if self._shared else sockets)
        if self.started:
            if self._shared:
                self.servers = [self._accept_from(each) for each in sockets or ()]
            # What lives as long as the process (schema, embedded data) is not walked through at
            # each collection.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECT_AFTER)
            self._on_started()

    def _accept_from(self, listener: socket.socket) -> Any:
        protocol: Any = self.config.http_protocol_class
        make = partial(
            protocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return Acceptor(listener, make, lambda: len(self.server_state.connections))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, leave at the second; neither is an error of ours."""
        del frame
        self.force_exit = self.should_exit
        self.should_exit = True
        if sig == signal.SIGTERM and not self._drain.draining:
            self._open_until = time.monotonic() + NOTICE
        self._drain.begin()

    async def on_tick(self, counter: int) -> bool:
        """Go on for as long as new requests are told to go elsewhere."""
        should_exit = await super().on_tick(counter)
        return should_exit and (self.force_exit or time.monotonic() >= self._open_until)


def run(
    app: ASGIApp,
    listener: socket.socket,
    *,
    drain: Drain,
    drain_seconds: float,
    on_started: Callable[[], None],
    limits: Limits | None = None,
    shared: bool = False,
) -> None:
    """Serve until a signal comes.

    Args:
        app: the application; its lifespan opens and closes what it needs.
        listener: an open socket, from `take_port`.
        drain: told when the server is stopping.
        drain_seconds: how long begun requests may take to finish.
        on_started: called once requests are taken.
        limits: how long slow clients are waited for, how many connections there may be, and how
            long a message by WebSocket.
        shared: whether other processes take connections from the socket, too.
    """
    limits = limits or Limits()
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,  # `api/observe.py` writes the one line per request
        server_header=False,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        proxy_headers=False,  # `api/proxy.py` says whose word is taken
        http=patient_protocol(limits.body_seconds, limits.answer_seconds),
        limit_concurrency=limits.connections,
        ws="websockets-sansio",
        ws_max_size=limits.request_bytes,
        # A message is as large as what came over the wire, so that none can burst.
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(drain_seconds - NOTICE)),
    )
    server = _Server(config, drain, on_started, shared=shared)
    thresholds = gc.get_threshold()
    try:
        server.run(sockets=[listener])
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
