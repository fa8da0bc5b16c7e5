from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from backends.records import SampleRecord
from resolvers.catalog import ancestors, descendants, subject_of

SUBJECT = "Q_BIOLOGICAL_ENTITY"
CONTEXT: Any = SimpleNamespace(services=SimpleNamespace(subject_types=(SUBJECT,)))
Graph = list[list[int]]  # the parents of each sample; those come earlier


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Random lineages without cycles, pools included."""
    size = draw(st.integers(1, 9))
    return [
        sorted(draw(st.sets(st.integers(0, place - 1), max_size=3))) if place else []
        for place in range(size)
    ]


def sample(
    number: int, relation: str, related: tuple[SampleRecord, ...], type_: str = "T"
) -> SampleRecord:
    names = {"perm_id": f"p{number}", "code": f"S{number}", "identifier": f"/X/S{number}"}
    return SampleRecord(
        **names,
        registered_at=None,
        modified_at=None,
        type_code=type_,
        fetched=frozenset({"type", relation}),
        **{relation: related},
    )


def records(edges: Graph, relation: str, types: dict[int, str] | None = None) -> list[SampleRecord]:
    """The samples of a graph, in which edges point to earlier ones."""
    made: list[SampleRecord] = []
    for number, related in enumerate(edges):
        type_ = (types or {}).get(number, "T")
        made.append(sample(number, relation, tuple(made[each] for each in related), type_))
    return made


def distances(edges: Graph, start: int) -> dict[int, int]:
    """How far each one above is, by breadth-first search."""
    found: dict[int, int] = {}
    ring, far = set(edges[start]), 1
    while ring:
        for each in ring:
            found.setdefault(each, far)
        ring = {up for each in ring for up in edges[each]} - found.keys()
        far += 1
    return found


@pytest.mark.parametrize(("relation", "walk"), [("parents", ancestors), ("children", descendants)])
@given(edges=graphs(), data=st.data())
def test_the_lineage_is_the_transitive_closure_nearest_first(
    relation: str, walk: Any, edges: Graph, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(edges) - 1))
    known = distances(edges, start)
    found = [int(each.perm_id[1:]) for each in walk(records(edges, relation)[start])]
    assert len(found) == len(set(found))
    assert set(found) == set(known)
    assert [known[each] for each in found] == sorted(known.values())


@given(edges=graphs(), data=st.data())
def test_the_lineage_of_one_type_is_part_of_the_whole(edges: Graph, data: st.DataObject) -> None:
    kinds = st.sampled_from(["A", "B"])
    types = {number: data.draw(kinds) for number in range(len(edges))}
    last = records(edges, "parents", types)[-1]
    parts = {kind: ancestors(last, kind) for kind in ("A", "B", "C")}
    assert parts["C"] == ()
    assert all(each.type_code == kind for kind, part in parts.items() for each in part)
    whole = [each.perm_id for each in ancestors(last)]
    for part in parts.values():  # in the same order
        told = [each.perm_id for each in part]
        assert told == [each for each in whole if each in told]
    assert len(parts["A"]) + len(parts["B"]) == len(whole)


@pytest.mark.parametrize(("relation", "walk"), [("parents", ancestors), ("children", descendants)])
def test_a_cycle_ends(relation: str, walk: Any) -> None:
    """openBIS forbids cycles; if one came all the same, nobody would wait for ever."""
    first = sample(1, relation, ())
    second = sample(2, relation, (first,))
    force_setattr(first, relation, (second, first))
    assert [each.code for each in walk(first)] == ["S2"]
    assert [each.code for each in walk(second)] == ["S1"]


def test_what_was_not_fetched_has_no_lineage() -> None:
    bare = SampleRecord("p", "S", "/X/S", None, None)
    assert ancestors(bare) == descendants(bare) == ()


def test_the_subject_of_a_run_is_far_above() -> None:
    edges: Graph = [[], [0], [1], [2]]
    line = records(edges, "parents", {0: SUBJECT})
    assert [subject_of(CONTEXT, each) for each in line] == [line[0]] * 4


def test_a_pool_of_two_subjects_has_none_and_of_one_has_it() -> None:
    edges: Graph = [[], [], [0], [1], [2, 3], [2, 2]]
    line = records(edges, "parents", {0: SUBJECT, 1: SUBJECT})
    assert subject_of(CONTEXT, line[4]) is None
    assert subject_of(CONTEXT, line[2]) is line[0]
    assert subject_of(CONTEXT, line[5]) is line[0]


def test_where_no_sample_has_the_type_the_root_is_the_subject() -> None:
    edges: Graph = [[], [0], [], [1, 2]]
    line = records(edges, "parents")
    assert subject_of(CONTEXT, line[0]) is line[0]
    assert subject_of(CONTEXT, line[1]) is line[0]
    assert subject_of(CONTEXT, line[3]) is None  # two roots


@given(edges=graphs(), data=st.data())
def test_a_subject_is_the_only_one_of_its_line(edges: Graph, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, len(edges) - 1)))
    line = records(edges, "parents", dict.fromkeys(chosen, SUBJECT))
    last = len(edges) - 1
    above = {last, *distances(edges, last)}
    typed = above & chosen
    candidates = typed or {each for each in above if not edges[each]}
    expected = line[candidates.pop()] if len(candidates) == 1 else None
    assert subject_of(CONTEXT, line[last]) == expected
