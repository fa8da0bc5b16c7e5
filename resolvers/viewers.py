"""A small bounded memory per viewer for what changes rarely: entity types, identities.

Nothing here is ever shared between two viewers, because rights differ. Entries expire by age and by
number, so a stale type is seen for a minute at most.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from cachetools import TTLCache

T = TypeVar("T")


class ViewerCache:
    """Values by (viewer, name), for a limited time.

    Args:
        entries: how many values at most, over all viewers; the least recently used go first.
        seconds: how long a value is believed.
        ids: how many ids at most that answers of several pages are cut from, over all viewers.
    """

    def __init__(self, entries: int = 1024, seconds: float = 60.0, ids: int = 1_000_000) -> None:
        self._values: TTLCache[tuple[str, str], Any] = TTLCache(entries, seconds)
        self._ids: TTLCache[tuple[str, str], tuple[str, ...]] = TTLCache(
            ids, seconds, getsizeof=len
        )

    async def get(self, viewer: str, name: str, load: Callable[[], Awaitable[T]]) -> T:
        """Return the remembered value, or load and remember it; a failed load is not remembered."""
        key = (viewer, name)
        try:
            return cast("T", self._values[key])
        except KeyError:
            value = self._values[key] = await load()
            return value

    def keep(self, viewer: str, name: str, ids: tuple[str, ...]) -> None:
        """Remember the ids that further pages are to be cut from; too many are not."""
        if ids and len(ids) <= self._ids.maxsize:
            self._ids[viewer, name] = ids

    def kept(self, viewer: str, name: str) -> tuple[str, ...] | None:
        """Return the ids that were kept, unless they are too old."""
        return self._ids.get((viewer, name))

    def forget(self, viewer: str) -> None:
        """Drop all that is remembered for one viewer, at logout."""
        for values in (self._values, self._ids):
            for key in [key for key in values if key[0] == viewer]:
                del values[key]
