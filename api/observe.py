"""What an operator sees: a request id, one JSON line per request, health, readiness, draining.

`Observation` is the outermost layer of the application. It opens a `RequestRecord` for each
request, which `api/http.py` fills in, and writes it as one line when the response has gone. A
record holds no query text, no variables, no names of users and no secrets; a failure is logged by
its type and the places it passed, never by its message, which may quote data.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import RETRY_AFTER, Admission
from api.cost import Cost
from api.drain import Drain

REQUESTS: Final = logging.getLogger("omnibis.request")
FAILURES: Final = logging.getLogger("omnibis.failure")
_SANE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
STOPPING: Final = "This server is stopping; try again."
HEALTH: Final = ("/healthz", "/readyz", "/metrics")
_QUIET: Final = (*HEALTH, "/explorer/")


@dataclass(slots=True)
class RequestRecord:
    """One request, as it is logged."""

    request_id: str
    method: str
    path: str
    started: float = field(default_factory=time.monotonic)
    operation: str | None = None  # its name, as the client gives it
    kind: str | None = None  # query, mutation or subscription
    viewer: str | None = None  # a hash
    calls: Mapping[str, int] = field(default_factory=dict)
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    nodes: int = 0  # objects with ids that were answered
    codes: list[str] = field(default_factory=list)
    refused: bool = False  # nothing was run, although the status may be 200
    status: int = 0
    asked: Cost | None = None  # as estimated
    place: ExitStack = field(default_factory=ExitStack, repr=False)  # among the requests under way

    def account(self, viewer: str, cost: Mapping[str, Any]) -> None:
        """Add what one execution spent; a subscription has one for each event."""
        self.viewer = viewer
        self.calls = _sums(self.calls, cost["calls"])
        self.milliseconds = _sums(self.milliseconds, cost["milliseconds"])
        self.nodes += cost.get("nodes", 0)

    def line(self) -> dict[str, Any]:
        """Return what is logged."""
        return {
            "requestId": self.request_id,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "outcome": self.outcome,
            "operation": self.operation,
            "kind": self.kind,
            "viewer": self.viewer,
            "asked": None if self.asked is None else self.asked.told(),
            "calls": dict(self.calls),
            "milliseconds": dict(self.milliseconds),
            "nodes": self.nodes,
            "codes": sorted(set(self.codes)),
            "duration": round((time.monotonic() - self.started) * 1000, 1),
        }

    @property
    def outcome(self) -> str:
        """How it ended: ok, partial, refused or aborted."""
        if self.status == 0:
            return "aborted"
        if self.refused or self.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
            return "refused"
        return "partial" if self.codes else "ok"


def _sums(sums: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sums.get(name, 0) + more.get(name, 0) for name in {**sums, **more}}


def record_of(scope: Scope) -> RequestRecord:
    """Return the record of a request, as `Observation` opened it."""
    record = scope.get("omnibis.record")
    if not isinstance(record, RequestRecord):
        record = scope["omnibis.record"] = open_record(scope)
    return record


def open_record(scope: Scope) -> RequestRecord:
    """Open a record; a sane `X-Request-Id` is kept, so that a proxy's log and ours meet."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(8)
    method = scope.get("method", "WEBSOCKET")
    return RequestRecord(request_id, method, _sane_path(scope["path"]))


def _sane_path(path: str) -> str:
    return path if len(path) <= 100 and path.isprintable() else "(long)"  # noqa: PLR2004


class Observation:
    """The outermost layer: request id, log line, and 503 while stopping or full.

    Args:
        app: what is observed.
        drain: whether the server is stopping.
        admission: how many requests may be under way.
        report: told of each request when it is over.
    """

    def __init__(
        self,
        app: ASGIApp,
        drain: Drain,
        admission: Admission | None = None,
        report: Callable[[RequestRecord], None] | None = None,
    ) -> None:
        self._app = app
        self._drain = drain
        self._admission = admission
        self._report = report or log_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Observe one request; other kinds of connection pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = scope["omnibis.record"] = open_record(scope)

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = record.request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            refusal = None if record.path in HEALTH else self._refusal(record)
            if refusal is not None:
                await refusal(scope, receive, observed)
            else:
                await self._app(scope, receive, observed)
        except asyncio.CancelledError:
            if record.status or not self._drain.draining:
                raise
            # The time in which a stopping server finishes its requests is over.
            await _later(record, "BACKEND_UNAVAILABLE", STOPPING)(scope, receive, observed)
        except Exception as error:  # the last place to catch it: nothing may leak
            log_failure(record.request_id, error)
            if record.status:
                raise  # the response has begun; only the connection can tell that it is broken
            await _broken(record)(scope, receive, observed)
        finally:
            record.place.close()
            self._report(record)

    def _refusal(self, record: RequestRecord) -> Response | None:
        if self._drain.draining and record.path == "/graphql":
            return _later(record, "BACKEND_UNAVAILABLE", STOPPING)
        if self._admission is None:
            return None
        if self._admission.is_full:
            return _later(record, "LIMIT_EXCEEDED", "This server is busy; try again soon.")
        record.place.enter_context(self._admission.one())
        return None


def log_request(record: RequestRecord) -> None:
    """Write the one line of a request, or of an operation that came by WebSocket."""
    quiet = record.path.startswith(_QUIET) and record.status < 400  # noqa: PLR2004
    REQUESTS.log(logging.DEBUG if quiet else logging.INFO, "request", extra=record.line())


def _later(record: RequestRecord, code: str, message: str) -> Response:
    headers = {"Retry-After": RETRY_AFTER}
    return error_response(503, code, message, record, retryable=True, headers=headers)


def _broken(record: RequestRecord) -> Response:
    return error_response(
        500, "INTERNAL", "Something went wrong here; quote the request id to the operator.", record
    )


def error_response(
    status: int,
    code: str,
    message: str,
    record: RequestRecord,
    *,
    retryable: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make a response in the one shape of errors, for a request that never reached GraphQL."""
    record.codes.append(code)
    extensions = {"code": code, "retryable": retryable, "requestId": record.request_id}
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return Response(orjson.dumps(body), status, headers, "application/json; charset=utf-8")


def log_failure(request_id: str, error: BaseException) -> None:
    """Log what we did not foresee: its type and where it passed, not what it says."""
    kinds: list[str] = []
    places: list[list[str]] = []
    seen: BaseException | None = error
    while seen is not None and len(kinds) < 5:  # noqa: PLR2004 - a chain may be long
        kinds.append(type(seen).__name__)
        frames = traceback.extract_tb(seen.__traceback__)[-12:]
        places.append([f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames])
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    extra = {"requestId": request_id, "errors": kinds, "places": places}
    FAILURES.error("failure", extra=extra)


class JsonLines(logging.Formatter):
    """One JSON object per line: what `extra` holds, and nothing that could quote data."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one log record."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if not record.name.startswith("omnibis"):
            line["logger"] = record.name
        line.update((k, v) for k, v in vars(record).items() if k not in _STANDARD)
        if record.exc_info and record.exc_info[0]:
            line["errors"] = [record.exc_info[0].__name__]
        return orjson.dumps(line, default=str).decode()


_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "color_message",
}


def configure_logging(level: str) -> None:
    """Send omnibis's own lines, and warnings of the libraries below, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("omnibis").setLevel(level.upper())


Readiness = Callable[[], Awaitable[dict[str, str]]]


class Health:
    """`/healthz` says that the process answers; `/readyz` that it can do its work.

    Args:
        readiness: tells the state of each part: `OK`, or in a word what is wrong.
        drain: a stopping server is not ready.
        required: the parts that decide; a backend may be down and the other side still answers.
    """

    def __init__(
        self,
        readiness: Readiness,
        drain: Drain,
        required: frozenset[str] = frozenset({"database"}),
    ) -> None:
        self._readiness = readiness
        self._drain = drain
        self._required = required

    async def healthz(self, request: Request) -> Response:
        """Answer that we are alive."""
        del request
        return _status(200, {"status": "OK"})

    async def readyz(self, request: Request) -> Response:
        """Answer whether requests should be sent here."""
        try:
            parts = await self._readiness()
        except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
            log_failure(record_of(request.scope).request_id, error)
            parts = {"database": "UNAVAILABLE"}
        ready = not self._drain.draining and all(
            parts.get(name, "OK") == "OK" for name in self._required
        )
        state = "DRAINING" if self._drain.draining else "OK" if ready else "NOT_READY"
        return _status(200 if ready else 503, {"status": state, **parts})


def _status(code: int, body: dict[str, str]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), code, headers, "application/json; charset=utf-8")
