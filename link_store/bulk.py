"""Insertion of many rows by few statements, for the writes of links, imports and frozen cohorts.

The rows travel as one JSON parameter per statement (`dialects.given`), so that neither driver has
to send them one by one. Runs inside the transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, Table, bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from link_store import dialects

ROWS_PER_STATEMENT = 10_000


async def insert_rows(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    fixed: Mapping[str, Any] | None = None,
) -> None:
    """Insert rows in their order.

    Args:
        connection: In a writing transaction.
        table: Where to.
        columns: What each row consists of.
        rows: The values; times with their zone.
        fixed: What is the same in all rows.
    """
    dialect = connection.dialect.name
    named = {f"fixed_{name}": value for name, value in (fixed or {}).items()}
    statement = _statement(table, tuple(columns), tuple(fixed or ()), dialect)
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        some = rows[start : start + ROWS_PER_STATEMENT]
        await connection.execute(statement, {"rows": dialects.rows_value(some, dialect), **named})


@lru_cache(maxsize=64)
def _statement(
    table: Table, columns: tuple[str, ...], fixed: tuple[str, ...], dialect: str
) -> Insert:
    rows = dialects.given({name: table.c[name].type for name in columns}, dialect)
    values = [rows.c[name] for name in columns]
    values += [bindparam(f"fixed_{name}", type_=table.c[name].type) for name in fixed]
    return insert(table).from_select(
        [*columns, *fixed], select(*values).order_by(rows.c.place), include_defaults=False
    )
