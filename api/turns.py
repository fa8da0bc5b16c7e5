"""Turns: work that holds up the event loop is done one piece after the other, with rests between.

Parsing and validating a document takes milliseconds in which nothing else runs. When many come at
once that are not known yet, as in a flood, they take turns here, and after each the loop belongs to
others for a while; known documents never wait. `api/operations.py` has one for its documents.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

REST = 2.0  # times as long as the piece before it took


class Turns:
    """One piece of work at a time, and rests between them.

    Args:
        rest: how long the rest after a piece is, as a multiple of the time that it took.
    """

    def __init__(self, rest: float = REST) -> None:
        self._rest = rest
        self._lock = asyncio.Lock()
        self._not_before = 0.0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for one's turn; what is done within must not wait for anything."""
        async with self._lock:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            started = time.monotonic()
            try:
                yield
            finally:
                ended = time.monotonic()
                self._not_before = ended + (ended - started) * self._rest
