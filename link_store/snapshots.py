"""`SnapshotStore`, the only door to frozen cohorts: freeze, look up, list, page members, delete.

A snapshot is written once, in one transaction, and the database refuses every later change but
the mark of its deletion. A deleted one loses its members, which may be patients, and keeps its
row: whoever holds its digest learns that it was deleted, by whom and when, not that it never was.
Who may see or delete which snapshot is decided in `resolvers/cohorts`, which call this.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson
from sqlalchemy import ColumnElement, delete, func, insert, select, update

from link_store import dialects
from link_store.bulk import insert_rows
from link_store.database import LinkDatabase
from link_store.errors import InvalidSnapshot, SnapshotNotFound
from link_store.models import COHORT_SNAPSHOT, COHORT_SNAPSHOT_MEMBER
from link_store.reading import MAX_ID, possible_id, possible_perm_id
from link_store.snapshot_records import (
    CohortUnit,
    NewMember,
    SnapshotMember,
    SnapshotPage,
    SnapshotRecord,
)

FORMAT = "omnibis-cohort/1"
MAX_NAME = 255
MEMBERS_PER_PAGE = 1000
_TABLE, _MEMBER = COHORT_SNAPSHOT, COHORT_SNAPSHOT_MEMBER
_UNIT = _TABLE.c.keys().index("unit")


class Digest:
    """The SHA-256 over all that a frozen cohort says, taken line by line.

    The first line is a JSON object (format, unit, predicate, link revision, versions of both
    systems, completeness), each further line a JSON array of a member's permId and details, in
    order of permId. All JSON has sorted keys and no spaces, and each line ends with a line feed, so
    that anybody can take it again.
    """

    def __init__(
        self,
        *,
        unit: str,
        predicate: str,
        link_revision: int,
        backend_versions: str,
        completeness: str,
    ) -> None:
        head = {
            "backendVersions": orjson.Fragment(backend_versions),
            "completeness": orjson.Fragment(completeness),
            "format": FORMAT,
            "linkRevision": link_revision,
            "predicate": orjson.Fragment(predicate),
            "unit": unit,
        }
        self._hash = hashlib.sha256(orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE))

    def add(self, members: Iterable[tuple[str, str]]) -> None:
        """Take in members, as pairs of permId and details."""
        for perm_id, details in members:
            line = [perm_id, orjson.Fragment(details)]
            self._hash.update(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def hexadecimal(self) -> str:
        """The digest of what has been taken in, 64 characters."""
        return self._hash.hexdigest()


class SnapshotStore:
    """The frozen cohorts over one openBIS and one OMERO instance."""

    def __init__(
        self,
        database: LinkDatabase,
        openbis_instance: str = "openbis",
        omero_instance: str = "omero",
    ) -> None:
        """Take the database and the two instances' names in its tables."""
        self.database = database
        self._instances = {"openbis_instance": openbis_instance, "omero_instance": omero_instance}
        self._own = [_TABLE.c[column] == name for column, name in self._instances.items()]

    async def freeze(
        self,
        name: str,
        members: Sequence[NewMember],
        *,
        unit: CohortUnit,
        predicate: Mapping[str, Any],
        link_revision: int,
        backend_versions: Mapping[str, Any],
        author: str,
        description: str = "",
        completeness: Mapping[str, Any] | None = None,
    ) -> SnapshotRecord:
        """Write a cohort down for good, its digest included: all of it, or nothing.

        Args:
            name: What people call it; need not be unique.
            members: The members in any order, each once.
            unit: What the members are.
            predicate: The question, as a JSON object.
            link_revision: `LinkStore.revision()` before the question was answered.
            backend_versions: Which versions of the systems answered, as a JSON object.
            author: Who freezes it.
            description: Whatever else shall be known.
            completeness: Who answered and who did not, as a JSON object.

        Raises:
            InvalidSnapshot: when the name or author is blank, a permId cannot be one, a member is
                named twice, or something cannot be written as JSON.
        """
        pairs = _pairs(members)
        texts = {
            "predicate": _json(predicate),
            "backend_versions": _json(backend_versions),
            "completeness": _json(completeness or {}),
        }
        digest = Digest(unit=unit, link_revision=link_revision, **texts)
        digest.add(pairs)
        values = {
            **self._instances,
            **texts,
            "name": _label(name, "a name"),
            "description": _description(description),
            "unit": unit,
            "link_revision": link_revision,
            "member_count": len(pairs),
            "digest": digest.hexadecimal(),
            "author": _label(author, "an author"),
            "created_at": datetime.now(UTC),
        }
        async with self.database.write(aside=True) as connection:
            made = insert(_TABLE).values(**values).returning(_TABLE.c.id)
            number: int = (await connection.execute(made)).scalar_one()
            rows = [(position, *pair) for position, pair in enumerate(pairs, 1)]
            columns = ("position", "perm_id", "details")
            await insert_rows(connection, _MEMBER, columns, rows, fixed={"snapshot_id": number})
            row = (await connection.execute(select(_TABLE).where(_TABLE.c.id == number))).one()
        return _record(row)

    async def snapshots_by_ids(self, ids: Collection[int]) -> dict[int, SnapshotRecord]:
        """Look up snapshots, deleted ones too, in one statement."""
        wanted = [one for one in ids if possible_id(one)]
        if not wanted:
            return {}
        statement = select(_TABLE).where(
            dialects.among(_TABLE.c.id, self.database.dialect), *self._own
        )
        packed = {"ids": dialects.ids_value(wanted, self.database.dialect)}
        async with self.database.read() as connection:
            rows = (await connection.execute(statement, packed)).all()
        return {record.id: record for record in map(_record, rows)}

    async def snapshot(self, number: int) -> SnapshotRecord:
        """Look up one snapshot, a deleted one too.

        Raises:
            SnapshotNotFound: when there never was one.
        """
        found = await self.snapshots_by_ids([number])
        if number not in found:
            raise SnapshotNotFound("there is no such frozen cohort")
        return found[number]

    async def search(
        self,
        *,
        limit: int,
        author: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        deleted: bool = False,
        key: int | None = None,
        backward: bool = False,
        count: bool = False,
    ) -> SnapshotPage:
        """List snapshots in pages, newest first.

        Args:
            limit: The most snapshots to return.
            author: Only those frozen by this one.
            name: Only those of exactly this name.
            digest: Only those with this digest.
            deleted: List deleted ones, too.
            key: Only snapshots strictly beyond the one of this id, in the direction of travel.
            backward: Walk from the oldest; the page itself is still newest first.
            count: Count the snapshots of all pages, too.
        """
        wanted: list[ColumnElement[bool]] = [*self._own]
        exact = {"author": author, "name": name, "digest": digest}
        wanted += [
            _TABLE.c[column] == value for column, value in exact.items() if value is not None
        ]
        if not deleted:
            wanted.append(_TABLE.c.deleted_at.is_(None))
        statement = select(_TABLE).where(*wanted).limit(limit + 1)
        statement = statement.order_by(_TABLE.c.id if backward else _TABLE.c.id.desc())
        if key is not None:
            at = max(min(key, MAX_ID), 0)
            statement = statement.where(_TABLE.c.id > at if backward else _TABLE.c.id < at)
        total: int | None = None
        async with self.database.snapshot() as connection:
            if count:
                counted = select(func.count()).select_from(_TABLE).where(*wanted)
                total = (await connection.execute(counted)).scalar_one()
            found = list(map(_record, (await connection.execute(statement)).all()))
        items = found[:limit][::-1] if backward else found[:limit]
        return SnapshotPage(tuple(items), has_more=len(found) > limit, total=total)

    async def members(
        self, number: int, *, after: int = 0, limit: int = MEMBERS_PER_PAGE
    ) -> tuple[SnapshotMember, ...]:
        """List members beyond a position, in order; none of a deleted or an unknown snapshot."""
        if not possible_id(number):
            return ()
        own = select(_TABLE.c.id).where(_TABLE.c.id == number, *self._own).scalar_subquery()
        statement = (
            select(_MEMBER.c.position, _MEMBER.c.perm_id, _MEMBER.c.details)
            .where(_MEMBER.c.snapshot_id == own, _MEMBER.c.position > min(after, 2**31 - 1))
            .order_by(_MEMBER.c.position)
            .limit(limit)
        )
        async with self.database.read() as connection:
            return tuple(SnapshotMember(*row) for row in await connection.execute(statement))

    async def pages(
        self, number: int, *, size: int = MEMBERS_PER_PAGE
    ) -> AsyncIterator[tuple[SnapshotMember, ...]]:
        """Walk through all members, so many at a time, without holding a connection meanwhile."""
        after = 0
        while page := await self.members(number, after=after, limit=size):
            yield page
            after = page[-1].position

    async def member_ids(self, number: int) -> tuple[str, ...]:
        """List the permIds of all members, sorted."""
        return tuple([member.perm_id async for page in self.pages(number) for member in page])

    async def intact(self, number: int) -> bool:
        """Take the digest again of what is stored; of a deleted snapshot it cannot be taken.

        Raises:
            SnapshotNotFound: when there never was such a snapshot.
        """
        record = await self.snapshot(number)
        digest = Digest(
            unit=record.unit,
            predicate=record.predicate,
            link_revision=record.link_revision,
            backend_versions=record.backend_versions,
            completeness=record.completeness,
        )
        seen = 0
        async for page in self.pages(number):
            digest.add((member.perm_id, member.details) for member in page)
            seen += len(page)
        return seen == record.member_count and digest.hexadecimal() == record.digest

    async def delete(self, number: int, *, author: str) -> SnapshotRecord:
        """Mark a snapshot as deleted and remove its members; one deleted already stays as it is.

        Raises:
            SnapshotNotFound: when there never was such a snapshot.
            InvalidSnapshot: when the author is blank.
        """
        marked = {"deleted_by": _label(author, "an author"), "deleted_at": datetime.now(UTC)}
        if not possible_id(number):
            raise SnapshotNotFound("there is no such frozen cohort")
        live = (_TABLE.c.id == number, _TABLE.c.deleted_at.is_(None), *self._own)
        async with self.database.write(aside=True) as connection:
            done = await connection.execute(update(_TABLE).where(*live).values(**marked))
            if done.rowcount:
                await connection.execute(delete(_MEMBER).where(_MEMBER.c.snapshot_id == number))
        return await self.snapshot(number)


def _record(row: Any) -> SnapshotRecord:
    values = list(row)
    values[_UNIT] = CohortUnit(values[_UNIT])
    return SnapshotRecord(*values)


def _pairs(members: Sequence[NewMember]) -> list[tuple[str, str]]:
    """Members as permId and canonical JSON, in order of permId."""
    for member in members:
        if not possible_perm_id(member.perm_id):
            raise InvalidSnapshot("a member's permId is a short, printable text: see its source")
    ordered = sorted(members, key=lambda member: member.perm_id)
    for one, other in pairwise(ordered):
        if one.perm_id == other.perm_id:
            raise InvalidSnapshot(f"{one.perm_id} is named twice: a member stands in it once")
    return [(member.perm_id, _json(member.details)) for member in ordered]


def _json(value: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        raise InvalidSnapshot("predicate, versions and details are JSON objects") from None


def _label(text: str, what: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > MAX_NAME:
        raise InvalidSnapshot(f"{what} is a printable text of at most {MAX_NAME} characters")
    return text


def _description(text: str) -> str:
    if "\x00" in text:
        raise InvalidSnapshot("a text with a null character cannot be kept: leave it out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidSnapshot("the description is no valid text") from None
    return text
