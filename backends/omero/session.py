"""Sessions with an OMERO server: one communicator for all viewers, one connection for each.

A `Seat` is one viewer's place at the server: a Glacier2 session over a connection of its own, that
was opened by a login or joined by a session's uuid. `Sessions` keeps the seats, joins a session
when it is first used here, gives a sign of life for all of them every few minutes, and leaves those
that nobody uses. Leaving does not end the OMERO session, which may be used elsewhere; `close` does.
Passwords are not kept: when a session is over, its viewer has to log in again.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid as uuids
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import Glacier2
import Ice
import omero
import omero.clients
from omero.rtypes import rstring
from pydantic import SecretStr

from backends.errors import AccessDenied, BackendError, SessionExpired, Source, Unavailable
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.ice_calls import CallFailed, awaited
from backends.omero.ice_communicator import Communicators
from backends.omero.ice_errors import EXPIRED, is_stale, no_session, translate

GROUP: Final = "omero.group"
STOPPING: Final = "This server is stopping."
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
GOODBYE: Final = 2.0  # seconds to wait for the router when a seat is left
REFERENCES_AT_MOST: Final = 64  # other clients that share a session which is to be ended


class Seat:
    """One viewer's place at the server; not to be shared between viewers.

    Args:
        router: Glacier2's router, over this seat's own connection.
        factory: the session as the router returned it.
        owner: what has to be closed with the seat, see `Communicators`.
        options: how the server is spoken to.
    """

    def __init__(self, router: Any, factory: Any, owner: Any, options: IceOptions) -> None:
        self.uuid = SecretStr(factory.ice_getIdentity().name)
        self.slots = asyncio.Semaphore(options.in_flight)
        self.used = time.monotonic()
        self.under_way = 0
        self.is_left = False
        self._router = router
        self._owner = owner
        self._context = {
            **router.ice_getContext(),
            omero.constants.SESSIONUUID: self.uuid.get_secret_value(),
        }
        self._factory = factory
        self._services: dict[str, asyncio.Task[Any]] = {}

    def __repr__(self) -> str:
        return "Seat(…)"

    @property
    def is_cut(self) -> bool:
        """Whether the connection is gone, for whatever reason; it does not come back."""
        connection = self._owner.connection
        try:
            return connection is None or connection.getInfo() is None
        except Ice.LocalException:  # what it died of
            return True

    async def factory(self) -> Any:
        """The session itself, `omero.api.ServiceFactory`."""
        return await self._service("", lambda: self._routed(self._factory))

    async def service(self, name: str, *, group: int | None = None) -> Any:
        """A stateless service such as `IQuery`, in a group context; its own when None.

        Raises:
            CallFailed: the server did not hand it out.
        """
        made = await self._service(name, lambda: self._fetched(name))
        return made if group is None else self.within(made, group)

    def within(self, proxy: Any, group: int) -> Any:
        """The same proxy in a group context: a group, or -1 for all that the user may read."""
        return proxy.ice_context({**self._context, GROUP: str(group)})

    async def routed(self, proxy: Any, interface: Any) -> Any:
        """A proxy that the server returned, made usable over this seat's connection."""
        return interface.uncheckedCast(await self._routed(proxy))

    async def call(self, begin: Any, *arguments: Any) -> Any:
        """One call over this seat's connection, when fewer than its limit are under way.

        Raises:
            CallFailed: whatever Ice or the server raised.
        """
        self.under_way += 1
        try:
            async with self.slots:
                return await awaited(begin, *arguments)
        finally:
            self.under_way -= 1

    async def leave(self) -> None:
        """Give up the connection; the OMERO session lives on."""
        if self.is_left:
            return
        self.is_left = True
        connection = self._owner.connection
        if connection is not None:
            # Bound to this very connection: if it is gone, none is opened to say goodbye.
            router = Glacier2.RouterPrx.uncheckedCast(
                connection.createProxy(self._router.ice_getIdentity())
            )
            with suppress(CallFailed, TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await awaited(router.begin_destroySession)
        await self._owner.release()

    async def _service(self, name: str, make: Any) -> Any:
        """What `make` returns, made once; a failure is not remembered."""
        task = self._services.get(name)
        if task is None:
            task = self._services[name] = asyncio.create_task(make())
        try:
            return await asyncio.shield(task)
        except CallFailed:
            self._services.pop(name, None)
            raise

    async def _fetched(self, name: str) -> Any:
        factory = omero.api.ServiceFactoryPrx.uncheckedCast(await self.factory())
        getter = {
            "IQuery": factory.begin_getQueryService,
            "IUpdate": factory.begin_getUpdateService,
            "IAdmin": factory.begin_getAdminService,
            "IConfig": factory.begin_getConfigService,
            "ISession": factory.begin_getSessionService,
        }[name]
        proxy = await awaited(getter)
        return getattr(omero.api, f"{name}Prx").uncheckedCast(await self._routed(proxy))

    async def _routed(self, proxy: Any) -> Any:
        """Tell the router of a proxy, and address it over this seat's connection.

        Ice does the same for proxies with a router, but remembers each for good.
        """
        await awaited(self._router.begin_addProxies, [proxy])
        return (
            self._router.ice_identity(proxy.ice_getIdentity())
            .ice_facet(proxy.ice_getFacet())
            .ice_context(self._context)
        )


class Sessions:
    """The seats of all viewers at one server.

    Args:
        address: the server.
        options: how it is spoken to.
    """

    def __init__(self, address: OmeroAddress, options: IceOptions) -> None:
        self.options = options
        self._communicators = Communicators(address, options)
        self._seats: dict[str, Seat] = {}
        self._joining: dict[str, asyncio.Task[Seat]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._life: asyncio.Task[None] | None = None
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._seats)

    async def login(self, user: str, password: SecretStr) -> Seat:
        """Open a session.

        Raises:
            AuthenticationFailed: user or password were refused.
            BackendError: the server cannot be reached, or opens none.
        """
        try:
            seat = await self._open(user, password.get_secret_value())
        except CallFailed as failed:
            raise translate(failed.error) from None
        return self._keep(seat)

    async def seat(self, session: SecretStr) -> Seat:
        """The seat of a session, joined now if it has none here.

        Raises:
            SessionExpired: the session is over.
            BackendError: the server cannot be reached.
        """
        key = session.get_secret_value()
        seat = self._seats.get(key)
        if seat is not None and seat.is_cut:
            self.drop(seat)
            seat = None
        if seat is None:
            # Joining is logging in with the uuid as user and password: whose password is his name
            # must not get in that way.
            if _UUID.fullmatch(key) is None:
                raise SessionExpired(Source.OMERO, EXPIRED)
            joining = self._joining.get(key)
            if joining is None:
                joining = self._joining[key] = asyncio.create_task(self._join(key))
                joining.add_done_callback(lambda task: self._joined(key, task))
            try:
                # Whoever is cancelled leaves the others that wait for the same.
                seat = await asyncio.shield(joining)
            except asyncio.CancelledError:
                if joining.cancelled():  # not who waits was cancelled, but what he waits for
                    raise Unavailable(Source.OMERO, STOPPING) from None
                raise
        seat.used = time.monotonic()
        return seat

    def drop(self, seat: Seat) -> None:
        """Forget a seat whose connection or session is not what it was."""
        key = seat.uuid.get_secret_value()
        if self._seats.get(key) is seat:
            del self._seats[key]
        task = asyncio.create_task(seat.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self, session: SecretStr) -> None:
        """End a session for everybody who uses it.

        Raises:
            SessionExpired: it was over already.
            BackendError: the server cannot be reached.
        """
        seat = await self.seat(session)
        try:
            service = await seat.service("ISession")
            ended = omero.model.SessionI()
            ended.uuid = rstring(session.get_secret_value())
            for _ in range(REFERENCES_AT_MOST):
                if await seat.call(service.begin_closeSession, ended) < 0:
                    break
        except CallFailed as failed:
            if not is_stale(failed.error):
                raise translate(failed.error) from None
        finally:
            self._seats.pop(session.get_secret_value(), None)
            await seat.leave()

    async def sudo(
        self,
        session: SecretStr,
        user: str,
        *,
        life: timedelta,
        idle: timedelta,
        group: str | None = None,
    ) -> SecretStr:
        """Open a session for another user, as an administrator or the leader of a group.

        Args:
            session: the session of who may do that.
            user: for whom.
            life: how long the new session lives at most.
            idle: how long it lives without being used.
            group: its group; the user's own default when None.

        Raises:
            AccessDenied: who asks may not, or there is no such user.
            BackendError: the session is over, or the server cannot be reached.
        """
        seat = await self.seat(session)
        principal = omero.sys.Principal(user, group, "User", None)
        try:
            service = await seat.service("ISession")
            opened = await seat.call(
                service.begin_createSessionWithTimeouts,
                principal,
                _milliseconds(life),
                _milliseconds(idle),
            )
        except CallFailed as failed:
            if isinstance(failed.error, (omero.ApiUsageException, Ice.UnknownException)):
                # Which of the two a server says is for it alone to know.
                raise AccessDenied(
                    Source.OMERO, "Nobody may act for this user in OMERO, or there is no such user."
                ) from None
            if is_stale(failed.error):
                self.drop(seat)
            raise translate(failed.error) from None
        return SecretStr(opened.uuid.val)

    async def another(self, session: SecretStr, *, life: timedelta, idle: timedelta) -> SecretStr:
        """Open a second session of the same user, without a password.

        Raises:
            BackendError: the session is over, or the server cannot be reached.
        """
        seat = await self.seat(session)
        try:
            service = await seat.service("ISession")
            opened = await seat.call(
                service.begin_createUserSession, _milliseconds(life), _milliseconds(idle), None
            )
        except CallFailed as failed:
            if is_stale(failed.error):
                self.drop(seat)
            raise translate(failed.error) from None
        return SecretStr(opened.uuid.val)

    async def aclose(self) -> None:
        """Leave all seats and stop; their sessions live on until they were idle for too long."""
        self._is_closed = True
        if self._life is not None:
            self._life.cancel()
            with suppress(asyncio.CancelledError):
                await self._life
        joining = list(self._joining.values())
        for task in joining:
            task.cancel()
        # They give back what they hold; after that nothing may call into Ice any more.
        await asyncio.gather(*joining, return_exceptions=True)
        seats = list(self._seats.values())
        self._seats.clear()
        await asyncio.gather(*self._leaving, *(seat.leave() for seat in seats))
        await self._communicators.aclose()

    # --- Inside -------------------------------------------------------------------------------

    def _joined(self, key: str, joining: asyncio.Task[Seat]) -> None:
        self._joining.pop(key, None)
        if not joining.cancelled():
            joining.exception()  # who waited may have gone; then nobody else takes note of it

    async def _join(self, key: str) -> Seat:
        try:
            seat = await self._open(key, key)
        except CallFailed as failed:
            raise no_session(failed.error) from None
        return self._keep(seat)

    def _keep(self, seat: Seat) -> Seat:
        if len(self._seats) >= self.options.seats:
            unused = [each for each in self._seats.values() if not each.under_way]
            if unused:
                self.drop(min(unused, key=lambda each: each.used))
        self._seats[seat.uuid.get_secret_value()] = seat
        if self._life is None or self._life.done():
            self._life = asyncio.create_task(self._stay_alive())
        return seat

    async def _open(self, user: str, password: str) -> Seat:
        if self._is_closed:
            raise Unavailable(Source.OMERO, STOPPING)
        client = str(uuids.uuid4())
        router, factory, owner = await self._communicators.enter(client, user, password)
        seat = Seat(router, factory, owner, self.options)
        try:
            session = omero.api.ServiceFactoryPrx.uncheckedCast(await seat.factory())
            # So that losing or leaving this connection does not end the session.
            await awaited(session.begin_detachOnDestroy)
            if self._is_closed:
                raise Unavailable(Source.OMERO, STOPPING)  # noqa: TRY301 - leaves the seat below
        except BaseException:
            await asyncio.shield(seat.leave())
            raise
        return seat

    async def _stay_alive(self) -> None:
        """Give a sign of life for each session that is in use; leave the others."""
        while self._seats:
            await asyncio.sleep(self.options.keep_alive)
            forgotten = time.monotonic() - self.options.linger
            for seat in list(self._seats.values()):
                if seat.used < forgotten:
                    self.drop(seat)
            await asyncio.gather(*(self._sign(seat) for seat in list(self._seats.values())))

    async def _sign(self, seat: Seat) -> None:
        try:
            session = omero.api.ServiceFactoryPrx.uncheckedCast(await seat.factory())
            await awaited(session.begin_keepAlive, None)
        except (CallFailed, BackendError):
            self.drop(seat)  # the next call joins anew, or learns that the session is over


def _milliseconds(span: timedelta) -> int:
    return max(1, int(span.total_seconds() * 1000))
