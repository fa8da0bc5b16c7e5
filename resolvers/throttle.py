"""Logins that fail again and again are refused unasked for a while, by user and by address.

So nobody can try passwords through this server at speed, and no account behind it is locked by
somebody else's tries beyond what the systems themselves allow. The memory is this process's own and
bounded; a login that succeeds forgets its user's failures. `resolvers/sessions.py` asks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection

from cachetools import LRUCache

from resolvers.errors import LimitExceeded

WINDOW = 300.0  # seconds
REMEMBERED = 10_000  # users and addresses, the least recently seen go first


class Throttle:
    """Remembers failed logins.

    Args:
        failures: how many of one user within the window.
        address_failures: how many from one address; more, since a whole institute may share one.
        window: seconds.
        clock: tells the time, in seconds.
    """

    def __init__(
        self,
        failures: int = 10,
        address_failures: int = 100,
        window: float = WINDOW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._address_failures = address_failures
        self._window = window
        self._clock = clock
        self._seen: LRUCache[str, deque[float]] = LRUCache(REMEMBERED)

    def check(self, users: Collection[str], address: str) -> None:
        """Let a login pass, or not.

        Raises:
            LimitExceeded: too many have failed for one of these users, or from this address.
        """
        now = self._clock()
        for key, limit in self._keys(users, address):
            times = self._seen.get(key)
            while times and now - times[0] >= self._window:
                times.popleft()
            if times is not None and len(times) >= limit:
                wait = max(1, round(self._window - (now - times[0])))
                raise LimitExceeded(f"Too many logins have failed; try again in {wait} seconds.")

    def failed(self, users: Collection[str], address: str) -> None:
        """Remember a login that failed."""
        for key, limit in self._keys(users, address):
            times = self._seen.get(key)
            if times is None:
                times = self._seen[key] = deque(maxlen=limit)
            times.append(self._clock())

    def succeeded(self, users: Collection[str]) -> None:
        """Forget the failures of users who have shown their password."""
        for key, _ in self._keys(users, ""):
            self._seen.pop(key, None)

    def _keys(self, users: Collection[str], address: str) -> list[tuple[str, int]]:
        keys = [(f"user {user}", self._failures) for user in users]
        return [*keys, (f"address {address}", self._address_failures)] if address else keys
