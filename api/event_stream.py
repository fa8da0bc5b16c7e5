"""Results as server-sent events: graphql-sse's distinct connections mode.

One response is the stream of one operation: `next` with each result, `complete` at the end, a
comment now and then so that proxies keep it open. A stream that this server ends before its time
(it is stopping, or the stream is as old as one may be) has no `complete`: that makes a client come
back, perhaps to another replica, and `linkChanges(after:)` lets it miss nothing. The single
connection mode is not served: it would tie a client to one replica. Framing and heartbeat are
Strawberry's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import Response, StreamingResponse
from strawberry.http.streaming import SSETransport, merge_stream_with_heartbeat

from api.drain import Drain
from api.execution import encode
from api.observe import RequestRecord
from api.operations import Body

HEARTBEAT: Final = 15.0  # seconds
_FRAMES: Final = SSETransport()
_HEADERS: Final = {**_FRAMES.headers, "Vary": "Accept, Authorization"}


class CutShort(Exception):  # noqa: N818 - the name is the state, as a reader says it
    """The stream is ended by this server, not by its source."""


class Streams:
    """Sends results as events.

    Args:
        drain: tells when the server is stopping.
        seconds: how long a stream may be.
        heartbeat: seconds between two signs of life.
    """

    def __init__(self, drain: Drain, seconds: float, heartbeat: float = HEARTBEAT) -> None:
        self._drain = drain
        self._seconds = seconds
        self._heartbeat = heartbeat

    def single(self, body: Body) -> Response:
        """Make a stream of one result."""
        return Response(_frame(body) + _FRAMES.encode_complete(), headers=_HEADERS)

    def open(self, events: AsyncGenerator[Body, None], record: RequestRecord) -> Response:
        """Make the stream of a subscription; closes `events` when the client goes away."""
        record.place.close()  # it is no request under way any more, for it may last for hours

        async def frames() -> AsyncGenerator[str, None]:
            try:
                async with aclosing(self._until_stopped(events)) as bodies:
                    async for body in bodies:
                        yield _frame(body)
            except CutShort:
                return
            yield _FRAMES.encode_complete()

        stream = merge_stream_with_heartbeat(
            frames,
            lambda: _FRAMES.heartbeat_message(_text),
            interval=self._heartbeat,
            send_initial_heartbeat=True,  # so that the headers go out
        )
        return StreamingResponse(stream(), headers=_HEADERS)

    async def _until_stopped(
        self, events: AsyncGenerator[Body, None]
    ) -> AsyncGenerator[Body, None]:
        """Pass events on until the server stops or the stream is too old.

        Raises:
            CutShort: one of the two.
        """
        end = time.monotonic() + self._seconds
        stop = asyncio.ensure_future(self._drain.wait())
        following = asyncio.ensure_future(_next(events))
        try:
            while True:
                await asyncio.wait(
                    {stop, following},
                    timeout=max(0.0, end - time.monotonic()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not following.done():
                    raise CutShort
                body = following.result()
                if body is None:
                    return
                yield body
                following = asyncio.ensure_future(_next(events))
        finally:
            for task in (stop, following):
                task.cancel()
            await asyncio.gather(stop, following, return_exceptions=True)
            await events.aclose()


async def _next(events: AsyncIterator[Body]) -> Body | None:
    return await anext(events, None)


def _frame(body: Body) -> str:
    return _FRAMES.encode_next(body, _text)  # type: ignore[arg-type] # its type knows no requestId


def _text(body: Any) -> str:
    return encode(body).decode()
