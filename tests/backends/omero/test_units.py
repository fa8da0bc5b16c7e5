from __future__ import annotations

from fractions import Fraction
from math import nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import InvalidRequest
from backends.omero.units import (
    LENGTHS,
    TIMES,
    UNITS,
    Dimension,
    ceil_float,
    convert,
    exact,
    floor_float,
    length_name,
    spellings,
)
from backends.records import Quantity

finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (0.1, "MICROMETER", "NANOMETER", 100.0),
        (130.0, "NANOMETER", "MICROMETER", 0.13),
        (1.0, "INCH", "MILLIMETER", 25.4),
        (1.0, "MILE", "METER", 1609.344),
        (1000.0, "THOU", "INCH", 1.0),
        (12.0, "LINE", "INCH", 1.0),
        (72.0, "POINT", "INCH", 1.0),
        (3.0, "ANGSTROM", "NANOMETER", 0.3),
        (1.0, "YOTTAMETER", "YOCTOMETER", 1e48),
        (1.0, "PARSEC", "KILOMETER", 30_856_776_000_000.0),
        (7.0, "PIXEL", "PIXEL", 7.0),
        (1.5, "MINUTE", "SECOND", 90.0),
        (250.0, "MILLISECOND", "SECOND", 0.25),
    ],
)
def test_conversion_is_correctly_rounded(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(Quantity(value, unit), to) == Quantity(expected, to)


@pytest.mark.parametrize(
    ("unit", "to"),
    [
        ("PIXEL", "MICROMETER"),
        ("MICROMETER", "REFERENCEFRAME"),
        ("PIXEL", "REFERENCEFRAME"),
        ("SECOND", "METER"),
        ("METER", "CUBIT"),
    ],
)
def test_what_cannot_be_converted_is_refused(unit: str, to: str) -> None:
    with pytest.raises(InvalidRequest):
        convert(Quantity(1.0, unit), to)


def test_the_model_has_34_lengths_and_24_times_under_distinct_names_and_symbols() -> None:
    assert (len(LENGTHS), len(TIMES), len(UNITS)) == (34, 24, 58)
    assert len({unit.symbol for unit in LENGTHS}) == 34
    assert {unit.dimension for unit in TIMES} == {Dimension.TIME}


def test_units_agree_with_omero() -> None:
    # The embedded store's model was derived from omero-py, symbols included.
    from backends.demo.omero.model import omero_model  # noqa: PLC0415 - only this test needs it

    symbols = omero_model().symbols
    assert {u.name: u.symbol for u in UNITS.values()} == {name: symbols[name] for name in UNITS}


def test_a_server_may_spell_a_unit_by_name_or_symbol() -> None:
    assert spellings(UNITS["MICROMETER"]) == ("MICROMETER", "\N{MICRO SIGN}m", "μm")
    assert [length_name(text) for text in ("μm", "µm", "MICROMETER", "Å", "ell")] == [
        "MICROMETER",
        "MICROMETER",
        "MICROMETER",
        "ANGSTROM",
        "ell",
    ]


@given(finite, st.sampled_from([unit.name for unit in LENGTHS[:30]]))
def test_a_quantity_in_its_own_unit_stays_the_same(value: float, unit: str) -> None:
    assert convert(Quantity(value, unit), unit) == Quantity(value, unit)


@given(st.fractions(min_value=-(10**30), max_value=10**30))
def test_rounding_down_finds_the_last_float_on_the_right_side(bound: Fraction) -> None:
    below = floor_float(bound)
    assert exact(below) <= bound < exact(nextafter(below, float("inf")))
    above = ceil_float(bound)
    assert exact(nextafter(above, float("-inf"))) < bound <= exact(above)


@given(finite)
def test_a_float_is_its_own_bound(value: float) -> None:
    assert floor_float(exact(value)) == value == ceil_float(exact(value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_bound_is_finite(value: float) -> None:
    with pytest.raises(InvalidRequest, match="finite"):
        exact(value)
