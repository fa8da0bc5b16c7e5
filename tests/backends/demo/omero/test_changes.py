"""The adapter's changes carried out by the store itself, without Ice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.demo.omero import changes
from backends.demo.omero.errors import (
    StoreLockError,
    StoreMissingError,
    StoreQueryError,
    StoreSecurityViolation,
    StoreValidationError,
)
from backends.demo.omero.store import OmeroStore
from backends.omero.write import Changes, Deletion, ExternalId, New, Pairs, Ref, Saved, Update
from tests.backends.demo.omero.laboratory import ANN, LAB, Desk, laboratory


@pytest.fixture
def desk() -> Iterator[Desk]:
    store = OmeroStore(laboratory())
    yield Desk(store)
    store.shut_down()


def save(desk: Desk, *items: New | Update) -> tuple[Saved, ...]:
    return changes.save(desk.store, desk.session, items, LAB)


def test_what_is_made_is_linked_and_annotated_at_once(desk: Desk) -> None:
    plan = Changes()
    dataset = plan.new("Dataset", {"name": "QABCD003EF"}, external=ExternalId("sample", "2024-9"))
    plan.link("ProjectDatasetLink", Ref("Project", 1), dataset)
    pairs = plan.new("MapAnnotation", {"ns": "omnibis/link", "mapValue": Pairs((("a", "b"),))})
    plan.annotate(dataset, pairs)
    saved = changes.save(desk.store, desk.session, plan.items, LAB)
    assert saved[0] == Saved("Dataset", 4, 0)
    assert desk.ask(
        """select p.id, x.uuid, mv.name, d.details.owner.id, d.details.group.id from Dataset d
        join d.projectLinks l join l.parent p join d.details.externalInfo x
        join d.annotationLinks al join al.child a join a.mapValue mv where d.id = 4"""
    ) == [[1, "2024-9", "a", ANN, LAB]]


def test_an_update_keeps_what_it_does_not_name(desk: Desk) -> None:
    assert save(desk, Update("Project", 1, 3, {"name": "renamed"})) == (Saved("Project", 1, 4),)
    told = "select p.name, p.description, p.details.externalInfo.uuid from Project p"
    assert desk.ask(told) == [["renamed", "Study", "2024-1"]]


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (Update("Project", 1, 2, {"name": "stale"}), StoreLockError),
        (Update("Project", 9, None, {"name": "gone"}), StoreMissingError),
        (Update("Project", 1, 3, {"nam": "x"}), StoreQueryError),
        (Update("Project", 1, 3, {"name": 7}), StoreQueryError),
        (Update("Project", 1, 3, {}, ExternalId("other", "1")), StoreSecurityViolation),
        (New("Nonsense", {}), StoreQueryError),
        (New("Dataset", {}), StoreValidationError),
        (
            New("ProjectDatasetLink", {"parent": Ref("Project", 1), "child": Ref("Dataset", 9)}),
            StoreMissingError,
        ),
        (
            New("ProjectDatasetLink", {"parent": Ref("Project", 1), "child": Ref("Dataset", 1)}),
            StoreValidationError,
        ),
    ],
)
def test_a_refused_change_leaves_everything_as_it_was(
    desk: Desk, item: New | Update, error: type[Exception]
) -> None:
    with pytest.raises(error):
        save(desk, New("Dataset", {"name": "first"}), item)
    assert desk.column("select count(d.id) from Dataset d") == [3]
    assert desk.ask("select p.name, p.version from Project p") == [["QABCD", 3]]
    assert desk.column("select count(l.id) from EventLog l") == [0]


def test_a_deletion_tells_what_went_and_keeps_what_it_has_to(desk: Desk) -> None:
    keep = ("Dataset", "Annotation")
    dry = Deletion({"Project": (1,)}, keep=keep, dry_run=True)
    expected = {"ExternalInfo": (1,), "Project": (1,), "ProjectDatasetLink": (1, 2)}
    assert changes.delete(desk.store, desk.session, dry, LAB) == expected
    assert desk.column("select count(p.id) from Project p") == [1]
    real = Deletion({"Project": (1,)}, keep=keep)
    assert changes.delete(desk.store, desk.session, real, LAB) == expected
    assert desk.column("select count(d.id) from Dataset d") == [3]
    with pytest.raises(StoreMissingError):
        changes.delete(desk.store, desk.session, real, LAB)
    logged = "select l.entityType, l.entityId from EventLog l where l.action = 'DELETE'"
    assert ["ome.model.containers.Project", 1] in desk.ask(logged)


def test_others_may_not_delete(desk: Desk) -> None:
    bob = Desk(desk.store, "bob")
    with pytest.raises(StoreSecurityViolation):
        changes.delete(bob.store, bob.session, Deletion({"Project": (1,)}), LAB)
