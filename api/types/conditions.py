"""The conditions that filters are made of: on texts, numbers, quantities, dates, properties.

Typed throughout, no JSON. Each input turns itself into the frozen predicate of
`backends/filters.py`; what cannot be meant is refused here with advice.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import strawberry

from api.types.quantity import LengthUnit
from backends.filters import (
    DateMatch,
    KeyValueMatch,
    NumberMatch,
    PropertyMatch,
    QuantityMatch,
    StringMatch,
)
from backends.records import Quantity
from resolvers.errors import BadInput

T = TypeVar("T")


@strawberry.input(description="A condition on a text; all that is set must hold.")
class StringCondition:
    """Becomes a `StringMatch`."""

    eq: str | None = strawberry.field(default=None, description="Equal, case-sensitive.")
    ne: str | None = strawberry.field(
        default=None, description="Not equal; an openBIS property must have a value."
    )
    in_: list[str] | None = strawberry.field(
        default=None, name="in", description="One of these, case-sensitive."
    )
    contains: str | None = strawberry.field(default=None, description="Contains, in any case.")
    starts_with: str | None = strawberry.field(
        default=None, description="Starts with, in any case."
    )
    exists: bool | None = strawberry.field(default=None, description="Has a value, or has none.")

    def to_match(self) -> StringMatch:
        """Return the predicate."""
        return StringMatch(
            eq=self.eq,
            ne=self.ne,
            one_of=None if self.in_ is None else tuple(self.in_),
            contains=self.contains,
            starts_with=self.starts_with,
            exists=self.exists,
        )


@strawberry.input(description="A condition on a number; all that is set must hold.")
class NumberCondition:
    """Becomes a `NumberMatch`."""

    eq: float | None = strawberry.field(default=None, description="Equal.")
    lt: float | None = strawberry.field(default=None, description="Less than.")
    le: float | None = strawberry.field(default=None, description="At most.")
    gt: float | None = strawberry.field(default=None, description="More than.")
    ge: float | None = strawberry.field(default=None, description="At least.")
    between: list[float] | None = strawberry.field(
        default=None, description="From the first to the second, both included."
    )

    def to_match(self) -> NumberMatch:
        """Return the predicate."""
        return NumberMatch(
            eq=self.eq,
            lt=self.lt,
            le=self.le,
            gt=self.gt,
            ge=self.ge,
            between=None if self.between is None else _pair(self.between),
        )


@strawberry.input(description="A number with its unit.")
class QuantityInput:
    """Becomes a `Quantity`."""

    value: float = strawberry.field(description="The number.")
    unit: LengthUnit = strawberry.field(description="Its unit.")

    def to_quantity(self) -> Quantity:
        """Return the record."""
        return Quantity(self.value, self.unit.value)


@strawberry.input(description="A condition on a length; any unit is compared with any other.")
class LengthCondition:
    """Becomes a `QuantityMatch`."""

    eq: QuantityInput | None = strawberry.field(default=None, description="Equal.")
    lt: QuantityInput | None = strawberry.field(default=None, description="Less than.")
    le: QuantityInput | None = strawberry.field(default=None, description="At most.")
    gt: QuantityInput | None = strawberry.field(default=None, description="More than.")
    ge: QuantityInput | None = strawberry.field(default=None, description="At least.")
    between: list[QuantityInput] | None = strawberry.field(
        default=None, description="From the first to the second, both included."
    )

    def to_match(self) -> QuantityMatch:
        """Return the predicate."""
        bounds = None
        if self.between is not None:
            low, high = _pair(self.between)
            bounds = (low.to_quantity(), high.to_quantity())
        return QuantityMatch(
            eq=self.eq.to_quantity() if self.eq else None,
            lt=self.lt.to_quantity() if self.lt else None,
            le=self.le.to_quantity() if self.le else None,
            gt=self.gt.to_quantity() if self.gt else None,
            ge=self.ge.to_quantity() if self.ge else None,
            between=bounds,
        )


@strawberry.input(description="A span of time; give each time with its zone.")
class DateCondition:
    """Becomes a `DateMatch`."""

    since: datetime | None = strawberry.field(default=None, description="At or after.")
    before: datetime | None = strawberry.field(default=None, description="Strictly before.")

    def to_match(self) -> DateMatch:
        """Return the predicate."""
        for value in (self.since, self.before):
            if value is not None and value.tzinfo is None:
                raise BadInput("A time needs its zone: write 2024-01-31T12:00:00Z.")
        return DateMatch(since=self.since, before=self.before)


@strawberry.input(description="A condition on one openBIS property.")
class PropertyCondition:
    """Becomes a `PropertyMatch`."""

    code: str = strawberry.field(description="The property's code, such as Q_NCBI_ORGANISM.")
    string: StringCondition | None = strawberry.field(
        default=None, description="On the value as text, or the code of its term."
    )
    number: NumberCondition | None = strawberry.field(
        default=None, description="On the value of an INTEGER or REAL property."
    )
    date: DateCondition | None = strawberry.field(
        default=None, description="On the value of a DATE or TIMESTAMP property."
    )
    boolean: bool | None = strawberry.field(
        default=None, description="The value of a BOOLEAN property."
    )

    def to_match(self) -> PropertyMatch:
        """Return the predicate; a code alone asks whether the property is set."""
        string = self.string.to_match() if self.string else None
        if string is None and self.number is None and self.date is None and self.boolean is None:
            string = StringMatch(exists=True)
        return PropertyMatch(
            code=self.code.upper(),
            string=string,
            number=self.number.to_match() if self.number else None,
            date=self.date.to_match() if self.date else None,
            boolean=self.boolean,
        )


@strawberry.input(description="A condition on one key-value pair in OMERO.")
class KeyValueCondition:
    """Becomes a `KeyValueMatch`."""

    key: str = strawberry.field(description="The pair's key, case-sensitive.")
    namespace: str | None = strawberry.field(
        default=None, description="The namespace of its annotation; any if absent."
    )
    value: StringCondition | None = strawberry.field(
        default=None, description="On the pair's value; any if absent."
    )

    def to_match(self) -> KeyValueMatch:
        """Return the predicate."""
        return KeyValueMatch(
            key=self.key,
            namespace=self.namespace,
            value=self.value.to_match() if self.value else None,
        )


def _pair(values: list[T]) -> tuple[T, T]:
    if len(values) != 2:  # noqa: PLR2004 - a span has two ends
        raise BadInput("`between` takes two values: the lower and the upper bound.")
    return values[0], values[1]
