"""From SQLite rows to what an OMERO projection returns: plain values, maps, quantities, rights.

Called by `store.py` after a statement has run. Times stay epoch milliseconds and units their
OME names, as the adapter's transport promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_sql import Column, Statement
from backends.demo.omero.model import omero_model
from backends.demo.omero.rights import Group, Member, permissions_of


def read_rows(
    statement: Statement,
    rows: Sequence[Sequence[Any]],
    member: Member,
    groups: Mapping[int, Group],
    whole: Callable[[str, int], object] | None = None,
) -> list[list[object]]:
    """Turn the rows of a statement into those of a projection.

    Args:
        statement: what the rows were selected by.
        rows: as SQLite returned them.
        member: who asked, for the rights on a row.
        groups: all groups.
        whole: turns entity and id into what stands for a whole object; without, there are none.

    Raises:
        StoreQueryError: the statement selects whole objects, and nothing stands for them.
    """
    for column in statement.columns:
        if column.kind == "entity" and whole is None:
            raise StoreQueryError(
                f"a projection cannot return whole {column.entity} objects: name their properties"
            )
    if statement.is_plain:
        return list(map(list, rows))
    result: list[list[object]] = []
    for row in rows:
        values: list[object] = []
        place = 0
        for column in statement.columns:
            part = row[place : place + column.width]
            if column.kind == "entity" and whole is not None and part[0] is not None:
                values.append(whole(str(column.entity), part[0]))
            else:
                values.append(_read(column, part, member, groups))
            place += column.width
        if statement.shape == "map":
            names = [str(column.name) for column in statement.columns]
            result.append([dict(zip(names, values, strict=True))])
        else:
            result.append([values] if statement.shape == "list" else values)
    return result


def _read(
    column: Column, part: Sequence[Any], member: Member, groups: Mapping[int, Group]
) -> object:
    value = part[0]
    if value is None or column.kind in ("plain", "entity"):
        return value
    if column.kind == "bool":
        return bool(value)
    if column.kind == "class":
        return f"{omero_model().entities[value].package}.{value}"
    if column.kind == "permissions":
        return permissions_of(member, part[1], groups.get(part[2]))
    unit = part[1]
    return {"value": value, "unit": unit, "symbol": omero_model().symbols.get(unit, unit)}
