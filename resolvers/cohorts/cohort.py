"""`Cohort`: one question of one request, evaluated once and only as far as is asked for.

The GraphQL type asks it for a total, a funnel, members; whatever needs the ids shares one
evaluation, and what can be had without them costs no more than it must.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from backends.errors import Source
from backends.fetch import Fetch
from backends.filters import Page, PageRequest
from resolvers.cohorts import facets
from resolvers.cohorts.answer import (
    CohortAnswer,
    CohortMember,
    Completeness,
    MemberFetch,
    page_of,
)
from resolvers.cohorts.availability import MemberRow, availability
from resolvers.cohorts.evaluation import Evaluation
from resolvers.cohorts.facets import Facet, FacetBy
from resolvers.cohorts.members import page_of_members
from resolvers.cohorts.planner import Plan
from resolvers.cohorts.predicates import CohortPredicate, Question, Unit, checked
from resolvers.context import RequestContext
from resolvers.errors import BadInput

MOST_FACETS: Final = 12

_NEEDING_IDS: Final = frozenset({"members", "facets", "availability"})
_OF_NOW: Final = frozenset({"facets", "totalCount", "completeness", "funnel", "explain"})
_EVALUATED: Final = _NEEDING_IDS | {"totalCount", "completeness", "funnel"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan before it is run, and the calls that the evaluation made, estimates included."""

    plan: Plan
    calls: Mapping[Source, int] | None


class Cohort:
    """A cohort that somebody asks about.

    Args:
        context: the request.
        unit: what it is made of.
        where: which candidates belong to it.
        wanted: the fields that are asked for, by their GraphQL names.
        path: where in the answer it stands, for the errors of sources that fail.

    Raises:
        BadInput: the predicate is too large, or makes no sense.
    """

    def __init__(
        self,
        context: RequestContext,
        unit: Unit,
        where: CohortPredicate,
        wanted: Collection[str],
        path: Sequence[str | int],
    ) -> None:
        self.context = context
        self.question = checked(Question(unit, where))
        self._wanted = frozenset(wanted)
        self._path = path
        self._evaluation = Evaluation(context, self.question)
        self._answer: asyncio.Task[CohortAnswer] | None = None

    async def answer(self) -> CohortAnswer:
        """The evaluated cohort."""
        if self._answer is None:
            self._answer = asyncio.ensure_future(self._evaluate())
        return await self._answer

    async def total(self) -> int | None:
        """How many members there surely are; None where the candidates themselves are unknown."""
        answer = await self.answer()
        return None if answer.completeness.at_most is None else answer.total

    async def completeness(self) -> Completeness:
        """Whether anything is unknown."""
        return (await self.answer()).completeness

    async def facets(self, by: Sequence[FacetBy]) -> list[Facet]:
        """How the members spread over the values of some things.

        Raises:
            BadInput: a facet cannot be meant.
            BackendError: openBIS does not answer.
        """
        asked = [facets.checked(each) for each in by]
        if len(asked) > MOST_FACETS:
            raise BadInput(f"At most {MOST_FACETS} facets at once; these are {len(asked)}.")
        answer = await self.answer()
        return [await facets.facet(self.context, answer.member_ids, each) for each in asked]

    async def availability(self, page: PageRequest, fetch: Fetch) -> Page[MemberRow]:
        """What there is of a page of members, and why something is missing."""
        members = await self._ids(page)
        ids, has_more = page_of(members, page)
        rows = await availability(self.context, ids, fetch, self._path)
        keys = tuple((row.subject.perm_id, row.subject.perm_id) for row in rows)
        return Page(tuple(rows), keys, has_more, len(members) if page.count else None)

    async def members(self, page: PageRequest, fetch: MemberFetch) -> Page[CohortMember]:
        """One page of members with what belongs to them."""
        ids = await self._ids(page)
        return await page_of_members(self.context, self.question, ids, page, fetch)

    async def _ids(self, page: PageRequest) -> tuple[str, ...]:
        """The ids that a page is cut from.

        A page beyond the first goes on in the viewer's answer that the first was cut from, for a
        minute: it costs what its rows cost, and no member repeats or is passed over meanwhile. What
        is shown of members is read anew each time, with the rights of now.
        """
        cache, viewer = self.context.services.cache, self.context.viewer.key
        name = f"cohort:{self.question.digest()}"
        if page.key is not None and not self._wanted & _OF_NOW:
            kept = cache.kept(viewer, name)
            if kept is not None:
                return kept
        answer = await self.answer()
        if answer.completeness.complete:
            cache.keep(viewer, name, answer.member_ids)
        return answer.member_ids

    async def explain(self) -> Explanation:
        """The plan with the calls it is expected to cost, and those it did cost, if it was run.

        Raises:
            BackendError: openBIS does not answer.
        """
        plan = await self._evaluation.plan(as_written=self._as_written)
        if not self._wanted & _EVALUATED:
            return Explanation(plan, None)
        await self.answer()
        return Explanation(plan, dict(self._evaluation.meter.calls))

    @property
    def _as_written(self) -> bool:
        return "funnel" in self._wanted

    async def _evaluate(self) -> CohortAnswer:
        ids = bool(self._wanted & _NEEDING_IDS)
        answer = await self._evaluation.run(as_written=self._as_written, ids=ids)
        for gap in answer.completeness.gaps:
            self.context.degrade(gap.failure, self._path)
        return answer
