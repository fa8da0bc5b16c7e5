"""The OMERO adapter's transport over Ice: an `OmeroTransport` to a real server.

Every call goes over its viewer's own seat (`session.py`) and is awaited on the event loop.
Projections are written and read by `raw.py`, in steps, so that a large answer keeps nobody else
waiting. A read that finds its connection or its place at the router gone joins the session anew and
is repeated once; a write never is: its seat is tried first, and if it is lost all the same, the
error says that nobody knows. What is written is carried out by `ice_write.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

import Ice
import omero
from pydantic import SecretStr

from backends.errors import InvalidRequest, Source
from backends.omero import raw, typed
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.ice_calls import CallFailed
from backends.omero.ice_errors import is_stale, translate, user_exception
from backends.omero.ice_write import delete, save
from backends.omero.session import Seat, Sessions
from backends.omero.table import Table
from backends.omero.transport import HqlValue, OmeroIdentity, RInt
from backends.omero.write import Change, Deletion, Saved, verify
from backends.precedence import Turn, at_once
from backends.readings import Readings

T = TypeVar("T")

PROJECTION: Final = "projection"
ALL_GROUPS: Final = -1
UNREADABLE_AT_MOST: Final = 5  # answers in a row, until the raw way is not tried any more


class IceTransport:
    """An `OmeroTransport` over Ice; nothing is opened before the first call.

    Args:
        address: the server.
        options: how it is spoken to.
        readings: what replies were read to; without, all are read anew.
    """

    def __init__(
        self,
        address: OmeroAddress,
        options: IceOptions | None = None,
        readings: Readings | None = None,
    ) -> None:
        self.sessions = Sessions(address, options or IceOptions())
        self.typed_replies = 0  # how many replies `raw.py` could not read
        self._unreadable = 0  # of them, those since one that it could
        self._reading = asyncio.Lock()
        self._readings = readings or Readings()

    # --- Sessions ------------------------------------------------------------------------------

    @property
    def sessions_held(self) -> int:
        """How many viewers have a seat here."""
        return len(self.sessions)

    async def login(self, user: str, password: SecretStr) -> SecretStr:
        """Open a session and return its uuid."""
        return (await self.sessions.login(user, password)).uuid

    async def identity(self, session: SecretStr) -> OmeroIdentity:
        """Return whom the session belongs to."""

        async def ask(seat: Seat) -> OmeroIdentity:
            admin = await seat.service("IAdmin")
            context = await seat.call(admin.begin_getEventContext)
            return OmeroIdentity(
                user_id=context.userId,
                user_name=context.userName,
                is_admin=context.isAdmin,
                group_id=context.groupId,
                group_ids=tuple(context.memberOfGroups),
            )

        return await self._read(session, ask)

    async def close(self, session: SecretStr) -> None:
        """End the session."""
        await self.sessions.close(session)

    async def sudo(
        self,
        session: SecretStr,
        user: str,
        *,
        life: timedelta,
        idle: timedelta,
        group: str | None = None,
    ) -> SecretStr:
        """Open a session for another user; see `Sessions.sudo`."""
        return await self.sessions.sudo(session, user, life=life, idle=idle, group=group)

    async def open_another(
        self, session: SecretStr, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a second session of the same user; nothing is left to repeat when it fails."""
        life, idle = timedelta(seconds=life_seconds), timedelta(seconds=idle_seconds)
        return await self.sessions.another(session, life=life, idle=idle)

    async def open_for(
        self, session: SecretStr, user: str, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a session of another user, in that user's own default group."""
        life, idle = timedelta(seconds=life_seconds), timedelta(seconds=idle_seconds)
        return await self.sudo(session, user, life=life, idle=idle)

    async def version(self, session: SecretStr) -> str:
        """Return the server's version."""

        async def ask(seat: Seat) -> str:
            config = await seat.service("IConfig")
            return str(await seat.call(config.begin_getVersion))

        return await self._read(session, ask)

    # --- Reading -------------------------------------------------------------------------------

    async def projection(
        self,
        session: SecretStr,
        hql: str,
        params: Mapping[str, HqlValue],
        *,
        group: int = ALL_GROUPS,
        offset: int | None = None,
        limit: int | None = None,
        turn: Turn = at_once,
    ) -> list[list[Any]]:
        """Run one HQL projection."""
        try:
            request = raw.request(hql, params, offset, limit)
        except (ValueError, TypeError):
            raise InvalidRequest(
                Source.OMERO, "A value of the question is out of OMERO's range."
            ) from None

        async def ask(seat: Seat) -> list[list[Any]]:
            query = await seat.service("IQuery", group=group)
            if self._unreadable < UNREADABLE_AT_MOST:
                try:
                    return await self._ask_raw(seat, query, request, turn)
                except raw.Unreadable:
                    self._unreadable += 1
                    self.typed_replies += 1
            # What is not understood is asked for again, through the generated classes.
            rows = await seat.call(
                query.begin_projection, hql, typed.parameters(params, offset, limit)
            )
            return typed.plain_rows(rows)

        return await self._read(session, ask)

    async def thumbnails(
        self,
        session: SecretStr,
        pixels_ids: Sequence[int],
        longest_side: int,
        *,
        group: int = ALL_GROUPS,
    ) -> dict[int, bytes | None]:
        """Return JPEG files by Pixels id."""
        if not pixels_ids:
            return {}

        async def ask(seat: Seat) -> dict[int, bytes | None]:
            factory = omero.api.ServiceFactoryPrx.uncheckedCast(await seat.factory())
            # A store keeps its pixels between calls, so each set has one of its own.
            made = await seat.call(seat.within(factory, group).begin_createThumbnailStore)
            store = seat.within(await seat.routed(made, omero.api.ThumbnailStorePrx), group)
            try:
                pictures = await seat.call(
                    store.begin_getThumbnailByLongestSideSet,
                    typed.wrap(RInt(longest_side)),
                    list(pixels_ids),
                )
            finally:
                await asyncio.shield(_closed(seat, store))
            return {pixels: bytes(jpeg) if jpeg else None for pixels, jpeg in pictures.items()}

        return await self._read(session, ask)

    # --- Writing -------------------------------------------------------------------------------

    async def save(
        self, session: SecretStr, changes: Sequence[Change], *, group: int
    ) -> tuple[Saved, ...]:
        """Carry out all changes or none."""
        verify(changes)
        if not changes:
            return ()
        return await self._write(session, lambda seat: save(seat, changes, group))

    async def delete(
        self, session: SecretStr, deletion: Deletion, *, group: int
    ) -> dict[str, tuple[int, ...]]:
        """Delete in one transaction."""
        if not any(deletion.targets.values()):
            return {}
        return await self._write(session, lambda seat: delete(seat, deletion, group))

    async def aclose(self) -> None:
        """Leave all sessions, close connections and stop threads."""
        await self.sessions.aclose()

    # --- Inside --------------------------------------------------------------------------------

    async def _read(self, session: SecretStr, ask: Callable[[Seat], Awaitable[T]]) -> T:
        """Ask over the session's seat; over a new one if the seat turns out to be gone."""
        seat = await self.sessions.seat(session)
        try:
            return await ask(seat)
        except CallFailed as failed:
            if not self._lost(seat, failed):
                raise translate(failed.error) from None
        seat = await self.sessions.seat(session)
        try:
            return await ask(seat)
        except CallFailed as failed:
            self._lost(seat, failed)
            raise translate(failed.error) from None

    async def _write(self, session: SecretStr, change: Callable[[Seat], Awaitable[T]]) -> T:
        """Try the seat with a read that may be repeated, then write once."""

        async def tried(seat: Seat) -> Seat:
            factory = omero.api.ServiceFactoryPrx.uncheckedCast(await seat.factory())
            await seat.call(factory.begin_keepAlive, None)
            return seat

        seat = await self._read(session, tried)
        try:
            return await change(seat)
        except CallFailed as failed:
            self._lost(seat, failed)
            # `ice_write.py` has translated what its writing call raised: this was a reading one.
            raise translate(failed.error) from None

    def _lost(self, seat: Seat, failed: CallFailed) -> bool:
        """Forget the seat if it is gone; say whether that is so."""
        if is_stale(failed.error):
            self.sessions.drop(seat)
            return True
        return False

    async def _ask_raw(self, seat: Seat, query: Any, request: bytes, turn: Turn) -> list[list[Any]]:
        """Ask in bytes, and read the answer when it is its turn.

        Raises:
            CallFailed: the call failed, or the server raised something.
            Unreadable: the answer is for the generated classes.
        """
        is_result, reply = await seat.call(
            query.begin_ice_invoke, PROJECTION, Ice.OperationMode.Idempotent, request
        )
        if not is_result:
            raised = user_exception(raw.exception_type(bytes(reply)))
            if raised is None:
                raise raw.Unreadable("an exception of no known type")
            raise CallFailed(raised, sent=True)
        data = bytes(reply)
        rows: Table | None = self._readings.find(data)
        if rows is None:
            await turn(len(data))
            rows = await self._rows(data)
            self._readings.keep(data, rows)
        self._unreadable = 0
        return rows

    async def _rows(self, reply: bytes) -> Table:
        """Read a reply, a step at a time; one reply after the other, so that steps stay short."""
        rows = Table()
        async with self._reading:
            for _ in raw.read(reply, rows):
                await asyncio.sleep(0)
        return rows


async def _closed(seat: Seat, store: Any) -> None:
    try:
        await seat.call(store.begin_close)
    except CallFailed:
        return  # the server drops it with the session
