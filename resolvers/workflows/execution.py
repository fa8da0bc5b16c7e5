"""One walk through one operation: its steps in order, or what has been done taken back.

Each step is attempted until it succeeds, is refused, or is cancelled, and what came of it is kept
by the engine; on the way it may wait for a system to come back or for its owner to log in. After a
refusal or a cancellation the steps that were begun are undone, the last one first. A walk that was
interrupted is begun anew and passes over what has been kept. Made by `operations.py`, which also
gives it the operation's row to write its progress to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from backends.errors import OutcomeUnknown, Source
from backends.lane import Call, Meter
from link_store.errors import LinkStoreError, LostOperation
from link_store.operation_records import OperationRecord, OperationState
from link_store.operations import OperationStore
from resolvers.context import RequestContext, Services, Viewer
from resolvers.loaders import Loaders
from resolvers.workflows.credentials import Sealer
from resolvers.workflows.definition import Json, Run, Step, Workflow
from resolvers.workflows.pace import Advice, Pace, explain, judge

_log = logging.getLogger("omnibis.workflows")
_CANCELLED: Final = {"stop": "CANCELLED"}

Checkpoint = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]


class PointMeter(Meter):
    """Counts a step's calls, and tells each as a point that the step has passed."""

    __slots__ = ("_pass_point", "_passed", "_prefix")

    def __init__(self, prefix: str, pass_point: Callable[[str], None]) -> None:
        super().__init__()
        self._prefix, self._pass_point, self._passed = prefix, pass_point, 0

    def count(self, source: Source, operation: str, seconds: float) -> None:
        """Count one call."""
        super().count(source, operation, seconds)
        self._passed += 1
        self._pass_point(f"{self._prefix}/call {self._passed}")


@dataclass(slots=True)
class Tools:
    """What a walk needs beyond the operation.

    Attributes:
        checkpoint: has work done on the loop of the systems, and keeps what it returns.
        here: has work done there that is not kept.
        pass_point: told the name of every place at which the walk may be killed; for tests.
        woken: set when the operation's owner has logged in or cancelled it.
        changed: told after each change of the row.
    """

    store: OperationStore
    services: Services
    sealer: Sealer
    checkpoint: Checkpoint
    here: Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]]
    runner: str
    pace: Pace
    pass_point: Callable[[str], None]
    changed: Callable[[OperationRecord], None]
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Execution:
    """The walk; `walk` returns when the operation has ended."""

    def __init__(self, record: OperationRecord, workflow: Workflow, tools: Tools) -> None:
        self._record = record
        self._workflow = workflow
        self._tools = tools
        self._log: list[dict[str, Any]] = [dict(entry) for entry in record.steps]
        self._results: dict[str, Any] = {}

    async def walk(self) -> None:
        """Go through the steps, and to an end."""
        begun: list[Step] = []
        stop: Json | None = None
        for step in self._workflow.steps:
            if step.when is not None and not step.when(self._run(again=self._shaken)):
                continue
            begun.append(step)
            stop = await self._take(step)
            if stop is not None:
                break
        if stop is None:
            outcome = self._workflow.outcome(self._run())
            if await self._end(OperationState.SUCCEEDED, {"outcome": outcome, "error": None}):
                return
            stop = dict(_CANCELLED)  # in the last moment
        if stop.get("clean"):
            begun.pop()  # refused before any of it can have been done
        if any(step.final for step in begun):
            left = ["What had been done before stays done; ask for the rest again."]
        else:
            left = [text for step in reversed(begun) for text in await self._undo(step)]
        cancelled = stop["stop"] == "CANCELLED"
        state = OperationState.CANCELLED if cancelled else OperationState.FAILED
        rest = {"left": left} if left else None
        await self._end(state, {"outcome": rest, "error": stop.get("error")})

    async def _take(self, step: Step) -> Json | None:
        """Do all parts of a step; returns why it stopped, if it did."""
        several = step.parts is not None
        count = step.parts(self._run()) if step.parts is not None else 1
        kept: list[Any] = []
        self._results[step.name] = kept if several else None
        for part in range(count):
            name = f"{step.name} {part + 1}" if several else step.name
            answer = await self._tools.checkpoint(
                name, partial(self._attempt, step, step.work, name, part, count if several else 1)
            )
            self._tools.pass_point(f"{self._workflow.kind}/{name}/kept")
            if "stop" in answer:
                return dict(answer)
            if several:
                kept.append(answer["value"])
            else:
                self._results[step.name] = answer["value"]
        return None

    async def _undo(self, step: Step) -> list[str]:
        """Take a step back; returns what could not be."""
        if step.undo is None:
            return []
        name = f"undo {step.name}"
        answer = await self._tools.checkpoint(
            name, partial(self._attempt, step, step.undo, name, 0, 1, undoing=True)
        )
        self._tools.pass_point(f"{self._workflow.kind}/{name}/kept")
        if "stop" not in answer:
            return []
        return [f"{step.title}: could not be taken back. {answer['error']['message']}"]

    async def _attempt(
        self,
        step: Step,
        work: Callable[[Run], Awaitable[Any]],
        name: str,
        part: int,
        count: int,
        *,
        undoing: bool = False,
    ) -> Json:
        """Try until it is clear; the answer is what is kept."""
        prefix = f"{self._workflow.kind}/{name}"
        state = OperationState.UNDOING if undoing else OperationState.RUNNING
        again = any(entry["name"] == name for entry in self._log)
        attempt, doubtful = 0, again
        self._tools.pass_point(f"{prefix}/begin")
        await self._let_settle(name, step.name if undoing else None)
        while True:
            attempt += 1
            try:
                await self._refresh()
                if not undoing and self._is_cancelled:
                    return {**_CANCELLED, "clean": attempt == 1 and not again and part == 0}
                await self._note(step, name, state, attempt, part, count)
                if step.final and not undoing and not await self._commit():
                    return {**_CANCELLED, "clean": attempt == 1 and not again and part == 0}
                meter = PointMeter(prefix, self._tools.pass_point)
                run = self._run(part, again=again or attempt > 1, meter=meter)
                value = await work(run)
            except LostOperation as error:
                raise asyncio.CancelledError from error  # another process has it; nothing is kept
            except Exception as error:  # noqa: BLE001 - sorted out here
                advice, pause = judge(error, attempt, self._tools.pace)
                doubtful = doubtful or isinstance(error, OutcomeUnknown)
                if advice is Advice.FAIL:
                    self._report(error, name)
                    clean = not doubtful and part == 0
                    return {"stop": "REFUSED", "error": explain(error), "clean": clean}
                await self._wait(error, advice, pause)
            else:
                self._tools.pass_point(f"{prefix}/end")
                return {"value": value}

    async def _let_settle(self, name: str, undone: str | None) -> None:
        """Wait until what was given up for lost has come true, or never will.

        That is what a killed process may have sent in this step, and what one that is undone sent
        to OMERO. On this process's clock, as far as it agrees with the other's.
        """
        last = None
        for entry in self._log:
            if entry["name"] == name or (entry["name"] == undone and entry.get("unknown")):
                last = datetime.fromisoformat(entry["last"])
        if last is not None:
            passed = (datetime.now(UTC) - last).total_seconds()
            settle = self._tools.pace.settle
            await asyncio.sleep(min(max(settle - passed, 0.0), settle))

    # --- bookkeeping --------------------------------------------------------------------------

    @property
    def _is_cancelled(self) -> bool:
        """Whether its owner has asked for its end, in time."""
        return self._record.cancelled and not self._record.committed

    @property
    def _shaken(self) -> bool:
        """Whether any step has had to be begun more than once."""
        return any(entry["attempts"] > 1 for entry in self._log)

    def _run(self, part: int = 0, *, again: bool = False, meter: Meter | None = None) -> Run:
        record = self._record
        openbis, omero = self._tools.sealer.unseal(record.credentials)
        viewer = Viewer(record.viewer, record.owner, openbis, omero)
        call = Call(meter or Meter())
        context = RequestContext(viewer, self._tools.services, f"operation {record.id}", call)
        context.loaders = Loaders(context)
        return Run(
            record.id, record.owner, record.input, self._results, context, part, again, self._tell
        )

    async def _tell(self, done: int | None, total: int | None, message: str | None) -> None:
        await self._advance({"done": done, "total": total, "message": message})

    async def _note(
        self,
        step: Step,
        name: str,
        state: OperationState,
        attempt: int,
        part: int,
        count: int,
    ) -> None:
        """Write down what is being done, and since when."""
        now = datetime.now(UTC).isoformat()
        title = f"Undo: {step.title}" if state is OperationState.UNDOING else step.title
        if not self._log or self._log[-1]["name"] != name:
            if self._log:
                self._log[-1]["ended"] = now
            self._log.append({"name": name, "title": title, "begun": now, "attempts": 0})
        self._log[-1]["attempts"] = max(attempt, self._log[-1]["attempts"] + 1)
        self._log[-1]["last"] = now
        several = count > 1
        await self._advance(
            {
                "state": state,
                "steps": self._log,
                "error": None,
                "message": title,
                "done": part if several else None,
                "total": count if several else None,
            }
        )

    async def _wait(self, error: Exception, advice: Advice, pause: float) -> None:
        """Let some time pass, or until the owner has logged in."""
        told = explain(error)
        if self._log:
            self._log[-1]["error"] = told
            if isinstance(error, OutcomeUnknown) and error.source is Source.OMERO:
                self._log[-1]["unknown"] = True
        login = advice is Advice.LOGIN
        waits = OperationState.NEEDS_LOGIN if login else OperationState.RETRYING
        credentials = self._record.credentials
        try:
            await self._advance({"state": waits, "error": told, "steps": self._log})
        except LostOperation as lost:
            raise asyncio.CancelledError from lost
        except LinkStoreError:
            login = False  # it is the store itself that is away
        while not await self._nap(self._tools.pace.poll if login else pause, woken_only=login):
            if self._is_cancelled or self._record.credentials != credentials:
                return

    async def _nap(self, seconds: float, *, woken_only: bool) -> bool:
        """Wait so long, or until woken, and read the row; tell whether the wait is over by that."""
        self._tools.woken.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tools.woken.wait(), seconds)
        try:
            await self._refresh()
        except LostOperation as lost:
            raise asyncio.CancelledError from lost
        except LinkStoreError:
            return False
        return not woken_only

    async def _commit(self) -> bool:
        return await self._tools.store.commit(self._record.id, self._tools.runner)

    async def _refresh(self) -> None:
        """Read the row again: whether it has been cancelled, and with which sessions to go on."""
        record = await self._tools.store.get(self._record.id)
        if record is None or record.is_final or record.runner != self._tools.runner:
            raise LostOperation("the operation has ended, or another process works on it")
        self._record = record

    async def _advance(self, values: Json) -> None:
        record = await self._tools.store.advance(self._record.id, self._tools.runner, values)
        self._record = record
        self._tools.changed(record)

    async def _end(self, state: OperationState, values: Json) -> bool:
        """Write down the end; tell whether that was possible.

        A success is not when the operation has been cancelled in the last moment.
        """
        return await self._tools.here(lambda: self._finish(state, values))

    async def _finish(self, state: OperationState, values: Json) -> bool:
        now = datetime.now(UTC).isoformat()
        self._tools.pass_point(f"{self._workflow.kind}/end/begin")
        attempt = 0
        while True:
            attempt += 1
            try:
                if state is OperationState.SUCCEEDED and not await self._commit():
                    return False
                steps = [{**entry, "ended": entry.get("ended", now)} for entry in self._log]
                record = await self._tools.store.finish(
                    self._record.id, self._tools.runner, state, {**values, "steps": steps}
                )
            except LostOperation:
                known = await self._tools.store.get(self._record.id)
                if known is not None and known.is_final:
                    return True  # it was ended before the process was
                raise asyncio.CancelledError from None
            except LinkStoreError:
                await asyncio.sleep(self._tools.pace.pause(attempt))
            else:
                break
        self._tools.pass_point(f"{self._workflow.kind}/end/kept")
        self._tools.changed(record)
        return True

    def _report(self, error: Exception, name: str) -> None:
        known = explain(error)["kind"] != "Internal"
        _log.log(
            logging.INFO if known else logging.ERROR,
            "operation %s stopped at %s: %s",
            self._record.id,
            name,
            type(error).__name__,
            exc_info=None if known else error,
        )
