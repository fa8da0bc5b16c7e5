"""Who is a candidate: all samples, or the subjects among them.

A subject is a sample of a configured type; in a project where the viewer sees none, a sample
without parents. openBIS cannot be asked for what has no parents, so those are read with theirs.
Used by `evaluation.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.filters import ProjectFilter, SampleFilter, StringMatch
from backends.records import Kind
from resolvers import catalog
from resolvers.cohorts.finding import Finder
from resolvers.cohorts.predicates import Unit
from resolvers.context import RequestContext

Scope = tuple[ProjectFilter, ...]


class Units:
    """The candidates of one question; which projects have no subjects is asked once."""

    def __init__(self, context: RequestContext, finder: Finder, unit: Unit) -> None:
        self._types = context.services.subject_types
        self._finder = finder
        self._unit = unit
        self._bare: dict[Scope, tuple[str, ...]] = {}

    @property
    def words(self) -> str:
        """All candidates, in words."""
        return "all subjects" if self._unit is Unit.SUBJECT else "all samples"

    def typed(self, filters: Sequence[SampleFilter]) -> SampleFilter:
        """Candidates that fulfil all filters, as far as their type tells that they are some."""
        if self._unit is Unit.SAMPLE:
            return SampleFilter(all_of=tuple(filters))
        return SampleFilter(type=StringMatch(one_of=self._types), all_of=tuple(filters))

    async def counted_by_type(self, filters: Sequence[SampleFilter]) -> bool:
        """Whether the type tells all candidates, so that openBIS can count them."""
        return self._unit is Unit.SAMPLE or not await self._without_subjects(filters)

    async def among(self, filters: Sequence[SampleFilter]) -> frozenset[str]:
        """The candidates that fulfil all filters."""
        found = await self._finder.samples(self.typed(filters), None)
        if self._unit is Unit.SUBJECT:
            bare = await self._without_subjects(filters)
            if bare:
                within = ProjectFilter(perm_id=StringMatch(one_of=bare))
                rooted = SampleFilter(project=within, all_of=tuple(filters))
                found |= await self._finder.roots(rooted)
        return frozenset(found)

    async def _without_subjects(self, filters: Sequence[SampleFilter]) -> tuple[str, ...]:
        """The projects in scope in which the viewer sees no sample of a configured type."""
        scope = tuple(each.project for each in filters if each.project is not None)
        if scope not in self._bare:
            projects = await self._finder.projects(ProjectFilter(all_of=scope))
            asked = [
                (
                    Kind.SAMPLE,
                    SampleFilter(
                        type=StringMatch(one_of=self._types), project=catalog.of_project(perm_id)
                    ),
                )
                for perm_id in projects
            ]
            numbers = await self._finder.counts(asked)
            self._bare[scope] = tuple(
                perm_id for perm_id, number in zip(projects, numbers, strict=True) if not number
            )
        return self._bare[scope]
