"""How an operation goes on, as a subscription."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from api.selection import Info
from api.types.operation import Operation
from api.types.operation_questions import OperationId
from resolvers.errors import BadInput
from resolvers.paging import decode_id


@strawberry.type
class OperationNews:
    """What is told of operations."""

    @strawberry.subscription(
        description="One of your own operations: as it is, and after each change, until it ends."
    )
    async def operation_progress(
        self,
        info: Info,
        id: OperationId,  # noqa: A002
    ) -> AsyncGenerator[Operation, None]:
        """Tell how an operation goes on."""
        context = info.context
        async with aclosing(context.operations().watch(context, native_id(id))) as records:
            async for record in records:
                yield record  # type: ignore[misc] # the record, as in all of `api.types`


def native_id(global_id: str) -> str:
    """The id of an operation behind its global one.

    Raises:
        BadInput: it is another object's.
    """
    kind, native = decode_id(global_id)
    if kind != "Operation":
        raise BadInput(f"This is the id of a {kind}, not of an Operation.")
    return native
