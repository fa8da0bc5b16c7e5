"""A real HTTP server on a loopback port for the length of a `with` block.

For tests that need sockets: pybis, the HTTP transport, a browser's view. uvicorn runs in a thread
of its own with its own event loop, so that blocking clients may call it from the test's thread.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from api.limits import Limits
from api.patience import patient_protocol

PATIENCE = 10.0  # seconds to start or to stop; either takes a few milliseconds


class _Server(uvicorn.Server):
    """A server that says when it takes requests, and leaves the process' signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serve(
    app: Callable[..., Any],
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    lifespan: bool = False,
    date: bool = True,
    websockets: bool = False,
    limits: Limits | None = None,
) -> Iterator[str]:
    """Serve an ASGI application and yield its address, `http://127.0.0.1:port`.

    Args:
        app: the application.
        certificate: a PEM file; with it the server speaks TLS.
        key: the certificate's private key, if it stands in a file of its own.
        lifespan: whether the application's lifespan is run.
        date: whether answers tell the time.
        websockets: whether WebSockets are taken.
        limits: with them, slow clients are waited for as `omnibis serve` does.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="on" if lifespan else "off",
            ws="websockets-sansio" if websockets else "none",
            log_config=None,
            access_log=False,
            date_header=date,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            ws_per_message_deflate=False,
            http=patient_protocol(limits.body_seconds, limits.answer_seconds) if limits else "auto",
        )
    )
    failures: list[BaseException] = []

    def run() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread below
            failures.append(error)
            server.ready.set()

    thread = threading.Thread(target=run, name="served", daemon=True)
    thread.start()
    try:
        assert server.ready.wait(PATIENCE), "the server did not start"
        assert not failures, failures
        scheme = "http" if certificate is None else "https"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"
