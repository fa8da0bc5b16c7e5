"""Which servant answers for which service: the stateless ones shared, the stateful ones made.

`Services` is made by `ice_server.py` for each start of the server; the router's locator asks it
for the servant of a name, the service factory for proxies.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import Ice
import omero.api
import omero.cmd

from backends.demo.omero.ice_accounts import Admin, Sessions
from backends.demo.omero.ice_commands import Handle
from backends.demo.omero.ice_errors import unsupported
from backends.demo.omero.ice_metadata import Container, Metadata, Roi, Types
from backends.demo.omero.ice_query import Finder, Query
from backends.demo.omero.ice_router import Door, Doors
from backends.demo.omero.ice_servant import Call, Dispatcher, servant, service_dispatch
from backends.demo.omero.ice_services import GETTERS, Config, ServiceFactory
from backends.demo.omero.ice_thumbnails import ThumbnailStore
from backends.demo.omero.ice_update import Update

COMMAND_THREADS = 4


class Services:
    """All servants behind the router's doors.

    `insecure` says where the router listens without TLS, `proxy` makes a proxy of an identity.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        doors: Doors,
        insecure: Callable[[], str],
        proxy: Callable[[Any], Any],
    ) -> None:
        self._dispatcher = dispatcher
        self._doors = doors
        self._proxy = proxy
        self._commands = ThreadPoolExecutor(COMMAND_THREADS, thread_name_prefix="omero-command")
        finder = Finder()
        services: dict[str, object] = {
            "IAdmin": Admin(finder),
            "IConfig": Config(insecure),
            "IContainer": Container(finder),
            "IMetadata": Metadata(finder),
            "IQuery": Query(finder),
            "IRoi": Roi(finder),
            "ISession": Sessions(),
            "ITypes": Types(finder),
            "IUpdate": Update(),
        }
        factory = ServiceFactory(self._get, self._create, self._submit)
        self._shared = {"": self._servant(omero.api.ServiceFactory, factory)}
        for name in GETTERS.values():
            # A service that is not offered has a servant too: it refuses by name.
            self._shared[name] = self._servant(getattr(omero.api, name), services.get(name))

    def shared(self, name: str) -> Any:
        """Return the servant of a stateless service; the session itself has an empty name."""
        return self._shared.get(name)

    def close(self) -> None:
        """Wait for the commands that are under way."""
        self._commands.shutdown()

    def _servant(self, interface: Any, service: object) -> Any:
        name = interface.__name__
        return servant(interface, service_dispatch(self._dispatcher, name, service, self._call))

    def _call(self, current: Any) -> Call:
        door = self._doors.of(current.con)
        if door is None:
            raise Ice.ObjectNotExistException
        return Call(door, current)

    def _get(self, call: Call, name: str) -> Any:
        if name not in self._shared:
            raise unsupported(name)
        call.store.session(call.session)
        return self._proxy_of(call.door, name, getattr(omero.api, f"{name}Prx"))

    def _create(self, call: Call, name: str) -> Any:
        call.store.session(call.session)
        if name != "ThumbnailStore":
            raise unsupported(name)
        identity = f"{name}{self._doors.number()}"
        store = ThumbnailStore(lambda: _forget(call.door, identity))
        call.door.stateful[identity] = self._servant(omero.api.ThumbnailStore, store)
        return self._proxy_of(call.door, identity, omero.api.ThumbnailStorePrx)

    def _submit(self, call: Call, request: Any) -> Any:
        call.store.session(call.session)
        identity = f"Handle{self._doors.number()}"
        handle = Handle(request, lambda: _forget(call.door, identity))
        call.door.stateful[identity] = self._servant(omero.cmd.Handle, handle)
        handle.run(call, self._commands, call.group)
        return self._proxy_of(call.door, identity, omero.cmd.HandlePrx)

    def _proxy_of(self, door: Door, name: str, kind: Any) -> Any:
        door.active.add(name)
        return kind.uncheckedCast(self._proxy(door.identity(name)))


def _forget(door: Door, name: str) -> None:
    door.stateful.pop(name, None)
    door.active.discard(name)
