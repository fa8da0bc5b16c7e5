"""The rows of a reply that may come again, and with them what was made of them.

A transport returns a `Table` where it remembers its replies (`backends/readings.py`); all others
return plain lists, of which everything is made anew. Nobody changes the rows of a reply.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

MOST: Final = 4  # things that were made of the same rows, for other selections
T = TypeVar("T")
Rows = list[list[Any]]


class Table(Rows):
    """Rows that several requests may hold."""

    __slots__ = ("made",)

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[Hashable, tuple[tuple[object, ...], Any]] = {}


def made(rows: Rows, how: Hashable, make: Callable[[Rows], T], parts: tuple[object, ...] = ()) -> T:
    """Return what is made of rows; if they have come before, what was made of them then.

    Args:
        rows: of one reply.
        how: names `make`, and whatever it depends on.
        make: makes it; what it returns is never changed.
        parts: objects that it is made of besides; what was made with others is not taken.
    """
    if not isinstance(rows, Table):
        return make(rows)
    known = rows.made.get(how)
    if known is None or any(old is not new for old, new in zip(known[0], parts, strict=True)):
        if len(rows.made) >= MOST:
            rows.made.clear()
        known = rows.made[how] = (parts, make(rows))
    result: T = known[1]
    return result


def merged(
    chunks: Sequence[Rows],
    how: Hashable,
    make: Callable[[Rows], dict[int, T]],
    parts: tuple[object, ...] = (),
) -> Mapping[int, T]:
    """Return what is made of several replies, in one; see `made`.

    What two of them tell of one object is the same.
    """
    each = [made(rows, how, make, parts) for rows in chunks]
    if len(each) == 1:
        return each[0]
    together: dict[int, T] = {}
    for part in each:
        together.update(part)
    return together
