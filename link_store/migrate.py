"""Brings the link database's tables to the state this program needs, by running the migrations.

All of it is blocking and uses a connection of its own; `database.py` calls it from a thread when a
loop is running. The whole upgrade is one transaction that begins with the writers' lock, so that
several replicas may start at once: the first migrates, the others find it done.
"""

from __future__ import annotations

import threading
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.pool import NullPool

import migrations
from link_store import dialects
from link_store.errors import MigrationRequired

# Alembic keeps the running migration in a module variable: one at a time per process.
_ONE_AT_A_TIME = threading.Lock()


def configuration() -> Config:
    """Say where the migrations lie; there is no `alembic.ini`."""
    config = Config(output_buffer=StringIO())
    config.set_main_option("script_location", str(Path(migrations.__path__[0])).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """Name the newest migration that this program brings along."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    if revision is None:  # pragma: no cover - a wheel without its migrations
        raise MigrationRequired("this installation lacks its migrations: install omnibis again")
    return revision


def current(connection: Connection) -> str | None:
    """Name the newest migration that the database has seen, or `None` for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def run(url: URL, busy_timeout: float, *, target: str = "head", down: bool = False) -> None:
    """Upgrade (or downgrade) the database to a revision, in one transaction.

    Raises:
        MigrationRequired: when the database is newer than this program.
    """
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    dialects.prepare(engine, busy_timeout)
    config = configuration()
    writer = engine.execution_options(link_begin=dialects.Begin.WRITE)
    try:
        with _ONE_AT_A_TIME, writer.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if down else command.upgrade)(config, target)
    except CommandError:
        raise MigrationRequired(
            "the link database was written by a newer omnibis: run that version instead"
        ) from None
    finally:
        engine.dispose()


def sql(dialect: str) -> str:
    """Write out the whole upgrade as SQL for `sqlite` or `postgresql`, for an operator to read."""
    config = configuration()
    config.attributes["dialect_name"] = dialect
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head", sql=True)
    buffer = config.output_buffer
    return buffer.getvalue() if isinstance(buffer, StringIO) else ""
