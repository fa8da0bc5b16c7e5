"""Cancelling operations and letting them go on, as mutations; and what all registrations share."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Annotated, Any, TypeAlias

import strawberry

from api.selection import Info
from api.types.errors import code_of, code_of_kind
from api.types.operation import Operation
from api.types.operation_news import native_id
from api.types.operation_questions import OperationId
from api.types.source import Source, own
from api.types.user_error import UserError
from backends.errors import AccessDenied, InvalidRequest, NotFound
from link_store.errors import ClaimTaken, InvalidLink, LinkConflict, LinkStoreError, StaleRevision
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.errors import BadInput, Missing, NotSignedIn, TooLate

LONGEST_WAIT = 300

Key: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "A text of your choice, such as a UUID: sending the same request with the same key "
            "again does it once. Yours alone; other users' keys do not matter."
        )
    ),
]
DryRun: TypeAlias = Annotated[
    bool, strawberry.argument(description="Whether only to tell if it could be done.")
]
Seconds: TypeAlias = Annotated[
    float,
    strawberry.argument(
        description=(
            "How long to wait for its end before answering; the operation goes on in any case. "
            "0 answers at once."
        )
    ),
]
# What a user can mend; anything else is an error of the whole mutation.
MENDABLE = (
    BadInput,
    Missing,
    NotSignedIn,
    TooLate,
    AccessDenied,
    InvalidRequest,
    NotFound,
    ClaimTaken,
    InvalidLink,
    LinkConflict,
    StaleRevision,
)


@strawberry.type(description="What became of the wish to change an operation.")
class OperationPayload:
    """The operation after it."""

    operation: Operation | None = own("The operation as it is now.")
    user_errors: list[UserError] = own("Why it could not be done, if so.")


@strawberry.type(description="Operations.")
class OperationCommands:
    """The part of `Mutation` that steers registrations."""

    @strawberry.mutation(description="End one of your operations; what it has done is taken back.")
    async def cancel_operation(self, info: Info, id: OperationId) -> OperationPayload:  # noqa: A002
        """Cancel an operation."""
        context = info.context
        record, errors = await attempt(context.operations().cancel(context, native_id(id)))
        return OperationPayload(operation=record, user_errors=errors)

    @strawberry.mutation(
        description=(
            "Let one of your operations that waits for a login go on with the sessions of this "
            "request. A `login` does that for all of them."
        )
    )
    async def resume_operation(self, info: Info, id: OperationId) -> OperationPayload:  # noqa: A002
        """Give an operation fresh sessions."""
        context = info.context
        record, errors = await attempt(context.operations().resume(context, native_id(id)))
        return OperationPayload(operation=record, user_errors=errors)


async def attempt(work: Awaitable[Any]) -> tuple[Any, list[UserError]]:
    """Await some work; what the user can mend comes back as user errors."""
    try:
        return await work, []
    except MENDABLE as error:
        return None, [user_error(error)]


def user_error(error: Exception, field: str | None = None) -> UserError:
    """Say of an error what a payload says."""
    source = getattr(error, "source", None)
    if isinstance(error, LinkStoreError):
        source = "LINK_STORE"
    return UserError(
        code=code_of(error),
        message=str(getattr(error, "message", "")),
        field=field or getattr(error, "field", None),
        source=None if source is None else Source(str(source)),
    )


async def registered(
    context: RequestContext, work: Awaitable[OperationRecord | None], wait: float
) -> tuple[OperationRecord | None, list[UserError]]:
    """Await a registration's acceptance and, for a while, its end.

    Returns:
        The operation as it is then (none for a dry run, or when it was not accepted), and what the
        user can mend, be it told before or by the operation.
    """
    record, errors = await attempt(work)
    if record is None:
        return None, errors
    seconds = max(0.0, min(wait, LONGEST_WAIT))
    if context.call.deadline is not None:
        seconds = min(seconds, max(0.0, context.call.deadline - time.monotonic() - 1.0))
    if not record.is_final:
        record = await context.operations().wait(context, record.id, seconds)
    return record, [told_error(record)] if record.error and record.is_final else []


def told_error(record: OperationRecord) -> UserError:
    """Say why an operation failed."""
    error = record.error or {}
    source = error.get("source")
    return UserError(
        code=code_of_kind(str(error.get("kind"))),
        message=str(error.get("message")),
        field=None,
        source=None if source is None else Source(source),
    )
