"""Tables in memory with indexes over their rows' relations.

A table tells its `note` of every change before it happens; what becomes of that is the catalog's
business. Which tables there are, and what they are indexed by, stands in `catalog.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

Row = TypeVar("Row")

_NONE: dict[str, None] = {}


class Index(Generic[Row]):
    """From a value to the keys of the rows that have it, in order of insertion."""

    def __init__(self, values: Callable[[Row], Iterable[str | None]]) -> None:
        self._values = values
        self._keys: dict[str, dict[str, None]] = {}
        self._indexed: dict[str, tuple[str, ...]] = {}

    def put(self, key: str, row: Row) -> None:
        """Index a row anew."""
        self.drop(key)
        values = tuple(value for value in self._values(row) if value is not None)
        self._indexed[key] = values
        for value in values:
            self._keys.setdefault(value, {})[key] = None

    def drop(self, key: str) -> None:
        """Forget a row."""
        for value in self._indexed.pop(key, ()):
            self._keys.get(value, {}).pop(key, None)

    def keys(self, value: str) -> Collection[str]:
        """The keys of the rows with this value."""
        return self._keys.get(value, _NONE)


class Table(Generic[Row]):
    """The rows of one kind by key."""

    def __init__(self, key: Callable[[Row], str], **indexes: Index[Row]) -> None:
        self.key = key
        self._indexes = indexes
        self.rows: dict[str, Row] = {}
        self.note: Callable[[str, Row | None], None] | None = None

    def put(self, row: Row) -> None:
        """Insert a row, or put it in the place of the one with its key."""
        key = self.key(row)
        if self.note is not None:
            self.note(key, self.rows.get(key))
        self.rows[key] = row
        self.index(key)

    def drop(self, key: str) -> None:
        """Remove a row."""
        if self.note is not None:
            self.note(key, self.rows[key])
        del self.rows[key]
        self.index(key)

    def index(self, key: str) -> None:
        """Index the row with this key anew, or forget it when there is none."""
        row = self.rows.get(key)
        for index in self._indexes.values():
            if row is None:
                index.drop(key)
            else:
                index.put(key, row)

    def has_index(self, index: str) -> bool:
        """Whether rows can be found by this value."""
        return index in self._indexes

    def by(self, index: str, value: str) -> Collection[str]:
        """The keys of the rows that an index has under a value."""
        return self._indexes[index].keys(value)

    def by_any(self, index: str, values: Iterable[str]) -> set[str]:
        """The keys of the rows that an index has under any of the values."""
        found: set[str] = set()
        for value in values:
            found.update(self._indexes[index].keys(value))
        return found
