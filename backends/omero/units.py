"""OME units of length and time with exact factors, and conversion between them.

Factors are fractions, and a number stands for its shortest decimal notation: 0.1 MICROMETER is
exactly 100 NANOMETER, whatever binary floating point makes of 0.1. `PIXEL` and `REFERENCEFRAME` are
lengths only by name and convert to nothing but themselves. The schema's `Quantity.in(unit:)`,
`predicates.py` and `decode.py` use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import inf, isfinite, nextafter
from types import MappingProxyType

from backends.errors import InvalidRequest, Source
from backends.records import Quantity


class Dimension(StrEnum):
    """What a unit measures; only units of the same dimension convert into each other."""

    LENGTH = "LENGTH"
    TIME = "TIME"
    PIXEL = "PIXEL"
    REFERENCEFRAME = "REFERENCEFRAME"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit by its OME enumeration name; `factor` is its size in metres or seconds."""

    name: str
    symbol: str
    factor: Fraction
    dimension: Dimension


_PREFIXES = (
    ("YOTTA", "Y", 24),
    ("ZETTA", "Z", 21),
    ("EXA", "E", 18),
    ("PETA", "P", 15),
    ("TERA", "T", 12),
    ("GIGA", "G", 9),
    ("MEGA", "M", 6),
    ("KILO", "k", 3),
    ("HECTO", "h", 2),
    ("DECA", "da", 1),
    ("", "", 0),
    ("DECI", "d", -1),
    ("CENTI", "c", -2),
    ("MILLI", "m", -3),
    ("MICRO", "µ", -6),
    ("NANO", "n", -9),
    ("PICO", "p", -12),
    ("FEMTO", "f", -15),
    ("ATTO", "a", -18),
    ("ZEPTO", "z", -21),
    ("YOCTO", "y", -24),
)
_INCH = Fraction(254, 10_000)


def _metric(name: str, symbol: str, dimension: Dimension) -> list[Unit]:
    return [
        Unit(prefix + name, sign + symbol, Fraction(10) ** power, dimension)
        for prefix, sign, power in _PREFIXES
    ]


LENGTHS: tuple[Unit, ...] = (
    *_metric("METER", "m", Dimension.LENGTH),
    Unit("ANGSTROM", "Å", Fraction(1, 10**10), Dimension.LENGTH),
    Unit("THOU", "thou", _INCH / 1000, Dimension.LENGTH),
    Unit("LINE", "li", _INCH / 12, Dimension.LENGTH),
    Unit("POINT", "pt", _INCH / 72, Dimension.LENGTH),
    Unit("INCH", "in", _INCH, Dimension.LENGTH),
    Unit("FOOT", "ft", _INCH * 12, Dimension.LENGTH),
    Unit("YARD", "yd", _INCH * 36, Dimension.LENGTH),
    Unit("MILE", "mi", _INCH * 63_360, Dimension.LENGTH),
    Unit("ASTRONOMICALUNIT", "ua", Fraction(149_597_870_700), Dimension.LENGTH),
    Unit("LIGHTYEAR", "ly", Fraction(9_460_730_472_580_800), Dimension.LENGTH),
    # OME's own parsec; the astronomers' one is irrational.
    Unit("PARSEC", "pc", Fraction(30_856_776 * 10**9), Dimension.LENGTH),
    Unit("PIXEL", "pixel", Fraction(1), Dimension.PIXEL),
    Unit("REFERENCEFRAME", "reference frame", Fraction(1), Dimension.REFERENCEFRAME),
)
TIMES: tuple[Unit, ...] = (
    *_metric("SECOND", "s", Dimension.TIME),
    Unit("MINUTE", "min", Fraction(60), Dimension.TIME),
    Unit("HOUR", "h", Fraction(3600), Dimension.TIME),
    Unit("DAY", "d", Fraction(86_400), Dimension.TIME),
)
UNITS: Mapping[str, Unit] = MappingProxyType({unit.name: unit for unit in (*LENGTHS, *TIMES)})
# The Greek letter occurs in data as well as the micro sign.
_LENGTHS_BY_SYMBOL: Mapping[str, Unit] = MappingProxyType(
    {unit.symbol.replace("µ", sign): unit for unit in LENGTHS for sign in ("µ", "μ")}
)


def unit(name: str) -> Unit:
    """The unit of this OME enumeration name.

    Raises:
        InvalidRequest: there is none.
    """
    known = UNITS.get(name)
    if known is None:
        raise InvalidRequest(
            Source.OMERO, "Unknown unit; use an OME name such as MICROMETER, NANOMETER or SECOND."
        )
    return known


def length_name(text: str) -> str:
    """The enumeration name for what a server calls a length unit; unknown text stays as it is."""
    if text in UNITS:
        return text
    known = _LENGTHS_BY_SYMBOL.get(text)
    return known.name if known else text


def spellings(of: Unit) -> tuple[str, ...]:
    """How a server may spell the unit when it is cast to text: by name or by symbol."""
    return tuple(dict.fromkeys((of.name, of.symbol, of.symbol.replace("µ", "μ"))))


def exact(value: float) -> Fraction:
    """The number that the shortest decimal notation of a float denotes.

    Raises:
        InvalidRequest: the float is infinite or not a number.
    """
    if not isfinite(value):
        raise InvalidRequest(Source.OMERO, "A bound must be a finite number.")
    return Fraction(Decimal(repr(float(value))))


def floor_float(bound: Fraction) -> float:
    """The largest float whose decimal notation is at most `bound`."""
    nearest = _nearest(bound)
    while nearest == inf or (nearest > -inf and exact(nearest) > bound):
        nearest = nextafter(nearest, -inf)
    return nearest


def ceil_float(bound: Fraction) -> float:
    """The smallest float whose decimal notation is at least `bound`."""
    return -floor_float(-bound)


def convert(quantity: Quantity, to: str) -> Quantity:
    """The same quantity in another unit, correctly rounded.

    Raises:
        InvalidRequest: unknown unit, or one of another dimension.
    """
    source, target = unit(quantity.unit), unit(to)
    if source.dimension != target.dimension:
        raise InvalidRequest(
            Source.OMERO, f"{source.name} cannot be converted to {target.name}; omit the unit."
        )
    return Quantity(_nearest(exact(quantity.value) * source.factor / target.factor), target.name)


def _nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf
