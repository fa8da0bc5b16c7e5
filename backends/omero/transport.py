"""How the OMERO adapter reaches an OMERO server: a few calls, whatever carries them.

`OmeroTransport` is implemented by `backends/demo/omero/transport.py` (the embedded store, in
process) and by `ice_transport.py`. The value types that HQL parameters need stand here too, since
OMERO distinguishes an `rint` from an `rlong` and a time from a number. No HQL lives here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pydantic import SecretStr

from backends.precedence import Turn, at_once

if TYPE_CHECKING:
    from backends.omero.write import Change, Deletion, Saved


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
    SessionExpired, AuthenticationFailed, AccessDenied, NotFound, InvalidRequest, ProtocolError,
    and for writes ChangedMeanwhile and OutcomeUnknown.
    """

    @property
    def sessions_held(self) -> int:
        """How many sessions are kept alive from here."""
        ...

    async def login(self, user: str, password: SecretStr) -> SecretStr:
        """Open a session and return its uuid, which is a secret."""
        ...

    async def identity(self, session: SecretStr) -> OmeroIdentity:
        """Return whom the session belongs to, and renew its idle time."""
        ...

    async def close(self, session: SecretStr) -> None:
        """End the session; one that is over already is no error."""
        ...

    async def open_another(
        self, session: SecretStr, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a second session of the same user without a password (`createUserSession`).

        A server whose own sessions may live for ever, which is the default, drops the life limit;
        the idle limit always holds.
        """
        ...

    async def open_for(
        self, session: SecretStr, user: str, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a session of another user, as an administrator (`createSessionWithTimeouts`)."""
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
        turn: Turn = at_once,
    ) -> list[list[Any]]:
        """Run one HQL projection and return its rows as plain values.

        Times come as epoch milliseconds, units as OME enumeration names (`MICROMETER`), whole
        quantities and `new map` rows as dictionaries. `group` is the OMERO call context: -1 is
        every group that the user may read. `turn` is awaited before a reply is read.
        """
        ...

    async def thumbnails(
        self,
        session: SecretStr,
        pixels_ids: Sequence[int],
        longest_side: int,
        *,
        group: int = -1,
    ) -> dict[int, bytes | None]:
        """Return JPEG files by Pixels id, each with its longer side at most `longest_side`.

        None, or no entry, where there is none: pixels that do not exist, that the user may not
        see, or that the server cannot draw. At most 50 at a time: a server may have to render
        them first.
        """
        ...

    async def version(self, session: SecretStr) -> str:
        """Return the server's version, such as `5.6.10`."""
        ...

    async def save(
        self, session: SecretStr, changes: Sequence[Change], *, group: int
    ) -> tuple[Saved, ...]:
        """Carry out all changes or none; the answer tells the objects in the order of changes.

        Args:
            session: whose session.
            changes: see `write.py`.
            group: a real group, to which what is new belongs.

        Raises:
            ChangedMeanwhile: an object has another version than its update was decided on.
            NotFound: an object to be changed or referred to does not exist, or is not visible.
            InvalidRequest: a value is not allowed, or an equal link exists already.
            OutcomeUnknown: the connection was lost before the answer came.
        """
        ...

    async def delete(
        self, session: SecretStr, deletion: Deletion, *, group: int
    ) -> dict[str, tuple[int, ...]]:
        """Delete in one transaction, and return the ids of all that went, by entity, sorted.

        Raises:
            NotFound: a target does not exist, or is not visible.
            AccessDenied: the viewer may not delete it.
            OutcomeUnknown: the connection was lost before the answer came.
        """
        ...

    async def aclose(self) -> None:
        """Release connections and threads."""
        ...
