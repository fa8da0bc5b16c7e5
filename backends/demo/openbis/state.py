"""The state file of the embedded openBIS: a SQLite database that every transaction is written to.

Each row of each kind is one JSON text under its kind and key, so the file outlives changes of the
tables in memory. A transaction of the server is one of SQLite's, made durable before the caller
hears of success: what was acknowledged is there after a crash. Nothing else may write the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter

from backends.demo.openbis import rows
from backends.demo.openbis.kinds import TYPED_BY, Kind

_FORMAT = 1
_TABLES = """
create table if not exists entity (
  kind text not null, key text not null, row text not null, primary key (kind, key)
) without rowid;
create table if not exists fact (name text primary key, value text not null) without rowid;
"""
_CLASSES: dict[Kind, type[Any]] = {
    Kind.SPACE: rows.Space,
    Kind.PROJECT: rows.Project,
    Kind.EXPERIMENT: rows.Experiment,
    Kind.SAMPLE: rows.Sample,
    Kind.DATA_SET: rows.DataSet,
    Kind.PROPERTY_TYPE: rows.PropertyType,
    Kind.VOCABULARY: rows.Vocabulary,
    Kind.TERM: rows.Term,
    Kind.PERSON: rows.Person,
    Kind.AUTHORIZATION_GROUP: rows.Group,
    Kind.ROLE_ASSIGNMENT: rows.RoleAssignment,
    Kind.TAG: rows.Tag,
    Kind.PERSONAL_ACCESS_TOKEN: rows.PersonalAccessToken,
    Kind.DELETION: rows.Deletion,
    Kind.EXTERNAL_DMS: rows.ExternalDms,
    Kind.DATA_STORE: rows.DataStore,
    **dict.fromkeys(TYPED_BY, rows.EntityType),
}


class StateError(Exception):
    """The state file cannot be used; the message says what to do."""


class StateFile:
    """One open state file."""

    def __init__(self, path: Path) -> None:
        try:
            # Served from the thread that runs the event loop, which need not be this one.
            self._database = sqlite3.connect(
                path, timeout=1, isolation_level=None, check_same_thread=False
            )
            # A second server on the same file would overwrite what the first one does.
            self._database.execute("pragma locking_mode = exclusive")
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            self._database.executescript(_TABLES)
            self._format = self._fact("format")
        except sqlite3.Error as error:
            raise StateError(
                f"{path} cannot be used as state file of an embedded openBIS ({error}); stop "
                "whatever has it open, or name another file."
            ) from error
        if self._format not in {None, _FORMAT}:
            raise StateError(f"{path} comes from another version of omnibis; name another file.")

    @property
    def is_new(self) -> bool:
        """Whether nothing has been saved yet."""
        return self._format is None

    def load(self) -> list[tuple[Kind, Any]]:
        """All rows with their kinds."""
        readers = {kind.value: TypeAdapter(of_kind) for kind, of_kind in _CLASSES.items()}
        found = self._database.execute("select kind, row from entity")
        return [(Kind(kind), readers[kind].validate_json(text)) for kind, text in found]

    def counters(self) -> dict[str, Any]:
        """The counters as last saved."""
        counters: dict[str, Any] = self._fact("counters")
        return counters

    def found(self, content: Iterable[tuple[Kind, str, Any]], counters: dict[str, Any]) -> None:
        """Save everything for the first time."""
        self._write({(kind, key): row for kind, key, row in content}, counters)
        self._format = _FORMAT

    def save(self, changes: Mapping[tuple[Kind, str], Any], counters: dict[str, Any]) -> None:
        """Make one transaction durable; a row of None is one that was removed."""
        self._write(changes, counters)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _write(self, changes: Mapping[tuple[Kind, str], Any], counters: dict[str, Any]) -> None:
        gone = [(kind.value, key) for (kind, key), row in changes.items() if row is None]
        put = [
            (kind.value, key, orjson.dumps(row).decode())
            for (kind, key), row in changes.items()
            if row is not None
        ]
        facts = [
            ("format", str(_FORMAT)),
            ("counters", orjson.dumps(counters).decode()),
        ]
        with self._database:
            self._database.execute("begin immediate")
            self._database.executemany("delete from entity where kind = ? and key = ?", gone)
            self._database.executemany("replace into entity values (?, ?, ?)", put)
            self._database.executemany("replace into fact values (?, ?)", facts)

    def _fact(self, name: str) -> Any:
        found = self._database.execute("select value from fact where name = ?", (name,)).fetchone()
        return None if found is None else orjson.loads(found[0])
