"""GraphQL over WebSocket: the subprotocol graphql-transport-ws.

Strawberry's handler keeps the protocol: its states, ids and close codes. Here is what is ours: who
may connect (a page of another origin may not), the credentials in `connection_init`, the limits,
and running operations as `api/http.py` does. A stopping server closes with 1012, which makes
clients come back. One log line per operation.

    credentials   in the handshake's headers, or in the payload of `connection_init` under the same
                  names: `Authorization`, or `X-openBIS-Token` and `X-OMERO-Session`
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final, cast

import orjson
from graphql import OperationType
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived
from strawberry.http.websocket_origin import is_same_origin
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL as PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.unset import UNSET

from api.auth import Visitor
from api.documents import Refusal
from api.drain import Drain
from api.execution import encode
from api.limits import limit_error
from api.observe import RequestRecord, log_failure, open_record
from api.operations import Body, Operations
from api.parameters import Refused, checked, malformed

SERVICE_RESTART: Final = 1012
LONGEST_ID: Final = 128  # characters of an operation's id
INIT_SECONDS: Final = 10.0
CREDENTIALS: Final = ("authorization", "x-openbis-token", "x-omero-session")


class WebSocketEndpoint:
    """The ASGI application behind the WebSocket address.

    Args:
        operations: runs what is asked.
        drain: tells when the server is stopping.
        origins: pages of these origins may connect, besides our own.
        init_seconds: how long a client may take until it sends `connection_init`.
    """

    def __init__(
        self,
        operations: Operations,
        drain: Drain,
        *,
        origins: frozenset[str] = frozenset(),
        init_seconds: float = INIT_SECONDS,
    ) -> None:
        self._operations = operations
        self._drain = drain
        self._origins = origins
        self._init = timedelta(seconds=init_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it is closed."""
        socket = WebSocket(scope, receive, send)
        if self._drain.draining or not self._is_welcome(socket):
            await socket.close()  # before it is accepted: the handshake is answered with 403
            return
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            await socket.close(4406, f"Subprotocol not acceptable: use {PROTOCOL}")
            return
        await socket.accept(subprotocol=PROTOCOL)
        connection = _Connection(self._operations, socket)
        handler = _Handler(
            view=cast("Any", connection),
            websocket=_Adapter(cast("Any", connection), socket, socket),
            context=connection,
            root_value=None,
            schema=cast("Any", None),  # operations are run by `Operations`
            connection_init_wait_timeout=self._init,
        )
        await self._serve(handler, socket)

    async def _serve(self, handler: _Handler, socket: WebSocket) -> None:
        """Serve until the client leaves, the server stops, or the connection is too old."""
        serving = asyncio.ensure_future(handler.handle())
        stopping = asyncio.ensure_future(self._drain.wait())
        try:
            await asyncio.wait(
                {serving, stopping},
                timeout=self._operations.limits.subscription_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not serving.done():
                await socket.close(SERVICE_RESTART, "Connect again")
        except (WebSocketDisconnect, RuntimeError):
            pass  # it was gone already
        finally:
            for task in (serving, stopping):
                task.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)

    def _is_welcome(self, socket: WebSocket) -> bool:
        """Whether no page of another origin opens it; programs send no Origin."""
        origin = socket.headers.get("origin")
        return (
            origin is None
            or origin in self._origins
            or is_same_origin(origin, socket.headers.get("host"))
        )


class _Connection:
    """What Strawberry's handler takes for its view, and for the context of a connection."""

    def __init__(self, operations: Operations, socket: WebSocket) -> None:
        self.operations = operations
        self.scope = socket.scope
        self.connection_params: Mapping[str, Any] = {}
        self._handshake = socket.headers
        self._peer = "" if socket.client is None else socket.client.host
        self._is_of_our_page = is_same_origin(
            socket.headers.get("origin", ""), socket.headers.get("host")
        )

    def visitor(self, request_id: str) -> Visitor:
        """Return who connected: the first message's credentials, else the handshake's."""
        given = {
            name.lower(): value
            for name, value in self.connection_params.items()
            if name.lower() in CREDENTIALS and isinstance(value, str)
        }
        if given:
            return Visitor(given, request_id, self._peer)
        return Visitor(self._handshake, request_id, self._peer, self._is_of_our_page)

    async def on_ws_connect(self, context: object) -> object:
        """Take the credentials, or close the connection with 4403."""
        del context
        try:
            await self.operations.admit(self.visitor(""))
        except Refused:
            raise ConnectionRejectionError from None
        return UNSET

    def decode_json(self, text: str) -> object:
        """Read a message."""
        return orjson.loads(text)

    def encode_json(self, message: object) -> str:
        """Write a message."""
        return encode(message).decode()


class _Adapter(ASGIWebSocketAdapter):
    """Lets through what can be a message of the protocol at all."""

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        """Yield the messages."""
        del ignore_parsing_errors
        while self.ws.application_state is not WebSocketState.DISCONNECTED:
            try:
                message = orjson.loads(await self.ws.receive_text())
            except KeyError:
                raise NonTextMessageReceived from None
            except orjson.JSONDecodeError:
                raise NonJsonMessageReceived from None
            except WebSocketDisconnect:
                return
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message; one to a client that has just gone is dropped."""
        try:
            await super().send_json(message)
        except RuntimeError:  # Starlette's word for a closed connection
            return


class _Handler(BaseGraphQLTransportWSHandler[Any, None]):
    """Strawberry's protocol with operations of ours."""

    async def handle_message(self, message: Any) -> None:
        """Refuse what is malformed before it is looked into."""
        if _is_message(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Failed to parse message")

    async def handle_subscribe(self, message: Any) -> None:
        """Begin an operation: as Strawberry does, but a query may be named by its extensions."""
        name, payload = message["id"], message["payload"]
        if not self.connection_acknowledged:
            await self.websocket.close(code=4401, reason="Unauthorized")
        elif name in self.operations:
            await self.websocket.close(code=4409, reason=f"Subscriber for {name} already exists")
        elif len(self.operations) >= (limit := self.context.operations.limits.subscriptions):
            error = limit_error("operations at one time over one WebSocket", limit)
            body = self.context.operations.refusal((error,), open_record(self.context.scope))
            await self.send_message({"id": name, "type": "error", "payload": body["errors"]})
        else:
            operation: Operation[Any, None] = Operation(self, name, "", None, None)
            operation.task = asyncio.create_task(self._run(operation, payload))
            self.operations[name] = operation

    async def _run(self, operation: Operation[Any, None], payload: dict[str, Any]) -> None:
        """Run one operation to its end, and log it."""
        connection: _Connection = self.context
        record = open_record(connection.scope)
        operations = connection.operations
        try:
            async with aclosing(self._bodies(payload, record)) as bodies:
                async for body in bodies:
                    await self._say(operation, "next", body)
            await self._say(operation, "complete")
            record.status = 200
        except Refused as refused:
            record.status = refused.status
            body = operations.refusal((refused.error,), record)
            await self._say(operation, "error", body["errors"])
        except Refusal as refusal:
            await operations.hold_up(refusal)
            record.status = 400
            body = operations.refusal(refusal.errors, record)
            await self._say(operation, "error", body["errors"])
        except Exception as error:  # noqa: BLE001 - nothing may leak; the connection goes on
            log_failure(record.request_id, error)
            record.status = 500
            await self._say(operation, "complete")
        finally:
            if self.operations.get(operation.id) is operation:
                del self.operations[operation.id]
            operations.report(record)

    async def _bodies(
        self, payload: dict[str, Any], record: RequestRecord
    ) -> AsyncGenerator[Body, None]:
        connection: _Connection = self.context
        operations = connection.operations
        parameters = checked(payload, operations.limits, reads_only=False)
        prepared = await operations.prepare(parameters, record)
        visitor = connection.visitor(record.request_id)
        if prepared.incremental:
            raise malformed("`@defer` and `@stream` have no form over WebSocket; use HTTP.", 406)
        if prepared.kind is OperationType.SUBSCRIPTION:
            async with aclosing(await operations.subscribe(prepared, visitor, record)) as events:
                async for body in events:
                    yield body
        else:
            yield await operations.answer(prepared, visitor, record)

    async def _say(self, operation: Operation[Any, None], kind: str, payload: Any = None) -> None:
        message = {"id": operation.id, "type": kind}
        if payload is not None:
            message["payload"] = payload
        if self.operations.get(operation.id) is operation:  # else the client has completed it
            await operation.send_operation_message(cast("Any", message))


def _is_message(message: Any) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] in {"subscribe", "complete"}:
        operation = message.get("id")
        if not isinstance(operation, str) or not 0 < len(operation) <= LONGEST_ID:
            return False
    return message["type"] != "subscribe" or isinstance(message.get("payload"), dict)
