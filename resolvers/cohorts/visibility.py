"""What a viewer may see of a snapshot now: what both systems show, and of his own the rest by name.

A snapshot was frozen with its author's rights at that time; rights change. So its rows are handed
out only to who sees every single thing in them today, its author too. Members are shown one by one,
as openBIS shows them. Answers are remembered for a minute per viewer, as all rights are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import orjson

from backends.errors import AccessDenied
from backends.filters import ImageFilter, OmicsFilter, SampleFilter, StringMatch
from backends.openbis.client import Count, Get
from backends.records import Kind
from link_store.snapshot_records import SnapshotMember, SnapshotRecord
from resolvers.cohorts import snapshots
from resolvers.context import RequestContext
from resolvers.errors import Missing, NotAllowed, NotSignedIn

T = TypeVar("T")
CHUNK: Final = 500  # ids per question
AT_ONCE: Final = 8  # questions under way
PAGE: Final = 500  # members read from the store at a time


async def readable(context: RequestContext, number: int) -> SnapshotRecord:
    """Return a snapshot that is the viewer's own, or of which the viewer sees some member.

    Raises:
        Missing: there is none, or none of which the viewer may see anything.
    """
    record = await snapshots.find(context, number)
    if await is_author(context, record):
        return record

    async def any_seen() -> bool:
        async for page in context.services.snapshots.pages(record.id, size=PAGE):
            if await seen_members(context, [member.perm_id for member in page]):
                return True
        return False

    cache, viewer = context.services.cache, context.viewer.key
    if not await cache.get(viewer, f"snapshot-some:{record.id}:{record.digest}", any_seen):
        raise Missing(snapshots.NO_SUCH)
    return record


async def is_author(context: RequestContext, record: SnapshotRecord) -> bool:
    """Whether a snapshot is the viewer's own."""
    return await snapshots.author_of(context) == record.author


async def sees_whole(context: RequestContext, record: SnapshotRecord) -> bool:
    """Whether both systems show the viewer all that is in a snapshot, now."""

    async def look() -> bool:
        try:
            async for page in context.services.snapshots.pages(record.id, size=PAGE):
                if not await _all_seen(context, page):
                    return False
        except (AccessDenied, NotSignedIn):
            return False
        return True

    cache, viewer = context.services.cache, context.viewer.key
    return await cache.get(viewer, f"snapshot-whole:{record.id}:{record.digest}", look)


async def require_whole(context: RequestContext, record: SnapshotRecord) -> None:
    """Go on only if the viewer sees all of a snapshot.

    Raises:
        NotAllowed: not all of it, or no longer.
    """
    if not await sees_whole(context, record):
        raise NotAllowed(
            "You may not see all that this snapshot holds, or no longer, so its contents are not "
            "handed out. Its author learns from `changes` what it is about; or freeze the same "
            "question yourself."
        )


async def require_known(context: RequestContext, record: SnapshotRecord) -> None:
    """Go on only if a snapshot is the viewer's own, or all of it is shown.

    Raises:
        NotAllowed: neither.
    """
    if not await is_author(context, record):
        await require_whole(context, record)


async def seen_members(context: RequestContext, perm_ids: Sequence[str]) -> set[str]:
    """Those of some samples that openBIS shows the viewer."""
    return await seen(context, Kind.SAMPLE, perm_ids)


async def seen(context: RequestContext, kind: Kind, perm_ids: Collection[str]) -> set[str]:
    """Those of some openBIS entities that the viewer sees."""
    if not perm_ids:
        return set()
    try:
        answers = await context.noted(
            context.services.openbis.execute(
                context.openbis_token(), [Get(kind, tuple(perm_ids))], context.call
            )
        )
    except AccessDenied:
        return set()
    return set(answers[0])


async def seen_images(context: RequestContext, ids: Collection[int]) -> bool:
    """Whether OMERO shows the viewer all of some images."""
    wanted = sorted(set(ids))
    found = await context.noted(
        context.services.omero.count_images(
            context.omero_session(), ImageFilter(omero_ids=tuple(wanted)), context.call
        )
    )
    return found == len(wanted)


async def _all_seen(context: RequestContext, page: Iterable[SnapshotMember]) -> bool:
    samples: set[str] = set()
    omics: set[str] = set()
    images: set[int] = set()
    for member in page:
        details = orjson.loads(member.details)
        samples |= {member.perm_id, *([details["subject"]] if details["subject"] else ())}
        for specimen in details["specimens"]:
            samples.add(specimen["permId"])
            omics.update(specimen["omics"])
            images.update(image for image, _ in specimen["images"])
    counts = [
        Count(Kind.SAMPLE, SampleFilter(perm_id=StringMatch(one_of=tuple(chunk))))
        for chunk in _chunks(samples)
    ]
    counts += [
        Count(Kind.OMICS_DATASET, OmicsFilter(code=StringMatch(one_of=tuple(chunk))))
        for chunk in _chunks(omics)
    ]
    if counts:
        found = await context.noted(
            context.services.openbis.execute(context.openbis_token(), counts, context.call)
        )
        if sum(found) != len(samples) + len(omics):
            return False
    chunks = _chunks(images)
    while asked := list(islice(chunks, AT_ONCE)):
        if not all(await asyncio.gather(*(seen_images(context, chunk) for chunk in asked))):
            return False
    return True


def _chunks(ids: Iterable[T]) -> Iterator[list[T]]:
    waiting = iter(ids)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk
