"""One batcher: keys that are asked for in the same tick of the event loop share one call.

What the keys are and how they are looked up is told by who makes it; `loaders.py` makes all of a
request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from resolvers.context import RequestContext

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Round(Generic[K]):
    """The keys of one call, and what came of it."""

    __slots__ = ("done", "error", "found", "keys")

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.keys: list[K] = []
        self.done = done  # always without an error, so that nobody has to wait for it
        self.found: Mapping[K, Any] = {}
        self.error: BaseException | None = None


class Batch(Generic[K, V]):
    """A typed loader over one batch function from keys to values by key.

    Keys asked for in the same tick of the event loop share one call; what was found is remembered,
    a failure is not. There is one future for a call, not one for a key: a page of hundreds of keys
    costs hardly more than one.
    """

    def __init__(
        self,
        context: RequestContext,
        load: Callable[[list[K]], Awaitable[Mapping[K, Any]]],
        missing: Callable[[], V],
    ) -> None:
        self._context = context
        self._load = load
        self._missing = missing
        self._rounds: dict[K, _Round[K]] = {}
        self._open: _Round[K] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def load(self, key: K) -> V:
        """Return the value of one key; keys asked for in the same tick share one call."""
        return (await self.load_many((key,)))[0]

    async def load_many(self, keys: Sequence[K]) -> list[V]:
        """Return the values of several keys, in their order."""
        rounds = [self._rounds.get(key) or self._enlist(key) for key in keys]
        for each in dict.fromkeys(rounds):
            if not each.done.done():
                await asyncio.shield(each.done)  # others wait for it too
            if each.error is not None:
                raise each.error
        missing = self._missing
        return [
            each.found[key] if key in each.found else missing()
            for key, each in zip(keys, rounds, strict=True)
        ]

    def close(self) -> None:
        """Forget what was found; what is on its way still reaches those who wait."""
        self._rounds = {}

    def _enlist(self, key: K) -> _Round[K]:
        current = self._open
        if current is None:
            loop = asyncio.get_running_loop()
            current = self._open = _Round(loop.create_future())
            # Two ticks: what siblings ask for after one step of their own comes along.
            loop.call_soon(loop.call_soon, self._close)
        current.keys.append(key)
        self._rounds[key] = current
        return current

    def _close(self) -> None:
        current, self._open = self._open, None
        if current is not None:
            task = asyncio.get_running_loop().create_task(self._run(current))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, current: _Round[K]) -> None:
        try:
            current.found = await self._context.noted(self._load(current.keys))
        except BaseException as error:
            current.error = error
            for key in current.keys:
                self._rounds.pop(key, None)
            if not isinstance(error, Exception):
                raise
        finally:
            current.done.set_result(None)
