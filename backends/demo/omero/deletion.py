"""What goes when objects of the embedded OMERO are deleted, and how it goes.

`Removal` follows the model as OMERO's graph traversal does: what cannot be without a doomed object
goes with it; what hangs on it by a link goes too unless something else still holds it, the
request keeps it, or the user may not delete it; other references to it are emptied. The rules that
the model does not tell (what an object owns by reference) stand in one table. `objects.py`
opens the transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from backends.demo.omero.errors import StoreSecurityViolation, StoreValidationError
from backends.demo.omero.graph import properties_of
from backends.demo.omero.model import Entity, omero_model
from backends.demo.omero.rights import permissions_of
from backends.demo.omero.tables import elements_table, has_details, quoted
from backends.demo.omero.writing import Transaction

# Who holds what by a reference: it goes with the last of its holders.
OWNED = (
    ("Image", "instrument"),
    ("Image", "objectiveSettings"),
    ("Image", "imagingEnvironment"),
    ("Image", "stageLabel"),
    ("Image", "fileset"),
    ("Channel", "logicalChannel"),
    ("Channel", "statsInfo"),
    ("LogicalChannel", "detectorSettings"),
    ("LogicalChannel", "lightSourceSettings"),
    ("LogicalChannel", "lightPath"),
    ("Instrument", "microscope"),
    ("FilesetEntry", "originalFile"),
    ("FileAnnotation", "file"),
)
# References that may be empty, and yet nothing is left without what they lead to.
PARTS = frozenset({("Roi", "image"), ("Image", "fileset"), ("Shape", "roi")})
# Annotations that somebody shares on purpose: they stay when only their link is deleted.
SHARED = frozenset({"TagAnnotation", "TermAnnotation", "FileAnnotation"})


@dataclass(frozen=True, slots=True)
class ChildOption:
    """What is to become of children of some types, and of annotations in some namespaces only."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include_namespaces: tuple[str, ...] = ()
    exclude_namespaces: tuple[str, ...] = ()

    def decides(self, entity: str, namespace: str | None) -> bool | None:
        """Say whether a child goes whatever holds it, stays, or (None) follows the rule."""
        if self.include_namespaces and namespace not in self.include_namespaces:
            return None
        if namespace is not None and namespace in self.exclude_namespaces:
            return None
        if _is_any_of(entity, self.include):
            return True
        return False if _is_any_of(entity, self.exclude) else None


@dataclass(slots=True)
class Removal:
    """One deletion, planned and then carried out in a transaction."""

    transaction: Transaction
    options: Sequence[ChildOption] = ()
    ignored: Collection[str] = ()
    _doomed: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    _fresh: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    _candidates: dict[tuple[str, int], None] = field(default_factory=dict)

    def plan(self, targets: Mapping[str, Iterable[int]]) -> dict[str, list[int]]:
        """Find out what goes, and return the ids by entity; what is not there is left out.

        Raises:
            StoreSecurityViolation: the user may not delete a target or a part of one.
            StoreValidationError: a type is unknown, or what goes cannot be told apart from the
                rest of its fileset.
        """
        for name, ids in targets.items():
            entity = omero_model().entities.get(name)
            if entity is None:
                raise StoreValidationError(f"unknown type {name!r}")
            rows = [row for number in ids if (row := self.transaction.row(name, number))]
            for row in rows:
                self._check(entity, row)
            self._doom(entity.table, rows)
            if _is_link(entity):
                self._loosen(entity, rows)
        while self._fresh or self._candidates:
            while self._fresh:
                table, rows = self._fresh.pop()
                self._follow(omero_model().entities[table], rows)
            self._judge()
        self._check_filesets()
        found: dict[str, list[int]] = defaultdict(list)
        for doomed in self._doomed.values():
            for number, name in sorted(doomed.items()):
                found[name].append(number)
        return dict(found)

    def carry_out(self) -> None:
        """Delete what was planned, and empty what refers to it."""
        for table, doomed in self._doomed.items():
            ids = json.dumps(list(doomed))
            for holder, name, nullable in _references_to(table):
                if nullable:
                    self.transaction.execute(
                        f"UPDATE {quoted(holder)} SET {quoted(name)} = NULL WHERE {quoted(name)}"  # noqa: S608 - of the model
                        " IN (SELECT value FROM json_each(?))",
                        [ids],
                    )
        for table, doomed in self._doomed.items():
            ids = json.dumps(list(doomed))
            for elements in _elements_of(table):
                self._delete(elements, "owner", ids)
            self._delete(table, "id", ids)
            for number, name in doomed.items():
                self.transaction.log("DELETE", name, number)

    # --- planning ------------------------------------------------------------------------------

    def _doom(self, table: Entity, rows: Iterable[dict[str, Any]]) -> None:
        known = self._doomed[table.name]
        fresh = [row for row in rows if row["id"] not in known]
        for row in fresh:
            known[row["id"]] = row.get("class", table.name)
        if fresh:
            self._fresh.append((table.name, fresh))

    def _follow(self, table: Entity, rows: list[dict[str, Any]]) -> None:
        """Doom what cannot be without these rows, and suspect what only they may hold."""
        ids = [row["id"] for row in rows]
        for holder, name, nullable in _references_to(table.name):
            entity = omero_model().entities[holder]
            if nullable and not any((part, name) in PARTS for part in _names(entity)):
                continue
            found = self._rows(holder, name, ids)
            if _is_link(entity):
                if name == "parent":
                    self._suspect_children(entity, found)
            else:
                for row in found:
                    self._check(entity, row)
            self._doom(entity, found)
        for owner, name in OWNED:
            if owner in _names(table):
                target = str(omero_model().entities[owner].own[name].target)
                self._suspect(target, (row.get(name) for row in rows))
        self._suspect("ExternalInfo", (row.get("details_externalInfo") for row in rows))

    def _suspect(self, entity: str, ids: Iterable[int | None]) -> None:
        table = omero_model().table_of(entity)
        for number in ids:
            if number is not None and number not in self._doomed[table]:
                self._candidates[table, number] = None

    def _suspect_children(self, link: Entity, rows: Iterable[dict[str, Any]]) -> None:
        self._suspect(str(link.own["child"].target), (row["child"] for row in rows))

    def _loosen(self, link: Entity, rows: list[dict[str, Any]]) -> None:
        """Suspect the annotations that links led to which are themselves to be deleted."""
        target = str(link.own["child"].target)
        if target == "Annotation":
            children = {row["child"]: self.transaction.row(target, row["child"]) for row in rows}
            loose = [
                number for number, row in children.items() if row and row["class"] not in SHARED
            ]
            self._suspect(target, loose)

    def _judge(self) -> None:
        """Doom the candidates that nothing holds any more."""
        candidates, self._candidates = self._candidates, {}
        for table, number in candidates:
            row = self.transaction.row(table, number)
            if row is None or number in self._doomed[table]:
                continue
            entity = omero_model().entities[row.get("class", table)]
            decision = self._decision(entity, row.get("ns"))
            if decision is None:
                decision = not self._is_held(entity.table, number)
            if decision and self._may_delete(entity, row):
                self._doom(entity.table, [row])

    def _decision(self, entity: Entity, namespace: str | None) -> bool | None:
        if _is_any_of(entity.name, self.ignored):
            return False
        for option in self.options:
            decided = option.decides(entity.name, namespace)
            if decided is not None:
                return decided
        return None

    def _is_held(self, table: Entity, number: int) -> bool:
        """Say whether something that stays leads to an object."""
        for holder, name, _ in _references_to(table.name):
            entity = omero_model().entities[holder]
            holds = any((owner, name) in OWNED for owner in _names(entity))
            if not holds and not (_is_link(entity) and name == "child"):
                continue
            doomed = self._doomed.get(holder, {})
            if any(row["id"] not in doomed for row in self._rows(holder, name, [number])):
                return True
        return False

    def _check_filesets(self) -> None:
        for number in list(self._doomed.get("Image", ())):
            row = self.transaction.row("Image", number)
            fileset = None if row is None else row["fileset"]
            if fileset is not None and fileset not in self._doomed.get("Fileset", {}):
                raise StoreValidationError(
                    f"may not delete Image[{number}] while Fileset[{fileset}] remains"
                )

    # --- rights and rows -----------------------------------------------------------------------

    def _check(self, entity: Entity, row: dict[str, Any]) -> None:
        if not self._may_delete(entity, row):
            raise StoreSecurityViolation(f"the user may not delete {entity.name} {row['id']}")

    def _may_delete(self, entity: Entity, row: dict[str, Any]) -> bool:
        session = self.transaction.session
        if not has_details(entity):
            return session.is_admin
        group = self.transaction.groups.get(row["details_group"])
        rights = permissions_of(session.member, row["details_owner"], group)
        return bool(rights["canDelete"])

    def _rows(self, table: str, column: str, ids: Sequence[int]) -> list[dict[str, Any]]:
        cursor = self.transaction.execute(
            f"SELECT * FROM {quoted(table)} WHERE {quoted(column)}"  # noqa: S608 - of the model
            " IN (SELECT value FROM json_each(?))",
            [json.dumps(ids)],
        )
        names = [described[0] for described in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor]

    def _delete(self, table: str, column: str, ids: str) -> None:
        self.transaction.execute(
            f"DELETE FROM {quoted(table)} WHERE {column} IN (SELECT value FROM json_each(?))",  # noqa: S608
            [ids],
        )


@cache
def _references_to(table: str) -> list[tuple[str, str, bool]]:
    """List the columns that lead to a table: whose, which, and whether they may be empty."""
    found: dict[tuple[str, str], bool] = {}
    for entity in omero_model().entities.values():
        for name, prop in entity.own.items():
            if prop.kind == "reference" and omero_model().table_of(str(prop.target)) == table:
                found[entity.table.name, name] = prop.nullable
    return [(holder, name, nullable) for (holder, name), nullable in found.items()]


@cache
def _elements_of(table: str) -> list[str]:
    family = omero_model().entities[table].family()
    return [
        elements_table(member, name)
        for member in family
        for name, prop in properties_of(member).items()
        if prop.kind == "collection" and prop.target is None and name in member.own
    ]


def _is_link(entity: Entity) -> bool:
    return "parent" in entity.own and "child" in entity.own and has_details(entity)


def _names(entity: Entity) -> set[str]:
    return {member.name for member in entity.table.family()}


def _is_any_of(entity: str, names: Collection[str]) -> bool:
    for name in names:
        found = omero_model().entities.get(name)
        if found is not None and entity in {member.name for member in found.family()}:
            return True
    return False
