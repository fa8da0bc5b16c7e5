"""What a workflow is: named steps with their work and its undoing, and what a step works with.

A workflow is data; `execution.py` walks through it. Steps are coroutine functions of a `Run` that
return plain JSON, which is kept before the next step begins: after a kill the walk goes on behind
the last step that was kept, so a step can be begun more than once, and must look before it writes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from backends.errors import Source
from resolvers.context import RequestContext

Json: TypeAlias = dict[str, Any]
T = TypeVar("T")


@dataclass(slots=True)
class Run:
    """What a step works with.

    Attributes:
        id: the operation's.
        owner: the openBIS user who asked for it.
        input: what was asked for.
        results: what the steps before have returned, by their names; a list for one with parts.
        context: the owner's sessions and the systems, as a request has them; made anew for each
            attempt, so that nothing is remembered from the one before.
        part: which part of the step this is, from 0.
        again: whether this step may have been begun before, so that its write may have been done,
            or may still be on its way; for `when`, whether that is so of any step.
    """

    id: str
    owner: str
    input: Json
    results: dict[str, Any]
    context: RequestContext
    part: int = 0
    again: bool = False
    _tell: Callable[[int | None, int | None, str | None], Awaitable[None]] | None = None

    async def tell(
        self, done: int | None = None, total: int | None = None, message: str | None = None
    ) -> None:
        """Say how far the step is; costs one write to the link database."""
        if self._tell is not None:
            await self._tell(done, total, message)

    async def stored(self, operation: str, work: Awaitable[T]) -> T:
        """Await a call of the link store, counted like the calls of the systems."""
        started = time.monotonic()
        try:
            return await work
        finally:
            seconds = time.monotonic() - started
            self.context.call.meter.count(Source.LINK_STORE, operation, seconds)


Work: TypeAlias = Callable[[Run], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: short, unique in its workflow, and never changed: it is what has been kept.
        title: what it does, in a few words for people.
        work: does it, and returns JSON. It looks first whether it has been done.
        undo: takes it back as far as it was done, if anything was, after a failure or a
            cancellation; it looks first, too. It is left out for a step that was refused before
            any of it can have been done. None for what leaves nothing behind.
        parts: how many parts it has, from the input and the results so far; each is kept by itself.
        when: whether it is needed at all, from the input and the results so far.
        final: whether the workflow can no longer be cancelled once this begins, nor be undone once
            any of this may have been done.
    """

    name: str
    title: str
    work: Work
    undo: Work | None = None
    parts: Callable[[Run], int] | None = None
    when: Callable[[Run], bool] | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """A durable registration.

    Attributes:
        kind: its name, such as CREATE_PROJECT.
        steps: in their order.
        title: what an operation of it does, in a sentence for people, from its input.
        claims: what no two operations may work on at once, from the input: `project /SPACE/CODE`
            for what is to be made, `project <permId>` for what exists.
        outcome: what it made, from the results: permIds and OMERO ids for those who asked.
    """

    kind: str
    steps: tuple[Step, ...]
    title: Callable[[Json], str]
    claims: Callable[[Json], tuple[str, ...]]
    outcome: Callable[[Run], Json] = field(default=lambda run: dict(run.results))

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError(f"two steps of {self.kind} have one name")
