"""Sets of ids of which some may be unknown: the three-valued logic of cohorts.

A verdict over candidates says for which of them a condition surely holds, and for which it may;
the two differ only where a source did not answer. Conjunction, alternative and opposite follow
Kleene: the opposite of unknown is unknown. Used by `evaluation.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

NO_IDS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """For which candidates a condition holds (`sure`), and for which it may (`possible`)."""

    sure: frozenset[str]
    possible: frozenset[str]

    @staticmethod
    def known(ids: Iterable[str]) -> Verdict:
        """It holds for these and for no others."""
        found = frozenset(ids)
        return Verdict(found, found)

    @staticmethod
    def unknown(ids: Iterable[str]) -> Verdict:
        """It may hold for these, and surely for none."""
        return Verdict(NO_IDS, frozenset(ids))

    @property
    def complete(self) -> bool:
        """Whether nothing is unknown."""
        return len(self.sure) == len(self.possible)

    def __and__(self, other: Verdict) -> Verdict:
        return Verdict(self.sure & other.sure, self.possible & other.possible)

    def __or__(self, other: Verdict) -> Verdict:
        return Verdict(self.sure | other.sure, self.possible | other.possible)

    def within(self, ids: frozenset[str]) -> Verdict:
        """The same for fewer candidates."""
        return Verdict(self.sure & ids, self.possible & ids)

    def opposite(self, ids: frozenset[str]) -> Verdict:
        """For which of the candidates it does not hold."""
        return Verdict(ids - self.possible, ids - self.sure)
