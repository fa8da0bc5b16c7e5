"""Sets of thumbnails, over an OMERO that says when it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, cast

import pytest
from pydantic import SecretStr

from backends.errors import Source, Unavailable
from backends.lane import Call
from backends.omero.client import OmeroClient
from backends.records import ThumbnailRecord
from resolvers.addresses import LARGEST_ID
from resolvers.context import Viewer
from resolvers.errors import Missing, NotSignedIn
from resolvers.pictures import Thumbnails

ADA = Viewer("ada", "ada", omero=SecretStr("ada-uuid"))
BOB = Viewer("bob", "bob", omero=SecretStr("bob-uuid"))


class Omero:
    """Answers sets when told to, and remembers on whose account they were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[int, ...], int, Call]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.failure: Exception | None = None
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()

    async def thumbnails(
        self, session: SecretStr, ids: Collection[int], size: int, call: Call
    ) -> dict[int, ThumbnailRecord]:
        self.asked.append((session.get_secret_value(), tuple(sorted(ids)), size, call))
        self.arrivals.put_nowait(None)
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return {number: ThumbnailRecord(number, size, b"jpeg") for number in ids if number < 100}

    def thumbnails_of(self, window: float = 0.0) -> Thumbnails:
        return Thumbnails(cast("OmeroClient", self), window=window)


async def load(thumbnails: Thumbnails, images: Collection[int], viewer: Viewer = ADA) -> list[Any]:
    return await asyncio.gather(
        *(thumbnails.load(viewer, image, 96, Call()) for image in images), return_exceptions=True
    )


async def test_the_first_of_a_set_pays_for_all() -> None:
    omero, calls = Omero(), [Call() for _ in range(4)]
    thumbnails = omero.thumbnails_of()
    found = await asyncio.gather(
        *(thumbnails.load(ADA, image, 96, call) for image, call in enumerate(calls, 1))
    )
    assert [record.size_x for record in found] == [1, 2, 3, 4]
    ((session, images, size, call),) = omero.asked
    assert (session, images, size) == ("ada-uuid", (1, 2, 3, 4), 96)
    assert call is calls[0]


async def test_a_full_set_does_not_wait_for_its_time() -> None:
    omero = Omero()
    async with asyncio.timeout(5):
        found = await load(omero.thumbnails_of(window=3_600), range(50))
    assert len(found) == 50
    assert [len(images) for _, images, _, _ in omero.asked] == [50]


async def test_who_comes_while_a_set_is_under_way_is_in_the_next() -> None:
    omero = Omero()
    omero.go.clear()
    thumbnails = omero.thumbnails_of()
    first = asyncio.create_task(load(thumbnails, [1, 2]))
    await omero.arrivals.get()
    second = asyncio.create_task(load(thumbnails, [2, 3]))
    await omero.arrivals.get()
    omero.go.set()
    assert [record.size_x for record in await first] == [1, 2]
    assert [record.size_x for record in await second] == [2, 3]
    assert [images for _, images, _, _ in omero.asked] == [(1, 2), (2, 3)]


async def test_viewers_do_not_share() -> None:
    omero = Omero()
    thumbnails = omero.thumbnails_of()
    await asyncio.gather(load(thumbnails, [1]), load(thumbnails, [1], BOB))
    assert {session for session, *_ in omero.asked} == {"ada-uuid", "bob-uuid"}


@pytest.mark.parametrize(
    "failure", [Unavailable(Source.OMERO, "Try again soon."), KeyError("a fault of ours")]
)
async def test_a_failure_is_everybodys_and_the_next_set_is_new(failure: Exception) -> None:
    omero = Omero()
    omero.failure = failure
    thumbnails = omero.thumbnails_of()
    assert await load(thumbnails, [1, 2]) == [failure, failure]
    omero.failure = None
    (found,) = await load(thumbnails, [1])
    assert found.jpeg == b"jpeg"


async def test_one_who_leaves_takes_nobody_along() -> None:
    omero = Omero()
    omero.go.clear()
    thumbnails = omero.thumbnails_of()
    leaving = asyncio.create_task(thumbnails.load(ADA, 1, 96, Call()))
    staying = asyncio.create_task(thumbnails.load(ADA, 2, 96, Call()))
    await omero.arrivals.get()
    leaving.cancel()
    omero.go.set()
    assert (await staying).size_x == 2
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_what_cannot_be_answered_is_not_asked() -> None:
    omero = Omero()
    thumbnails = omero.thumbnails_of()
    with pytest.raises(NotSignedIn) as refused:
        await thumbnails.load(Viewer("nobody"), 1, 96, Call())
    assert refused.value.source is Source.OMERO
    with pytest.raises(Missing, match=f"no image {LARGEST_ID + 1} "):
        await thumbnails.load(ADA, LARGEST_ID + 1, 96, Call())
    assert omero.asked == []
    with pytest.raises(Missing, match="no image 100 in OMERO that you may see"):
        await thumbnails.load(ADA, 100, 96, Call())
