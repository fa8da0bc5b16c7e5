"""Evaluation: a question becomes ids, by set algebra over what the systems answer.

Candidates come first, narrowed by whatever openBIS can be asked about them; each further clause is
asked only about those that are left, and an empty set ends the work. What a source does not answer
is unknown (`verdict.py`) and noted as a gap. `evaluate` is what others call; which clause comes
first and how each is asked is decided in `planner.py`, who is a candidate in `units.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backends.errors import AuthenticationFailed, BackendError, InvalidRequest, Source
from backends.filters import SampleFilter
from backends.lane import Call, Meter
from backends.records import Kind
from resolvers.cohorts import planner
from resolvers.cohorts.answer import CohortAnswer, Completeness, FunnelStep, Gap
from resolvers.cohorts.finding import Finder
from resolvers.cohorts.planner import Sizes
from resolvers.cohorts.predicates import CohortPredicate, Question, Unit, checked
from resolvers.cohorts.shapes import Clause, clauses
from resolvers.cohorts.specimens import Specimens
from resolvers.cohorts.units import Units
from resolvers.cohorts.verdict import NO_IDS, Verdict
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn
from resolvers.loaders import Loaders


async def evaluate(
    context: RequestContext, unit: Unit, where: CohortPredicate, *, as_written: bool = False
) -> CohortAnswer:
    """Answer a question as its viewer.

    Args:
        context: the request.
        unit: what the cohort is made of.
        where: which candidates belong to it.
        as_written: decide the clauses in the order as written, and tell the funnel.

    Raises:
        BadInput: the predicate is too large, or makes no sense.
        InvalidRequest: a source cannot be asked a part of it.
    """
    question = checked(Question(unit, where))
    return await Evaluation(context, question).run(as_written=as_written)


class Evaluation:
    """One question on its way; `meter` counts what it alone costs."""

    def __init__(self, context: RequestContext, question: Question) -> None:
        self.meter = _Forwarding(to=context.call.meter)
        self._context = RequestContext(
            context.viewer,
            context.services,
            context.request_id,
            Call(self.meter, context.call.deadline, since=context.call.since),
            failures=context.failures,
            degradations=context.degradations,
        )
        Loaders(self._context)
        context.parts.append(self._context)
        self._asked_in = context
        self._question = question
        self._finder = Finder(self._context)
        self._units = Units(self._context, self._finder, question.unit)
        self._gaps = _Gaps()
        self._specimens = Specimens(self._finder, self._gaps.note)
        self._sizes: Sizes | None = None

    # --- The whole

    async def plan(self, *, as_written: bool = False) -> planner.Plan:
        """What answering will cost, from counts alone.

        Raises:
            BackendError: openBIS does not answer.
        """
        return planner.make(self._question.where, await self.sizes(), as_written=as_written)

    async def run(self, *, as_written: bool = False, ids: bool = True) -> CohortAnswer:
        """Evaluate the whole.

        Args:
            as_written: keep to the order as written, and tell the funnel.
            ids: whether the members' ids are wanted; where only openBIS decides, their number is
                had without.
        """
        parts = clauses(self._question.where)
        funnel: list[FunnelStep] = []
        try:
            pushed = [part.filter for part in parts if part.filter is not None]
            if not ids and len(pushed) == len(parts) and await self._units.counted_by_type(pushed):
                return await self._counted(parts, as_written=as_written)
            if as_written:
                base = await self._written_candidates(parts, funnel)
            else:
                base = await self._units.among(pushed)
        except (BackendError, NotSignedIn) as error:
            self._gaps.note(error, "which candidates there are")
            return self._answer(Verdict(NO_IDS, NO_IDS), None, ())
        verdict = Verdict.known(base)
        rest = parts[len(funnel) - 1 :] if as_written else [p for p in parts if p.filter is None]
        if rest and verdict.possible:
            await self._estimate(len(base))
        if not as_written and self._sizes is not None:
            rest = planner.in_order(rest, self._sizes)
        for part in rest:
            if verdict.possible:
                verdict &= await self._decide_clause(part, verdict.possible)
            if as_written:
                funnel.append(self._step(part, verdict))
        return self._answer(verdict, len(verdict.possible), tuple(funnel))

    async def sizes(self, units: int | None = None) -> Sizes:
        """Count what the plan needs to know, in one call; `units` where they are known already.

        Raises:
            BackendError: openBIS does not answer.
        """
        where = self._question.where
        if self._sizes is not None:
            return self._sizes
        pushed = [part.filter for part in clauses(where) if part.filter is not None]
        asked = [
            (Kind.SAMPLE, self._units.typed(pushed)),
            (Kind.SAMPLE, self._units.typed([])),
            (Kind.SAMPLE, SampleFilter()),
            *planner.questions(where),
        ]
        counted, all_units, samples, *numbers = await self._finder.counts(asked)
        found = {filter_: number for (_, filter_), number in zip(asked[3:], numbers, strict=True)}
        if units is None:
            # Those by root no count tells: they are looked at.
            units = counted or len(await self._units.among(pushed))
        self._sizes = Sizes(units, max(all_units, units), samples, found)
        return self._sizes

    async def _estimate(self, units: int) -> None:
        """Know the sizes, or do without: what fails here fails again where it matters."""
        try:
            self._specimens.sizes = await self.sizes(units)
        except InvalidRequest:
            raise
        except (BackendError, NotSignedIn):
            return

    async def _counted(self, parts: list[Clause], *, as_written: bool) -> CohortAnswer:
        """Numbers without ids, where openBIS alone decides."""
        numbers = await self._prefixes(parts) if as_written else []
        pushed = [part.filter for part in parts if part.filter is not None]
        if not as_written:
            numbers = await self._finder.counts([(Kind.SAMPLE, self._units.typed(pushed))])
        funnel = self._prefix_steps(parts, numbers) if as_written else []
        return CohortAnswer(
            self._question,
            (),
            Completeness(complete=True, at_most=numbers[-1]),
            tuple(funnel),
            total=numbers[-1],
            context=self._asked_in,
        )

    def _answer(
        self, verdict: Verdict, at_most: int | None, funnel: tuple[FunnelStep, ...]
    ) -> CohortAnswer:
        complete = verdict.complete and at_most is not None
        return CohortAnswer(
            question=self._question,
            member_ids=tuple(sorted(verdict.sure)),
            completeness=Completeness(
                complete=complete,
                at_most=at_most,
                gaps=() if complete else tuple(self._gaps.found),
            ),
            funnel=funnel,
            total=len(verdict.sure),
            context=self._asked_in,
        )

    # --- The funnel

    async def _written_candidates(
        self, parts: list[Clause], funnel: list[FunnelStep]
    ) -> frozenset[str]:
        """The candidates after the clauses that come first and are openBIS' alone."""
        leading = []
        for part in parts:
            if part.filter is None:
                break
            leading.append(part)
        filters = [part.filter for part in leading if part.filter is not None]
        if await self._units.counted_by_type([]):
            funnel += self._prefix_steps(leading, await self._prefixes(leading))
            return await self._units.among(filters)
        left = await self._units.among([])
        numbers = [len(left)]
        for filter_ in filters:
            left &= await self._units.among([filter_])
            numbers.append(len(left))
        funnel += self._prefix_steps(leading, numbers)
        return left

    async def _prefixes(self, leading: list[Clause]) -> list[int]:
        """How many candidates there are after none, one, two … of the clauses: one call."""
        filters = [part.filter for part in leading if part.filter is not None]
        return await self._finder.counts(
            [(Kind.SAMPLE, self._units.typed(filters[:n])) for n in range(len(filters) + 1)]
        )

    def _prefix_steps(self, leading: list[Clause], numbers: list[int]) -> list[FunnelStep]:
        words = [self._units.words, *(part.words for part in leading)]
        return [
            FunnelStep(clause, Source.OPENBIS, number, number)
            for clause, number in zip(words, numbers, strict=True)
        ]

    def _step(self, part: Clause, verdict: Verdict) -> FunnelStep:
        samples = None
        if part.filter is not None:
            samples = len(verdict.sure)
        elif part.where.has is not None:
            samples = self._specimens.count(part.where.has, verdict.sure)
        return FunnelStep(part.words, part.source, len(verdict.sure), samples, verdict.complete)

    # --- Conditions over candidates

    async def _decide(self, where: CohortPredicate, among: frozenset[str]) -> Verdict:
        """For which of the candidates a predicate holds."""
        verdict = Verdict.known(among)
        parts = clauses(where)
        if self._sizes is not None:
            parts = planner.in_order(parts, self._sizes)
        for part in parts:
            if not verdict.possible:
                return verdict
            verdict &= await self._decide_clause(part, verdict.possible)
        return verdict

    async def _decide_clause(self, part: Clause, among: frozenset[str]) -> Verdict:
        where = part.where
        if part.filter is not None:
            return await self._decide_filter(part.filter, part.words, among)
        if where.has is not None:
            return await self._specimens.decide(where.has, among)
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
        if not among:
            return Verdict.known(())
        try:
            if len(among) <= planner.CALL:
                found = await self._finder.samples_among(filter_, among, None)
            else:
                found = set(await self._units.among([filter_]))
        except (BackendError, NotSignedIn) as error:
            self._gaps.note(error, words)
            return Verdict.unknown(among)
        return Verdict.known(found & among)


class _Gaps:
    """What could not be decided; apart from the evaluation, since its parts tell of theirs."""

    def __init__(self) -> None:
        self.found: list[Gap] = []

    def note(self, error: BackendError | NotSignedIn, words: str) -> None:
        """Remember a clause, in words, and the failure that keeps it undecided.

        Raises:
            InvalidRequest: it never can be.
        """
        if isinstance(error, InvalidRequest):
            raise error
        if isinstance(error, NotSignedIn):
            error = AuthenticationFailed(error.source or Source.OPENBIS, error.message)
        told = {(gap.failure.source, gap.clause) for gap in self.found}
        if (error.source, words) not in told:
            self.found.append(Gap(error, words))


@dataclass(slots=True)
class _Forwarding(Meter):
    """A meter of one evaluation that counts for the whole request as well."""

    to: Meter = field(default_factory=Meter)

    def count(self, source: Source, operation: str, seconds: float) -> None:
        Meter.count(self, source, operation, seconds)
        self.to.count(source, operation, seconds)
