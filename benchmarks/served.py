"""omnibis as a server of its own: `python -m benchmarks.served [--stock] [--workers N]`.

The embedded backends answer each question once and are replayed from memory from then on, so that
what is measured is omnibis and not the demonstration's SQL: openBIS's answers as the bytes they
came in, OMERO's rows as JSON. Each call waits for the latency that a line on standard input sets,
in milliseconds. All answers are read anew each time, unless `--readings` has omnibis remember what
it read. With `--stock`, operations are run by Strawberry's own executor. The first line printed is
the address. See `gateways.py`, `growth.py`, `servers.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import socket
import struct
import sys
import threading
from collections.abc import Awaitable
from typing import Any

import orjson
from graphql import experimental_execute_incrementally
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

import api.operations
from api import server
from api.app import create_app
from api.auth import TokenBox
from api.demonstration import demonstration
from api.settings import load_settings
from api.workers import Workers
from backends.demo.omero.transport import StoreTransport
from backends.omero.table import Table
from backends.openbis.transport import AsgiTransport
from backends.precedence import Turn
from backends.readings import MEGABYTE, Readings
from resolvers.context import RequestContext

REMEMBERED = 16  # megabytes of answers, as by default
LATENCY = mmap.mmap(-1, 8)  # seconds, as all workers see them


async def _wait() -> None:
    (seconds,) = struct.unpack("d", LATENCY[:])
    if seconds:
        await asyncio.sleep(seconds)


def replay(readings: Readings) -> None:
    """Have the embedded backends remember their answers; OMERO's rows are read as Ice's are."""
    post, projection, ask_links = (
        AsgiTransport.post,
        StoreTransport.projection,
        RequestContext.ask_links,
    )
    posted: dict[bytes, bytes] = {}
    rows: dict[str, bytes] = {}

    async def posting(self: AsgiTransport, body: bytes) -> bytes:
        await _wait()
        if body not in posted:
            posted[body] = await post(self, body)
        return posted[body]

    async def projecting(
        self: StoreTransport, session: Any, hql: str, params: Any, *, turn: Turn, **more: Any
    ) -> list[list[Any]]:
        await _wait()
        key = f"{hql} {params!r} {more!r}"
        if key not in rows:
            rows[key] = orjson.dumps(await projection(self, session, hql, params, **more))
        table: Table | None = readings.find(rows[key])
        if table is None:
            await turn(len(rows[key]))
            table = Table()
            table += orjson.loads(rows[key])
            readings.keep(rows[key], table)
        return table

    async def asking(self: RequestContext, operation: str, work: Awaitable[Any]) -> Any:
        await _wait()
        return await ask_links(self, operation, work)

    AsgiTransport.post = posting  # type: ignore[method-assign]
    StoreTransport.projection = projecting  # type: ignore[method-assign]
    RequestContext.ask_links = asking  # type: ignore[method-assign,assignment]


def stock(schema: Any, document: Any, _shelves: Any, **given: Any) -> Any:
    """Run an operation as Strawberry does."""
    return experimental_execute_incrementally(
        schema,
        document,
        root_value=given.get("root"),
        context_value=given["context"],
        variable_values=given.get("variables"),
        operation_name=given.get("operation_name"),
        executor_class=StrawberryGraphQLCoreExecutionContext,
        operation_extensions=None,
    )


def application(megabytes: int = 0) -> Any:
    """Make the application, whoever serves it; what it reads is kept for so many of the answers."""
    settings = load_settings(
        {
            "OMNIBIS_READINGS_MEGABYTES": str(megabytes),
            "OMNIBIS_LIMITS_REQUESTS_PER_VIEWER": "1000",
            "OMNIBIS_LIMITS_DEADLINE_SECONDS": "600",  # for --stock on a busy machine
            "OMNIBIS_OPENBIS_TIMEOUT": "600",
            "OMNIBIS_OMERO_TIMEOUT": "600",
        }
    )
    return create_app(settings, demonstration(settings).parts, TokenBox((b"b" * 32,)))


def replayed() -> Any:
    """Make the application for another server, which has no way to set a latency."""
    replay(Readings())
    return application()


def serve(listener: socket.socket, megabytes: int, *, shared: bool) -> int:
    """Serve until the signal, as one of the workers."""
    app = application(megabytes)
    server.run(
        app,
        listener,
        drain=app.state.drain,
        drain_seconds=1,
        on_started=lambda: None,
        shared=shared,
    )
    return 0


def listen() -> None:
    """Take the latency from standard input."""
    for line in sys.stdin:
        LATENCY[:] = struct.pack("d", float(line) / 1000)
        print(float(line) / 1000, flush=True)


def main() -> None:
    """Serve until the signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--readings", action="store_true")
    given = parser.parse_args()
    megabytes = REMEMBERED if given.readings else 0
    replay(Readings(megabytes * MEGABYTE))
    if given.stock:
        api.operations.execute = stock
    listener = server.take_port("127.0.0.1", 0)
    print(server.address_of(listener), flush=True)
    threading.Thread(target=listen, daemon=True).start()
    sys.exit(
        Workers(given.workers, lambda: serve(listener, megabytes, shared=given.workers > 1)).run()
    )


if __name__ == "__main__":
    main()
