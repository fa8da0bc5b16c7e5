"""The look-ahead as a value: order does not matter, unions merge at every level."""

from hypothesis import given
from hypothesis import strategies as st

from backends.fetch import NOTHING_MORE, Fetch

NAMES = st.sampled_from(["type", "properties", "parents", "experiment", "project"])
FETCHES = st.recursive(
    st.just(NOTHING_MORE),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3).map(
        lambda relations: Fetch(tuple(sorted(relations.items())))
    ),
    max_leaves=8,
)


def test_the_order_of_names_does_not_matter() -> None:
    one = Fetch.of("type", "properties", parents=Fetch.of("type"))
    other = Fetch.of("properties", "type", parents=Fetch.of("type"))
    assert one == other
    assert hash(one) == hash(other)


def test_names_and_what_lies_beyond_them() -> None:
    fetch = Fetch.of("type", parents=Fetch.of("properties"))
    assert fetch.names() == {"type", "parents"}
    assert fetch.get("parents") == Fetch.of("properties")
    assert fetch.get("type") == NOTHING_MORE
    assert fetch.get("children") is None
    assert "parents" in fetch
    assert "children" not in fetch


def test_a_union_merges_below_a_shared_name() -> None:
    union = Fetch.of("type", parents=Fetch.of("type")) | Fetch.of(parents=Fetch.of("properties"))
    assert union == Fetch.of("type", parents=Fetch.of("type", "properties"))


@given(FETCHES, FETCHES, FETCHES)
def test_union_is_a_set_union(one: Fetch, other: Fetch, third: Fetch) -> None:
    assert one | other == other | one
    assert (one | other) | third == one | (other | third)
    assert one | one == one
    assert one | NOTHING_MORE == one
    assert Fetch.union([one, other, third]) == one | other | third
