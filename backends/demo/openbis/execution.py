"""The operations of one call, reads and writes, alone or together as one transaction.

Several operations run in the server's own order, whatever theirs is: deletions, creations from
what others refer to onwards, updates, gets, searches, others. Results come in the order of the
request. That nothing is left of a call that fails is seen to in `api.py`.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import ServerFailure, UserFailure, invalid_parameters
from backends.demo.openbis.ids import key_of_id, perm_id_fields
from backends.demo.openbis.kinds import NAMES, Kind
from backends.demo.openbis.numbering import Numbering
from backends.demo.openbis.operations import Reading
from backends.demo.openbis.references import Bean
from backends.demo.openbis.rights import Rights
from backends.demo.openbis.writing import trash
from backends.demo.openbis.writing.vocabularies import replace_term
from backends.demo.openbis.writing.work import Work
from backends.demo.openbis.writing.writers import TRASHED, WRITERS

_OPERATIONS = {
    naming.operation_type(verb): (verb, kind)
    for kind, naming in NAMES.items()
    for verb in ("delete", "create", "update", "get", "search")
} | {
    "as.dto.deletion.confirm.ConfirmDeletionsOperation": ("confirm", Kind.DELETION),
    "as.dto.deletion.revert.RevertDeletionsOperation": ("revert", Kind.DELETION),
}
_VERBS = ("delete", "create", "update", "get", "search", "confirm", "revert")
_CREATION_ORDER = [*WRITERS]
# What a personal access token may not be used for, and how the refusal calls it.
_NOT_BY_TOKEN = {
    Kind.PERSON: "persons",
    Kind.PERSONAL_ACCESS_TOKEN: "personal access tokens",
}


class Execution:
    """The operations of one person's call.

    Args:
        catalog: what is read and changed; its transaction is the caller's.
        rights: the person's.
        numbering: clock and counters.
        by_token: whether a personal access token was used instead of a session.
    """

    def __init__(
        self, catalog: Catalog, rights: Rights, numbering: Numbering, *, by_token: bool = False
    ) -> None:
        self._catalog = catalog
        self._by_token = by_token
        self.work = Work(catalog, rights, numbering)

    def create(self, kind: Kind, creations: Any) -> list[Bean]:
        """Create entities; returns their ids in the order of the creations."""
        function = WRITERS[kind].create if kind in WRITERS else None
        if function is None:
            raise invalid_parameters()
        self._require_session(kind)
        keys = function(self.work, _kept(_beans(creations, "Creations")))
        return [Bean(perm_id_fields(kind, key)) for key in keys]

    def update(self, kind: Kind, updates: Any) -> list[Bean]:
        """Update entities; returns their ids."""
        function = WRITERS[kind].update if kind in WRITERS else None
        if function is None:
            raise invalid_parameters()
        self._require_session(kind)
        keys = function(self.work, _kept(_beans(updates, "Updates")))
        return [Bean(perm_id_fields(kind, key)) for key in keys]

    def delete(self, kind: Kind, ids: Any, options: Any) -> Bean | None:
        """Delete entities: at once, or to the trash, whose deletion id is returned."""
        self._require_session(kind)
        given_ids = _beans(ids, f"{NAMES[kind].bean} ids")
        if options is None:
            raise ServerFailure("Deletion options cannot be null (Context: [])")
        if options.get("reason") is None:
            raise ServerFailure("Deletion reason cannot be null (Context: [])")
        if kind in TRASHED:
            deletion = trash.trash(self.work, kind, given_ids, str(options["reason"]))
            return None if deletion is None else Bean(perm_id_fields(Kind.DELETION, deletion))
        function = WRITERS[kind].delete if kind in WRITERS else None
        if function is None:
            raise invalid_parameters()
        if kind is Kind.TERM:
            self._replace_terms(options.get("replacements") or [])
        for given in given_ids:
            key = key_of_id(self._catalog, kind, given, self.work.user)
            if key is not None:  # what does not exist needs no deletion
                self.work.key(kind, given)
                function(self.work, key, given)
        return None

    def confirm(self, ids: Any) -> None:
        """Make deletions permanent."""
        trash.confirm(self.work, _beans(ids, "Deletion ids"))

    def revert(self, ids: Any) -> None:
        """Bring entities back from the trash."""
        trash.revert(self.work, _beans(ids, "Deletion ids"))

    def operations(self, operations: list[Any], *, in_order: bool = False) -> list[Bean]:
        """Execute several operations; results in the order of the request."""
        known = [self._known(operation) for operation in operations]
        order = list(range(len(operations)))
        if not in_order:
            order.sort(key=lambda at: _rank(*known[at]))
        results: dict[int, Bean] = {}
        reading: Reading | None = None
        for at in order:
            verb, kind = known[at]
            if verb in {"get", "search"}:
                # After a write a reading would hand out what it translated before it.
                reading = reading or self.reading()
                results[at] = reading.operation(operations[at])
            else:
                results[at] = self._write(verb, kind, operations[at])
                reading = None
        return [results[at] for at in range(len(operations))]

    def reading(self) -> Reading:
        """What the person may read now."""
        return Reading(self._catalog, Rights(self._catalog, self.work.rights.person))

    def _known(self, operation: Any) -> tuple[str, Kind]:
        known = None
        if isinstance(operation, dict):
            known = _OPERATIONS.get(str(operation.get("@type")))
        if known is None:
            raise invalid_parameters()
        return known

    def _write(self, verb: str, kind: Kind, operation: dict[str, Any]) -> Bean:
        result = Bean({"@type": f"{operation['@type']}Result", "@id": None})
        if verb == "create":
            result["objectIds"] = self.create(kind, operation.get("creations"))
        elif verb == "update":
            result["objectIds"] = self.update(kind, operation.get("updates"))
        elif verb == "delete":
            deletion = self.delete(kind, operation.get("objectIds"), operation.get("options"))
            if kind in TRASHED:
                result["deletionId"] = deletion
        elif verb == "confirm":
            self.confirm(operation.get("deletionIds"))
        else:
            self.revert(operation.get("deletionIds"))
        return result

    def _replace_terms(self, replacements: Any) -> None:
        for replacement in replacements:
            old = self.work.key(Kind.TERM, replacement.get("replacedId"))
            replace_term(self.work, old, self.work.key(Kind.TERM, replacement.get("replacementId")))

    def _require_session(self, kind: Kind) -> None:
        if self._by_token and kind in _NOT_BY_TOKEN:
            raise UserFailure(
                f"Personal access tokens cannot be used to manage {_NOT_BY_TOKEN[kind]}."
            )


def _beans(given: Any, what: str) -> list[Any]:
    """A list parameter; a bare object is accepted where a list is expected."""
    if given is None:
        raise UserFailure.in_operation(f"{what} cannot be null.")
    found = [given] if isinstance(given, dict) else given
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise invalid_parameters()
    return found


def _kept(beans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Refuse what would be lost in silence: nothing is frozen here, and no files are kept."""
    for bean in beans:
        attached = bean.get("attachments")
        if isinstance(attached, dict):  # a list update
            attached = any(action.get("items") for action in attached.get("actions") or ())
        if attached or any(bean[key] is True for key in bean if key.startswith("freeze")):
            raise ServerFailure(
                "The embedded openBIS neither freezes entities nor keeps attachments (Context: [])"
            )
    return beans


def _rank(verb: str, kind: Kind) -> tuple[int, int]:
    at = _CREATION_ORDER.index(kind) if kind in WRITERS else 0
    if verb == "delete":
        return _VERBS.index(verb), -at
    return _VERBS.index(verb), at if verb in {"create", "update"} else 0
