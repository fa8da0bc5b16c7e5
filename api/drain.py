"""Whether the server is stopping: it takes no new request then, and streams end to come back later.

`api/server.py` begins it from a signal handler, `api/observe.py` refuses requests by it, and what
lives long (`api/event_stream.py`, `api/websocket.py`) waits for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Drain:
    """The one switch from serving to stopping."""

    draining: bool = False
    _waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = field(
        default_factory=dict, repr=False
    )

    def begin(self) -> None:
        """Stop; may be called from any thread and from a signal handler, and again."""
        self.draining = True
        for event, loop in list(self._waiting.items()):
            loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        """Return once the server is stopping."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        try:
            if not self.draining:
                await event.wait()
        finally:
            del self._waiting[event]
