"""`OperationStore`, the only door to the operations: accepted, worked on, watched, ended.

A running operation belongs to one process, its runner, which gives signs of life by moving the end
of its lease; when it stops doing so another one seizes the operation. Whatever the runner writes is
refused once the operation is another's, so that two never both go on. Called by
`resolvers/workflows`; nobody else writes operations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from link_store.database import LinkDatabase
from link_store.errors import ClaimTaken, LostOperation
from link_store.models import OPERATION, OPERATION_CLAIM
from link_store.operation_records import (
    FINAL_STATES,
    NewOperation,
    OperationPage,
    OperationRecord,
    OperationState,
)

_ROW = OPERATION.c
_JSON = frozenset({"input", "steps", "outcome", "error"})
_FIELDS = OperationRecord.__slots__
_OPEN = _ROW.state.notin_(FINAL_STATES)


class OperationStore:
    """The operations between one openBIS and one OMERO instance."""

    def __init__(self, database: LinkDatabase, openbis_instance: str, omero_instance: str) -> None:
        """See `LinkStore`: operations of other instances in the same database are not seen."""
        self._database = database
        self._instances = {
            "openbis_instance": openbis_instance,
            "omero_instance": omero_instance,
        }
        self._ours = and_(
            _ROW.openbis_instance == openbis_instance, _ROW.omero_instance == omero_instance
        )

    # --- reading ------------------------------------------------------------------------------

    async def get(self, operation_id: str) -> OperationRecord | None:
        """One operation, whoever's it is."""
        return await self._one(_ROW.id == operation_id)

    async def by_key(self, owner: str, key: str) -> OperationRecord | None:
        """The operation that its owner asked for with this key."""
        return await self._one(and_(_ROW.owner == owner, _ROW.key == key))

    async def of_owner(
        self,
        owner: str,
        *,
        limit: int,
        states: Collection[OperationState] = (),
        key: tuple[datetime, str] | None = None,
        backward: bool = False,
        count: bool = False,
    ) -> OperationPage:
        """A page of somebody's operations, newest first, beyond the one that `key` names."""
        mine = and_(self._ours, _ROW.owner == owner)
        if states:
            mine = and_(mine, _ROW.state.in_(list(states)))
        wanted = mine
        if key is not None:
            place = tuple_(_ROW.created_at, _ROW.id)
            wanted = and_(mine, place > tuple_(*key) if backward else place < tuple_(*key))
        order = (_ROW.created_at, _ROW.id)
        page = (
            select(OPERATION)
            .where(wanted)
            .order_by(*(order if backward else [column.desc() for column in order]))
            .limit(limit + 1)
        )
        async with self._database.snapshot() as connection:
            rows = (await connection.execute(page)).all()
            total = None
            if count:
                total = await connection.scalar(select(func.count()).where(mine))
        records = [_record(row) for row in rows[:limit]]
        if backward:
            records.reverse()
        return OperationPage(tuple(records), len(rows) > limit, total)

    async def waiting_for(self, owner: str) -> tuple[OperationRecord, ...]:
        """Somebody's operations that wait for a login."""
        waits = and_(self._ours, _ROW.owner == owner, _ROW.state == OperationState.NEEDS_LOGIN)
        return await self._all(waits)

    async def anybody_waits(self) -> bool:
        """Whether any operation waits for a login."""
        waits = and_(self._ours, _ROW.state == OperationState.NEEDS_LOGIN)
        async with self._database.read() as connection:
            return await connection.scalar(select(_ROW.id).where(waits).limit(1)) is not None

    async def abandoned(self, now: datetime) -> tuple[OperationRecord, ...]:
        """Operations that are not at their end and that nobody works on, the oldest first."""
        lapsed = or_(_ROW.lease_until.is_(None), _ROW.lease_until < now)
        return await self._all(and_(self._ours, _OPEN, lapsed))

    # --- accepting ----------------------------------------------------------------------------

    async def accept(
        self, new: NewOperation, runner: str, lease: timedelta
    ) -> tuple[OperationRecord, bool]:
        """Take an operation in, or find the one that the same owner asked for with the same key.

        Returns:
            The operation, and whether it is new.

        Raises:
            ClaimTaken: another live operation works on the same thing.
        """
        now = datetime.now(UTC)
        row = {
            **self._instances,
            "id": new.id,
            "kind": new.kind,
            "owner": new.owner,
            "key": new.key,
            "title": new.title,
            "state": OperationState.QUEUED,
            "input": _json(new.input),
            "steps": "[]",
            "credentials": new.credentials,
            "viewer": new.viewer,
            "cancelled": False,
            "committed": False,
            "runner": runner,
            "lease_until": now + lease,
            "created_at": now,
            "updated_at": now,
        }
        claims = [
            {"claim": self._claim(claim), "operation_id": new.id}
            for claim in dict.fromkeys(new.claims)
        ]
        known = await self.by_key(new.owner, new.key)
        if known is not None:
            return known, False
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(OPERATION), row)
                if claims:
                    await connection.execute(insert(OPERATION_CLAIM), claims)
                made = await self._read(connection, new.id)
        except IntegrityError:
            known = await self.by_key(new.owner, new.key)  # somebody was quicker
            if known is not None:
                return known, False
            raise ClaimTaken(
                "another operation is at work on the same thing: wait until it has ended"
            ) from None
        return made, True

    # --- working ------------------------------------------------------------------------------

    async def take(self, operation_id: str, runner: str, lease: timedelta) -> OperationRecord:
        """Become the runner of an operation, whoever was.

        Raises:
            LostOperation: it has ended, or never was.
        """
        return await self._change(
            operation_id, _OPEN, {"runner": runner, "lease_until": datetime.now(UTC) + lease}
        )

    async def seize(self, abandoned: OperationRecord, runner: str, lease: timedelta) -> bool:
        """Become the runner of an operation that nobody works on; tell whether that succeeded."""
        same = (
            _ROW.lease_until.is_(None)
            if abandoned.lease_until is None
            else _ROW.lease_until == abandoned.lease_until
        )
        values = {"runner": runner, "lease_until": datetime.now(UTC) + lease}
        try:
            await self._change(abandoned.id, and_(_OPEN, same), values)
        except LostOperation:
            return False
        return True

    async def beat(self, runner: str, ids: Collection[str], lease: timedelta) -> None:
        """Give a sign of life for operations that a runner works on."""
        until = datetime.now(UTC) + lease
        mine = and_(_ROW.id.in_(list(ids)), _OPEN, _ROW.runner == runner)
        await self._execute(mine, lease_until=until)

    async def release(self, runner: str) -> None:
        """Leave all operations of a runner to others, at once."""
        await self._execute(and_(self._ours, _OPEN, _ROW.runner == runner), lease_until=None)

    async def advance(
        self, operation_id: str, runner: str, values: Mapping[str, Any]
    ) -> OperationRecord:
        """Write down how far an operation is.

        Raises:
            LostOperation: it is another runner's by now, or has ended.
        """
        return await self._change(operation_id, and_(_OPEN, _ROW.runner == runner), values)

    async def commit(self, operation_id: str, runner: str) -> bool:
        """Pass the point of no return, unless the end has been asked for; tell which it was.

        Raises:
            LostOperation: it is another runner's by now, or has ended.
        """
        mine = and_(_OPEN, _ROW.runner == runner)
        free = or_(_ROW.committed, _ROW.cancelled.is_(False))
        try:
            await self._change(operation_id, and_(mine, free), {"committed": True})
        except LostOperation:
            await self._change(operation_id, mine, {})  # whether it is still ours
            return False
        return True

    async def finish(
        self, operation_id: str, runner: str, state: OperationState, values: Mapping[str, Any]
    ) -> OperationRecord:
        """End an operation: its credentials are wiped and its claims are free.

        Raises:
            LostOperation: it is another runner's by now, or has ended.
        """
        now = datetime.now(UTC)
        ended = {
            "state": state,
            "credentials": None,
            "lease_until": None,
            "runner": None,
            "message": None,
            "done": None,
            "total": None,
            "finished_at": now,
        }
        return await self._change(
            operation_id, and_(_OPEN, _ROW.runner == runner), {**ended, **values}, free=True
        )

    # --- its owner's doing --------------------------------------------------------------------

    async def cancel(self, operation_id: str) -> OperationRecord | None:
        """Ask for an operation's end; None when it is too late for that."""
        free = and_(_OPEN, _ROW.committed.is_(False))
        try:
            return await self._change(operation_id, free, {"cancelled": True})
        except LostOperation:
            return None

    async def renew(self, operation_id: str, credentials: str, viewer: str) -> None:
        """Give an operation that has not ended other sessions."""
        await self._execute(
            and_(_ROW.id == operation_id, _OPEN), credentials=credentials, viewer=viewer
        )

    # --- inside -------------------------------------------------------------------------------

    def _claim(self, claim: str) -> str:
        return f"{self._instances['openbis_instance']} {claim}"

    async def _change(
        self,
        operation_id: str,
        condition: ColumnElement[bool],
        values: Mapping[str, Any],
        *,
        free: bool = False,
    ) -> OperationRecord:
        row = {name: _json(value) if name in _JSON else value for name, value in values.items()}
        change = (
            update(OPERATION)
            .where(self._ours, _ROW.id == operation_id, condition)
            .values(**row, updated_at=datetime.now(UTC))
        )
        async with self._database.write() as connection:
            if (await connection.execute(change)).rowcount != 1:
                raise LostOperation("the operation has ended, or another process works on it")
            if free:
                claims = OPERATION_CLAIM.c.operation_id == operation_id
                await connection.execute(delete(OPERATION_CLAIM).where(claims))
            return await self._read(connection, operation_id)

    async def _execute(self, condition: ColumnElement[bool], **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(OPERATION).where(condition).values(**values))

    async def _one(self, condition: ColumnElement[bool]) -> OperationRecord | None:
        found = await self._all(and_(self._ours, condition))
        return found[0] if found else None

    async def _all(self, condition: ColumnElement[bool]) -> tuple[OperationRecord, ...]:
        statement = select(OPERATION).where(condition).order_by(_ROW.created_at, _ROW.id)
        async with self._database.read() as connection:
            return tuple(map(_record, (await connection.execute(statement)).all()))

    async def _read(self, connection: AsyncConnection, operation_id: str) -> OperationRecord:
        statement = select(OPERATION).where(_ROW.id == operation_id)
        return _record((await connection.execute(statement)).one())


def _record(row: Any) -> OperationRecord:
    values = {name: getattr(row, name) for name in _FIELDS}
    for name in _JSON:
        values[name] = None if values[name] is None else orjson.loads(values[name])
    values["state"], values["steps"] = OperationState(values["state"]), tuple(values["steps"])
    return OperationRecord(**values)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
