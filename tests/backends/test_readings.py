from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.readings import SMALL, Readings

LIMIT = 4 * SMALL
A, B, C = (letter * SMALL for letter in (b"a", b"b", b"c"))


def test_an_answer_is_kept_from_its_second_time_on() -> None:
    readings, made = Readings(LIMIT), ("records",)
    assert readings.find(A) is None
    readings.keep(A, ("others",))
    assert readings.find(A) is None
    readings.keep(A, made)
    assert readings.find(bytes(bytearray(A))) is made  # the same bytes, in another place
    assert readings.find(A[:-1] + b"b") is None


def test_the_same_bytes_read_for_another_question_are_another_reading() -> None:
    readings = Readings(LIMIT)
    for how in ("first", "first", "second", "second"):
        readings.keep(A, how.upper(), how)
    assert [readings.find(A, how) for how in ("first", "second", None)] == ["FIRST", "SECOND", None]


@pytest.mark.parametrize("answer", [b"", b"a" * (SMALL - 1), b"a" * (LIMIT + 1)])
def test_what_is_small_or_too_large_is_read_each_time(answer: bytes) -> None:
    readings = Readings(LIMIT)
    for _ in range(3):
        readings.keep(answer, "made")
    assert readings.find(answer) is None


def test_without_a_limit_nothing_is_kept() -> None:
    readings = Readings()
    for _ in range(3):
        readings.keep(A, "made")
    assert readings.find(A) is None


answers = st.sampled_from([A, B, C, A + b"a", B * 2, C * 3])


@given(st.lists(st.tuples(answers, st.booleans()), max_size=60))
def test_it_holds_the_last_used_within_its_limit(steps: list[tuple[bytes, bool]]) -> None:
    """Against the plain rule: keep what comes again, drop what was used longest ago."""
    readings = Readings(LIMIT)
    kept: OrderedDict[bytes, object] = OrderedDict()
    met: set[bytes] = set()
    for answer, looks in steps:
        if looks:
            assert readings.find(answer) is kept.get(answer)
            if answer in kept:
                kept.move_to_end(answer)
            continue
        made = object()
        readings.keep(answer, made)
        if answer in met:
            kept.pop(answer, None)
            while kept and sum(map(len, kept)) + len(answer) > LIMIT:
                kept.popitem(last=False)
            kept[answer] = made
        met.add(answer)
    assert sum(map(len, kept)) <= LIMIT
