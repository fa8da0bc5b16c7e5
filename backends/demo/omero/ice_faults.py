"""The ways in which an OMERO server over a network misbehaves, beyond `faults.py`.

`OmeroIceServer.faults` is a `WireFaults`; `ice_servant.py` consults it at each call. Latency,
failures and switching off altogether stay with the store's `Faults`, which work over Ice too.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class WireFaults:
    """By operation (`projection`, `saveAndReturnArray`, `createSession`): what happens next.

    `cut_before` counts the next calls that lose their connection before they are carried out,
    `cut_after` those that lose it after that, before they are answered. `oversized` counts the next
    calls answered with `oversized_bytes` instead, which may be more than a client takes; only
    projections can. `delay` adds seconds to every call of an operation.
    """

    cut_before: dict[str, int] = field(default_factory=dict)
    cut_after: dict[str, int] = field(default_factory=dict)
    oversized: dict[str, int] = field(default_factory=dict)
    oversized_bytes: int = 1_000_000
    delay: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, kind: dict[str, int], operation: str) -> bool:
        """Say whether this call is hit by one of the three counted faults, and count it off."""
        if not kind:
            return False
        with self._lock:
            left = kind.get(operation, 0)
            if left <= 0:
                return False
            kind[operation] = left - 1
            return True
