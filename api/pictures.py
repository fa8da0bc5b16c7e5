"""Thumbnails for `<img>`, and the way into OMERO.web for a viewer who is signed in here.

Both act with the viewer's own sessions, taken from the same headers as for `/graphql`. A picture
that OMERO has not got is answered with a placeholder and status 200, told by a header: every
browser shows it, and 404 is left to say that there is no such image for this viewer. Errors are
JSON in the common shape. Routes are put in place by `api/app.py`.

    GET, HEAD /images/{id}/thumbnail?size=96   a JPEG file
    GET       /images/{id}/viewer              303 to OMERO.web, with a session made for this
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.auth import Visitor, visitor_of
from api.door import Door
from api.observe import RequestRecord, error_response, record_of
from api.placeholder import placeholder
from api.types.errors import code_of
from backends.errors import BackendError, SessionExpired, Source
from backends.lane import Call, Meter
from backends.records import ThumbnailRecord
from resolvers import addresses
from resolvers.context import RequestContext, Services, Viewer
from resolvers.errors import BadInput, Missing, ResolverError
from resolvers.pictures import Thumbnails

USUAL_SIZE: Final = 96
FRESH_SECONDS: Final = 300
FRESH_PLACEHOLDER_SECONDS: Final = 30  # OMERO may have drawn it by then
PLACEHOLDER_HEADER: Final = "X-Omnibis-Placeholder"
VARY: Final = "Authorization, X-OMERO-Session, X-openBIS-Token"
LONGEST_ID: Final = 19  # digits of a 64-bit number
LONGEST_SIZE: Final = 4
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


@dataclass(frozen=True, slots=True)
class Pictures:
    """The endpoints below `/images`.

    Args:
        services: the way to OMERO and the address of OMERO.web.
        door: says whose request it is.
        thumbnails: the sets that pictures are asked for in.
        seconds: how long one request may take.
    """

    services: Services
    door: Door
    thumbnails: Thumbnails
    seconds: float

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of both endpoints."""
        viewer = Route("/images/{image}/viewer", self.viewer)
        viewer.methods = {"GET"}  # without HEAD: a session is not to be opened in passing
        return (Route("/images/{image}/thumbnail", self.thumbnail), viewer)

    async def thumbnail(self, request: Request) -> Response:
        """Answer with a JPEG file, or with 304 if the client has it."""
        record, call = record_of(request.scope), self._call()
        try:
            image, size = _image(request), _size(request)
            found = await self._thumbnail(request, image, size, call)
        except (GraphQLError, BackendError, ResolverError) as error:
            return _refused(error, record)
        finally:
            _account(record, call)
        return _picture(request, found, size)

    async def viewer(self, request: Request) -> Response:
        """Send the viewer to the image in OMERO.web, signed in with a session made for that.

        The session is a second one that ends by itself, since its id will stand in the browser's
        history; it appears in the `Location` of this answer and nowhere else.
        """
        record, call = record_of(request.scope), self._call()
        try:
            image = _image(request)
            viewer = await self.door.viewer(_visitor(request), call)
            record.viewer = viewer.key
            context = RequestContext(viewer, self.services, record.request_id, call)
            location = await addresses.signed_in(context, image)
        except (GraphQLError, BackendError, ResolverError) as error:
            return _refused(error, record)
        finally:
            _account(record, call)
        return Response(
            status_code=303,
            headers={
                "Location": location,
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "Vary": VARY,
            },
        )

    def _call(self) -> Call:
        return Call(Meter(), time.monotonic() + self.seconds)

    async def _thumbnail(
        self, request: Request, image: int, size: int, call: Call
    ) -> ThumbnailRecord:
        viewer = await self.door.viewer(_visitor(request), call)
        record_of(request.scope).viewer = viewer.key
        try:
            return await self.thumbnails.load(viewer, image, size, call)
        except SessionExpired as error:
            renewed = await self._renewed(request, viewer, error, call)
            if renewed is None:
                raise
        return await self.thumbnails.load(renewed, image, size, call)

    async def _renewed(
        self, request: Request, viewer: Viewer, error: SessionExpired, call: Call
    ) -> Viewer | None:
        """The viewer with a new session, where sessions are ours to renew."""
        now = await self.door.viewer(_visitor(request), call)
        if now.omero == viewer.omero:  # else another request of the same page was first
            if not self.door.renew(viewer, {Source.OMERO: error}):
                return None
            now = await self.door.viewer(_visitor(request), call)
        return now


def _visitor(request: Request) -> Visitor:
    """Who asks; an `<img>` can send nothing but a cookie."""
    return visitor_of(request, record_of(request.scope).request_id, takes_cookie=True)


def _image(request: Request) -> int:
    """The image's id from the path.

    Raises:
        Missing: it is none.
    """
    text: str = request.path_params["image"]
    if not (text.isascii() and text.isdecimal()) or len(text) > LONGEST_ID:
        raise Missing("Give the id of an image in OMERO: /images/1/thumbnail.")
    return int(text)


def _size(request: Request) -> int:
    """The length of the longer side that is asked for.

    Raises:
        BadInput: it is no number, out of range, or given twice.
    """
    given = request.query_params.getlist("size") or [str(USUAL_SIZE)]
    text = given[0]
    if len(given) > 1 or not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_SIZE):
        raise BadInput(f"Give `size` once, as a number of pixels: ?size={USUAL_SIZE}.")
    size = int(text)
    addresses.check_size(size)
    return size


def _picture(request: Request, found: ThumbnailRecord, size: int) -> Response:
    body = found.jpeg
    headers = {"Cache-Control": f"private, max-age={FRESH_SECONDS}", "Vary": VARY}
    if body is None:
        body = placeholder(size, found.size_x, found.size_y)
        headers["Cache-Control"] = f"private, max-age={FRESH_PLACEHOLDER_SECONDS}"
        headers[PLACEHOLDER_HEADER] = "true"
    tag = headers["ETag"] = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    headers |= {"X-Content-Type-Options": "nosniff", "Content-Length": str(len(body))}
    return Response(b"" if request.method == "HEAD" else body, 200, headers, "image/jpeg")


def _has(request: Request, tag: str) -> bool:
    """Whether the client has the picture with this tag already."""
    tags = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
    return "*" in tags or tag in (given.removeprefix("W/") for given in tags)


def _refused(error: GraphQLError | BackendError | ResolverError, record: RequestRecord) -> Response:
    if isinstance(error, GraphQLError):  # the door's
        code = str((error.extensions or {}).get("code", "UNAUTHENTICATED"))
    else:
        code = code_of(error)
    status = _STATUS.get(code, 502)
    headers = {"Cache-Control": "no-store", "Vary": VARY, **_FURTHER.get(status, {})}
    retryable = bool(getattr(error, "retryable", False))
    return error_response(status, code, error.message, record, retryable=retryable, headers=headers)


def _account(record: RequestRecord, call: Call) -> None:
    """Tell the log what was spent; a set is paid by the request that opened it."""
    meter = call.meter
    record.calls = {source.value.lower(): count for source, count in meter.calls.items()}
    record.milliseconds = {
        source.value.lower(): round(spent, 1) for source, spent in meter.milliseconds.items()
    }
