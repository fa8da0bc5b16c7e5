"""The sessions of the embedded OMERO: log in, join by uuid, idle time-out, kill.

They live in memory, as the server's do. `store.py` asks `Sessions` at every call; who may log
in comes from the content's passwords and the user and group tables.
"""

from __future__ import annotations

import hmac
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backends.demo.omero.errors import StoreAuthenticationError, StoreSessionError
from backends.demo.omero.rights import Member

IDLE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """An open session and whom it belongs to; `group_id` is its default group context."""

    uuid: str
    user_id: int
    user_name: str
    group_id: int
    group_ids: tuple[int, ...]
    is_admin: bool
    leader_of: tuple[int, ...] = ()

    @property
    def member(self) -> Member:
        """The user as rights see him."""
        return Member(self.user_id, self.is_admin, self.group_ids, self.leader_of)


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
        self._open: dict[str, SessionInfo] = {}
        self._used: dict[str, float] = {}

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
        opened = SessionInfo(
            str(uuid.uuid4()),
            found.user_id,
            found.user_name,
            found.group_id,
            found.group_ids,
            found.is_admin,
            found.leader_of,
        )
        with self._lock:
            oldest = self._clock() - IDLE_SECONDS
            for forgotten in [old for old, used in self._used.items() if used < oldest]:
                del self._open[forgotten], self._used[forgotten]
            self._open[opened.uuid] = opened
            self._used[opened.uuid] = self._clock()
        return opened.uuid

    def get(self, session: str) -> SessionInfo:
        """Return an open session and renew its idle time.

        Raises:
            StoreSessionError: it does not exist or is over.
        """
        with self._lock:
            now = self._clock()
            info = self._open.get(session)
            if info is None:
                raise StoreSessionError("no such session, or it was closed")
            if now - self._used[session] > IDLE_SECONDS:
                del self._open[session], self._used[session]
                raise StoreSessionError("the session was idle for too long")
            self._used[session] = now
            return info

    def close(self, session: str) -> None:
        """End a session; one that is over already is no error."""
        with self._lock:
            self._open.pop(session, None)
            self._used.pop(session, None)

    def close_all(self) -> None:
        """End every session."""
        with self._lock:
            self._open.clear()
            self._used.clear()
