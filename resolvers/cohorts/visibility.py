"""Whose a snapshot is to see: its author's, and theirs whom both systems show all that is in it.

A snapshot was frozen with its author's rights at that time; rights change. So its rows are handed
out only to who sees every single thing in them today, its author too. To others who miss anything
of it, it is not there at all: its name, its size, even which places its members have would tell of
what is hidden. That is asked for aside, not on the request's account, and asked for of one that is
not there as well, so that no cost tells them apart. Answers are remembered for a minute per viewer,
as all rights are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

import orjson

from backends.errors import AccessDenied, Source
from backends.filters import ImageFilter, OmicsFilter, SampleFilter, StringMatch
from backends.lane import Meter
from backends.openbis.client import Count, Get
from backends.records import Kind
from link_store.snapshot_records import SnapshotMember, SnapshotRecord
from resolvers import catalog
from resolvers.cohorts import snapshots
from resolvers.context import RequestContext
from resolvers.errors import Missing, NotAllowed, NotSignedIn

T = TypeVar("T")
CHUNK: Final = 500  # ids per question
AT_ONCE: Final = 8  # questions under way
PAGE: Final = 500  # members read from the store at a time


async def readable(context: RequestContext, number: int) -> SnapshotRecord:
    """Return a snapshot that is the viewer's own, or all of which is shown to the viewer.

    Who is shown all there is in both systems reads every snapshot: for them nothing is hidden, only
    gone.

    Raises:
        Missing: there is none, or not all of it may be seen.
    """
    author = await snapshots.author_of(context)
    record = await snapshots.find(context, number)
    if record is not None and record.author == author:
        if record.deleted_at is not None:
            raise Missing(
                f"This snapshot was deleted by {record.deleted_by} on "
                f"{record.deleted_at:%Y-%m-%d}; its digest was {record.digest}."
            )
        return record
    if record is not None and record.deleted_at is not None:
        record = None
    aside = replace(context, call=replace(context.call, meter=Meter()))
    seen = (
        await _seen_by(aside, f"{number}", _nowhere(number))
        if record is None
        else await sees_whole(aside, record)
    )
    if (seen or await _sees_everything(aside)) and record is not None:
        return record
    raise Missing(snapshots.NO_SUCH)


async def _nowhere(number: int) -> AsyncIterator[tuple[SnapshotMember, ...]]:
    """The members of a snapshot that is not there."""
    details = orjson.dumps({"subject": None, "specimens": []}).decode()
    yield (SnapshotMember(1, catalog.nowhere(number), details),)


async def _sees_everything(context: RequestContext) -> bool:
    for source in (Source.OPENBIS, Source.OMERO):
        if not await snapshots.sees_all_of(context, source):
            return False
    return True


async def is_author(context: RequestContext, record: SnapshotRecord) -> bool:
    """Whether a snapshot is the viewer's own."""
    return await snapshots.author_of(context) == record.author


async def sees_whole(context: RequestContext, record: SnapshotRecord) -> bool:
    """Whether both systems show the viewer all that is in a snapshot, now."""
    pages = context.services.snapshots.pages(record.id, size=PAGE)
    return await _seen_by(context, f"{record.id}:{record.digest}", pages)


async def _seen_by(
    context: RequestContext, name: str, pages: AsyncIterator[tuple[SnapshotMember, ...]]
) -> bool:
    async def look() -> bool:
        try:
            async for page in pages:
                if not await _all_seen(context, page):
                    return False
        except (AccessDenied, NotSignedIn):
            return False
        return True

    cache, viewer = context.services.cache, context.viewer.key
    return await cache.get(viewer, f"snapshot-whole:{name}", look)


async def require_whole(context: RequestContext, record: SnapshotRecord) -> None:
    """Go on only if the viewer sees all of a snapshot.

    Raises:
        NotAllowed: not all of it any more.
    """
    if not await sees_whole(context, record):
        raise NotAllowed(
            "You may not see all that this snapshot holds any more, so its contents are not handed "
            "out. `changes` says what it is about; or freeze the same question again."
        )


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
