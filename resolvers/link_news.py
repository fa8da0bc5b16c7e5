"""Waiting for changes of links: one look at the database for all who wait in this process.

`LinkNews` belongs to the `Services`; `resolvers/link_changes.py` waits on it. Replicas learn of
each other's changes in the same way, since all look at the same history, so nothing is sent around.
"""

from __future__ import annotations

import asyncio

from link_store.errors import LinkStoreError
from link_store.store import LinkStore

SECONDS = 1.0


class LinkNews:
    """Tells when the links' revision has grown; looks only while somebody waits.

    Args:
        seconds: the time between two looks.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._look: asyncio.Task[int] | None = None

    @property
    def is_looking(self) -> bool:
        """Whether somebody waits."""
        return self._look is not None and not self._look.done()

    async def later_than(self, links: LinkStore, revision: int) -> None:
        """Return when something has happened after a revision, or at once if it has.

        A database that does not answer is waited for: what happened is in its history.
        """
        while await self._next_look(links) <= revision:
            pass

    async def _next_look(self, links: LinkStore) -> int:
        if self._look is None or self._look.done():  # as `is_looking`, which mypy cannot follow
            self._look = asyncio.ensure_future(self._look_soon(links))
        # The others go on waiting for it when one of them leaves.
        return await asyncio.shield(self._look)

    async def _look_soon(self, links: LinkStore) -> int:
        await asyncio.sleep(self.seconds)
        try:
            return await links.revision()
        except LinkStoreError:
            return -1
