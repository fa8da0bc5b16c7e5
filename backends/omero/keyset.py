"""Keyset pages: order, the condition "beyond this key", and rows cut to a page.

The sort value of every row is its last column, its id the first; the pair is the row's key. The id
breaks ties in the direction of the sort. Images without acquisition date come last whatever the
direction. A time has milliseconds on the wire but may have more digits in the database, so a key's
time stands for its whole millisecond: a page never returns its own key again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from backends.errors import InvalidRequest, Source
from backends.filters import Key, Page, PageRequest
from backends.omero.conditions import Clause, Parameters
from backends.omero.queries import Projection
from backends.omero.transport import RTime

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SortColumn:
    """What a sort field means in HQL; `values` is the type of its keys."""

    expression: str
    values: type[int | str]
    is_time: bool = False
    nullable: bool = False


IMAGE_SORTS: Mapping[str, SortColumn] = {
    "id": SortColumn("i.id", int),
    "name": SortColumn("lower(i.name)", str),
    "acquired": SortColumn("i.acquisitionDate", int, is_time=True, nullable=True),
    "imported": SortColumn("ce.time", int, is_time=True),
}
CONTAINER_SORTS: Mapping[str, SortColumn] = {
    "id": SortColumn("c.id", int),
    "name": SortColumn("lower(c.name)", str),
    "imported": SortColumn("ce.time", int, is_time=True),
}


@dataclass(frozen=True, slots=True)
class Keyset:
    """A page request on one kind of row, whose id stands at `path`."""

    page: PageRequest
    column: SortColumn
    path: str

    @staticmethod
    def of(page: PageRequest, sorts: Mapping[str, SortColumn], path: str) -> Keyset:
        """Look up the sort field.

        Raises:
            InvalidRequest: these rows cannot be sorted by it.
        """
        column = sorts.get(page.sort.field)
        if column is None:
            raise InvalidRequest(
                Source.OMERO, f"Cannot sort by that; use one of {', '.join(sorts)}."
            )
        if page.limit < 0:
            raise InvalidRequest(Source.OMERO, "A page has no negative size; ask for 0 or more.")
        return Keyset(page, column, path)

    def apply(self, projection: Projection, parameters: Parameters) -> Projection:
        """The projection in the order of travel, beyond the key, its sort value as last column."""
        return (
            projection.filter(self.beyond(parameters))
            .sort(*self.order())
            .select(self.column.expression)
        )

    def order(self) -> tuple[str, ...]:
        """The terms of the order, in the direction of travel."""
        page, column = self.page, self.column
        direction = "desc" if page.sort.descending != page.backward else "asc"
        by_id = f"{self.path} {direction}"
        if column.expression == self.path:
            return (by_id,)
        by_value = f"{column.expression} {direction}"
        if not column.nullable:
            return by_value, by_id
        # Databases disagree on where nulls go; this says it.
        missing = f"case when {column.expression} is null then 1 else 0 end"
        return f"{missing} {'desc' if page.backward else 'asc'}", by_value, by_id

    def beyond(self, parameters: Parameters) -> Clause:
        """The rows strictly beyond the page's key in the direction of travel.

        Raises:
            InvalidRequest: the key is not one of this sort.
        """
        page, column = self.page, self.column
        if page.key is None:
            return True
        value, number = _checked(page.key, column)
        sign = "<" if page.sort.descending != page.backward else ">"
        by_id = f"{self.path} {sign} {parameters.bind(number)}"
        if column.expression == self.path:
            return by_id
        at = column.expression
        if value is None:
            within_missing = f"({at} is null and {by_id})"
            return f"({at} is not null or {within_missing})" if page.backward else within_missing
        if column.is_time:
            start = parameters.bind(RTime(int(value)))
            end = parameters.bind(RTime(int(value) + 1))
            past = f"{at} >= {end}" if sign == ">" else f"{at} < {start}"
            same = f"({at} >= {start} and {at} < {end} and {by_id})"
        else:
            bound = parameters.bind(value)
            past, same = f"{at} {sign} {bound}", f"({at} = {bound} and {by_id})"
        rest = f" or {at} is null" if column.nullable and not page.backward else ""
        return f"({past} or {same}{rest})"

    def cut(
        self, rows: Sequence[Sequence[Any]], decode: Callable[[Sequence[Any]], T], total: int | None
    ) -> Page[T]:
        """The page from rows in the order of travel, of which one too many tells of more."""
        page = self.page
        kept = list(rows[: page.limit])
        if page.backward:
            kept.reverse()
        return Page(
            items=tuple([decode(row) for row in kept]),
            keys=tuple([(row[-1], row[0]) for row in kept]),
            has_more=len(rows) > page.limit,
            total=total if page.count else None,
        )


def empty(page: PageRequest) -> Page[Any]:
    """A page of nothing."""
    return Page(items=(), keys=(), has_more=False, total=0 if page.count else None)


def _checked(key: Key, column: SortColumn) -> tuple[str | int | None, int]:
    if len(key) == 2:  # noqa: PLR2004 - the pair that a key is
        value, number = key
        if type(number) is int and (
            type(value) is column.values or (value is None and column.nullable)
        ):
            return value, number
    raise InvalidRequest(Source.OMERO, "The cursor belongs to another order; start without one.")
