"""The embedded OMERO: sessions, rights and HQL projections over SQLite tables of the OMERO model.

`OmeroStore` is a server in miniature, to be called from many threads; `transport.py` puts the
adapter's transport on it. It answers any HQL projection of the kinds that OMERO's clients use, not
a list of known ones. The translation lives in `hql_sql.py`, the tables in `tables.py`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backends.demo.faults import Faults
from backends.demo.omero.errors import (
    StoreAuthenticationError,
    StoreContentError,
    StoreError,
    StoreQueryError,
    StoreSecurityViolation,
    StoreSessionError,
    StoreUnavailableError,
)
from backends.demo.omero.hql_sql import Statement, translate
from backends.demo.omero.model import omero_model
from backends.demo.omero.objects import ObjectDesk
from backends.demo.omero.parameters import bind
from backends.demo.omero.pictures import LARGEST_PICTURE, draw
from backends.demo.omero.readers import Readers
from backends.demo.omero.rights import (
    ALL_GROUPS,
    SYSTEM_GROUP,
    USER_GROUP,
    Group,
    Member,
    ReadScope,
    scope_of,
)
from backends.demo.omero.rows import read_rows
from backends.demo.omero.sessions import SessionInfo, Sessions
from backends.demo.omero.subjects import read_subjects
from backends.demo.omero.tables import indexes, load, schema
from backends.demo.omero.writing import Writer
from backends.demo.world import OmeroContent

__all__ = [
    "SERVER_VERSION",
    "OmeroStore",
    "SessionInfo",
    "StoreAuthenticationError",
    "StoreContentError",
    "StoreError",
    "StoreQueryError",
    "StoreSecurityViolation",
    "StoreSessionError",
    "StoreUnavailableError",
]

READERS = 8
SERVER_VERSION = "5.6.14"
LOG_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a query as SQLite returned them, and what is needed to read them."""

    statement: Statement
    rows: list[tuple[Any, ...]]
    member: Member
    groups: dict[int, Group]


@dataclass(frozen=True, slots=True)
class Reading:
    """A read connection on loan, for whom, and what he may read."""

    connection: sqlite3.Connection
    session: SessionInfo
    groups: dict[int, Group]
    scope: ReadScope


class OmeroStore:
    """An embedded OMERO server.

    Args:
        content: what it holds at its start.
        faults: the knobs that make it fail.
        clock: counts seconds, for the idle time of sessions.

    Raises:
        StoreContentError: the content does not fit the OMERO model.
    """

    def __init__(
        self,
        content: OmeroContent,
        *,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.faults = faults if faults is not None else Faults()
        self.log: list[str] = []  # the HQL of projections, newest last
        # A file, not a shared in-memory database: its readers do not wait for one another.
        folder = Path(tempfile.mkdtemp(prefix="omnibis-omero-"))
        self._path = folder / "omero.sqlite"
        self._readers = Readers(self._path, READERS)
        self._fill(content)
        writer = Writer(self._path, content.last_ids())
        self.objects = ObjectDesk(weakref.proxy(self), writer)
        self._dispose = weakref.finalize(self, _close, self._readers, writer)
        self._log_lock = threading.Lock()
        self.sessions = Sessions(content.passwords, self._user, clock)
        self.faults.on_expire(self.sessions.close_all)

    # --- sessions ------------------------------------------------------------------------------

    def login(self, user: str, password: str) -> str:
        """Open a session and return its uuid; a uuid as user and password joins that session.

        Raises:
            StoreAuthenticationError: the user or the password is wrong.
            StoreUnavailableError: the store is off or fails on purpose.
        """
        self._misbehave("login")
        return self.sessions.login(user, password)

    def session(self, uuid: str) -> SessionInfo:
        """Return whom a session belongs to, and renew its idle time.

        Raises:
            StoreSessionError: it does not exist or is over.
            StoreUnavailableError: the store is off or fails on purpose.
        """
        self._misbehave("session")
        return self.sessions.get(uuid)

    def close(self, uuid: str) -> None:
        """End a session; one that is over already is no error.

        Raises:
            StoreUnavailableError: the store is off or fails on purpose.
        """
        self._misbehave("close")
        self.sessions.close(uuid)

    def enter_group(self, uuid: str, name: str) -> None:
        """Make a group, by its name, the session's default context.

        Raises:
            StoreSecurityViolation: the user is no member.
        """
        session = self.sessions.get(uuid)
        with self._readers.borrow() as connection:
            found = [group for group in _groups(connection).values() if group.name == name]
        if not found or not (session.is_admin or found[0].id in session.group_ids):
            raise StoreSecurityViolation(f"user {session.user_name} is not in that group")
        self.sessions.enter_group(uuid, found[0].id)

    def open_another(self, uuid: str, *, life_seconds: float, idle_seconds: float) -> str:
        """Open a second session of the same user, without a password; return its uuid.

        Raises:
            StoreSessionError: the first does not exist or is over.
            StoreUnavailableError: the store is off or fails on purpose.
        """
        self._misbehave("open_another")
        described = self.sessions.get(uuid)
        limited = replace(described, time_to_live=life_seconds, time_to_idle=idle_seconds)
        return self.sessions.open(limited).uuid

    def sudo(
        self, uuid: str, user: str, group: str | None, time_to_live: float, time_to_idle: float
    ) -> SessionInfo:
        """Open a session for somebody else, as an administrator or the leader of its group.

        Raises:
            StoreSecurityViolation: the caller may not, or the user is unknown or no member.
        """
        caller = self.sessions.get(uuid)
        described = self.sessions.describe(user)
        if described is None:
            raise StoreSecurityViolation(f"no user {user!r}")
        named = {one.name: one.id for one in self.groups().values()}
        chosen = described.group_id if group is None else named.get(group, -1)
        if chosen not in described.group_ids and not described.is_admin:
            raise StoreSecurityViolation(f"user {user} is not in that group")
        if not caller.is_admin and chosen not in caller.leader_of:
            raise StoreSecurityViolation("only administrators and leaders act for others")
        return self.sessions.open(
            replace(
                described,
                group_id=chosen,
                sudoer_id=caller.user_id,
                is_bound=not caller.is_admin,
                time_to_live=time_to_live,
                time_to_idle=time_to_idle,
            )
        )

    def groups(self) -> dict[int, Group]:
        """Return all groups by id."""
        with self._readers.borrow() as connection:
            return _groups(connection)

    # --- queries -------------------------------------------------------------------------------

    def projection(
        self,
        uuid: str,
        hql: str,
        params: Mapping[str, object],
        *,
        group: int | None = ALL_GROUPS,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[list[object]]:
        """Run one HQL projection in a group context (-1: all readable; None: the session's own).

        Raises:
            StoreSessionError: the session is over.
            StoreSecurityViolation: the user may not read that group.
            StoreQueryError: illegal HQL or parameters.
            StoreUnavailableError: the store is off or fails on purpose.
        """
        found = self.select(uuid, hql, params, group=group, offset=offset, limit=limit)
        return read_rows(found.statement, found.rows, found.member, found.groups)

    def select(
        self,
        uuid: str,
        hql: str,
        params: Mapping[str, object],
        *,
        group: int | None = ALL_GROUPS,
        offset: int | None = None,
        limit: int | None = None,
    ) -> Selection:
        """Run a query as `projection` does, but return its rows with what is known of them."""
        with self.reading(uuid, "projection", group) as reading:
            self.note(hql)
            statement = translate(hql, filtered=not reading.scope.unlimited)
            arguments = bind(statement.parameters, params)
            arguments.update(reading.scope.bindings())
            arguments["_limit"] = -1 if limit is None else max(limit, 0)
            arguments["_offset"] = 0 if offset is None else max(offset, 0)
            try:
                rows = reading.connection.execute(statement.sql, arguments).fetchall()
            except (sqlite3.Error, OverflowError, UnicodeError) as error:
                raise StoreQueryError(f"Illegal query: {error}") from error
        return Selection(statement, rows, reading.session.member, reading.groups)

    def thumbnails(
        self,
        uuid: str,
        pixels_ids: Collection[int],
        longest_side: int,
        *,
        group: int | None = ALL_GROUPS,
    ) -> dict[int, bytes | None]:
        """Return a picture in JPEG for each of these Pixels, None for those that are not to see.

        Raises:
            StoreSessionError: the session is over.
            StoreSecurityViolation: the user may not read that group.
            StoreQueryError: the size is not one that can be drawn.
            StoreUnavailableError: the store is off or fails on purpose.
        """
        with self.reading(uuid, "thumbnails", group) as reading:
            if not 1 <= longest_side <= LARGEST_PICTURE:
                raise StoreQueryError(f"A thumbnail has 1 to {LARGEST_PICTURE} pixels a side.")
            subjects = read_subjects(reading.connection, reading.scope, pixels_ids)
        return {
            number: draw(subjects[number], longest_side) if number in subjects else None
            for number in pixels_ids
        }

    def shut_down(self) -> None:
        """Close all connections and remove the database; the store cannot be used afterwards."""
        self._dispose()

    @contextlib.contextmanager
    def reading(self, uuid: str, method: str, group: int | None) -> Iterator[Reading]:
        """Lend a read connection to a session in a group context (None: the session's own).

        Raises:
            StoreError: the session is over, it may not read that group, or a fault is on.
        """
        self._misbehave(method)
        session = self.sessions.get(uuid)
        if session.is_bound and group not in (None, session.group_id):
            raise StoreSecurityViolation("a leader's sudo session cannot change its group")
        with self._readers.borrow() as connection:
            groups = _groups(connection)
            context = session.group_id if group is None else group
            scope = scope_of(session.member, groups, context)
            yield Reading(connection, session, groups, scope)

    def note(self, what: str) -> None:
        """Add a line to the log."""
        with self._log_lock:
            self.log.append(what)
            if len(self.log) > LOG_LENGTH:
                del self.log[: LOG_LENGTH // 2]

    # --- inside --------------------------------------------------------------------------------

    def _misbehave(self, method: str) -> None:
        """Consult the fault knobs, before anything else is done."""
        if self.faults.latency > 0:
            time.sleep(self.faults.latency)
        if self.faults.off:
            raise StoreUnavailableError("OMERO is switched off")
        if self.faults.take_failure(method):
            raise StoreUnavailableError(f"OMERO fails at {method} on purpose")

    def _fill(self, content: OmeroContent) -> None:
        model = omero_model()
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")  # a lost demonstration is no loss
            connection.execute("BEGIN")
            for statement in schema(model):
                connection.execute(statement)
            connection.execute("CREATE TABLE hql_units (unit TEXT PRIMARY KEY, symbol TEXT)")
            connection.executemany("INSERT INTO hql_units VALUES (?, ?)", model.symbols.items())
            load(connection, model, content)
            try:
                for statement in indexes(model):
                    connection.execute(statement)
            except sqlite3.IntegrityError as error:
                raise StoreContentError(str(error)) from error
            # Without statistics a condition on key-values starts from all pairs of that name.
            connection.execute("ANALYZE")
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _user(self, name: str) -> SessionInfo | None:
        with self._readers.borrow() as connection:
            user = connection.execute(
                'SELECT id FROM "Experimenter" WHERE omeName = ?', (name,)
            ).fetchone()
            if user is None:
                return None
            memberships = connection.execute(
                'SELECT parent, owner FROM "GroupExperimenterMap" WHERE child = ?'
                " ORDER BY child_index",
                user,
            ).fetchall()
            groups = _groups(connection)
        members = tuple(group for group, _ in memberships)
        leads = tuple(group for group, owner in memberships if owner)
        # The first group that is the user's own choice, as OMERO's default group is.
        chosen = [
            group for group in members if groups[group].name not in (USER_GROUP, SYSTEM_GROUP)
        ]
        default = (chosen or list(members) or [0])[0]
        is_admin = any(groups[group].name == SYSTEM_GROUP for group in members)
        return SessionInfo("", user[0], name, default, members, is_admin, leads)


def _close(readers: Readers, writer: Writer) -> None:
    writer.close()
    readers.close()


def _groups(connection: sqlite3.Connection) -> dict[int, Group]:
    rows = connection.execute('SELECT id, name, details_permissions FROM "ExperimenterGroup"')
    return {row[0]: Group(*row) for row in rows}
