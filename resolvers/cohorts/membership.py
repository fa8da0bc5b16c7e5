"""Paging through the frozen members of a snapshot, as far as openBIS shows them to the viewer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from backends.filters import Page, PageRequest, Sort
from link_store.snapshot_records import SnapshotMember, SnapshotRecord
from resolvers.cohorts import visibility
from resolvers.context import RequestContext

POSITION_ORDER: Final = Sort("position")
STEP: Final = 500  # members looked at at a time


@dataclass(frozen=True, slots=True)
class FrozenMember:
    """One member that the viewer sees; `position` counts from 1 among all that were frozen."""

    position: int
    perm_id: str


async def page(
    context: RequestContext, record: SnapshotRecord, request: PageRequest
) -> Page[FrozenMember]:
    """Return one page of those members that the viewer sees; hidden ones leave no trace.

    Args:
        context: the request.
        record: the snapshot.
        request: the page; its sort is `POSITION_ORDER`, its keys are `(position, permId)`.
    """
    walk = _backward if request.backward else _forward
    found: list[FrozenMember] = []
    at = None if request.key is None else int(request.key[0] or 0)
    async for member in walk(context, record, at):
        found.append(member)
        if len(found) > request.limit:
            break
    shown = found[: request.limit]
    if request.backward:
        shown.reverse()
    return Page(
        items=tuple(shown),
        keys=tuple((member.position, member.perm_id) for member in shown),
        has_more=len(found) > request.limit,
        total=await _count(context, record) if request.count else None,
    )


async def _forward(
    context: RequestContext, record: SnapshotRecord, after: int | None
) -> AsyncIterator[FrozenMember]:
    at = max(after or 0, 0)
    store = context.services.snapshots
    while members := await store.members(record.id, after=at, limit=STEP):
        for member in await _shown(context, members):
            yield member
        at = members[-1].position


async def _backward(
    context: RequestContext, record: SnapshotRecord, before: int | None
) -> AsyncIterator[FrozenMember]:
    end = record.member_count + 1 if before is None else min(before, record.member_count + 1)
    while end > 1:
        start = max(end - 1 - STEP, 0)
        members = await context.services.snapshots.members(
            record.id, after=start, limit=end - 1 - start
        )
        for member in reversed(await _shown(context, members)):
            yield member
        end = start + 1


async def _shown(
    context: RequestContext, members: tuple[SnapshotMember, ...]
) -> list[FrozenMember]:
    seen = await visibility.seen_members(context, [member.perm_id for member in members])
    return [
        FrozenMember(member.position, member.perm_id)
        for member in members
        if member.perm_id in seen
    ]


async def _count(context: RequestContext, record: SnapshotRecord) -> int:
    count = 0
    async for _ in _forward(context, record, None):
        count += 1
    return count
