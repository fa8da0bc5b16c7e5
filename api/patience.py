"""How long the server waits for a slow client: for a request's head, and for an answer to be taken.

uvicorn waits for ever for either, so a few thousand clients that send or read a byte now and then
would hold as many connections. `patient_protocol` makes its HTTP protocol close those. A body's
time is held to in `api/parameters.py`, where it is read. Called by `api/server.py`.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    Connection = H11Protocol
else:
    Connection = object


class Patience(Connection):
    """What both of uvicorn's HTTP protocols get on top."""

    head_seconds: float
    answer_seconds: float
    _head: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request's head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait on for a head that is not whole."""
        super().data_received(data)
        cycle: Any = self.cycle  # none before the first request, whatever its type says
        if cycle is None or cycle.response_complete:
            self._wait_for_head()
        else:
            self._stop_waiting_for_head()

    def handle_websocket_upgrade(self, *event: Any) -> None:
        """Hand the connection to another protocol, which has its own ways."""
        self._stop_waiting()
        super().handle_websocket_upgrade(*event)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        if self._answer is None:
            self._answer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._stop_waiting_for_reader()

    def _wait_for_head(self) -> None:
        """Begin to wait, or go on: what comes bit by bit gets no more time."""
        if self._head is None and self.transport.get_protocol() is self:
            self._head = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_waiting_for_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _stop_waiting_for_reader(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    def _stop_waiting(self) -> None:
        self._stop_waiting_for_head()
        self._stop_waiting_for_reader()


def patient_protocol(head_seconds: float, answer_seconds: float) -> type[asyncio.Protocol]:
    """Make the class of the connections of a server: httptools' where it is installed, else h11's.

    Args:
        head_seconds: how long a request's line and headers may take to come.
        answer_seconds: how long a client may leave an answer unread.
    """
    base: type[asyncio.Protocol] = H11Protocol
    if find_spec("httptools") is not None:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415

        base = HttpToolsProtocol
    limits = {"head_seconds": head_seconds, "answer_seconds": answer_seconds}
    return type("PatientProtocol", (Patience, base), limits)
