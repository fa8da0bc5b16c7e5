"""The embedded openBIS application server: v3 JSON-RPC over HTTP, in one Starlette application.

`create_openbis_server` serves the real wire protocol in process or on a port: the openBIS adapter
and pybis talk to it as to any server. This module holds transport, envelope, request log and
faults; methods are in `api.py`. It starts from an `OpenbisContent`, or goes on from a state file.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backends.demo.faults import Faults, Misbehaviour
from backends.demo.openbis.api import Api
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import (
    ProtocolFailure,
    ServerFailure,
    invalid_request,
    unparsable,
)
from backends.demo.openbis.loading import initial_rows
from backends.demo.openbis.numbering import Numbering
from backends.demo.openbis.references import Mode, write
from backends.demo.openbis.responses import (
    Reset,
    Slow,
    Truncated,
    break_connection,
    cut_json,
    envelope_response,
    page,
)
from backends.demo.openbis.sessions import Clock, Sessions
from backends.demo.openbis.state import StateFile
from backends.demo.world import OpenbisContent

PATH = "/openbis/openbis/rmi-application-server-v3.json"


_UNEXECUTED: dict[Misbehaviour, Callable[[], Response]] = {
    Misbehaviour.SERVER_ERROR: lambda: page(500),
    Misbehaviour.BAD_GATEWAY: lambda: page(502),
    Misbehaviour.RESET: Reset,
}
_SPOILT: dict[Misbehaviour, Callable[[Response], Response]] = {
    Misbehaviour.LOST_ANSWER: lambda _: Reset(),
    Misbehaviour.TRUNCATED: Truncated,
    Misbehaviour.CUT_JSON: cut_json,
}


LOG_LENGTH = 10_000


class RequestLog(list[str]):
    """The names of the methods called last, in order; `counts` has how often each is in it."""

    def note(self, method: str) -> None:
        """Add a call; of many only the later ones are kept."""
        self.append(method)
        if len(self) > LOG_LENGTH:
            del self[: LOG_LENGTH // 2]

    @property
    def counts(self) -> Counter[str]:
        """How often each method was called."""
        return Counter(self)


def create_openbis_server(
    content: OpenbisContent,
    *,
    faults: Faults | None = None,
    references: Mode = "server",
    project_samples: bool = False,
    clock: Clock = time.time,
    state: Path | None = None,
    sessions_per_user: int = 0,
    compress: bool = True,
) -> Starlette:
    """Build the application.

    Args:
        content: what the installation holds at first; it is copied.
        faults: how it misbehaves; a host that is off breaks the connection before any answer.
        references: how repeated objects are written, see `references.py`.
        project_samples: whether samples may belong to a project directly.
        clock: seconds since the epoch, for sessions, dates and permIds.
        state: a file that keeps all changes; if it exists, `content` is not looked at.
        sessions_per_user: sessions of one user at most, 0 for any number.
        compress: whether long answers are compressed for those who take it.

    Returns:
        The application; `state.log` lists the names of the methods called last, in order.

    Raises:
        StateError: the state file cannot be used.
    """
    kept = None if state is None else StateFile(state)
    initial = kept.load() if kept is not None and not kept.is_new else initial_rows(content)
    catalog = Catalog(initial, project_samples=project_samples)
    numbering = Numbering.after(catalog, clock)
    if kept is not None and kept.is_new:
        kept.found(catalog.content(), numbering.to_json())
    elif kept is not None:
        numbering.restore(kept.counters())
    sessions = Sessions(clock, catalog.tokens, per_user=sessions_per_user)
    endpoint = _Endpoint(
        Api(catalog, sessions, numbering, kept), faults or Faults(), references, compress=compress
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

    def __init__(self, api: Api, faults: Faults, references: Mode, *, compress: bool) -> None:
        self.api = api
        self.faults = faults
        self.log = RequestLog()
        self._references = references
        self._compress = compress
        faults.on_expire(api.sessions.clear)

    async def respond(self, request: Request) -> Response:
        """Answer one HTTP request."""
        if self.faults.off:
            await break_connection(request.receive)
            return Reset()
        if request.method == "OPTIONS":
            await self._wait("")
            return Response()
        compress = self._compress and "gzip" in request.headers.get("accept-encoding", "")
        try:
            body = (
                _from_query(request) if request.method != "POST" else _parsed(await request.body())
            )
        except ProtocolFailure as failure:
            await self._wait("")
            return envelope_response(_failed(None, failure), failure.status, compress=compress)
        method = _method_of(body[0] if isinstance(body, list) and body else body)
        await self._wait(method)
        misbehaviour = self.faults.take(method)
        if misbehaviour is None:
            return self._response(body, compress=compress)
        return self._misbehaved(misbehaviour, body, method, compress=compress)

    async def _wait(self, method: str) -> None:
        delay = self.faults.delay(method)
        if delay:
            await asyncio.sleep(delay)

    def _misbehaved(
        self, misbehaviour: Misbehaviour, body: Any, method: str, *, compress: bool
    ) -> Response:
        """An answer that goes wrong, or none; what is not executed is logged all the same."""
        unexecuted = _UNEXECUTED.get(misbehaviour)
        if unexecuted is not None:
            self.log.note(method)
            return unexecuted()
        if misbehaviour is Misbehaviour.LOST_SESSIONS:
            self.faults.expire_sessions()
            return self._response(body, compress=compress)
        answer = self._response(body, compress=False)
        if misbehaviour is Misbehaviour.SLOW_BODY:
            return Slow(answer, self.faults.pace)
        return _SPOILT[misbehaviour](answer)

    def _response(self, body: Any, *, compress: bool) -> Response:
        if isinstance(body, list):
            envelopes = [self._answer(part)[0] for part in body]
            return envelope_response(envelopes, 200, compress=compress)
        envelope, status = self._answer(body)
        return envelope_response(envelope, status, compress=compress)

    def _answer(self, body: Any) -> tuple[dict[str, Any], int]:
        identity = body.get("id") if isinstance(body, dict) else None
        try:
            method, parameters = _call_of(body)
            self.log.note(method)
            result = write(self.api.call(method, parameters), self._references)
            fragment = orjson.Fragment(orjson.dumps(result))
        except (RecursionError, orjson.JSONEncodeError):
            return _failed(identity, ServerFailure("java.lang.StackOverflowError")), 200
        except ServerFailure as failure:
            return _failed(identity, failure), 200
        except ProtocolFailure as failure:
            return _failed(identity, failure), failure.status
        return {"jsonrpc": "2.0", "id": identity, "result": fragment}, 200


def _method_of(body: Any) -> str:
    return str(body.get("method")) if isinstance(body, dict) else ""


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
