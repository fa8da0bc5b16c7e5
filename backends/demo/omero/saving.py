"""How graphs of objects get into the embedded OMERO: one transaction, as Hibernate merges.

What is loaded and has no id is inserted, what is loaded and has one is updated if its version is
still the same, what is not loaded is only referred to. Everything that the graph reaches is saved.
Rights, groups, required values and ExternalInfo follow OMERO's rules; the database itself holds
that links are unique. `writing.py` opens the transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backends.demo.omero.errors import (
    StoreLockError,
    StoreMissingError,
    StoreSecurityViolation,
    StoreValidationError,
)
from backends.demo.omero.graph import Thing, properties_of, reachable
from backends.demo.omero.model import Entity, omero_model
from backends.demo.omero.rights import USER_GROUP, permissions_of
from backends.demo.omero.tables import (
    VERSION,
    elements_table,
    has_details,
    position_column,
    quoted,
    unit_column,
)
from backends.demo.omero.writing import Transaction

ANNOTATION_LINK = "AnnotationLink"


@dataclass(slots=True)
class Merge:
    """Saves one graph within a transaction; `made` are the objects that it inserted."""

    transaction: Transaction
    made: list[Thing] = field(default_factory=list)

    def save(self, roots: Sequence[Thing]) -> None:
        """Save all that the roots reach; afterwards the graph shows what is in the store.

        Raises:
            StoreLockError: an object was changed since it was read.
            StoreSecurityViolation: the user may not do it.
            StoreValidationError: it is not there, lacks something, or is there already.
        """
        things = reachable(roots, details=("externalInfo",))
        for thing in things:
            self._adopt(thing)
            self._find_enumeration(thing)
        new = [thing for thing in things if thing.loaded and thing.id is None]
        old = [thing for thing in things if thing.loaded and thing.id is not None]
        for thing in things:
            if not thing.loaded:
                self._check_reference(thing)
        # References may point anywhere within the graph, so ids are given before rows are written.
        for thing in new:
            thing.id = self.transaction.next_id(self._entity(thing).table.name)
        try:
            for thing in new:
                self._insert(thing)
            for thing in old:
                self._update(thing)
        except sqlite3.IntegrityError as error:
            raise StoreValidationError(
                "could not execute statement: a constraint of the database is violated"
            ) from error
        self.made.extend(new)

    # --- before anything is written ------------------------------------------------------------

    def _adopt(self, thing: Thing) -> None:
        """Let the elements of a loaded collection point back to their owner."""
        for name, listed in thing.collections.items():
            inverse = properties_of(self._entity(thing))[name].inverse
            for element in listed:
                if element is None or not element.loaded or inverse is None:
                    continue
                if element.references.get(inverse) is None:
                    element.references[inverse] = thing

    def _find_enumeration(self, thing: Thing) -> None:
        """Let an enumeration that is given by its value alone be the one that exists."""
        entity = self._entity(thing)
        if thing.id is not None or not thing.loaded or not entity.is_enumeration:
            return
        found = self.transaction.execute(
            f"SELECT id FROM {quoted(entity.table.name)} WHERE value = ?",  # noqa: S608 - a table of the model
            [thing.values.get("value")],
        ).fetchone()
        if found is not None:
            thing.id, thing.loaded = found[0], False

    def _check_reference(self, thing: Thing) -> None:
        if thing.id is None or self.transaction.row(thing.entity, thing.id) is None:
            raise StoreMissingError(f"no {thing.entity} with id {thing.id}")
        row = self.transaction.row(thing.entity, thing.id)
        if row is not None and "class" in row:
            thing.entity = row["class"]

    def _check_required(self, thing: Thing) -> None:
        for name, prop in properties_of(self._entity(thing)).items():
            if prop.nullable or prop.kind == "collection" or name == VERSION:
                continue
            is_link = prop.kind in ("reference", "enum")
            value = thing.references.get(name) if is_link else thing.values.get(name)
            if value is None:
                raise StoreValidationError(
                    f"not-null property references a null or transient value: {thing.entity}.{name}"
                )

    # --- inserts -------------------------------------------------------------------------------

    def _insert(self, thing: Thing) -> None:
        entity = self._entity(thing)
        if entity.is_abstract:
            raise StoreValidationError(f"{entity.name} is abstract")
        self._check_required(thing)
        if VERSION in properties_of(entity):
            thing.values[VERSION] = 0
        columns = self._columns(thing)
        columns["id"] = thing.id
        if entity.has_class:
            columns["class"] = entity.name
        if has_details(entity):
            columns |= self._own(thing)
            self._check_link(thing, columns["details_group"])
        elif not self.transaction.session.is_admin:
            raise StoreSecurityViolation(f"only administrators make a new {entity.name}")
        columns |= self._place(thing)
        names = ", ".join(map(quoted, columns))
        marks = ", ".join("?" for _ in columns)
        self.transaction.execute(
            f"INSERT INTO {quoted(entity.table.name)} ({names}) VALUES ({marks})",  # noqa: S608 - names of the model
            list(columns.values()),
        )
        self._write_elements(thing)
        self.transaction.log("INSERT", thing.entity, thing.id or 0)

    def _own(self, thing: Thing) -> dict[str, Any]:
        """Decide whose a new object is."""
        given = thing.details or {}
        session = self.transaction.session
        owner, group = given.get("owner"), given.get("group")
        owner_id = session.user_id if owner is None or owner.id is None else owner.id
        if owner_id != session.user_id and not session.is_admin:
            raise StoreSecurityViolation("new objects belong to who makes them")
        group_id = self.transaction.group if group is None or group.id is None else group.id
        if group_id is None:
            raise StoreSecurityViolation("a new object needs a group: name one in the call context")
        if group_id not in session.group_ids and not session.is_admin:
            raise StoreSecurityViolation(f"the user is not in group {group_id}")
        external = given.get("externalInfo")
        columns = {
            "details_owner": owner_id,
            "details_group": group_id,
            "details_creationEvent": self.transaction.event,
            "details_updateEvent": self.transaction.event,
            "details_externalInfo": None if external is None else external.id,
        }
        self._show_details(thing, columns)
        return columns

    def _check_link(self, thing: Thing, group: int) -> None:
        """Check that a new link joins objects of one group that the user may link."""
        parent, child = thing.references.get("parent"), thing.references.get("child")
        if parent is None or child is None:
            return
        for end, right in (
            (parent, "canAnnotate" if thing.entity.endswith(ANNOTATION_LINK) else "canLink"),
            (child, None),
        ):
            row = self.transaction.row(end.entity, end.id or 0)
            if row is None or "details_group" not in row:
                continue  # made in this very transaction and written later, or global
            its_group = self.transaction.groups.get(row["details_group"])
            shared = its_group is not None and its_group.name == USER_GROUP
            if row["details_group"] != group and not shared:
                raise StoreSecurityViolation("a link joins objects of its own group only")
            member = self.transaction.session.member
            rights = permissions_of(member, row["details_owner"], its_group)
            if right is not None and not rights[right]:
                raise StoreSecurityViolation(f"the user may not link {end.entity} {end.id}")

    def _place(self, thing: Thing) -> dict[str, int]:
        """Find the place of a new element at the end of the lists that it belongs to."""
        entity = self._entity(thing)
        placed: dict[str, int] = {}
        for inverse in self.transaction.lists_of(entity.table.name):
            owner = thing.references.get(inverse)
            column = position_column(inverse)
            found = self.transaction.execute(
                f"SELECT max({quoted(column)}) FROM {quoted(entity.table.name)}"  # noqa: S608
                f" WHERE {quoted(inverse)} IS ?",
                [None if owner is None else owner.id],
            ).fetchone()
            placed[column] = 0 if found[0] is None else found[0] + 1
        return placed

    # --- updates -------------------------------------------------------------------------------

    def _update(self, thing: Thing) -> None:
        entity = self._entity(thing)
        row = self.transaction.row(entity.name, thing.id or 0)
        if row is None:
            raise StoreMissingError(f"no {entity.name} with id {thing.id}")
        if entity.has_class and row["class"] != entity.name:
            raise StoreValidationError(f"{thing.id} is a {row['class']}, no {entity.name}")
        version = thing.values.get(VERSION)
        if version is not None and version != row[VERSION]:
            raise StoreLockError(
                f"Row was updated or deleted by another transaction: {entity.name} {thing.id}"
            )
        columns = self._columns(thing)
        columns.pop(VERSION, None)
        self._check_external(thing, row, columns)
        changed = {name: value for name, value in columns.items() if row[name] != value}
        elements = self._elements_changed(thing)
        if not changed and not elements:
            self._show(thing, row)
            return
        self._check_edit(entity, row)
        self._check_required(thing)
        if VERSION in row:
            changed[VERSION] = row[VERSION] + 1
        if has_details(entity):
            changed["details_updateEvent"] = self.transaction.event
        assignments = ", ".join(f"{quoted(name)} = ?" for name in changed)
        if changed:
            self.transaction.execute(
                f"UPDATE {quoted(entity.table.name)} SET {assignments} WHERE id = ?",  # noqa: S608
                [*changed.values(), thing.id],
            )
        if elements:
            self._write_elements(thing)
        self.transaction.log("UPDATE", thing.entity, thing.id or 0)
        self._show(thing, {**row, **changed})

    def _check_edit(self, entity: Entity, row: dict[str, Any]) -> None:
        session = self.transaction.session
        if not has_details(entity):
            if not session.is_admin:
                raise StoreSecurityViolation(f"only administrators change a {entity.name}")
            return
        group = self.transaction.groups.get(row["details_group"])
        if not permissions_of(session.member, row["details_owner"], group)["canEdit"]:
            raise StoreSecurityViolation(f"the user may not change {entity.name} {row['id']}")

    def _check_external(self, thing: Thing, row: dict[str, Any], columns: dict[str, Any]) -> None:
        """Hold that an object's ExternalInfo, once set, stays as it is."""
        before = row.get("details_externalInfo")
        if thing.details is None or "details_externalInfo" not in row:
            return
        given = thing.details.get("externalInfo")
        after = None if given is None else given.id
        if before is None and after is not None:
            columns["details_externalInfo"] = after
        elif before != after:
            raise StoreSecurityViolation("ExternalInfo can be neither changed nor removed")

    def _elements_changed(self, thing: Thing) -> bool:
        if thing.id is None:
            return False
        stored = self.transaction.elements(thing.entity, thing.id)
        return any(
            stored.get(name, []) != [tuple(one) if isinstance(one, list) else one for one in value]
            for name, value in thing.values.items()
            if name in stored and value is not None
        )

    # --- rows ----------------------------------------------------------------------------------

    def _columns(self, thing: Thing) -> dict[str, Any]:
        """Return the columns that the properties of an object fill."""
        columns: dict[str, Any] = {}
        for name, prop in properties_of(self._entity(thing)).items():
            if prop.kind == "scalar":
                columns[name] = thing.values.get(name)
            elif prop.kind == "quantity":
                value, unit = thing.values.get(name) or (None, None)
                columns[name], columns[unit_column(name)] = value, unit
            elif prop.kind in ("reference", "enum"):
                linked = thing.references.get(name)
                columns[name] = None if linked is None else linked.id
        return columns

    def _write_elements(self, thing: Thing) -> None:
        entity = self._entity(thing)
        for name, prop in properties_of(entity).items():
            value = thing.values.get(name)
            if prop.kind != "collection" or prop.target is not None or value is None:
                continue
            table = quoted(elements_table(entity, name))
            self.transaction.execute(f"DELETE FROM {table} WHERE owner = ?", [thing.id])  # noqa: S608
            named = prop.type == "NamedValue"
            columns = "owner, position, name, value" if named else "owner, position, value"
            marks = "?, ?, ?, ?" if named else "?, ?, ?"
            for position, one in enumerate(value):
                self.transaction.execute(
                    f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608
                    [thing.id, position, *(one if named else (one,))],
                )

    def _show(self, thing: Thing, row: dict[str, Any]) -> None:
        if VERSION in row:
            thing.values[VERSION] = row[VERSION]
        if has_details(self._entity(thing)):
            self._show_details(thing, row)

    def _show_details(self, thing: Thing, row: dict[str, Any]) -> None:
        shown: dict[str, Thing | None] = {}
        for name, entity in (
            ("owner", "Experimenter"),
            ("group", "ExperimenterGroup"),
            ("creationEvent", "Event"),
            ("updateEvent", "Event"),
        ):
            shown[name] = self.transaction.stub(entity, row[f"details_{name}"])
        external = (thing.details or {}).get("externalInfo")
        if external is None and row.get("details_externalInfo") is not None:
            external = self.transaction.stub("ExternalInfo", row["details_externalInfo"])
        shown["externalInfo"] = external
        thing.details = shown
        group = self.transaction.groups.get(row["details_group"])
        member = self.transaction.session.member
        thing.permissions = permissions_of(member, row["details_owner"], group)

    def _entity(self, thing: Thing) -> Entity:
        return omero_model().entities[thing.entity]
