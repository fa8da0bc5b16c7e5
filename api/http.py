"""GraphQL over HTTP: one endpoint, from a request's bytes to a response's bytes.

It follows the GraphQL-over-HTTP specification: queries by GET, everything by POST, the response's
media type negotiated, and the status table below; and graphql-sse's distinct connections mode where
a stream of events is accepted. Reading requests is in `api/parameters.py`, what is accepted in
`api/negotiation.py`, running in `api/operations.py`, how errors look in `api/types/errors.py`.

    not a GraphQL request            400 (405, 406, 413, 414, 415 where they say more)
    credentials that cannot be used  401
    body too slow                    408
    too much at one time             429, or 503 when the server is full; with Retry-After
    document or variables refused    400, or 200 for clients that accept application/json only,
                                     or the first event of a stream
    executed, in whole or in part    200
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.auth import visitor_of
from api.documents import Refusal
from api.event_stream import Streams
from api.execution import encode
from api.multipart import multipart_response
from api.negotiation import RESPONSE_JSON, Accepted, negotiate
from api.observe import RequestRecord, record_of
from api.operations import Body, Operations, Prepared
from api.parameters import Refused, malformed, read_parameters

METHODS: Final = "GET, POST"


class GraphQLEndpoint:
    """The ASGI application behind `/graphql`.

    Args:
        operations: runs what is asked.
        streams: sends the results of subscriptions.
    """

    def __init__(self, operations: Operations, streams: Streams) -> None:
        self._operations = operations
        self._streams = streams

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
        accepted = Accepted()
        try:
            accepted = negotiate(request.headers.get("accept"))
            parameters = await read_parameters(request, self._operations.limits)
            prepared = await self._operations.prepare(parameters, record)
            _check(prepared)
            return await self._answer(request, prepared, accepted, record)
        except Refused as refused:
            body = self._operations.refusal((refused.error,), record)
            return json_response(body, refused.status, accepted.media, refused.headers)
        except Refusal as refusal:
            await self._operations.hold_up(refusal)
            body = self._operations.refusal(refusal.errors, record)
            if accepted.streams_only:
                return self._streams.single(body)
            return json_response(body, _status_of_refusal(accepted.media), accepted.media)

    async def _answer(
        self, request: Request, prepared: Prepared, accepted: Accepted, record: RequestRecord
    ) -> Response:
        visitor = visitor_of(request, record.request_id)
        if prepared.kind is OperationType.SUBSCRIPTION:
            if not accepted.streams:
                raise malformed(
                    "Subscriptions are sent as events: accept text/event-stream, or connect by "
                    "WebSocket with the subprotocol graphql-transport-ws.",
                    406,
                )
            events = await self._operations.subscribe(prepared, visitor, record)
            return self._streams.open(events, record)
        if prepared.incremental:
            if not (accepted.parts or accepted.streams):
                raise malformed(
                    "`@defer` and `@stream` are answered in parts: accept multipart/mixed or "
                    "text/event-stream, or leave the directives away.",
                    406,
                )
            bodies = await self._operations.deliver(prepared, visitor, record)
            if accepted.parts and not accepted.streams_only:
                return multipart_response(bodies)
            return self._streams.open(bodies, record)
        work = self._operations.answer(prepared, visitor, record)
        if prepared.kind is OperationType.QUERY:
            body = await _unless_gone(request, work)
        else:  # what writes is brought to its end
            body = await work
        if accepted.streams_only:
            return self._streams.single(body)
        return json_response(body, 200, accepted.media)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Body]) -> Body:
    """Await an answer, or cancel the work when nobody is there any more to have it.

    Raises:
        ClientDisconnect: the client has gone.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _check(prepared: Prepared) -> None:
    if prepared.parameters.reads_only and prepared.kind is OperationType.MUTATION:
        raise malformed("GET is for queries only; use POST.", 405, Allow="POST")


def _status_of_refusal(media: str) -> int:
    return 400 if media == RESPONSE_JSON else 200


def json_response(
    body: dict[str, Any], status: int, media: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Make the response of a single result."""
    return Response(
        encode(body),
        status,
        {
            "Cache-Control": "no-store",
            "Vary": "Accept, Authorization",
            **(headers or {}),
        },
        f"{media}; charset=utf-8",
    )
