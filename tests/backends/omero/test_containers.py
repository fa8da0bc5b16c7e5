from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from backends.demo.world import World
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import ContainerFilter, Key, KeyValueMatch, PageRequest, Sort, StringMatch
from backends.lane import Call
from backends.omero.client import OmeroClient
from backends.records import ImagingKind

BY_NAME = PageRequest(100, Sort("name"), count=True)
COUNTED = Fetch.of("image_count", "image_dataset_count")


def datasets_of(world: World) -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for row in world.omero.rows["ProjectDatasetLink"]:
        below.setdefault(row["parent"], []).append(row["child"])
    return below


async def test_projects_come_by_name_with_their_counts_in_one_call(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    call = Call()
    page = PageRequest(100, Sort("name"))
    found = await client.image_projects(session, None, page, COUNTED, call)
    expected = sorted(world.omero.rows["Project"], key=lambda row: row["name"].lower())
    assert [project.name for project in found.items] == [row["name"] for row in expected]
    below = datasets_of(world)
    assert [project.image_dataset_count for project in found.items] == [
        len(below.get(row["id"], [])) for row in expected
    ]
    assert [name for _, name in call.meter.operations] == ["imageProjects"]
    single = await client.image_projects_by_ids(session, [1, 1, 999_999], NOTHING_MORE, Call())
    assert {number: project.name for number, project in single.items()} == {1: "QRUP2"}
    assert single[1].image_dataset_count is None


async def test_datasets_are_found_by_name_project_and_pair(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    rows = world.omero.rows["Dataset"]
    first = rows[0]
    named = ContainerFilter(name=StringMatch(one_of=(first["name"], "NOWHERE")))
    found = await client.image_datasets(session, named, BY_NAME, COUNTED, Call())
    assert [(dataset.omero_id, found.total) for dataset in found.items] == [(1, 1)]
    below = datasets_of(world)
    page = PageRequest(3, Sort("id"), count=True)
    found = await client.image_datasets(session, None, page, NOTHING_MORE, Call(), project=2)
    assert [dataset.omero_id for dataset in found.items] == sorted(below[2])[:3]
    assert (found.total, found.has_more) == (len(below[2]), True)
    identifier = KeyValueMatch("openBIS identifier", "omnibis/link", StringMatch(ne="nothing"))
    notes = {
        note["id"]
        for note in world.omero.rows["MapAnnotation"]
        if note["ns"] == "omnibis/link"
        and "openBIS identifier" in {key for key, _ in note["mapValue"]}
    }
    linked = {
        row["parent"] for row in world.omero.rows["DatasetAnnotationLink"] if row["child"] in notes
    }
    present = KeyValueMatch("openBIS identifier", "omnibis/link", StringMatch(exists=True))
    for match, expected in ((present, len(linked)), (identifier, len(rows))):
        where = ContainerFilter(key_values=(match,))
        assert await client.count_image_datasets(session, where, Call()) == expected
    named = ContainerFilter(name=StringMatch(starts_with="qrup"))
    assert await client.count_image_projects(session, named, Call()) == 1


@pytest.mark.parametrize("limit", [4, 1000])
async def test_a_page_of_datasets_per_project_costs_one_call(
    client: OmeroClient, session: SecretStr, world: World, limit: int
) -> None:
    names = {row["id"]: row["name"] for row in world.omero.rows["Dataset"]}
    below = {
        project: sorted(found, key=lambda d: (names[d].lower(), d))
        for project, found in datasets_of(world).items()
    }
    call = Call()
    page = PageRequest(limit, Sort("name"), count=True)
    pages = await client.image_datasets_of_projects(session, [*below, 999_999], page, COUNTED, call)
    assert [name for _, name in call.meter.operations] == ["imageDatasetsOfProjects"]
    for project, expected in below.items():
        found = pages[project]
        assert [dataset.omero_id for dataset in found.items] == expected[:limit]
        assert (found.total, found.has_more) == (len(expected), len(expected) > limit)
        assert all(dataset.image_count is not None for dataset in found.items)
    assert (pages[999_999].items, pages[999_999].total) == ((), 0)


async def test_pages_beyond_the_first_count_all_and_walk_backward_too(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    below = {project: sorted(found) for project, found in datasets_of(world).items()}
    key: Key = (3, 3)
    for backward in (False, True):
        page = PageRequest(2, Sort("id"), key, backward=backward, count=True)
        pages = await client.image_datasets_of_projects(session, below, page, COUNTED, Call())
        alone = await client.image_datasets_of_projects(session, [1], page, COUNTED, Call())
        assert alone[1] == pages[1]
        for project, expected in below.items():
            beyond = [d for d in expected if (d < 3 if backward else d > 3)]
            shown = beyond[-2:] if backward else beyond[:2]
            assert [dataset.omero_id for dataset in pages[project].items] == shown
            assert pages[project].total == len(expected)
            assert pages[project].has_more == (len(beyond) > 2)
    assert await client.image_datasets_of_projects(session, [], BY_NAME, COUNTED, Call()) == {}


async def test_upward_from_images_and_datasets(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    above: dict[int, set[int]] = {}
    for row in world.omero.rows["DatasetImageLink"]:
        above.setdefault(row["child"], set()).add(row["parent"])
    ids = [image for image in above if image < 60 or len(above[image]) > 1]
    datasets = await client.image_datasets_of_images(session, [*ids, 999_999], Call())
    assert {i: [d.omero_id for d in found] for i, found in datasets.items()} == {
        **{image: sorted(above[image]) for image in ids},
        999_999: [],
    }
    projects = await client.image_projects_of_datasets(session, [1, 2], Call())
    assert {d: [p.name for p in found] for d, found in projects.items()} == {
        1: ["QRUP2"],
        2: ["QRUP2"],
    }


async def test_pairs_and_tags_of_containers(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    call = Call()
    pairs = await client.key_values(session, ImagingKind.IMAGE_PROJECT, [1, 999_999], call)
    notes = [
        row["child"] for row in world.omero.rows["ProjectAnnotationLink"] if row["parent"] == 1
    ]
    assert [(pair.namespace, pair.key, pair.value) for pair in pairs[1]] == [
        (note["ns"], *pair)
        for note in world.omero.rows["MapAnnotation"]
        if note["id"] in notes
        for pair in note["mapValue"]
    ]
    assert pairs[999_999] == ()
    tags = await client.tags(session, ImagingKind.IMAGE_DATASET, [1], call)
    assert set(tags) == {1}
    assert [name for _, name in call.meter.operations] == ["keyValuesOfProjects", "tagsOfDatasets"]


async def test_ids_beyond_a_chunk_are_asked_concurrently(kit: SimpleNamespace) -> None:
    gallery = kit.Gallery((), tuple((f"d{number}", None) for number in range(25)))
    async with kit.viewer_of(gallery.content(), chunk=10) as viewer:
        call = Call()
        found = await viewer.client.image_datasets_by_ids(
            viewer.session, range(1, 26), NOTHING_MORE, call
        )
    assert {number: dataset.name for number, dataset in found.items()} == {
        number + 1: f"d{number}" for number in range(25)
    }
    assert len(call.meter.operations) == 3
