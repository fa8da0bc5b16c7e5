"""Sets with unknown members obey the logic of Kleene, element by element."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.cohorts.verdict import Verdict

ALL = frozenset("abcdef")


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    sure = draw(st.frozensets(st.sampled_from(sorted(ALL))))
    return Verdict(sure, sure | draw(st.frozensets(st.sampled_from(sorted(ALL)))))


def value(verdict: Verdict, one: str) -> float:
    """1 for true, 0 for false, a half for unknown."""
    return 1 if one in verdict.sure else 0.5 if one in verdict.possible else 0


@settings(deadline=None)
@given(verdicts(), verdicts())
def test_connectives(left: Verdict, right: Verdict) -> None:
    for one in ALL:
        a, b = value(left, one), value(right, one)
        assert value(left & right, one) == min(a, b)
        assert value(left | right, one) == max(a, b)
        assert value(left.opposite(ALL), one) == 1 - a


def test_what_is_known_is_complete() -> None:
    assert Verdict.known(ALL).complete
    assert not Verdict.unknown(ALL).complete
    assert Verdict.unknown(()).complete
