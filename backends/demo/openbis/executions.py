"""Operations that are asked for now and looked at later: the asynchronous `executeOperations`.

The embedded server executes them at once and keeps the outcome until it is asked for. Outcomes
live in memory, as long as the process does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from backends.demo.openbis.errors import ProtocolFailure, ServerFailure
from backends.demo.openbis.numbering import Numbering
from backends.demo.openbis.options import options_bean, parse_options
from backends.demo.openbis.references import Bean

_PACKAGE = "as.dto.operation"
_FIELDS = (
    *("permId", "code", "state", "owner", "description", "notification"),
    *("availability", "availabilityTime", "summary", "summaryAvailability"),
    *("summaryAvailabilityTime", "details", "detailsAvailability", "detailsAvailabilityTime"),
    *("creationDate", "startDate", "finishDate"),
)


class Executions:
    """The asynchronous executions of this process."""

    def __init__(self, numbering: Numbering) -> None:
        self._numbering = numbering
        self._kept: dict[str, dict[str, Any]] = {}

    def run(self, user: str, options: dict[str, Any], execute: Callable[[], list[Bean]]) -> Bean:
        """Execute and keep the outcome; returns the results bean with the execution's id."""
        given = options.get("executionId")
        key = str(given.get("permId")) if isinstance(given, dict) else self._numbering.perm_id()
        kept = {"user": user, "description": options.get("description"), "results": None}
        kept |= {"error": None, "begun": self._numbering.now()}
        try:
            kept["results"] = execute()
        except (ServerFailure, ProtocolFailure) as failure:
            kept["error"] = str(failure)
        kept["ended"] = self._numbering.now()
        self._kept[key] = kept
        results_type = f"{_PACKAGE}.AsynchronousOperationExecutionResults"
        return Bean({"@type": results_type, "@id": None, "executionId": _perm_id(key)})

    def get(self, user: str, ids: list[Any], options: dict[str, Any]) -> dict[str, Bean]:
        """The executions of these ids that are the person's own."""
        fetch = parse_options(options, {})
        found = {}
        for given in ids:
            key = str(given.get("permId"))
            kept = self._kept.get(key)
            if kept is not None and kept["user"] == user:
                bean = _bean(key, kept)
                bean["fetchOptions"] = options_bean(fetch, {})
                if "details" in fetch.relations:
                    bean["details"] = _details(kept)
                found[key] = bean
        return found


def _bean(key: str, kept: dict[str, Any]) -> Bean:
    bean = Bean({"@type": f"{_PACKAGE}.OperationExecution", "@id": None, "fetchOptions": None})
    bean.update(dict.fromkeys(_FIELDS))
    bean["permId"], bean["code"] = _perm_id(key), key
    bean["state"] = "FINISHED" if kept["error"] is None else "FAILED"
    bean["description"] = kept["description"]
    for field in ("availability", "summaryAvailability", "detailsAvailability"):
        bean[field] = "AVAILABLE"
    bean["creationDate"] = bean["startDate"] = kept["begun"]
    bean["finishDate"] = kept["ended"]
    return bean


def _details(kept: dict[str, Any]) -> Bean:
    details = Bean({"@type": f"{_PACKAGE}.OperationExecutionDetails", "@id": None})
    details |= {"fetchOptions": None, "operations": None, "progress": None}
    error = kept["error"]
    details["error"] = error and Bean(
        {"@type": f"{_PACKAGE}.OperationExecutionError", "@id": None, "message": error}
    )
    # Writing an answer consumes its beans, and this one may be asked for again.
    details["results"] = copy.deepcopy(kept["results"])
    return details


def _perm_id(key: str) -> Bean:
    return Bean({"@type": f"{_PACKAGE}.id.OperationExecutionPermId", "@id": None, "permId": key})
