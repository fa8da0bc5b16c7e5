"""Freezing, listing, deleting, verifying and comparing, over the embedded systems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from backends.errors import ChangedMeanwhile, Unavailable
from backends.filters import ProjectFilter, StringMatch
from link_store.snapshot_records import SnapshotRecord
from resolvers.cohorts import comparison, snapshots, visibility
from resolvers.cohorts.predicates import (
    CohortPredicate,
    Question,
    Unit,
)
from resolvers.cohorts.shelf import ExportFormat
from resolvers.errors import BadInput, Missing, NotAllowed, StorageFailed
from tests.house import House, open_house
from tests.resolvers.cohorts.freezing import HCC, WITH_CT, asking, frozen, members_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def still() -> AsyncIterator[House]:
    """A house whose systems stay as they are; snapshots come and go."""
    async with open_house() as opened:
        yield opened


async def all_rows(house: House, record: SnapshotRecord) -> list[dict[str, Any]]:
    sha256 = snapshots.manifest_of(record).rows_sha256
    shelf = house.built.parts.services.shelf
    return await asyncio.to_thread(lambda: [row for _, row in shelf.rows_now(sha256)])


# --- freezing -----------------------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="module")
async def test_a_snapshot_holds_what_the_world_holds(still: House) -> None:
    record = await frozen(still)
    content = still.world.openbis
    (project,) = [each.perm_id for each in content.projects if each.code == "QHCC0"]
    within = {each.perm_id for each in content.experiments if each.project == project}
    samples = {each.perm_id: each for each in content.samples if each.experiment in within}
    subjects = {key for key, each in samples.items() if each.type == "Q_BIOLOGICAL_ENTITY"}
    assert (await members_of(still, record)).keys() == subjects
    assert record.member_count == len(subjects)
    rows = await all_rows(still, record)
    omics = {row["omics_perm_id"] for row in rows if row["kind"] == "omics"}
    assert omics == {each.code for each in content.data_sets if each.sample in samples}
    linked = {
        link.omero_id: link.perm_id for link in still.world.sample_links if link.perm_id in samples
    }
    images = {
        (linked[row["parent"]], row["child"])
        for row in still.world.omero.rows["DatasetImageLink"]
        if row["parent"] in linked
    }
    found = {(row["sample_perm_id"], row["image_id"]) for row in rows if row["kind"] == "image"}
    assert found == images
    assert len(rows) == snapshots.manifest_of(record).rows == len(omics) + len(images)


@pytest.mark.asyncio(loop_scope="module")
async def test_rows_stand_in_the_order_of_members_and_are_typed(still: House) -> None:
    record = await frozen(still)
    rows = await all_rows(still, record)
    members = [row["member_perm_id"] for row in rows]
    assert members == sorted(members)
    scans = [row for row in rows if row.get("pixel_size_unit") == "MILLIMETER"]
    assert scans
    for row in scans:
        assert row["pixel_size_x"] == pytest.approx(row["pixel_size_stored"] * 1000)
    columns = {column.name for column in snapshots.manifest_of(record).columns}
    assert {name for row in rows for name in row} <= columns


@pytest.mark.asyncio(loop_scope="module")
async def test_where_images_are_asked_for_those_that_match_are_frozen(still: House) -> None:
    rows = await all_rows(still, await frozen(still, WITH_CT))
    assert {row["kind"] for row in rows} == {"image"}
    assert all("CT" in row["tags"] for row in rows)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_same_is_frozen_the_same(still: House) -> None:
    first, second = await frozen(still), await frozen(still, name="another name")
    assert first.digest == second.digest
    assert first.id != second.id
    assert first.digest != (await frozen(still, WITH_CT)).digest


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cohort_of_samples_has_its_subjects_all_the_same(still: House) -> None:
    question = Question(Unit.SAMPLE, HCC)
    done = await snapshots.freeze(await asking(still), question, "samples")
    assert done.snapshot is not None
    subjects = await frozen(still)
    rows = await all_rows(still, done.snapshot)
    # Samples and their descendants are members both; what they hold is told once all the same.
    keys = [(row["sample_perm_id"], row.get("image_id", row.get("omics_perm_id"))) for row in rows]
    assert len(keys) == len(set(keys)) == snapshots.manifest_of(subjects).rows
    assert {row["subject_perm_id"] for row in rows} <= (await members_of(still, subjects)).keys()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_dry_run_keeps_nothing(still: House) -> None:
    context = await asking(still)
    before = await snapshots.list_own(context, limit=1, count=True)
    done = await snapshots.freeze(context, Question(where=HCC), "dry", dry_run=True)
    assert (done.snapshot, done.members) == (None, 16)
    assert done.rows > 0
    assert (await snapshots.list_own(context, limit=1, count=True)).total == before.total


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "advice"), [("  ", "name"), ("x" * 300, "255"), ("a\nb", "name")])
async def test_a_name_that_is_none_is_refused(still: House, name: str, advice: str) -> None:
    with pytest.raises(BadInput, match=advice):
        await snapshots.freeze(await asking(still), Question(where=WITH_CT), name)


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_nothing_to_freeze(still: House) -> None:
    nobody = CohortPredicate(project=ProjectFilter(code=StringMatch(eq="NOWHERE")))
    with pytest.raises(BadInput, match="No member matches"):
        await snapshots.freeze(await asking(still), Question(where=nobody), "nobody")


@pytest.mark.parametrize("backend", ["openbis", "omero"])
async def test_nothing_is_frozen_while_a_system_is_down(house: House, backend: str) -> None:
    context = await asking(house)
    await house.switch(backend, state="off")
    with pytest.raises(Unavailable):
        await snapshots.freeze(context, Question(where=WITH_CT), "half")
    await house.switch(backend, state="on")
    house.recover()
    assert (await snapshots.list_own(await asking(house), limit=9)).items == ()
    assert files_of(house) == []


@pytest.mark.parametrize("calls", [1, 3, 5])
async def test_nothing_is_frozen_when_a_system_dies_on_the_way(house: House, calls: int) -> None:
    context = await asking(house)
    faults = house.built.faults["omero"]
    omero: Any = house.built.parts.services.omero._transport
    answer, left = omero.projection, calls

    async def dying(*given: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        faults.off = left < 0
        return await answer(*given, **named)

    omero.projection = dying
    with pytest.raises(Unavailable):
        await snapshots.freeze(context, Question(where=HCC), "half")
    omero.projection = answer
    faults.off = False
    house.recover()
    assert (await snapshots.list_own(await asking(house), limit=9)).items == ()
    assert files_of(house) == []


async def test_who_is_not_signed_in_to_omero_cannot_freeze_images(house: House) -> None:
    context = await asking(house)
    context.viewer = replace(context.viewer, omero=None)
    with pytest.raises(Exception, match="OMERO") as caught:
        await snapshots.freeze(context, Question(where=HCC), "half")
    assert type(caught.value).__name__ in {"Unavailable", "AuthenticationFailed", "NotSignedIn"}


async def test_a_link_that_changes_meanwhile_stops_the_freezing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = await asking(house)
    links = house.built.parts.services.links
    reading = snapshots.Reader.pages

    async def pages(self: Any, answer: Any) -> AsyncIterator[Any]:
        async for page in reading(self, answer):
            yield page
        sample = next(
            each for content in page for each in content.details["specimens"] if each["images"]
        )
        link = (await links.sample_links([sample["permId"]]))[sample["permId"]]
        await links.retire(link.ref, expected_revision=link.revision, author="other")

    monkeypatch.setattr(snapshots.Reader, "pages", pages)
    with pytest.raises(ChangedMeanwhile, match="try again"):
        await snapshots.freeze(context, Question(where=HCC), "moving")
    assert files_of(house) == []


def files_of(house: House) -> list[str]:
    files, root = house.built.parts.services.shelf._folder._open()
    return sorted(name.removeprefix(root) for name in files.find(root))


# --- listing and deleting ------------------------------------------------------------------------


async def test_each_lists_their_own(house: House) -> None:
    mine = [(await frozen(house, name=name)).id for name in ("a", "b", "a")]
    await frozen(house, user="steward")
    context = await asking(house)
    page = await snapshots.list_own(context, limit=2, count=True)
    assert [record.id for record in page.items] == mine[:0:-1]
    assert (page.has_more, page.total) == (True, 3)
    rest = await snapshots.list_own(context, limit=2, key=page.items[-1].id)
    assert [record.id for record in rest.items] == mine[:1]
    named = await snapshots.list_own(context, limit=9, name="a")
    assert [record.id for record in named.items] == [mine[2], mine[0]]


async def test_only_its_author_or_an_administrator_deletes_it(house: House) -> None:
    record, other = await frozen(house), await frozen(house)
    with pytest.raises(NotAllowed):
        await snapshots.delete(await asking(house, "genomics"), record)
    gone = await snapshots.delete(await asking(house, "steward"), record)
    assert gone.deleted_by == "steward"
    with pytest.raises(Missing, match=f"deleted by steward on .*{record.digest}"):
        await visibility.readable(await asking(house), record.id)
    with pytest.raises(Missing, match="no such cohort snapshot"):
        await visibility.readable(await asking(house, "genomics"), record.id)
    # the other has the same rows, and keeps them
    assert (await comparison.verify(await asking(house), other)).intact
    await snapshots.delete(await asking(house), other)
    assert files_of(house) == []


# --- verifying ----------------------------------------------------------------------------------


async def test_rows_that_were_tampered_with_are_found_and_never_handed_out(house: House) -> None:
    record = await frozen(house)
    context = await asking(house)
    assert (await comparison.verify(context, record)).intact
    shelf = house.built.parts.services.shelf
    path = f"rows/{snapshots.manifest_of(record).rows_sha256}.jsonl"
    with shelf._folder.open_now(path) as file:
        content = file.read()
    shelf._folder.write_now(path, lambda sink: sink.write(content.replace(b"image", b"imagE", 1)))
    found = await comparison.verify(context, record)
    assert (found.members_intact, found.rows_intact, found.intact) == (True, False, False)
    for format_ in ExportFormat:
        if format_ is not ExportFormat.COLUMNS:
            with pytest.raises(StorageFailed, match="not those that were frozen"):
                await shelf.export(snapshots.frozen_of(record), format_, None)
    assert [name for name in files_of(house) if "columns" not in name] == [f"/{path}"]
    await shelf._folder.delete(path)
    assert not (await comparison.verify(context, record)).rows_intact
    with pytest.raises(StorageFailed, match="missing"):
        await shelf.export(snapshots.frozen_of(record), ExportFormat.CSV, None)
