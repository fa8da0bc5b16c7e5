"""Export of all links with their history, and import of such files, or of hand-written ones.

An export is read in one state of the database, page by page. An import is read twice: first for
faults, of which every one is told, then to be written in one transaction. Into an empty database
links and history come back with their own numbers, so that global ids, and the link revision of
frozen cohorts, stay true; into another one they come after what is there, in the same order.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from link_store import dialects
from link_store.bulk import insert_rows
from link_store.errors import InvalidLink
from link_store.import_check import ImportCheck
from link_store.lines import (
    ImportReport,
    LineFault,
    LinkLine,
    head_line,
    link_line,
    parse_lines,
)
from link_store.models import LINK_EVENT, PROJECT_LINK, SAMPLE_LINK
from link_store.reading import RECORDS, TABLES, event_record
from link_store.records import LinkChange, LinkEventRecord, LinkKind, LinkState
from link_store.writing import LinkWriter, checked_text, to_json

LINKS_PER_PAGE = 1000
LINES_PER_WRITE = 5000
Progress = Callable[[int], None]
_LINK_COLUMNS = (
    *("id", "openbis_perm_id", "omero_id", "state", "evidence", "revision", "author"),
    *("created_at", "updated_at"),
)
_EVENT_COLUMNS = (
    *("id", "project_link_id", "sample_link_id", "change", "old_state", "new_state", "revision"),
    *("author", "at", "details"),
)


class LinkTransfer(LinkWriter):
    """A writer that can also give all links away and take them in."""

    async def export_lines(self) -> AsyncGenerator[bytes, None]:
        """Write out all links and their history as JSON Lines, in one state of the database.

        Close the iterator (`contextlib.aclosing`) if it is left before its end: it holds a
        connection.
        """
        async with self.database.snapshot() as connection:
            newest = select(func.coalesce(func.max(LINK_EVENT.c.id), 0))
            revision = (await connection.execute(newest)).scalar_one()
            numbers = [await self._number(connection, TABLES[kind]) for kind in LinkKind]
            names = (self.openbis_instance, self.omero_instance)
            yield head_line(*names, revision, numbers, datetime.now(UTC))
            for kind in LinkKind:
                after = 0
                while lines := await self._page(connection, kind, after):
                    for _, line in lines:
                        yield line
                    after = lines[-1][0]

    async def _number(self, connection: AsyncConnection, table: Table) -> int:
        of_ours = self.between_instances(table).subquery()
        counted = await connection.execute(select(func.count()).select_from(of_ours))
        number: int = counted.scalar_one()
        return number

    async def _page(
        self, connection: AsyncConnection, kind: LinkKind, after: int
    ) -> list[tuple[int, bytes]]:
        table = TABLES[kind]
        statement = self.between_instances(table).where(table.c.id > after).order_by(table.c.id)
        rows = await connection.execute(statement.limit(LINKS_PER_PAGE))
        links = [RECORDS[kind](row) for row in rows]
        told: dict[int, list[LinkEventRecord]] = {link.id: [] for link in links}
        column = LINK_EVENT.c[f"{table.name}_id"]
        events = select(LINK_EVENT).where(dialects.among(column, self.database.dialect))
        for row in await connection.execute(
            events.order_by(LINK_EVENT.c.id), self.packed(list(told))
        ):
            event = event_record(row)
            told[event.link.id].append(event)
        return [(link.id, link_line(link, told[link.id])) for link in links]

    async def import_lines(
        self,
        read: Callable[[], Iterable[bytes]],
        *,
        author: str,
        dry_run: bool = False,
        faults: Sequence[LineFault] = (),
        progress: Progress | None = None,
    ) -> ImportReport:
        """Take in links: all of a file, or nothing if one line has a fault.

        Args:
            read: Opens the file from its beginning and gives its lines; called twice.
            author: Who makes the links of brief lines; whole lines keep their authors.
            dry_run: Only look for faults.
            faults: What the caller has found wrong itself, in the two systems.
            progress: Told the number of lines that have been written so far.

        Raises:
            LinkConflict: when somebody else linked an end in the meantime; nothing is written.
            InvalidLink: when the author is blank, or the file changed meanwhile.
        """
        checked_text(author)
        with self.observed("import_lines"), self.worded():
            check = ImportCheck(self)
            check.faults.extend(faults)
            await check.read(read())
            written = not (dry_run or check.faults)
            writing = _Writing(self, check, author)
            if written:
                async with self.database.write() as connection:
                    await writing.run(connection, read(), progress)
            else:
                writing.count(read())
        return ImportReport(
            lines=check.lines,
            project_links=writing.made[LinkKind.PROJECT],
            sample_links=writing.made[LinkKind.SAMPLE],
            events=writing.events,
            unchanged=len(check.unchanged),
            faults=tuple(check.faults),
            written=written,
        )


class _Writing:
    """The second reading of a file, which writes."""

    def __init__(self, store: LinkWriter, check: ImportCheck, author: str) -> None:
        self._check, self._author, self._now = check, author, datetime.now(UTC)
        self._instances = {
            "openbis_instance": store.openbis_instance,
            "omero_instance": store.omero_instance,
        }
        self._store = store
        self._shift: dict[LinkKind | None, int] = dict.fromkeys((*LinkKind, None), 0)
        self._next = {kind: highest + 1 for kind, highest in check.highest.items()}
        self._kept: dict[int, int] = {}  # project links that are there already
        self._live: dict[str, int] = {}  # live project links by permId
        self._rows: dict[LinkKind, list[tuple[Any, ...]]] = {kind: [] for kind in LinkKind}
        self._told: list[tuple[Any, ...]] = []
        self.made = dict.fromkeys(LinkKind, 0)
        self.events = 0

    def count(self, lines: Iterable[bytes]) -> None:
        """Count what would be written."""
        for number, line in parse_lines(lines):
            if isinstance(line, LinkLine) and number not in self._check.unchanged:
                self.made[line.kind] += 1
                self.events += len(line.history or (None,))

    async def run(
        self, connection: AsyncConnection, lines: Iterable[bytes], progress: Progress | None
    ) -> None:
        """Write all lines that are not there already."""
        tables = {LinkKind.PROJECT: PROJECT_LINK, LinkKind.SAMPLE: SAMPLE_LINK, None: LINK_EVENT}
        for kind, table in tables.items():
            newest = select(func.coalesce(func.max(table.c.id), 0))
            self._shift[kind] = (await connection.execute(newest)).scalar_one()
        batch: list[tuple[int, LinkLine]] = []
        for number, line in parse_lines(lines):
            if isinstance(line, LineFault):
                raise InvalidLink("the file has changed while it was read: import it again")
            if isinstance(line, LinkLine):
                batch.append((number, line))
            if len(batch) == LINES_PER_WRITE:
                await self._write(connection, batch)
                batch.clear()
                if progress is not None:
                    progress(number)
        await self._write(connection, batch)
        if progress is not None:
            progress(self._check.lines)
        for table in tables.values():
            await dialects.count_on(connection, table)

    async def _write(self, connection: AsyncConnection, batch: list[tuple[int, LinkLine]]) -> None:
        for number, line in batch:
            if number not in self._check.unchanged and line.kind is LinkKind.PROJECT:
                self._add(line, ())
            elif line.id is not None and line.kind is LinkKind.PROJECT:
                self._kept[line.id] = line.id
        await self._find_projects(connection, [line for _, line in batch])
        for number, line in batch:
            if number not in self._check.unchanged and line.kind is LinkKind.SAMPLE:
                self._add(line, (self._above(line), line.project_perm_id))
        for kind, table in ((LinkKind.PROJECT, PROJECT_LINK), (LinkKind.SAMPLE, SAMPLE_LINK)):
            below = () if kind is LinkKind.PROJECT else ("project_link_id", "project_perm_id")
            columns, rows = (*_LINK_COLUMNS, *below), self._rows[kind]
            await insert_rows(connection, table, columns, rows, fixed=self._instances)
            self.made[kind] += len(rows)
            rows.clear()
        self._told.sort()
        await insert_rows(connection, LINK_EVENT, _EVENT_COLUMNS, self._told)
        self.events += len(self._told)
        self._told.clear()

    async def _find_projects(self, connection: AsyncConnection, lines: list[LinkLine]) -> None:
        """Find the live links of the projects that brief lines name and the file does not make."""
        wanted = {
            line.project_perm_id
            for line in lines
            if line.project_perm_id is not None and not line.whole
        }
        lacking = wanted - self._live.keys()
        if lacking:
            self._live |= await self._store.projects(connection, lacking)

    def _above(self, line: LinkLine) -> int:
        source = line.project_link_id
        if source is None:
            return self._live[line.project_perm_id or ""]
        return self._kept.get(source, source + self._shift[LinkKind.PROJECT])

    def _number(self, kind: LinkKind | None, source: int | None) -> int:
        """Choose an id: the file's own, behind all that is there, or the next free one."""
        if source is None:
            source = self._next[kind]
            self._next[kind] += 1
        return source + self._shift[kind]

    def _add(self, line: LinkLine, below: tuple[Any, ...]) -> None:
        number = self._number(line.kind, line.id)
        if line.kind is LinkKind.PROJECT and line.live:
            self._live[line.openbis_perm_id] = number
        whole = (line.revision, line.author, line.created_at, line.updated_at)
        brief = (1, self._author, self._now, self._now)
        ends = (line.openbis_perm_id, line.omero_id, line.state, line.evidence)
        self._rows[line.kind].append((number, *ends, *(whole if line.whole else brief), *below))
        link = (number, None) if line.kind is LinkKind.PROJECT else (None, number)
        for event in line.history or ():
            states = (event.old_state, event.new_state)
            told = (event.revision, event.author, event.at, to_json(event.details))
            at = self._number(None, event.id)
            self._told.append((at, *link, event.change, *states, *told))
        if not line.whole:
            active = line.state is LinkState.ACTIVE
            change = LinkChange.LINKED if active else LinkChange.RESERVED
            told = (1, self._author, self._now, to_json(line.details))
            self._told.append((self._number(None, None), *link, change, None, line.state, *told))
