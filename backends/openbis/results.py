"""What `executeOperations` answers: one result per operation, in their order.

Used by `client.py` for reads that travel together, and for writes.
"""

from __future__ import annotations

from typing import Any

from backends.errors import ProtocolError, Source
from backends.openbis.decode import Bean, Decoder

SYNCHRONOUSLY = {"@type": "as.dto.operation.SynchronousOperationExecutionOptions"}


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
    """The results with the ids of what was made written out."""
    decoder = Decoder(root)
    return [
        result | {"objectIds": decoder.beans(result["objectIds"])}
        if isinstance(result.get("objectIds"), list)
        else result
        for result in results_of(root, expected)
    ]
