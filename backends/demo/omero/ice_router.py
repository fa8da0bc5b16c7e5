"""The Glacier2 router of the embedded OMERO: who is connected, and to what a call is addressed.

A `Door` is one router session: one connection, one OMERO session. `Router` opens and closes doors,
`Locator` finds for each call the servant behind its door, so that a call over a connection without
a session, or after a restart, meets ObjectNotExist as with the real router.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import Glacier2
import Ice

from backends.demo.omero.errors import (
    StoreAuthenticationError,
    StoreError,
    StoreSessionError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from backends.demo.omero.store import OmeroStore

CLIENT = "omero.client.uuid"
LOGIN_GROUP = "omero.group"
CATEGORY = "session-"
UUID_LENGTH = 36
SESSION_TIMEOUT = 600  # seconds, told to clients
# omero-py puts a class of its own in Glacier2's place, which Ice cannot send.
SessionNotExistException: Any = next(
    known
    for known in Ice.UserException.__subclasses__()
    if getattr(known, "_ice_name", "") == "Glacier2::SessionNotExistException"
)


@dataclass(slots=True)
class Door:
    """One router session.

    `closes` is whether the OMERO session ends with the last of its doors; `stateful` holds the
    servants that belong to this door alone, by name.
    """

    store: OmeroStore
    connection: Any
    uuid: str
    client: str
    closes: bool = True
    stateful: dict[str, Any] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)

    @property
    def category(self) -> str:
        """The category of all identities behind this door."""
        return f"{CATEGORY}{self.client}"

    def identity(self, name: str) -> Any:
        """Return the identity of something behind this door; the session's own name is empty."""
        return Ice.Identity(f"{self.uuid}{name}", self.category)


class Doors:
    """All open doors by connection; safe to use from many threads."""

    def __init__(self, store: OmeroStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._open: dict[str, Door] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Door]:
        with self._lock:
            return iter(list(self._open.values()))

    def number(self) -> int:
        """Return a number that was not given before, to name what is opened."""
        return next(self._numbers)

    def of(self, connection: Any) -> Door | None:
        """Return the door of a connection."""
        return self._open.get(_key(connection))

    def open(self, connection: Any, uuid: str, client: str) -> Door:
        """Open a door for a session that exists."""
        door = Door(self._store, connection, uuid, client)
        self._store.sessions.hold(uuid)
        with self._lock:
            self._open[_key(connection)] = door
        connection.setCallback(_Closing(lambda: self.close(connection)))
        return door

    def close(self, connection: Any) -> Door | None:
        """Close the door of a connection and, with the last one, the session if that is wished."""
        with self._lock:
            door = self._open.pop(_key(connection), None)
        if door is not None:
            left = self._store.sessions.release(door.uuid)
            if left <= 0 and door.closes:
                self._store.sessions.close(door.uuid)
        return door

    def forget(self) -> None:
        """Drop all doors, as a server that dies does."""
        with self._lock:
            self._open.clear()


class _Closing(Ice.ConnectionCallback):  # type: ignore[misc] # Ice has no types
    """Told by Ice when a connection is gone."""

    def __init__(self, closed: Callable[[], object]) -> None:
        self._closed = closed

    def heartbeat(self, connection: Any) -> None:
        """Do nothing: a heartbeat renews no session."""

    def closed(self, connection: Any) -> None:
        """Close the door."""
        self._closed()


class Router:
    """The operations of `Glacier2.Router`; `proxy` makes a proxy of an identity."""

    def __init__(self, doors: Doors, proxy: Callable[[Any], Any]) -> None:
        self._doors = doors
        self._proxy = proxy

    def createSession(self, current: Any, user: str, password: str) -> Any:
        """Log in, or join a session by its uuid, and open a door for this connection."""
        if self._doors.of(current.con) is not None:
            raise Glacier2.CannotCreateSessionException("session exists")
        store = self._doors._store  # noqa: SLF001 - the same module
        try:
            uuid = store.login(user, password)
            if name := current.ctx.get(LOGIN_GROUP, ""):
                store.enter_group(uuid, name)
        except StoreUnavailableError as error:
            if "on purpose" not in str(error):
                raise
            # So OMERO answers when it fails to check a password, and not as other services do.
            raise Glacier2.PermissionDeniedException(f"Internal error. {error}") from error
        except (StoreAuthenticationError, StoreSessionError) as error:
            raise Glacier2.PermissionDeniedException(str(error)) from error
        except StoreError as error:
            raise Glacier2.CannotCreateSessionException(str(error)) from error
        client = current.ctx.get(CLIENT) or uuid
        door = self._doors.open(current.con, uuid, client)
        return Glacier2.SessionPrx.uncheckedCast(self._proxy(door.identity("")))

    def createSessionFromSecureConnection(self, current: Any) -> Any:
        """Refuse: nobody logs in by certificate."""
        raise Glacier2.PermissionDeniedException("log in with user and password")

    def destroySession(self, current: Any) -> None:
        """Close the door of this connection."""
        if self._doors.close(current.con) is None:
            raise SessionNotExistException

    def refreshSession(self, current: Any) -> None:
        """Renew the idle time."""
        door = self._doors.of(current.con)
        if door is None:
            raise SessionNotExistException
        door.store.session(door.uuid)

    def getCategoryForClient(self, current: Any) -> str:
        """Return the category of the client's callbacks."""
        door = self._doors.of(current.con)
        return "" if door is None else door.category

    def getSessionTimeout(self, current: Any) -> int:
        """Return after how many idle seconds a session ends."""
        return SESSION_TIMEOUT

    def getACMTimeout(self, current: Any) -> int:
        """Return 0: idle connections stay."""
        return 0

    def getClientProxy(self, current: Any) -> Any:
        """Return null: clients reach everything through the router's own endpoints."""
        return None

    def getServerProxy(self, current: Any) -> Any:
        """Return any proxy: clients look at its endpoints only."""
        return self._proxy(Ice.Identity("server", "router"))

    def addProxies(self, current: Any, proxies: Any) -> list[Any]:
        """Keep no table of proxies."""
        return []


class Locator(Ice.ServantLocator):  # type: ignore[misc] # Ice has no types
    """Finds the servant that a call behind a door is addressed to."""

    def __init__(self, doors: Doors, shared: Callable[[str], Any]) -> None:
        self._doors = doors
        self._shared = shared

    def locate(self, current: Any) -> Any:
        """Return the servant, or null where the connection has no such session."""
        door = self._doors.of(current.con)
        identity = current.id
        if door is None or identity.category != door.category:
            return None
        uuid, name = identity.name[:UUID_LENGTH], identity.name[UUID_LENGTH:]
        if uuid != door.uuid:
            return None
        return door.stateful.get(name) or self._shared(name)

    def finished(self, current: Any, servant: Any, cookie: Any) -> None:
        """Do nothing after a call."""

    def deactivate(self, category: str) -> None:
        """Do nothing at the end."""


def _key(connection: Any) -> str:
    # Ice's connections cannot be hashed; both addresses together are unique while it is open.
    text: str = connection.toString()
    return text
