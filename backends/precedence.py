"""Precedence: large answers are read one after the other, those of the oldest request first.

An answer of megabytes becomes ten times as much when it is read. Were all that have come read at
once, many half-finished requests would fill memory, each pushing the others out of the processor's
caches, and all would end late. So whoever has a large answer takes a turn, and has a while to go
on with what it holds until the next one is read. Small answers never wait. Lanes hand turns out
(`lane.py`), transports take them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

LARGE: Final = 65_536  # bytes of an answer that take a turn
# Rounds of the event loop that a turn lasts. A request that has what it waited for goes on in a few
# of them, one after the other; where nothing else is to be done, all take half a millisecond.
ROUNDS: Final = 40

# Awaited with the size of an answer, in bytes, before it is read.
Turn = Callable[[int], Awaitable[None]]


class Precedence:
    """Hands out turns, to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._loop: asyncio.AbstractEventLoop | None = None  # that in which somebody has the turn
        self._holder = 0.0  # since when whoever has it is here

    async def take(self, since: float, size: int) -> None:
        """Wait for one's turn; not if nobody else has it, nor with a small answer.

        Args:
            since: when the request came, by `time.monotonic`.
            size: of the answer, in bytes.
        """
        if size < LARGE:
            return
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # nobody has it, or who had it is gone with its loop
            self._waiting.clear()
            self._begin(loop, since)
            return
        if self._holder == since:
            return
        turn: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (since, next(self._numbers), turn))
        await turn

    def _begin(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        self._loop, self._holder = loop, since
        loop.call_soon(self._pass, loop, ROUNDS)

    def _pass(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        """Let a round pass, or give the next one the turn."""
        if rounds > 0:
            loop.call_soon(self._pass, loop, rounds - 1)
            return
        self._loop = None
        waiting, holder = self._waiting, None
        while waiting and holder in {None, waiting[0][0]}:  # several answers of one request
            since, _, turn = heapq.heappop(waiting)
            if not turn.done():  # else whoever waited was cancelled
                turn.set_result(None)
                holder = since
        if holder is not None:
            self._begin(loop, holder)


async def at_once(_size: int) -> None:
    """Let everything be read at once: the turn of those who are alone."""
