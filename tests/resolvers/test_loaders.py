from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from backends.errors import Source, Unavailable
from backends.fetch import Fetch
from backends.filters import PageRequest, Sort
from backends.lane import Call
from backends.openbis.client import Count, Search
from backends.records import ImagingKind, Kind
from resolvers.context import RequestContext, Viewer
from resolvers.loaders import Contents, Entity, Loaders, Member
from tests.atlas import Atlas
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTHING = Fetch()
BY_CODE = PageRequest(3, Sort("code"), count=True)


@pytest_asyncio.fixture(loop_scope="module")
async def request_of(open_door: House) -> AsyncIterator[RequestContext]:
    """A request of the steward, with sessions of its own."""
    services = open_door.built.parts.services
    call = Call()
    openbis = await services.openbis.login("steward", SecretStr("demo"), call)
    omero = await services.omero.login("steward", SecretStr("demo"), call)
    context = RequestContext(Viewer("test", "steward", openbis, omero), services, "r-1")
    Loaders(context)
    yield context
    services.cache.forget("test")


def calls(context: RequestContext) -> tuple[int, int, int]:
    counted = context.cost()["calls"]
    return counted["openbis"], counted["omero"], counted["linkStore"]


async def test_whatever_openbis_is_asked_in_one_tick_is_one_call(
    open_door: House, request_of: RequestContext
) -> None:
    atlas = Atlas(open_door.world)
    load = request_of.loaders.openbis.load
    sample, project = atlas.openbis.samples[5], atlas.openbis.projects[1]
    found, same, none, by_identifier, page, number = await asyncio.gather(
        load(Entity(Kind.SAMPLE, sample.perm_id, NOTHING)),
        load(Entity(Kind.SAMPLE, sample.perm_id, Fetch.of("type"))),
        load(Entity(Kind.SAMPLE, "20000101000000000-1", NOTHING)),
        load(Entity(Kind.PROJECT, f"/{project.space}/{project.code}", NOTHING)),
        load(Search(Kind.SAMPLE, None, BY_CODE, NOTHING)),
        load(Count(Kind.OMICS_DATASET, None)),
    )
    assert found.code == same.code == sample.code
    assert (found.type_code, same.type_code) == (None, sample.type)
    assert none is None
    assert by_identifier.perm_id == project.perm_id
    assert page.total == len(atlas.openbis.samples)
    assert number == len(atlas.openbis.data_sets)
    assert calls(request_of) == (1, 0, 0)


async def test_what_was_asked_is_remembered_within_the_request(
    open_door: House, request_of: RequestContext
) -> None:
    sample = open_door.world.openbis.samples[0]
    for _ in range(3):
        await request_of.loaders.openbis.load(Entity(Kind.SAMPLE, sample.perm_id, NOTHING))
    await asyncio.gather(*(request_of.loaders.identities.load(Source.OPENBIS) for _ in range(3)))
    assert calls(request_of) == (2, 0, 0)


async def test_links_are_one_statement_each_way(
    open_door: House, request_of: RequestContext
) -> None:
    known = open_door.world.sample_links
    there = await request_of.loaders.sample_links.load_many([each.perm_id for each in known])
    assert [each.omero_id for each in there] == [each.omero_id for each in known]
    back = await request_of.loaders.sample_links_of_omero.load_many(
        [each.omero_id for each in known] + [10**7]
    )
    assert [each.openbis_perm_id for each in back[:-1]] == [each.perm_id for each in known]
    assert back[-1] is None
    histories = await request_of.loaders.histories.load_many([each.ref for each in there])
    assert all(len(each) == 1 for each in histories)
    assert calls(request_of) == (0, 0, 3)


async def test_objects_of_omero_are_read_in_batches(
    open_door: House, request_of: RequestContext
) -> None:
    atlas = Atlas(open_door.world)
    datasets = sorted(atlas.rows("Dataset"))[:40]
    found = await request_of.loaders.image_datasets.load_many(
        [Member(number, NOTHING) for number in [*datasets, 10**7]]
    )
    assert [each and each.omero_id for each in found] == [*datasets, None]
    users = await request_of.loaders.experimenters.load_many([2, 3, 3, 10**7])
    assert [each and each.user_name for each in users] == ["steward", "plant", "plant", None]
    annotated = await request_of.loaders.key_values.load_many(
        [(ImagingKind.IMAGE_DATASET, number) for number in datasets]
        + [(ImagingKind.IMAGE_PROJECT, 1)]
    )
    assert [len(each) for each in annotated[:-1]] == [
        len(atlas.key_values("Dataset", number)) for number in datasets
    ]
    assert len(annotated[-1]) == 3
    assert calls(request_of)[1] <= 5


@pytest.mark.parametrize("sized", [True, False])
async def test_the_images_of_many_datasets_are_read_together(
    open_door: House, request_of: RequestContext, *, sized: bool
) -> None:
    atlas = Atlas(open_door.world)
    datasets = sorted(atlas.rows("Dataset"))[:60]
    page = PageRequest(4, Sort("id"), count=True)
    keys = [
        Contents(number, None, page, NOTHING, len(atlas.images_in[number]) if sized else None)
        for number in datasets
    ]
    found = await request_of.loaders.images_of_datasets.load_many(keys)
    for number, images in zip(datasets, found, strict=True):
        known = sorted(atlas.images_in[number])
        assert images.total == len(known)
        assert [each.omero_id for each in images.items] == known[:4]
        assert images.has_more is (len(known) > 4)
    assert calls(request_of)[1] <= (3 if sized else 4)


async def test_a_failure_reaches_everybody_who_waits_and_is_noted(
    open_door: House, request_of: RequestContext
) -> None:
    open_door.built.faults["omero"].off = True
    try:
        found = await asyncio.gather(
            *(request_of.loaders.images.load(Member(number, NOTHING)) for number in (1, 2)),
            return_exceptions=True,
        )
    finally:
        open_door.built.faults["omero"].off = False
        open_door.recover()
    assert [type(each) for each in found] == [Unavailable, Unavailable]
    assert request_of.sources()["omero"] == "UNAVAILABLE"
