"""Parents and children written by pybis, from either end."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import VARIANTS, saved

# Relatives come as references where they can: what pybis does not resolve, it would unlink.
pytestmark = pytest.mark.parametrize("writing", VARIANTS, indirect=True)

_numbers = count(1)


@pytest.fixture(scope="module")
def space(w: Openbis) -> str:
    return str(saved(w.new_space(code="LINEAGE")).code)


@pytest.fixture
def family(w: Openbis, space: str) -> list[Any]:
    """Three samples that nothing relates yet."""
    return [
        saved(w.new_sample("UNKNOWN", code=f"MEMBER_{next(_numbers)}", space=space))
        for _ in range(3)
    ]


def parents(w: Openbis, sample: Any) -> set[str]:
    return set(w.get_sample(sample.permId).parents)


def children(w: Openbis, sample: Any) -> set[str]:
    return set(w.get_sample(sample.permId).children)


def test_a_sample_born_with_parents(w: Openbis, space: str, family: list[Any]) -> None:
    one, two, _ = family
    pool = saved(w.new_sample("UNKNOWN", code="POOL", space=space, parents=[one, two.identifier]))
    assert parents(w, pool) == {one.identifier, two.identifier}
    assert children(w, one) == children(w, two) == {pool.identifier}


def test_a_sample_born_with_children(w: Openbis, space: str, family: list[Any]) -> None:
    one, two, _ = family
    source = saved(w.new_sample("UNKNOWN", code="SOURCE", space=space, children=[one, two]))
    assert children(w, source) == {one.identifier, two.identifier}
    assert parents(w, one) == {source.identifier}


def test_parents_come_and_go(w: Openbis, family: list[Any]) -> None:
    one, two, child = family
    child.add_parents([one, two])
    child.save()
    assert parents(w, child) == {one.identifier, two.identifier}
    child = w.get_sample(child.permId)
    child.del_parents(one.identifier)
    child.save()
    assert parents(w, child) == {two.identifier}
    assert children(w, one) == set()
    child = w.get_sample(child.permId)
    child.set_parents([one])
    child.save()
    assert parents(w, child) == {one.identifier}
    child = w.get_sample(child.permId)
    child.parents = []
    child.save()
    assert parents(w, child) == set()


def test_children_come_and_go(w: Openbis, family: list[Any]) -> None:
    one, two, parent = family
    parent.add_children([one, two])
    parent.save()
    assert children(w, parent) == {one.identifier, two.identifier}
    assert parents(w, one) == parents(w, two) == {parent.identifier}
    parent = w.get_sample(parent.permId)
    parent.del_children([two])
    parent.save()
    assert children(w, parent) == {one.identifier}
    assert parents(w, two) == set()
    parent = w.get_sample(parent.permId)
    parent.set_children(two)
    parent.save()
    assert children(w, parent) == {two.identifier}


def test_saving_something_else_keeps_relations(w: Openbis, family: list[Any]) -> None:
    grandparent, parent, child = family
    parent.add_parents(grandparent)
    parent.add_children(child)
    parent.save()
    parent = w.get_sample(parent.permId)
    parent.props["$name"] = "renamed"
    parent.save()
    assert parents(w, parent) == {grandparent.identifier}
    assert children(w, parent) == {child.identifier}
    (found,) = w.get_samples(code=parent.code)  # found without relations, saved without them
    found.props["$name"] = "renamed again"
    found.save()
    assert parents(w, parent) == {grandparent.identifier}
    assert children(w, parent) == {child.identifier}
    assert w.get_sample(parent.permId).props["$name"] == "renamed again"


def test_lineage_is_searchable_at_once(w: Openbis, family: list[Any]) -> None:
    grandparent, parent, child = family
    parent.add_parents(grandparent)
    parent.save()
    child.add_parents(parent)
    child.save()
    assert list(w.get_samples(withParents=parent.identifier).df["identifier"]) == [child.identifier]
    assert list(w.get_samples(withChildren=parent.permId).df["identifier"]) == [
        grandparent.identifier
    ]
    assert list(child.get_parents().get_parents().df["identifier"]) == [grandparent.identifier]


def test_nobody_is_their_own_ancestor(w: Openbis, family: list[Any]) -> None:
    one, two, _ = family
    two.add_parents(one)
    two.save()
    one = w.get_sample(one.permId)
    one.add_parents(two)
    with pytest.raises(ValueError, match=r"[Cc]ircular|[Cc]ycl"):
        one.save()
    assert parents(w, one) == set()


def test_relatives_are_touched(w: Openbis, family: list[Any]) -> None:
    parent, child, _ = family
    before = w.get_sample(parent.permId).data["modificationDate"]
    child.add_parents(parent)
    child.save()
    assert w.get_sample(parent.permId).data["modificationDate"] > before
