"""Deciding a `has`: which candidates have a specimen for which all that is set holds.

Its parts are asked one after the other, each of what the parts before it have left where that is
cheaper; then the way leads up to the candidates. Two lineages are kept apart: one of samples with
all their ancestors, and one of candidates with all their descendants. Used by `evaluation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from backends.errors import BackendError
from resolvers.cohorts import planner
from resolvers.cohorts.finding import WITH_DESCENDANTS, Finder
from resolvers.cohorts.lineage import Lineage
from resolvers.cohorts.planner import Part, Sizes
from resolvers.cohorts.predicates import SpecimenPredicate
from resolvers.cohorts.shapes import describe, strict
from resolvers.cohorts.verdict import Verdict
from resolvers.errors import NotSignedIn

Note = Callable[[BackendError | NotSignedIn, str], None]


@dataclass(slots=True)
class _Found:
    """Samples on their way to be specimens; None for all that there are."""

    samples: set[str] | None
    lineage: Lineage
    unknown: bool = False


class Specimens:
    """Decides one `has` after the other, and remembers what they found.

    Args:
        finder: asks the systems.
        note: is told of every source that fails.
    """

    def __init__(self, finder: Finder, note: Note) -> None:
        self._finder = finder
        self._note = note
        self._ancestry = Lineage()
        self._trees = Lineage()
        self._below: dict[str, set[str]] = {}  # candidates, with all of their samples
        self._lifted: dict[SpecimenPredicate, dict[str, list[str]]] = {}
        self.sizes: Sizes | None = None

    async def decide(self, has: SpecimenPredicate, among: frozenset[str]) -> Verdict:
        """For which candidates there is a specimen."""
        if not among:
            return Verdict.known(())
        words = f"has: {{{describe(has)}}}"
        try:
            found = await self._find(has, among, words)
            lifted = await self._lift(has, found, among)
        except (BackendError, NotSignedIn) as error:
            self._note(error, words)
            return Verdict.unknown(among)
        return Verdict.unknown(lifted) if found.unknown else Verdict.known(lifted)

    def count(self, has: SpecimenPredicate, units: Collection[str]) -> int | None:
        """How many specimens of the units a decided `has` found; None where it did not look."""
        lifted = self._lifted.get(has)
        if lifted is None:
            return None if units else 0
        return len({sample for unit in units for sample in lifted.get(unit, ())})

    # --- Down: the samples that fulfil the parts

    async def _find(self, has: SpecimenPredicate, among: frozenset[str], words: str) -> _Found:
        sizes = self.sizes or Sizes()
        found = _Found(None, self._ancestry)
        if self.sizes is not None and planner.from_candidates(has, len(among), sizes):
            found = _Found(await self._descendants(among), self._trees)
        for part in planner.parts_of(has, sizes):
            if found.samples is not None and not found.samples:
                break
            narrowed = (
                self.sizes is not None
                and found.samples is not None
                and planner.by_ids(part, len(found.samples), sizes.of(has, part), sizes)
            )
            known = found.samples if narrowed else None
            if part is Part.IMAGE:
                await self._images(has, found, known, words)
                continue
            matching = (
                await self._samples(has, found, known)
                if part is Part.SAMPLE
                else await self._omics(has, found, known)
            )
            found.samples = matching if found.samples is None else found.samples & matching
        return found

    async def _descendants(self, units: Collection[str]) -> set[str]:
        """All samples of some units, themselves included."""
        missing = [each for each in units if each not in self._below]
        for record in await self._finder.records(missing, WITH_DESCENDANTS):
            self._below[record.perm_id] = self._trees.add_tree(record)
        return {sample for unit in units for sample in self._below.get(unit, ())}

    async def _samples(
        self, has: SpecimenPredicate, found: _Found, known: set[str] | None
    ) -> set[str]:
        lineage = found.lineage if found.lineage is self._ancestry else None
        if known is None:
            return await self._finder.samples(has.sample, lineage)
        return await self._finder.samples_among(has.sample, known, lineage)

    async def _omics(
        self, has: SpecimenPredicate, found: _Found, known: set[str] | None
    ) -> set[str]:
        """The samples with enough data sets, their own and their descendants'."""
        assert has.omics is not None  # noqa: S101 - the part is set
        if known is None:
            lineage = self._ancestry
            own = await self._finder.omics(has.omics, lineage)
        else:
            lineage = self._trees
            below = known if found.lineage is self._trees else await self._descendants(known)
            own = await self._finder.omics_of(has.omics, below)
        counted: dict[str, int] = {}
        for sample, number in own.items():
            for above in lineage.above(sample):
                counted[above] = counted.get(above, 0) + number
        least = 1 if has.image is not None else has.at_least
        return {sample for sample, number in counted.items() if number >= least}

    async def _images(
        self, has: SpecimenPredicate, found: _Found, known: set[str] | None, words: str
    ) -> None:
        """Leave the samples with enough images in their OMERO dataset; those at hand may fail."""
        assert has.image is not None  # noqa: S101 - the part is set
        filter_, least = strict(has.image), has.at_least
        try:
            if known is None:
                counted = await self._finder.images(filter_)
                enough = [dataset for dataset, number in counted.items() if number >= least]
                matching = await self._finder.linked_to(enough)
            else:
                linked = await self._finder.linked(known)
                # Whatever OMERO says or does not say: without a link there are no images.
                found.samples = set(linked)
                counted = await self._finder.images(filter_, set(linked.values()))
                matching = {s for s, dataset in linked.items() if counted.get(dataset, 0) >= least}
        except (BackendError, NotSignedIn) as error:
            self._note(error, words)
            found.unknown = True
            return
        found.samples = matching if found.samples is None else found.samples & matching

    # --- Up: the candidates above them

    async def _lift(
        self, has: SpecimenPredicate, found: _Found, among: frozenset[str]
    ) -> frozenset[str]:
        """The candidates that are, or have among their descendants, one of the samples."""
        bare = has.omics is None and has.image is None
        least = has.at_least if bare else 1
        samples, lineage = found.samples, found.lineage
        if samples is None:
            if least == 1:  # whoever there is has a sample, itself
                return among
            samples = await self._finder.samples(None, lineage)
        missing = {sample for sample in samples if sample not in lineage}
        if missing:  # found by their images or by ids: are they to be seen, and whose are they?
            visible = await self._finder.samples_among(None, missing, lineage)
            samples = (samples - missing) | visible
        lifted: dict[str, list[str]] = {}
        for sample in samples:
            for unit in lineage.units_above(sample, among):
                lifted.setdefault(unit, []).append(sample)
        self._lifted[has] = lifted
        return frozenset(unit for unit, specimens in lifted.items() if len(specimens) >= least)
