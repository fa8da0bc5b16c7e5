"""The values that search results and fetched relations are sorted by.

Fields are those of the v3 sort options: attributes, `PROPERTY` followed by a property code (or
`PROPERTY.` and the code), and `ORDINAL` of terms. Values without an entry come last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import TYPE_OF, Kind

_ATTRIBUTES = {
    "CODE": "code",
    "TYPE": "type",
    "ORDINAL": "ordinal",
    "REGISTRATION_DATE": "registered",
    "MODIFICATION_DATE": "modified",
}
_MISSING = frozenset(
    {
        (Kind.PERSON, "CODE"),
        *((kind, "TYPE") for kind in Kind if kind not in TYPE_OF),
        *((kind, "ORDINAL") for kind in Kind if kind is not Kind.TERM),
    }
)
_IDENTIFIED = frozenset({Kind.SPACE, Kind.PROJECT, Kind.EXPERIMENT, Kind.SAMPLE})


class Sorting:
    """Sort values of rows, by key."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def value_of(self, kind: Kind) -> Callable[[str, str], Any]:
        """A function from a row's key and a sort field to the value to sort by."""
        rows = self._catalog.table(kind).rows

        def value(key: str, field: str) -> Any:
            return self._value(kind, key, rows[key], field)

        return value

    def _value(self, kind: Kind, key: str, row: Any, field: str) -> Any:
        if field == "PERM_ID":
            return key
        if field == "IDENTIFIER" and kind in _IDENTIFIED:
            return self._catalog.identifier(kind, row)
        if field.startswith("PROPERTY") and kind in TYPE_OF:
            return self._property(row, field.removeprefix("PROPERTY").lstrip(".").upper())
        attribute = _ATTRIBUTES.get(field)
        if attribute is None or (kind, field) in _MISSING:
            raise UserFailure.in_operation(f"Sorting by '{field}' is not supported.")
        return getattr(row, attribute, getattr(row, "registered", self._catalog.founded))

    def _property(self, row: Any, code: str) -> Any:
        text = row.properties.get(code)
        known = self._catalog.property_types.rows.get(code)
        if text is None or known is None or known.data_type not in {"INTEGER", "REAL"}:
            return text
        return float(text)
