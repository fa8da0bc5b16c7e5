"""The plan of a cohort: which clause comes first, how each is asked, and what that will cost.

Estimates are counts, asked of openBIS in one round trip. What OMERO would find is not counted: the
ids themselves come at the price of their number, two numbers a row, so that they are asked for at
once where nothing else is small. The rules are few: the clause that finds least comes first; of a
`has` the part that finds least comes first; ids at hand are handed on where that costs less than
asking of everything. All of it is pure arithmetic on `Sizes`, so that `explain` and the evaluation
decide the same. `evaluation.py` follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Any, Final

from backends.errors import Source
from backends.omero.images import DATASETS_PER_CALL
from backends.records import Kind
from resolvers.cohorts.finding import CHUNK, IDS_PER_CALL, PAGE
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate
from resolvers.cohorts.shapes import Clause, clauses

CALL: Final = 500  # rows that a call is worth


class Part(StrEnum):
    """What a `has` asks for."""

    SAMPLE = "sample"
    OMICS = "omics"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is, for one viewer.

    Attributes:
        units: candidates, before any `has`.
        all_units: subjects, or samples, of all projects.
        samples: samples of all kinds.
        found: how many entities a part of a `has` matches by itself.
    """

    units: int = 0
    all_units: int = 0
    samples: int = 0
    found: Mapping[Any, int] = field(default_factory=dict)

    @property
    def tree(self) -> float:
        """How many samples a candidate has, itself included, on average."""
        return max(1.0, self.samples / max(1, self.all_units))

    def of(self, has: SpecimenPredicate, part: Part) -> int:
        """How many rows a part by itself costs: samples or data sets; of images, one call."""
        if part is Part.IMAGE:
            return CALL
        return self.found.get(getattr(has, part), self.samples)

    def bound(self, has: SpecimenPredicate) -> int:
        """How many candidates fulfil a `has` at most, as far as counts can tell."""
        counted = [self.of(has, part) for part in parts_of(has, self) if part is not Part.IMAGE]
        return min([self.units, *counted])


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan, with the calls it is expected to cost."""

    clause: str
    source: Source | None
    how: str
    estimate: int | None  # candidates that are left at most
    calls: Mapping[Source, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order; the first reads the candidates."""

    steps: tuple[Step, ...]

    @property
    def calls(self) -> dict[Source, int]:
        """The calls that all steps are expected to cost."""
        return {source: sum(step.calls.get(source, 0) for step in self.steps) for source in Source}


def conditions_of(where: CohortPredicate) -> Iterator[SpecimenPredicate]:
    """Every `has` of a predicate, negated or not."""
    if where.has is not None:
        yield where.has
    for each in (*where.all_of, *where.any_of, *where.none_of):
        yield from conditions_of(each)


def parts_of(has: SpecimenPredicate, sizes: Sizes) -> list[Part]:
    """The parts that a `has` sets, the one that finds least first."""
    given = [part for part in Part if getattr(has, part) is not None]
    return sorted(given, key=lambda part: sizes.of(has, part))


def in_order(parts: Sequence[Clause], sizes: Sizes) -> list[Clause]:
    """Clauses in the order in which they are decided, the one that reads least first."""
    return sorted(parts, key=lambda part: reads(part.where, sizes))


def reads(where: CohortPredicate, sizes: Sizes) -> float:
    """About how many rows deciding a predicate reads, over all candidates."""
    rows = 0.0
    for has in conditions_of(where):
        if has.image is not None:
            rows += 2 * sizes.bound(has)  # samples with their ancestors, few a sample
        elif has.omics is not None:
            rows += sizes.tree * sizes.of(has, Part.OMICS)  # data sets hang at the lineage's end
        else:
            rows += 2 * sizes.of(has, Part.SAMPLE)
    return rows + (sizes.units if where.none_of else 0)  # an opposite seldom leaves few


def expected(where: CohortPredicate, sizes: Sizes) -> int:
    """How many candidates a predicate leaves at most, as far as counts can tell."""
    least = sizes.units
    if where.has is not None:
        least = min(least, sizes.bound(where.has))
    least = min([least, *(expected(each, sizes) for each in where.all_of)])
    if where.any_of:
        least = min(least, sum(expected(each, sizes) for each in where.any_of))
    return least


def from_candidates(has: SpecimenPredicate, candidates: int, sizes: Sizes) -> bool:
    """Whether to start from the descendants of the candidates rather than from a part."""
    parts = parts_of(has, sizes)
    if not parts:
        return False
    # An entity of a part comes with its ancestors, which are as many as a tree is deep.
    return candidates * sizes.tree + CALL < sizes.of(has, parts[0])


def by_ids(part: Part, known: int, found: int, sizes: Sizes) -> bool:
    """Whether to ask a part of the samples at hand rather than of everything."""
    if part is Part.IMAGE:
        return known <= CALL
    if part is Part.OMICS:
        return known * sizes.tree * 2 < found
    return known < found


def make(where: CohortPredicate, sizes: Sizes, *, as_written: bool) -> Plan:
    """The plan of a predicate, with what each step is expected to cost."""
    parts = clauses(where)
    pushed = [part for part in parts if part.filter is not None]
    words = ", ".join(part.words for part in pushed) or "all"
    steps = [
        Step(
            words,
            Source.OPENBIS,
            "openBIS lists the candidates"
            + (f"; {len(pushed)} clauses are pushed down to it" if pushed else ""),
            sizes.units,
            {Source.OPENBIS: 2 + _pages(sizes.units)},
        )
    ]
    rest = [part for part in parts if part.filter is None]
    left = sizes.units
    for part in rest if as_written else in_order(rest, sizes):
        step = _step(part, left, sizes)
        steps.append(step)
        left = min(left, step.estimate if step.estimate is not None else left)
    return Plan(tuple(steps))


def _step(part: Clause, left: int, sizes: Sizes) -> Step:
    if part.where.has is not None:
        how, calls = _specimens(part.where.has, left, sizes)
    else:
        nested = [_specimens(has, left, sizes) for has in conditions_of(part.where)]
        how = "; ".join(dict.fromkeys(each for each, _ in nested)) or "set algebra"
        calls = _sum(calls for _, calls in nested)
    return Step(part.words, part.source, how, min(left, expected(part.where, sizes)), calls)


def _specimens(has: SpecimenPredicate, left: int, sizes: Sizes) -> tuple[str, dict[Source, int]]:
    """How a `has` is decided, and the calls that this is expected to cost."""
    calls = dict.fromkeys(Source, 0)
    parts = parts_of(has, sizes)
    if left == 0:
        return "nothing is left to ask about", calls
    if not parts:
        if has.at_least > 1:
            calls[Source.OPENBIS] = _pages(sizes.samples)
        return "the samples of each candidate are counted", calls
    words = []
    known: float | None = None
    placed = False  # whether the way from the samples to the candidates is known
    if from_candidates(has, left, sizes):
        known, placed = left * sizes.tree, True
        calls[Source.OPENBIS] += ceil(left / IDS_PER_CALL)
        words.append("descendants of the candidates left")
    for part in parts:
        found = sizes.of(has, part)
        if part is Part.IMAGE:  # as many datasets as there may be samples
            found = min(sizes.bound(has) * ceil(sizes.tree), sizes.samples)
        narrowed = known is not None and by_ids(part, ceil(known), found, sizes)
        number = ceil(known or 0) if narrowed else found
        words.append(f"{part} " + ("among the ids at hand" if narrowed else "of all"))
        if part is Part.IMAGE:
            pages = ceil(number / CHUNK) if narrowed else found // DATASETS_PER_CALL + 1
            calls[Source.OMERO] += pages
            calls[Source.LINK_STORE] += 1
        elif narrowed:
            again = 2 if part is Part.OMICS else 1
            calls[Source.OPENBIS] += again * ceil(number / IDS_PER_CALL)
            placed = True
        else:
            calls[Source.OPENBIS] += _pages(found)
            placed = True
        known = min(known if known is not None else found, found)
    if not placed:
        words.append("their lineage")
        calls[Source.OPENBIS] += ceil((known or 0) / IDS_PER_CALL)
    return ", then ".join(words), calls


def _pages(rows: int) -> int:
    return rows // PAGE + 1


def _sum(many: Any) -> dict[Source, int]:
    total = dict.fromkeys(Source, 0)
    for calls in many:
        for source, number in calls.items():
            total[source] += number
    return total


def questions(where: CohortPredicate) -> list[tuple[Kind, Any]]:
    """What openBIS is to count for an estimate: every part of every `has`, once."""
    asked: dict[Any, Kind] = {}
    for has in conditions_of(where):
        if has.sample is not None:
            asked[has.sample] = Kind.SAMPLE
        if has.omics is not None:
            asked[has.omics] = Kind.OMICS_DATASET
    return [(kind, filter_) for filter_, kind in asked.items()]
