"""A bounded set of HTTP connections, lent out one at a time.

Each is an HTTP client of its own with a single connection. One client with a pool of many would do,
if a call that is cancelled while the pool hands it a connection did not leave that place taken for
ever (httpcore 1.0); here whatever ends badly is closed, and its place is free. The connection
that was used last is lent first, so that few stay open when little is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

MakeClient = Callable[[], httpx.AsyncClient]


class Connections:
    """Connections to one host.

    Args:
        make: makes a client for a single connection; nothing is opened before it is used.
        size: how many there are at most.
        patience: seconds to wait for one; then `TimeoutError`.
        idle: seconds after which an unused one is closed.
    """

    def __init__(self, make: MakeClient, *, size: int, patience: float, idle: float) -> None:
        self._make = make
        self._patience = patience
        self._idle = idle
        self._places = asyncio.Semaphore(size)
        self._free: list[tuple[float, httpx.AsyncClient]] = []  # the last one used at the end
        self.is_closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a client; it comes back if all goes well, and is closed if anything does not."""
        async with asyncio.timeout(self._patience):
            await self._places.acquire()
        try:
            await self._close_stale()
            client = self._free.pop()[1] if self._free else self._make()
            try:
                yield client
            except BaseException:
                # Shielded: a second cancellation must not keep the connection open.
                await asyncio.shield(client.aclose())
                raise
            if self.is_closed:
                await client.aclose()
            else:
                self._free.append((time.monotonic(), client))
        finally:
            self._places.release()

    async def aclose(self) -> None:
        """Close those that are not lent; the others are closed when they come back."""
        self.is_closed = True
        while self._free:
            await self._free.pop()[1].aclose()

    async def _close_stale(self) -> None:
        while self._free and time.monotonic() - self._free[0][0] > self._idle:
            await self._free.pop(0)[1].aclose()
