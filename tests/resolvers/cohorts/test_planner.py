"""The rules of the plan, on sizes made up for the purpose."""

from __future__ import annotations

import pytest

from backends.errors import Source
from backends.filters import ImageFilter, OmicsFilter, ProjectFilter, SampleFilter, StringMatch
from resolvers.cohorts import planner
from resolvers.cohorts.planner import Part, Sizes
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate
from resolvers.cohorts.shapes import clauses

RARE = SampleFilter(code=StringMatch(eq="RARE"))
COMMON = SampleFilter(code=StringMatch(eq="COMMON"))
GENOMES = OmicsFilter(type=StringMatch(eq="GENOME"))
STAINED = ImageFilter(tag=StringMatch(eq="H&E"))
SIZES = Sizes(
    units=20_000,
    all_units=20_000,
    samples=160_000,
    found={RARE: 3, COMMON: 60_000, GENOMES: 15_000},
)


def has(**parts: object) -> CohortPredicate:
    return CohortPredicate(has=SpecimenPredicate(**parts))  # type: ignore[arg-type]


def test_the_clause_that_reads_least_comes_first() -> None:
    where = CohortPredicate(
        all_of=(has(omics=GENOMES), has(sample=COMMON), has(sample=RARE)),
        none_of=(has(sample=RARE, image=STAINED),),
    )
    ordered = [part.words for part in planner.in_order(clauses(where), SIZES)]
    assert [("RARE" in words, "not" in words) for words in ordered] == [
        (True, False),
        (True, True),
        (False, False),
        (False, False),
    ]
    assert "COMMON" in ordered[-1] or "GENOME" in ordered[-1]


@pytest.mark.parametrize(
    ("sample", "expected"),
    [(RARE, [Part.SAMPLE, Part.IMAGE]), (COMMON, [Part.IMAGE, Part.SAMPLE])],
)
def test_images_are_asked_for_at_once_where_nothing_else_is_small(
    sample: SampleFilter, expected: list[Part]
) -> None:
    asked = SpecimenPredicate(sample=sample, image=STAINED)
    assert planner.parts_of(asked, SIZES) == expected


def test_a_few_candidates_are_where_to_start_from() -> None:
    asked = SpecimenPredicate(sample=COMMON, omics=GENOMES)
    assert planner.from_candidates(asked, 100, SIZES)
    assert not planner.from_candidates(asked, 20_000, SIZES)
    assert not planner.from_candidates(SpecimenPredicate(sample=RARE), 100, SIZES)
    assert not planner.from_candidates(SpecimenPredicate(), 1, SIZES)


def test_ids_at_hand_are_handed_on_where_they_are_fewer() -> None:
    assert planner.by_ids(Part.SAMPLE, 100, 60_000, SIZES)
    assert not planner.by_ids(Part.SAMPLE, 60_000, 100, SIZES)
    assert planner.by_ids(Part.IMAGE, 500, 0, SIZES)
    assert not planner.by_ids(Part.IMAGE, 501, 0, SIZES)
    assert planner.by_ids(Part.OMICS, 100, 15_000, SIZES)
    assert not planner.by_ids(Part.OMICS, 5_000, 15_000, SIZES)


def test_a_plan_tells_what_is_pushed_and_what_it_costs() -> None:
    where = CohortPredicate(
        project=ProjectFilter(code=StringMatch(eq="P")),
        itself=COMMON,
        has=SpecimenPredicate(sample=RARE, image=STAINED),
    )
    first, second = planner.make(where, SIZES, as_written=False).steps
    assert "2 clauses are pushed down" in first.how
    assert first.estimate == 20_000
    assert second.how == "sample of all, then image among the ids at hand"
    assert second.estimate == 3
    assert second.calls == {Source.OPENBIS: 1, Source.OMERO: 1, Source.LINK_STORE: 1}


def test_nothing_left_costs_nothing() -> None:
    where = CohortPredicate(all_of=(has(sample=COMMON), has(image=STAINED)))
    plan = planner.make(where, Sizes(), as_written=False)
    assert [step.how for step in plan.steps[1:]] == ["nothing is left to ask about"] * 2
    assert sum(sum(step.calls.values()) for step in plan.steps[1:]) == 0
