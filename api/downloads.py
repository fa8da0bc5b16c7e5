"""The exports of frozen cohorts, over HTTP.

With the viewer's own sessions, taken from the same headers as for `/graphql`; what the viewer may
not see entirely is not handed out. A file is made when it is first asked for, then kept, so a
download that broke off goes on where it was (`Range` with `If-Range`). The `ETag` is the digest of
what was frozen (and of the split), `Repr-Digest` that of the file's bytes. Errors are JSON in the
common shape. Routes are put in place by `api/app.py`.

    GET, HEAD /cohorts/{number}/{file}?split=train:0.8,test:0.2&salt=…
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.byte_range import Unsatisfiable, is_another, is_current, span_of
from api.observe import RequestRecord, error_response, record_of
from api.split_query import read_plan
from api.types.errors import code_of
from backends.errors import BackendError
from backends.folder import StoredFile
from link_store.errors import LinkStoreError
from resolvers.cohorts import division, snapshots, visibility
from resolvers.cohorts.shelf import FORMATS, Division, ExportFormat, digest_of
from resolvers.context import RequestContext
from resolvers.errors import BadInput, Missing, NotInstalled, ResolverError

MakeContext: TypeAlias = Callable[[Request], Awaitable[RequestContext]]

VARY: Final = "Authorization, X-OMERO-Session, X-openBIS-Token"
LONGEST_ID: Final = 18  # digits of a 64-bit number
KNOWN: Final = frozenset({"split", "salt", "stratifyBy", "together"})
_FORMATS: Final = {facts.file: format_ for format_, facts in FORMATS.items()}
_STATUS: Final = {
    "BAD_USER_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "SESSION_EXPIRED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "BACKEND_UNAVAILABLE": 503,
    "BACKEND_TIMEOUT": 504,
}
_FURTHER: Final = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}
_OURS: Final = (GraphQLError, BackendError, ResolverError, LinkStoreError)


@dataclass(frozen=True, slots=True)
class Downloads:
    """The endpoint below `/cohorts`.

    Args:
        make_context: makes the context of a request, with its viewer.
    """

    make_context: MakeContext

    def routes(self) -> tuple[Route, ...]:
        """Return the route."""
        return (Route("/cohorts/{number}/{file}", self.download, methods=["GET"]),)

    async def download(self, request: Request) -> Response:
        """Answer with a file, a part of it, or 304 if the client has it."""
        record = record_of(request.scope)
        context: RequestContext | None = None
        try:
            number, format_ = _wanted(request)
            context = await self.make_context(request)
            found, tag = await _export(context, number, format_, request)
            return _respond(request, record, context, found, format_, tag)
        except _OURS as error:
            return _refused(error, record)
        finally:
            if context is not None:
                record.account(context.viewer.key, context.cost())
                context.close()


async def _export(
    context: RequestContext, number: int, format_: ExportFormat, request: Request
) -> tuple[StoredFile, str]:
    """The file and its tag, for a viewer who may have it."""
    if unknown := sorted(request.query_params.keys() - KNOWN):
        raise BadInput(f"There is no parameter `{unknown[0]}`; there are {', '.join(KNOWN)}.")
    plan = read_plan(request.query_params)
    snapshot = await visibility.readable(context, number)
    await visibility.require_whole(context, snapshot)
    divided: Division | None = None
    if plan is not None:
        divided = (await division.divide(context, snapshot, plan)).division
    found = await context.services.shelf.export(snapshots.frozen_of(snapshot), format_, divided)
    digest = digest_of(snapshot.digest, None if plan is None else plan.canonical())
    return found, f'"{digest}"'


def _wanted(request: Request) -> tuple[int, ExportFormat]:
    """The snapshot's number and the format, from the path.

    Raises:
        Missing: there is no such file.
    """
    text, file = request.path_params["number"], request.path_params["file"]
    if not (text.isascii() and text.isdecimal()) or len(text) > LONGEST_ID:
        raise Missing(snapshots.NO_SUCH)
    format_ = _FORMATS.get(file)
    if format_ is None:
        raise Missing(f"A cohort can be had as {', '.join(_FORMATS)}.")
    return int(text), format_


def _respond(
    request: Request,
    record: RequestRecord,
    context: RequestContext,
    found: StoredFile,
    format_: ExportFormat,
    tag: str,
) -> Response:
    facts = FORMATS[format_]
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",  # rights are asked for each time
        "Vary": VARY,
        # What is small and JSON is compressed on its way, and parts of that cannot be put together.
        "Accept-Ranges": "bytes" if facts.is_table else "none",
    }
    if is_another(request.headers, tag):
        message = "The file is not the one that you have a part of; begin again."
        return error_response(412, "BAD_USER_INPUT", message, record, headers=headers)
    if is_current(request.headers, tag):
        return Response(status_code=304, headers=headers)
    checksum = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    headers |= {
        "Content-Type": facts.media_type,
        "Content-Disposition": f'attachment; filename="{facts.file}"',
        "Repr-Digest": f"sha-256=:{checksum}:",
        "X-Content-Type-Options": "nosniff",
    }
    try:
        span = span_of(request.headers, tag, found.size) if facts.is_table else None
    except Unsatisfiable:
        message = f"The file has {found.size} bytes; there is nothing beyond."
        headers["Content-Range"] = f"bytes */{found.size}"
        del headers["Content-Type"], headers["Content-Disposition"]
        return error_response(416, "BAD_USER_INPUT", message, record, headers=headers)
    start, end = (0, found.size) if span is None else (span.start, span.end)
    headers["Content-Length"] = str(end - start)
    if span is not None:
        headers["Content-Range"] = span.header(found.size)
    status = 200 if span is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_blocks(context, found, start, end), status, headers)


async def _blocks(
    context: RequestContext, found: StoredFile, start: int, end: int
) -> AsyncIterator[bytes]:
    """The bytes; a folder that fails now cuts the connection, so that nothing looks whole."""
    async for block in context.services.shelf.blocks(found.path, start, end):
        yield block


def _refused(
    error: GraphQLError | BackendError | ResolverError | LinkStoreError, record: RequestRecord
) -> Response:
    if isinstance(error, GraphQLError):  # the door's
        code = str((error.extensions or {}).get("code", "UNAUTHENTICATED"))
    else:
        code = code_of(error)
    status = 501 if isinstance(error, NotInstalled) else _STATUS.get(code, 502)
    headers = {"Cache-Control": "no-store", "Vary": VARY, **_FURTHER.get(status, {})}
    retryable = bool(getattr(error, "retryable", False))
    return error_response(status, code, error.message, record, retryable=retryable, headers=headers)
