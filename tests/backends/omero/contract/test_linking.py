"""What linking asks of OMERO in bulk is answered alike on every way."""

from __future__ import annotations

import pytest

from backends.errors import NotFound
from backends.lane import Call
from backends.omero.linkage import Note
from backends.omero.write import Changes, Ref
from backends.records import ImagingKind
from tests.backends.omero.contract.conftest import Place
from tests.backends.omero.contract.test_writing import datasets, project

DATASET = ImagingKind.IMAGE_DATASET
KEY = "openBIS permId"


async def test_datasets_of_projects_come_in_pages(place: Place) -> None:
    first, _ = await project(place)
    second, _ = await project(place)
    made = await datasets(place, first, 3) + await datasets(place, second, 2)
    found, beyond = [], 0
    while page := await place.client.contained_datasets(
        place.session, [first, second], Call(), beyond=beyond, limit=2
    ):
        assert len(page) <= 2
        found += page
        beyond = page[-1].link_id
    assert [(each.project_id, each.omero_id) for each in found] == [
        *((first, number) for number in made[:3]),
        *((second, number) for number in made[3:]),
    ]
    assert {each.group_id for each in found} == {place.group}
    assert await place.client.contained_datasets(place.session, [], Call(), beyond=0, limit=2) == ()


async def test_notes_are_written_replaced_and_found_again(place: Place) -> None:
    namespace = place.name("namespace")
    one, other = await datasets(place, None, 2)
    notes = {one: Note([(KEY, "p-1")]), other: Note([(KEY, "p-2"), ("more", "µ")])}
    how = {"namespace": namespace, "group": place.group, "call": Call()}
    await place.client.write_notes(place.session, DATASET, notes, **how)

    async def claims(beyond: int = 0) -> list[tuple[int, str]]:
        page = await place.client.claims(
            place.session, DATASET, namespace, KEY, Call(), beyond=beyond, limit=10
        )
        return [(claim.omero_id, claim.value) for claim in page]

    assert await claims() == [(one, "p-1"), (other, "p-2")]
    pairs = await place.client.key_values(place.session, DATASET, [one, other], Call())
    annotation = pairs[other][0].annotation_id
    replaced = {other: Note([(KEY, "p-1")], annotation)}
    await place.client.write_notes(place.session, DATASET, replaced, **how)
    again = await place.client.key_values(place.session, DATASET, [other], Call())
    assert [(each.annotation_id, each.key, each.value) for each in again[other]] == [
        (annotation, KEY, "p-1")
    ]
    gone = await place.client.delete_annotations(
        place.session, [pairs[one][0].annotation_id], group=place.group, call=Call()
    )
    assert pairs[one][0].annotation_id in {number for ids in gone.values() for number in ids}
    assert await claims() == [(other, "p-1")]
    await place.client.write_notes(place.session, DATASET, {one: notes[one]}, **how)
    claimants = await place.client.claimants(
        place.session, DATASET, namespace, KEY, ["p-1", "p-3"], Call()
    )
    assert {claim.omero_id for claim in claimants} == {one, other}
    with pytest.raises(NotFound):
        await place.client.write_notes(
            place.session, DATASET, {one: Note([(KEY, "x")]), 2**40: Note([(KEY, "y")])}, **how
        )
    assert sorted(await claims()) == [(one, "p-1"), (other, "p-1")], "all of them or none"


async def test_addresses_stand_in_comments_on_datasets_and_on_their_images(place: Place) -> None:
    dataset, other = await datasets(place, None, 2)
    address = "https://lab.example/OpenBIS/#permId=20240101120000000-17"
    changes = Changes()
    comment = changes.new("CommentAnnotation", {"textValue": address})
    changes.annotate(Ref("Dataset", dataset), comment)
    chat = changes.new("CommentAnnotation", {"textValue": "a fine picture"})
    changes.annotate(Ref("Dataset", other), chat)
    for name in ("a", "b"):
        image = changes.new("Image", {"name": name})
        changes.link("DatasetImageLink", Ref("Dataset", other), image)
        changes.annotate(image, comment)
    saved = await place.client.save(place.session, changes.items, group=place.group, call=Call())
    for each in saved:
        if each.entity == "Image":
            place.remember("Image", each.id)
    assert await place.client.addresses(place.session, DATASET, [dataset, other], Call()) == {
        dataset: (address,)
    }
    found = await place.client.addresses_on_images(place.session, [dataset, other], Call())
    assert found == {other: (address,)}


async def test_what_the_viewer_may_do_is_what_omero_says(place: Place) -> None:
    (mine,) = await datasets(place, None, 1)
    told = await place.client.permissions(place.session, DATASET, [mine, 2**40], Call())
    assert list(told) == [mine]
    assert told[mine].can_annotate
    assert told[mine].can_edit
    if place.is_live:
        return
    (theirs,) = await place.rows(
        "select min(i.id) from Image i where i.details.owner.omeName <> :me", me=place.user
    )
    image = await place.client.permissions(place.session, ImagingKind.IMAGE, theirs, Call())
    assert not image[theirs[0]].can_annotate
