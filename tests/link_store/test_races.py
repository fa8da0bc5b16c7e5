"""Processes that link, unlink and move the same 200 entities at once, on both engines.

Eight processes on PostgreSQL and four on SQLite do 500 things each. `OMNIBIS_TEST_RACES=20` runs
twenty such races, each with its own seed, and `4-8` those of seeds 4 to 7; CI runs one on each
engine, because a race takes many seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from link_store.database import LinkDatabase
from link_store.records import LinkKind, LinkRef, LinkState
from link_store.store import LinkStore
from tests.postgres import PostgresServer

FIRST, _, BEHIND = os.environ.get("OMNIBIS_TEST_RACES", "1").rpartition("-")
SEEDS = range(int(FIRST or 0), int(BEHIND))
ACTS = 500
LONGEST = 600  # seconds; it took 15 to 150 on two cores that eight others used, too
RACER = Path(__file__).with_name("racer.py")
HOUSE = Path(__file__).parents[2]
ENDS = {"openbis": "openbis_instance, openbis_perm_id", "omero": "omero_instance, omero_id"}


@asynccontextmanager
async def racers(number: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Start processes that wait for orders."""
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", str(RACER), f"racer {index}"),
            env={**os.environ, "PYTHONPATH": str(HOUSE)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        for index in range(number)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        yield processes
        for process in processes:
            await process.communicate(b"")  # the end of the orders
        assert [process.returncode for process in processes] == [0] * number
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def race(
    processes: list[asyncio.subprocess.Process], url: str, seed: int
) -> list[dict[str, Any]]:
    """Let all processes run at once, and collect what each tells."""
    order = json.dumps({"url": url, "seed": seed, "acts": ACTS}).encode() + b"\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(order)

    async def answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(await process.stdout.readline())
        return told

    async with asyncio.timeout(LONGEST):  # a race that stands still is a failure, not a wait
        return await asyncio.gather(*map(answer, processes))


async def check(store: LinkStore, answers: list[dict[str, Any]]) -> Counter[str]:
    """Compare what was told with what is there; returns how often each refusal was given."""
    for kind in ("project_link", "sample_link"):
        for columns in ENDS.values():
            twice = (
                f"select {columns} from {kind} where state <> 'RETIRED'"  # noqa: S608 - names of ours
                f" group by {columns} having count(*) > 1"
            )
            async with store.database.read() as connection:
                assert (await connection.execute(text(twice))).all() == []
    told = {
        (answer["name"], number, kind, link, revision, state)
        for answer in answers
        for number, kind, link, revision, state in answer["accepted"]
    }
    events = await store.events_after(0, 1_000_000)
    written = {
        (e.author, json.loads(e.details)["act"], e.link.kind, e.link.id, e.revision, e.new_state)
        for e in events
        if e.author != "steward"
    }
    assert written == told
    assert len(events) == len(told) + 4
    await check_links(store)
    refused: Counter[str] = Counter()
    for answer in answers:
        refused.update(answer["refused"])
        assert len(answer["accepted"]) + sum(answer["refused"].values()) == ACTS
    assert set(refused) <= {"LINK_CONFLICT", "STALE_REVISION"}
    return refused


async def check_links(store: LinkStore) -> None:
    """Each link is what its history says, and below a live link of its project."""
    page = await store.search(limit=1_000_000, states=tuple(LinkState))
    history = await store.history([link.ref for link in page.items])
    projects = await store.project_links([f"P-{i}" for i in range(4)])
    for link in page.items:
        events = history[link.ref]
        assert [event.revision for event in events] == list(range(1, link.revision + 1))
        assert events[-1].new_state == link.state
        if link.ref.kind is LinkKind.SAMPLE:
            above = {LinkRef(LinkKind.PROJECT, getattr(link, "project_link_id", 0))}
            assert above <= {project.ref for project in projects.values()}


@contextmanager
def fresh(engine: str, request: pytest.FixtureRequest, folder: Path, seed: int) -> Iterator[str]:
    """An empty migrated database for one race."""
    if engine == "sqlite":
        path = folder / f"race-{seed}.db"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(request.getfixturevalue("postgres_template")) as url:
        yield url


@pytest.mark.parametrize(("engine", "number"), [("postgresql", 8), ("sqlite", 4)])
async def test_no_race_puts_an_id_into_two_live_links(
    engine: str, number: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    refused: Counter[str] = Counter()
    async with racers(number) as processes:
        for seed in SEEDS:
            with fresh(engine, request, tmp_path, seed) as url:
                store = LinkStore(LinkDatabase(url))
                for project in range(4):
                    await store.link_project(f"P-{project}", project + 1, author="steward")
                answers = await race(processes, url, seed)
                refused += await check(store, answers)
                await store.database.dispose()
    assert set(refused) == {"LINK_CONFLICT", "STALE_REVISION"}  # else nobody raced
