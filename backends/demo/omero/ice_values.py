"""Between plain values and OMERO's RTypes, both ways, as the server's `IceMapper` does.

Query parameters come as RTypes and become what the embedded store binds; the cells of a projection
become the RTypes that their HQL types have (a count is an rlong, a size an rint, a time an rtime).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import omero
from omero import rtypes

from backends.demo.omero.hql_sql import Column
from backends.demo.omero.ice_errors import misused
from backends.omero.transport import RInt, RTime

# HQL types → how a value of it is wrapped.
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "bool": rtypes.rbool,
    "int": rtypes.rint,
    "long": rtypes.rlong,
    "double": rtypes.rdouble,
    "string": rtypes.rstring,
    "unit": rtypes.rstring,
    "time": rtypes.rtime,
    "class": rtypes.rclass,
}


@dataclass(frozen=True, slots=True)
class QueryParameters:
    """What an `omero.sys.Parameters` says: named values, and its filter as plain values."""

    values: dict[str, object]
    offset: int | None = None
    limit: int | None = None
    owner: int | None = None
    group: int | None = None
    is_unique: bool = False


def plain(value: Any) -> Any:  # noqa: PLR0911 - one table
    """Turn an RType into what the store binds; a list becomes a list.

    Raises:
        omero.ApiUsageException: it is of a kind that no parameter has.
    """
    if value is None:
        return None
    if isinstance(value, omero.RList | omero.RArray | omero.RSet):
        return [plain(one) for one in value.val or ()]
    if isinstance(value, omero.RTime):
        return RTime(value.val)
    if isinstance(value, omero.RInt):
        return RInt(value.val)
    if isinstance(value, omero.RObject):
        return None if value.val is None else plain(value.val.id)
    if isinstance(value, omero.RMap):
        return {name: plain(one) for name, one in (value.val or {}).items()}
    if isinstance(value, omero.RType) and hasattr(value, "val"):
        return value.val
    raise misused(f"a query parameter cannot be a {type(value).__name__}")


def query_parameters(params: Any) -> QueryParameters:
    """Read an `omero.sys.Parameters`, which may be null in all its parts."""
    if params is None:
        return QueryParameters({})
    values = {name: plain(value) for name, value in (params.map or {}).items()}
    given = params.theFilter
    if given is None:
        return QueryParameters(values)
    return QueryParameters(
        values,
        plain(given.offset),
        plain(given.limit),
        plain(given.ownerId),
        plain(given.groupId),
        bool(plain(given.unique)),
    )


def wrapped_rows(
    columns: tuple[Column, ...], shape: str | None, rows: list[list[object]]
) -> list[list[Any]]:
    """Wrap the rows of a projection; whole objects in them are RObjects already."""
    wrappers = [_wrapper(column) for column in columns]
    if shape == "map":
        names = [str(column.name) for column in columns]
        return [
            [rtypes.rmap({name: wrap(row[0][name]) for name, wrap in pairs})]  # type: ignore[index] # a map
            for row in rows
            for pairs in (list(zip(names, wrappers, strict=True)),)
        ]
    if shape == "list":
        rows = [row[0] for row in rows]  # type: ignore[misc] # a list
        return [
            [rtypes.rlist([wrap(value) for wrap, value in zip(wrappers, row, strict=True)])]
            for row in rows
        ]
    return [[wrap(value) for wrap, value in zip(wrappers, row, strict=True)] for row in rows]


def wrapped(value: object) -> Any:
    """Wrap a value by its Python type, where no HQL type is known."""
    if value is None or isinstance(value, omero.RType):
        return value
    if isinstance(value, Mapping):
        return rtypes.rmap({name: wrapped(one) for name, one in value.items()})
    if isinstance(value, list | tuple):
        return rtypes.rlist([wrapped(one) for one in value])
    for kind, name in ((bool, "bool"), (int, "long"), (float, "double"), (str, "string")):
        if isinstance(value, kind):
            return WRAPPERS[name](value)
    raise misused(f"a projection cannot return a {type(value).__name__}")


def _wrapper(column: Column) -> Callable[[Any], Any]:
    wrap = WRAPPERS.get(column.type)
    if wrap is None:
        return wrapped

    def guarded(value: Any) -> Any:
        return None if value is None else wrap(value)

    return guarded
