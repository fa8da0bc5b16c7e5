"""The digest of a frozen cohort changes if and only if what is frozen does."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from link_store.snapshots import Digest
from resolvers.cohorts.rows import line_of
from resolvers.cohorts.shelf import digest_of
from resolvers.cohorts.splits import Part, SplitPlan

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
ROWS = st.lists(
    st.dictionaries(TEXTS, TEXTS | st.integers(-9, 9) | st.lists(TEXTS, max_size=2), max_size=3),
    max_size=2,
)


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """A frozen cohort in small: few values, so that two are often equal."""
    return {
        "unit": draw(st.sampled_from(("SUBJECT", "SAMPLE"))),
        "question": draw(st.sampled_from(({}, {"project": 1}, {"project": 2}))),
        "revision": draw(st.integers(0, 1)),
        "versions": draw(st.sampled_from(({"openBIS": "1"}, {"openBIS": "2"}))),
        "members": draw(st.dictionaries(st.sampled_from("abc"), ROWS, max_size=2)),
    }


def digest(content: dict[str, Any]) -> str:
    """The digest as `snapshots.freeze` has the store take it."""

    def json(value: Any) -> str:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    lines = {
        member: b"".join(map(line_of, rows)) for member, rows in sorted(content["members"].items())
    }
    whole = hashlib.sha256(b"".join(lines.values())).hexdigest()
    taken = Digest(
        unit=content["unit"],
        predicate=json(content["question"]),
        link_revision=content["revision"],
        backend_versions=json(content["versions"]),
        completeness=json({"rowsSha256": whole}),
    )
    taken.add(
        (member, json({"rows": {"sha256": hashlib.sha256(line).hexdigest()}}))
        for member, line in lines.items()
    )
    return taken.hexadecimal()


@given(contents(), contents())
def test_equal_contents_have_equal_digests_and_others_not(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (digest(one) == digest(other)) is (one == other)


@given(contents(), st.data())
def test_a_single_value_changes_it(content: dict[str, Any], data: st.DataObject) -> None:
    before = digest(content)
    member = data.draw(st.sampled_from("abcd"))
    row = {"name": data.draw(TEXTS)}
    content["members"].setdefault(member, []).append(row)
    after = digest(content)
    assert after != before
    row["name"] += "x"
    assert digest(content) not in {before, after}


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_keys_does_not_change_it(names: list[str]) -> None:
    assert line_of({name: name for name in names}) == line_of({"a": "a", "b": "b", "c": "c"})


@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.text(max_size=3))
def test_a_split_has_a_digest_of_its_own(snapshot: str, salt: str) -> None:
    plans = [SplitPlan((Part("a", 1.0),), s) for s in (salt, salt + "x")]
    digests = {digest_of(snapshot, None), *(digest_of(snapshot, p.canonical()) for p in plans)}
    assert len(digests) == 3
