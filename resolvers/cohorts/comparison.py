"""What has become of a frozen cohort: is it as it was written, and how does today's answer differ.

The question is asked again, as the viewer, and both answers are walked through side by side in the
order of permIds, a page at a time. Each difference gets its reason. The systems do not say why they
do not show something: it counts as deleted where what contained it is still shown (its project, its
OMERO dataset), else as a right that was lost. Only who may see the frozen ids may ask, see
`visibility.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson

from backends.errors import AccessDenied, Source
from backends.fetch import Fetch
from backends.records import Kind
from link_store.records import SampleLinkRecord
from link_store.snapshot_records import SnapshotRecord
from resolvers.cohorts import snapshots, visibility
from resolvers.cohorts.changes import (
    Change,
    ChangeEvent,
    ChangeKind,
    ChangeReason,
    Comparison,
    Verification,
)
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.exports.table import Row
from resolvers.cohorts.members import read_members
from resolvers.cohorts.rows import FETCH, PAGE, Content, Reader
from resolvers.cohorts.value_changes import changed_values, value_change
from resolvers.context import RequestContext

MOST_CHANGES: Final = 1000  # told one by one; beyond them only the numbers


@dataclass(slots=True)
class _Sights:
    """What is still shown of what is missing, and how samples are linked now."""

    samples: set[str] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)
    omics: set[str] = field(default_factory=set)
    images: set[int] = field(default_factory=set)
    datasets: set[int] = field(default_factory=set)
    links: Mapping[str, SampleLinkRecord] = field(default_factory=dict)
    sees_openbis: bool = False  # nothing is hidden there: what is not shown is not there
    sees_omero: bool = False


async def verify(context: RequestContext, record: SnapshotRecord) -> Verification:
    """Take the digests of a snapshot again.

    Raises:
        StorageFailed: the snapshot folder cannot be read.
    """
    members, rows = await asyncio.gather(
        context.ask_links("intact", context.services.snapshots.intact(record.id)),
        context.services.shelf.rows_are_intact(snapshots.manifest_of(record).rows_sha256),
    )
    return Verification(members, rows)


async def compare(context: RequestContext, record: SnapshotRecord) -> Comparison:
    """Answer a snapshot's question again and say what is different, and why.

    Raises:
        Unavailable: a source did not answer, so that nothing can be said.
    """
    question = snapshots.question_of(record)
    answer = await evaluate(context, question.unit, question.where)
    if not answer.completeness.complete:
        snapshots.refuse_incomplete(answer.completeness.gaps, "compared")
    walk = _Walk(context, record, answer.member_ids)
    changes: list[Change] = []
    counts: Counter[ChangeReason] = Counter()
    async for change in walk.changes():
        counts[change.reason] += 1
        if len(changes) < MOST_CHANGES:
            changes.append(change)
    return Comparison(tuple(changes), dict(counts), record.member_count, len(answer.member_ids))


class _Walk:
    """Both answers side by side."""

    def __init__(
        self, context: RequestContext, record: SnapshotRecord, now: Collection[str]
    ) -> None:
        self._context = context
        self._record = record
        self._now = frozenset(now)
        self._reader = Reader(context, self._now)
        sha256 = snapshots.manifest_of(record).rows_sha256
        self._frozen_rows = context.services.shelf.rows_now(sha256)
        self._ahead: Row | None = None

    async def changes(self) -> AsyncIterator[Change]:
        """All differences, by member."""
        frozen: dict[str, dict[str, Any]] = {}
        coming = iter(sorted(self._now))
        ahead: list[str] = []  # members of now that come before the next frozen ones
        async for page in self._context.services.snapshots.pages(self._record.id, size=PAGE):
            frozen = {member.perm_id: orjson.loads(member.details) for member in page}
            last = page[-1].perm_id
            for perm_id in coming:
                ahead.append(perm_id)
                if perm_id > last:
                    break
            held = [each for each in ahead if each <= last]
            ahead = [each for each in ahead if each > last]
            async for change in self._page(frozen, held, last):
                yield change
        ahead.extend(coming)
        rest = iter(ahead)
        while held := list(islice(rest, PAGE)):
            async for change in self._page({}, held, None):
                yield change

    async def _page(
        self, frozen: Mapping[str, dict[str, Any]], now: list[str], last: str | None
    ) -> AsyncIterator[Change]:
        question = snapshots.question_of(self._record)
        current: dict[str, Content] = {}
        for start in range(0, len(now), PAGE):
            found = await read_members(self._context, question, now[start : start + PAGE], FETCH)
            contents = await self._reader.contents(found.values())
            current |= {content.perm_id: content for content in contents}
        rows = await asyncio.to_thread(self._rows_until, last)
        sights = await self._look(frozen, current)
        for perm_id in sorted(frozen.keys() | current.keys()):
            before, after = frozen.get(perm_id), current.get(perm_id)
            if before is None and after is not None:
                yield self._added(after, sights)
            elif before is not None and after is None:
                yield self._removed(perm_id, before, sights)
            elif before is not None and after is not None:
                for change in self._both(before, after, rows.get(perm_id, []), sights):
                    yield change

    def _rows_until(self, last: str | None) -> dict[str, list[Row]]:
        """The frozen rows of the members up to one, in a thread."""
        found: dict[str, list[Row]] = {}
        while last is not None:
            if self._ahead is None:
                _, self._ahead = next(self._frozen_rows, (b"", None))
                if self._ahead is None:
                    break
            member = self._ahead["member_perm_id"]
            if member > last:
                break
            found.setdefault(member, []).append(self._ahead)
            self._ahead = None
        return found

    # --- what is still shown ----------------------------------------------------------------------

    async def _look(
        self, frozen: Mapping[str, dict[str, Any]], current: Mapping[str, Content]
    ) -> _Sights:
        samples: set[str] = set()
        projects: set[str] = set()
        omics: set[str] = set()
        images: set[int] = set()
        datasets: set[int] = set()
        linked: set[str] = set()
        for perm_id, details in frozen.items():
            now = current.get(perm_id)
            if now is not None and now.details["specimens"] == details["specimens"]:
                continue
            there = _items(now.details) if now is not None else {}
            samples.add(perm_id)
            projects |= {details["projectPermId"]} - {None}
            for specimen in details["specimens"]:
                sample = specimen["permId"]
                samples.add(sample)
                linked.add(sample)
                kept_omics, kept_images = there.get(sample, (set(), set()))
                omics |= set(specimen["omics"]) - kept_omics
                lost = {image for image, _ in specimen["images"]} - kept_images
                images |= lost
                if lost and specimen["imageDataset"] is not None:
                    datasets.add(specimen["imageDataset"])
        for perm_id, content in current.items():
            if perm_id not in frozen:
                linked.update(each["permId"] for each in content.details["specimens"])
        context = self._context
        shown = await asyncio.gather(
            visibility.seen(context, Kind.SAMPLE, samples),
            visibility.seen(context, Kind.PROJECT, projects),
            visibility.seen(context, Kind.OMICS_DATASET, omics),
        )
        return _Sights(
            *shown,
            await self._shown_images(images),
            await self._shown_datasets(datasets),
            await context.ask_links(
                "sampleLinks", context.services.links.sample_links(list(linked))
            ),
            sees_openbis=bool(samples) and await snapshots.sees_all_of(context, Source.OPENBIS),
            sees_omero=bool(images) and await snapshots.sees_all_of(context, Source.OMERO),
        )

    async def _shown_images(self, ids: Collection[int]) -> set[int]:
        context = self._context
        try:
            return set(
                await context.noted(
                    context.services.omero.images_by_ids(
                        context.omero_session(), ids, Fetch(), context.call
                    )
                )
            )
        except AccessDenied:
            return set()

    async def _shown_datasets(self, ids: Collection[int]) -> set[int]:
        context = self._context
        try:
            return set(
                await context.noted(
                    context.services.omero.image_datasets_by_ids(
                        context.omero_session(), ids, Fetch(), context.call
                    )
                )
            )
        except AccessDenied:
            return set()

    # --- reasons ----------------------------------------------------------------------------------

    def _is_new(self, since: datetime | None) -> bool:
        return since is not None and since > self._record.created_at

    def _added(self, content: Content, sights: _Sights) -> Change:
        reason = ChangeReason.VALUES_CHANGED
        if any(map(self._is_new, content.since.values())):
            reason = ChangeReason.NEW
        elif any(
            link is not None and link.updated_at > self._record.created_at
            for link in map(sights.links.get, _samples(content.details))
        ):
            reason = ChangeReason.RELINKED
        return _change(ChangeKind.MEMBER, content.perm_id, content.perm_id, "ADDED", reason)

    def _removed(self, perm_id: str, details: dict[str, Any], sights: _Sights) -> Change:
        if perm_id not in sights.samples:
            reason = self._sample_reason(details, sights)
        else:
            reasons = {
                reason
                for specimen in details["specimens"]
                for reason in self._losses(specimen, details, sights)
            }
            worst = (
                ChangeReason.RELINKED,
                ChangeReason.PERMISSION_LOST,
                ChangeReason.DELETED,
            )
            reason = next((each for each in worst if each in reasons), ChangeReason.VALUES_CHANGED)
        return _change(ChangeKind.MEMBER, perm_id, perm_id, "REMOVED", reason)

    def _losses(
        self, specimen: dict[str, Any], details: dict[str, Any], sights: _Sights
    ) -> Iterator[ChangeReason]:
        """Why a specimen, or what belongs to it, may be missing."""
        sample = specimen["permId"]
        if sample not in sights.samples:
            yield self._sample_reason(details, sights)
            return
        for image, _ in specimen["images"]:
            yield self._image_reason(image, specimen, sights)
        for omics in specimen["omics"]:
            if omics not in sights.omics:
                yield ChangeReason.DELETED  # its sample is shown

    def _sample_reason(self, details: dict[str, Any], sights: _Sights) -> ChangeReason:
        """Why a sample is not shown."""
        return _gone(sights.sees_openbis or details["projectPermId"] in sights.projects)

    def _image_reason(self, image: int, specimen: dict[str, Any], sights: _Sights) -> ChangeReason:
        link = sights.links.get(specimen["permId"])
        if link is None or link.omero_id != specimen["imageDataset"]:
            return ChangeReason.RELINKED
        if image in sights.images:
            return ChangeReason.VALUES_CHANGED
        return _gone(sights.sees_omero or specimen["imageDataset"] in sights.datasets)

    def _both(
        self, before: dict[str, Any], after: Content, rows: list[Row], sights: _Sights
    ) -> Iterator[Change]:
        member, now = after.perm_id, after.details
        old = {each["permId"]: each for each in before["specimens"]}
        new = {each["permId"]: each for each in now["specimens"]}
        for sample in sorted(old.keys() - new.keys()):
            reasons = list(self._losses(old[sample], before, sights))
            reason = reasons[0] if reasons else ChangeReason.VALUES_CHANGED
            yield _change(ChangeKind.SPECIMEN, sample, member, "REMOVED", reason)
        for sample in sorted(new.keys() - old.keys()):
            is_new = any(
                self._is_new(after.since.get(each)) for each in (sample, *_ids(new[sample]))
            )
            reason = ChangeReason.NEW if is_new else ChangeReason.VALUES_CHANGED
            yield _change(ChangeKind.SPECIMEN, sample, member, "ADDED", reason)
        for sample in sorted(old.keys() & new.keys()):
            yield from self._within(old[sample], new[sample], after, sights)
        for column in sorted(before["properties"].keys() | now["properties"].keys()):
            one, other = before["properties"].get(column), now["properties"].get(column)
            if one != other:
                yield value_change(ChangeKind.MEMBER, member, member, column, one, other)
        for name in ("code", "project"):
            if before[name] != now[name]:
                yield value_change(ChangeKind.MEMBER, member, member, name, before[name], now[name])
        if before["rows"]["sha256"] != now["rows"]["sha256"]:
            yield from changed_values(member, rows, after.rows)

    def _within(
        self,
        old: dict[str, Any],
        new: dict[str, Any],
        after: Content,
        sights: _Sights,
    ) -> Iterator[Change]:
        """What came and went within one specimen."""
        member = after.perm_id
        relinked = old["imageDataset"] != new["imageDataset"]
        was, is_ = ({image for image, _ in each["images"]} for each in (old, new))
        for image in sorted(was - is_):
            reason = self._image_reason(image, old, sights)
            yield _change(ChangeKind.IMAGE, str(image), member, "REMOVED", reason)
        for image in sorted(is_ - was):
            reason = ChangeReason.VALUES_CHANGED
            if relinked:
                reason = ChangeReason.RELINKED
            elif self._is_new(after.since.get(image)):
                reason = ChangeReason.NEW
            yield _change(ChangeKind.IMAGE, str(image), member, "ADDED", reason)
        for omics in sorted(set(old["omics"]) - set(new["omics"])):
            gone = omics not in sights.omics
            reason = ChangeReason.DELETED if gone else ChangeReason.VALUES_CHANGED
            yield _change(ChangeKind.OMICS_DATASET, omics, member, "REMOVED", reason)
        for omics in sorted(set(new["omics"]) - set(old["omics"])):
            is_new = self._is_new(after.since.get(omics))
            reason = ChangeReason.NEW if is_new else ChangeReason.VALUES_CHANGED
            yield _change(ChangeKind.OMICS_DATASET, omics, member, "ADDED", reason)


def _gone(container_is_shown: bool) -> ChangeReason:
    return ChangeReason.DELETED if container_is_shown else ChangeReason.PERMISSION_LOST


def _samples(details: Mapping[str, Any]) -> list[str]:
    return [specimen["permId"] for specimen in details["specimens"]]


def _ids(specimen: Mapping[str, Any]) -> list[str | int]:
    return [*specimen["omics"], *(image for image, _ in specimen["images"])]


def _items(details: Mapping[str, Any]) -> dict[str, tuple[set[str], set[int]]]:
    return {
        each["permId"]: (set(each["omics"]), {image for image, _ in each["images"]})
        for each in details["specimens"]
    }


def _change(kind: ChangeKind, id_: str, member: str, event: str, reason: ChangeReason) -> Change:
    return Change(kind, id_, member, ChangeEvent(event), reason)
