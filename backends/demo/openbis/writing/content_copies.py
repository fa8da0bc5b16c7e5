"""Where the content of LINK data sets lies: copies in external data management systems.

Older clients name one system and one code on the data set itself; that is kept as its only copy.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rows import ContentCopy, DataSet
from backends.demo.openbis.writing.changes import Update, actions, is_changed, new_value
from backends.demo.openbis.writing.work import Creation, Work


def new_copies(work: Work, linked: Creation | None) -> dict[str, Any]:
    """The fields of a new LINK data set."""
    if linked is None:
        raise UserFailure.in_operation("Linked data cannot be null for a link data set.")
    given = linked.get("contentCopies") or []
    copies = [_copy(work, each) for each in ([given] if isinstance(given, dict) else given)]
    code = linked.get("externalCode")
    if linked.get("externalDmsId") is not None:
        copies.append(_copy(work, {"externalDmsId": linked["externalDmsId"], "externalId": code}))
    return {"external_code": code, "content_copies": tuple(copies)}


def changed_copies(work: Work, row: DataSet, linked: Update) -> dict[str, Any]:
    """The fields of a LINK data set after an update of its linked data."""
    copies = {copy.perm_id: copy for copy in row.content_copies}
    for verb, items in actions(linked, "contentCopies"):
        if verb == "Remove":
            for item in items:
                copies.pop(str(item.get("permId")), None)
            continue
        if verb == "Set":
            copies.clear()
        for item in items:
            copy = _copy(work, item)
            copies[copy.perm_id] = copy
    changed: dict[str, Any] = {"content_copies": tuple(copies.values())}
    if is_changed(linked, "externalCode"):
        changed["external_code"] = new_value(linked, "externalCode")
    return changed


def _copy(work: Work, creation: Creation) -> ContentCopy:
    if creation.get("externalDmsId") is None:
        raise UserFailure.in_operation("External data management system id cannot be null.")
    return ContentCopy(
        work.numbering.perm_id(),
        work.key(Kind.EXTERNAL_DMS, creation["externalDmsId"]),
        creation.get("externalId"),
        creation.get("path"),
        creation.get("gitCommitHash"),
        creation.get("gitRepositoryId"),
    )
