"""The few places where SQLite and PostgreSQL differ, side by side.

How a transaction begins, how thousands of ids travel in one statement, how a connection is set up,
and how the name of a violated rule is read from the driver's error. `database.py` and `store.py`
call this; nothing else may ask for the dialect (the migrations, which are frozen, do it by
themselves).
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    String,
    Subquery,
    Table,
    any_,
    bindparam,
    cast,
    column,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from link_store.errors import StoreUnavailable
from link_store.models import BigId

LINK_WRITERS = 7236837419  # the advisory lock that the migrations' trigger takes, too


class Begin(StrEnum):
    """How a transaction begins.

    For one reading statement, for several that see one state, for writing in turn with all other
    writers of links, or for writing what concerns no link.
    """

    READ = "READ"
    SNAPSHOT = "SNAPSHOT"
    WRITE = "WRITE"
    WRITE_ASIDE = "WRITE_ASIDE"


# A writer on SQLite takes the lock at once, for a reader that turns writer cannot wait for it.
_BEGIN: dict[str, dict[str, str]] = {
    "sqlite": {
        Begin.SNAPSHOT: "BEGIN",
        Begin.WRITE: "BEGIN IMMEDIATE",
        Begin.WRITE_ASIDE: "BEGIN IMMEDIATE",
    },
    "postgresql": {
        Begin.SNAPSHOT: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Begin.WRITE: f"SELECT pg_advisory_xact_lock({LINK_WRITERS})",
    },
}
_DRIVERS = {
    "sqlite": ("sqlite+aiosqlite", "sqlite+pysqlite"),
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
    "postgres": ("postgresql+psycopg", "postgresql+psycopg"),
}
# SQLite names the columns of a violated index, not the index.
_SQLITE_UNIQUE = {
    f"{table}.{instance}, {table}.{column}": f"uq_{table}_live_{end}"
    for table in ("project_link", "sample_link")
    for end, instance, column in (
        ("openbis", "openbis_instance", "openbis_perm_id"),
        ("omero", "omero_instance", "omero_id"),
    )
}


def urls(text: str) -> tuple[URL, URL]:
    """Read a database URL; the first of the pair is for the async engine, the second for the sync.

    Raises:
        StoreUnavailable: when it is neither of SQLite nor of PostgreSQL.
    """
    wanted = "the link database is given as sqlite:///file or postgresql://user@host/name"
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreUnavailable(wanted) from None
    drivers = _DRIVERS.get(url.get_backend_name())
    if drivers is None:
        raise StoreUnavailable(wanted)
    return url.set(drivername=drivers[0]), url.set(drivername=drivers[1])


def in_memory(url: URL) -> bool:
    """Tell whether a SQLite URL names no file."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def prepare(engine: Engine, busy_timeout: float) -> None:
    """Set up each new connection, and let transactions begin as `Begin` says."""
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "do_connect")
        def can_be_opened(_dialect: Any, _record: Any, args: Any, named: Any) -> None:
            # aiosqlite's thread reports to the loop after a failure, and finds it closed at times
            sqlite3.connect(args[0], uri=named.get("uri", False)).close()

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # the driver begins nothing by itself
            cursor = connection.cursor()
            # the time to wait comes first: the next line may have to wait already
            cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
            _write_ahead(cursor, busy_timeout)
            cursor.execute("PRAGMA synchronous = NORMAL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()

    else:

        @event.listens_for(engine, "do_connect")
        def in_utc(_dialect: Any, _record: Any, _args: Any, named: Any) -> None:
            # all times come as UTC then, without being turned one by one
            named["options"] = f"{named.get('options', '')} -c timezone=UTC".strip()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        how = connection.get_execution_options().get("link_begin", Begin.READ)
        statement = _BEGIN[connection.dialect.name].get(how)
        if statement is not None:
            connection.exec_driver_sql(statement)


def _write_ahead(cursor: Any, busy_timeout: float) -> None:
    """Turn the file to write-ahead logging, once for good.

    SQLite does not wait for others while it turns a new file, as it does everywhere else: of
    several processes that start at once, all but one would be told that it is locked.
    """
    until = time.monotonic() + busy_timeout
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def options(begin: Begin, dialect: str) -> dict[str, Any]:
    """How SQLAlchemy shall treat a connection that begins so.

    A single reading statement needs no transaction around it, which for PostgreSQL would be two
    more ways to the server and back. SQLite's connections are like that by themselves, see above.
    """
    alone = begin is Begin.READ and dialect == "postgresql"
    return {"link_begin": begin, **({"isolation_level": "AUTOCOMMIT"} if alone else {})}


def among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Compare a column with the parameter `ids`, a whole set that travels as one value."""
    if dialect == "sqlite":
        values = func.json_each(bindparam("ids", type_=String())).table_valued("value")
        return column.in_(select(values.c.value))
    items: ARRAY[Any] = ARRAY(BigInteger() if isinstance(column.type, BigId) else String())
    return column == any_(bindparam("ids", type_=items))


def without_index(column: ColumnElement[str], dialect: str) -> ColumnElement[str]:
    """Compare a text column without its index.

    PostgreSQL knows how rare a value is and needs no advice, which would only spoil its guess.
    """
    return column.concat("") if dialect == "sqlite" else column


def ids_value(ids: Collection[str] | Collection[int], dialect: str) -> Any:
    """Pack the value of the parameter `ids` for `among`."""
    unique = list(dict.fromkeys(ids))
    return orjson.dumps(unique).decode() if dialect == "sqlite" else unique


def given(types: Mapping[str, TypeEngine[Any]], dialect: str) -> Subquery:
    """Read the parameter `rows`, a JSON array of arrays, as a table with the named columns.

    Rows so given are one value on the way, and one statement in the database: an insertion from
    them is several times as fast as one by one. The column `place` numbers them.
    """
    parameter = bindparam("rows", type_=String())
    if dialect == "sqlite":
        each = func.json_each(parameter).table_valued("key", "value")
        columns = [
            func.json_extract(each.c.value, f"$[{index}]").label(name)
            for index, name in enumerate(types)
        ]
        return select(each.c.key.label("place"), *columns).subquery("given")
    rows = func.jsonb_array_elements(cast(parameter, JSONB)).table_valued(
        column("value", JSONB), with_ordinality="place"
    )
    rows = rows.render_derived(name="rows")
    values = [
        cast(rows.c.value[index].astext, kind).label(name)
        for index, (name, kind) in enumerate(types.items())
    ]
    return select(rows.c.place, *values).subquery("given")


def rows_value(rows: Iterable[Sequence[Any]], dialect: str) -> str:
    """Pack the value of the parameter `rows` for `given`."""
    options = orjson.OPT_PASSTHROUGH_DATETIME
    write = _sqlite_time if dialect == "sqlite" else datetime.isoformat
    return orjson.dumps(list(rows), default=write, option=options).decode()


def _sqlite_time(moment: datetime) -> str:
    """Write a time as SQLAlchemy does in SQLite."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


async def count_on(connection: AsyncConnection, table: Table) -> None:
    """Let the table's own numbers go on behind the greatest that was given by hand.

    SQLite does by itself.
    """
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "id")
        greatest = select(func.max(table.c.id)).scalar_subquery()
        following = func.greatest(func.nextval(sequence), greatest)
        await connection.execute(select(func.setval(sequence, following)))


def violated(error: DBAPIError) -> str | None:
    """Name the constraint, index or trigger that refused a write, or `None` if none did."""
    diagnostics = getattr(error.orig, "diag", None)
    if diagnostics is not None:
        name: str | None = diagnostics.constraint_name
        return name
    message = str(error.orig)
    if message.startswith("UNIQUE constraint failed: "):
        columns = message.removeprefix("UNIQUE constraint failed: ")
        return _SQLITE_UNIQUE.get(columns, columns)
    if message.startswith("CHECK constraint failed: "):
        return message.removeprefix("CHECK constraint failed: ")
    if message.startswith("FOREIGN KEY constraint failed"):
        return "foreign_key"
    return message if re.fullmatch(r"[a-z]+(_[a-z]+)+", message) else None


def lacks_tables(error: DBAPIError) -> bool:
    """Tell whether a statement failed for a table or column that is not there."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in ("42P01", "42703")
    return str(error.orig).startswith(("no such table", "no such column"))
