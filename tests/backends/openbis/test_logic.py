"""Conditions mean the same to openBIS, with its peculiar negation, as they mean to us."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import InvalidRequest
from backends.openbis.logic import ALWAYS, NEVER, Condition, Every, Leaf, Not, Some, encode

OWNER = "as.dto.sample.search.SampleSearchCriteria"
IMPOSSIBLE = {"fact": -1}
FACTS = range(5)


def leaf(number: int) -> Leaf:
    return Leaf({"fact": number})


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.sampled_from(FACTS).map(leaf),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda parts: Every(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Some(tuple(parts))),
    ),
    max_leaves=12,
)


def holds(condition: Condition, facts: frozenset[int]) -> bool:
    match condition:
        case Leaf(criterion):
            return criterion["fact"] in facts
        case Not(part):
            return not holds(part, facts)
        case Every(parts):
            return all(holds(part, facts) for part in parts)
        case Some(parts):
            return any(holds(part, facts) for part in parts)


def openbis_holds(criterion: dict[str, Any], facts: frozenset[int]) -> bool:
    """How openBIS evaluates a group: `negated` turns around the direct criteria only."""
    if "fact" in criterion:
        return criterion["fact"] in facts
    parts = criterion["criteria"]
    assert parts, "an empty group means something else on every server"
    combine = all if criterion["operator"] == "AND" else any
    direct = [openbis_holds(part, facts) for part in parts if "fact" in part]
    outcomes = [openbis_holds(part, facts) for part in parts if "fact" not in part]
    if direct:
        outcomes.append(combine(direct) != criterion.get("negated", False))
    return combine(outcomes)


@given(CONDITIONS, st.frozensets(st.sampled_from(FACTS)))
def test_openbis_understands_what_was_meant(condition: Condition, facts: frozenset[int]) -> None:
    criteria = encode(OWNER, condition, IMPOSSIBLE)
    assert all(openbis_holds(each, facts) for each in criteria) == holds(condition, facts)


def test_always_is_no_criterion_and_never_an_impossible_one() -> None:
    assert encode(OWNER, ALWAYS, IMPOSSIBLE) == []
    assert encode(OWNER, Not(NEVER), IMPOSSIBLE) == []
    assert encode(OWNER, Every((leaf(1), NEVER)), IMPOSSIBLE) == [IMPOSSIBLE]


def test_several_plain_criteria_are_negated_together() -> None:
    assert encode(OWNER, Not(Every((leaf(1), leaf(2)))), IMPOSSIBLE) == [
        {
            "@type": OWNER,
            "operator": "AND",
            "criteria": [{"fact": 1}, {"fact": 2}],
            "negated": True,
        }
    ]


def test_conditions_on_parents_never_share_a_group() -> None:
    family = Leaf({"fact": 1}, family=True)
    other = Leaf({"fact": 2}, family=True)
    criteria = encode(OWNER, Every((Every((family,)), Every((other,)))), IMPOSSIBLE)
    assert [each["criteria"] for each in criteria] == [[{"fact": 1}], [{"fact": 2}]]


@pytest.mark.parametrize("wrap", [lambda part: part, lambda part: Every((part, leaf(1)))])
def test_negated_parents_are_refused_with_advice(wrap: Any) -> None:
    with pytest.raises(InvalidRequest, match="ask for what has one and leave those out"):
        encode(OWNER, Not(wrap(Leaf({"fact": 2}, family=True))), IMPOSSIBLE)
