"""Lengths with their units, as OMERO stores them, and in whatever unit the client prefers."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.types.source import omero
from backends.omero.units import LENGTHS, convert
from backends.records import Quantity as QuantityRecord

if TYPE_CHECKING:
    LengthUnit = StrEnum
else:
    # The members are the adapter's table of units; a checker knows them as a StrEnum.
    LengthUnit = strawberry.enum(
        StrEnum("LengthUnit", [(unit.name, unit.name) for unit in LENGTHS]),
        description="A unit of length, by its OME name.",
    )


UnitArgument = Annotated[LengthUnit, strawberry.argument(description="The unit to convert to.")]


def resolve_in(root: strawberry.Parent[QuantityRecord], unit: UnitArgument) -> Quantity:
    """Convert; PIXEL and REFERENCEFRAME convert to nothing but themselves."""
    return convert(root, unit.value)


@strawberry.type(description="A length: a number with its unit.")
class Quantity:
    """Backed by `Quantity` of the records."""

    value: float = omero("The number.", "value")
    unit: LengthUnit = omero("The unit, as stored.", "unit")
    in_: Quantity | None = strawberry.field(
        name="in", description="The same length in another unit.", resolver=resolve_in
    )
