"""A migrated database per test: a SQLite file, and PostgreSQL as well where a server is offered.

Set `OMNIBIS_TEST_POSTGRESQL` to the URL of a server's maintenance database (its user may create
databases) and have psycopg installed: then each test runs on both.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from link_store.database import LinkDatabase
from link_store.records import NewSampleLink, ProjectLinkRecord
from link_store.store import LinkStore

SERVER = os.environ.get("OMNIBIS_TEST_POSTGRESQL", "")


@pytest.fixture(params=["sqlite", *(["postgresql"] if SERVER else [])])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'links.db'}"
        return
    name = f"links_{uuid.uuid4().hex}"
    server = make_url(SERVER).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    engine.dispose()


@pytest.fixture
async def database(url: str) -> AsyncIterator[LinkDatabase]:
    database = LinkDatabase(url)
    await database.migrate()
    yield database
    await database.dispose()


@pytest.fixture
def store(database: LinkDatabase) -> LinkStore:
    return LinkStore(database)


@pytest.fixture
async def project(store: LinkStore) -> ProjectLinkRecord:
    return await store.link_project("P-1", 7, author="steward")


Attack = Callable[..., Awaitable[None]]
Samples = Callable[[int], list[NewSampleLink]]


@pytest.fixture
def attack(database: LinkDatabase) -> Attack:
    """Run SQL behind the store's back."""

    async def run(*statements: str) -> None:
        async with database.write() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    return run


@pytest.fixture
def samples() -> Samples:
    """Make so many new links of samples S-1… to datasets 1001…, all in project P-1."""

    def make(number: int) -> list[NewSampleLink]:
        return [NewSampleLink(f"S-{i}", "P-1", 1000 + i) for i in range(1, number + 1)]

    return make
