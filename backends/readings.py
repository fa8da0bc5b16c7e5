"""Readings: what an answer was read to stands for it when the very same bytes come again.

Boards, pipelines and people ask the same again and again, and mostly nothing has changed. openBIS
and OMERO are asked each time, as the viewer who asks; only where all bytes of an answer are known
is it not read anew. Records cannot be changed, so that requests may share them. What comes once is
forgotten at once: an answer is kept from its second time on. The openBIS client and the Ice
transport ask here; how much is kept is a setting.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from cachetools import LRUCache

MEGABYTE: Final = 1 << 20
SMALL: Final = 4_096  # bytes of an answer that is sooner read than looked up
MET: Final = 4_096  # answers that are known to have come once


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an answer was read to; `size` is the answer's, in bytes."""

    made: Any
    size: int


class Readings:
    """Remembers readings, the last ones used.

    Args:
        limit: bytes of all answers that are kept; their records take several times as much. With 0,
            nothing is.
    """

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._kept: LRUCache[tuple[bytes, Hashable], _Reading] = LRUCache(
            limit, getsizeof=lambda reading: reading.size
        )
        self._met: LRUCache[int, None] = LRUCache(MET)

    def find(self, answer: bytes, how: Hashable = None) -> Any | None:
        """Return what an answer was read to, if it is kept.

        Args:
            answer: all of its bytes.
            how: what else the reading depends on, such as the question.
        """
        if not SMALL <= len(answer) <= self._limit:
            return None
        reading = self._kept.get((answer, how))
        return None if reading is None else reading.made

    def keep(self, answer: bytes, made: object, how: Hashable = None) -> None:
        """Keep what an answer was read to, unless this is the first time that it has come."""
        if not SMALL <= len(answer) <= self._limit:
            return
        key = (answer, how)
        number = hash(key)
        if number in self._met:
            self._kept[key] = _Reading(made, len(answer))
        else:
            self._met[number] = None
