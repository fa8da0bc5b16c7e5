"""One bounded lane per backend: all that crosses to openBIS or OMERO goes through `Lane.call`.

It limits how many calls are in flight, enforces the request's deadline, repeats a read once when
the source was briefly unavailable, opens a circuit breaker when it stays so, and counts calls and
milliseconds for `extensions.cost`. It knows nothing of either protocol.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from backends.errors import BackendError, Source, TimedOut, Unavailable

T = TypeVar("T")


@dataclass(slots=True)
class Meter:
    """Calls and time spent per source within one request; `operations` keeps the order."""

    calls: dict[Source, int] = field(default_factory=dict)
    milliseconds: dict[Source, float] = field(default_factory=dict)
    operations: list[tuple[Source, str]] = field(default_factory=list)

    def count(self, source: Source, operation: str, seconds: float) -> None:
        """Add one call."""
        self.calls[source] = self.calls.get(source, 0) + 1
        self.milliseconds[source] = self.milliseconds.get(source, 0.0) + seconds * 1000
        self.operations.append((source, operation))


@dataclass(frozen=True, slots=True)
class Call:
    """What a request hands down with every backend call: its meter and its deadline.

    `deadline` is a reading of `time.monotonic`, or None for no limit but the lane's own.
    """

    meter: Meter = field(default_factory=Meter)
    deadline: float | None = None


class Lane:
    """The way to one source: bounded, timed, repeated once if that is safe, broken when it is dead.

    Args:
        source: which source, for errors and counters.
        concurrency: calls in flight at most; the rest wait their turn within their deadline.
        timeout: seconds for one attempt, shortened by the request's deadline.
        threshold: consecutive failures that open the breaker.
        recovery: seconds the breaker stays open before one probe is let through.
    """

    def __init__(
        self,
        source: Source,
        *,
        concurrency: int = 8,
        timeout: float = 30.0,
        threshold: int = 3,
        recovery: float = 2.0,
    ) -> None:
        self.source = source
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout = timeout
        self._threshold = threshold
        self._recovery = recovery
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused at once because the source was found dead."""
        return self._failures >= self._threshold and time.monotonic() < self._open_until

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
            BackendError: whatever else the attempt raised.
        """
        attempts = 2 if safe else 1
        while True:
            attempts -= 1
            self._refuse_if_open()
            started = time.monotonic()
            try:
                result = await self._within_deadline(attempt, call, operation)
            except Unavailable:
                self._fail()
                if attempts and not self.is_open:
                    continue
                raise
            except TimedOut:
                self._fail()
                raise
            except BackendError:
                self._succeed()  # it answered: the source is alive
                raise
            else:
                self._succeed()
                return result
            finally:
                call.meter.count(self.source, operation, time.monotonic() - started)

    def _refuse_if_open(self) -> None:
        if self.is_open:
            raise Unavailable(
                self.source, f"{_title(self.source)} is not reachable; try again soon."
            )
        if self._failures >= self._threshold:
            # Half open: this caller probes, the others keep being refused until it returns.
            self._open_until = time.monotonic() + self._recovery

    async def _within_deadline(
        self, attempt: Callable[[], Awaitable[T]], call: Call, operation: str
    ) -> T:
        remaining = self._timeout
        if call.deadline is not None:
            remaining = min(remaining, call.deadline - time.monotonic())
        try:
            async with asyncio.timeout(max(remaining, 0.0)), self._slots:
                return await attempt()
        except TimeoutError as error:
            raise TimedOut(
                self.source,
                f"{_title(self.source)} did not answer {operation} in time; ask for less or try again.",
            ) from error

    def _fail(self) -> None:
        self._failures += 1
        if self._failures >= self._threshold:
            self._open_until = time.monotonic() + self._recovery

    def _succeed(self) -> None:
        self._failures = 0


def _title(source: Source) -> str:
    return {Source.OPENBIS: "openBIS", Source.OMERO: "OMERO"}.get(source, "The link store")
