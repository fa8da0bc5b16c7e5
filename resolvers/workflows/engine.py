"""DBOS, held at arm's length: it keeps what each step returned and finds what was interrupted.

The only module that imports DBOS, and only when the first workflow is at hand, for its threads ask
its database about every second. It is one per process, as DBOS is. Its database is a SQLite file
beside the link store's, or tables of its own (schema `dbos`) in the link store's PostgreSQL. It
logs through our loggers, and speaks to nothing but its database. `operations.py` decides what runs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from resolvers.errors import Busy

NAME: Final = "omnibis"
# Operations are recovered by any replica with this version: to be counted up when a change of
# `execution.py` makes what an older one has kept unreadable.
VERSION: Final = "1"

T = TypeVar("T")

_log = logging.getLogger("omnibis.workflows")


class Engine:
    """Runs operations by their ids.

    DBOS has a loop of its own, in a thread, where operations are walked through; what they do runs
    on ours, where the systems and the link store are, and only what it returns goes over there to
    be kept.

    Args:
        url: of its database: sqlite or postgresql.
        runner: this process among the replicas.
        execute: walks through one operation, on DBOS' loop: it keeps each step by `checkpoint`, and
            does all else by `here`.
    """

    _running: Engine | None = None

    def __init__(self, url: str, runner: str, execute: Callable[[str], Awaitable[None]]) -> None:
        self._url = url
        self._runner = runner
        self._execute = execute
        self._workflow: Any = None
        self._ours: asyncio.AbstractEventLoop | None = None
        self._theirs: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def start(self, operation_id: str) -> None:
        """Run an operation; one that runs, waits or has ended is left alone.

        Raises:
            Busy: another application in this process runs DBOS.
        """
        await self._there(self._start(operation_id))

    async def resume(self, operation_id: str) -> None:
        """Let an operation go on whose runner has gone; some replica takes it within a second."""
        await self._there(self._resume(operation_id))

    async def checkpoint(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What some work returns, kept: when it was kept before, it is not done again."""
        from dbos import DBOS  # noqa: PLC0415 - see the module's docstring

        async def step() -> Any:
            return await self.here(work)

        return await DBOS.run_step_async({"name": name}, step)

    async def here(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do some work on our own loop; called on DBOS'."""
        assert self._ours is not None  # noqa: S101 - it has been launched

        async def run() -> T:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._ours))

    async def stop(self) -> None:
        """Interrupt what runs, so that it goes on elsewhere or later, and stop DBOS."""
        if self._thread is None or self._theirs is None:
            return
        await self._there(self._interrupt())  # on that loop, so not before a launch has ended
        if self._workflow is not None:
            await asyncio.to_thread(self._destroy)
            await self._there(self._interrupt())  # what was handed out in between
        self._theirs.call_soon_threadsafe(self._theirs.stop)
        await asyncio.to_thread(self._thread.join)
        self._thread = self._theirs = None

    # --- on DBOS' loop ------------------------------------------------------------------------

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with DBOS on its loop, which is made when it is needed first."""
        self._ours = asyncio.get_running_loop()
        if self._theirs is None:
            self._theirs = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_run, args=(self._theirs,), name="workflows", daemon=True
            )
            self._thread.start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._theirs))

    def _launch(self) -> None:
        """Start DBOS, if it does not run yet; some 10 milliseconds, 100 with an empty database.

        It makes the loop on which it is launched its own.
        """
        if self._workflow is not None:
            return
        if Engine._running is not None:
            raise Busy("Another omnibis in this process runs registrations; stop that one first.")
        from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer  # noqa: PLC0415

        _through_our_log(logging.getLogger("dbos"))

        @DBOS.workflow(name="operation", max_recovery_attempts=None)
        async def operation(operation_id: str) -> str:
            await self._execute(operation_id)
            return operation_id

        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": self._url,
            "serializer": DBOSPortableJSONSerializer(),
            "application_version": VERSION,
            "executor_id": self._runner,
            "log_level": "WARNING",
            "enable_otlp": False,
            "sys_db_pool_size": 5,
        }
        Engine._running = self
        try:
            DBOS(config=config)
            DBOS.launch()
        except BaseException:
            self._destroy()
            raise
        self._workflow = operation

    async def _start(self, operation_id: str) -> None:
        self._launch()
        from dbos import DBOS, SetWorkflowID  # noqa: PLC0415

        with SetWorkflowID(operation_id):
            await DBOS.start_workflow_async(self._workflow, operation_id)

    async def _resume(self, operation_id: str) -> None:
        self._launch()
        from dbos import DBOS, error  # noqa: PLC0415

        try:
            await DBOS.resume_workflow_async(operation_id)
        except error.DBOSNonExistentWorkflowError:
            await self._start(operation_id)

    async def _interrupt(self) -> None:
        """Cancel every walk: DBOS keeps no outcome of what was cancelled so."""
        logging.getLogger("dbos").setLevel(logging.CRITICAL)  # it would warn of each
        walks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in walks:
            task.cancel()
        await asyncio.gather(*walks, return_exceptions=True)

    def _destroy(self) -> None:
        from dbos import DBOS  # noqa: PLC0415

        self._workflow = None
        DBOS.destroy(destroy_registry=True)
        if Engine._running is self:
            Engine._running = None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


class _OurLog(logging.Handler):
    """Hands on what DBOS warns of, as one line without traces, which could hold anything."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.log(record.levelno, "DBOS: %s", record.getMessage().partition("\n")[0][:300])


def _through_our_log(logger: logging.Logger) -> None:
    """Let a logger write through ours; DBOS adds its own handler only where there is none."""
    if not any(isinstance(each, _OurLog) for each in logger.handlers):
        logger.handlers[:] = [_OurLog(logging.WARNING)]
    logger.propagate = False
