"""The embedded openBIS on a port: in this thread until a signal comes, or beside other work.

`listen` takes the port first, so that a taken one is told before anything is built. `Alongside`
runs the server in a thread with an event loop of its own, as another process would: whoever
speaks to it really goes through sockets. Called by `python -m backends.demo` and `omnibis demo`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

BACKLOG = 128
STOP_SECONDS = 10.0


class ServingError(Exception):
    """The server cannot start; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one.

    Raises:
        ServingError: the address or the port cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise ServingError(f"{host} is not an address; use 127.0.0.1.") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServingError(
            f"Port {port} on {host} cannot be opened ({error.strerror}); choose another one, "
            "or 0 for a free one."
        ) from None
    return listener


def address_of(listener: socket.socket) -> str:
    """The address of the server, as one types it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, listener: socket.socket, on_started: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish what has begun and return."""
    _Server(_config(app), on_started).run(sockets=[listener])


class Alongside:
    """A server in a thread of its own.

    Args:
        app: the application to serve.
        listener: an open socket, from `listen`; closed by `stop`.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self.address = address_of(listener)
        self._listener = listener
        self._started = threading.Event()
        self._server = _Server(_config(app), self._started.set)
        self._thread = threading.Thread(target=self._run, name="embedded openBIS", daemon=True)

    def start(self) -> None:
        """Start, and return when requests are taken.

        Raises:
            ServingError: the server did not come up.
        """
        self._thread.start()
        self._started.wait(STOP_SECONDS)
        if not self._server.started:
            raise ServingError("The embedded openBIS did not start on its port; try again.")

    def stop(self) -> None:
        """Stop, finishing what has begun."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join(STOP_SECONDS)
        self._listener.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._started.set()


class _Server(uvicorn.Server):
    """A uvicorn server that tells when it has started, and ends without an error of its own."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002 - uvicorn's signature
        """Leave at a signal, at the second one at once; do not raise it again."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
    )
