"""The parts that the link store's writes are made of; `store.py` puts them together.

Each runs inside a transaction that its caller has opened with the writers' lock, except `create`,
which opens its own so that it can look up what stood in its way. The checks made here only word a
refusal better: what holds, holds in the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Table, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from link_store.bulk import insert_rows
from link_store.errors import (
    InvalidLink,
    LinkConflict,
    LinkEnd,
    LinkNotFound,
    StaleRevision,
)
from link_store.models import LINK_EVENT, LIVE, SAMPLE_LINK
from link_store.reading import (
    RECORDS,
    TABLES,
    LinkReader,
    possible_id,
    possible_perm_id,
)
from link_store.records import LinkChange, LinkKind, LinkRecord, LinkRef, LinkState
from link_store.refusals import RETIRED, STALE, TAKEN, refusal

_NAMED_IN_MESSAGE = 5


class LinkWriter(LinkReader):
    """A reader that can also make and change links, one careful step at a time."""

    async def expect(
        self, connection: AsyncConnection, ref: LinkRef, expected_revision: int
    ) -> LinkRecord:
        """Read the link that is about to change, and see that it is the one the caller knows."""
        row = None
        if possible_id(ref.id):
            table = TABLES[ref.kind]
            statement = self.between_instances(table).where(table.c.id == ref.id)
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise LinkNotFound("there is no such link")
        link = RECORDS[ref.kind](row)
        if link.revision != expected_revision:
            raise StaleRevision(STALE, link.revision)
        return link

    async def change(
        self,
        connection: AsyncConnection,
        link: LinkRecord,
        values: Mapping[str, Any],
        *,
        change: LinkChange,
        author: str,
        details: str,
    ) -> LinkRecord:
        """Write the new values, one revision up, and the entry in the history."""
        if link.state is LinkState.RETIRED:
            raise InvalidLink(RETIRED)
        checked_text(author)
        kind, table, now = link.ref.kind, TABLES[link.ref.kind], datetime.now(UTC)
        revision = link.revision + 1
        row = (
            await connection.execute(
                update(table)
                .where(table.c.id == link.id)
                .values(**values, revision=revision, author=author, updated_at=now)
                .returning(*table.c)
            )
        ).one()
        changed = RECORDS[kind](row)
        event = _event_values(changed, change, link.state, details)
        await connection.execute(insert(LINK_EVENT).values(**event))
        return changed

    async def create(
        self,
        kind: LinkKind,
        ends: Sequence[tuple[str, int]],
        above: Sequence[str] | None = None,
        *,
        author: str,
        evidence: str,
        state: LinkState,
        details: Mapping[str, Any] | None,
    ) -> list[LinkRecord]:
        """Insert links with their events, for samples below the projects `above`, in one order."""
        if state not in (LinkState.ACTIVE, LinkState.RESERVED):
            raise InvalidLink("a new link is active or reserved")
        perm_ids = [checked_perm_id(perm_id) for perm_id, _ in ends]
        numbers = [checked_id(number) for _, number in ends]
        if len(set(perm_ids)) < len(ends) or len(set(numbers)) < len(ends):
            raise InvalidLink("each object may be named only once: remove the repeated ones")
        if not ends:
            return []
        checked_text(author)
        checked_text(evidence)
        now = datetime.now(UTC)
        fixed = {
            "openbis_instance": self.openbis_instance,
            "omero_instance": self.omero_instance,
            "state": state,
            "evidence": evidence,
            "revision": 1,
            "author": author,
            "created_at": now,
            "updated_at": now,
        }
        told = to_json(details)
        try:
            async with self.database.write() as connection:
                columns, rows = ["openbis_perm_id", "omero_id"], list(ends)
                more: list[tuple[Any, ...]] = [()] * len(ends)
                if above is not None:
                    found = await self.projects(connection, set(above))
                    more = [(found[project], project) for project in above]
                    columns += ["project_link_id", "project_perm_id"]
                    rows = [one + two for one, two in zip(ends, more, strict=True)]
                ids = await _insert(connection, TABLES[kind], columns, rows, fixed, told)
        except IntegrityError as error:
            refused = refusal(error)
        else:
            record, openbis, omero = RECORDS[kind], self.openbis_instance, self.omero_instance
            same = (state, evidence, 1, author, now, now)
            return [
                record((number, openbis, perm_id, omero, omero_id, *same, *rest))
                for number, (perm_id, omero_id), rest in zip(ids, ends, more, strict=True)
            ]
        if isinstance(refused, LinkConflict) and refused.end in TAKEN:
            refused = await self._naming(refused, kind, perm_ids, numbers)
        raise refused

    async def _naming(
        self, conflict: LinkConflict, kind: LinkKind, perm_ids: list[str], numbers: list[int]
    ) -> LinkConflict:
        """Add the ids that stand in the way, as far as they still do."""
        at_openbis = conflict.end is LinkEnd.OPENBIS
        column = "openbis_perm_id" if at_openbis else "omero_id"
        ids: list[Any] = [*(perm_ids if at_openbis else numbers)]
        async with self.database.read() as connection:
            rows = (await connection.execute(self.live_by(kind, column), self.packed(ids))).all()
        taken = tuple(sorted(getattr(row, column) for row in rows))
        named = ", ".join(str(one) for one in taken[:_NAMED_IN_MESSAGE])
        more = len(taken) - _NAMED_IN_MESSAGE
        named += f" and {more} more" if more > 0 else ""
        return LinkConflict(f"{conflict.message} ({named})", conflict.end, taken)

    async def projects(
        self, connection: AsyncConnection, perm_ids: Collection[str]
    ) -> dict[str, int]:
        """Find the live links that sample links shall stand below."""
        for perm_id in perm_ids:
            checked_perm_id(perm_id)
        rows = await connection.execute(
            self.live_by(LinkKind.PROJECT, "openbis_perm_id"), self.packed(perm_ids)
        )
        found = {row.openbis_perm_id: row.id for row in rows}
        lacking = sorted(set(perm_ids) - set(found))
        if lacking:
            raise LinkNotFound(f"openBIS project {lacking[0]} has no live link: link it first")
        return found

    @contextmanager
    def worded(self) -> Iterator[None]:
        """Put the database's refusal of a change into words."""
        try:
            yield
        except IntegrityError as error:
            raise refusal(error) from None


async def _insert(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    fixed: Mapping[str, Any],
    details: str,
) -> Sequence[int]:
    """Insert links and the first entry in the history of each; returns their ids, in order."""
    newest = select(func.coalesce(func.max(table.c.id), 0))
    before = (await connection.execute(newest)).scalar_one()
    await insert_rows(connection, table, columns, rows, fixed=fixed)
    mine = (table.c.id > before, table.c.created_at == fixed["created_at"])
    change = LinkChange.LINKED if fixed["state"] == LinkState.ACTIVE else LinkChange.RESERVED
    told = {
        f"{table.name}_id": table.c.id,
        "change": literal(str(change)),
        "new_state": table.c.state,
        "revision": table.c.revision,
        "author": table.c.author,
        "at": table.c.created_at,
        "details": literal(details),
    }
    events = select(*told.values()).where(*mine).order_by(table.c.id)
    await connection.execute(
        insert(LINK_EVENT).from_select(list(told), events, include_defaults=False)
    )
    return (await connection.scalars(select(table.c.id).where(*mine).order_by(table.c.id))).all()


async def retire_samples(
    connection: AsyncConnection, project_link: int, author: str, details: str
) -> None:
    """End all live sample links below a project link, each with its entry in the history."""
    checked_text(author)
    table, now = SAMPLE_LINK, datetime.now(UTC)
    below = (table.c.project_link_id == project_link, LIVE)
    told = {
        "sample_link_id": table.c.id,
        "change": literal(str(LinkChange.RETIRED)),
        "old_state": table.c.state,
        "new_state": literal(str(LinkState.RETIRED)),
        "revision": table.c.revision + 1,
        "author": literal(author),
        "at": literal(now, LINK_EVENT.c.at.type),
        "details": literal(details),
    }
    events = select(*told.values()).where(*below).order_by(table.c.id)
    await connection.execute(insert(LINK_EVENT).from_select(list(told), events))
    await connection.execute(
        update(table)
        .where(*below)
        .values(
            state=LinkState.RETIRED, revision=table.c.revision + 1, author=author, updated_at=now
        )
    )


def _event_values(
    link: LinkRecord, change: LinkChange, old_state: LinkState | None, details: str
) -> dict[str, Any]:
    return {
        "project_link_id": link.id if link.ref.kind is LinkKind.PROJECT else None,
        "sample_link_id": link.id if link.ref.kind is LinkKind.SAMPLE else None,
        "change": change,
        "old_state": old_state,
        "new_state": link.state,
        "revision": link.revision,
        "author": link.author,
        "at": link.updated_at,
        "details": details,
    }


def checked_perm_id(perm_id: str) -> str:
    """Refuse what cannot be a permId."""
    if not possible_perm_id(perm_id):
        raise InvalidLink("a permId is a short, printable text: give the one openBIS shows")
    return perm_id


def checked_id(number: int) -> int:
    """Refuse what cannot be an OMERO id."""
    if not possible_id(number):
        raise InvalidLink("an OMERO id is a positive number: give the one OMERO shows")
    return number


def checked_text(text: str) -> str:
    """Refuse an author or evidence that is blank or holds what no database takes."""
    if not text.isprintable() or not text.strip():
        raise InvalidLink("author and evidence are printable texts: give both")
    return text


def to_json(details: Mapping[str, Any] | None) -> str:
    """Write the details of an event."""
    return orjson.dumps(dict(details or {})).decode()
