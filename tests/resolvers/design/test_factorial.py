"""Full-factorial designs: what is multiplied, dropped, repeated and refused."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.design.draft import MOST_SAMPLES
from resolvers.design.factorial import Cell, DesignFactor, FactorialDesign, Stage, draft_of
from resolvers.design.levels import Level
from resolvers.errors import BadInput, LimitExceeded

FACTORS = st.lists(st.integers(1, 3), min_size=0, max_size=2)
STAGES = st.lists(st.tuples(FACTORS, st.integers(1, 3)), min_size=1, max_size=3)


def stages(shape: list[tuple[list[int], int]]) -> tuple[Stage, ...]:
    return tuple(
        Stage(
            level,
            factors=tuple(
                DesignFactor(f"f{place}{n}", tuple(f"v{each}" for each in range(size)))
                for n, size in enumerate(sizes)
            ),
            replicates=replicates,
        )
        for place, (level, (sizes, replicates)) in enumerate(zip(Level, shape, strict=False))
    )


@given(STAGES)
def test_every_combination_comes_as_often_as_was_asked(
    shape: list[tuple[list[int], int]],
) -> None:
    draft = draft_of(FactorialDesign(stages(shape)))
    expected = 1
    for level, (sizes, replicates) in zip(Level, shape, strict=False):
        expected *= prod(sizes) * replicates
        assert draft.counts()[level] == expected
    assert len({sample.key for sample in draft.samples}) == len(draft.samples)
    known: set[str] = set()
    for sample in draft.samples:
        assert set(sample.parents) <= known  # parents come first
        known.add(sample.key)


@given(STAGES, st.data())
def test_a_dropped_cell_is_gone_and_nothing_else_is(
    shape: list[tuple[list[int], int]], data: st.DataObject
) -> None:
    whole = FactorialDesign(stages(shape))
    choices = [
        (factor.label, value)
        for each in whole.stages
        for factor in each.factors
        for value in factor.values
    ]
    if not choices:
        return
    dropped = data.draw(st.sampled_from(choices))

    def tell(design: FactorialDesign) -> Counter[tuple[Level, frozenset[tuple[str, str]]]]:
        return Counter(
            (each.level, frozenset((has.label, has.value) for has in each.factors))
            for each in draft_of(design).samples
        )

    expected = Counter({key: count for key, count in tell(whole).items() if dropped not in key[1]})
    design = FactorialDesign(whole.stages, (Cell((dropped,)),))
    if not expected:
        with pytest.raises(BadInput):
            draft_of(design)
    else:
        assert tell(design) == expected


def test_a_cell_may_have_its_own_number_of_replicates() -> None:
    factors = (DesignFactor("a", ("1", "2")), DesignFactor("b", ("x", "y")))
    design = FactorialDesign(
        (Stage(Level.ENTITY, factors=factors, replicates=2), Stage(Level.BIOLOGICAL_SAMPLE)),
        (Cell((("a", "1"), ("b", "x")), 5), Cell((("b", "y"),), 0)),
    )
    names = Counter(each.name.partition(" #")[0] for each in draft_of(design).samples)
    assert names["1 ; x"] == 10  # five, and what was taken from each
    assert names["2 ; x"] == 4
    assert sum(names.values()) == 14


def test_a_cell_may_name_factors_of_several_levels() -> None:
    design = FactorialDesign(
        (
            Stage(Level.ENTITY, factors=(DesignFactor("a", ("1", "2")),)),
            Stage(Level.BIOLOGICAL_SAMPLE, choices=("LIVER", "LUNG")),
        ),
        (Cell((("a", "1"), ("tissue", "LUNG"))),),
    )
    draft = draft_of(design)
    assert [each.name for each in draft.samples] == ["1", "2", "1 / LIVER", "2 / LIVER", "2 / LUNG"]
    assert draft.samples[-1].properties == {"Q_PRIMARY_TISSUE": "LUNG"}


def test_equal_values_of_two_factors_do_not_meet() -> None:
    factors = (DesignFactor("a", ("1", "2")), DesignFactor("b", ("1", "2")))
    samples = draft_of(FactorialDesign((Stage(Level.ENTITY, factors=factors),))).samples
    told = {tuple(has.value for has in each.factors) for each in samples}
    assert told == set(product("12", "12"))


ENTITY = Level.ENTITY


@pytest.mark.parametrize(
    "design",
    [
        FactorialDesign(()),
        FactorialDesign((Stage(Level.BIOLOGICAL_SAMPLE), Stage(ENTITY))),
        FactorialDesign((Stage(ENTITY), Stage(ENTITY))),
        FactorialDesign((Stage(ENTITY, replicates=0),)),
        FactorialDesign((Stage(ENTITY, factors=(DesignFactor(" ", ("1",)),)),)),
        FactorialDesign((Stage(ENTITY, factors=(DesignFactor("a", ()),)),)),
        FactorialDesign((Stage(ENTITY, factors=(DesignFactor("a", ("1", "1")),)),)),
        FactorialDesign((Stage(ENTITY, factors=(DesignFactor("a", ("1",)),) * 2),)),
        FactorialDesign((Stage(ENTITY),), (Cell(()),)),
        FactorialDesign((Stage(ENTITY),), (Cell((("a", "1"),)),)),
        FactorialDesign(
            (Stage(ENTITY, factors=(DesignFactor("a", ("1",)),)),), (Cell((("a", "1"),), -1),)
        ),
    ],
)
def test_what_cannot_be(design: FactorialDesign) -> None:
    with pytest.raises(BadInput):
        draft_of(design)


@pytest.mark.parametrize("factors", [1, 6])
def test_what_is_too_large_is_told_at_once(factors: int) -> None:
    values = tuple(map(str, range(MOST_SAMPLES + 1 if factors == 1 else 100)))
    stage = Stage(ENTITY, factors=tuple(DesignFactor(f"f{n}", values) for n in range(factors)))
    with pytest.raises(LimitExceeded, match="23975"):
        draft_of(FactorialDesign((stage,)))
