"""Thumbnails as the client gives them: by image id, in sets, with the viewer's rights."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from PIL import Image
from pydantic import SecretStr

from backends.demo import irregularities
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.world import World
from backends.errors import SessionExpired, Source, Unavailable
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient
from backends.omero.thumbnails import SET_AT_MOST
from backends.records import ThumbnailRecord

Login = Callable[[str], Awaitable[SecretStr]]


class Recorded(StoreTransport):
    """The store's transport, telling which sets were asked for; `spoiled` pixels come broken."""

    def __init__(self, store: OmeroStore) -> None:
        super().__init__(store)
        self.sets: list[tuple[int, ...]] = []
        self.spoiled: dict[int, bytes | None] = {}
        self.lost: set[int] = set()

    async def thumbnails(
        self,
        session: SecretStr,
        pixels_ids: Sequence[int],
        longest_side: int,
        *,
        group: int = -1,
    ) -> dict[int, bytes | None]:
        self.sets.append(tuple(pixels_ids))
        drawn = await super().thumbnails(session, pixels_ids, longest_side, group=group)
        return {
            number: jpeg
            for number, jpeg in {**drawn, **self.spoiled}.items()
            if number not in self.lost
        }


@pytest.fixture
async def recorded(world_store: OmeroStore) -> AsyncIterator[Recorded]:
    transport = Recorded(world_store)
    yield transport
    await transport.aclose()


@pytest.fixture
def recording(recorded: Recorded) -> OmeroClient:
    return OmeroClient(recorded, Lane(Source.OMERO))


def images_in(world: World, group: str) -> list[int]:
    rows = world.omero.rows
    (number,) = [row["id"] for row in rows["ExperimenterGroup"] if row["name"] == group]
    return [row["id"] for row in rows["Image"] if row["details.group"] == number]


async def test_pictures_come_by_image_in_the_size_asked_for(
    client: OmeroClient, session: SecretStr, world: World
) -> None:
    slide = next(row for row in world.omero.rows["Pixels"] if row["sizeX"] > 20_000)
    found = await client.thumbnails(session, [1, slide["image"]], 128, Call())
    assert list(found) == [1, slide["image"]]
    assert (found[1].size_x, found[1].size_y) == (1024, 1024)
    for record in found.values():
        assert record.jpeg is not None
        assert record.size_x is not None
        assert record.size_y is not None
        with Image.open(io.BytesIO(record.jpeg)) as picture:
            assert picture.format == "JPEG"
            assert max(picture.size) == 128
            shape = picture.size[0] / picture.size[1]
            assert shape == pytest.approx(record.size_x / record.size_y, rel=0.03)


async def test_sets_have_fifty_at_most_and_no_picture_is_asked_for_twice(
    recording: OmeroClient, recorded: Recorded, login: Login
) -> None:
    session, call = await login("steward"), Call()
    found = await recording.thumbnails(session, [*range(500, 620), *range(500, 620)], 16, call)
    assert sorted(found) == list(range(500, 620))
    assert all(record.jpeg for record in found.values())
    assert [len(some) for some in recorded.sets] == [50, 50, 20]
    assert SET_AT_MOST == 50
    asked = [number for some in recorded.sets for number in some]
    assert len(asked) == len(set(asked)) == 120
    assert [name for _, name in call.meter.operations] == ["primaryPixels", *["thumbnails"] * 3]


@pytest.mark.parametrize("user", ["steward", "microscopy", "plant", "oncology", "genomics"])
async def test_images_of_other_groups_are_missing(
    client: OmeroClient, login: Login, world: World, user: str
) -> None:
    groups = {"plant": ["plant-biology"], "oncology": ["clinical", "hepatology"], "genomics": []}
    sees = groups.get(user, ["plant-biology", "clinical", "hepatology"])
    asked = {
        group: images_in(world, group)[:4] for group in ("plant-biology", "clinical", "hepatology")
    }
    session = await login(user)
    images = [image for some in asked.values() for image in some]
    found = await client.thumbnails(session, images, 16, Call())
    assert sorted(found) == sorted(image for group in sees for image in asked[group])


async def test_an_image_without_pixels_is_told_apart_from_one_that_is_not_there(
    recording: OmeroClient, recorded: Recorded, session: SecretStr, world: World
) -> None:
    (bare,) = [
        row["id"]
        for row in world.omero.rows["Image"]
        if row["name"] == irregularities.IMAGE_WITHOUT_PIXELS
    ]
    found = await recording.thumbnails(session, [bare, 999_999], 96, Call())
    assert found == {bare: ThumbnailRecord(None, None, None)}
    assert recorded.sets == []


async def test_what_omero_cannot_draw_is_none(
    recording: OmeroClient, recorded: Recorded, login: Login, world: World
) -> None:
    pixels = {row["image"]: row["id"] for row in world.omero.rows["Pixels"]}
    recorded.spoiled = {pixels[1]: None, pixels[2]: b"<svg onload=alert(1)>", pixels[3]: b""}
    recorded.lost = {pixels[4]}
    found = await recording.thumbnails(await login("plant"), [1, 2, 3, 4, 5], 32, Call())
    assert {image: record.jpeg is None for image, record in found.items()} == {
        1: True,
        2: True,
        3: True,
        4: True,
        5: False,
    }
    assert {record.size_x for record in found.values()} <= {512, 1024}


async def test_nothing_asked_is_nothing_called(client: OmeroClient, session: SecretStr) -> None:
    call = Call()
    assert await client.thumbnails(session, [], 96, call) == {}
    assert call.meter.operations == []


async def test_failures_are_the_adapters_own(
    client: OmeroClient, session: SecretStr, world_store: OmeroStore
) -> None:
    with pytest.raises(SessionExpired):
        await client.thumbnails(SecretStr("over"), [1], 96, Call())
    world_store.faults.fail_next["thumbnails"] = 1
    call = Call()
    found = await client.thumbnails(session, [1], 96, call)
    assert found[1].jpeg is not None  # a read is repeated once
    assert [name for _, name in call.meter.operations] == [
        "primaryPixels",
        "thumbnails",
        "thumbnails",
    ]
    world_store.faults.fail_next["thumbnails"] = 2
    with pytest.raises(Unavailable):
        await client.thumbnails(session, [1], 96, Call())


async def test_another_session_is_the_same_users_and_ends_by_itself(world: World) -> None:
    now = 1_000.0
    store = OmeroStore(world.omero, clock=lambda: now)
    client = OmeroClient(StoreTransport(store), Lane(Source.OMERO))
    first = await client.login("oncology", SecretStr("demo"), Call())

    async def another() -> SecretStr:
        return await client.open_another(first, Call(), life_seconds=300, idle_seconds=60)

    second = await another()
    assert second != first
    assert await client.identity(second, Call()) == await client.identity(first, Call())
    now += 61
    with pytest.raises(SessionExpired):
        await client.identity(second, Call())
    third = await another()
    for _ in range(5):
        now += 55
        assert (await client.identity(third, Call())).user_name == "oncology"
    now += 55
    with pytest.raises(SessionExpired):
        await client.identity(third, Call())
    assert (await client.identity(first, Call())).user_name == "oncology"
    await client.logout(first, Call())
    with pytest.raises(SessionExpired):
        await another()
    await client.aclose()
    store.shut_down()


async def test_opening_another_session_is_never_repeated(world: World) -> None:
    store = OmeroStore(world.omero)
    client = OmeroClient(StoreTransport(store), Lane(Source.OMERO))
    session = await client.login("oncology", SecretStr("demo"), Call())
    store.faults.fail_next["open_another"] = 1
    call = Call()
    with pytest.raises(Unavailable):
        await client.open_another(session, call, life_seconds=300, idle_seconds=60)
    assert [name for _, name in call.meter.operations] == ["openAnother"]
    await client.aclose()
    store.shut_down()
