"""Connections are lent and come back; what ends badly is closed, and nobody waits for ever."""

import asyncio
from typing import Any

import httpx
import pytest

from backends.openbis.connections import Connections


def connections(**options: Any) -> tuple[Connections, list[httpx.AsyncClient]]:
    made: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        made.append(httpx.AsyncClient())
        return made[-1]

    return Connections(make, **({"size": 2, "patience": 0.05, "idle": 60.0} | options)), made


async def test_the_last_one_used_is_lent_first() -> None:
    kept, made = connections()
    async with kept.lend() as first, kept.lend() as second:
        assert first is not second
    for _ in range(3):
        async with kept.lend() as again:
            assert again is first
    assert len(made) == 2
    await kept.aclose()
    assert all(client.is_closed for client in made)


async def test_what_ends_badly_is_closed_and_its_place_is_free() -> None:
    kept, made = connections(size=1)
    with pytest.raises(ValueError, match="odd"):
        async with kept.lend():
            raise ValueError("odd")
    assert made[0].is_closed
    async with kept.lend() as another:
        assert another is not made[0]
    await kept.aclose()


async def test_a_cancelled_borrower_gives_its_place_back() -> None:
    kept, made = connections(size=1)
    held = asyncio.Event()

    async def borrow() -> None:
        async with kept.lend():
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(borrow())
    await held.wait()
    waiting = asyncio.create_task(borrow())
    await asyncio.sleep(0)
    waiting.cancel()
    task.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
    assert made[0].is_closed
    async with kept.lend():
        pass
    await kept.aclose()


async def test_nobody_waits_longer_than_patience() -> None:
    kept, _ = connections(size=1)
    async with kept.lend():
        with pytest.raises(TimeoutError):
            async with kept.lend():
                pass
    await kept.aclose()


async def test_one_that_is_lent_is_closed_when_it_comes_back_too_late() -> None:
    kept, made = connections()
    async with kept.lend():
        await kept.aclose()
        assert not made[0].is_closed
    assert made[0].is_closed


async def test_the_unused_are_closed_after_a_while() -> None:
    kept, made = connections(idle=0.0)
    async with kept.lend(), kept.lend():
        pass
    await asyncio.sleep(0.001)
    async with kept.lend():
        assert [client.is_closed for client in made] == [True, True, False]
    await kept.aclose()
