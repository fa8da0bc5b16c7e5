"""The embedded openBIS application server: v3 JSON-RPC over HTTP, in one Starlette application.

`create_openbis_server` serves the real wire protocol in process or on a port: the openBIS adapter
and pybis talk to it as to any server. This module holds transport, envelope, request log and
faults; methods are in `api.py`. It starts from an `OpenbisContent` and keeps no files.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import time
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backends.demo.faults import Faults
from backends.demo.openbis.api import Api
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import (
    ProtocolFailure,
    ServerFailure,
    invalid_request,
    unparsable,
)
from backends.demo.openbis.loading import initial_rows
from backends.demo.openbis.references import Mode, write
from backends.demo.openbis.sessions import Clock, Sessions
from backends.demo.world import OpenbisContent

PATH = "/openbis/openbis/rmi-application-server-v3.json"

_MEDIA_TYPE = "application/json-rpc"
_SERVER_ERROR = b"<html><body><h2>HTTP ERROR 500</h2></body></html>"


class _Broken(Exception):  # noqa: N818 - not an error of ours: the fault that was asked for
    """This call has to fail with a bare HTTP 500."""


def create_openbis_server(
    content: OpenbisContent,
    *,
    faults: Faults | None = None,
    references: Mode = "server",
    project_samples: bool = False,
    clock: Clock = time.time,
) -> Starlette:
    """Build the application.

    Args:
        content: what the installation holds; it is copied.
        faults: how it misbehaves; a host that is off raises `ConnectionError` before any answer.
        references: how repeated objects are written, see `references.py`.
        project_samples: whether samples may belong to a project directly.
        clock: seconds since the epoch, for sessions.

    Returns:
        The application; `state.log` lists the names of the methods called, in order.
    """
    catalog = Catalog(initial_rows(content), project_samples=project_samples)
    endpoint = _Endpoint(
        Api(catalog, Sessions(clock, catalog.tokens)),
        faults or Faults(),
        references,
    )
    # openBIS maps the service inside the web application and once more below its servlet.
    paths = (PATH, PATH.removeprefix("/openbis"))
    methods = ["GET", "POST", "OPTIONS"]
    app = Starlette(routes=[Route(path, endpoint.respond, methods=methods) for path in paths])
    app.state.log = endpoint.log
    app.state.faults = endpoint.faults
    app.state.api = endpoint.api
    return app


class _Endpoint:
    """The one endpoint."""

    def __init__(self, api: Api, faults: Faults, references: Mode) -> None:
        self.api = api
        self.faults = faults
        self.log: list[str] = []
        self._references = references
        faults.on_expire(api.sessions.clear)

    async def respond(self, request: Request) -> Response:
        """Answer one HTTP request."""
        if self.faults.off:
            raise ConnectionError("the embedded openBIS is off")
        if self.faults.latency:
            await asyncio.sleep(self.faults.latency)
        if request.method == "OPTIONS":
            return Response()
        try:
            body = (
                _from_query(request) if request.method != "POST" else _parsed(await request.body())
            )
        except ProtocolFailure as failure:
            return _response(_failed(None, failure), failure.status)
        try:
            if isinstance(body, list):
                answers = [self._answer(part) for part in body]
                return _response([envelope for envelope, _ in answers], 200)
            return _response(*self._answer(body))
        except _Broken:
            return Response(_SERVER_ERROR, 500, media_type="text/html")

    def _answer(self, body: Any) -> tuple[dict[str, Any], int]:
        identity = body.get("id") if isinstance(body, dict) else None
        try:
            method, parameters = _call_of(body)
            self.log.append(method)
            if self.faults.take_failure(method):
                raise _Broken
            result = write(self.api.call(method, parameters), self._references)
            fragment = orjson.Fragment(orjson.dumps(result))
        except (RecursionError, orjson.JSONEncodeError):
            return _failed(identity, ServerFailure("java.lang.StackOverflowError")), 200
        except ServerFailure as failure:
            return _failed(identity, failure), 200
        except ProtocolFailure as failure:
            return _failed(identity, failure), failure.status
        return {"jsonrpc": "2.0", "id": identity, "result": fragment}, 200


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unparsable() from None


def _from_query(request: Request) -> Any:
    """A call by GET: `method`, `id` and `params`, the last as JSON or as base64 of JSON."""
    query = request.query_params
    if "method" not in query:
        raise invalid_request()
    text = query.get("params", "[]").encode()
    with contextlib.suppress(binascii.Error):  # plain JSON, then
        text = base64.b64decode(text, validate=True)
    return {"method": query["method"], "id": query.get("id"), "params": _parsed(text)}


def _call_of(body: Any) -> tuple[str, list[Any]]:
    if not isinstance(body, dict) or not isinstance(body.get("method"), str):
        raise invalid_request()
    parameters = body.get("params")
    if parameters is None:
        return body["method"], []
    if not isinstance(parameters, list):
        raise invalid_request()
    return body["method"], parameters


def _failed(identity: Any, failure: ServerFailure | ProtocolFailure) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": failure.to_json()}


def _response(envelope: Any, status: int) -> Response:
    # A class of our own avoids a charset parameter, which openBIS does not send.
    return Response(
        orjson.dumps(envelope),
        status,
        headers={"content-type": _MEDIA_TYPE, "x-frame-options": "SAMEORIGIN"},
    )
