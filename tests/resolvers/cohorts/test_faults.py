"""A source that dies mid-way: what is unknown is said, and nothing that is said is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from backends.demo.faults import Faults
from backends.demo.study import build_world
from backends.errors import Source
from backends.filters import (
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
    OmicsFilter,
    PropertyMatch,
    StringMatch,
)
from backends.lane import Lane
from backends.omero.client import OmeroClient
from backends.openbis.client import OpenbisClient
from link_store.database import LinkDatabase
from link_store.store import LinkStore
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit
from resolvers.context import RequestContext, Services
from resolvers.loaders import Loaders
from tests.resolvers.cohorts.asking import request_of
from tests.resolvers.cohorts.test_paper import PAPER, TUMOUR_GENOME, TUMOUR_TILES
from tests.resolvers.cohorts.worlds import Land, open_land

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(slots=True)
class Dying(Faults):
    """A backend that answers so many calls, and then is gone."""

    left: int | None = None
    taken: int = 0

    def take_failure(self, method: str) -> bool:  # noqa: ARG002 - as the backends ask it
        """Count a call that is being answered; both backends ask this once for each."""
        self.taken += 1
        if self.left is not None:
            self.left -= 1
            self.off = self.left <= 0
        return False

    def die_after(self, calls: int | None) -> None:
        """Answer this many calls from now on, or all."""
        self.left, self.off, self.taken = calls, calls == 0, 0


@dataclass
class Ward:
    """The demonstration's world over backends that can die, and a request to ask with."""

    services: Services
    viewer: Any
    faults: dict[Source, Dying]

    def request(self) -> RequestContext:
        """A request over lanes of its own, so that no breaker remembers the last death."""
        old = self.services
        services = replace(
            old,
            openbis=OpenbisClient(old.openbis._wire.transport, Lane(Source.OPENBIS, pause=0.001)),
            omero=OmeroClient(old.omero._transport, Lane(Source.OMERO, pause=0.001)),
        )
        context = RequestContext(self.viewer, services, "test")
        Loaders(context)
        return context


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ward() -> AsyncIterator[Ward]:
    faults = {Source.OPENBIS: Dying(), Source.OMERO: Dying()}
    land = Land(build_world())
    async with open_land(land, openbis=faults[Source.OPENBIS], omero=faults[Source.OMERO]) as it:
        context = await request_of(it, "steward")
        yield Ward(it, context.viewer, faults)


PASSED = SpecimenPredicate(
    sample=TUMOUR_TILES.sample, image=ImageFilter(tag=StringMatch(eq="QC passed")), at_least=10
)
ARTERIAL = SpecimenPredicate(
    image=ImageFilter(
        key_values=(KeyValueMatch("Contrast phase", value=StringMatch(eq="arterial")),)
    )
)
DEEP = SpecimenPredicate(
    sample=TUMOUR_TILES.sample,
    omics=OmicsFilter(
        properties=(PropertyMatch("Q_READS_COUNT", number=NumberMatch(gt=420_000_000)),)
    ),
)
WITHOUT = CohortPredicate(
    project=PAPER.project,
    none_of=(CohortPredicate(has=PASSED),),
    any_of=(CohortPredicate(has=ARTERIAL), CohortPredicate(has=DEEP)),
)


@pytest.mark.parametrize("as_written", [False, True])
@pytest.mark.parametrize("where", [PAPER, WITHOUT], ids=["paper", "opposite"])
@pytest.mark.parametrize("source", [Source.OPENBIS, Source.OMERO])
async def test_dying_at_every_call(
    ward: Ward, source: Source, where: CohortPredicate, *, as_written: bool
) -> None:
    ward.faults[source].die_after(None)
    whole = await evaluate(ward.request(), Unit.SUBJECT, where, as_written=as_written)
    assert whole.completeness.complete
    truth = set(whole.member_ids)
    assert truth
    calls = ward.faults[source].taken
    assert calls >= 1
    incomplete = 0
    for survived in range(calls + 1):
        ward.faults[source].die_after(survived)
        try:
            answer = await evaluate(ward.request(), Unit.SUBJECT, where, as_written=as_written)
        finally:
            ward.faults[source].die_after(None)
        told = answer.completeness
        assert set(answer.member_ids) <= truth
        if told.complete:
            assert set(answer.member_ids) == truth
            assert told.gaps == ()
        else:
            incomplete += 1
            assert told.at_most is None or told.at_most >= len(truth)
            assert {gap.failure.source for gap in told.gaps} == {source}
        for step in answer.funnel:
            assert step.complete or step.subjects is not None
        if survived == calls:
            assert told.complete
    assert incomplete == calls


async def test_without_links_what_they_decide_is_unknown(ward: Ward) -> None:
    context = ward.request()
    empty = LinkDatabase("sqlite://")  # without any table, as after a failed restore
    broken = RequestContext(
        context.viewer, replace(context.services, links=LinkStore(empty)), "test"
    )
    Loaders(broken)
    answer = await evaluate(broken, Unit.SUBJECT, PAPER)
    assert answer.member_ids == ()
    assert not answer.completeness.complete
    assert answer.completeness.at_most == 130
    assert {gap.failure.source for gap in answer.completeness.gaps} == {Source.LINK_STORE}
    await empty.dispose()


async def test_without_a_session_in_omero_what_it_decides_is_unknown(ward: Ward) -> None:
    context = ward.request()
    alone = RequestContext(replace(context.viewer, omero=None), context.services, "test")
    Loaders(alone)
    answer = await evaluate(alone, Unit.SUBJECT, PAPER)
    assert (answer.member_ids, answer.completeness.at_most) == ((), 130)
    openbis_only = CohortPredicate(project=PAPER.project, has=TUMOUR_GENOME)
    assert len((await evaluate(alone, Unit.SUBJECT, openbis_only)).member_ids) == 130
