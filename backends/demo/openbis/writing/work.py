"""One transaction's worth of changes: who makes them, when, and what its creation ids stand for.

A `Work` is handed to every writer. It resolves ids with the server's own refusals, puts rows into
the catalog, and remembers which kinds were changed. That the whole of it holds or nothing is the
caller's business (`execution.py`), by the catalog's journal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.ids import (
    CREATION_ID,
    identifier_fields,
    key_of_id,
    perm_id_fields,
    shown_id,
)
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.numbering import Numbering
from backends.demo.openbis.rights import Rights

Creation = dict[str, Any]

CREATE_OR_DELETE, UPDATE = "CREATE_OR_DELETE", "UPDATE"

_CODE = re.compile(r"[A-Z0-9_.\-]+")
_IDENTIFIED = frozenset({Kind.PROJECT, Kind.EXPERIMENT, Kind.SAMPLE})
# How the server's message about a code that is not unique calls each kind.
_SUBJECTS = {
    Kind.DATA_SET: "DataSet",
    Kind.PROPERTY_TYPE: "Property type",
    Kind.TERM: "Vocabulary term",
    Kind.AUTHORIZATION_GROUP: "Authorization group",
    Kind.ROLE_ASSIGNMENT: "Role assignment",
    Kind.EXTERNAL_DMS: "External data management system",
    Kind.SAMPLE_TYPE: "Sample type",
    Kind.EXPERIMENT_TYPE: "Experiment type",
    Kind.DATA_SET_TYPE: "Data set type",
    Kind.TAG: "Tag",
}


class Work:
    """The changes of one transaction."""

    def __init__(self, catalog: Catalog, rights: Rights, numbering: Numbering) -> None:
        self.catalog = catalog
        self.rights = rights
        self.numbering = numbering
        self.user = rights.person.user_id
        self.now = numbering.now()
        self.stamps: set[tuple[Kind, str]] = set()
        self._created: dict[str, tuple[Kind, str]] = {}

    # ids ------------------------------------------------------------------------------------

    def key(self, kind: Kind, given: Any) -> str:
        """The key of a row that an id names; refuses what is missing or not visible."""
        if not isinstance(given, dict):
            raise invalid_parameters()
        if given.get("@type") == CREATION_ID:
            known = self._created.get(str(given.get("creationId")))
            if known is None or known[0] is not kind:
                raise missing(kind, given)
            return known[1]
        key = key_of_id(self.catalog, kind, given, self.user)
        if key is None:
            raise missing(kind, given)
        if not self.rights.sees(kind, self.catalog.table(kind).rows[key]):
            raise denied(kind, given)
        return key

    def optional_key(self, kind: Kind, given: Any) -> str | None:
        """The key of a row that an id names, or None when there is no id."""
        return None if given is None else self.key(kind, given)

    def keys(self, kind: Kind, given: Any) -> list[str]:
        """The keys that a list of ids names, each once."""
        ids = [given] if isinstance(given, dict) else given or []
        return list(dict.fromkeys(self.key(kind, each) for each in ids))

    def row(self, kind: Kind, given: Any, field: str) -> Any:
        """The row that the mandatory id of an update names."""
        if given is None:
            raise UserFailure.in_operation(f"{field} cannot be null.")
        return self.catalog.table(kind).rows[self.key(kind, given)]

    def name(self, creation: Creation, kind: Kind, key: str) -> None:
        """Let later ids of this transaction refer to what was created."""
        given = creation.get("creationId")
        if isinstance(given, dict) and given.get("creationId") is not None:
            self._created[str(given["creationId"])] = (kind, key)

    # rows -----------------------------------------------------------------------------------

    def insert(self, kind: Kind, row: Any) -> str:
        """Put a new row, whose key must be new as well."""
        table = self.catalog.table(kind)
        key = table.key(row)
        if key in table.rows:
            raise not_unique(kind)
        table.put(row)
        self.stamps.add((kind, CREATE_OR_DELETE))
        return key

    def change(self, kind: Kind, row: Any, **values: Any) -> Any:
        """Put a row with other values, modified now by this user; returns the new row."""
        if hasattr(row, "modified"):
            values["modified"] = self.now
        if hasattr(row, "modifier"):
            values["modifier"] = self.user
        changed = replace(row, **values)
        self.catalog.table(kind).put(changed)
        self.stamps.add((kind, UPDATE))
        return changed

    def touch(self, kind: Kind, keys: Iterable[str | None]) -> None:
        """Let rows count as modified because a neighbour was."""
        rows = self.catalog.table(kind).rows
        for key in keys:
            row = rows.get(key or "")
            if row is not None and (row.modified, row.modifier) != (self.now, self.user):
                self.change(kind, row)

    def remove(self, kind: Kind, key: str) -> None:
        """Remove a row."""
        self.catalog.table(kind).drop(key)
        self.stamps.add((kind, CREATE_OR_DELETE))

    def shown(self, kind: Kind, row: Any) -> str:
        """How messages show a row that has just been made: `SampleIdentifier = [/A/B]`."""
        if kind in _IDENTIFIED:
            fields = identifier_fields(kind, self.catalog.identifier(kind, row))
        else:
            fields = perm_id_fields(kind, self.catalog.table(kind).key(row))
        return shown_id(kind, fields)

    # refusals -------------------------------------------------------------------------------

    def require(self, kind: Kind, row: Any, allowed: bool, given: Any = None) -> None:
        """Refuse a change of a row unless it is allowed."""
        if not allowed:
            shown = self.shown(kind, row) if given is None else shown_id(kind, given)
            raise UserFailure.in_operation(f"Access denied to object with {shown}.")

    def require_role(self, allowed: bool, roles: str) -> None:
        """Refuse a change that needs one of these roles somewhere."""
        if not allowed:
            reason = f"None of method roles '[{roles}]' could be found in roles of user"
            raise UserFailure.in_operation(
                f"Authorization failure: ERROR: \"{reason} '{self.user}'.\"."
            )


def missing(kind: Kind, given: dict[str, Any]) -> UserFailure:
    """The refusal of an id that names nothing."""
    return UserFailure.in_operation(f"Object with {shown_id(kind, given)} has not been found.")


def denied(kind: Kind, given: dict[str, Any]) -> UserFailure:
    """The refusal of an id whose row the person may not see or change."""
    return UserFailure.in_operation(f"Access denied to object with {shown_id(kind, given)}.")


def not_unique(kind: Kind) -> UserFailure:
    """The refusal of a second row of the same code."""
    subject = _SUBJECTS.get(kind, kind.value.capitalize())
    return UserFailure.in_operation(
        f"{subject} already exists in the database and needs to be unique."
    )


def in_use(subject: str, code: str) -> UserFailure:
    """The refusal to delete what others refer to."""
    return UserFailure.in_operation(
        f"{subject} '{code}' is being used. Delete all connected data  first."
    )


def code_of(creation: Creation, check: Callable[[str], bool] | None = None) -> str:
    """The code of a creation, in upper case; refused when empty or ill-formed."""
    code = text_of(creation.get("code"))
    if not code:
        raise UserFailure.in_operation("Code cannot be empty.")
    return valid_code(code.upper(), check)


def valid_code(code: str, check: Callable[[str], bool] | None = None) -> str:
    """A code, unless it has characters that codes may not have."""
    if not (check(code) if check else _CODE.fullmatch(code)):
        raise UserFailure.in_operation(
            f"The code '{code}' contains illegal characters. Allowed: A-Z, a-z, 0-9 and _, -, ."
        )
    return code


def text_of(value: Any) -> str | None:
    """A text field of a request bean."""
    if value is not None and not isinstance(value, str):
        raise invalid_parameters()
    return value
