"""Sessions of the embedded openBIS: tokens, the idle time-out, personal access tokens, sudden ends.

Sessions live in memory and die with the process, as on a real application server. The clock is
injected, so that a test can let twelve hours pass. A personal access token stands for a session
that all tokens of one owner and session name share; it lasts as long as one of them is valid and
is never idle. The tokens themselves are rows, so they outlive the process.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from backends.demo.openbis.errors import InvalidSession
from backends.demo.openbis.rows import PersonalAccessToken
from backends.demo.openbis.tables import Table

IDLE_SECONDS = 720 * 60.0

Clock = Callable[[], float]


@dataclass(slots=True)
class Session:
    """One live session; `creator` differs from `user` after `loginAs`."""

    token: str
    user: str
    creator: str
    touched: float
    name: str | None = None  # the session name, when personal access tokens stand for it


class Sessions:
    """All live sessions by token.

    Args:
        clock: seconds since the epoch.
        tokens: the personal access tokens.
        idle_seconds: after how long without a call a session ends.
        per_user: sessions of one user at most, a further login ends the oldest; 0 for any number.
    """

    def __init__(
        self,
        clock: Clock,
        tokens: Table[PersonalAccessToken],
        *,
        idle_seconds: float = IDLE_SECONDS,
        per_user: int = 0,
    ) -> None:
        self._clock = clock
        self._tokens = tokens
        self._idle_seconds = idle_seconds
        self._per_user = per_user
        self._live: dict[str, Session] = {}
        self._shared: dict[tuple[str, str], Session] = {}

    def __len__(self) -> int:
        return len(self._live) + len(self._shared)

    def open(self, user: str, creator: str | None = None) -> str:
        """Start a session and return its token; those that were idle for too long are dropped."""
        self._drop_idle()
        if self._per_user:
            own = [session for session in self._live.values() if session.user == user]
            for session in own[: len(own) + 1 - self._per_user]:
                del self._live[session.token]
        token = new_token(user, self._clock())
        self._live[token] = Session(token, user, creator or user, self._clock())
        return token

    def active(self, token: str | None) -> Session | None:
        """The live session behind a token; looking does not extend it."""
        stands_for = self.personal(token)
        if stands_for is not None:
            try:
                return self._session_of(stands_for)
            except InvalidSession:
                return None
        session = self._live.get(token or "")
        if session is None or self._clock() - session.touched > self._idle_seconds:
            return None
        return session

    def require(self, token: str | None) -> Session:
        """The live session behind a token, touched; openBIS' own words when there is none."""
        stands_for = self.personal(token)
        if stands_for is not None:
            session = self._session_of(stands_for)
            self._tokens.rows[stands_for.perm_id] = replace(
                stands_for, accessed=int(self._clock() * 1000)
            )
            return session
        session = self._own(token)
        now = self._clock()
        if now - session.touched > self._idle_seconds:
            del self._live[session.token]
            raise InvalidSession("Session no longer available. Please login again.")
        session.touched = now
        return session

    def personal(self, token: str | None) -> PersonalAccessToken | None:
        """The personal access token of this text, if it is one."""
        return self._tokens.rows.get(token or "")

    def close(self, token: str | None) -> None:
        """End one session; a personal access token is no session and cannot be logged out."""
        session = self._own(token)
        self.require(session.token)
        del self._live[session.token]

    def clear(self) -> None:
        """End all sessions, as a restart of the server does."""
        self._live.clear()
        self._shared.clear()

    def _drop_idle(self) -> None:
        since = self._clock() - self._idle_seconds
        for session in [each for each in self._live.values() if each.touched < since]:
            del self._live[session.token]

    def _own(self, token: str | None) -> Session:
        session = self._live.get(token or "")
        if session is None:
            name = "null" if token is None else token
            raise InvalidSession(f"Session token '{name}' is invalid: user is not logged in.")
        return session

    def _session_of(self, token: PersonalAccessToken) -> Session:
        """The session that a personal access token stands for, opened when it is needed."""
        now = self._clock() * 1000
        if now < token.valid_from:
            raise InvalidSession("Personal access token is not yet valid.")
        if now > token.valid_to:
            raise InvalidSession("Personal access token is no longer valid.")
        key = (token.owner, token.session_name)
        if key not in self._shared:
            hidden = new_token(token.owner, self._clock(), "$pats-")
            self._shared[key] = Session(
                hidden, token.owner, token.owner, self._clock(), token.session_name
            )
        return self._shared[key]


def new_token(user: str, now: float, prefix: str = "") -> str:
    """A token as openBIS forms it: user, time, random digits."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%y%m%d%H%M%S%f")[:15]
    return f"{prefix}{user}-{stamp}x{secrets.token_hex(16).upper()}"
