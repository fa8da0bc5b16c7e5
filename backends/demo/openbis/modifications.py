"""When anything of a kind was last created, deleted or updated: the poll that invalidates caches.

As on the real server this is known since the server's start only, and stamped with the beginning
of the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backends.demo.openbis.data_criteria import Unsupported, members
from backends.demo.openbis.errors import ServerFailure, UserFailure
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.references import Bean
from backends.demo.openbis.values import short_name
from backends.demo.openbis.writing.work import CREATE_OR_DELETE, UPDATE

_BEAN = "as.dto.objectkindmodification.ObjectKindModification"


class Modifications:
    """The stamps of all kinds."""

    def __init__(self, started: int) -> None:
        self._stamps = {
            (kind, operation): started for kind in Kind for operation in (CREATE_OR_DELETE, UPDATE)
        }

    def stamp(self, stamps: Iterable[tuple[Kind, str]], moment: int) -> None:
        """Note what a transaction has changed."""
        for stamp in stamps:
            self._stamps[stamp] = moment

    def search(self, criteria: Any, options: Any) -> Bean:
        """The stamps of the kinds and operations that the criteria name; of all by default."""
        if criteria is None:
            raise UserFailure.in_operation("Criteria cannot be null.")
        if options is None:
            raise UserFailure.in_operation("Fetch options cannot be null.")
        found = dict(self._stamps)
        for item in members(criteria):
            name = short_name(item)
            if name == "ObjectKindCriteria":
                wanted, position = set(item.get("objectKinds") or []), 0
            elif name == "OperationKindCriteria":
                wanted, position = set(item.get("operationKinds") or []), 1
            else:
                raise ServerFailure(f"Unsupported criterion type: {Unsupported(name)}")
            found = {key: moment for key, moment in found.items() if key[position] in wanted}
        objects = [
            Bean(
                {
                    "@type": _BEAN,
                    "@id": None,
                    "objectKind": kind.value,
                    "operationKind": operation,
                    "lastModificationTimeStamp": moment,
                }
            )
            for (kind, operation), moment in found.items()
        ]
        start, count = options.get("from") or 0, options.get("count")
        page = objects[start:] if count is None else objects[start : start + count]
        return Bean(
            {
                "@type": "as.dto.common.search.SearchResult",
                "@id": None,
                "objects": page,
                "totalCount": len(objects),
            }
        )
