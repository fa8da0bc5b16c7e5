"""The knobs that make one embedded backend slow, broken or forgetful.

Both embedded servers consult a `Faults` at every call; tests and the demo turn the knobs. It knows
nothing of openBIS or OMERO: a server registers what "expire all sessions" means for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """How one embedded backend misbehaves; by default it does not.

    `off` makes every call fail as if the host were down. `latency` is added to every call, in
    seconds. `fail_next` maps a method name to the number of its next calls that fail with a server
    error. A server registers with `on_expire` what `expire_sessions` has to do.
    """

    off: bool = False
    latency: float = 0.0
    fail_next: dict[str, int] = field(default_factory=dict)
    _expirers: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def on_expire(self, expire: Callable[[], None]) -> None:
        """Have `expire` called whenever all sessions are to end."""
        self._expirers.append(expire)

    def expire_sessions(self) -> None:
        """End every session of the backends that share this object."""
        for expire in self._expirers:
            expire()

    def take_failure(self, method: str) -> bool:
        """Say whether this call of `method` has to fail, and count it off."""
        left = self.fail_next.get(method, 0)
        if left <= 0:
            return False
        self.fail_next[method] = left - 1
        return True
