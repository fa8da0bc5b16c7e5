"""The reading half of the link store: look-ups in both directions, history, pages, counts.

Each look-up takes any number of ids and is one statement, whatever their number. Look-ups answer
with live links only (every state but RETIRED); an id without a live link is absent from the answer.
`store.py` adds the writes; resolvers use that class.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    TextClause,
    and_,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from link_store import dialects
from link_store.database import LinkDatabase
from link_store.models import LINK_EVENT, LIVE, PROJECT_LINK, SAMPLE_LINK
from link_store.records import (
    LIVE_STATES,
    LinkChange,
    LinkEventRecord,
    LinkKind,
    LinkPage,
    LinkRecord,
    LinkRef,
    LinkState,
    ProjectLinkRecord,
    SampleLinkRecord,
)

MAX_ID = 2**63 - 1
MAX_PERM_ID = 255
_STATE = PROJECT_LINK.c.keys().index("state")  # in both tables
_STATES = {str(state): state for state in LinkState}
Observe = Callable[[str, float], None]
TABLES: dict[LinkKind, Table] = {LinkKind.PROJECT: PROJECT_LINK, LinkKind.SAMPLE: SAMPLE_LINK}
Id = TypeVar("Id", str, int)


def possible_perm_id(perm_id: str) -> bool:
    """Tell whether a text can be a permId at all: printable, not blank, not over-long."""
    return 0 < len(perm_id) <= MAX_PERM_ID and perm_id.isprintable() and not perm_id.isspace()


def possible_id(number: int) -> bool:
    """Tell whether a number can be an OMERO id or a link id at all."""
    return 0 < number <= MAX_ID


def project_record(row: Any) -> ProjectLinkRecord:
    """Read a row of `project_link`, all columns in the table's order."""
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    return ProjectLinkRecord(*values)


def sample_record(row: Any) -> SampleLinkRecord:
    """Read a row of `sample_link`, all columns in the table's order."""
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    return SampleLinkRecord(*values)


RECORDS: dict[LinkKind, Callable[[Any], LinkRecord]] = {
    LinkKind.PROJECT: project_record,
    LinkKind.SAMPLE: sample_record,
}


class LinkReader:
    """Look-ups for one openBIS and one OMERO instance; others in the same database are not seen."""

    def __init__(
        self,
        database: LinkDatabase,
        openbis_instance: str = "openbis",
        omero_instance: str = "omero",
        observe: Observe | None = None,
    ) -> None:
        """Prepare the statements.

        Args:
            database: Where the tables are.
            openbis_instance: The name under which this openBIS stands in the tables.
            omero_instance: The name under which this OMERO stands in the tables.
            observe: Told the name and the seconds of each call, for metrics.
        """
        self.database = database
        self.openbis_instance = openbis_instance
        self.omero_instance = omero_instance
        self._observe = observe
        self._live = {
            kind: {
                column: self.between_instances(table, led_by=instance).where(
                    dialects.among(table.c[column], database.dialect), LIVE
                )
                for instance, column in (
                    ("openbis_instance", "openbis_perm_id"),
                    ("omero_instance", "omero_id"),
                )
            }
            for kind, table in TABLES.items()
        }
        self._by_id = {
            kind: self.between_instances(table).where(dialects.among(table.c.id, database.dialect))
            for kind, table in TABLES.items()
        }
        self._of_projects = (
            self.between_instances(SAMPLE_LINK, led_by="openbis_instance")
            .where(dialects.among(SAMPLE_LINK.c.project_perm_id, database.dialect), LIVE)
            .order_by(SAMPLE_LINK.c.id)
        )

    async def project_links(self, perm_ids: Collection[str]) -> dict[str, ProjectLinkRecord]:
        """Look up the live links of openBIS projects, by permId."""
        rows = await self._look_up("project_links", LinkKind.PROJECT, perm_ids)
        return {row.openbis_perm_id: row for row in map(project_record, rows)}

    async def project_links_of_omero(self, ids: Collection[int]) -> dict[int, ProjectLinkRecord]:
        """Look up the live links of OMERO projects, by id."""
        rows = await self._look_up("project_links_of_omero", LinkKind.PROJECT, ids)
        return {row.omero_id: row for row in map(project_record, rows)}

    async def sample_links(self, perm_ids: Collection[str]) -> dict[str, SampleLinkRecord]:
        """Look up the live links of openBIS samples, by permId."""
        rows = await self._look_up("sample_links", LinkKind.SAMPLE, perm_ids)
        return {row.openbis_perm_id: row for row in map(sample_record, rows)}

    async def sample_links_of_omero(self, ids: Collection[int]) -> dict[int, SampleLinkRecord]:
        """Look up the live links of OMERO datasets, by id."""
        rows = await self._look_up("sample_links_of_omero", LinkKind.SAMPLE, ids)
        return {row.omero_id: row for row in map(sample_record, rows)}

    async def sample_links_of_projects(
        self, project_perm_ids: Collection[str]
    ) -> dict[str, tuple[SampleLinkRecord, ...]]:
        """List all live sample links of openBIS projects, by the project's permId."""
        found: dict[str, list[SampleLinkRecord]] = {}
        ids = [perm_id for perm_id in project_perm_ids if possible_perm_id(perm_id)]
        with self.observed("sample_links_of_projects"):
            for row in await self._fetch(self._of_projects, ids):
                link = sample_record(row)
                found.setdefault(link.project_perm_id, []).append(link)
        return {perm_id: tuple(links) for perm_id, links in found.items()}

    async def links_by_ids(self, refs: Collection[LinkRef]) -> dict[LinkRef, LinkRecord]:
        """Look up links by their own ids, whatever their state; one statement per kind."""
        found: dict[LinkRef, LinkRecord] = {}
        with self.observed("links_by_ids"):
            for kind, ids in _by_kind(refs).items():
                for row in await self._fetch(self._by_id[kind], ids):
                    record = RECORDS[kind](row)
                    found[record.ref] = record
        return found

    async def history(
        self, refs: Collection[LinkRef]
    ) -> dict[LinkRef, tuple[LinkEventRecord, ...]]:
        """List what happened to links, oldest first; one statement per kind."""
        found: dict[LinkRef, list[LinkEventRecord]] = {}
        with self.observed("history"):
            for kind, ids in _by_kind(refs).items():
                column = LINK_EVENT.c[f"{TABLES[kind].name}_id"]
                statement = (
                    select(LINK_EVENT)
                    .where(dialects.among(column, self.database.dialect))
                    .order_by(LINK_EVENT.c.id)
                )
                for row in await self._fetch(statement, ids):
                    entry = event_record(row)
                    found.setdefault(entry.link, []).append(entry)
        return {ref: tuple(entries) for ref, entries in found.items()}

    async def events_after(self, revision: int, limit: int) -> tuple[LinkEventRecord, ...]:
        """List what happened to all links after a revision, oldest first, at most `limit`."""
        statement = (
            select(LINK_EVENT)
            .where(LINK_EVENT.c.id > min(revision, MAX_ID))
            .order_by(LINK_EVENT.c.id)
            .limit(limit)
        )
        with self.observed("events_after"):
            return tuple(event_record(row) for row in await self._fetch(statement))

    async def search(
        self,
        *,
        limit: int,
        kind: LinkKind | None = None,
        states: Collection[LinkState] = LIVE_STATES,
        project_perm_id: str | None = None,
        key: LinkRef | None = None,
        backward: bool = False,
        count: bool = False,
    ) -> LinkPage:
        """List links in pages: project links first, then sample links, each in order of id.

        Args:
            limit: The most links to return.
            kind: Only links of this kind.
            states: Only links in one of these states; the live ones unless told otherwise.
            project_perm_id: Only the links of this openBIS project and of its samples.
            key: Only links strictly beyond this one, in the direction of travel.
            backward: Walk from the end; the page itself is still in order.
            count: Count the links of all pages, too.
        """
        kinds = [one for one in LinkKind if kind in (None, one)]
        wanted = {one: self._matching(one, states, project_perm_id) for one in kinds}
        found: list[LinkRecord] = []
        total: int | None = None
        with self.observed("search"):
            async with self.database.snapshot() as connection:
                if count:
                    total = await _total(connection, wanted)
                for one in reversed(kinds) if backward else kinds:
                    statement = _beyond(TABLES[one], wanted[one], one, key, backward=backward)
                    if statement is None or len(found) > limit:
                        continue
                    rows = await connection.execute(statement.limit(limit + 1 - len(found)))
                    found.extend(map(RECORDS[one], rows.all()))
        items = found[:limit][::-1] if backward else found[:limit]
        keys = tuple(record.ref for record in items)
        return LinkPage(tuple(items), keys, has_more=len(found) > limit, total=total)

    async def counts(
        self, project_perm_id: str | None = None
    ) -> dict[LinkKind, dict[LinkState, int]]:
        """Count the links in each state, of all projects or of one; zeros are told, too."""
        parts = []
        for kind, table in TABLES.items():
            condition = self._matching(kind, tuple(LinkState), project_perm_id)
            parts.append(
                select(literal_column(f"'{kind}'"), table.c.state, func.count())
                .where(condition)
                .group_by(table.c.state)
            )
        counted = {kind: dict.fromkeys(LinkState, 0) for kind in LinkKind}
        with self.observed("counts"):
            for kind, state, number in await self._fetch(union_all(*parts)):
                counted[LinkKind(kind)][LinkState(state)] = number
        return counted

    async def revision(self) -> int:
        """Tell the revision of all links: it grows with every change, and with nothing else."""
        with self.observed("revision"):
            rows = await self._fetch(select(func.coalesce(func.max(LINK_EVENT.c.id), 0)))
        number: int = rows[0][0]
        return number

    @contextmanager
    def observed(self, name: str) -> Iterator[None]:
        """Tell the observer how long a call took, however it ended."""
        started = time.perf_counter()
        try:
            yield
        finally:
            if self._observe is not None:
                self._observe(name, time.perf_counter() - started)

    def live_by(self, kind: LinkKind, column: str) -> Select[Any]:
        """The prepared look-up of live links by one of their ends."""
        return self._live[kind][column]

    def packed(self, ids: Collection[Any]) -> dict[str, Any]:
        """The parameter of a prepared look-up."""
        return {"ids": dialects.ids_value(ids, self.database.dialect)}

    async def _look_up(self, name: str, kind: LinkKind, ids: Collection[Any]) -> list[Any]:
        texts = [one for one in ids if isinstance(one, str) and possible_perm_id(one)]
        numbers = [one for one in ids if isinstance(one, int) and possible_id(one)]
        with self.observed(name):
            if texts:
                return await self._fetch(self.live_by(kind, "openbis_perm_id"), texts)
            return await self._fetch(self.live_by(kind, "omero_id"), numbers)

    async def _fetch(self, statement: Any, ids: Collection[Any] | None = None) -> list[Any]:
        """Run one reading statement; a look-up of no ids is answered without one."""
        if ids is not None and not ids:
            return []
        parameters = {} if ids is None else self.packed(ids)
        async with self.database.read() as connection:
            return list((await connection.execute(statement, parameters)).all())

    def between_instances(self, table: Table, *, led_by: str | None = None) -> Select[Any]:
        """Select the links between the two instances of this store.

        Args:
            table: Which kind.
            led_by: The instance column that leads the index to be used. The others are kept away
                from every index: an instance alone selects nearly all rows, and SQLite would take
                such an index for a good one.
        """
        return select(table).where(*self._instances(table, led_by))

    def _instances(self, table: Table, led_by: str | None) -> list[ColumnElement[bool]]:
        names = {
            "openbis_instance": self.openbis_instance,
            "omero_instance": self.omero_instance,
        }
        return [
            (table.c[column] if column == led_by else self._without_index(table.c[column])) == name
            for column, name in names.items()
        ]

    def _without_index(self, column: ColumnElement[str]) -> ColumnElement[str]:
        return dialects.without_index(column, self.database.dialect)

    def _matching(
        self, kind: LinkKind, states: Iterable[LinkState], project_perm_id: str | None
    ) -> ColumnElement[bool]:
        table = TABLES[kind]
        led_by = None if project_perm_id is None else "openbis_instance"
        conditions: list[ColumnElement[bool] | TextClause] = [*self._instances(table, led_by)]
        chosen = set(states)
        if chosen == set(LIVE_STATES):
            conditions.append(LIVE)
        elif chosen != set(LinkState):
            # one state is an index in order of id; of several, only the rare ones are worth it
            few = len(chosen) == 1 or chosen <= {LinkState.RESERVED, LinkState.BROKEN}
            column = table.c.state if few and led_by is None else self._without_index(table.c.state)
            conditions.append(column.in_(sorted(chosen)))
        if project_perm_id is not None:
            own = "openbis_perm_id" if kind is LinkKind.PROJECT else "project_perm_id"
            conditions.append(table.c[own] == project_perm_id)
        return and_(*conditions)


async def _total(connection: AsyncConnection, wanted: dict[LinkKind, ColumnElement[bool]]) -> int:
    parts = [
        select(func.count().label("n")).select_from(TABLES[kind]).where(condition)
        for kind, condition in wanted.items()
    ]
    counted = union_all(*parts).subquery()
    number: int = (await connection.execute(select(func.sum(counted.c.n)))).scalar_one()
    return int(number)


def _beyond(
    table: Table,
    condition: ColumnElement[bool],
    kind: LinkKind,
    key: LinkRef | None,
    *,
    backward: bool,
) -> Select[Any] | None:
    """Select what lies beyond a key, or `None` where this kind lies wholly before it."""
    statement = select(table).where(condition)
    statement = statement.order_by(table.c.id.desc() if backward else table.c.id)
    if key is None:
        return statement
    kinds = list(LinkKind)
    position, at = kinds.index(kind), kinds.index(key.kind)
    if position == at:
        number = min(key.id, MAX_ID)
        return statement.where(table.c.id < number if backward else table.c.id > number)
    return statement if (position < at) == backward else None


def _by_kind(refs: Collection[LinkRef]) -> dict[LinkKind, list[int]]:
    sorted_out: dict[LinkKind, list[int]] = {}
    for ref in refs:
        if possible_id(ref.id):
            sorted_out.setdefault(ref.kind, []).append(ref.id)
    return sorted_out


def event_record(row: Any) -> LinkEventRecord:
    """Read a row of `link_event`, all columns in the table's order."""
    number, project, sample, change, old, new, revision, author, at, details = row
    ref = (
        LinkRef(LinkKind.SAMPLE, sample) if project is None else LinkRef(LinkKind.PROJECT, project)
    )
    return LinkEventRecord(
        id=number,
        link=ref,
        change=LinkChange(change),
        old_state=None if old is None else LinkState(old),
        new_state=LinkState(new),
        revision=revision,
        author=author,
        at=at,
        details=details,
    )
