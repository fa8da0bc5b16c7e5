"""The canonical form of a cohort's question, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.filters import (
    DateMatch,
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
    OmicsFilter,
    ProjectFilter,
    PropertyMatch,
    QuantityMatch,
    SampleFilter,
    StringMatch,
)
from backends.records import Quantity
from resolvers.cohorts.predicates import (
    CohortPredicate,
    Question,
    SpecimenPredicate,
    Unit,
    checked,
    read_question,
)
from resolvers.errors import BadInput

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**50), 2**50)
TIMES = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - the zone is drawn
    datetime(2050, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9))]),
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


STRINGS = st.builds(
    StringMatch,
    eq=maybe(TEXTS),
    ne=maybe(TEXTS),
    one_of=maybe(st.lists(TEXTS, max_size=3).map(tuple)),
    contains=maybe(TEXTS),
    exists=maybe(st.booleans()),
)
MEASURES = st.builds(NumberMatch, ge=maybe(NUMBERS), between=maybe(st.tuples(NUMBERS, NUMBERS)))
DATES = st.builds(DateMatch, since=maybe(TIMES), before=maybe(TIMES))
LENGTHS = st.builds(Quantity, value=NUMBERS, unit=st.sampled_from(["MICROMETER", "NANOMETER"]))
PROPERTIES = st.builds(
    PropertyMatch,
    code=TEXTS,
    string=maybe(STRINGS),
    number=maybe(MEASURES),
    date=maybe(DATES),
    boolean=maybe(st.booleans()),
)
SAMPLES = st.builds(
    SampleFilter,
    type=maybe(STRINGS),
    properties=st.lists(PROPERTIES, max_size=2).map(tuple),
    registered=maybe(DATES),
    parent=maybe(st.builds(SampleFilter, code=maybe(STRINGS))),
)
IMAGES = st.builds(
    ImageFilter,
    omero_ids=maybe(st.lists(st.integers(1, 2**62), max_size=2).map(tuple)),
    key_values=st.lists(st.builds(KeyValueMatch, TEXTS, maybe(TEXTS), maybe(STRINGS))).map(tuple),
    pixel_size=maybe(st.builds(QuantityMatch, between=maybe(st.tuples(LENGTHS, LENGTHS)))),
    acquired=maybe(DATES),
)
SPECIMENS = st.builds(
    SpecimenPredicate,
    sample=maybe(SAMPLES),
    omics=maybe(st.builds(OmicsFilter, type=maybe(STRINGS), kind=maybe(TEXTS))),
    image=maybe(IMAGES),
    at_least=st.integers(1, 9),
)
LEAVES = st.builds(
    CohortPredicate,
    project=maybe(st.builds(ProjectFilter, code=maybe(STRINGS))),
    itself=maybe(SAMPLES),
    has=maybe(SPECIMENS),
)


def branches(inner: st.SearchStrategy[CohortPredicate]) -> st.SearchStrategy[CohortPredicate]:
    parts = st.lists(inner, max_size=2).map(tuple)
    return st.builds(CohortPredicate, all_of=parts, any_of=parts, none_of=parts)


QUESTIONS = st.builds(Question, st.sampled_from(Unit), st.recursive(LEAVES, branches, max_leaves=4))


@settings(max_examples=150, deadline=None)
@given(QUESTIONS)
def test_a_question_comes_back_from_its_canonical_form(question: Question) -> None:
    form = question.canonical()
    again = read_question(form)
    assert again == question
    assert again.canonical() == form
    assert again.digest() == question.digest()


def test_equal_questions_have_one_form_however_they_were_spelt() -> None:
    def born(at: datetime, age: float) -> Question:
        number = PropertyMatch("AGE", number=NumberMatch(ge=age))
        itself = SampleFilter(registered=DateMatch(since=at), properties=(number,))
        return Question(Unit.SUBJECT, CohortPredicate(itself=itself))

    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    elsewhere = noon.astimezone(timezone(timedelta(hours=5)))
    assert born(noon, 5).digest() == born(elsewhere, 5.0).digest()
    assert born(noon, 5).digest() != born(noon, 6).digest()


def test_what_is_not_set_leaves_no_trace() -> None:
    assert orjson.loads(Question().canonical()) == {"version": 1, "unit": "SUBJECT", "where": {}}


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"[]",
        b"{}",
        b'{"version": 2, "unit": "SUBJECT", "where": {}}',
        b'{"version": 1, "unit": "PATIENT", "where": {}}',
        b'{"version": 1, "unit": "SUBJECT", "where": {"has": 5}}',
        b'{"version": 1, "unit": "SUBJECT", "where": {"hass": {}}}',
        b'{"version": 1, "unit": "SUBJECT", "where": {"itself": {"color": {"eq": "red"}}}}',
        b'{"version": 1, "unit": "SUBJECT", "where": {"has": {"at_least": "5"}}}',
        b'{"version": 1, "unit": "SUBJECT", "where": {}, "more": 1}',
    ],
)
def test_a_form_that_is_not_understood_whole_is_refused(form: bytes) -> None:
    with pytest.raises(BadInput):
        read_question(form)


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        (CohortPredicate(has=SpecimenPredicate(at_least=0)), "atLeast"),
        (CohortPredicate(any_of=(CohortPredicate(itself=SampleFilter()),) * 61), "60 clauses"),
        (
            CohortPredicate(
                itself=SampleFilter(registered=DateMatch(since=datetime(2024, 1, 1)))  # noqa: DTZ001
            ),
            "zone",
        ),
        (
            CohortPredicate(
                itself=SampleFilter(
                    registered=DateMatch(
                        since=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
                    )
                )
            ),
            "years 1 to 9999",
        ),
        (
            CohortPredicate(
                itself=SampleFilter(
                    properties=(PropertyMatch("AGE", number=NumberMatch(ge=float("nan"))),)
                )
            ),
            "finite",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_advice(where: CohortPredicate, advice: str) -> None:
    with pytest.raises(BadInput, match=advice):
        checked(Question(Unit.SAMPLE, where))


def test_clauses_nest_only_so_deep() -> None:
    where = CohortPredicate(itself=SampleFilter())
    for _ in range(12):
        where = CohortPredicate(none_of=(where,))
    with pytest.raises(BadInput, match="deep"):
        checked(Question(Unit.SAMPLE, where))
