"""Opening, migrating, failing and closing: files, temporary databases, replicas."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from link_store import dialects, migrate
from link_store.database import LinkDatabase
from link_store.errors import LinkStoreError, MigrationRequired, StoreUnavailable
from link_store.records import NewSampleLink
from link_store.store import LinkStore


async def test_a_new_database_is_empty_until_migrated(empty_database_url: str) -> None:
    database = LinkDatabase(empty_database_url)
    assert await database.current_revision() is None
    assert not await database.is_current()
    with pytest.raises(MigrationRequired, match="omnibis migrate"):
        await database.require_current()
    with pytest.raises(MigrationRequired, match="omnibis migrate"):
        await LinkStore(database).project_links(["P-1"])
    with pytest.raises(MigrationRequired, match="omnibis migrate"):
        await LinkStore(database).link_project("P-1", 7, author="a")
    await database.migrate()
    assert await database.current_revision() == migrate.head()
    assert await database.is_current()
    await database.require_current()
    await database.dispose()


async def test_migrating_again_changes_nothing(database: LinkDatabase) -> None:
    made = await LinkStore(database).link_project("P-1", 7, author="a")
    await database.migrate()
    assert await LinkStore(database).project_links(["P-1"]) == {"P-1": made}


async def test_migrating_at_once_in_one_process(empty_database_url: str) -> None:
    databases = [LinkDatabase(empty_database_url) for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in databases))
    for database in databases:
        assert await database.is_current()
        await database.dispose()


async def test_migrating_without_awaiting_inside_a_running_loop(empty_database_url: str) -> None:
    database = LinkDatabase(empty_database_url)
    database.migrate_now()
    assert await database.is_current()
    await database.dispose()


def test_migrating_without_a_loop(empty_database_url: str) -> None:
    database = LinkDatabase(empty_database_url)
    database.migrate_now()
    assert asyncio.run(checked(database))


async def checked(database: LinkDatabase) -> bool:
    current = await database.is_current()
    await database.dispose()
    return current


MIGRATE = (
    "import sys; from link_store.database import LinkDatabase;"
    "LinkDatabase(sys.argv[1]).migrate_now()"
)


async def test_replicas_may_migrate_at_once(empty_database_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", MIGRATE, empty_database_url
        )
        for _ in range(3)
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0]
    database = LinkDatabase(empty_database_url)
    assert await checked(database)


async def test_a_newer_database_is_refused(database: LinkDatabase) -> None:
    async with database.write() as connection:
        await connection.execute(text("update alembic_version set version_num = '9999'"))
    assert not await database.is_current()
    with pytest.raises(MigrationRequired, match="newer omnibis"):
        await database.migrate()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite://"])
async def test_a_temporary_database_lives_until_disposed(url: str) -> None:
    database = LinkDatabase(url)
    await database.migrate()
    store = LinkStore(database)
    await store.link_project("P-1", 7, author="a")
    await asyncio.gather(*(store.project_links(["P-1"]) for _ in range(20)))
    file = database._blocking_url.database or ""
    assert await asyncio.to_thread(exists, file)
    await database.dispose()
    assert not await asyncio.to_thread(exists, file)


def exists(file: str) -> bool:
    return Path(file).exists()


async def test_each_connection_is_set_up(tmp_path: Path) -> None:
    database = LinkDatabase(f"sqlite:///{tmp_path / 'links.db'}", busy_timeout=1.5)
    async with database.read() as first, database.read() as second:
        for connection in (first, second):
            settings = [
                (await connection.exec_driver_sql(f"pragma {name}")).scalar_one()
                for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
            ]
            assert settings == ["wal", 1, 1500, 1]
    await database.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:secret@host/db",
        "nonsense",
        "",
        "sqlite:////no/such/folder/links.db",
        "postgresql://user:secret@127.0.0.1:1/db",
    ],
)
async def test_an_unusable_database_says_so_without_its_address(url: str) -> None:
    async def use() -> None:
        database = LinkDatabase(url, busy_timeout=0.2)
        try:
            await database.current_revision()
        finally:
            await database.dispose()

    with pytest.raises(StoreUnavailable) as caught:
        await use()
    assert caught.value.retryable
    for secret in ("secret", "user:", "127.0.0.1", "no/such", "mysql"):
        assert secret not in str(caught.value)


async def test_migrating_what_cannot_be_opened_says_so() -> None:
    database = LinkDatabase("sqlite:////no/such/folder/links.db")
    with pytest.raises(StoreUnavailable, match="cannot be used at the moment"):
        await database.migrate()
    await database.dispose()


async def test_a_locked_database_is_unavailable_for_writing_but_can_be_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "links.db"
    database = LinkDatabase(f"sqlite:///{path}", busy_timeout=0.1)
    await database.migrate()
    store = LinkStore(database)
    await store.link_project("P-1", 7, author="a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreUnavailable) as caught:
        await store.link_project("P-2", 8, author="a")
    assert caught.value.retryable
    assert set(await store.project_links(["P-1", "P-2"])) == {"P-1"}
    other.execute("rollback")
    other.close()
    await store.link_project("P-2", 8, author="a")
    await database.dispose()


async def test_a_broken_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "links.db"
    path.write_bytes(b"this is no database, however long one may look at it" * 100)
    database = LinkDatabase(f"sqlite:///{path}")
    with pytest.raises(StoreUnavailable):
        await LinkStore(database).revision()
    await database.dispose()


async def test_more_callers_than_connections_wait_their_turn(tmp_path: Path) -> None:
    database = LinkDatabase(f"sqlite:///{tmp_path / 'links.db'}", pool_size=1)
    await database.migrate()
    store = LinkStore(database)
    await store.link_project("P-1", 7, author="a")
    answers = await asyncio.gather(*(store.project_links(["P-1"]) for _ in range(50)))
    assert {len(answer) for answer in answers} == {1}
    await database.dispose()


async def test_a_cancelled_write_leaves_nothing_and_the_store_goes_on(
    store: LinkStore,
) -> None:
    await store.link_project("P-1", 7, author="a")
    links = [NewSampleLink(f"S-{i}", "P-1", i) for i in range(1, 5000)]
    begun = asyncio.Event()
    task = asyncio.create_task(cancelled(store, links, begun))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.sample_links_of_omero(range(1, 5000)) == {}
    assert len(await store.link_samples(links, author="a")) == len(links)
    gc.collect()  # a connection left open would warn here


async def cancelled(store: LinkStore, links: list[NewSampleLink], begun: asyncio.Event) -> None:
    async with store.database.write() as connection:
        await connection.execute(text("select 1"))
        begun.set()
        await asyncio.Event().wait()
    await store.link_samples(links, author="a")


async def test_whatever_is_raised_inside_a_write_undoes_it(store: LinkStore) -> None:
    with pytest.raises(ZeroDivisionError):
        await failed(store)
    async with store.database.read() as connection:
        count = await connection.execute(text("select count(*) from cohort_snapshot"))
        assert count.scalar_one() == 0


async def failed(store: LinkStore) -> None:
    async with store.database.write() as connection:
        await connection.execute(
            text(
                "insert into cohort_snapshot (openbis_instance, omero_instance, name, description,"
                " unit, predicate, completeness, backend_versions, link_revision, member_count,"
                " digest, author, created_at) values ('openbis', 'omero', 'n', '', 'SAMPLE', '{}',"
                " '{}', '{}', 0, 0, :digest, 'a', '2026-01-01 00:00:00')"
            ),
            {"digest": "a" * 64},
        )
        raise ZeroDivisionError


def test_the_tree_of_errors_is_the_one_in_its_docstring() -> None:
    names = {kind.__name__ for kind in LinkStoreError.__subclasses__()}
    assert names == {
        "InvalidLink",
        "LinkNotFound",
        "LinkConflict",
        "StaleRevision",
        "InvalidSnapshot",
        "SnapshotNotFound",
        "ClaimTaken",
        "LostOperation",
        "StoreUnavailable",
        "MigrationRequired",
    }
    document = sys.modules[LinkStoreError.__module__].__doc__ or ""
    assert all(name in document for name in names)


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """SQLite itself does not wait for others while it turns to write-ahead logging."""
    opened = threading.Barrier(8)

    def open_(path: Path) -> str:
        engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
        dialects.prepare(engine, 5.0)
        opened.wait()
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())

    with ThreadPoolExecutor(8) as threads:
        for number in range(20):
            path = tmp_path / f"{number}.sqlite"
            assert set(threads.map(open_, [path] * 8)) == {"wal"}
