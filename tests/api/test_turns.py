from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from api.turns import Turns
from tests.house import House, open_house

PIECE = 0.005


async def test_pieces_follow_one_another_with_a_rest_in_which_others_run() -> None:
    turns = Turns(rest=2.0)
    pieces: list[tuple[float, float, int]] = []
    passes = 0

    async def others() -> None:
        nonlocal passes
        while len(pieces) < 5:
            passes += 1
            await asyncio.sleep(0)

    async def work() -> None:
        async with turns.one():
            started = time.monotonic()
            time.sleep(PIECE)  # noqa: ASYNC251 - as parsing does, it holds up the loop
            pieces.append((started, time.monotonic(), passes))

    await asyncio.gather(others(), *(work() for _ in range(5)))
    for (_, ended, before), (started, _, after) in pairwise(pieces):
        assert started - ended >= PIECE * 1.5  # a timer may be early by a millisecond
        assert after > before


async def test_a_piece_that_fails_or_is_given_up_ends_its_turn() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="broken"):
        async with turns.one():
            raise ValueError("broken")
    async with turns.one():
        waits = asyncio.ensure_future(turns.one().__aenter__())
        await asyncio.sleep(0)
        waits.cancel()
    async with asyncio.timeout(10), turns.one():
        pass


async def test_known_documents_do_not_wait_behind_others() -> None:
    async with open_house() as house:
        await house.data("{ viewer { user } }")
        async with house.app.state.operations._turns.one():
            other = asyncio.ensure_future(house.data("{ a: viewer { user } }"))
            for _ in range(3):
                assert (await house.data("{ viewer { user } }"))["viewer"]["user"] == "steward"
            assert not other.done()
        assert (await other)["a"]["user"] == "steward"


async def test_many_new_documents_are_all_answered(house: House) -> None:
    queries = [f"{{ a{n}: viewer {{ user }} }}" for n in range(40)]
    answers = await asyncio.gather(*(house.data(query) for query in queries))
    assert [list(answer) for answer in answers] == [[f"a{n}"] for n in range(40)]
