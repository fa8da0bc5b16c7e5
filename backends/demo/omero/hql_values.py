"""What HQL expressions are worth in SQL: typed values, and what is known of parameters.

Shared by the path, expression and statement translators. PostgreSQL refuses to compare a text with
a number or a time with a plain integer, and so does this store: `unify` holds operands together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.model import Entity

NOWHERE: frozenset[str] = frozenset()
CATEGORIES = {
    "int": "number",
    "long": "number",
    "double": "number",
    "entity": "number",
    "string": "text",
    "unit": "unit",
    "time": "time",
    "bool": "boolean",
    "class": "class",
    "quantity": "quantity",
}


@dataclass(frozen=True, slots=True)
class Value:
    """An expression in SQL.

    `type` is a scalar type of the model, or entity, class, unit, quantity, permissions, condition,
    parameter, null or any. `columns` are those that stand outside aggregates (`t1.id`).
    """

    sql: str
    type: str
    columns: frozenset[str] = NOWHERE
    entity: Entity | None = None
    parameter: str | None = None
    position: str | None = None  # for index(alias)
    unit: str | None = None  # for a whole quantity
    literal: str | None = None

    @property
    def category(self) -> str | None:
        """What it can be compared with; None is everything."""
        return CATEGORIES.get(self.type)


@dataclass(slots=True)
class ParameterUse:
    """How a named parameter is used: as what, how often, and whether a list may be given."""

    categories: set[str] = field(default_factory=set)
    occurrences: int = 0
    as_list: bool = False
    as_scalar: bool = False


def bound(name: str) -> str:
    """Name a caller's parameter in SQL, apart from the store's own, which start with `_`."""
    return f":p_{name}"


def unify(left: Value, right: Value, uses: dict[str, ParameterUse], place: str) -> None:
    """Check that two operands can be compared, and note what parameters have to be.

    Raises:
        StoreQueryError: PostgreSQL would find no operator for these types.
    """
    for one, other in ((left, right), (right, left)):
        if one.parameter is not None and other.category is not None:
            uses[one.parameter].categories.add(other.category)
    categories = {left.category, right.category} - {None}
    if len(categories) <= 1 or (categories == {"unit", "text"}):
        return
    raise StoreQueryError(
        f"Illegal query: {place} compares {left.type} with {right.type}"
        + (" (give a time as RTime)" if "time" in categories else "")
    )


def table_of(column: str) -> str:
    """Return the SQL alias of a qualified column."""
    return column.partition(".")[0]


def qualified(sql: str) -> bool:
    """Say whether some SQL is just one column."""
    return re.fullmatch(r't\d+\."?\w+"?', sql) is not None
