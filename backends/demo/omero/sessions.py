"""The sessions of the embedded OMERO: log in, join by uuid, sudo, references, time-outs, kill.

They live in memory, as the server's do. `store.py` asks `Sessions` at every call; who may log
in comes from the content's passwords and the user and group tables.
"""

from __future__ import annotations

import hmac
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from backends.demo.omero.errors import (
    StoreAuthenticationError,
    StoreSessionError,
    StoreSessionTimeout,
)
from backends.demo.omero.rights import Member

IDLE_SECONDS = 600.0
NO_LIMIT = 0.0
REMEMBERED = 1_000  # sessions that timed out, so that their end is told apart from never


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """An open session and whom it belongs to; `group_id` is its default group context.

    `number` is the id of its row, `sudoer_id` the administrator who opened it for somebody else,
    `is_bound` tells that it may not leave its group.
    """

    uuid: str
    user_id: int
    user_name: str
    group_id: int
    group_ids: tuple[int, ...]
    is_admin: bool
    leader_of: tuple[int, ...] = ()
    number: int = 0
    sudoer_id: int | None = None
    is_bound: bool = False
    time_to_idle: float = IDLE_SECONDS  # seconds, 0 is without limit
    time_to_live: float = NO_LIMIT

    @property
    def member(self) -> Member:
        """The user as rights see him."""
        return Member(self.user_id, self.is_admin, self.group_ids, self.leader_of)


@dataclass(slots=True)
class _Open:
    """An open session with what changes about it."""

    info: SessionInfo
    opened: float
    used: float
    references: int = 0

    def is_over(self, now: float) -> bool:
        """Say whether it was idle or alive for too long."""
        info = self.info
        idle = 0 < info.time_to_idle < now - self.used
        return idle or 0 < info.time_to_live < now - self.opened


class Sessions:
    """All open sessions; safe to use from many threads.

    `find_user` describes a user by name (with an empty uuid) or returns None; `clock` counts
    seconds.
    """

    def __init__(
        self,
        passwords: Mapping[str, str],
        find_user: Callable[[str], SessionInfo | None],
        clock: Callable[[], float],
    ) -> None:
        self._passwords = passwords
        self._find_user = find_user
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}
        self._timed_out: dict[str, None] = {}
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._open)

    def login(self, user: str, password: str) -> str:
        """Open a session, or join one: its uuid is then both user and password.

        Raises:
            StoreAuthenticationError: unknown user, wrong password, or no such session.
        """
        if user == password and user in self._open:
            return self.get(user).uuid
        expected = self._passwords.get(user)
        right = hmac.compare_digest((expected or "").encode(), password.encode())
        found = self._find_user(user) if expected is not None and right else None
        if found is None:
            raise StoreAuthenticationError("unknown user or wrong password")
        return self.open(found).uuid

    def describe(self, user: str) -> SessionInfo | None:
        """Describe a user as a session of his would, without opening one."""
        return self._find_user(user)

    def open(self, described: SessionInfo) -> SessionInfo:
        """Open a session as described; uuid and number are given here."""
        now = self._clock()
        with self._lock:
            for over in [old for old, one in self._open.items() if one.is_over(now)]:
                self._time_out(over)
            self._numbers += 1
            info = replace(described, uuid=str(uuid.uuid4()), number=self._numbers)
            self._open[info.uuid] = _Open(info, now, now)
        return info

    def get(self, session: str) -> SessionInfo:
        """Return an open session and renew its idle time.

        Raises:
            StoreSessionTimeout: it was idle or alive for too long.
            StoreSessionError: it does not exist or was closed.
        """
        with self._lock:
            return self._get(session).info

    def enter_group(self, session: str, group: int) -> SessionInfo:
        """Make a group the session's default context."""
        with self._lock:
            found = self._get(session)
            found.info = replace(found.info, group_id=group)
            return found.info

    def hold(self, session: str) -> int:
        """Count one more client of a session and return how many there are."""
        with self._lock:
            found = self._get(session)
            found.references += 1
            return found.references

    def release(self, session: str) -> int:
        """Count one client less and return how many are left; -2 where the session is gone."""
        with self._lock:
            found = self._open.get(session)
            if found is None:
                return -2
            found.references = max(0, found.references - 1)
            return found.references

    def references(self, session: str) -> int:
        """Return how many clients a session has; -2 where it is gone."""
        with self._lock:
            found = self._open.get(session)
            return -2 if found is None else found.references

    def owned_by(self, user_id: int) -> list[SessionInfo]:
        """List the open sessions of a user."""
        now = self._clock()
        with self._lock:
            found = [one.info for one in self._open.values() if not one.is_over(now)]
        return [info for info in found if info.user_id == user_id]

    def close(self, session: str) -> None:
        """End a session; one that is over already is no error."""
        with self._lock:
            self._open.pop(session, None)

    def close_all(self) -> None:
        """End every session."""
        with self._lock:
            self._open.clear()
            self._timed_out.clear()

    def _get(self, session: str) -> _Open:
        now = self._clock()
        found = self._open.get(session)
        if found is not None and found.is_over(now):
            self._time_out(session)
            found = None
        if found is None:
            if session in self._timed_out:
                raise StoreSessionTimeout("the session was idle or alive for too long")
            raise StoreSessionError("no such session, or it was closed")
        found.used = now
        return found

    def _time_out(self, session: str) -> None:
        del self._open[session]
        self._timed_out[session] = None
        while len(self._timed_out) > REMEMBERED:
            del self._timed_out[next(iter(self._timed_out))]
