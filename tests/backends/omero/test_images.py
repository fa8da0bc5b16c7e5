"""Images of the built-in studies through the client; the numbers of calls are promises."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from backends.demo.world import World
from backends.errors import Source
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import ContainerFilter, ImageFilter, NumberMatch, PageRequest, Sort
from backends.lane import Call
from backends.omero import images
from backends.omero.client import OmeroClient
from backends.records import Quantity

FACETS = ("channels", "fileset", "instrument", "key_values", "objective", "roi_count", "tags")
README = Fetch.of("channels", "key_values", "objective")
FIRST = PageRequest(50, Sort("id"))


def calls(call: Call) -> list[str]:
    return [name for source, name in call.meter.operations if source is Source.OMERO]


def links(world: World) -> dict[int, list[int]]:
    """Images of each dataset, in the order of ids."""
    below: dict[int, set[int]] = {}
    for row in world.omero.rows["DatasetImageLink"]:
        below.setdefault(row["parent"], set()).add(row["child"])
    return {dataset: sorted(found) for dataset, found in below.items()}


async def test_one_confocal_image_with_all_that_belongs_to_it(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    rows = world.omero.rows
    image = (await client.images_by_ids(session, [1], Fetch.of(*FACETS), Call()))[1]
    assert (image.name, image.format) == ("QRUP2002AR_RUP1-GFP_CO-mCherry_01.lsm", "ZeissLSM")
    acquired = timedelta(milliseconds=rows["Image"][0]["acquisitionDate"])
    assert image.acquired_at == datetime(1970, 1, 1, tzinfo=UTC) + acquired
    assert (image.size_x, image.size_y, image.size_z, image.size_c, image.size_t) == (
        *(1024, 1024, 13, 2, 1),
    )
    assert image.pixel_size_x == image.pixel_size_y == Quantity(130.0, "NANOMETER")
    assert image.pixel_size_z == Quantity(1000.0, "NANOMETER")
    assert image.channels is not None
    green = image.channels[0]
    assert (green.index, green.name, green.fluor) == (0, "GFP", "EGFP")
    assert (green.emission, green.excitation) == (
        Quantity(509.0, "NANOMETER"),
        Quantity(488.0, "NANOMETER"),
    )
    assert green.color == (0, 255, 0, 255)
    assert [channel.index for channel in image.channels] == [0, 1]
    settings = rows["ObjectiveSettings"][rows["Image"][0]["objectiveSettings"] - 1]
    objective = rows["Objective"][settings["objective"] - 1]
    assert image.objective is not None
    assert image.objective.model == objective["model"]
    assert image.objective.nominal_magnification == objective["nominalMagnification"]
    assert image.objective.refractive_index == settings["refractiveIndex"]
    assert image.objective.medium == "Oil"
    assert image.instrument is not None
    assert (image.instrument.manufacturer, image.instrument.model) == ("Zeiss", "LSM 880")
    assert image.fileset is not None
    assert [(file.name, file.size) for file in image.fileset.files] == [
        ("QRUP2002AR_RUP1-GFP_CO-mCherry_01.lsm", rows["OriginalFile"][0]["size"])
    ]
    assert image.roi_count == sum(row["image"] == 1 for row in rows["Roi"])
    notes = [row["child"] for row in rows["ImageAnnotationLink"] if row["parent"] == 1]
    pairs = [
        (note["id"], note["ns"], key, value)
        for note in rows["MapAnnotation"]
        if note["id"] in notes
        for key, value in note["mapValue"]
    ]
    assert image.key_values is not None
    assert [(p.annotation_id, p.namespace, p.key, p.value) for p in image.key_values] == pairs
    assert image.tags is not None
    assert [tag.value for tag in image.tags] == [
        row["textValue"] for row in rows["TagAnnotation"] if row["id"] in notes
    ]
    assert image.fetched == {*FACETS, "channel_names", "key_value_pairs", "magnification"}


async def test_names_of_channels_come_alone_where_no_more_is_wanted(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    ids = [row["id"] for row in world.omero.rows["Image"]]
    short = await client.images_by_ids(session, ids, Fetch.of("channel_names"), Call())
    whole = await client.images_by_ids(session, ids, Fetch.of("channels"), Call())
    for number, image in short.items():
        assert image.fetched == {"channel_names"}
        assert image.channels is not None
        assert all(each.color is None and each.emission is None for each in image.channels)
        assert [(each.index, each.name, each.fluor) for each in image.channels] == [
            (each.index, each.name, each.fluor) for each in whole[number].channels or ()
        ]
    assert any(image.channels for image in short.values())


async def test_pairs_and_magnifications_come_alone_where_no_more_is_wanted(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    ids = [row["id"] for row in world.omero.rows["Image"]]
    fetch = Fetch.of("key_value_pairs", "magnification", "instrument")
    short = await client.images_by_ids(session, ids, fetch, Call())
    fetch = Fetch.of("key_values", "objective", "instrument")
    whole = await client.images_by_ids(session, ids, fetch, Call())
    for number, image in short.items():
        assert image.fetched == {"key_value_pairs", "magnification", "instrument"}
        there = whole[number]
        assert image.instrument == there.instrument
        assert there.key_values is not None
        assert image.key_values == tuple(replace(each, namespace=None) for each in there.key_values)
        assert (image.objective is None) == (there.objective is None)
        if image.objective is not None and there.objective is not None:
            assert image.objective.omero_id == there.objective.omero_id
            assert image.objective.nominal_magnification == there.objective.nominal_magnification
            assert image.objective.model is None
    for attribute in ("key_values", "objective", "instrument"):
        assert any(getattr(image, attribute) for image in short.values()), attribute


@pytest.mark.parametrize("number", [1, 10, 390])
async def test_the_query_of_the_readme_costs_one_and_three_calls_whatever_the_rows(
    client: OmeroClient, session: SecretStr, world: World, number: int
) -> None:
    below = links(world)
    ids = sorted(below)[:number]
    call = Call()
    datasets = await client.image_datasets_by_ids(session, ids, Fetch.of("image_count"), call)
    counts = {dataset: record.image_count or 0 for dataset, record in datasets.items()}
    assert counts == {dataset: len(below[dataset]) for dataset in ids}
    pages = await client.images_of_datasets(session, ids, None, FIRST, README, call, counts=counts)
    assert sorted(calls(call)) == [
        "channels",
        "imageDatasets",
        "imagesOfDatasets",
        "keyValuesOfImages",
    ]
    assert {d: [i.omero_id for i in page.items] for d, page in pages.items()} == {
        dataset: below[dataset] for dataset in ids
    }
    assert not any(page.has_more for page in pages.values())


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((1, 50), ["channels", "images"]),
        ((10, 50), ["channels", "countImagesOfDatasets", "imagesOfDatasets"]),
        ((390, 50), ["channels", "countImagesOfDatasets", "imagesOfDatasets"]),
        ((10, 1), ["channels", "countImagesOfDatasets", "imagePairs", "images"]),
        ((390, 1), ["channels", "countImagesOfDatasets", "imagePairs", "images"]),
    ],
)
async def test_calls_where_counts_are_not_known(
    client: OmeroClient,
    session: SecretStr,
    world: World,
    asked: tuple[int, int],
    expected: list[str],
) -> None:
    number, limit = asked
    below = links(world)
    ids = [dataset for dataset, found in sorted(below.items()) if len(found) > 1][:number]
    call = Call()
    page = PageRequest(limit, Sort("id"), count=number > 1)
    pages = await client.images_of_datasets(session, ids, None, page, Fetch.of("channels"), call)
    assert sorted(set(calls(call))) == expected
    assert len(calls(call)) == len(expected)
    for dataset in ids:
        found = pages[dataset]
        assert [image.omero_id for image in found.items] == below[dataset][:limit]
        assert found.has_more == (len(below[dataset]) > limit)
        assert found.total == (len(below[dataset]) if number > 1 else None)
        assert all(image.channels is not None for image in found.items)


async def test_pages_of_datasets_agree_with_images_by_id_in_every_facet(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    below = {dataset: found for dataset, found in links(world).items() if dataset % 7 == 0}
    fetch = Fetch.of(*FACETS)
    pages = await client.images_of_datasets(session, below, None, FIRST, fetch, Call())
    single = await client.images_by_ids(
        session, {i for found in below.values() for i in found}, fetch, Call()
    )
    assert {image.omero_id: image for page in pages.values() for image in page.items} == single
    assert await client.image_facets(session, single, fetch, Call()) == single


async def test_a_filter_counts_and_pages_within_each_dataset(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    below = links(world)
    where = ImageFilter(size_z=NumberMatch(gt=1))
    deep = {row["image"] for row in world.omero.rows["Pixels"] if row["sizeZ"] > 1}
    expected = {d: [i for i in found if i in deep] for d, found in below.items()}
    for limit in (2, 50):
        page = PageRequest(limit, Sort("id"), count=True)
        pages = await client.images_of_datasets(
            session, below, where, page, Fetch.of("channels"), Call()
        )
        assert {d: [i.omero_id for i in found.items] for d, found in pages.items()} == {
            dataset: found[:limit] for dataset, found in expected.items()
        }
        assert {dataset: found.total for dataset, found in pages.items()} == {
            dataset: len(found) for dataset, found in expected.items()
        }
        key = (10**6, 10**6)  # beyond every image: empty pages still tell the total
        rest = PageRequest(limit, Sort("id"), key=key, count=True)
        pages = await client.images_of_datasets(session, below, where, rest, README, Call())
        assert {d: (found.items, found.total) for d, found in pages.items()} == {
            dataset: ((), len(found)) for dataset, found in expected.items()
        }


async def test_a_very_large_dataset_is_paged_by_the_server(
    client: OmeroClient, session: SecretStr, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "PAIRS_AT_MOST", 5)
    below = {d: found for d, found in links(world).items() if len(found) > 5}
    ids = sorted(below)[:3]
    call = Call()
    page = PageRequest(2, Sort("id"), backward=True, count=True)
    pages = await client.images_of_datasets(session, ids, None, page, NOTHING_MORE, call)
    assert calls(call) == ["countImagesOfDatasets", "images", "images", "images"]
    assert {d: [i.omero_id for i in pages[d].items] for d in ids} == {
        dataset: below[dataset][-2:] for dataset in ids
    }
    assert [pages[d].total for d in ids] == [len(below[d]) for d in ids]


async def test_replies_are_bounded_in_images_too(
    client: OmeroClient, session: SecretStr, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "IMAGES_PER_CALL", 100)
    below = links(world)
    ids = sorted(below)[:60]
    call = Call()
    counts = {dataset: len(below[dataset]) for dataset in ids}
    pages = await client.images_of_datasets(
        session, ids, None, FIRST, Fetch.of("channels"), call, counts=counts
    )
    assert len(calls(call)) > 2
    assert {d: [i.omero_id for i in pages[d].items] for d in ids} == {d: below[d] for d in ids}
    assert all(image.channels is not None for page in pages.values() for image in page.items)


async def test_counts_that_are_out_of_date_make_no_page_too_long(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    below = links(world)
    dataset = next(d for d, found in below.items() if len(found) > 5)
    page = PageRequest(5, Sort("id"))
    stale = {dataset: 1}
    found = await client.images_of_datasets(
        session, [dataset], None, page, NOTHING_MORE, Call(), counts=stale
    )
    assert [image.omero_id for image in found[dataset].items] == below[dataset][:5]
    assert found[dataset].has_more


async def test_nothing_is_asked_where_there_is_nothing_to_ask(
    client: OmeroClient, session: SecretStr
) -> None:
    call = Call()
    assert await client.images_by_ids(session, [], README, call) == {}
    assert await client.images_of_datasets(session, [], None, FIRST, README, call) == {}
    nowhere = ImageFilter(omero_ids=())
    page = PageRequest(5, Sort("id"), count=True)
    empty = await client.images(session, nowhere, page, README, call)
    assert (empty.items, empty.has_more, empty.total) == ((), False, 0)
    assert await client.count_images(session, nowhere, call) == 0
    pages = await client.images_of_datasets(
        session, [1, 2], None, page, README, call, counts={1: 0, 2: 0}
    )
    assert pages == {1: empty, 2: empty}
    assert calls(call) == []


async def test_a_page_of_a_search_costs_one_call_the_count_and_one_per_facet(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    call = Call()
    where = ImageFilter(image_dataset=ContainerFilter(omero_ids=(1,)))
    page = PageRequest(2, Sort("name", descending=True), count=True)
    found = await client.images(session, where, page, Fetch.of(*FACETS), call)
    names = sorted(
        (world.omero.rows["Image"][image - 1]["name"] for image in links(world)[1]), reverse=True
    )
    assert [image.name for image in found.items] == names[:2]
    assert (found.has_more, found.total) == (len(names) > 2, len(names))
    assert sorted(calls(call)) == [
        *("channels", "countImages", "filesets", "images", "keyValuesOfImages"),
        *("roiCounts", "tagsOfImages"),
    ]


async def test_pairs_and_datasets_linked_twice_count_once(kit: SimpleNamespace) -> None:
    picture = kit.Picture("a", datasets=(0, 1), notes=(("n", (("k", "v"), ("k", "v"))),))
    content = kit.Gallery((picture,), (("d", None), ("e", None))).content()
    for entity in ("DatasetImageLink", "ImageAnnotationLink"):
        row: dict[str, Any] = {k: v for k, v in content.rows[entity][0].items() if k != "id"}
        content.add(entity, **{**row, "details.owner": row["details.owner"] - 1})
    async with kit.viewer_of(content, chunk=1) as viewer:
        ask, session = viewer.client, viewer.session
        for page in (FIRST, PageRequest(50, Sort("name"), backward=True)):
            pages = await ask.images_of_datasets(
                session, [1, 2], None, page, Fetch.of("key_values"), Call()
            )
            assert [[image.omero_id for image in pages[d].items] for d in (1, 2)] == [[1], [1]]
            pairs = pages[1].items[0].key_values
            assert pairs is not None
            assert [(pair.key, pair.value) for pair in pairs] == [("k", "v"), ("k", "v")]
        counted = await ask.image_datasets_by_ids(session, [1], Fetch.of("image_count"), Call())
        assert counted[1].image_count == 1


async def test_second_pixels_neither_double_an_image_nor_lend_it_channels(
    kit: SimpleNamespace,
) -> None:
    first = kit.Pixels(sizes=(9, 9, 1, 1, 1), channels=(("one", None),))
    content = kit.Gallery(
        (kit.Picture("a", pixels=first, datasets=(0,)),), (("d", None),)
    ).content()
    second = {k: v for k, v in content.rows["Pixels"][0].items() if k != "id"} | {"sizeX": 1}
    pixels = content.add("Pixels", **second)
    channel = {k: v for k, v in content.rows["Channel"][0].items() if k != "id"}
    content.add("Channel", **{**channel, "pixels": pixels})
    async with kit.viewer_of(content) as viewer:
        found = await viewer.client.images(
            viewer.session, None, FIRST, Fetch.of("channels"), Call()
        )
    assert [(image.size_x, len(image.channels or ())) for image in found.items] == [(9, 1)]


async def test_concurrent_requests_do_not_mix(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    below = links(world)

    async def one(dataset: int) -> list[int]:
        pages = await client.images_of_datasets(session, [dataset], None, FIRST, README, Call())
        return [image.omero_id for image in pages[dataset].items]

    found = await asyncio.gather(*(one(dataset) for dataset in sorted(below)[:20]))
    assert found == [below[dataset] for dataset in sorted(below)[:20]]
