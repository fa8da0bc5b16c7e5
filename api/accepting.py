"""Takes connections from a port that other processes take from, too: the fewer it has, the sooner.

Whoever shares a listening socket is woken for each connection, and an event loop takes all that are
waiting: of eight clients that come at once, one worker may get all, and keep them, while another
has nothing to do. So a worker takes one at a time, and the more connections it has, the longer it
leaves the next one to others. `api/server.py` uses this where there are several workers.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

HESITATION: Final = 0.001  # seconds for each connection that is open here
LONGEST: Final = 0.01
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
RECOVERY: Final = 1.0  # seconds until another try when there is no room for a connection
LOG: Final = logging.getLogger("omnibis")


class Acceptor:
    """Takes connections, in the running event loop, until it is closed.

    Args:
        listener: listens; closed by whoever opened it.
        make_protocol: makes the protocol of a connection.
        load: says how many connections are open in this process.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        load: Callable[[], int],
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._make_protocol = make_protocol
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[object]] = set()
        self._watch()

    def close(self) -> None:
        """Take no more connections."""
        self._rest(None)

    async def wait_closed(self) -> None:
        """Wait for the connections that are being taken."""
        if self._connecting:
            await asyncio.wait(self._connecting)

    def _watch(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener.fileno(), self._come)

    def _rest(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        """Leave the port to others for a while, or for ever."""
        self._loop.remove_reader(self._listener.fileno())
        if self._pause is not None:
            self._pause.cancel()
        self._pause = None
        if seconds is not None:
            self._pause = self._loop.call_later(seconds, then or self._watch)

    def _come(self) -> None:
        """A connection waits: take it, or see whether somebody else does."""
        seconds = min(LONGEST, HESITATION * self._load())
        if seconds:
            self._rest(seconds, self._take)
        else:
            self._take()

    def _take(self) -> None:
        if self._pause is not None:
            self._watch()
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # it is taken, or has gone
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            LOG.warning("no connection can be taken", extra={"event": "exhausted"})
            self._rest(RECOVERY)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task: asyncio.Task[object] = self._loop.create_task(
            self._loop.connect_accepted_socket(self._make_protocol, connection)
        )
        self._connecting.add(task)
        task.add_done_callback(self._taken)

    def _taken(self, task: asyncio.Task[object]) -> None:
        self._connecting.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOG.warning("a connection could not be taken", exc_info=task.exception())
