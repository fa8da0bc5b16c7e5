"""Reading operations: search and get of every kind, alone or inside `executeOperations`.

One `Reading` serves one response, so that all its operations share translated beans, as the one
`@id` scope of a response allows.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.beans import ENTITY_FILLERS, Translation
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.criteria import Search
from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.ids import key_of_id, name_of_id
from backends.demo.openbis.kinds import NAMES, Kind
from backends.demo.openbis.options import Options, parse_options
from backends.demo.openbis.references import Bean
from backends.demo.openbis.rights import Rights
from backends.demo.openbis.system_beans import SYSTEM_FILLERS

_FILLERS = {**ENTITY_FILLERS, **SYSTEM_FILLERS}
_OPERATIONS = {
    naming.operation_type(verb): (verb, kind)
    for kind, naming in NAMES.items()
    for verb in ("search", "get")
}


class Reading:
    """What one person reads in one response."""

    def __init__(self, catalog: Catalog, rights: Rights) -> None:
        self._catalog = catalog
        self._rights = rights
        self._me = rights.person.user_id
        self._search = Search(catalog, rights)
        self._translation = Translation(catalog, rights, _FILLERS)
        self._tokens: dict[object, int] = {}

    def search(self, kind: Kind, criteria: Any, options: Any) -> Bean:
        """Search one kind; the total counts all visible matches, whatever the page."""
        if criteria is None:
            raise UserFailure.in_operation("Criteria cannot be null.")
        _require_type(criteria, NAMES[kind].criteria_type)
        fetch = self._options(kind, options)
        keys = self._search.select(kind, criteria)
        return Bean(
            {
                "@type": "as.dto.common.search.SearchResult",
                "@id": None,
                "objects": self._translation.page(kind, keys, fetch),
                "totalCount": len(keys),
            }
        )

    def get(self, kind: Kind, ids: Any, options: Any) -> dict[str, Bean]:
        """Get by ids in request order; what is missing or not visible is left out."""
        return {name_of_id(kind, given): bean for given, bean in self._found(kind, ids, options)}

    def person(self, user_id: str) -> Bean | None:
        """One person's bean with nothing fetched beyond."""
        options = self._options(Kind.PERSON, {"@type": NAMES[Kind.PERSON].options_type})
        return self._translation.one(Kind.PERSON, user_id, options)

    def operation(self, operation: Any) -> Bean:
        """Execute one operation of `executeOperations`."""
        if not isinstance(operation, dict) or operation.get("@type") not in _OPERATIONS:
            raise invalid_parameters()
        operation_type = str(operation["@type"])
        verb, kind = _OPERATIONS[operation_type]
        options = operation.get("fetchOptions")
        result = Bean({"@type": f"{operation_type}Result", "@id": None})
        if verb == "search":
            result["searchResult"] = self.search(kind, operation.get("criteria"), options)
            return result
        found = {
            name_of_id(kind, given): (given, bean)
            for given, bean in self._found(kind, operation.get("objectIds"), options)
        }
        result["ids"] = [Bean({**given, "@id": None}) for given, _ in found.values()]
        result["objects"] = [bean for _, bean in found.values()]
        return result

    def _found(self, kind: Kind, ids: Any, options: Any) -> list[tuple[dict[str, Any], Bean]]:
        fetch = self._options(kind, options)
        if ids is None:
            raise UserFailure.in_operation("Object ids cannot be null.")
        given_ids = [ids] if isinstance(ids, dict) else ids
        rows = self._catalog.table(kind).rows
        found = []
        for given in given_ids:
            key = key_of_id(self._catalog, kind, given, self._me)
            if key is not None and self._rights.sees(kind, rows[key]):
                found.append((given, self._translation.bean(kind, key, rows[key], fetch)))
        return found

    def _options(self, kind: Kind, raw: Any) -> Options:
        if raw is None:
            raise UserFailure.in_operation("Fetch options cannot be null.")
        _require_type(raw, NAMES[kind].options_type)
        return parse_options(raw, self._tokens)


def _require_type(raw: Any, expected: str) -> None:
    if not isinstance(raw, dict) or raw.get("@type", expected) != expected:
        raise invalid_parameters()
