"""Operations, as questions: one of one's own, or all of them, newest first."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.selection import Info
from api.types.connection import After, Before, Connection, First, Last, paginate
from api.types.entities import read_node
from api.types.operation import Operation
from backends.filters import Sort
from link_store.operation_records import OperationState
from resolvers.paging import Window

OperationId = Annotated[strawberry.ID, strawberry.argument(description="The operation's id.")]


@strawberry.type(description="Operations.")
class OperationQuestions:
    """The part of `Query` that tells of registrations."""

    @strawberry.field(description="One of your own operations.")
    async def operation(self, info: Info, id: OperationId) -> Operation | None:  # noqa: A002
        """Read one operation."""
        return await read_node(info.context, id, {}, expected="Operation")

    @strawberry.field(description="Your own operations, newest first.")
    async def operations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        states: Annotated[
            list[OperationState] | None,
            strawberry.argument(description="Only operations in these states."),
        ] = None,
    ) -> Connection[Operation] | None:
        """List the viewer's operations."""
        context = info.context
        return await paginate(
            info,
            Window(first, after, last, before),
            Sort("operation", descending=True),
            lambda page, _tree: context.operations().of_viewer(context, page, states or ()),
        )
