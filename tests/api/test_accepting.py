from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api import accepting
from api.accepting import Acceptor
from api.server import take_port


class Counting(asyncio.Protocol):
    """Keeps the connections of one side, as uvicorn does."""

    def __init__(self, open_: set[Any]) -> None:
        self._open = open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._open.discard(self._transport)


class Side:
    """What one process of several would be: a listening socket of its own, and its connections."""

    def __init__(self, listener: Any) -> None:
        self.open: set[Any] = set()
        self.listener = listener
        self.acceptor = Acceptor(listener, lambda: Counting(self.open), lambda: len(self.open))


@asynccontextmanager
async def sides(number: int) -> AsyncIterator[tuple[list[Side], int]]:
    with take_port("127.0.0.1", 0) as listener:
        listener.listen(64)
        found = [Side(listener.dup()) for _ in range(number)]
        try:
            yield found, listener.getsockname()[1]
        finally:
            for side in found:
                side.acceptor.close()
                await side.acceptor.wait_closed()
                side.listener.close()
                for transport in list(side.open):
                    transport.abort()
            await asyncio.sleep(0)


async def reached(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def test_connections_that_come_at_once_are_shared_out() -> None:
    async with sides(2) as (both, port):
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        await reached(lambda: sum(len(side.open) for side in both) == 20)
        assert {len(side.open) for side in both} <= {9, 10, 11}
        for client in clients:
            client.close()


async def test_who_has_fewer_gets_the_next() -> None:
    async with sides(2) as (both, port):
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
        await reached(lambda: sum(len(side.open) for side in both) == 8)
        left, right = both
        for transport in list(left.open):
            transport.abort()
        await reached(lambda: not left.open)
        before = len(right.open)
        clients.append(socket.create_connection(("127.0.0.1", port)))
        await reached(lambda: left.open)
        assert len(right.open) == before
        for client in clients:
            client.close()


async def test_one_alone_takes_all_however_many_it_has() -> None:
    async with sides(1) as ((only,), port):
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        await reached(lambda: len(only.open) == 40)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reached(lambda: len(only.open) == 41)
        assert not reader.at_eof()
        writer.close()
        for client in clients:
            client.close()


async def test_once_closed_it_takes_none() -> None:
    async with sides(2) as ((left, right), port):
        left.acceptor.close()
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        await reached(lambda: len(right.open) == 5)
        assert not left.open
        for client in clients:
            client.close()


class Exhausted:
    """A listening socket for whose connections there is no room at first."""

    def __init__(self, listener: socket.socket, number: int) -> None:
        self._listener = listener
        self.refuses = 1
        self._number = number

    def accept(self) -> Any:
        if self.refuses:
            self.refuses -= 1
            raise OSError(self._number, "no room")
        return self._listener.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


async def test_without_room_it_tries_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(accepting, "RECOVERY", 0.01)
    with take_port("127.0.0.1", 0) as listener:
        listener.listen(8)
        side = Side(Exhausted(listener, errno.EMFILE))
        with socket.create_connection(listener.getsockname()):
            await reached(lambda: side.open)
            assert side.listener.refuses == 0
            assert "no connection can be taken" in caplog.text
            side.acceptor.close()
            for transport in list(side.open):
                transport.abort()
            await asyncio.sleep(0)
