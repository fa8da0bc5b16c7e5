"""The link store beside one bare SQL statement: look-ups both ways, bulk insertion, growth.

On SQLite and on PostgreSQL. The bare statement goes over the plain driver (sqlite3, psycopg) and
fetches the same rows as tuples, or inserts the same links from one JSON parameter without their
history; the store answers with records, or writes history and checks as well. Both take turns. Run
by `make bench`, or with `python -m benchmarks.links [the largest store]`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from link_store.database import LinkDatabase
from link_store.records import NewSampleLink
from link_store.store import LinkStore
from tests.postgres import programs, serve

SIZES = (10_000, 100_000, 1_000_000)
LOOK_UPS = (1_000, 10_000)
BULK = 100_000
ROUNDS = 9
PROJECTS = 100
FILL = 50_000
Bare = Callable[[str, Any], list[Any]]

LOOK_UP = {
    "sqlite": "select * from sample_link where {0} = '{1}' and state <> 'RETIRED'"
    " and {2} in (select value from json_each(?))",
    "postgresql": "select * from sample_link where {0} = '{1}' and state <> 'RETIRED'"
    " and {2} = any(%s)",
}
INSERT = """
insert into sample_link (openbis_instance, openbis_perm_id, omero_instance, omero_id, state,
  evidence, revision, author, created_at, updated_at, project_link_id, project_perm_id)
select 'openbis', {0}, 'omero', {1}, 'ACTIVE', 'NAME', 1, 'bench', '2026-01-01 00:00:00.000000',
  '2026-01-01 00:00:00.000000', 1, 'P-0' from {2}
"""
INSERTS = {
    "sqlite": INSERT.format(
        "json_extract(value, '$[0]')", "json_extract(value, '$[1]')", "json_each(?)"
    ),
    "postgresql": INSERT.format(
        "value ->> 0", "(value ->> 1)::bigint", "jsonb_array_elements(%s::jsonb)"
    ),
}


def perm_id(number: int) -> str:
    """A permId as openBIS makes them."""
    return f"20261125{number // 1000:06}-{number}"


def links(first: int, number: int) -> list[NewSampleLink]:
    """So many links, spread over the projects."""
    return [NewSampleLink(perm_id(i), f"P-{i % PROJECTS}", i) for i in range(first, first + number)]


async def beside(
    ours: Callable[[], Awaitable[Any]], bare: Callable[[], Any]
) -> tuple[float, float]:
    """The median seconds of both, which take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        await ours()
        times[0].append(time.perf_counter() - started)
        started = time.perf_counter()
        bare()
        times[1].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


async def look_ups(store: LinkStore, bare: Bare, size: int) -> list[str]:
    """The lines of the table for a store of one size."""
    chance = random.Random(size)  # noqa: S311 - no secret
    dialect = store.database.dialect
    lines = []
    for number in LOOK_UPS:
        chosen = chance.sample(range(1, size + 1), number)
        ways: list[tuple[str, Any, Any, Sequence[str]]] = [
            (
                "openBIS → OMERO",
                store.sample_links,
                [perm_id(i) for i in chosen],
                ("openbis_instance", "openbis", "openbis_perm_id"),
            ),
            (
                "OMERO → openBIS",
                store.sample_links_of_omero,
                chosen,
                ("omero_instance", "omero", "omero_id"),
            ),
        ]
        for way, look_up, ids, names in ways:
            statement = LOOK_UP[dialect].format(*names)
            given = json.dumps(ids) if dialect == "sqlite" else ids
            assert len(await look_up(ids)) == len(bare(statement, given)) == number

            async def ours(look_up: Any = look_up, ids: Any = ids) -> None:
                await look_up(ids)

            one, other = await beside(ours, lambda s=statement, g=given: bare(s, g))
            lines.append(_line(dialect, f"look up {number:,} {way}", size, one, other))
    return lines


async def insertion(store: LinkStore, bare: Bare, size: int) -> str:
    """The line of the table for 100,000 new links: ours, then the bare statement's."""
    dialect = store.database.dialect
    first = size + 1
    new = links(first, BULK)
    gc.collect()
    started = time.perf_counter()
    await store.link_samples(new, author="bench", evidence="NAME")
    one = time.perf_counter() - started
    rows = json.dumps([(perm_id(i), i) for i in range(first + BULK, first + 2 * BULK)])
    started = time.perf_counter()
    bare(INSERTS[dialect], rows)
    other = time.perf_counter() - started
    return _line(dialect, f"insert {BULK:,}", size, one, other)


def _line(dialect: str, what: str, size: int, ours: float, bare: float) -> str:
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[dialect]
    milliseconds = f"{ours * 1e3:,.1f} | {bare * 1e3:,.1f}"
    return f"| {name} | {what} | {size:,} | {milliseconds} | {ours / bare:.1f} |"


@contextmanager
def bare_sqlite(path: str) -> Iterator[Bare]:
    """The plain driver of SQLite, set up as the store's connections are."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma foreign_keys = on")
    yield lambda statement, value: connection.execute(statement, (value,)).fetchall()
    connection.close()


@contextmanager
def bare_postgresql(url: str) -> Iterator[Bare]:
    """The plain driver of PostgreSQL."""
    with psycopg.connect(url, autocommit=True) as connection:

        def run(statement: str, value: Any) -> list[Any]:
            cursor = connection.execute(statement, (value,))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

        yield run


async def measure(url: str, bare: Bare, analyze: str, sizes: Sequence[int]) -> list[str]:
    """All lines for one engine."""
    database = LinkDatabase(url, busy_timeout=60)
    store = LinkStore(database)
    for project in range(PROJECTS):
        await store.link_project(f"P-{project}", project + 1, author="bench")
    lines, filled = [], 0
    for size in sizes:
        while filled < size:
            some = min(FILL, size - filled)
            await store.link_samples(links(filled + 1, some), author="bench", evidence="NAME")
            filled += some
        async with database.write(aside=True) as connection:
            await connection.exec_driver_sql(analyze)
        lines += await look_ups(store, bare, size)
        lines.append(await insertion(store, bare, size))
        filled += 2 * BULK
    await database.dispose()
    return lines


async def report(largest: int = SIZES[-1]) -> str:
    """What was found, as Markdown."""
    sizes = [size for size in SIZES if size <= largest]
    lines = [
        "## Links",
        "",
        "| engine | what | links in the store | ms | ms of the bare statement | ratio |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/links.db"
        LinkDatabase(f"sqlite:///{path}").migrate_now()
        with bare_sqlite(path) as bare:
            lines += await measure(f"sqlite:///{path}", bare, "analyze", sizes)
    found = programs()
    if found is None:
        return "\n".join([*lines, "", "PostgreSQL is not measured: it is not on this machine."])
    with serve(found) as server, server.database() as url:
        LinkDatabase(url).migrate_now()
        with bare_postgresql(url) as bare:
            lines += await measure(url, bare, "analyze sample_link", sizes)
    return "\n".join(lines)


if __name__ == "__main__":
    print(asyncio.run(report(*(int(text) for text in sys.argv[1:2]))))
