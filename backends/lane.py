"""One bounded lane per backend: all that crosses to openBIS or OMERO goes through `Lane.call`.

It limits how many calls are in flight, enforces the request's deadline, repeats a read once, after
a short random pause, when the source was briefly unavailable, opens a circuit breaker when it stays
so, and counts calls and milliseconds for `extensions.cost`. It knows nothing of either protocol.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from backends.errors import BackendError, BudgetSpent, Source, TimedOut, Unavailable
from backends.precedence import Precedence, Turn

T = TypeVar("T")

HESITATION = 0.25  # seconds that a call waits for another's probe before it is refused, at most


@dataclass(slots=True)
class Meter:
    """Calls and time spent per source within one request; `operations` keeps the order."""

    calls: dict[Source, int] = field(default_factory=dict)
    milliseconds: dict[Source, float] = field(default_factory=dict)
    operations: list[tuple[Source, str]] = field(default_factory=list)
    begun: int = 0  # calls, those that wait or were refused included

    def count(self, source: Source, operation: str, seconds: float) -> None:
        """Add one call."""
        self.calls[source] = self.calls.get(source, 0) + 1
        self.milliseconds[source] = self.milliseconds.get(source, 0.0) + seconds * 1000
        self.operations.append((source, operation))


def no_span(_source: Source, _operation: str) -> AbstractContextManager[None]:
    """Open nothing around a call: nobody traces."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Call:
    """What a request hands down with every backend call: its meter, its deadline, its budget.

    `deadline` is a reading of `time.monotonic`, or None for no limit but the lane's own; `budget`
    is how many calls may be made in all, or None; `span` is opened around each of them. `since` is
    when the request came, by the same clock: large answers to older ones are read first.
    """

    meter: Meter = field(default_factory=Meter)
    deadline: float | None = None
    budget: int | None = None
    span: Callable[[Source, str], AbstractContextManager[None]] = no_span
    since: float = field(default_factory=time.monotonic)


class Lane:
    """The way to one source: bounded, timed, repeated once if that is safe, broken when it is dead.

    Args:
        source: which source, for errors and counters.
        concurrency: calls in flight at most; the rest wait their turn within their deadline.
        timeout: seconds for one attempt, shortened by the request's deadline.
        threshold: consecutive failures that open the breaker.
        recovery: seconds the breaker stays open before one probe is let through.
        patience: seconds that the source must have had for a time-out to count as its failure, so
            that callers in a hurry, or a queue here, cannot open the breaker for everybody.
        pause: seconds before a call is repeated, at most; each waits a random part of it, so that
            those which failed together do not come back together.
        blocked: why this way leads nowhere, in a sentence for the client; every call is refused
            with it, and none is attempted.
        precedence: whose large answers are read first; the same for all lanes of a process.
    """

    def __init__(
        self,
        source: Source,
        *,
        concurrency: int = 8,
        timeout: float = 30.0,
        threshold: int = 3,
        recovery: float = 2.0,
        patience: float = 1.0,
        pause: float = 0.1,
        blocked: str | None = None,
        precedence: Precedence | None = None,
    ) -> None:
        self.source = source
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout = timeout
        self._threshold = threshold
        self._recovery = recovery
        self._patience = min(patience, timeout)
        self._pause = pause
        self._blocked = blocked
        self._precedence = precedence or Precedence()
        self._failures = 0
        self._open_until = 0.0
        self._probes: set[asyncio.Future[Any]] = set()

    @property
    def is_open(self) -> bool:
        """Whether calls are refused at once because the source was found dead."""
        if self._blocked is not None:
            return True
        return self._failures >= self._threshold and time.monotonic() < self._open_until

    def turn(self, call: Call) -> Turn:
        """Return what the reader of an answer to this request has to await before it reads it."""
        return partial(self._precedence.take, call.since)

    async def call(
        self,
        operation: str,
        attempt: Callable[[], Awaitable[T]],
        call: Call,
        *,
        safe: bool = True,
    ) -> T:
        """Run `attempt` in the lane and return its result.

        Args:
            operation: a short name for the counters (`searchSamples`); holds no user data.
            attempt: makes one attempt; called a second time if the first found the source
                unavailable and `safe` is set.
            call: the request's meter and deadline.
            safe: whether repeating cannot change anything: True for reads only.

        Raises:
            Unavailable: the source cannot be reached, or the breaker is open.
            TimedOut: the deadline passed while waiting or working.
            BudgetSpent: the request has made as many calls as it may.
        BackendError: whatever else the attempt raised.
        """
        try:
            return await self._attempt(operation, attempt, call)
        except Unavailable:
            # The same error may come from this lane's own refusal: then there is nothing to repeat.
            if not safe or self.is_open or self._remaining(call) <= self._pause:
                raise
        await asyncio.sleep(random.uniform(0, self._pause))  # noqa: S311 - spreads, hides nothing
        return await self._attempt(operation, attempt, call)

    async def _attempt(self, operation: str, attempt: Callable[[], Awaitable[T]], call: Call) -> T:
        """One attempt when its turn comes; only one that was made is counted."""
        remaining = self._remaining(call)
        self._refuse_beyond(call)
        await self._admit(remaining)
        queued = time.monotonic()
        started: float | None = None
        try:
            if remaining <= 0:
                raise TimeoutError  # noqa: TRY301 - the same end as when the time runs out below
            async with asyncio.timeout(remaining), self._slots:
                self._refuse_if_open()  # it may have been found dead while this call queued
                started = time.monotonic()
                with call.span(self.source, operation):
                    if self._failures >= self._threshold:
                        result = await self._probe(attempt, self._remaining(call))
                    else:
                        result = await attempt()
        except TimeoutError as error:
            if started is not None and time.monotonic() - started >= self._patience:
                self._fail()
            raise TimedOut(
                self.source,
                f"{_title(self.source)} did not answer {operation} in time; ask for less, "
                "or again later.",
            ) from error
        except (Unavailable, TimedOut):
            if started is not None:
                self._fail()
            raise
        except BackendError:
            self._succeed()  # it answered: the source is alive
            raise
        else:
            self._succeed()
            return result
        finally:
            if started is not None:
                call.meter.count(self.source, operation, time.monotonic() - queued)

    def _remaining(self, call: Call) -> float:
        """Seconds that an attempt may take, its wait included."""
        if call.deadline is None:
            return self._timeout
        return min(self._timeout, call.deadline - time.monotonic())

    async def _admit(self, remaining: float) -> None:
        """Wait a moment for a probe that is under way: a healthy source answers it in no time."""
        if self._probes:
            moment = min(HESITATION, self._recovery / 2, max(remaining, 0))
            await asyncio.wait(self._probes, timeout=moment)
        self._refuse_if_open()

    def _refuse_if_open(self) -> None:
        if self._blocked is not None:
            raise Unavailable(self.source, self._blocked)
        if self.is_open:
            raise Unavailable(
                self.source, f"{_title(self.source)} is not reachable; try again soon."
            )

    def _refuse_beyond(self, call: Call) -> None:
        """Take one call off the request's budget; those that are queued are taken off already."""
        call.meter.begun += 1
        if call.budget is not None and call.meter.begun > call.budget:
            raise BudgetSpent(
                self.source,
                f"This request has made {call.budget} calls to the systems behind this server, "
                "which is its limit; ask for less, or split it into several requests.",
            )

    async def _probe(self, attempt: Callable[[], Awaitable[T]], seconds: float) -> T:
        """When half open, this caller probes; others keep being refused until it is known.

        The probe goes on when its caller is cancelled, as by a sibling that was refused: otherwise
        a request of two calls at once could never find out that the source is back.
        """
        self._open_until = time.monotonic() + self._recovery

        async def run() -> T:
            async with asyncio.timeout(seconds):
                return await attempt()

        probe = asyncio.ensure_future(run())
        self._probes.add(probe)
        probe.add_done_callback(self._learn)
        return await asyncio.shield(probe)

    def _learn(self, probe: asyncio.Future[Any]) -> None:
        """Take to heart what a probe found, whether or not its caller is still there."""
        self._probes.discard(probe)
        if probe.cancelled():
            return
        error = probe.exception()
        if isinstance(error, Unavailable | TimedOut | TimeoutError):
            self._fail()
        elif error is None or isinstance(error, BackendError):
            self._succeed()

    def _fail(self) -> None:
        self._failures += 1
        if self._failures >= self._threshold:
            self._open_until = time.monotonic() + self._recovery

    def _succeed(self) -> None:
        self._failures = 0


def _title(source: Source) -> str:
    return {Source.OPENBIS: "openBIS", Source.OMERO: "OMERO"}.get(source, "The link store")
