"""The frozen records of operations: durable registrations under way, and those that have ended.

Plain values only, as in `records.py`; `operations.py` fills them. Inputs, steps and outcomes are
JSON objects, whose shape is the business of `resolvers/workflows`. Times are timezone-aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class OperationState(StrEnum):
    """Where an operation stands; the last three are final."""

    QUEUED = "QUEUED"  # accepted, not begun
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"  # a system did not answer; tried again after a while
    NEEDS_LOGIN = "NEEDS_LOGIN"  # a session has ended; goes on when its owner logs in
    UNDOING = "UNDOING"  # failed or cancelled: what was done is being taken back
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL_STATES = (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED)


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An operation to be accepted.

    Attributes:
        id: chosen by the caller.
        kind: the workflow, such as CREATE_PROJECT.
        owner: who asked for it; only they see it.
        key: of the caller's choice; a second request with the same one is the same operation.
        title: what it does, in a sentence for people.
        claims: what no other live operation may work on meanwhile.
        input: what was asked for.
        credentials: the owner's sessions, encrypted.
        viewer: the owner's key in caches and logs.
    """

    id: str
    kind: str
    owner: str
    key: str
    title: str
    claims: tuple[str, ...]
    input: dict[str, Any]
    credentials: str = field(repr=False)
    viewer: str = ""


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One operation as it stands.

    Attributes:
        steps: what has happened, step by step, oldest first.
        outcome: what it made, once it has.
        error: why it failed, or why it waits.
        done: how much of the present step is done, where that can be said.
        total: of how much.
        message: what it is doing, in a sentence.
        cancelled: whether its owner has asked for its end.
        committed: whether it can no longer be cancelled.
        runner: the process that works on it.
        lease_until: until when that process need not give a sign of life.
    """

    id: str
    kind: str
    owner: str
    key: str
    title: str
    state: OperationState
    input: dict[str, Any]
    steps: tuple[dict[str, Any], ...]
    outcome: dict[str, Any] | None
    error: dict[str, Any] | None
    credentials: str | None = field(repr=False)
    viewer: str
    done: int | None
    total: int | None
    message: str | None
    cancelled: bool
    committed: bool
    runner: str | None
    lease_until: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL_STATES


@dataclass(frozen=True, slots=True)
class OperationPage:
    """Operations, newest first, with whether more lie beyond, and the total if asked for."""

    items: tuple[OperationRecord, ...]
    has_more: bool
    total: int | None = None
