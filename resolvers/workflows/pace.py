"""What to do when a step fails: try again and when, wait for a login, or give up.

A system that is away is asked again, ever more slowly, for as long as it takes: its owner can
cancel. What a system refuses is given up at once, for it would refuse it again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from backends.errors import (
    AuthenticationFailed,
    BackendError,
    ChangedMeanwhile,
    OutcomeUnknown,
    ProtocolError,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from link_store.errors import LinkStoreError, StaleRevision, StoreUnavailable
from resolvers.errors import NotSignedIn, ResolverError


class Advice(StrEnum):
    """What to do next."""

    RETRY = "RETRY"
    LOGIN = "LOGIN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient workflows are; all in seconds.

    Attributes:
        first: the pause after the first failure; it doubles with each.
        longest: the longest pause.
        settle: how long a write may still come true after it was given up for lost. OMERO has
            nothing that would keep a second one from making the same again, so a step looks for the
            first, and for what a killed process may have sent, only after that time. In openBIS
            codes are unique.
        puzzled: how often what cannot be explained is tried again.
        poll: how often a waiting workflow looks for what another replica has learnt.
    """

    first: float = 0.5
    longest: float = 60.0
    settle: float = 30.0
    puzzled: int = 5
    poll: float = 2.0

    def pause(self, attempt: int) -> float:
        """The pause after a number of failures, from 1; with some chance, so that all spread."""
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreads, hides nothing
        return min(self.first * 2.0 ** min(attempt - 1, 30), self.longest) * spread


def judge(error: Exception, attempt: int, pace: Pace) -> tuple[Advice, float]:
    """Decide what to do about an error, and after how many seconds."""
    match error:
        case SessionExpired() | AuthenticationFailed() | NotSignedIn():
            return Advice.LOGIN, 0.0
        case OutcomeUnknown(source=Source.OMERO):
            return Advice.RETRY, max(pace.settle, pace.pause(attempt))
        case Unavailable() | TimedOut() | StoreUnavailable():
            return Advice.RETRY, pace.pause(attempt)
        case ChangedMeanwhile() | StaleRevision() | ProtocolError():
            known = Advice.RETRY if attempt < pace.puzzled else Advice.FAIL
            return known, pace.pause(attempt)
    return Advice.FAIL, 0.0


def explain(error: Exception) -> dict[str, str | None]:
    """An error as it is kept and shown: its kind, what to do, whose it is; nothing secret."""
    if isinstance(error, BackendError | LinkStoreError | ResolverError):
        source = getattr(error, "source", None)
        if source is None and isinstance(error, LinkStoreError):
            source = "LINK_STORE"
        return {
            "kind": type(error).__name__,
            "message": error.message,
            "source": None if source is None else str(source),
        }
    return {
        "kind": "Internal",
        "message": "Something went wrong in omnibis itself; tell its operator this operation's id.",
        "source": None,
    }
