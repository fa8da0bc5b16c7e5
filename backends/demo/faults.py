"""The knobs that make one embedded backend slow, broken or forgetful.

Both embedded servers consult a `Faults` at every call; tests and the demo turn the knobs. It knows
nothing of openBIS or OMERO: a server registers what "expire all sessions" means for it, and makes
of a `Misbehaviour` what its wire allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

ANY_METHOD = "*"


class Misbehaviour(StrEnum):
    """What can go wrong with one call on its way back."""

    SERVER_ERROR = "server error"  # HTTP 500 with a page instead of an envelope
    BAD_GATEWAY = "bad gateway"  # a proxy's HTTP 502 with a page
    RESET = "reset"  # the connection is gone before any answer; the call is not executed
    LOST_ANSWER = "lost answer"  # the same after the call was executed
    TRUNCATED = "truncated"  # the body ends before its announced length
    CUT_JSON = "cut json"  # a complete answer whose JSON is not
    SLOW_BODY = "slow body"  # the body comes in pieces, `pace` seconds apart
    LOST_SESSIONS = "lost sessions"  # all sessions end before the call is looked at


@dataclass(slots=True)
class Faults:
    """How one embedded backend misbehaves; by default it does not.

    `off` makes every call fail as if the host were down. `latency` is added to every call, in
    seconds, `latency_of` to the calls of single methods. `fail_next` maps a method name to the
    number of its next calls that fail with a server error; `plan` says more precisely how. `pace`
    is the pause between the pieces of a slow body. A server registers with `on_expire` what
    `expire_sessions` has to do.
    """

    off: bool = False
    latency: float = 0.0
    fail_next: dict[str, int] = field(default_factory=dict)
    _expirers: list[Callable[[], None]] = field(default_factory=list, repr=False)
    latency_of: dict[str, float] = field(default_factory=dict)
    pace: float = 0.05
    _planned: dict[str, list[Misbehaviour]] = field(default_factory=dict, repr=False)

    def on_expire(self, expire: Callable[[], None]) -> None:
        """Have `expire` called whenever all sessions are to end."""
        self._expirers.append(expire)

    def expire_sessions(self) -> None:
        """End every session of the backends that share this object."""
        for expire in self._expirers:
            expire()

    def plan(self, method: str, misbehaviour: Misbehaviour, times: int = 1) -> None:
        """Let the next calls of a method, or of `ANY_METHOD`, go wrong in this way."""
        self._planned.setdefault(method, []).extend([misbehaviour] * times)

    def take(self, method: str) -> Misbehaviour | None:
        """Say how this call of `method` has to go wrong, if at all, and count it off."""
        if self.take_failure(method):
            return Misbehaviour.SERVER_ERROR
        for name in (method, ANY_METHOD):
            planned = self._planned.get(name)
            if planned:
                return planned.pop(0)
        return None

    def take_failure(self, method: str) -> bool:
        """Say whether this call of `method` has to fail, and count it off."""
        left = self.fail_next.get(method, 0)
        if left <= 0:
            return False
        self.fail_next[method] = left - 1
        return True

    def delay(self, method: str) -> float:
        """Seconds that this call of `method` has to wait."""
        return self.latency + self.latency_of.get(method, 0.0)

    def clear(self) -> None:
        """Put every knob back, so that all goes well from here on."""
        self.off, self.latency = False, 0.0
        for planned in (self.fail_next, self.latency_of, self._planned):
            planned.clear()
