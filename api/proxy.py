"""Sign-in by a trusted proxy: it has authenticated the user and names them in a header.

The viewer's sessions are still the user's own: openBIS opens them by `loginAs`, OMERO by sudo, with
an administrator's credentials from the settings. Off unless `OMNIBIS_PROXY_USER_HEADER` is set; and
the header is believed from the configured peers only: from anybody else it is refused, since
somebody is trying. Sessions are kept for a while, in this process only, so that not each request
opens new ones. Also here: the client's address behind such proxies.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, Protocol, TypeAlias

from cachetools import TTLCache
from pydantic import SecretStr

from api.auth import Visitor, refusal
from api.settings import Settings
from backends.errors import BackendError, SessionExpired, Source, TimedOut, Unavailable
from backends.lane import Call
from backends.omero.client import OmeroClient
from backends.openbis.client import OpenbisClient
from resolvers.context import Viewer

KEPT: Final = 1000  # users whose sessions are kept
KEPT_SECONDS: Final = 1800.0
IDLE_SECONDS: Final = 600  # OMERO ends a session that is not used for so long
LONGEST_USER: Final = 100
KEY: Final = "proxy-"
Network: TypeAlias = IPv4Network | IPv6Network


class Acting(Protocol):
    """Whoever can open a session for a user."""

    async def open(self, user: str, call: Call) -> SecretStr:
        """Open a session of the user's own.

        Raises:
            BackendError: it cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenbisActing:
    """Opens sessions in openBIS by `loginAs`."""

    client: OpenbisClient
    administrator: str
    password: SecretStr = field(repr=False)

    async def open(self, user: str, call: Call) -> SecretStr:
        """Open a session of the user's own."""
        return await self.client.login_as(self.administrator, self.password, user, call)


@dataclass(slots=True)
class OmeroActing:
    """Opens sessions in OMERO by sudo, from a session of the administrator that is kept."""

    client: OmeroClient
    administrator: str
    password: SecretStr = field(repr=False)
    _session: SecretStr | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def open(self, user: str, call: Call) -> SecretStr:
        """Open a session of the user's own; the administrator logs in again when that is due."""
        async with self._lock:
            known = self._session
            if known is None:
                known = self._session = await self._log_in(call)
                return await self._open(known, user, call)
            try:
                return await self._open(known, user, call)
            except SessionExpired:
                self._session = await self._log_in(call)
                return await self._open(self._session, user, call)

    async def _log_in(self, call: Call) -> SecretStr:
        return await self.client.login(self.administrator, self.password, call)

    async def _open(self, session: SecretStr, user: str, call: Call) -> SecretStr:
        return await self.client.open_for(
            session, user, call, life_seconds=int(KEPT_SECONDS * 2), idle_seconds=IDLE_SECONDS
        )


class Proxies:
    """The proxies that are believed, and the sessions of the users they name.

    Args:
        peers: addresses and networks of these proxies.
        header: in which they name the user; none: no sign-in by proxy.
        acting: who opens sessions, by system.
    """

    def __init__(
        self,
        peers: tuple[str, ...] = (),
        header: str | None = None,
        acting: Mapping[Source, Acting] | None = None,
    ) -> None:
        self._peers: tuple[Network, ...] = tuple(map(ip_network, peers))
        self._header = None if header is None else header.lower()
        self._acting = acting or {}
        self._kept: TTLCache[str, dict[Source, SecretStr]] = TTLCache(KEPT, KEPT_SECONDS)
        self._locks: TTLCache[str, asyncio.Lock] = TTLCache(KEPT * 2, KEPT_SECONDS)

    def believes(self, peer: str) -> bool:
        """Whether an address is one of these proxies'."""
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._peers)

    def address(self, visitor: Visitor) -> str:
        """Return the client's address: the last one in `X-Forwarded-For` that is no proxy's."""
        if self.believes(visitor.peer):
            for hop in reversed(visitor.headers.get("x-forwarded-for", "").split(",")):
                if hop.strip() and not self.believes(hop.strip()):
                    return hop.strip()[:64]
        return visitor.peer

    def user(self, visitor: Visitor) -> str | None:
        """Return the user that a proxy names, or none.

        Raises:
            GraphQLError: it is not a proxy that is believed, or it names no user.
        """
        if self._header is None or self._header not in visitor.headers:
            return None
        if not self.believes(visitor.peer):
            raise refusal(f"The header {self._header} is believed from this server's proxies only.")
        getlist: Any = getattr(visitor.headers, "getlist", None)
        values = [visitor.headers[self._header]] if getlist is None else getlist(self._header)
        user = values[0].strip()
        if len(values) > 1 or not 0 < len(user) <= LONGEST_USER or not user.isprintable():
            raise refusal(f"The header {self._header} names no user.")
        return user

    async def viewer(self, user: str, call: Call) -> Viewer:
        """Return the viewer with sessions of the user's own.

        A system without an administrator, or that does not answer or know the user, gives none:
        then its fields say so. These calls are not the request's: they get a meter of their own.
        """
        own = Call(deadline=call.deadline)
        unopened: dict[Source, BackendError] = {}
        async with self._locks.setdefault(user, asyncio.Lock()):
            kept = self._kept.setdefault(user, {})
            for source, acting in self._acting.items():
                if source not in kept:
                    try:
                        kept[source] = await acting.open(user, own)
                    except (Unavailable, TimedOut) as error:
                        unopened[source] = error
                    except BackendError:
                        continue
        return Viewer(
            key_of(user),
            user,
            openbis=kept.get(Source.OPENBIS),
            omero=kept.get(Source.OMERO),
            unopened=unopened,
        )

    def forget(self, user: str, source: Source) -> None:
        """Drop a session that is over; the next request opens another."""
        self._kept.get(user, {}).pop(source, None)


def key_of(user: str) -> str:
    """A short hash of a user, for per-viewer caches and for logs."""
    digest = hashlib.blake2b(user.encode(), digest_size=12, person=b"omnibis.proxy")
    return KEY + digest.hexdigest()


def proxies(settings: Settings, openbis: OpenbisClient, omero: OmeroClient) -> Proxies:
    """Make the proxies of the settings."""
    acting: dict[Source, Acting] = {}
    if settings.proxy_openbis_user and settings.proxy_openbis_password:
        acting[Source.OPENBIS] = OpenbisActing(
            openbis, settings.proxy_openbis_user, settings.proxy_openbis_password
        )
    if settings.proxy_omero_user and settings.proxy_omero_password:
        acting[Source.OMERO] = OmeroActing(
            omero, settings.proxy_omero_user, settings.proxy_omero_password
        )
    return Proxies(settings.proxy_peers, settings.proxy_user_header, acting)
