"""Frozen cohorts: what is kept, what the database refuses, and the digest taken by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from link_store.database import LinkDatabase
from link_store.dialects import violated
from link_store.errors import InvalidSnapshot, SnapshotNotFound
from link_store.records import NewSampleLink
from link_store.snapshot_records import CohortUnit, NewMember, SnapshotRecord
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore

Attack = Callable[..., Awaitable[None]]
VERSIONS = {"openbis": "20.10.7", "omero": "5.6.9"}
QUESTION = {"has": {"image": {"modality": {"eq": "CT"}}, "atLeast": 5}}


@pytest.fixture
def snapshots(database: LinkDatabase) -> SnapshotStore:
    return SnapshotStore(database)


async def freeze(store: SnapshotStore, *perm_ids: str, **changed: Any) -> SnapshotRecord:
    told: dict[str, Any] = {
        "unit": CohortUnit.SUBJECT,
        "predicate": QUESTION,
        "link_revision": 17,
        "backend_versions": VERSIONS,
        "author": "ada",
        **changed,
    }
    name = told.pop("name", "liver")
    members = [NewMember(perm_id, {"images": [len(perm_id)]}) for perm_id in perm_ids]
    return await store.freeze(name, members, **told)


async def test_a_frozen_cohort_comes_back_as_it_was_with_members_in_order(
    snapshots: SnapshotStore,
) -> None:
    made = await freeze(
        snapshots, "P-3", "P-1", "P-2", description="before\nsurgery", completeness={"omero": "OK"}
    )
    assert await snapshots.snapshot(made.id) == made
    assert (made.name, made.author, made.unit) == ("liver", "ada", CohortUnit.SUBJECT)
    assert (made.link_revision, made.member_count) == (17, 3)
    assert json.loads(made.predicate) == QUESTION
    assert json.loads(made.backend_versions) == VERSIONS
    assert made.completeness == '{"omero":"OK"}'
    assert made.description == "before\nsurgery"
    assert made.created_at.utcoffset() is not None
    assert (made.deleted_by, made.deleted_at) == (None, None)
    members = await snapshots.members(made.id)
    assert [(one.position, one.perm_id) for one in members] == [(1, "P-1"), (2, "P-2"), (3, "P-3")]
    assert {one.details for one in members} == {'{"images":[3]}'}
    assert await snapshots.intact(made.id)


async def test_the_digest_can_be_taken_by_anybody(snapshots: SnapshotStore) -> None:
    made = await freeze(snapshots, "P-2", "P-1")
    lines = [
        {
            "backendVersions": VERSIONS,
            "completeness": {},
            "format": "omnibis-cohort/1",
            "linkRevision": 17,
            "predicate": QUESTION,
            "unit": "SUBJECT",
        },
        ["P-1", {"images": [3]}],
        ["P-2", {"images": [3]}],
    ]
    text = "".join(
        json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        for line in lines
    )
    assert made.digest == hashlib.sha256(text.encode()).hexdigest()


async def test_the_digest_depends_on_what_was_found_and_on_nothing_else(
    snapshots: SnapshotStore,
) -> None:
    first = await freeze(snapshots, "P-1", "P-2")
    again = await freeze(
        snapshots, "P-2", "P-1", name="other", author="ben", description="the same"
    )
    assert again.digest == first.digest
    others = [
        await freeze(snapshots, "P-1"),
        await freeze(snapshots, "P-1", "P-2", unit=CohortUnit.SAMPLE),
        await freeze(snapshots, "P-1", "P-2", predicate={}),
        await freeze(snapshots, "P-1", "P-2", link_revision=18),
        await freeze(snapshots, "P-1", "P-2", backend_versions={}),
        await freeze(snapshots, "P-1", "P-2", completeness={"omero": "UNAVAILABLE"}),
    ]
    assert len({one.digest for one in (first, *others)}) == 1 + len(others)


async def test_the_order_of_keys_is_no_part_of_the_question(snapshots: SnapshotStore) -> None:
    one = await freeze(snapshots, "P-1", predicate={"or": [{"a": 1, "b": 2}], "not": {}})
    other = await freeze(snapshots, "P-1", predicate={"not": {}, "or": [{"b": 2, "a": 1}]})
    assert one.digest == other.digest
    assert one.predicate == '{"not":{},"or":[{"a":1,"b":2}]}'


async def test_a_large_cohort_is_written_at_once_and_read_in_pages(
    snapshots: SnapshotStore,
) -> None:
    ids = [f"P-{i:05}" for i in range(12_001)]
    made = await freeze(snapshots, *reversed(ids))
    assert made.member_count == len(ids)
    sizes = [len(page) async for page in snapshots.pages(made.id, size=5000)]
    assert sizes == [5000, 5000, 2001]
    assert await snapshots.member_ids(made.id) == tuple(ids)
    assert await snapshots.intact(made.id)


async def test_an_empty_cohort_is_a_cohort(snapshots: SnapshotStore) -> None:
    made = await freeze(snapshots)
    assert (made.member_count, await snapshots.members(made.id)) == (0, ())
    assert await snapshots.intact(made.id)


@pytest.mark.parametrize(
    ("members", "changed", "told"),
    [
        (["P-1", "P-1"], {}, "P-1 is named twice"),
        (["P-1", ""], {}, "permId"),
        (["P\x00"], {}, "permId"),
        (["P-1"], {"name": "  "}, "name"),
        (["P-1"], {"name": "x" * 256}, "255"),
        (["P-1"], {"author": ""}, "author"),
        (["P-1"], {"predicate": {"a": object()}}, "JSON"),
        (["P-1"], {"predicate": {"a": "\ud800"}}, "JSON"),
        (["P-1"], {"description": "\x00"}, "null character"),
        (["P-1"], {"description": "\ud800"}, "no valid text"),
    ],
)
async def test_what_cannot_be_frozen_is_refused_and_leaves_nothing(
    snapshots: SnapshotStore, members: list[str], changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidSnapshot, match=told):
        await freeze(snapshots, *members, **changed)
    assert (await snapshots.search(limit=5, deleted=True, count=True)).total == 0


async def test_pages_of_snapshots_are_newest_first_in_both_directions(
    snapshots: SnapshotStore,
) -> None:
    made = [await freeze(snapshots, name=f"cohort {i}", author="ab"[i % 2]) for i in range(5)]
    newest = made[::-1]
    page = await snapshots.search(limit=2, count=True)
    assert (page.items, page.has_more, page.total) == (tuple(newest[:2]), True, 5)
    page = await snapshots.search(limit=3, key=newest[1].id)
    assert (page.items, page.has_more) == (tuple(newest[2:]), False)
    page = await snapshots.search(limit=2, backward=True)
    assert (page.items, page.has_more) == (tuple(newest[3:]), True)
    page = await snapshots.search(limit=2, backward=True, key=newest[3].id)
    assert (page.items, page.has_more) == (tuple(newest[1:3]), True)
    assert len((await snapshots.search(limit=9, author="a")).items) == 3
    assert (await snapshots.search(limit=9, name="cohort 3")).items == (made[3],)
    assert len((await snapshots.search(limit=9, digest=made[0].digest)).items) == 5
    assert (await snapshots.search(limit=9, digest="0" * 64)).items == ()


async def test_a_deleted_snapshot_keeps_its_row_and_loses_its_members(
    snapshots: SnapshotStore,
) -> None:
    made, kept = await freeze(snapshots, "P-1"), await freeze(snapshots, "P-1")
    gone = await snapshots.delete(made.id, author="ben")
    assert (gone.deleted_by, gone.digest) == ("ben", made.digest)
    assert gone.deleted_at is not None
    assert gone.deleted_at >= made.created_at
    assert await snapshots.members(made.id) == ()
    assert not await snapshots.intact(made.id)
    assert (await snapshots.search(limit=5)).items == (kept,)
    assert (await snapshots.search(limit=5, deleted=True)).items == (kept, gone)
    assert await snapshots.delete(made.id, author="cleo") == gone
    assert await snapshots.member_ids(kept.id) == ("P-1",)


async def test_what_never_was_is_not_found(snapshots: SnapshotStore) -> None:
    for number in (1, 0, -1, 2**63, 2**80):
        with pytest.raises(SnapshotNotFound):
            await snapshots.snapshot(number)
        with pytest.raises(SnapshotNotFound):
            await snapshots.delete(number, author="ada")
        assert await snapshots.members(number) == ()


async def test_snapshots_of_other_instances_are_not_seen(
    database: LinkDatabase, snapshots: SnapshotStore
) -> None:
    made = await freeze(snapshots, "P-1")
    other = SnapshotStore(database, "openbis-2", "omero")
    assert await other.snapshots_by_ids([made.id]) == {}
    assert await other.members(made.id) == ()
    assert (await other.search(limit=5, count=True)).total == 0
    with pytest.raises(SnapshotNotFound):
        await other.delete(made.id, author="ada")
    assert (await snapshots.snapshot(made.id)).deleted_at is None


async def refused_by(attack: Attack, *statements: str) -> str | None:
    with pytest.raises(IntegrityError) as caught:
        await attack(*statements)
    return violated(caught.value)


ROW = (
    "insert into cohort_snapshot (openbis_instance, omero_instance, name, description, unit,"
    " predicate, completeness, backend_versions, link_revision, member_count, digest, author,"
    " created_at{more}) values ({openbis_instance}, {omero_instance}, {name}, '', {unit}, '{{}}',"
    " '{{}}', '{{}}', {link_revision}, {member_count}, {digest}, {author},"
    " '2026-01-01 00:00:00'{values})"
)
GOOD = {
    "openbis_instance": "'openbis'",
    "omero_instance": "'omero'",
    "name": "'n'",
    "unit": "'SAMPLE'",
    "link_revision": "0",
    "member_count": "1",
    "digest": f"'{'a' * 64}'",
    "author": "'mallory'",
    "more": "",
    "values": "",
}
MEMBER = "insert into cohort_snapshot_member values ({}, {}, '{}', '{{}}')"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"openbis_instance": "' '"}, "openbis_instance"),
        ({"omero_instance": "''"}, "omero_instance"),
        ({"name": "' '"}, "name"),
        ({"unit": "'IMAGE'"}, "unit"),
        ({"link_revision": "-1"}, "link_revision"),
        ({"member_count": "-1"}, "member_count"),
        ({"digest": "'short'"}, "digest"),
        ({"author": "''"}, "author"),
        ({"more": ", deleted_by", "values": ", 'mallory'"}, "deleted"),
    ],
)
async def test_each_value_of_a_snapshot_is_whole(
    attack: Attack, changed: dict[str, str], rule: str
) -> None:
    await attack(ROW.format(**GOOD))
    row = ROW.format(**{**GOOD, **changed})
    assert await refused_by(attack, row) == f"ck_cohort_snapshot_{rule}"


@pytest.mark.parametrize(
    "statement",
    [
        "update cohort_snapshot set name = 'other'",
        "update cohort_snapshot set digest = digest",
        "update cohort_snapshot set member_count = 3",
        "update cohort_snapshot set created_at = '2020-01-01 00:00:00'",
        "update cohort_snapshot set deleted_by = 'm', deleted_at = created_at, author = 'm'",
        "update cohort_snapshot_member set perm_id = 'P-9'",
        "update cohort_snapshot_member set details = '{}'",
        "update cohort_snapshot_member set snapshot_id = snapshot_id + 1",
        "delete from cohort_snapshot_member",
        "delete from cohort_snapshot_member where perm_id = 'P-1'",
        MEMBER.format(1, 3, "P-3"),
    ],
)
async def test_a_snapshot_never_changes(
    attack: Attack, snapshots: SnapshotStore, statement: str
) -> None:
    made = await freeze(snapshots, "P-1", "P-2")
    assert await refused_by(attack, statement) == "cohort_snapshot_frozen"
    assert await snapshots.snapshot(made.id) == made
    assert await snapshots.intact(made.id)


async def test_a_snapshot_is_never_removed_or_replaced(
    attack: Attack, snapshots: SnapshotStore, database: LinkDatabase
) -> None:
    made = await freeze(snapshots, "P-1")
    kept = {"cohort_snapshot_kept", "fk_cohort_snapshot_member_cohort_snapshot", "foreign_key"}
    assert await refused_by(attack, "delete from cohort_snapshot") in kept
    if database.dialect == "sqlite":
        row = ROW.format(**{**GOOD, "more": ", id", "values": f", {made.id}"})
        replaced = row.replace("insert", "insert or replace")
        assert await refused_by(attack, replaced) == "cohort_snapshot_kept"
        for position, perm_id in ((1, "P-9"), (2, "P-1")):
            row = MEMBER.format(made.id, position, perm_id)
            replaced = row.replace("insert", "insert or replace")
            assert await refused_by(attack, replaced) == "cohort_snapshot_frozen"
    else:
        both = "truncate cohort_snapshot, cohort_snapshot_member"
        assert await refused_by(attack, both) in {*kept, "cohort_snapshot_frozen"}
        only = "truncate cohort_snapshot_member"
        assert await refused_by(attack, only) == "cohort_snapshot_frozen"
    assert await snapshots.intact(made.id)


async def test_a_deleted_snapshot_comes_back_in_no_way(
    attack: Attack, snapshots: SnapshotStore
) -> None:
    made = await freeze(snapshots, "P-1")
    await snapshots.delete(made.id, author="ada")
    for statement in (
        "update cohort_snapshot set deleted_by = null, deleted_at = null",
        "update cohort_snapshot set deleted_by = 'mallory'",
        MEMBER.format(made.id, 1, "P-1"),
    ):
        assert await refused_by(attack, statement) == "cohort_snapshot_frozen"
    assert await refused_by(attack, "delete from cohort_snapshot") == "cohort_snapshot_kept"


async def test_members_belong_to_a_snapshot_and_each_to_one_place(
    attack: Attack, snapshots: SnapshotStore
) -> None:
    foreign_key = {"foreign_key", "fk_cohort_snapshot_member_cohort_snapshot"}
    assert await refused_by(attack, MEMBER.format(7, 1, "P-1")) in foreign_key
    row = ROW.format(**{**GOOD, "member_count": "2"})
    names = {"cohort_snapshot_frozen", "uq_cohort_snapshot_member_snapshot_id_perm_id"}
    twice = (MEMBER.format(1, 1, "P-1"), MEMBER.format(1, 2, "P-1"))
    await attack(
        row.replace("(openbis_instance", "(id, openbis_instance", 1).replace(
            "values (", "values (1, "
        )
    )
    assert await refused_by(attack, *twice) in names
    for position, perm_id in (("0", "P-1"), ("1", " ")):
        rule = "position" if position == "0" else "perm_id"
        wrong = MEMBER.format(1, position, perm_id)
        assert await refused_by(attack, wrong) == f"ck_cohort_snapshot_member_{rule}"
    assert await snapshots.members(1) == ()


async def test_freezing_takes_no_turn_with_the_writers_of_links(
    database: LinkDatabase, snapshots: SnapshotStore
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time, whatever it writes")
    links = LinkStore(database)
    async with database.write():  # another writer of links at work
        made = await freeze(snapshots, "P-1")
    project = await links.link_project("P-1", 7, author="a")
    await links.link_sample(NewSampleLink("S-1", "P-1", 1), author="a")
    assert (made.link_revision, project.revision) == (17, 1)
