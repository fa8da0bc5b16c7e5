"""Transactions on the tables of the embedded OMERO: one writer at a time, one event each.

A `Transaction` is what `saving.py` and `deletion.py` write through: it gives ids, which are never
used twice, reads rows as far as the user may see them, and notes in the event log what happened. It
knows nothing of graphs.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from backends.demo.omero.graph import Thing, properties_of
from backends.demo.omero.model import omero_model
from backends.demo.omero.rights import Group
from backends.demo.omero.sessions import SessionInfo
from backends.demo.omero.tables import elements_table, has_details, position_columns, quoted

EVENT_TYPE = "User"


@cache
def _positions() -> dict[str, dict[str, None]]:
    return position_columns(omero_model())


def _milliseconds() -> int:
    return int(time.time() * 1000)


@dataclass(slots=True)
class Transaction:
    """One write: whose, into which group, and what it has done; `group` None is none."""

    connection: sqlite3.Connection
    session: SessionInfo
    groups: Mapping[int, Group]
    group: int | None
    next_id: Callable[[str], int]
    now: Callable[[], int]
    _event: int | None = None
    _stubs: dict[tuple[str, int], Thing] = field(default_factory=dict)

    def execute(self, sql: str, arguments: Sequence[Any]) -> sqlite3.Cursor:
        """Run one statement."""
        return self.connection.execute(sql, arguments)

    @property
    def event(self) -> int:
        """The id of this write's event, which is made when it is first needed."""
        if self._event is None:
            self._event = self.next_id("Event")
            kind = self.execute("SELECT id FROM EventType WHERE value = ?", [EVENT_TYPE]).fetchone()
            if kind is None:
                kind = (self.next_id("EventType"),)
                self.execute("INSERT INTO EventType (id, value) VALUES (?, ?)", [*kind, EVENT_TYPE])
            group = self.session.group_id if self.group is None else self.group
            self.execute(
                "INSERT INTO Event (id, time, type, experimenter, experimenterGroup)"
                " VALUES (?, ?, ?, ?, ?)",
                [self._event, self.now(), kind[0], self.session.user_id, group],
            )
        return self._event

    def log(self, action: str, entity: str, number: int) -> None:
        """Note in the event log what was done to an object."""
        java = f"{omero_model().entities[entity].package}.{entity}"
        self.execute(
            "INSERT INTO EventLog (id, action, entityType, entityId, event) VALUES (?, ?, ?, ?, ?)",
            [self.next_id("EventLog"), action, java, number, self.event],
        )

    def row(self, entity: str, number: int) -> dict[str, Any] | None:
        """Return an object's row by its columns; None if there is none for this user."""
        found = omero_model().entities[entity]
        cursor = self.execute(
            f"SELECT * FROM {quoted(found.table.name)} WHERE id = ?",  # noqa: S608 - of the model
            [number],
        )
        values = cursor.fetchone()
        if values is None:
            return None
        row = dict(zip((column[0] for column in cursor.description), values, strict=True))
        if has_details(found) and not self._may_read(row):
            return None
        if found.superclass is not None and row["class"] not in {
            member.name for member in found.family()
        }:
            return None
        return row

    def elements(self, entity: str, number: int) -> dict[str, list[Any]]:
        """Return an object's collections of values."""
        found: dict[str, list[Any]] = {}
        known = omero_model().entities[entity]
        for name, prop in properties_of(known).items():
            if prop.kind != "collection" or prop.target is not None:
                continue
            named = prop.type == "NamedValue"
            rows = self.execute(
                f"SELECT {'name, value' if named else 'value'}"  # noqa: S608 - of the model
                f" FROM {quoted(elements_table(known, name))} WHERE owner = ? ORDER BY position",
                [number],
            )
            found[name] = [row if named else row[0] for row in rows]
        return found

    def lists_of(self, table: str) -> list[str]:
        """Name the references of a table by whose targets its rows are kept in lists."""
        return [column.removesuffix("_index") for column in _positions().get(table, ())]

    def stub(self, entity: str, number: int | None) -> Thing | None:
        """Return a reference to an object, the same for the same one."""
        if number is None:
            return None
        return self._stubs.setdefault((entity, number), Thing(entity, number))

    def _may_read(self, row: Mapping[str, Any]) -> bool:
        member = self.session.member
        group = self.groups.get(row["details_group"])
        if member.is_admin or row["details_owner"] == member.user_id or group is None:
            return True
        belongs = group.id in member.group_ids and not group.is_private
        return belongs or group.is_public or group.id in member.leader_of


class Writer:
    """The one connection that writes; `used` are ids by table that are not to be given again."""

    def __init__(
        self,
        path: Path,
        used: Mapping[str, int],
        now: Callable[[], int] = _milliseconds,
    ) -> None:
        self._lock = threading.Lock()
        self._last = dict(used)
        self._now = now
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")

    @contextlib.contextmanager
    def transaction(
        self, session: SessionInfo, groups: Mapping[int, Group], group: int | None
    ) -> Iterator[Transaction]:
        """Open a transaction: kept if the block ends well, undone if it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(
                    self._connection, session, groups, group, self._next_id, self._now
                )
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection, after a write that is under way."""
        with self._lock:
            self._connection.close()

    def _next_id(self, table: str) -> int:
        found = self._connection.execute(f"SELECT max(id) FROM {quoted(table)}").fetchone()  # noqa: S608
        self._last[table] = max(self._last.get(table, 0), found[0] or 0) + 1
        return self._last[table]
