"""How the OMERO adapter reaches an OMERO server: five calls, whatever carries them.

`OmeroTransport` is implemented by `backends/demo/omero_transport.py` (the embedded store, in
process) and by the Ice transport. The value types that HQL parameters need stand here too, since
OMERO distinguishes an `rint` from an `rlong` and a time from a number. No HQL lives here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pydantic import SecretStr


class RInt(int):
    """A 32-bit integer (`rint` on the wire); a plain int travels as `rlong`."""

    __slots__ = ()


class RTime(int):
    """A point in time in epoch milliseconds (`rtime` on the wire)."""

    __slots__ = ()


HqlScalar: TypeAlias = str | int | float | bool | RInt | RTime
HqlValue: TypeAlias = HqlScalar | Sequence[HqlScalar]


@dataclass(frozen=True, slots=True)
class OmeroIdentity:
    """Whom a session belongs to; `group_ids` are all groups the user is a member of."""

    user_id: int
    user_name: str
    is_admin: bool
    group_id: int
    group_ids: tuple[int, ...]


class OmeroTransport(Protocol):
    """The calls that the adapter makes.

    Every method raises errors of `backends/errors.py` only: Unavailable, TimedOut,
    SessionExpired, AuthenticationFailed, AccessDenied, InvalidRequest and ProtocolError.
    """

    async def login(self, user: str, password: SecretStr) -> SecretStr:
        """Open a session and return its uuid, which is a secret."""
        ...

    async def identity(self, session: SecretStr) -> OmeroIdentity:
        """Return whom the session belongs to, and renew its idle time."""
        ...

    async def close(self, session: SecretStr) -> None:
        """End the session; one that is over already is no error."""
        ...

    async def projection(
        self,
        session: SecretStr,
        hql: str,
        params: Mapping[str, HqlValue],
        *,
        group: int = -1,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[list[Any]]:
        """Run one HQL projection and return its rows as plain values.

        Times come as epoch milliseconds, units as OME enumeration names (`MICROMETER`), whole
        quantities and `new map` rows as dictionaries. `group` is the OMERO call context: -1 is
        every group that the user may read.
        """
        ...

    async def aclose(self) -> None:
        """Release connections and threads."""
        ...
