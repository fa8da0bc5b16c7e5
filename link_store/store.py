"""`LinkStore`, the only door to the links: the look-ups of `reading.py`, and the writes.

Every write is one transaction together with its entry in the history; the database's own rules
decide whether it may be, not the checks made here beforehand, which only word the refusal better.
A call that changes a link names the revision it was decided on. Resolvers and the durable
registration call this; nobody else writes links.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

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
    project_record,
    sample_record,
)
from link_store.records import (
    Evidence,
    LinkChange,
    LinkKind,
    LinkRecord,
    LinkRef,
    LinkState,
    NewSampleLink,
    ProjectLinkRecord,
    SampleLinkRecord,
)
from link_store.refusals import RETIRED, STALE, TAKEN, refusal

_NAMED_IN_MESSAGE = 5


class LinkStore(LinkReader):
    """The links between one openBIS and one OMERO instance."""

    async def link_project(
        self,
        openbis_perm_id: str,
        omero_id: int,
        *,
        author: str,
        evidence: str = Evidence.DECLARED,
        state: LinkState = LinkState.ACTIVE,
        details: Mapping[str, Any] | None = None,
    ) -> ProjectLinkRecord:
        """Link an openBIS project with an OMERO project, or reserve the link.

        Raises:
            LinkConflict: when one of the ends already stands in a live link.
            InvalidLink: when an id cannot be one.
        """
        ends: list[tuple[str, int, dict[str, Any]]] = [(openbis_perm_id, omero_id, {})]
        with self.observed("link_project"):
            rows = await self._create(
                LinkKind.PROJECT,
                ends,
                None,
                author=author,
                evidence=evidence,
                state=state,
                details=details,
            )
        return project_record(rows[0])

    async def link_sample(
        self,
        link: NewSampleLink,
        *,
        author: str,
        evidence: str = Evidence.DECLARED,
        state: LinkState = LinkState.ACTIVE,
        details: Mapping[str, Any] | None = None,
    ) -> SampleLinkRecord:
        """Link an openBIS sample with an OMERO dataset; see `link_samples`."""
        made = await self.link_samples(
            [link], author=author, evidence=evidence, state=state, details=details
        )
        return made[0]

    async def link_samples(
        self,
        links: Sequence[NewSampleLink],
        *,
        author: str,
        evidence: str = Evidence.DECLARED,
        state: LinkState = LinkState.ACTIVE,
        details: Mapping[str, Any] | None = None,
    ) -> tuple[SampleLinkRecord, ...]:
        """Link thousands of samples in one transaction: all of them, or none.

        Args:
            links: The ends, and the openBIS project each sample is in.
            author: Who does it.
            evidence: Why the links are believed to be right.
            state: ACTIVE, or RESERVED while a registration is under way.
            details: Written into the history.

        Raises:
            LinkConflict: when an end already stands in a live link; `taken` says which.
            LinkNotFound: when a project has no live link.
            InvalidLink: when an id cannot be one, or is named twice.
        """
        ends: list[tuple[str, int, dict[str, Any]]] = [
            (link.openbis_perm_id, link.omero_id, {"project_perm_id": link.project_perm_id})
            for link in links
        ]
        projects = {link.project_perm_id for link in links}
        with self.observed("link_samples"):
            rows = await self._create(
                LinkKind.SAMPLE,
                ends,
                projects,
                author=author,
                evidence=evidence,
                state=state,
                details=details,
            )
        return tuple(map(sample_record, rows))

    async def activate(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """Make a reserved link, or one that was found whole again, active; else no change."""
        with self.observed("activate"):
            return await self._step(
                ref,
                expected_revision,
                state=LinkState.ACTIVE,
                change=LinkChange.ACTIVATED,
                author=author,
                details=details,
            )

    async def mark_broken(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """Note that one end of a link is gone; a link already broken stays as it is."""
        with self.observed("mark_broken"):
            return await self._step(
                ref,
                expected_revision,
                state=LinkState.BROKEN,
                change=LinkChange.BROKEN,
                author=author,
                details=details,
            )

    async def retire(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        with_samples: bool = False,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """End a link for good; a link already retired stays as it is.

        Args:
            ref: Which link.
            expected_revision: The revision the decision was made on.
            author: Who does it.
            with_samples: For a project link: end the sample links below it, too.
            details: Written into the history.

        Raises:
            LinkConflict: when sample links live below a project link and may not be ended.
            LinkNotFound: when there is no such link.
            StaleRevision: when the link has another revision.
        """
        with self.observed("retire"), self._worded():
            async with self.database.write() as connection:
                link = await self._expect(connection, ref, expected_revision)
                if link.state is LinkState.RETIRED:
                    return link
                if ref.kind is LinkKind.PROJECT and with_samples:
                    await _retire_samples(connection, ref.id, author, _json(details))
                return await self._change(
                    connection,
                    link,
                    {"state": LinkState.RETIRED},
                    change=LinkChange.RETIRED,
                    author=author,
                    details=_json(details),
                )

    async def move(
        self,
        ref: LinkRef,
        *,
        expected_revision: int,
        author: str,
        openbis_perm_id: str | None = None,
        omero_id: int | None = None,
        project_perm_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> LinkRecord:
        """Give a link another end; a broken link is active again by that.

        Args:
            ref: Which link.
            expected_revision: The revision the decision was made on.
            author: Who does it.
            openbis_perm_id: The new openBIS end, if it changes. A project link that has, or has
                had, sample links keeps its openBIS end.
            omero_id: The new OMERO end, if it changes.
            project_perm_id: For a sample link: the openBIS project that the sample is in now.
            details: Written into the history, beside the old ends.

        Raises:
            LinkConflict: when a new end stands in another live link.
            LinkNotFound: when there is no such link, or the project has no live link.
            StaleRevision: when the link has another revision.
            InvalidLink: when the link is retired, nothing changes, or an id cannot be one.
        """
        values: dict[str, Any] = {}
        if openbis_perm_id is not None:
            values["openbis_perm_id"] = _checked_perm_id(openbis_perm_id)
        if omero_id is not None:
            values["omero_id"] = _checked_id(omero_id)
        if project_perm_id is not None:
            if ref.kind is LinkKind.PROJECT:
                raise InvalidLink("a project link stands below no project: leave it out")
            values["project_perm_id"] = _checked_perm_id(project_perm_id)
        with self.observed("move"), self._worded():
            async with self.database.write() as connection:
                link = await self._expect(connection, ref, expected_revision)
                old = {name: getattr(link, name) for name in values}
                if old == values:
                    raise InvalidLink("the link has these ends already: give another one")
                if project_perm_id is not None:
                    found = await self._projects(connection, {project_perm_id})
                    values["project_link_id"] = found[project_perm_id]
                if link.state is LinkState.BROKEN:
                    values["state"] = LinkState.ACTIVE
                told = _json({**(details or {}), "from": old})
                return await self._change(
                    connection, link, values, change=LinkChange.MOVED, author=author, details=told
                )

    async def _step(
        self,
        ref: LinkRef,
        expected_revision: int,
        *,
        state: LinkState,
        change: LinkChange,
        author: str,
        details: Mapping[str, Any] | None,
    ) -> LinkRecord:
        with self._worded():
            async with self.database.write() as connection:
                link = await self._expect(connection, ref, expected_revision)
                if link.state is state:
                    return link
                return await self._change(
                    connection,
                    link,
                    {"state": state},
                    change=change,
                    author=author,
                    details=_json(details),
                )

    async def _expect(
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

    async def _change(
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
        kind, table, now = link.ref.kind, TABLES[link.ref.kind], datetime.now(UTC)
        revision = link.revision + 1
        await connection.execute(
            update(table)
            .where(table.c.id == link.id)
            .values(**values, revision=revision, author=author, updated_at=now)
        )
        row = (await connection.execute(select(table).where(table.c.id == link.id))).one()
        changed = RECORDS[kind](row)
        event = _event_values(changed, change, link.state, details)
        await connection.execute(insert(LINK_EVENT).values(**event))
        return changed

    async def _create(
        self,
        kind: LinkKind,
        ends: Sequence[tuple[str, int, dict[str, Any]]],
        projects: set[str] | None,
        *,
        author: str,
        evidence: str,
        state: LinkState,
        details: Mapping[str, Any] | None,
    ) -> list[Any]:
        """Insert links with their events; returns the rows in the order of `ends`."""
        if state not in (LinkState.ACTIVE, LinkState.RESERVED):
            raise InvalidLink("a new link is active or reserved")
        perm_ids = [_checked_perm_id(perm_id) for perm_id, _, _ in ends]
        numbers = [_checked_id(number) for _, number, _ in ends]
        if len(set(perm_ids)) < len(ends) or len(set(numbers)) < len(ends):
            raise InvalidLink("each object may be named only once: remove the repeated ones")
        if not ends:
            return []
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
        rows = [
            {**fixed, **more, "openbis_perm_id": perm_id, "omero_id": number}
            for perm_id, number, more in ends
        ]
        change = LinkChange.LINKED if state is LinkState.ACTIVE else LinkChange.RESERVED
        try:
            async with self.database.write() as connection:
                if projects is not None:
                    found = await self._projects(connection, projects)
                    for row in rows:
                        row["project_link_id"] = found[row["project_perm_id"]]
                await connection.execute(insert(TABLES[kind]), rows)
                made = {
                    row.openbis_perm_id: row
                    for row in await connection.execute(
                        self.live_by(kind, "openbis_perm_id"), self.packed(perm_ids)
                    )
                }
                inserted = [made[perm_id] for perm_id in perm_ids]
                told = _json(details)
                events = [_event_values(RECORDS[kind](row), change, None, told) for row in inserted]
                await connection.execute(insert(LINK_EVENT), events)
        except IntegrityError as error:
            refused = refusal(error)
        else:
            return inserted
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

    async def _projects(
        self, connection: AsyncConnection, perm_ids: Collection[str]
    ) -> dict[str, int]:
        """Find the live links that sample links shall stand below."""
        for perm_id in perm_ids:
            _checked_perm_id(perm_id)
        rows = await connection.execute(
            self.live_by(LinkKind.PROJECT, "openbis_perm_id"), self.packed(perm_ids)
        )
        found = {row.openbis_perm_id: row.id for row in rows}
        lacking = sorted(set(perm_ids) - set(found))
        if lacking:
            raise LinkNotFound(f"openBIS project {lacking[0]} has no live link: link it first")
        return found

    @contextmanager
    def _worded(self) -> Iterator[None]:
        """Put the database's refusal of a change into words."""
        try:
            yield
        except IntegrityError as error:
            raise refusal(error) from None


async def _retire_samples(
    connection: AsyncConnection, project_link: int, author: str, details: str
) -> None:
    """End all live sample links below a project link, each with its entry in the history."""
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


def _checked_perm_id(perm_id: str) -> str:
    if not possible_perm_id(perm_id):
        raise InvalidLink("a permId is a short, printable text: give the one openBIS shows")
    return perm_id


def _checked_id(number: int) -> int:
    if not possible_id(number):
        raise InvalidLink("an OMERO id is a positive number: give the one OMERO shows")
    return number


def _json(details: Mapping[str, Any] | None) -> str:
    return orjson.dumps(dict(details or {})).decode()
