"""Calls over Ice, awaited on the event loop: no thread per call.

Ice calls back from a thread of its own when a reply is there; it is handed to the loop, which wakes
the coroutine. What a call raises is wrapped together with whether its request had left this
process, for that decides what may be said of a write. Used by `session.py` and `ice_transport.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class CallFailed(Exception):  # noqa: N818 - wraps the error
    """A call over Ice raised `error`; `sent` tells whether its request had left."""

    def __init__(self, error: BaseException, *, sent: bool) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.sent = sent


async def awaited(begin: Callable[..., Any], *arguments: Any) -> Any:
    """Start an asynchronous operation of a proxy and wait for its result.

    A call that is cancelled here is given up: its reply is dropped when it comes, and the server
    may finish its work.

    Args:
        begin: the proxy's `begin_<operation>`.
        arguments: the operation's.

    Returns:
        The result; None for an operation without one, a tuple for one with several.

    Raises:
        CallFailed: whatever Ice or the server raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    departures: list[bool] = []

    def hand(settle: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def respond(*results: Any) -> None:
        result = results[0] if len(results) == 1 else results or None
        hand(lambda: None if future.done() else future.set_result(result))

    def fail(error: BaseException) -> None:
        failed = CallFailed(error, sent=bool(departures))
        hand(lambda: None if future.done() else future.set_exception(failed))

    def depart(_synchronously: bool) -> None:
        departures.append(True)

    try:
        pending = begin(*arguments, _response=respond, _ex=fail, _sent=depart)
    except Exception as error:
        raise CallFailed(error, sent=False) from error
    try:
        return await future
    except asyncio.CancelledError:
        pending.cancel()
        raise
    finally:
        # It holds the callbacks, they the future, that the error, whose traceback this frame: a
        # circle through Ice, where Python's collector does not look.
        del pending
