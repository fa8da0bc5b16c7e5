"""The first reading of an import: every fault of every line, before anything is written.

Keeps the ids of the file, not its lines, and asks the database in batches. What it lets through can
still be refused by the database, if somebody else writes meanwhile; then nothing is written either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from link_store.lines import FaultCode, HeadLine, LineFault, LinkLine, parse_lines
from link_store.reading import LinkReader
from link_store.records import LinkKind, LinkRecord, LinkRef, SampleLinkRecord

LINES_PER_LOOK_UP = 5000
_NAMES = {LinkKind.PROJECT: "project", LinkKind.SAMPLE: "sample"}


class ImportCheck:
    """What has been found in a file so far."""

    def __init__(self, reader: LinkReader) -> None:
        self._reader = reader
        self.faults: list[LineFault] = []
        self.lines = 0
        self.unchanged: set[int] = set()
        self.highest: dict[LinkKind | None, int] = {**dict.fromkeys(LinkKind, 0), None: 0}
        self.counted = {**dict.fromkeys(LinkKind, 0)}
        self._head: HeadLine | None = None
        self._seen: dict[tuple[LinkKind, str | int], int] = {}  # live ends, and their lines
        self._ids: dict[LinkRef, int] = {}
        self._events: dict[int, int] = {}
        self._projects: dict[int, tuple[str, bool]] = {}  # of whole lines: permId, live
        self._linked: set[str] = set()  # projects with a live link in the file

    async def read(self, lines: Iterable[bytes]) -> None:
        """Read a file to its end."""
        batch: list[tuple[int, LinkLine]] = []
        for number, line in parse_lines(lines):
            self.lines = number
            if isinstance(line, LineFault):
                self.faults.append(line)
            elif isinstance(line, HeadLine):
                self._check_head(line)
            elif self._check_within(number, line):
                batch.append((number, line))
            if len(batch) == LINES_PER_LOOK_UP:
                await self._check_against_database(batch)
                batch.clear()
        await self._check_against_database(batch)
        self._check_end()
        self.faults.sort(key=lambda fault: fault.line)

    def _fault(self, line: int, code: FaultCode, message: str) -> None:
        self.faults.append(LineFault(line, code, message))

    def _check_head(self, head: HeadLine) -> None:
        self._head = head
        own = (self._reader.openbis_instance, self._reader.omero_instance)
        named = (head.openbis_instance, head.omero_instance)
        if own != named:
            told = f"the links are between {named[0]} and {named[1]}, not {own[0]} and {own[1]}"
            self._fault(1, FaultCode.WRONG_INSTANCE, told)

    def _check_within(self, number: int, line: LinkLine) -> bool:
        """Compare a line with the earlier ones."""
        faults = len(self.faults)
        kind = line.kind
        self.counted[kind] += 1
        if line.live:
            ends: tuple[str | int, ...] = (line.openbis_perm_id, line.omero_id)
            for end, system in zip(ends, ("openBIS", "OMERO"), strict=True):
                earlier = self._seen.setdefault((kind, end), number)
                if earlier != number:
                    told = f"{system} {_end(kind, end)} stands in line {earlier} already"
                    self._fault(number, FaultCode.DUPLICATE, told)
        if line.id is not None:
            self._check_ids(number, line, line.id)
        if kind is LinkKind.PROJECT and line.live:
            self._linked.add(line.openbis_perm_id)
        return len(self.faults) == faults

    def _check_ids(self, number: int, line: LinkLine, link_id: int) -> None:
        kind = line.kind
        self.highest[kind] = max(self.highest[kind], link_id)
        earlier = self._ids.setdefault(LinkRef(kind, link_id), number)
        if earlier != number:
            told = f"id {link_id} stands in line {earlier} already"
            self._fault(number, FaultCode.DUPLICATE, told)
        for event in line.history or ():
            self.highest[None] = max(self.highest[None], event.id)
            earlier = self._events.setdefault(event.id, number)
            if earlier != number:
                told = f"event {event.id} stands in line {earlier} already"
                self._fault(number, FaultCode.DUPLICATE, told)
        if kind is LinkKind.PROJECT:
            self._projects[link_id] = (line.openbis_perm_id, line.live)
        elif line.project_link_id is not None:
            perm_id, live = self._projects.get(line.project_link_id, (None, False))
            if perm_id != line.project_perm_id or (line.live and not live):
                told = "the line of its project's link has to stand before it"
                self._fault(number, FaultCode.NO_PROJECT_LINK, told)

    async def _check_against_database(self, batch: list[tuple[int, LinkLine]]) -> None:
        """Compare a batch with the links that are there."""
        refs = [LinkRef(line.kind, line.id) for _, line in batch if line.id is not None]
        by_id = await self._reader.links_by_ids(refs)
        for kind in LinkKind:
            lines = [(number, line) for number, line in batch if line.kind is kind]
            live = [line for _, line in lines if line.live]
            by_perm_id, by_omero_id = await self._live(kind, live)
            for number, line in lines:
                self._compare(
                    number,
                    line,
                    by_id.get(LinkRef(kind, line.id or 0)),
                    by_perm_id.get(line.openbis_perm_id) if line.live else None,
                    by_omero_id.get(line.omero_id) if line.live else None,
                )
        brief = {
            line.project_perm_id
            for _, line in batch
            if line.project_perm_id is not None and not line.whole
        }
        linked = await self._reader.project_links(brief - self._linked)
        for number, line in batch:
            project = line.project_perm_id
            if project in brief and project not in self._linked and project not in linked:
                told = f"openBIS project {project} has no live link here, nor in an earlier line"
                self._fault(number, FaultCode.NO_PROJECT_LINK, told)

    async def _live(
        self, kind: LinkKind, lines: list[LinkLine]
    ) -> tuple[Mapping[str, LinkRecord], Mapping[int, LinkRecord]]:
        perm_ids = [line.openbis_perm_id for line in lines]
        numbers = [line.omero_id for line in lines]
        if kind is LinkKind.PROJECT:
            return (
                await self._reader.project_links(perm_ids),
                await self._reader.project_links_of_omero(numbers),
            )
        return (
            await self._reader.sample_links(perm_ids),
            await self._reader.sample_links_of_omero(numbers),
        )

    def _compare(
        self,
        number: int,
        line: LinkLine,
        same_id: LinkRecord | None,
        at_openbis: LinkRecord | None,
        at_omero: LinkRecord | None,
    ) -> None:
        if line.whole:
            there = same_id is not None and _is(same_id, line)
        else:
            there = at_openbis is not None and at_openbis == at_omero and _joins(at_openbis, line)
        if there:
            self.unchanged.add(number)
            return
        for link, system, end in (
            (at_openbis, "openBIS", line.openbis_perm_id),
            (at_omero, "OMERO", line.omero_id),
        ):
            if link is not None:
                other = link.omero_id if system == "openBIS" else link.openbis_perm_id
                told = f"{system} {_end(line.kind, end)} is linked with {other} already"
                self._fault(number, FaultCode.LINK_CONFLICT, told)

    def _check_end(self) -> None:
        if self._head is None:
            return
        promised = {
            LinkKind.PROJECT: self._head.project_links,
            LinkKind.SAMPLE: self._head.sample_links,
        }
        bad = sum(fault.code == FaultCode.BAD_LINE for fault in self.faults)
        if sum(self.counted.values()) + bad < sum(promised.values()):
            told = f"the file ends after {sum(self.counted.values())} of {sum(promised.values())}"
            self._fault(self.lines, FaultCode.CUT_SHORT, f"{told} links: fetch it again")


def _end(kind: LinkKind, end: Any) -> str:
    if isinstance(end, str):
        return f"{_NAMES[kind]} {end}"
    return f"{'project' if kind is LinkKind.PROJECT else 'dataset'} {end}"


def _is(link: LinkRecord, line: LinkLine) -> bool:
    """Tell whether a link is the one of a whole line, in the same state of its history."""
    mine = (link.openbis_perm_id, link.omero_id, link.state, link.revision, link.created_at)
    return mine == (
        *(line.openbis_perm_id, line.omero_id, line.state),
        *(line.revision, line.created_at),
    )


def _joins(link: LinkRecord, line: LinkLine) -> bool:
    """Tell whether a live link is what a brief line asks for."""
    project = link.project_perm_id if isinstance(link, SampleLinkRecord) else None
    return project == line.project_perm_id
