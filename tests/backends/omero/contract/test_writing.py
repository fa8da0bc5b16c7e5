"""What every way to OMERO writes alike; each test makes what it changes, and has it deleted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD
from backends.errors import AccessDenied, ChangedMeanwhile, InvalidRequest, NotFound
from backends.lane import Call
from backends.omero.changes import NewContainer
from backends.omero.write import Changes, Deletion, ExternalId, Made, New, Ref
from backends.records import ImagingKind
from tests.backends.omero.contract.conftest import Place

NAMESPACE = "omnibis/test"
PAIRS = (("stain", "H&E"), ("organ", "liver"), ("organ", "bile"), ("µ", "😀"))


async def project(place: Place, **more: Any) -> tuple[int, str]:
    name = place.name("project")
    new = NewContainer(name, **more)
    saved = await place.client.create_image_project(
        place.session, new, group=place.group, call=Call()
    )
    return place.remember("Project", saved.id), name


async def datasets(place: Place, parent: int | None, count: int) -> list[int]:
    made = await place.client.create_image_datasets(
        place.session,
        parent,
        [NewContainer(place.name("dataset")) for _ in range(count)],
        group=place.group,
        call=Call(),
    )
    return [place.remember("Dataset", saved.id) for saved in made]


async def test_a_project_with_all_that_belongs_to_it_is_one_transaction(place: Place) -> None:
    uuid = place.name("uuid")
    number, name = await project(
        place,
        description="Grüße",
        external=ExternalId("openbis:project", uuid, entity_id=7),
        key_values={NAMESPACE: PAIRS},
    )
    ((found, text, owner, group),) = await place.rows(
        "select p.name, p.description, p.details.owner.omeName, p.details.group.id "
        "from Project p where p.id = :id",
        id=number,
    )
    assert (found, text, owner, group) == (name, "Grüße", place.user, place.group)
    pairs = await place.client.key_values(
        place.session, ImagingKind.IMAGE_PROJECT, [number], Call()
    )
    assert [(each.namespace, each.key, each.value) for each in pairs[number]] == [
        (NAMESPACE, key, value) for key, value in PAIRS
    ]
    again = await place.client.find_external(
        place.session, ImagingKind.IMAGE_PROJECT, "openbis:project", [uuid, "none"], Call()
    )
    assert again == {uuid: (number,)}


async def test_datasets_are_made_within_their_project_in_order(place: Place) -> None:
    parent, _ = await project(place)
    made = await datasets(place, parent, 5)
    rows = await place.rows(
        "select l.child.id from ProjectDatasetLink l where l.parent.id = :id order by l.child.id",
        id=parent,
    )
    assert [row[0] for row in rows] == sorted(made)
    assert len(set(made)) == 5


async def test_all_or_nothing(place: Place) -> None:
    name = place.name("never")
    changes = Changes()
    first = changes.new("Project", {"name": name})
    changes.link("ProjectDatasetLink", first, Ref("Dataset", 10**12))
    with pytest.raises(NotFound):
        await place.transport.save(place.session, changes.items, group=place.group)
    assert await place.rows("select p.id from Project p where p.name = :name", name=name) == []


async def test_linking_twice_changes_nothing(place: Place) -> None:
    parent, _ = await project(place)
    made = await datasets(place, None, 3)
    link = place.client.link_image_datasets

    async def linked(children: list[int]) -> int:
        return await link(place.session, parent, children, group=place.group, call=Call())

    assert await linked(made[:2]) == 2
    assert await linked(made) == 1
    assert await linked(made) == 0
    raw = Changes()
    raw.link("ProjectDatasetLink", Ref("Project", parent), Ref("Dataset", made[0]))
    with pytest.raises(InvalidRequest):
        await place.transport.save(place.session, raw.items, group=place.group)
    gone = await place.client.unlink(
        place.session, "ProjectDatasetLink", parent, made[:2], group=place.group, call=Call()
    )
    assert gone == 2
    assert await linked(made) == 2


async def test_an_update_keeps_the_rest_and_raises_the_version(place: Place) -> None:
    number, name = await project(place, description="before")
    target = Ref("Project", number)
    ((version,),) = await place.rows("select p.version from Project p where p.id = :id", id=number)
    saved = await place.client.update(
        place.session, target, version, {"description": "after"}, group=place.group, call=Call()
    )
    assert (saved.entity, saved.id) == ("Project", number)
    hql = "select p.name, p.description, p.version from Project p where p.id = :id"
    assert await place.rows(hql, id=number) == [[name, "after", saved.version]]
    assert saved.version is not None
    assert saved.version > (version or 0)
    with pytest.raises(ChangedMeanwhile):
        await place.client.update(
            place.session, target, version, {"description": "late"}, group=place.group, call=Call()
        )
    assert (await place.rows(hql, id=number))[0][1] == "after"
    await place.client.update(
        place.session, target, None, {"description": None}, group=place.group, call=Call()
    )
    assert (await place.rows(hql, id=number))[0][:2] == [name, None]


async def test_an_update_leaves_datasets_and_annotations_where_they_are(place: Place) -> None:
    parent, _ = await project(place, key_values={NAMESPACE: PAIRS})
    made = await datasets(place, parent, 2)
    await place.client.update(
        place.session, Ref("Project", parent), None, {"name": place.name("new")},
        group=place.group, call=Call(),
    )  # fmt: skip
    rows = await place.rows(
        "select l.child.id from ProjectDatasetLink l where l.parent.id = :id", id=parent
    )
    assert {row[0] for row in rows} == set(made)
    pairs = await place.client.key_values(
        place.session, ImagingKind.IMAGE_PROJECT, [parent], Call()
    )
    assert len(pairs[parent]) == len(PAIRS)


async def test_pairs_are_replaced_as_a_whole(place: Place) -> None:
    number, _ = await project(place)
    kind = ImagingKind.IMAGE_PROJECT
    made = await place.client.annotate(
        place.session, kind, {number: PAIRS}, namespace=NAMESPACE, group=place.group, call=Call()
    )
    note = made[number]
    saved = await place.client.replace_key_values(
        place.session, note.id, note.version, [("organ", "heart")], group=place.group, call=Call()
    )
    assert saved.id == note.id
    found = await place.client.key_values(place.session, kind, [number], Call())
    assert [(each.key, each.value) for each in found[number]] == [("organ", "heart")]
    if note.version is not None:
        with pytest.raises(ChangedMeanwhile):
            await place.client.replace_key_values(
                place.session, note.id, note.version, [("x", "y")], group=place.group, call=Call()
            )


async def test_tags_are_shared_and_given_once(place: Place) -> None:
    parent, _ = await project(place)
    made = await datasets(place, parent, 3)
    kind, text = ImagingKind.IMAGE_DATASET, place.name("tag")

    async def tagged(ids: list[int], tag: str | int) -> int:
        return await place.client.tag(place.session, kind, ids, tag, group=place.group, call=Call())

    tag = place.remember("TagAnnotation", await tagged(made[:2], text))
    assert await tagged(made, tag) == tag
    assert await tagged(made, tag) == tag
    found = await place.client.tags(place.session, kind, made, Call())
    assert {number: [each.value for each in tags] for number, tags in found.items()} == {
        number: [text] for number in made
    }
    links = "select l.id from DatasetAnnotationLink l where l.child.id = :id"
    assert len(await place.rows(links, id=tag)) == 3


async def test_a_dry_run_tells_what_would_go_and_leaves_it(place: Place) -> None:
    parent, name = await project(place)
    made = await datasets(place, parent, 2)
    would = await place.client.delete_containers(
        place.session, ImagingKind.IMAGE_PROJECT, [parent],
        group=place.group, call=Call(), with_children=True, dry_run=True,
    )  # fmt: skip
    assert would["Project"] == (parent,)
    assert would["Dataset"] == tuple(sorted(made))
    assert len(would["ProjectDatasetLink"]) == 2
    rows = await place.rows("select p.name from Project p where p.id = :id", id=parent)
    assert rows == [[name]]


async def test_children_outlive_their_parent_unless_that_is_asked_for(place: Place) -> None:
    parent, _ = await project(place, key_values={NAMESPACE: PAIRS})
    kept = await datasets(place, parent, 2)
    gone = await place.client.delete_containers(
        place.session, ImagingKind.IMAGE_PROJECT, [parent], group=place.group, call=Call()
    )
    place.made.remove(("Project", parent))
    assert gone["Project"] == (parent,)
    assert "Dataset" not in gone
    assert len(gone["MapAnnotation"]) == 1
    hql = "select d.id from Dataset d where d.id in (:ids) order by d.id"
    assert await place.rows(hql, ids=tuple(kept)) == [[number] for number in sorted(kept)]
    other, _ = await project(place)
    await place.client.link_image_datasets(
        place.session, other, kept, group=place.group, call=Call()
    )
    gone = await place.client.delete_containers(
        place.session, ImagingKind.IMAGE_PROJECT, [other],
        group=place.group, call=Call(), with_children=True,
    )  # fmt: skip
    place.made.clear()
    assert gone["Dataset"] == tuple(sorted(kept))
    assert await place.rows(hql, ids=tuple(kept)) == []


@pytest.mark.parametrize(
    ("entity", "properties"),
    [
        ("Nonsense", {"name": "x"}),
        ("Project", {"nome": "x"}),
        ("Project", {}),
        ("ProjectDatasetLink", {"parent": Ref("Project", 1), "child": Ref("Nonsense", 1)}),
    ],
)
async def test_what_the_model_does_not_hold_is_an_invalid_request(
    place: Place, entity: str, properties: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        await place.transport.save(place.session, [New(entity, properties)], group=place.group)


async def test_references_forward_are_an_invalid_request(place: Place) -> None:
    changes = [New("ProjectDatasetLink", {"parent": Made(1), "child": Made(1)})]
    with pytest.raises(InvalidRequest, match="before"):
        await place.transport.save(place.session, changes, group=place.group)


async def test_what_is_not_there_is_not_found(place: Place) -> None:
    changes = Changes()
    changes.update(Ref("Dataset", 10**12), None, {"name": "x"})
    with pytest.raises(NotFound):
        await place.transport.save(place.session, changes.items, group=place.group)
    with pytest.raises(NotFound):
        await place.transport.delete(
            place.session, Deletion({"Dataset": (10**12,)}), group=place.group
        )


async def test_others_may_neither_change_nor_delete(place: Place) -> None:
    if place.is_live:
        pytest.skip("there is one user to test with")
    number, name = await project(place)
    # A member of the group, which its members may read only.
    other = await place.transport.login("microscopy", SecretStr(DEMO_PASSWORD))
    changes = Changes()
    changes.update(Ref("Project", number), None, {"name": "mine"})
    with pytest.raises(AccessDenied):
        await place.transport.save(other, changes.items, group=place.group)
    with pytest.raises(AccessDenied):
        await place.transport.delete(other, Deletion({"Project": (number,)}), group=place.group)
    rows = await place.rows("select p.name from Project p where p.id = :id", id=number)
    assert rows == [[name]]
    stranger = await place.transport.login("plant", SecretStr(DEMO_PASSWORD))
    with pytest.raises(AccessDenied):
        await place.transport.save(stranger, [New("Project", {"name": "x"})], group=place.group)
    await place.transport.close(other)
    await place.transport.close(stranger)


async def test_nothing_to_do_asks_nobody(place: Place) -> None:
    assert await place.transport.save(place.session, [], group=place.group) == ()
    assert await place.transport.delete(place.session, Deletion({}), group=place.group) == {}


async def test_an_identity_elsewhere_is_given_once(place: Place) -> None:
    number, _ = await project(place, external=ExternalId("openbis:project", place.name("first")))
    changes = Changes()
    changes.update(
        Ref("Project", number), None, {}, external=ExternalId("openbis:project", "second")
    )
    with pytest.raises(AccessDenied):
        await place.transport.save(place.session, changes.items, group=place.group)


async def test_many_objects_in_one_transaction_keep_their_order(place: Place) -> None:
    changes = Changes()
    names = [place.name(f"many-{index:03}") for index in range(150)]
    for name in names:
        changes.new("Dataset", {"name": name})
    saved = await place.transport.save(place.session, changes.items, group=place.group)
    ids = [place.remember("Dataset", each.id) for each in saved]
    rows = await place.rows("select d.id, d.name from Dataset d where d.id in (:ids)", ids=ids)
    assert dict(rows) == dict(zip(ids, names, strict=True))
