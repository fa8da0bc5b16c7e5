"""HQL parameters and results through the classes that omero-py generates.

The slow way that can read whatever a server may send: taken when `raw.py` meets something that it
does not know. Both give the same values, which a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import omero
import omero.rtypes as wire
from omero.sys import Filter, Parameters

from backends.omero.transport import HqlValue, RInt, RTime


def parameters(
    params: Mapping[str, HqlValue], offset: int | None = None, limit: int | None = None
) -> Any:
    """The parameters of a query, with its page."""
    made = Parameters()
    made.map = {name: wrap(value) for name, value in params.items()}
    if offset is not None or limit is not None:
        made.theFilter = Filter()
        made.theFilter.offset = None if offset is None else wire.rint(offset)
        made.theFilter.limit = None if limit is None else wire.rint(limit)
    return made


def wrap(value: HqlValue | None) -> Any:
    """A plain value as OMERO's type for it."""
    kinds: tuple[tuple[type, Any], ...] = (
        (str, wire.rstring),
        (bool, wire.rbool),
        (RInt, wire.rint),
        (RTime, wire.rtime),
        (int, wire.rlong),
        (float, wire.rdouble),
    )
    if value is None:
        return None
    for kind, make in kinds:
        if isinstance(value, kind):
            return make(value)
    if isinstance(value, (list, tuple)):
        return wire.rlist([wrap(each) for each in value])
    raise TypeError(f"no value of OMERO can be a {type(value).__name__}")


def plain_rows(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """The rows of a projection as plain values."""
    return [[plain(cell) for cell in row] for row in rows]


def plain(cell: Any) -> Any:
    """One cell as a plain value; a whole entity as its id, which is all that queries may use."""
    if cell is None:
        return None
    if isinstance(cell, omero.RObject):
        return None if cell.val is None else cell.val.id.val
    if isinstance(cell, omero.RMap):
        return {name: plain(value) for name, value in (cell.val or {}).items()}
    if isinstance(cell, omero.RCollection):
        return [plain(each) for each in cell.val or ()]
    return cell.val
