"""Every query of the product, read raw and through the generated classes: the same values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.world import World
from backends.errors import Source
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import ImageFilter, NumberMatch, PageRequest, Sort, StringMatch
from backends.lane import Call, Lane
from backends.omero import queries
from backends.omero.client import OmeroClient
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.precedence import Turn, at_once
from backends.records import ImagingKind

REASON = "the extra omnibis[omero] is not installed"
pytest.importorskip("omero", reason=REASON)
typed = pytest.importorskip("backends.omero.typed", reason=REASON)
ice_transport = pytest.importorskip("backends.omero.ice_transport", reason=REASON)
OmeroIceServer = pytest.importorskip("backends.demo.omero.ice_server").OmeroIceServer

EVERYTHING = Fetch.of(
    "channels", "objective", "instrument", "key_values", "tags", "roi_count", "fileset"
)


class Twice(ice_transport.IceTransport):  # type: ignore[misc]
    """Asks each projection both ways and compares."""

    cells = 0

    async def projection(
        self,
        session: SecretStr,
        hql: str,
        params: Mapping[str, Any],
        *,
        group: int = -1,
        offset: int | None = None,
        limit: int | None = None,
        turn: Turn = at_once,
    ) -> list[list[Any]]:
        rows: list[list[Any]] = await super().projection(
            session, hql, params, group=group, offset=offset, limit=limit, turn=turn
        )
        seat = await self.sessions.seat(session)
        query = await seat.service("IQuery", group=group)
        parameters = typed.parameters(params, offset, limit)
        other = typed.plain_rows(await seat.call(query.begin_projection, hql, parameters))
        assert rows == other
        assert [[type(cell) for cell in row] for row in rows] == [
            [type(cell) for cell in row] for row in other
        ]
        self.cells += sum(map(len, rows))
        return rows


@pytest.fixture
async def twice(world: World) -> AsyncIterator[tuple[Twice, OmeroClient, SecretStr]]:
    with OmeroIceServer(world.omero, transports=("tcp",)) as server:
        address = OmeroAddress.parse("tcp://127.0.0.1", server.ports["tcp"])
        transport = Twice(address, IceOptions())
        client = OmeroClient(transport, Lane(Source.OMERO))
        session = await client.login("microscopy", SecretStr(DEMO_PASSWORD), Call())
        yield transport, client, session
        await client.aclose()


async def test_both_ways_read_the_same(twice: Any) -> None:
    transport, client, session = twice
    call, page = Call(), PageRequest(200, Sort("id"), count=True)
    projects = await client.image_projects(session, None, page, NOTHING_MORE, call)
    ids = [each.omero_id for each in projects.items]
    counted = Fetch.of("image_count", "image_dataset_count")
    await client.image_projects_by_ids(session, ids, counted, call)
    pages = await client.image_datasets_of_projects(session, ids, page, counted, call)
    await client.image_datasets(session, None, page, counted, call, project=ids[0])
    datasets = [each.omero_id for of_one in pages.values() for each in of_one.items][:100]
    await client.image_projects_of_datasets(session, datasets, call)
    by_name = PageRequest(30, Sort("name"), count=True)
    where = ImageFilter(name=StringMatch(contains="a"), size_z=NumberMatch(ge=1))
    images = await client.images(session, where, by_name, EVERYTHING, call)
    numbers = [each.omero_id for each in images.items]
    await client.images_by_ids(session, numbers, EVERYTHING, call)
    await client.images_by_ids(session, numbers, Fetch.of("channel_names"), call)
    for wish in (page, PageRequest(2, Sort("acquired"), count=True)):
        await client.images_of_datasets(session, datasets, None, wish, EVERYTHING, call)
        await client.images_of_datasets(session, datasets, where, wish, EVERYTHING, call)
    await client.image_datasets_of_images(session, numbers, call)
    for kind, some in ((ImagingKind.IMAGE, numbers), (ImagingKind.IMAGE_DATASET, datasets)):
        await client.key_values(session, kind, some, call)
        await client.tags(session, kind, some, call)
        await client.find_external(session, kind, "t", ["u"], call)
    await client.datasets_with_images(session, where, call)
    await client.image_values(session, "Modality", datasets, call)
    await client.images_by_hash(session, ["no such checksum"], call)
    await client.tags_by_text(session, ["H&E"], 3, call)
    await client.contained_datasets(session, ids, call, beyond=0, limit=50)
    await client.addresses_on_images(session, datasets, call)
    await client.count_images(session, where, call)
    await client.count_image_projects(session, None, call)
    await client.count_image_datasets(session, None, call)
    await client.thumbnails(session, numbers[:3], 32, call)
    who = await client.identity(session, call)
    await client.experimenters(session, [who.user_id], call)
    await client.groups(session, who.group_ids, call)
    assert transport.typed_replies == 0
    assert transport.cells > 10_000
    asked = {operation for _, operation in call.meter.operations}
    named = {each.name for each in vars(queries).values() if isinstance(each, queries.Projection)}
    assert named <= asked | {"countImageDatasetsOfProjects"}, named - asked


async def test_a_reply_that_cannot_be_read_raw_is_asked_for_again(twice: Any) -> None:
    transport, _, session = twice
    plain = ice_transport.IceTransport.projection
    rows = await plain(transport, session, "select p from Project p order by p.id", {})
    ids = await plain(transport, session, "select p.id from Project p order by p.id", {})
    assert rows == ids
    assert transport.typed_replies == 1


async def test_a_server_whose_answers_are_never_readable_is_asked_once_in_the_end(
    twice: Any,
) -> None:
    transport, _, session = twice
    plain = ice_transport.IceTransport.projection
    asked: list[str] = []
    seat = await transport.sessions.seat(session)
    original = seat.call

    async def counted(begin: Any, *arguments: Any) -> Any:
        asked.append(begin.__name__)
        return await original(begin, *arguments)

    seat.call = counted
    hql = "select p from Project p order by p.id"
    answers = [await plain(transport, session, hql, {}) for _ in range(8)]
    assert answers == answers[:1] * 8
    assert asked.count("begin_ice_invoke") == 5
    assert asked.count("begin_projection") == 8


async def test_while_a_large_answer_is_read_others_have_their_turn(twice: Any) -> None:
    transport, _, session = twice
    hql = "select i.id, i.name, px.sizeX, px.sizeY from Image i left outer join i.pixels px"
    turns: list[int] = []
    reading: list[bool] = []
    rows_of = transport._rows

    async def watched(reply: bytes) -> Any:
        reading.append(True)
        before = len(turns)
        rows = await rows_of(reply)
        reading.append(False)
        # One turn at least for each step of the answer that was read.
        assert len(turns) - before >= len(rows) * 4 // 1_500 - 1
        return rows

    async def others() -> None:
        while reading[-1:] != [False]:
            turns.append(time.monotonic_ns())
            await asyncio.sleep(0)

    transport._rows = watched
    plain = ice_transport.IceTransport.projection
    rows, _ = await asyncio.gather(plain(transport, session, hql, {}), others())
    assert len(rows) > 1_500
