"""What `executeOperations` answers: one result per operation, in their order.

Used by `client.py` for reads that travel together, and for writes.
"""

from __future__ import annotations

from typing import Any

from backends.errors import ProtocolError, Source
from backends.openbis.decode import Bean, Decoder

SYNCHRONOUSLY = {"@type": "as.dto.operation.SynchronousOperationExecutionOptions"}
IN_ORDER = SYNCHRONOUSLY | {"executeInOrder": True}


def results_of(root: Any, expected: int) -> list[Bean]:
    """The results as they stand; what is in them may be references.

    Raises:
        ProtocolError: there is another number of them.
    """
    decoder = Decoder(root)
    results = decoder.beans(decoder.bean(root).get("results"))
    if len(results) != expected:
        raise ProtocolError(
            Source.OPENBIS, "openBIS answered another number of operations; tell support."
        )
    return results


def whole_results(root: Any, expected: int) -> list[Bean]:
    """The results with the ids of what was made, and of deletions, written out."""
    decoder = Decoder(root)
    results = []
    for result in results_of(root, expected):
        whole = dict(result)
        if isinstance(result.get("objectIds"), list):
            whole["objectIds"] = decoder.beans(result["objectIds"])
        if result.get("deletionId") is not None:
            whole["deletionId"] = decoder.bean(result["deletionId"])
        results.append(whole)
    return results
