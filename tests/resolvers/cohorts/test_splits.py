from __future__ import annotations

from collections import Counter, defaultdict
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.cohorts.splits import Bond, Part, SplitPlan, checked, divide, place
from resolvers.errors import BadInput

IDS = st.sets(st.text(min_size=1, max_size=12), max_size=60)
SALTS = st.text(max_size=8)


@st.composite
def plans(draw: st.DrawFn) -> SplitPlan:
    weights = draw(st.lists(st.integers(1, 20), min_size=1, max_size=5))
    whole = sum(weights)
    parts = [Part(f"part{number}", weight / whole) for number, weight in enumerate(weights)]
    return checked(SplitPlan(tuple(parts), draw(SALTS)))


@given(plans(), IDS)
def test_each_subject_is_in_exactly_one_part(plan: SplitPlan, subjects: set[str]) -> None:
    parts = divide(plan, subjects)
    assert parts.keys() == subjects
    assert set(parts.values()) <= {part.name for part in plan.parts}


@given(plans(), IDS, IDS)
def test_subjects_that_are_added_move_no_other(
    plan: SplitPlan, first: set[str], more: set[str]
) -> None:
    before, after = divide(plan, first), divide(plan, first | more)
    assert {subject: after[subject] for subject in first} == before


@given(plans(), IDS, st.randoms(use_true_random=False))
def test_the_order_of_subjects_does_not_matter(
    plan: SplitPlan, subjects: set[str], random: object
) -> None:
    shuffled = sorted(subjects, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert divide(plan, shuffled) == divide(plan, subjects)


@given(plans(), SALTS)
def test_fractions_are_kept_as_well_as_chance_can(plan: SplitPlan, prefix: str) -> None:
    count = 2000
    sizes = Counter(divide(plan, [f"{prefix}-{number}" for number in range(count)]).values())
    for part in plan.parts:
        expected = count * part.fraction
        spread = sqrt(count * part.fraction * (1 - part.fraction))
        assert abs(sizes[part.name] - expected) <= 6 * spread + 1


@given(plans(), st.dictionaries(st.text(min_size=1, max_size=8), st.sampled_from("abc")))
def test_strata_are_divided_to_within_one_subject(plan: SplitPlan, strata: dict[str, str]) -> None:
    parts = divide(plan, strata, strata=strata)
    assert parts.keys() == strata.keys()
    sizes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for subject, part in parts.items():
        sizes[strata[subject]][part] += 1
    for counted in sizes.values():
        for part in plan.parts:
            # a float's fractions sum to one only nearly
            assert abs(counted[part.name] - sum(counted.values()) * part.fraction) < 1 + 1e-6


@given(plans(), st.dictionaries(st.text(min_size=1, max_size=8), st.sampled_from("ab")), st.data())
def test_one_more_in_a_stratum_moves_one_over_each_boundary_at_most(
    plan: SplitPlan, strata: dict[str, str], data: st.DataObject
) -> None:
    added = data.draw(st.text(min_size=9, max_size=12))
    before = divide(plan, strata, strata=strata)
    grown = strata | {added: "a"}
    after = divide(plan, grown, strata=grown)
    moved = [subject for subject in strata if before[subject] != after[subject]]
    assert len(moved) < len(plan.parts)
    assert all(strata[subject] == "a" for subject in moved)


@given(plans(), IDS, st.booleans(), st.data())
def test_what_belongs_together_stays_together(
    plan: SplitPlan, subjects: set[str], stratified: bool, data: st.DataObject
) -> None:
    ordered = sorted(subjects)
    groups = {
        subject: ordered[data.draw(st.integers(0, number))]
        for number, subject in enumerate(ordered)
    }
    groups = {subject: groups[groups[subject]] for subject in ordered}
    groups = {subject: min(groups[subject], subject) for subject in ordered}
    strata = {subject: data.draw(st.sampled_from("ab")) for subject in ordered}
    parts = divide(plan, subjects, groups=groups, strata=strata if stratified else None)
    by_group: defaultdict[str, set[str]] = defaultdict(set)
    for subject in ordered:
        by_group[groups[subject]].add(parts[subject])
    assert all(len(found) == 1 for found in by_group.values())


def test_a_place_is_for_ever() -> None:
    # Written down: a change of these would move subjects of studies that are under way.
    assert place("20210412073000160-70", "") == 17430315284937467324
    assert place("subject-1", "salt") == 14131218070210221338


def test_another_salt_is_another_division() -> None:
    halves = (Part("a", 0.5), Part("b", 0.5))
    subjects = [str(number) for number in range(100)]
    assert divide(SplitPlan(halves, "x"), subjects) != divide(SplitPlan(halves, "y"), subjects)


def test_equal_plans_have_equal_digests_and_others_not() -> None:
    parts = (Part("train", 0.8), Part("test", 0.2))
    plan = SplitPlan(parts, "s", "Q_GENDER", (Bond.SHARED_IMAGE, Bond.POOLED_SAMPLE))
    same = SplitPlan(parts, "s", "Q_GENDER", (Bond.POOLED_SAMPLE, Bond.SHARED_IMAGE))
    assert plan.digest() == same.digest()
    others = [
        SplitPlan(parts[::-1], "s", "Q_GENDER", plan.together),
        SplitPlan(parts, "t", "Q_GENDER", plan.together),
        SplitPlan(parts, "s", None, plan.together),
        SplitPlan(parts, "s", "Q_GENDER", ()),
    ]
    assert len({each.digest() for each in (plan, *others)}) == 5


@pytest.mark.parametrize(
    ("parts", "advice"),
    [
        ((), "between 1 and 20"),
        ((Part("a", 0.5),), "sum to 1; they sum to 0.5"),
        ((Part("a", 0.5), Part("a", 0.5)), "a name of its own"),
        ((Part("a", 1.0), Part("b", 0.0)), "greater than 0"),
        ((Part("a", float("nan")),), "greater than 0"),
        ((Part("a", -1.0), Part("b", 2.0)), "greater than 0"),
        ((Part("=cmd", 1.0),), "letters, digits"),
        ((Part("", 1.0),), "letters, digits"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(parts: tuple[Part, ...], advice: str) -> None:
    with pytest.raises(BadInput, match=advice):
        checked(SplitPlan(parts))


def test_tenths_are_tenths() -> None:
    assert checked(SplitPlan(tuple(Part(f"p{n}", 0.1) for n in range(10)))).parts
