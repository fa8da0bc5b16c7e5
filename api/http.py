"""GraphQL over HTTP: one endpoint, from a request's bytes to a response's bytes.

It follows the GraphQL-over-HTTP specification: queries by GET, everything by POST, the response's
media type negotiated, and the status table below. It knows the schema and how to make a context,
both handed in by `api/app.py`; it knows nothing of backends. Reading requests is in
`api/parameters.py`, documents in `api/documents.py`, how errors look in `api/types/errors.py`.

    not a GraphQL request            400 (405, 406, 413, 414, 415 where they say more)
    credentials that cannot be used  401
    document or variables refused    400, or 200 for clients that accept application/json only
    executed, in whole or in part    200
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.documents import Documents, Refusal, operation_of, user_error
from api.execution import Shelves, execute
from api.guard import Limits
from api.observe import RequestRecord, log_failure, record_of
from api.parameters import (
    PLAIN_JSON,
    RESPONSE_JSON,
    Parameters,
    Refused,
    malformed,
    negotiate,
    read_parameters,
)
from api.types.errors import collapse
from resolvers.context import Degradation, Viewer

GRACE: Final = 2.0  # seconds after the deadline in which the lanes' own time-outs still get through


class Context(Protocol):
    """What the endpoint reads off a request's context when it is done; see `resolvers.context`."""

    viewer: Viewer

    @property
    def degradations(self) -> Mapping[Any, Degradation]:
        """The sources that failed below fields which answered all the same."""
        ...

    def sources(self) -> dict[str, str]:
        """The state of each source."""
        ...

    def cost(self) -> dict[str, Any]:
        """What was spent on each source."""
        ...


MakeContext = Callable[[Request], Awaitable[Any]]
FormatError = Callable[[GraphQLError, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wire:
    """What the endpoint is made of.

    Args:
        schema: the Strawberry schema.
        make_context: makes the context of one request; may raise a GraphQLError with its code.
        format_error: turns an error into what the client sees, given the request id.
        collapse: tells errors that say the same once.
        limits: how much one request may ask.
        introspection: whether `__schema` and `__type` are answered.
        suggestions: whether errors may say "Did you mean …?".
        renew: whether a query that has run should run once more, because sessions that are ours
            had expired and are renewed now.
    """

    schema: strawberry.Schema
    make_context: MakeContext
    format_error: FormatError
    limits: Limits
    collapse: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda errors: errors
    introspection: bool = False
    suggestions: bool = False
    renew: Callable[[Any], bool] = lambda context: False  # noqa: ARG005 - named for the reader


class GraphQLEndpoint:
    """The ASGI application behind `/graphql`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._graphql = wire.schema._schema  # noqa: SLF001 - Strawberry names no other way
        self._shelves = Shelves()
        self._documents = Documents(
            self._graphql,
            wire.limits,
            introspection=wire.introspection,
            suggestions=wire.suggestions,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        record = record_of(scope)
        try:
            response = await self.respond(Request(scope, receive), record)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def respond(self, request: Request, record: RequestRecord) -> Response:
        """Turn a request into a response; fills the record in for the log."""
        media = PLAIN_JSON
        try:
            media = negotiate(request.headers.get("accept"))
            parameters = await read_parameters(request, self._wire.limits)
            return await self._answer(request, parameters, media, record)
        except Refused as refused:
            body = self._refusal((refused.error,), record)
            return _response(body, refused.status, media, refused.headers)
        except Refusal as refusal:
            body = self._refusal(refusal.errors, record)
            return _response(body, _status_of_refusal(media), media)

    async def _answer(
        self, request: Request, parameters: Parameters, media: str, record: RequestRecord
    ) -> Response:
        document = self._documents.get(parameters.query)
        operation = operation_of(document, parameters.operation_name)
        if operation is not None:
            record.operation = None if operation.name is None else operation.name.value[:100]
            record.kind = operation.operation.value
            if parameters.reads_only and operation.operation is not OperationType.QUERY:
                raise malformed("GET is for queries only; use POST.", 405, Allow="POST")
            if operation.operation is OperationType.SUBSCRIPTION:
                raise malformed("Subscriptions are not served over this media type.", 406)
        try:
            context = await self._wire.make_context(request)
        except GraphQLError as error:
            raise Refused(401, error, {"WWW-Authenticate": "Bearer"}) from None
        result = await self._execute(document, parameters, context)
        if record.kind == "query" and self._wire.renew(context):
            context = await self._wire.make_context(request)
            result = await self._execute(document, parameters, context)
        if result.data is None and not any(error.path for error in result.errors or ()):
            # Nothing was executed: no such operation, or variables that do not fit.
            raise Refusal(tuple(map(user_error, result.errors or ())))
        return _response(self._result(result, context, record), 200, media)

    async def _execute(
        self, document: Any, parameters: Parameters, context: Any
    ) -> ExecutionResult:
        """Run one operation; the deadline here is the last resort behind the lanes' own."""
        try:
            async with asyncio.timeout(self._wire.limits.deadline_seconds + GRACE):
                result = execute(
                    self._graphql,
                    document,
                    self._shelves,
                    context=context,
                    variables=parameters.variables,
                    operation_name=parameters.operation_name,
                    suggestions=self._wire.suggestions,
                )
                return result if isinstance(result, ExecutionResult) else await result
        except TimeoutError:
            error = GraphQLError(
                "The request took longer than this server's limit; ask for less.",
                extensions={"code": "BACKEND_TIMEOUT", "retryable": True},
            )
            raise Refused(504, error) from None

    def _result(
        self, result: ExecutionResult, context: Context, record: RequestRecord
    ) -> dict[str, Any]:
        cost = context.cost()
        record.viewer = context.viewer.key
        record.calls = cost["calls"]
        record.milliseconds = cost["milliseconds"]
        told = [
            GraphQLError(
                degradation.error.message,
                path=list(degradation.path) or None,
                original_error=degradation.error,
            )
            for degradation in context.degradations.values()
        ]
        errors = collapse(self._format(error, record) for error in [*(result.errors or ()), *told])
        body: dict[str, Any] = {"data": result.data}
        if errors:
            body = {"errors": errors, **body}
        body["extensions"] = {
            "requestId": record.request_id,
            "sources": context.sources(),
            "cost": cost,
        }
        return body

    def _refusal(self, errors: tuple[GraphQLError, ...], record: RequestRecord) -> dict[str, Any]:
        record.refused = True
        return {
            "errors": [self._format(error, record) for error in errors],
            "extensions": {"requestId": record.request_id},
        }

    def _format(self, error: GraphQLError, record: RequestRecord) -> dict[str, Any]:
        formatted = self._wire.format_error(error, record.request_id)
        code = formatted.get("extensions", {}).get("code", "INTERNAL")
        record.codes.append(code)
        if code == "INTERNAL":
            log_failure(record.request_id, error.original_error or error)
        return formatted


def _status_of_refusal(media: str) -> int:
    return 400 if media == RESPONSE_JSON else 200


def _response(
    body: dict[str, Any], status: int, media: str, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        orjson.dumps(body, option=orjson.OPT_PASSTHROUGH_DATETIME),
        status,
        {
            "Cache-Control": "no-store",
            "Vary": "Accept, Authorization",
            **(headers or {}),
        },
        f"{media}; charset=utf-8",
    )
