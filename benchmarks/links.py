"""The link store beside one bare SQL statement: look-ups both ways, bulk insertion, growth.

On SQLite and on PostgreSQL. The bare statement goes over the plain driver (sqlite3, psycopg) and
fetches the same rows as tuples, or inserts the same links from one JSON parameter without their
history; the store answers with records, or writes history and checks as well. Both take turns. Run
by `make bench`, or with `python -m benchmarks links`.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg

from benchmarks.page import Section, settled, turns
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
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
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


async def look_ups(section: Section, store: LinkStore, bare: Bare, size: int) -> None:
    """The rows for a store of one size."""
    chance = random.Random(size)  # noqa: S311 - no secret
    dialect = store.database.dialect
    for number in LOOK_UPS:
        chosen = chance.sample(range(1, size + 1), number)
        perm_ids = [perm_id(i) for i in chosen]
        ways: list[tuple[str, Callable[[], Awaitable[Any]], Any, Sequence[str]]] = [
            (
                "openBIS → OMERO",
                partial(store.sample_links, perm_ids),
                perm_ids,
                ("openbis_instance", "openbis", "openbis_perm_id"),
            ),
            (
                "OMERO → openBIS",
                partial(store.sample_links_of_omero, chosen),
                chosen,
                ("omero_instance", "omero", "omero_id"),
            ),
        ]
        for way, ours, ids, names in ways:
            statement = LOOK_UP[dialect].format(*names)
            theirs = partial(bare, statement, json.dumps(ids) if dialect == "sqlite" else ids)
            assert len(await ours()) == len(theirs()) == number
            times = await turns(ROUNDS, {"ours": ours, "bare": theirs})
            what = f"{NAMES[dialect]}, {size:,} links: look up {number:,}, {way}"
            section.ratio(f"{what} ÷ bare", times["ours"], times["bare"], "2")
            section.add(what, [1e3 * seconds for seconds in times["ours"]], "ms")


async def insertion(section: Section, store: LinkStore, bare: Bare, size: int) -> None:
    """The rows for 100,000 new links, history included: ours, then the bare statement's."""
    dialect = store.database.dialect
    first = size + 1
    new = links(first, BULK)
    started = time.perf_counter()
    await store.link_samples(new, author="bench", evidence="NAME")
    ours = time.perf_counter() - started
    rows = json.dumps([(perm_id(i), i) for i in range(first + BULK, first + 2 * BULK)])
    started = time.perf_counter()
    bare(INSERTS[dialect], rows)
    theirs = time.perf_counter() - started
    what = f"{NAMES[dialect]}, {size:,} links: insert {BULK:,}"
    section.ratio(f"{what} ÷ bare, which writes no history", [ours], [theirs], "3")
    section.add(what, [ours], "s")


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


async def fill(section: Section, url: str, bare: Bare, analyze: str, sizes: Sequence[int]) -> None:
    """All rows for one engine, whose database grows."""
    database = LinkDatabase(url, busy_timeout=60)
    await database.migrate()
    store = LinkStore(database)
    for project in range(PROJECTS):
        await store.link_project(f"P-{project}", project + 1, author="bench")
    filled = 0
    for size, following in zip(sizes, (*sizes[1:], math.inf), strict=True):
        while filled < size:
            some = min(FILL, size - filled)
            await store.link_samples(links(filled + 1, some), author="bench", evidence="NAME")
            filled += some
        async with database.write(aside=True) as connection:
            await connection.exec_driver_sql(analyze)
        await look_ups(section, store, bare, size)
        if size + 2 * BULK <= following:
            await insertion(section, store, bare, size)
            filled += 2 * BULK
    await database.dispose()


async def measure(*, quick: bool = False) -> Section:
    """Measure all on both engines, as far as they are there."""
    sizes = SIZES[:1] if quick else SIZES
    section = Section("links", "the link store beside one bare SQL statement")
    with settled(), tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/links.db"
        with bare_sqlite(path) as bare:
            await fill(section, f"sqlite:///{path}", bare, "analyze", sizes)
        found = programs()
        if found is None:
            section.notes.append("PostgreSQL is not measured: it is not on this machine.")
            return section
        with serve(found) as server, server.database() as url, bare_postgresql(url) as bare:
            await fill(section, url, bare, "analyze sample_link", sizes)
    return section
