"""Several processes on one port: forks them, starts one again that died, stops all at a signal.

Nothing is open before the fork, so each worker makes its own connections, caches and breakers; they
share the listening socket, and the kernel hands out the connections. A worker whose watcher is
killed stops, too: else nobody could stop it or replace it. Called by `omnibis serve`; what a worker
does is `api/server.py`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

SHORTEST_LIFE: Final = 2.0  # seconds; a worker that dies sooner did not start
MOST_FALSE_STARTS: Final = 3  # in a row, of any workers
STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Workers:
    """The worker processes of one server.

    Args:
        count: how many.
        serve: what each does until SIGTERM or SIGINT; what it returns is its exit status.
        close: lets go of what this process holds open for them, such as the port, once they are to
            stop: nobody would answer what came in there.
    """

    def __init__(
        self, count: int, serve: Callable[[], int], close: Callable[[], None] = lambda: None
    ) -> None:
        self._count = count
        self._serve = serve
        self._close = close
        self._born: dict[int, float] = {}
        self._is_stopping = False
        self._false_starts = 0
        self._lifeline: tuple[int, int] | None = None  # a pipe that ends with this process

    def run(self) -> int:
        """Keep the workers running until a signal comes; return the exit status.

        Returns:
            0 when all was stopped by a signal, 1 when workers kept dying as they started.
        """
        for number in STOPPING:
            signal.signal(number, self._stop)
        self._lifeline = os.pipe()
        for _ in range(self._count):
            self._fork()
        while self._born:
            pid, status = os.wait()
            born = self._born.pop(pid, None)
            if born is None or self._is_stopping:
                continue
            self._bury(pid, status, time.monotonic() - born)
        return 1 if self._false_starts >= MOST_FALSE_STARTS else 0

    def _bury(self, pid: int, status: int, life: float) -> None:
        """Start another in place of one that died, unless they do not even start."""
        self._false_starts = self._false_starts + 1 if life < SHORTEST_LIFE else 0
        code = os.waitstatus_to_exitcode(status)
        if self._false_starts >= MOST_FALSE_STARTS:
            sys.stderr.write(f"Worker {pid} ended with {code} as it started; stopping.\n")
            self._tell(signal.SIGTERM)
            return
        sys.stderr.write(f"Worker {pid} ended with {code}; starting another.\n")
        self._fork()

    def _fork(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._born[pid] = time.monotonic()
            return
        status = 1
        try:
            for number in STOPPING:
                signal.signal(number, signal.SIG_DFL)
            self._watch_the_watcher()
            status = self._serve()
        except BaseException:  # noqa: BLE001 - the worker ends here, whatever it was
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _watch_the_watcher(self) -> None:
        """In a worker: stop as at a signal when the process that watches is gone."""
        assert self._lifeline is not None  # noqa: S101 - opened before the first fork
        end, ours = self._lifeline
        os.close(ours)  # the watcher alone holds it open

        def wait() -> None:
            os.read(end, 1)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=wait, name="watcher", daemon=True).start()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Pass the signal on; a second one, too, which ends a draining worker at once."""
        self._tell(signal.SIGTERM)

    def _tell(self, number: signal.Signals) -> None:
        self._is_stopping = True
        self._close()
        for pid in list(self._born):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
