"""How the engines answer each look-up: from which index, and without sorting.

SQLite plans by its schema, so empty tables do; PostgreSQL by the size of the tables, so one large
database is made for all its plans, and thousands of ids are asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event

from link_store.database import LinkDatabase
from link_store.records import LinkKind, LinkRef, LinkState, NewSampleLink
from link_store.store import LinkStore
from tests.postgres import PostgresServer

ALL = tuple(LinkState)
LINKS, ASKED = 60_000, 3_000
Sent = list[tuple[str, Any]]


@contextmanager
def listening(database: LinkDatabase) -> Iterator[Sent]:
    """What is sent to the database, but for the beginning of transactions."""
    sent: Sent = []

    def remember(*arguments: Any) -> None:
        if not arguments[2].startswith(("BEGIN", "SET TRANSACTION")):
            sent.append((arguments[2], arguments[3]))

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", remember)


PLANS: list[tuple[str, Callable[[LinkStore], Awaitable[object]], list[str]]] = [
    (
        "project_links",
        lambda store: store.project_links(["P"]),
        ["uq_project_link_live_openbis (openbis_instance=? AND openbis_perm_id=?)"],
    ),
    (
        "project_links_of_omero",
        lambda store: store.project_links_of_omero([1]),
        ["uq_project_link_live_omero (omero_instance=? AND omero_id=?)"],
    ),
    (
        "sample_links",
        lambda store: store.sample_links(["S"]),
        ["uq_sample_link_live_openbis (openbis_instance=? AND openbis_perm_id=?)"],
    ),
    (
        "sample_links_of_omero",
        lambda store: store.sample_links_of_omero([1]),
        ["uq_sample_link_live_omero (omero_instance=? AND omero_id=?)"],
    ),
    (
        "sample_links_of_projects",
        lambda store: store.sample_links_of_projects(["P"]),
        ["ix_sample_link_project (openbis_instance=? AND project_perm_id=?)"],
    ),
    (
        "links_by_ids",
        lambda store: store.links_by_ids([LinkRef(LinkKind.PROJECT, 1)]),
        ["SEARCH project_link USING INTEGER PRIMARY KEY (rowid=?)"],
    ),
    (
        "history",
        lambda store: store.history([LinkRef(LinkKind.PROJECT, 1), LinkRef(LinkKind.SAMPLE, 1)]),
        ["(project_link_id=?)", "(sample_link_id=?)"],
    ),
    ("revision", lambda store: store.revision(), ["SEARCH link_event"]),
    (
        "events_after",
        lambda store: store.events_after(5, 5),
        ["SEARCH link_event USING INTEGER PRIMARY KEY (rowid>?)"],
    ),
    (
        "search of a project",
        lambda store: store.search(limit=5, project_perm_id="P"),
        [
            "uq_project_link_live_openbis (openbis_instance=? AND openbis_perm_id=?)",
            "ix_sample_link_project (openbis_instance=? AND project_perm_id=?)",
        ],
    ),
    (
        "search of a project, any state, from a key",
        lambda store: store.search(
            limit=5, project_perm_id="P", states=ALL, key=LinkRef(LinkKind.SAMPLE, 5)
        ),
        ["ix_sample_link_project (openbis_instance=? AND project_perm_id=? AND id>?)"],
    ),
    (
        "search of one state, backward",
        lambda store: store.search(
            limit=5,
            kind=LinkKind.SAMPLE,
            states=[LinkState.BROKEN],
            key=LinkRef(LinkKind.SAMPLE, 9),
            backward=True,
        ),
        ["ix_sample_link_state (state=? AND id<?)"],
    ),
    (
        "search from a key",
        lambda store: store.search(limit=5, key=LinkRef(LinkKind.SAMPLE, 5)),
        ["SEARCH sample_link USING INTEGER PRIMARY KEY (rowid>?)"],
    ),
    (
        "search of everything",
        lambda store: store.search(limit=5, states=ALL),
        ["SCAN project_link", "SCAN sample_link"],  # in order of id, so it ends with the page
    ),
]


@pytest.mark.parametrize(
    ("look_up", "plans"), [plan[1:] for plan in PLANS], ids=[plan[0] for plan in PLANS]
)
async def test_sqlite_uses_an_index_for_each_look_up_and_sorts_nothing(
    sqlite_template: Path,
    tmp_path: Path,
    look_up: Callable[[LinkStore], Awaitable[object]],
    plans: list[str],
) -> None:
    shutil.copy(sqlite_template, tmp_path / "links.db")
    database = LinkDatabase(f"sqlite:///{tmp_path / 'links.db'}")
    with listening(database) as sent:
        await look_up(LinkStore(database))
    assert len(sent) == len(plans)
    for (statement, parameters), wanted in zip(sent, plans, strict=True):
        async with database.read() as connection:
            rows = await connection.exec_driver_sql(f"explain query plan {statement}", parameters)
            plan = "; ".join(row[3] for row in rows)
        assert wanted in plan
        if "IN (SELECT" not in statement:
            assert "TEMP B-TREE" not in plan
    await database.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large(
    postgres_server: PostgresServer, postgres_template: str
) -> AsyncIterator[LinkStore]:
    """A store in PostgreSQL with many links, whose size the planner knows."""
    with postgres_server.database(postgres_template) as url:
        database = LinkDatabase(url)
        store = LinkStore(database)
        for number in range(1, 101):
            await store.link_project(f"P-{number}", number, author="a")
        links = [NewSampleLink(f"S-{i}", f"P-{i % 100 + 1}", i) for i in range(1, LINKS + 1)]
        made = await store.link_samples(links, author="a")
        for link in made[:30]:
            await store.mark_broken(link.ref, expected_revision=1, author="a")
        async with database.write(aside=True) as connection:
            await connection.exec_driver_sql("analyze")
        yield store
        await database.dispose()


SAMPLES = [f"S-{i * 7 % LINKS + 1}" for i in range(ASKED)]
DATASETS = [i * 7 % LINKS + 1 for i in range(ASKED)]
REFS = [LinkRef(LinkKind.SAMPLE, number) for number in DATASETS]
INDEXES: list[tuple[str, Callable[[LinkStore], Awaitable[object]], str]] = [
    ("sample_links", lambda s: s.sample_links(SAMPLES), "uq_sample_link_live_openbis"),
    ("of_omero", lambda s: s.sample_links_of_omero(DATASETS), "uq_sample_link_live_omero"),
    ("of_projects", lambda s: s.sample_links_of_projects(["P-1"]), "ix_sample_link_project"),
    ("by_ids", lambda s: s.links_by_ids(REFS), "pk_sample_link"),
    ("history", lambda s: s.history(REFS[:1000]), "uq_link_event_sample_link_id_revision"),
    ("revision", lambda s: s.revision(), "pk_link_event"),
    ("events_after", lambda s: s.events_after(LINKS, 50), "pk_link_event"),
    (
        "broken ones",
        lambda s: s.search(limit=20, kind=LinkKind.SAMPLE, states=[LinkState.BROKEN]),
        "ix_sample_link_state",
    ),
    (
        "a page",
        lambda s: s.search(limit=20, kind=LinkKind.SAMPLE, key=LinkRef(LinkKind.SAMPLE, 500)),
        "pk_sample_link",
    ),
]


@pytest.mark.parametrize(
    ("look_up", "index"), [one[1:] for one in INDEXES], ids=[one[0] for one in INDEXES]
)
@pytest.mark.asyncio(loop_scope="module")
async def test_postgresql_uses_an_index_for_each_look_up(
    large: LinkStore, look_up: Callable[[LinkStore], Awaitable[object]], index: str
) -> None:
    with listening(large.database) as sent:
        await look_up(large)
    ((statement, parameters),) = sent
    async with large.database.read() as connection:
        rows = await connection.exec_driver_sql(f"explain {statement}", parameters)
        plan = "\n".join(row[0] for row in rows)
    assert index in plan
    assert "Seq Scan" not in plan
