"""A migrated database per test, on SQLite and on PostgreSQL, and what the tests do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text

from link_store.database import LinkDatabase
from link_store.records import NewSampleLink, ProjectLinkRecord
from link_store.store import LinkStore


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[LinkDatabase]:
    database = LinkDatabase(database_url)
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
