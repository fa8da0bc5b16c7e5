from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from link_store.records import Evidence
from resolvers.links.weighing import Claim, weigh

NAME, NOTE, IDS = Evidence.NAME, Evidence.MAP_ANNOTATION, Evidence.OMERO_IDS


def weighed(*claims: tuple[str, int, Evidence], **given_: Any) -> tuple[Any, Any]:
    settled = {"linked": set(), "linked_of_omero": set(), "within": set(range(100)), **given_}
    agreed, tangled = weigh([Claim(*each) for each in claims], **settled)
    return (
        [(each.perm_id, each.omero_id, each.evidence) for each in agreed],
        [(each.perm_ids, each.omero_ids) for each in tangled],
    )


def test_claims_that_agree_make_surer() -> None:
    agreed, tangled = weigh(
        [Claim("a", 1, NAME), Claim("a", 1, IDS), Claim("a", 1, NAME)],
        linked=(),
        linked_of_omero=(),
        within={1},
    )
    assert tangled == []
    (one,) = agreed
    assert one.evidence == (IDS, NAME)
    assert one.confidence == 0.99


def test_what_contradicts_is_told_whole_and_never_decided() -> None:
    assert weighed(("a", 1, NAME), ("a", 2, IDS)) == ([], [(("a",), (1, 2))])
    assert weighed(("a", 1, IDS), ("b", 1, NAME)) == ([], [(("a", "b"), (1,))])
    chain = weighed(("a", 1, NAME), ("b", 1, NAME), ("b", 2, NAME), ("c", 3, NAME))
    assert chain == ([("c", 3, (NAME,))], [(("a", "b"), (1, 2))])


def test_an_annotation_comes_before_names() -> None:
    # dataset 1 bears b's name, but is annotated for a; dataset 2 bears a's name, too
    agreed, tangled = weighed(("a", 1, NOTE), ("b", 1, NAME), ("a", 2, NAME), ("b", 3, NAME))
    assert agreed == [("a", 1, (NOTE,)), ("b", 3, (NAME,))]
    assert tangled == [(("a",), (2,))]


def test_annotations_that_contradict_each_other_decide_nothing() -> None:
    assert weighed(("a", 1, NOTE), ("a", 2, NOTE)) == ([], [(("a",), (1, 2))])


def test_what_is_linked_is_left_alone_and_what_claims_it_is_told() -> None:
    settled = {"linked": {"a"}, "linked_of_omero": {1}}
    assert weighed(("a", 1, NAME), ("a", 1, IDS), **settled) == ([], [])
    assert weighed(("a", 2, NAME), **settled) == ([], [(("a",), (2,))])
    assert weighed(("b", 1, IDS), **settled) == ([], [(("b",), (1,))])


def test_what_lies_elsewhere_is_not_proposed() -> None:
    assert weighed(("a", 500, IDS)) == ([], [(("a",), (500,))])
    assert weighed(("a", 500, IDS), ("a", 1, NAME)) == ([], [(("a",), (1, 500))])


KINDS = st.sampled_from([NAME, NOTE, IDS])
CLAIMS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 6), KINDS), max_size=14)


@given(CLAIMS, st.sets(st.sampled_from("abcdef")), st.sets(st.integers(1, 6)), st.randoms())
def test_each_object_is_agreed_on_at_most_once_in_whatever_order(
    claims: list[tuple[str, int, Evidence]], linked: set[str], there: set[int], order: Any
) -> None:
    settled = {"linked": linked, "linked_of_omero": there}
    agreed, tangled = weighed(*claims, **settled)
    assert len({each[0] for each in agreed}) == len({each[1] for each in agreed}) == len(agreed)
    assert not {each[0] for each in agreed} & linked
    assert not {each[1] for each in agreed} & there
    assert all((perm_id, omero_id) in {c[:2] for c in claims} for perm_id, omero_id, _ in agreed)
    shuffled = list(claims)
    order.shuffle(shuffled)
    assert weighed(*shuffled, **settled) == (agreed, tangled)
    # what was agreed on and is linked then stays so: a second run finds nothing new
    later = {
        "linked": linked | {each[0] for each in agreed},
        "linked_of_omero": there | {each[1] for each in agreed},
    }
    assert weighed(*claims, **later)[0] == []
