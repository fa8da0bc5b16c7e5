from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.types.conditions import (
    DateCondition,
    KeyValueCondition,
    LengthCondition,
    NumberCondition,
    PropertyCondition,
    QuantityInput,
    StringCondition,
)
from api.types.filters import ImageFilter, SampleFilter, filter_of
from api.types.quantity import LengthUnit
from api.types.sort import ContainerOrder, EntityOrder, ImageOrder, sort_of
from backends import filters
from backends.records import Quantity
from resolvers.errors import BadInput

MICROMETER = LengthUnit["MICROMETER"]
SOME_DAY = datetime(2024, 1, 31, tzinfo=UTC)


def test_an_empty_condition_matches_everything() -> None:
    assert StringCondition().to_match() == filters.StringMatch()
    assert NumberCondition().to_match() == filters.NumberMatch()
    assert LengthCondition().to_match() == filters.QuantityMatch()
    assert DateCondition().to_match() == filters.DateMatch()
    assert SampleFilter().to_filter() == filters.SampleFilter()
    assert filter_of(None) is None
    assert filter_of(ImageFilter()) == filters.ImageFilter()


def test_texts() -> None:
    given = StringCondition(eq="a", ne="b", in_=[], contains="c", starts_with="d", exists=False)
    assert given.to_match() == filters.StringMatch("a", "b", (), "c", "d", exists=False)


def test_numbers() -> None:
    given = NumberCondition(eq=1, lt=2, le=3, gt=4, ge=5, between=[6, 7])
    assert given.to_match() == filters.NumberMatch(1, 2, 3, 4, 5, (6, 7))


def test_lengths() -> None:
    lengths = [QuantityInput(value=number, unit=MICROMETER) for number in range(7)]
    records = [Quantity(number, "MICROMETER") for number in range(7)]
    eq, lt, le, gt, ge, *bounds = lengths
    given = LengthCondition(eq=eq, lt=lt, le=le, gt=gt, ge=ge, between=bounds)
    assert given.to_match() == filters.QuantityMatch(*records[:5], (records[5], records[6]))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0]])
def test_a_span_has_two_ends(values: list[float]) -> None:
    with pytest.raises(BadInput, match="two values"):
        NumberCondition(between=values).to_match()
    lengths = [QuantityInput(value=each, unit=MICROMETER) for each in values]
    with pytest.raises(BadInput, match="two values"):
        LengthCondition(between=lengths).to_match()


def test_times_have_their_zone() -> None:
    given = DateCondition(since=SOME_DAY, before=SOME_DAY)
    assert given.to_match() == filters.DateMatch(SOME_DAY, SOME_DAY)
    for naive in (
        DateCondition(since=SOME_DAY.replace(tzinfo=None)),
        DateCondition(before=SOME_DAY.replace(tzinfo=None)),
    ):
        with pytest.raises(BadInput, match="needs its zone"):
            naive.to_match()


def test_a_property_alone_asks_whether_it_is_set() -> None:
    assert PropertyCondition(code="q_x").to_match() == filters.PropertyMatch(
        "Q_X", string=filters.StringMatch(exists=True)
    )
    for given, wanted in (
        ({"boolean": False}, {"boolean": False}),
        ({"number": NumberCondition(gt=1)}, {"number": filters.NumberMatch(gt=1)}),
        ({"string": StringCondition(eq="a")}, {"string": filters.StringMatch(eq="a")}),
        ({"date": DateCondition(since=SOME_DAY)}, {"date": filters.DateMatch(since=SOME_DAY)}),
    ):
        made = PropertyCondition(code="Q_X", **given)  # type: ignore[arg-type]
        assert made.to_match() == filters.PropertyMatch("Q_X", **wanted)  # type: ignore[arg-type]


def test_key_values() -> None:
    assert KeyValueCondition(key="Stain").to_match() == filters.KeyValueMatch("Stain")
    given = KeyValueCondition(key="a", namespace="n", value=StringCondition(eq="b"))
    assert given.to_match() == filters.KeyValueMatch("a", "n", filters.StringMatch(eq="b"))


def test_filters_nest() -> None:
    one, two = SampleFilter(code=StringCondition(eq="1")), SampleFilter(parent=SampleFilter())
    made = SampleFilter(and_=[one], or_=[one, two], not_=two).to_filter()
    first = filters.SampleFilter(code=filters.StringMatch(eq="1"))
    second = filters.SampleFilter(parent=filters.SampleFilter())
    assert made == filters.SampleFilter(all_of=(first,), any_of=(first, second), none_of=(second,))


@pytest.mark.parametrize("order", [*EntityOrder, *ContainerOrder, *ImageOrder])
def test_each_order_has_its_opposite(order: EntityOrder | ContainerOrder | ImageOrder) -> None:
    sort = sort_of(order)
    assert sort.descending is order.name.endswith("_DESC")
    assert sort.field == order.name.removesuffix("_DESC").lower()
    opposite = order.name.removesuffix("_DESC") if sort.descending else f"{order.name}_DESC"
    assert sort_of(type(order)[opposite]) == filters.Sort(sort.field, not sort.descending)
