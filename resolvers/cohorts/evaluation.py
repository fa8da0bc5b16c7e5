"""Evaluation: a question becomes ids, by set algebra over what the systems answer.

Candidates come first, narrowed by whatever openBIS can be asked about them; each further clause is
asked only about those that are left, and an empty set ends the work. What a source does not answer
is unknown (`verdict.py`) and noted as a gap. `evaluate` is what others call; which clause comes
first and how each is asked is decided in `planner.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from backends.errors import AuthenticationFailed, BackendError, InvalidRequest, Source
from backends.filters import ProjectFilter, SampleFilter, StringMatch
from backends.records import Kind
from resolvers import catalog
from resolvers.cohorts.answer import CohortAnswer, Completeness, Gap
from resolvers.cohorts.finding import Finder
from resolvers.cohorts.predicates import (
    CohortPredicate,
    Question,
    SpecimenPredicate,
    Unit,
    checked,
)
from resolvers.cohorts.shapes import Clause, clauses, describe, strict
from resolvers.cohorts.verdict import NO_IDS, Verdict
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn


async def evaluate(context: RequestContext, unit: Unit, where: CohortPredicate) -> CohortAnswer:
    """Answer a question as its viewer.

    Raises:
        BadInput: the predicate is too large, or makes no sense.
        InvalidRequest: a source cannot be asked a part of it.
    """
    question = checked(Question(unit, where))
    return await Evaluation(context, question).run()


class Evaluation:
    """One question on its way."""

    def __init__(self, context: RequestContext, question: Question) -> None:
        self._context = context
        self._question = question
        self._finder = Finder(context)
        self._gaps: list[Gap] = []

    async def run(self) -> CohortAnswer:
        """Evaluate the whole."""
        parts = clauses(self._question.where)
        try:
            base = await self._candidates([part.filter for part in parts if part.filter])
        except (BackendError, NotSignedIn) as error:
            self._note(error, "which candidates there are")
            return self._answer(Verdict(NO_IDS, NO_IDS), at_most=None)
        verdict = Verdict.known(base)
        for part in parts:
            if part.filter is None and verdict.possible:
                verdict &= await self._decide(part.where, verdict.possible)
        return self._answer(verdict, at_most=len(verdict.possible))

    def _answer(self, verdict: Verdict, *, at_most: int | None) -> CohortAnswer:
        complete = verdict.complete and at_most is not None
        return CohortAnswer(
            question=self._question,
            member_ids=tuple(sorted(verdict.sure)),
            completeness=Completeness(
                complete=complete,
                at_most=at_most,
                gaps=() if complete else tuple(self._gaps),
            ),
            context=self._context,
        )

    # --- Candidates

    async def _candidates(self, filters: Sequence[SampleFilter]) -> frozenset[str]:
        return await candidates(self._context, self._finder, self._question.unit, filters)

    # --- Conditions over candidates

    async def _decide(self, where: CohortPredicate, among: frozenset[str]) -> Verdict:
        """For which of the candidates a predicate holds."""
        verdict = Verdict.known(among)
        for part in clauses(where):
            if not verdict.possible:
                return verdict
            verdict &= await self._decide_clause(part, verdict.possible)
        return verdict

    async def _decide_clause(self, part: Clause, among: frozenset[str]) -> Verdict:
        where = part.where
        if part.filter is not None:
            return await self._decide_filter(part.filter, part.words, among)
        if where.has is not None:
            return await self._decide_has(where.has, among)
        if where.any_of:
            verdict = Verdict.known(())
            for each in where.any_of:
                # Who is in surely need not be asked about again.
                verdict |= await self._decide(each, among - verdict.sure)
            return verdict
        (opposite,) = where.none_of
        return (await self._decide(opposite, among)).opposite(among)

    async def _decide_filter(
        self, filter_: SampleFilter, words: str, among: frozenset[str]
    ) -> Verdict:
        try:
            found = await self._candidates([filter_])
        except (BackendError, NotSignedIn) as error:
            self._note(error, words)
            return Verdict.unknown(among)
        return Verdict.known(found & among)

    # --- Specimens

    async def _decide_has(self, has: SpecimenPredicate, among: frozenset[str]) -> Verdict:
        """For which candidates there is a specimen."""
        words = f"has: {{{describe(has)}}}"
        found: set[str] | None = None
        unknown = False
        try:
            if has.sample is not None:
                found = await self._finder.samples(has.sample)
            if has.omics is not None and found != set():
                matching = await self._with_omics(has)
                found = matching if found is None else found & matching
        except (BackendError, NotSignedIn) as error:
            self._note(error, words)
            return Verdict.unknown(among)
        if has.image is not None and found != set():
            try:
                matching = await self._with_images(has)
                found = matching if found is None else found & matching
            except (BackendError, NotSignedIn) as error:
                self._note(error, words)
                unknown = True
        try:
            lifted = await self._lift(has, found, among)
        except (BackendError, NotSignedIn) as error:
            self._note(error, words)
            return Verdict.unknown(among)
        return Verdict.unknown(lifted) if unknown else Verdict.known(lifted)

    async def _with_omics(self, has: SpecimenPredicate) -> set[str]:
        """The samples with enough data sets, their own and their descendants'."""
        assert has.omics is not None  # noqa: S101 - asked by the caller
        counted: dict[str, int] = {}
        for sample, number in (await self._finder.omics(has.omics)).items():
            for above in self._finder.lineage.above(sample):
                counted[above] = counted.get(above, 0) + number
        least = 1 if has.image is not None else has.at_least
        return {sample for sample, number in counted.items() if number >= least}

    async def _with_images(self, has: SpecimenPredicate) -> set[str]:
        """The samples with enough images in their OMERO dataset."""
        assert has.image is not None  # noqa: S101 - asked by the caller
        counted = await self._finder.images(strict(has.image))
        enough = [dataset for dataset, number in counted.items() if number >= has.at_least]
        return set((await self._finder.linked_to(enough)).values())

    async def _lift(
        self, has: SpecimenPredicate, found: set[str] | None, among: frozenset[str]
    ) -> frozenset[str]:
        """The candidates that are, or have among their descendants, one of the samples."""
        lineage = self._finder.lineage
        if found is None:
            if has.at_least == 1:
                return among
            found = await self._finder.samples(None)
        missing = {sample for sample in found if sample not in lineage}
        visible = await self._finder.samples_among(None, missing) if missing else set()
        counted: dict[str, int] = {}
        for sample in (found - missing) | visible:
            for unit in lineage.units_above(sample, among):
                counted[unit] = counted.get(unit, 0) + 1
        bare = has.omics is None and has.image is None
        least = has.at_least if bare else 1
        return frozenset(unit for unit, number in counted.items() if number >= least)

    def _note(self, error: BackendError | NotSignedIn, words: str) -> None:
        """Remember what could not be decided.

        Raises:
            InvalidRequest: it never can be.
        """
        if isinstance(error, InvalidRequest):
            raise error
        if isinstance(error, NotSignedIn):
            error = AuthenticationFailed(error.source or Source.OPENBIS, error.message)
        told = {(gap.failure.source, gap.clause) for gap in self._gaps}
        if (error.source, words) not in told:
            self._gaps.append(Gap(error, words))


async def candidates(
    context: RequestContext, finder: Finder, unit: Unit, filters: Sequence[SampleFilter]
) -> frozenset[str]:
    """The units that fulfil all filters."""
    if unit is Unit.SAMPLE:
        return frozenset(await finder.candidates(SampleFilter(all_of=tuple(filters))))
    found = await finder.candidates(subjects_by_type(context, filters))
    bare = await projects_without_subjects(context, finder, filters)
    if bare:
        found |= await finder.roots(subjects_by_root(bare, filters))
    return frozenset(found)


def subjects_by_type(context: RequestContext, filters: Sequence[SampleFilter]) -> SampleFilter:
    """Samples of a configured type."""
    return SampleFilter(
        type=StringMatch(one_of=context.services.subject_types), all_of=tuple(filters)
    )


def subjects_by_root(projects: Collection[str], filters: Sequence[SampleFilter]) -> SampleFilter:
    """Samples of projects that have none of a configured type; those without parents are meant."""
    within = ProjectFilter(perm_id=StringMatch(one_of=tuple(projects)))
    return SampleFilter(project=within, all_of=tuple(filters))


async def projects_without_subjects(
    context: RequestContext, finder: Finder, filters: Sequence[SampleFilter]
) -> list[str]:
    """The projects in which the viewer sees no sample of a configured type."""
    wanted = tuple(each.project for each in filters if each.project is not None)
    projects = await finder.projects(ProjectFilter(all_of=wanted))
    asked = [
        (Kind.SAMPLE, replace(subjects_by_type(context, ()), project=catalog.of_project(perm_id)))
        for perm_id in projects
    ]
    counted = await finder.counts(asked)
    return [perm_id for perm_id, number in zip(projects, counted, strict=True) if number == 0]
