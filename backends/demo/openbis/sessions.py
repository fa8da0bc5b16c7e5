"""Sessions of the embedded openBIS: tokens, the idle time-out, and their sudden end.

Sessions live in memory and die with the process, as on a real application server. The clock is
injected, so that a test can let twelve hours pass. Passwords are compared here and nowhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from backends.demo.openbis.errors import InvalidSession
from backends.demo.world import Person

IDLE_SECONDS = 720 * 60.0

Clock = Callable[[], float]


@dataclass(slots=True)
class Session:
    """One live session; `creator` differs from `person` after `loginAs`."""

    token: str
    person: Person
    creator: Person
    touched: float


class Sessions:
    """All live sessions by token."""

    def __init__(self, clock: Clock, idle_seconds: float = IDLE_SECONDS) -> None:
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._live: dict[str, Session] = {}

    def open(self, person: Person, creator: Person | None = None) -> str:
        """Start a session and return its token."""
        now = self._clock()
        stamp = datetime.fromtimestamp(now, UTC).strftime("%y%m%d%H%M%S%f")[:15]
        token = f"{person.user_id}-{stamp}x{secrets.token_hex(16).upper()}"
        self._live[token] = Session(token, person, creator or person, now)
        return token

    def active(self, token: str | None) -> Session | None:
        """The live session behind a token; looking does not extend it."""
        session = self._live.get(token or "")
        if session is None or self._clock() - session.touched > self._idle_seconds:
            return None
        return session

    def require(self, token: str | None) -> Session:
        """The live session behind a token, touched; openBIS' own words when there is none."""
        session = self._live.get(token or "")
        if session is None:
            name = "null" if token is None else token
            raise InvalidSession(f"Session token '{name}' is invalid: user is not logged in.")
        now = self._clock()
        if now - session.touched > self._idle_seconds:
            del self._live[session.token]
            raise InvalidSession("Session no longer available. Please login again.")
        session.touched = now
        return session

    def close(self, token: str | None) -> None:
        """End one session."""
        del self._live[self.require(token).token]

    def clear(self) -> None:
        """End all sessions, as a restart of the server does."""
        self._live.clear()
