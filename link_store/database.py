"""The engine of the link database: connections, transactions and migrations, but no statements.

`LinkDatabase` is made once by the composition root and handed to `LinkStore`. A URL without a file
gets a temporary one, removed by `dispose`: it behaves as any other, with many readers beside one
writer, and outlives a cancelled query. What the driver raises is turned into `link_store/errors.py`
here, so that neither SQL nor an address leaves the package.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from link_store import dialects, migrate
from link_store.dialects import Begin
from link_store.errors import MigrationRequired, StoreUnavailable

_MIGRATE = "the link database's tables are not those of this version: run `omnibis migrate`"
_UNAVAILABLE = "the link database cannot be used at the moment: try again, or ask the operator"


class LinkDatabase:
    """The link database behind one URL."""

    def __init__(
        self, url: str, *, busy_timeout: float = 5.0, pool_size: int = 5, patience: float = 30.0
    ) -> None:
        """Prepare an engine; nothing is opened before the first use.

        Args:
            url: `sqlite:///file`, `sqlite://` for a temporary one, or `postgresql://…`.
            busy_timeout: Seconds to wait for another writer.
            pool_size: Connections kept open.
            patience: Seconds to wait for a free connection: about as long as a request has, since
                many requests at once are no reason to call the database unavailable.

        Raises:
            StoreUnavailable: when the URL is of another kind or its driver is not installed.
        """
        self._url, self._blocking_url = dialects.urls(url)
        self._busy_timeout = busy_timeout
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if dialects.in_memory(self._url):
            self._folder = tempfile.TemporaryDirectory(prefix="omnibis-links-")
            path = str(Path(self._folder.name) / "links.db")
            self._url = self._url.set(database=path)
            self._blocking_url = self._blocking_url.set(database=path)
        try:
            self._engine = create_async_engine(
                self._url,
                pool_size=pool_size,
                max_overflow=pool_size,
                pool_timeout=patience,
                hide_parameters=True,
            )
        except ModuleNotFoundError:
            raise StoreUnavailable(
                "this installation has no driver for that database: install omnibis[postgresql]"
            ) from None
        dialects.prepare(self._engine.sync_engine, busy_timeout)
        self._views = {
            begin: self._engine.execution_options(**dialects.options(begin, self.dialect))
            for begin in Begin
        }

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def engine_url(self) -> SecretStr:
        """Where the workflows' engine keeps its own tables: a file beside this one, or in here."""
        url = self._blocking_url
        if self.dialect == "sqlite":
            path = Path(url.database or "")
            url = url.set(
                drivername="sqlite", database=str(path.with_name(f"{path.stem}-workflows.sqlite"))
            )
        else:
            url = url.set(drivername="postgresql")
        return SecretStr(url.render_as_string(hide_password=False))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for one reading statement."""
        async with self._connection(Begin.READ) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection whose reading statements all see the same state."""
        async with self._connection(Begin.SNAPSHOT) as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, aside: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a connection that holds the writers' lock; commits unless something is raised.

        What concerns no link is written `aside`: PostgreSQL lets the links be changed meanwhile,
        SQLite has one writer at a time anyway. A refused constraint passes as SQLAlchemy's
        `IntegrityError`: only the store knows what it means for its caller.
        """
        async with self._connection(Begin.WRITE_ASIDE if aside else Begin.WRITE) as connection:
            yield connection

    async def migrate(self) -> None:
        """Bring the tables to the newest revision; safe to call by several replicas at once."""
        await asyncio.to_thread(self.migrate_now)

    def migrate_now(self) -> None:
        """As `migrate`, for callers without a loop, such as the command line."""
        try:
            migrate.run(self._blocking_url, self._busy_timeout)
        except SQLAlchemyError:
            raise StoreUnavailable(_UNAVAILABLE) from None

    async def current_revision(self) -> str | None:
        """Name the newest migration that the database has seen, or `None` for an empty one."""
        async with self.read() as connection:
            return await connection.run_sync(migrate.current)

    async def is_current(self) -> bool:
        """Tell whether the tables are those of this program; for readiness."""
        return await self.current_revision() == migrate.head()

    async def require_current(self) -> None:
        """Refuse to go on with other tables.

        Raises:
            MigrationRequired: when the tables are older or newer than this program.
        """
        if not await self.is_current():
            raise MigrationRequired(_MIGRATE)

    async def dispose(self) -> None:
        """Close all connections, and remove the file if it was a temporary one."""
        await self._engine.dispose()
        if self._folder is not None:
            await asyncio.to_thread(self._folder.cleanup)

    @asynccontextmanager
    async def _connection(self, begin: Begin) -> AsyncIterator[AsyncConnection]:
        view = self._views[begin]
        try:
            writes = begin in (Begin.WRITE, Begin.WRITE_ASIDE)
            async with view.begin() if writes else view.connect() as connection:
                yield connection
        except IntegrityError:
            raise
        except DBAPIError as error:
            if dialects.lacks_tables(error):
                raise MigrationRequired(_MIGRATE) from None
            raise StoreUnavailable(_UNAVAILABLE) from None
        except SQLAlchemyError:
            raise StoreUnavailable(_UNAVAILABLE) from None
