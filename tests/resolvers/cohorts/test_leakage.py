from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from resolvers.cohorts.leakage import MOST_LEAKS, Bonds, Tie
from resolvers.cohorts.splits import USUAL_TOGETHER, Bond, Part, SplitPlan, divide

TIES = st.lists(
    st.builds(Tie, st.sampled_from(Bond), st.sampled_from("xyz"), st.sampled_from("abcdefgh"))
)


def gathered(ties: Iterable[Tie]) -> Bonds:
    bonds = Bonds()
    bonds.extend(ties)
    return bonds


@given(TIES, st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(("train", "test"))))
def test_a_report_tells_what_a_naive_look_tells(ties: list[Tie], parts: dict[str, str]) -> None:
    expected = {
        (one.bond, one.through)
        for one in ties
        for other in ties
        if (one.bond, one.through) == (other.bond, other.through)
        and one.subject in parts
        and other.subject in parts
        and parts[one.subject] != parts[other.subject]
    }
    report = gathered(ties).report(parts)
    assert {(leak.bond, leak.through) for leak in report.leaks} == expected
    assert sum(report.counts.values()) == len(expected)
    assert report.clean is not bool(expected)
    assert report.subjects == len({each for leak in report.leaks for each in leak.subjects})


@given(TIES, st.sets(st.sampled_from(Bond)), st.text(max_size=4))
def test_nothing_leaks_through_what_is_kept_together(
    ties: list[Tie], together: set[Bond], salt: str
) -> None:
    bonds = gathered(ties)
    plan = SplitPlan((Part("train", 0.5), Part("test", 0.5)), salt, None, tuple(together))
    subjects = {tie.subject for tie in ties}
    report = bonds.report(divide(plan, subjects, groups=bonds.groups(together)))
    assert not report.counts.keys() & together


def test_bonds_carry_on() -> None:
    bonds = gathered(
        [
            Tie(Bond.SHARED_IMAGE, "1", "c"),
            Tie(Bond.SHARED_IMAGE, "1", "b"),
            Tie(Bond.POOLED_SAMPLE, "p", "b"),
            Tie(Bond.POOLED_SAMPLE, "p", "a"),
            Tie(Bond.SHARED_ANCESTOR, "root", "a"),
            Tie(Bond.SHARED_ANCESTOR, "root", "z"),
        ]
    )
    assert bonds.groups(USUAL_TOGETHER) == dict.fromkeys("abc", "a")
    assert bonds.groups(Bond) == dict.fromkeys("abcz", "a")


def test_an_image_of_one_subject_alone_leaks_nothing() -> None:
    bonds = gathered([Tie(Bond.SHARED_IMAGE, "1", "a"), Tie(Bond.SHARED_IMAGE, "1", "a")])
    assert bonds.report({"a": "train", "b": "test"}).clean
    assert bonds.groups(Bond) == {}


def test_many_leaks_are_counted_but_not_all_told() -> None:
    bonds = gathered(
        Tie(Bond.SHARED_IMAGE, str(image), subject) for image in range(250) for subject in "ab"
    )
    report = bonds.report({"a": "train", "b": "test"})
    assert report.counts == {Bond.SHARED_IMAGE: 250}
    assert len(report.leaks) == MOST_LEAKS
