from __future__ import annotations

from typing import Any

import pytest

from backends.errors import Unavailable
from backends.fetch import NOTHING_MORE
from backends.lane import Call
from backends.omero.write import Deletion
from backends.openbis.write import NewSample, Removal, SampleUpdate
from backends.records import Kind
from link_store.records import LinkKind
from link_store.snapshot_records import SnapshotRecord
from resolvers.cohorts import comparison, visibility
from resolvers.cohorts.changes import ChangeEvent, ChangeKind, ChangeReason
from resolvers.errors import NotAllowed
from tests.house import House
from tests.resolvers.cohorts.freezing import WITH_CT, asking, compared, frozen, members_of


async def test_nothing_has_changed_where_nothing_has(house: House) -> None:
    record = await frozen(house)
    found = await compared(house, record)
    assert found.unchanged
    assert (found.changes, found.members_before, found.members_now) == ((), 16, 16)
    assert (await compared(house, record, "steward")).unchanged


async def change_openbis(house: House, *changes: Any) -> None:
    context = await asking(house, "steward")
    await house.built.parts.services.openbis.transact(context.openbis_token(), changes, Call())


async def test_another_value_is_told_with_before_and_after(house: House) -> None:
    record = await frozen(house)
    member = next(iter(await members_of(house, record)))
    await change_openbis(house, SampleUpdate(member, {"Q_ADDITIONAL_INFO": "=other"}))
    (change,) = (await compared(house, record)).changes
    assert (change.kind, change.id, change.event) == (
        ChangeKind.MEMBER,
        member,
        ChangeEvent.CHANGED,
    )
    assert change.reason is ChangeReason.VALUES_CHANGED
    assert change.column == "subject_Q_ADDITIONAL_INFO"
    assert change.after == '"=other"'


async def test_a_member_that_was_deleted_is_told_so(house: House) -> None:
    record = await frozen(house)
    members = await members_of(house, record)
    member = next(iter(members))
    below = [each["permId"] for each in members[member]["specimens"]]
    await change_openbis(house, Removal(Kind.SAMPLE, [member, *below], "consent withdrawn"))
    found = await compared(house, record)
    assert [(c.id, c.event, c.reason) for c in found.changes] == [
        (member, ChangeEvent.REMOVED, ChangeReason.DELETED)
    ]
    assert (found.members_before, found.members_now) == (16, 15)
    # what was frozen is still what was frozen, but it is no longer handed out
    assert (await comparison.verify(await asking(house), record)).intact
    with pytest.raises(NotAllowed):
        await visibility.require_whole(await asking(house), record)


async def test_a_member_that_came_is_told_so(house: House) -> None:
    record = await frozen(house)
    (project,) = [each for each in house.world.openbis.projects if each.code == "QHCC0"]
    experiment = next(
        each.perm_id for each in house.world.openbis.experiments if each.project == project.perm_id
    )
    new = NewSample("Q_BIOLOGICAL_ENTITY", "HEPATOLOGY", "QHCC0ENTITY-99", experiment=experiment)
    await change_openbis(house, new)
    (change,) = (await compared(house, record)).changes
    assert (change.event, change.reason) == (ChangeEvent.ADDED, ChangeReason.NEW)


async def an_image(house: House, record: SnapshotRecord) -> tuple[str, dict[str, Any], int]:
    """A member with an imaged specimen, that specimen, and one of its images."""
    for perm_id, details in (await members_of(house, record)).items():
        for specimen in details["specimens"]:
            if len(specimen["images"]) > 1:
                return perm_id, specimen, specimen["images"][0][0]
    raise AssertionError


async def test_an_image_that_was_deleted_is_told_so(house: House) -> None:
    record = await frozen(house)
    member, _, image = await an_image(house, record)
    context = await asking(house, "steward")
    omero = house.built.parts.services.omero
    read = await omero.images_by_ids(context.omero_session(), [image], NOTHING_MORE, Call())
    await omero.delete(
        context.omero_session(),
        Deletion({"Image": (image,)}),
        group=read[image].group_id,
        call=Call(),
    )
    (change,) = (await compared(house, record)).changes
    assert (change.kind, change.id, change.member) == (ChangeKind.IMAGE, str(image), member)
    assert (change.event, change.reason) == (ChangeEvent.REMOVED, ChangeReason.DELETED)


async def test_a_sample_that_is_linked_no_more_is_told_so(house: House) -> None:
    record = await frozen(house, WITH_CT)
    members = await members_of(house, record)
    member, specimen = next(
        (member, each)
        for member, details in members.items()
        for each in details["specimens"]
        if len(details["specimens"]) == 1
    )
    links = house.built.parts.services.links
    link = (await links.sample_links([specimen["permId"]]))[specimen["permId"]]
    assert link.ref.kind is LinkKind.SAMPLE
    await links.retire(link.ref, expected_revision=link.revision, author="other")
    (change,) = (await compared(house, record)).changes
    assert (change.kind, change.id) == (ChangeKind.MEMBER, member)
    assert (change.event, change.reason) == (ChangeEvent.REMOVED, ChangeReason.RELINKED)


def revoke(house: House, user: str, space: str) -> None:
    """Take a role away, as an administrator of openBIS would."""
    client: Any = house.built.parts.services.openbis
    catalog = client._wire.transport._client._transport.app.state.api.catalog
    roles = catalog.role_assignments
    for key in list(roles.by("user", user)):
        if roles.rows[key].scope == space:
            roles.drop(key)


async def test_rights_that_were_lost_are_told_as_such(house: House) -> None:
    record = await frozen(house)
    revoke(house, "oncology", "HEPATOLOGY")
    found = await compared(house, record)
    assert {(c.event, c.reason) for c in found.changes} == {
        (ChangeEvent.REMOVED, ChangeReason.PERMISSION_LOST)
    }
    assert found.counts == {ChangeReason.PERMISSION_LOST: 16}
    assert found.members_now == 0


async def test_nothing_is_compared_while_a_system_is_down(house: House) -> None:
    record = await frozen(house)
    context = await asking(house)
    await house.switch("omero", state="off")
    with pytest.raises(Unavailable):
        await comparison.compare(context, record)
