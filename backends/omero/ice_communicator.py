"""Ways through Glacier2: in one communicator for all viewers, or in one `omero.client` for each.

The first is what is used: a communicator's threads serve any number of viewers, and connections are
told apart by their ids. The second needs four threads a viewer and is there for servers that do
not get on with the first. Both hand out a router, the session behind it, and what to release.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Protocol

import Glacier2
import Glacier2_Router_ice  # noqa: F401 - if omero is imported first, Glacier2 lacks it
import Ice
import omero
import omero.clients
import omero.ObjectFactoryRegistrar
import omero.rtypes

from backends.omero.ice_address import IceOptions, OmeroAddress, ice_properties
from backends.omero.ice_calls import CallFailed, awaited

AGENT = "omnibis"


class Owner(Protocol):
    """What a seat holds."""

    @property
    def connection(self) -> Any:
        """The connection; None where there is none any more."""
        ...

    async def release(self) -> None:
        """Give it back; the seat is not used any more."""
        ...


class Communicators:
    """Opens Glacier2 sessions at one server.

    Args:
        address: the server.
        options: how it is spoken to.
    """

    def __init__(self, address: OmeroAddress, options: IceOptions) -> None:
        self._address = address
        self._options = options
        self._properties = ice_properties(address, options)
        self._shared: Any = None

    async def enter(self, client: str, user: str, password: str) -> tuple[Any, Any, Owner]:
        """Open a Glacier2 session, with a password or, as both user and password, a uuid.

        Args:
            client: the name of the new connection.
            user: the user.
            password: his password.

        Returns:
            The router, over a connection of its own; the session; what has to be released.

        Raises:
            CallFailed: whatever Ice or the server raised.
        """
        if self._options.separate:
            return await self._enter_alone(user, password)
        try:
            communicator = self._communicator()
            router = self._router(communicator, client)
        except Ice.Exception as error:
            raise CallFailed(error, sent=False) from error
        try:
            factory = await awaited(router.begin_createSession, user, password)
        except BaseException:
            await _Connection(router.ice_getCachedConnection(), communicator).release()
            raise
        # Proxies that are bound to it: others would open a new one when it is gone, for calls that
        # waited, and nobody would close that.
        connection = router.ice_getCachedConnection()
        if connection is None:
            raise CallFailed(Ice.ConnectionLostException(), sent=True)
        bound = connection.createProxy(router.ice_getIdentity())
        return self._furnished(bound, client), factory, _Connection(connection, communicator)

    async def aclose(self) -> None:
        """Stop the threads."""
        communicator, self._shared = self._shared, None
        if communicator is not None:
            await asyncio.to_thread(communicator.destroy)

    def _communicator(self) -> Any:
        if self._shared is None:
            data = Ice.InitializationData()
            data.properties = Ice.createProperties()
            for name, value in self._properties.items():
                data.properties.setProperty(name, value)
            self._shared = Ice.initialize(data)
            omero.ObjectFactoryRegistrar.registerObjectFactory(self._shared, None)
            for factory in omero.rtypes.ObjectFactories.values():
                factory.register(self._shared)
        return self._shared

    def _router(self, communicator: Any, client: str) -> Any:
        """The router over a connection of its own: connections are told apart by their ids."""
        proxy = communicator.stringToProxy(self._address.router).ice_connectionId(client)
        return self._furnished(proxy, client)

    def _furnished(self, router: Any, client: str) -> Any:
        return Glacier2.RouterPrx.uncheckedCast(
            router.ice_invocationTimeout(int(self._options.invocation_timeout * 1000)).ice_context(
                {omero.constants.CLIENTUUID: client, omero.constants.AGENT: AGENT}
            )
        )

    async def _enter_alone(self, user: str, password: str) -> tuple[Any, Any, Owner]:
        alone = _Client(await asyncio.to_thread(self._make_client))
        try:
            factory = await asyncio.to_thread(alone.enter, user, password)
        except Exception as error:
            await alone.release()
            raise CallFailed(error, sent=True) from error
        except BaseException:
            await asyncio.shield(alone.release())
            raise
        return self._furnished(alone.router, alone.name), factory, alone

    def _make_client(self) -> Any:
        root = logging.getLogger()
        handlers = list(root.handlers)
        properties = {**self._properties, "Ice.Default.Router": self._address.router}
        try:
            return omero.client(properties)
        finally:
            root.handlers[:] = handlers  # the client would take the log over


class _Connection:
    """The one connection of a seat within the shared communicator."""

    def __init__(self, connection: Any, communicator: Any) -> None:
        self.connection = connection
        # IcePy crashes when a proxy is used whose communicator Python has already forgotten.
        self._communicator = communicator

    async def release(self) -> None:
        """Close it; what is still under way on it fails."""
        if self.connection is not None:
            self.connection.close(True)


class _Client:
    """A viewer's own `omero.client`, with its communicator and its threads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        communicator = client.getCommunicator()
        self.router = communicator.getDefaultRouter()
        self.name = communicator.getImplicitContext().get(omero.constants.CLIENTUUID)

    @property
    def connection(self) -> Any:
        """The connection that the router was spoken to over last."""
        return self.router.ice_getCachedConnection()

    def enter(self, user: str, password: str) -> Any:
        """Log in; blocks."""
        return self._client.createSession(user, password)

    async def release(self) -> None:
        """Stop it."""
        with suppress(Ice.Exception):  # it stops all the same
            await asyncio.to_thread(self._client.closeSession)
