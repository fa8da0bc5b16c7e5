"""Runs projections through the lane, for one session and one request.

`Ask` binds what every question needs, so that `images.py`, `containers.py` and `facets.py` are
plain functions; `Scope` says which objects a facet is asked for, in calls of bounded size. No HQL
and no record is known here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import SecretStr

from backends.lane import Call, Lane
from backends.omero.conditions import Clause, split
from backends.omero.queries import Projection
from backends.omero.table import Rows
from backends.omero.transport import HqlValue, OmeroTransport

T = TypeVar("T")
_PLACEHOLDER = re.compile(r":(\w+)")  # no HQL of ours has a colon elsewhere


@dataclass(frozen=True, slots=True)
class Scope:
    """The objects that something is asked for: chunks of ids, and how a path lies among them."""

    chunks: tuple[tuple[int, ...], ...]
    template: str = "{path} in (:ids)"
    params: Mapping[str, HqlValue] = field(default_factory=dict)

    def condition(self, path: str) -> str:
        """The path is the id of an object in scope."""
        return self.template.replace("{path}", path)

    @staticmethod
    def images_of_datasets(
        chunks: tuple[tuple[int, ...], ...], where: Clause, params: Mapping[str, HqlValue]
    ) -> Scope:
        """The images below some datasets that fulfil a condition on the alias i.

        One call answers for any number of images, since it names the datasets and not them.
        """
        lines = ["{path} in (select scope.child.id from DatasetImageLink scope"]
        if isinstance(where, str):
            lines = ["{path} in (select i.id from DatasetImageLink scope join scope.child i"]
        lines.append("where scope.parent.id in (:ids)")
        if isinstance(where, str):
            lines.append(f"and {where}")
        return Scope(chunks, " ".join(lines) + ")", params)


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks OMERO as one session, within one request's deadline and meter."""

    transport: OmeroTransport
    lane: Lane
    session: SecretStr
    call: Call
    chunk: int

    async def rows(
        self,
        projection: Projection,
        params: Mapping[str, HqlValue],
        *,
        limit: int | None = None,
    ) -> Rows:
        """The rows of one projection: one call.

        Of the parameters, those go along that the text names: conditions that turned out to be
        decided leave some behind, and a server refuses what it has no place for.
        """
        hql = projection.hql()
        bound = {name: params[name] for name in _PLACEHOLDER.findall(hql)}
        return await self.lane.call(
            projection.name,
            lambda: self.transport.projection(
                self.session,
                hql,
                bound,
                offset=None if limit is None else 0,
                limit=limit,
                turn=self.lane.turn(self.call),
            ),
            self.call,
        )

    async def rows_in(
        self, scope: Scope, projection: Projection, params: Mapping[str, HqlValue] | None = None
    ) -> list[Rows]:
        """The rows of a projection that binds `:ids`, per chunk of the scope: a call each."""
        bound = {**scope.params, **(params or {})}
        return await together(
            *(self.rows(projection, {**bound, "ids": chunk}) for chunk in scope.chunks)
        )

    def scope(self, ids: Iterable[int]) -> Scope:
        """The objects with these ids, in chunks."""
        return Scope(split(ids, self.chunk))


async def together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run concurrently and return all results; the first failure cancels the rest and is raised."""
    if len(work) == 1:
        return [await work[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
