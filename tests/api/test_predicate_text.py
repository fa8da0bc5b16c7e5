from __future__ import annotations

import pytest

from api.predicate_text import EXAMPLE, read_filter
from resolvers.cohorts.predicates import Unit
from resolvers.errors import BadInput


def test_a_literal_json_and_a_frozen_question_are_the_same() -> None:
    text = "{has: {image: {pixelSize: {le: {value: 0.5, unit: MICROMETER}}}}}"
    literal = read_filter(text, Unit.SAMPLE)
    json = '{"has": {"image": {"pixelSize": {"le": {"value": 0.5, "unit": "MICROMETER"}}}}}'
    assert read_filter(json, Unit.SAMPLE) == literal
    assert read_filter(literal.canonical().decode(), Unit.SUBJECT) == literal
    assert read_filter(EXAMPLE, Unit.SUBJECT).unit is Unit.SUBJECT


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "neither a GraphQL value nor JSON"),
        ("$where", "Give a filter"),
        ("[1]", "to be an object"),
        ("{and: [{nope: 1}]}", r"and\.0"),
        ("{has: {image: {pixelSize: {le: {value: 1, unit: PARSNIP}}}}}", "LengthUnit"),
        ("{has: {atLeast: 0}}", "atLeast"),
        ('{"version": 9, "unit": "SUBJECT", "where": {}}', "version 9"),
    ],
)
def test_what_is_no_filter_is_told_with_its_place(text: str, advice: str) -> None:
    with pytest.raises(BadInput, match=advice):
        read_filter(text, Unit.SUBJECT)
