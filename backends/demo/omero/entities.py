"""Whole objects from the tables of the embedded OMERO: queries with fetch joins, and by id.

A query yields rows of ids; then each table is read once, by id, and the objects are wired through
one identity map: whatever was not fetched is a stub, shared within a reply, and collections that
were not fetched stay unknown. References to abstract classes are loaded, as Hibernate does.
`objects.py` calls it with a read connection; rights on roots and joins are in the SQL already.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backends.demo.omero.graph import Thing, properties_of
from backends.demo.omero.hql_sql import ObjectStatement
from backends.demo.omero.model import Entity, omero_model
from backends.demo.omero.rights import Group, Member, permissions_of
from backends.demo.omero.tables import (
    DETAILS,
    GROUP_PERMISSIONS,
    elements_table,
    has_details,
    position_column,
    quoted,
    unit_column,
)


@dataclass(slots=True)
class Assembly:
    """The objects of one reply, each once; `member` and `groups` say what its reader may do."""

    connection: sqlite3.Connection
    member: Member
    groups: Mapping[int, Group]
    _things: dict[tuple[str, int], Thing] = field(default_factory=dict)
    _positions: dict[int, dict[str, int]] = field(default_factory=dict)
    _pending: dict[str, dict[int, None]] = field(default_factory=dict)

    def query(
        self,
        statement: ObjectStatement,
        arguments: Mapping[str, Any],
        offset: int | None,
        limit: int | None,
    ) -> list[Thing]:
        """Run a query and return its roots, in order, as often as Hibernate would."""
        rows = self.connection.execute(statement.sql, arguments).fetchall()
        # The server always sets a limit, so that Hibernate tells roots apart, after the query,
        # whenever collections are fetched along.
        if statement.is_distinct or statement.fetches_collections:
            first = dict.fromkeys(row[0] for row in rows)
            chosen = list(first)[offset or 0 :][:limit]
            wanted = set(chosen)
            rows = [row for row in rows if row[0] in wanted]
        else:
            rows = rows[offset or 0 :][:limit]
            chosen = [row[0] for row in rows]
        names = list(statement.tables.values())
        for index, name in enumerate(names):
            self._want(name, (row[index] for row in rows))
        self._read_pending()
        places = {table: index for index, table in enumerate(statement.tables)}
        for fetch in statement.fetches:
            if fetch.collection is not None:
                owner, element = places[fetch.owner], places[fetch.table]
                pairs = ((row[owner], row[element]) for row in rows)
                self._collect(names[owner], fetch.collection, names[element], pairs)
        return [self._things[self._key(names[0], number)] for number in chosen]

    def load(self, entity: str, ids: Collection[int]) -> dict[int, Thing]:
        """Return objects by id, with nothing fetched along; those that do not exist are missing."""
        self._want(entity, ids)
        self._read_pending()
        found = ((number, self._things.get(self._key(entity, number))) for number in ids)
        return {number: thing for number, thing in found if thing is not None and thing.loaded}

    # --- inside --------------------------------------------------------------------------------

    def _want(self, entity: str, ids: Iterable[int | None]) -> None:
        table = omero_model().table_of(entity)
        wanted = self._pending.setdefault(table, {})
        for number in ids:
            if number is None:
                continue
            known = self._things.get((table, number))
            if known is None or not known.loaded:
                wanted[number] = None

    def _read_pending(self) -> None:
        while self._pending:
            table, wanted = self._pending.popitem()
            if wanted:
                self._read_table(omero_model().entities[table], list(wanted))

    def _read_table(self, table: Entity, ids: Sequence[int]) -> None:
        cursor = self.connection.execute(
            f"SELECT * FROM {quoted(table.name)} WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608 - a table of the model
            (json.dumps(ids),),
        )
        names = [column[0] for column in cursor.description]
        filled: dict[str, list[Thing]] = {}
        for row in cursor.fetchall():
            thing = self._fill(table, dict(zip(names, row, strict=True)))
            filled.setdefault(thing.entity, []).append(thing)
        for entity, things in filled.items():
            self._read_elements(omero_model().entities[entity], things)

    def _fill(self, table: Entity, row: dict[str, Any]) -> Thing:
        entity = omero_model().entities[row["class"]] if table.has_class else table
        thing = self._thing(entity.name, row["id"])
        thing.loaded = True
        for name, prop in properties_of(entity).items():
            if prop.kind == "scalar":
                value = row[name]
                is_bool = prop.type == "bool" and value is not None
                thing.values[name] = bool(value) if is_bool else value
            elif prop.kind == "quantity":
                value = row[name]
                thing.values[name] = None if value is None else (value, row[unit_column(name)])
            elif prop.kind in ("reference", "enum"):
                thing.references[name] = self._referred(str(prop.target), row[name])
        self._positions[id(thing)] = {
            key: value for key, value in row.items() if key.endswith("_index")
        }
        self._fill_details(thing, entity, row)
        return thing

    def _fill_details(self, thing: Thing, entity: Entity, row: Mapping[str, Any]) -> None:
        thing.details = {
            name: self._referred(target, row.get(column))
            for name, (column, target) in DETAILS.items()
        }
        group = row["id"] if entity.name == "ExperimenterGroup" else row.get("details_group")
        known = None if group is None else self.groups.get(group)
        if has_details(entity):
            thing.permissions = permissions_of(self.member, row["details_owner"], known)
        else:
            edits = self.member.is_admin
            permissions = row.get(GROUP_PERMISSIONS) or "rw----"
            rights = ("canEdit", "canAnnotate", "canDelete", "canLink", "canChgrp", "canChown")
            thing.permissions = {"perm": permissions, **dict.fromkeys(rights, edits)}

    def _read_elements(self, entity: Entity, things: Sequence[Thing]) -> None:
        """Read the collections of values, which always come along."""
        ids = json.dumps([thing.id for thing in things])
        for name, prop in properties_of(entity).items():
            if prop.kind != "collection" or prop.target is not None:
                continue
            table = quoted(elements_table(entity, name))
            columns = "owner, name, value" if prop.type == "NamedValue" else "owner, value"
            rows = self.connection.execute(
                f"SELECT {columns} FROM {table} WHERE owner IN (SELECT value FROM json_each(?))"  # noqa: S608
                " ORDER BY owner, position",
                (ids,),
            )
            found: dict[int, list[Any]] = {}
            for owner, *element in rows:
                named = prop.type == "NamedValue"
                found.setdefault(owner, []).append(tuple(element) if named else element[0])
            for thing in things:
                thing.values[name] = found.get(thing.id or 0, [])

    def _referred(self, target: str, number: int | None) -> Thing | None:
        if number is None:
            return None
        thing = self._thing(target, number)
        if not thing.loaded and omero_model().entities[target].has_class:
            self._want(target, (number,))
        return thing

    def _thing(self, entity: str, number: int) -> Thing:
        key = self._key(entity, number)
        thing = self._things.get(key)
        if thing is None:
            thing = self._things[key] = Thing(entity, number)
        elif not thing.loaded:
            thing.entity = entity  # the row tells the subclass
        return thing

    def _key(self, entity: str, number: int) -> tuple[str, int]:
        return omero_model().table_of(entity), number

    def _collect(
        self,
        owner: str,
        collection: str,
        element: str,
        pairs: Iterable[tuple[int | None, int | None]],
    ) -> None:
        """Fill a fetched collection of every owner in the rows."""
        found: dict[int, dict[int, None]] = {}
        for one, other in pairs:
            if one is not None:
                elements = found.setdefault(one, {})
                if other is not None:
                    elements[other] = None
        for number, elements in found.items():
            thing = self._things[self._key(owner, number)]
            listed = [self._things[self._key(element, one)] for one in elements]
            known = omero_model().entities[thing.entity].find(collection)[0]
            if known.ordered:
                column = position_column(str(known.inverse))
                listed.sort(key=lambda one: self._positions[id(one)].get(column, 0))
            thing.collections[collection] = list(listed)
