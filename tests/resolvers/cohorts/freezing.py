"""Freezing the patients of QHCC0, as one of the demonstration's users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from backends.filters import ImageFilter, ProjectFilter, StringMatch
from link_store.snapshot_records import SnapshotRecord
from resolvers.cohorts import comparison, snapshots
from resolvers.cohorts.changes import Comparison
from resolvers.cohorts.predicates import (
    CohortPredicate,
    Question,
    SpecimenPredicate,
)
from resolvers.context import RequestContext
from tests.house import House
from tests.resolvers.cohorts.asking import request_of

HCC = CohortPredicate(project=ProjectFilter(code=StringMatch(eq="QHCC0")))
WITH_CT = replace(HCC, has=SpecimenPredicate(image=ImageFilter(tag=StringMatch(eq="CT"))))


async def asking(house: House, user: str = "oncology") -> RequestContext:
    return await request_of(house.built.parts.services, user)


async def frozen(
    house: House, where: CohortPredicate = HCC, *, user: str = "oncology", name: str = "test"
) -> SnapshotRecord:
    done = await snapshots.freeze(await asking(house, user), Question(where=where), name)
    assert done.snapshot is not None
    return done.snapshot


async def compared(house: House, record: SnapshotRecord, user: str = "oncology") -> Comparison:
    house.recover()
    return await comparison.compare(await asking(house, user), record)


async def members_of(house: House, record: SnapshotRecord) -> dict[str, Any]:
    members = await house.built.parts.services.snapshots.members(record.id)
    return {member.perm_id: orjson.loads(member.details) for member in members}
