"""Who sees which images, in which group context: facts §1.5 as a table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.demo.omero.rights import Group, Member, permissions_of
from backends.demo.omero.store import OmeroStore, StoreSecurityViolation
from tests.backends.demo.omero.laboratory import (
    ANN,
    BOB,
    CLOSED,
    EVE,
    LAB,
    OPEN,
    Desk,
    laboratory,
    owned,
)

IMAGES = "select i.id from Image i order by i.id"
LAB_IMAGES = [1, 2, 3, 4, 5]


@pytest.fixture(scope="module")
def store() -> Iterator[OmeroStore]:
    content = laboratory()
    # A dataset of the lab that holds eve's private image, and one of eve's own.
    owned(content, "DatasetImageLink", {"parent": 3, "child": 7})
    owned(content, "Dataset", {"name": "hidden"}, owner=EVE, group=CLOSED)
    store = OmeroStore(content)
    yield store
    store.shut_down()


@pytest.mark.parametrize(
    ("user", "group", "visible"),
    [
        ("root", -1, [1, 2, 3, 4, 5, 6, 7, 8]),
        ("root", LAB, LAB_IMAGES),
        ("root", CLOSED, [6, 7]),
        ("ann", -1, [*LAB_IMAGES, 6, 8]),
        ("ann", LAB, LAB_IMAGES),
        ("ann", None, LAB_IMAGES),
        ("ann", CLOSED, [6]),
        ("ann", OPEN, [8]),
        ("bob", -1, [*LAB_IMAGES, 8]),
        ("bob", LAB, LAB_IMAGES),
        ("eve", -1, [6, 7, 8]),
        ("eve", CLOSED, [6, 7]),
        ("eve", OPEN, [8]),
    ],
)
def test_a_context_shows_what_its_user_may_read(
    store: OmeroStore, user: str, group: int | None, visible: list[int]
) -> None:
    assert Desk(store, user).column(IMAGES, group) == visible


@pytest.mark.parametrize(
    ("user", "group"), [("bob", CLOSED), ("eve", LAB), ("ann", 99), ("ann", 1)]
)
def test_a_group_one_is_not_in_is_refused(store: OmeroStore, user: str, group: int) -> None:
    with pytest.raises(StoreSecurityViolation, match=f"not in group {group}"):
        Desk(store, user).ask(IMAGES, group)


def test_an_inner_join_to_an_invisible_row_drops_and_a_left_join_gives_null(
    store: OmeroStore,
) -> None:
    ann, root = Desk(store), Desk(store, "root")
    inner = "select l.id, i.name from DatasetImageLink l join l.child i where l.parent.id = 3"
    left = "select i.name from DatasetImageLink l left outer join l.child i where l.parent.id = 3"
    foreign_key = "select l.child.id from DatasetImageLink l where l.parent.id = 3"
    assert ann.ask(inner) == []
    assert ann.column(left) == [None]
    assert ann.column(foreign_key) == [7]
    assert root.column(left) == ["theirs"]


def test_an_implicit_join_to_an_invisible_row_drops_it(store: OmeroStore) -> None:
    hql = "select l.child.name from DatasetImageLink l where l.parent.id = 3"
    assert Desk(store).ask(hql) == []
    assert Desk(store, "root").column(hql) == ["theirs"]


def test_subqueries_and_sizes_see_no_more_than_queries(store: OmeroStore) -> None:
    inside = (
        "select d.name from Dataset d where d.name in (select h.name from Dataset h) order by d.id"
    )
    counted = "select (select count(*) from Image i) from Project p"
    eve = Desk(store, "eve")
    assert eve.column(inside) == ["hidden"]
    assert "hidden" not in Desk(store, "bob").column(inside)
    assert Desk(store, "bob").column(counted) == [6]
    links = "select size(p.datasetLinks) from Project p"
    assert Desk(store, "bob").column(links) == [2]


def test_rows_of_the_user_group_are_seen_by_everyone() -> None:
    content = laboratory()
    owned(content, "Image", {"name": "shared"}, owner=1, group=2)
    store = OmeroStore(content)
    assert Desk(store, "bob").column("select i.name from Image i where i.id = 9", LAB) == ["shared"]
    store.shut_down()


def test_users_groups_events_and_enumerations_are_everyones(store: OmeroStore) -> None:
    eve = Desk(store, "eve")
    assert len(eve.ask("select e.omeName from Experimenter e")) == 4
    assert len(eve.ask("select g.name from ExperimenterGroup g")) == 5
    assert eve.column("select f.value from Format f order by f.value") == ["TIFF", "ZeissCZI"]
    assert eve.column("select e.time from Event e order by e.time") == [1000, 2000, 3000]


@pytest.mark.parametrize(
    ("permissions", "user", "expected"),
    [
        ("rw----", Member(ANN, False, (LAB,), ()), ""),
        ("rwr---", Member(ANN, False, (LAB,), ()), ""),
        ("rwra--", Member(ANN, False, (LAB,), ()), "Annotate"),
        ("rwrw--", Member(ANN, False, (LAB,), ()), "Edit Annotate Delete Link"),
        ("rwr---", Member(BOB, False, (LAB,), ()), "Edit Annotate Delete Link Chgrp"),
        ("rwr---", Member(ANN, False, (LAB,), (LAB,)), "Edit Annotate Delete Link Chown"),
        ("rw----", Member(1, True, (), ()), "Edit Annotate Delete Link Chgrp Chown"),
        ("rwrwrw", Member(EVE, False, (CLOSED,), ()), ""),
    ],
)
def test_what_may_be_done_to_bobs_row(permissions: str, user: Member, expected: str) -> None:
    rights = permissions_of(user, BOB, Group(LAB, "lab", permissions))
    assert rights.pop("perm") == permissions
    assert " ".join(key.removeprefix("can") for key, may in rights.items() if may) == expected
