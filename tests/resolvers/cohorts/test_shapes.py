"""Predicates taken apart, made strict, and put into words."""

from __future__ import annotations

from backends.errors import Source
from backends.filters import (
    ImageFilter,
    KeyValueMatch,
    OmicsFilter,
    ProjectFilter,
    QuantityMatch,
    SampleFilter,
    StringMatch,
)
from backends.records import Quantity
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate
from resolvers.cohorts.shapes import NEVER, as_filter, clauses, conditions, describe, strict

LIVER = SampleFilter(code=StringMatch(eq="LIVER"))
OF_LIVER = SampleFilter(parent=LIVER)
IMAGED = SpecimenPredicate(image=ImageFilter(tag=StringMatch(eq="CT")))


def test_nested_conjunctions_are_one_and_keep_their_order() -> None:
    inner = CohortPredicate(itself=LIVER, all_of=(CohortPredicate(has=IMAGED),))
    where = CohortPredicate(
        project=ProjectFilter(), all_of=(inner,), none_of=(CohortPredicate(itself=LIVER),)
    )
    words = [clause.words for clause in clauses(where)]
    assert [each.split(":")[0] for each in words] == ["project", "self", "has", "not"]


def test_what_concerns_the_candidate_alone_is_one_openbis_filter() -> None:
    either = CohortPredicate(any_of=(CohortPredicate(itself=LIVER), CohortPredicate()))
    assert as_filter(either) == SampleFilter(any_of=(SampleFilter(all_of=(LIVER,)), SampleFilter()))
    assert as_filter(CohortPredicate(any_of=(CohortPredicate(has=IMAGED),))) is None


def test_openbis_is_not_asked_to_negate_a_condition_on_relatives() -> None:
    opposite = CohortPredicate(none_of=(CohortPredicate(itself=OF_LIVER),))
    assert as_filter(CohortPredicate(itself=OF_LIVER)) is not None
    assert as_filter(opposite) is None
    assert as_filter(CohortPredicate(none_of=(CohortPredicate(itself=LIVER),))) is not None


def test_the_source_of_a_clause_is_the_one_system_that_decides_it() -> None:
    both = SpecimenPredicate(image=IMAGED.image, omics=OmicsFilter())
    where = CohortPredicate(
        itself=LIVER, all_of=tuple(CohortPredicate(has=has) for has in (IMAGED, both))
    )
    assert [clause.source for clause in clauses(where)] == [Source.OPENBIS, Source.OMERO, None]


def test_conditions_are_those_that_are_not_negated() -> None:
    other = SpecimenPredicate(sample=LIVER)
    where = CohortPredicate(
        any_of=(CohortPredicate(has=IMAGED),), none_of=(CohortPredicate(has=other),)
    )
    assert list(conditions(where)) == [IMAGED]


def test_in_a_cohort_what_is_not_equal_has_a_value() -> None:
    unequal, absent = StringMatch(ne="a"), StringMatch(ne="a", exists=False)
    nested = ImageFilter(
        tag=unequal,
        key_values=(KeyValueMatch("k", value=unequal),),
        none_of=(ImageFilter(name=absent),),
    )
    made = strict(nested)
    assert made.tag == made.key_values[0].value == StringMatch(ne="a", exists=True)
    assert made.none_of[0].name == NEVER
    kept = ImageFilter(tag=StringMatch(eq="a"), omero_ids=(1,))
    assert strict(kept) == kept


def test_words_are_those_of_the_schema() -> None:
    size = QuantityMatch(between=(Quantity(0.25, "MICROMETER"), Quantity(600.0, "NANOMETER")))
    where = CohortPredicate(has=SpecimenPredicate(image=ImageFilter(pixel_size=size), at_least=5))
    assert describe(where) == (
        "has: {image: {pixelSize: {between: [0.25 MICROMETER, 600 NANOMETER]}}, atLeast: 5}"
    )
