from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from backends.errors import Source
from backends.lane import Call, Lane
from backends.precedence import LARGE, ROUNDS, Precedence, at_once


async def readings(ages: Sequence[float]) -> list[float]:
    """Ask for turns, all at once, and return whose answer was read in which order."""
    precedence = Precedence()
    read: list[float] = []

    async def request(since: float) -> None:
        await precedence.take(since, LARGE)
        read.append(since)

    await asyncio.gather(*map(request, ages))
    return read


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12))
def test_the_first_comes_at_once_and_then_the_oldest(ages: list[float]) -> None:
    first, *others = ages
    same = [each for each in others if each == first]  # it has the turn
    rest = sorted(each for each in others if each != first)
    assert asyncio.run(readings(ages)) == [first, *same, *rest]


async def test_a_request_goes_on_before_the_next_is_read() -> None:
    precedence = Precedence()
    log: list[str] = []

    async def request(name: str, since: float) -> None:
        await precedence.take(since, LARGE)
        log.append(f"{name} reads")
        for _ in range(ROUNDS // 2):  # its answer goes from hand to hand
            await asyncio.sleep(0)
        log.append(f"{name} asks")

    await asyncio.gather(request("a", 1.0), request("c", 3.0), request("b", 2.0))
    assert log == ["a reads", "a asks", "b reads", "b asks", "c reads", "c asks"]


async def test_a_request_that_waits_for_something_else_holds_nobody_up() -> None:
    precedence = Precedence()
    await precedence.take(1.0, LARGE)
    await asyncio.wait_for(precedence.take(2.0, LARGE), 5)
    await asyncio.wait_for(precedence.take(0.5, LARGE), 5)


async def test_all_answers_of_the_request_whose_turn_it_is_are_read() -> None:
    precedence = Precedence()
    await precedence.take(1.0, LARGE)
    late = [asyncio.ensure_future(precedence.take(since, LARGE)) for since in (3.0, 2.0, 2.0)]
    await late[1]
    assert late[2].done()
    assert not late[0].done()
    await precedence.take(2.0, LARGE)  # a further one
    assert not late[0].done()
    await late[0]


async def test_small_answers_never_wait() -> None:
    precedence = Precedence()
    await precedence.take(1.0, LARGE)
    waiting = asyncio.ensure_future(precedence.take(2.0, LARGE))
    small = asyncio.ensure_future(precedence.take(3.0, LARGE - 1))
    await asyncio.sleep(0)
    assert small.done()
    assert not waiting.done()
    await waiting


async def test_who_gave_up_waiting_is_passed_over() -> None:
    precedence = Precedence()
    await precedence.take(1.0, LARGE)
    gone = asyncio.ensure_future(precedence.take(2.0, LARGE))
    next_ = asyncio.ensure_future(precedence.take(3.0, LARGE))
    await asyncio.sleep(0)
    gone.cancel()
    await next_
    assert gone.cancelled()


def test_a_turn_does_not_outlive_its_loop() -> None:
    precedence = Precedence()

    async def leave() -> None:
        await precedence.take(1.0, LARGE)
        task = asyncio.ensure_future(precedence.take(2.0, LARGE))
        await asyncio.sleep(0)
        task.cancel()

    async def come() -> None:
        await asyncio.wait_for(precedence.take(3.0, LARGE), 5)
        await asyncio.wait_for(precedence.take(4.0, LARGE), 5)

    asyncio.run(leave())
    asyncio.run(come())


async def test_lanes_that_share_it_let_the_older_request_read_first() -> None:
    shared = Precedence()
    openbis = Lane(Source.OPENBIS, precedence=shared)
    omero = Lane(Source.OMERO, precedence=shared)
    oldest, older, younger = (Call(since=since) for since in (1.0, 2.0, 3.0))
    read: list[str] = []

    async def ask(lane: Lane, call: Call, name: str) -> None:
        turn = lane.turn(call)

        async def attempt() -> None:
            await turn(LARGE)
            read.append(name)

        await lane.call("search", attempt, call)

    await asyncio.gather(
        ask(openbis, oldest, "oldest"), ask(openbis, younger, "younger"), ask(omero, older, "older")
    )
    assert read == ["oldest", "older", "younger"]


async def test_those_who_are_alone_read_at_once() -> None:
    await at_once(LARGE)


def test_requests_are_as_old_as_they_are() -> None:
    first, second = Call(), Call()
    assert first.since <= second.since
