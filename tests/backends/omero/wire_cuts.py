"""A wire between an Ice client and a server that can be cut in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Wire:
    """Forwards bytes both ways; `cut_after` lets that many more bytes of answers through."""

    port: int = 0
    cut_after: int | None = None
    connections: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if self.cut_after is not None:
                data = data[: self.cut_after]
                self.cut_after -= len(data)
            sink.write(data)
            await sink.drain()
            if self.cut_after is not None and self.cut_after <= 0:
                self.cut_after = None
                return

    async def questions(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """A wire to a port of this machine; its own port is `port`."""
    wire = Wire()
    running: set[asyncio.Task[Any]] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        handler = asyncio.current_task()
        assert handler is not None
        running.add(handler)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:  # nobody is there
            writer.close()
            return
        ways = [
            asyncio.create_task(wire.questions(reader, back)),
            asyncio.create_task(wire.answers(there, writer)),
        ]
        try:
            # Whichever end is done first ends both.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, back):
                end.close()
            await asyncio.gather(*ways, return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
