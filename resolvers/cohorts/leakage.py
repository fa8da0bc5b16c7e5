"""What subjects of a cohort have in common, and which of it would leak from one part to another.

Bonds go through openBIS (a pooled sample, a common ancestor) or through OMERO (one image in two
datasets, images of one import). They are read from a frozen cohort's members and rows, so a report
is about what was frozen and costs no backend a call. Memory grows with the ids, not with the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from resolvers.cohorts.splits import Bond

MOST_LEAKS: Final = 100  # told one by one; beyond them only the numbers


@dataclass(frozen=True, slots=True)
class Tie:
    """One thing that a subject has, and others may have too: an id within its kind of bond."""

    bond: Bond
    through: str
    subject: str


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing that subjects in different parts have in common."""

    bond: Bond
    through: str  # a sample's permId, or an id in OMERO
    subjects: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What a split lets through; `counts` is of all leaks, `leaks` the first hundred of them."""

    leaks: tuple[Leak, ...]
    counts: Mapping[Bond, int]
    subjects: int  # how many subjects are concerned

    @property
    def clean(self) -> bool:
        """Whether nothing leaks."""
        return not self.counts


@dataclass(slots=True)
class Bonds:
    """What subjects have in common, gathered from their ties."""

    _first: dict[tuple[Bond, str], str] = field(default_factory=dict)
    _shared: defaultdict[tuple[Bond, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def add(self, tie: Tie) -> None:
        """Take in one tie; only what a second subject has too takes a set."""
        key = (tie.bond, tie.through)
        first = self._first.setdefault(key, tie.subject)
        if first != tie.subject:
            self._shared[key].update((first, tie.subject))

    def extend(self, ties: Iterable[Tie]) -> None:
        """Take in many."""
        for tie in ties:
            self.add(tie)

    def groups(self, bonds: Collection[Bond]) -> dict[str, str]:
        """Return for each subject with a bond of these kinds the least id it hangs together with.

        Bonds carry on: who shares an image with one who is pooled with a third belongs to both.
        """
        above: dict[str, str] = {}

        def root(subject: str) -> str:
            while (up := above.get(subject, subject)) != subject:
                above[subject] = above.get(up, up)  # halves the way for the next
                subject = up
            return subject

        for (bond, _through), subjects in self._shared.items():
            if bond in bonds:
                roots = sorted({root(subject) for subject in subjects})
                for other in roots:
                    above[other] = roots[0]
                for subject in subjects:
                    above.setdefault(subject, roots[0])
        return {subject: root(subject) for subject in above}

    def report(self, parts: Mapping[str, str]) -> LeakageReport:
        """Return what subjects in different parts have in common.

        Args:
            parts: the part of each subject.
        """
        counts: Counter[Bond] = Counter()
        concerned: set[str] = set()
        leaks: list[Leak] = []
        for (bond, through), subjects in sorted(self._shared.items()):
            within = sorted(subject for subject in subjects if subject in parts)
            split = sorted({parts[subject] for subject in within})
            if len(split) > 1:
                counts[bond] += 1
                concerned.update(within)
                if len(leaks) < MOST_LEAKS:
                    leaks.append(Leak(bond, through, tuple(within), tuple(split)))
        return LeakageReport(tuple(leaks), dict(counts), len(concerned))
