"""What tests of all folders share: a house of their own, or one for a whole module; databases."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from backends.demo.study import build_world
from link_store.database import LinkDatabase
from tests.house import House, built_in, open_house
from tests.postgres import PostgresServer, programs, serve

ENGINES = ("sqlite", "postgresql")
# Nothing is timed in tests: a busy machine may take as long as it needs for an example.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def _nobody_changes_the_studies() -> Iterator[None]:
    yield
    assert not built_in.cache_info().currsize or built_in() == build_world()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house that a test may set on fire."""
    async with open_house() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_door() -> AsyncIterator[House]:
    """One house for all tests of a module, which must only ask."""
    async with open_house() as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL, for the whole run."""
    found = programs()
    if found is None:
        reason = "no PostgreSQL on this machine: install the package `postgresql`"
        if os.environ.get("OMNIBIS_TEST_POSTGRESQL") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with serve(found) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database in PostgreSQL."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'links.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "links.db"
    LinkDatabase(f"sqlite:///{path}").migrate_now()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a PostgreSQL database with all tables, to be copied."""
    name = postgres_server.create_database()
    LinkDatabase(postgres_server.url(name)).migrate_now()
    return name


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a link database with all tables and no links, once on each engine."""
    if request.param == "sqlite":
        path = tmp_path / "links.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.copy(request.getfixturevalue("postgres_template")) as url:
        yield url
