"""HTTP answers of the embedded openBIS: envelopes, compressed or not, and broken ones.

A broken answer does on a real socket what its name says: it resets the connection, or ends the
body early. Within a process, where there is no socket, it raises `ConnectionResetError` instead,
which is what a client would see.
"""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/json-rpc"
COMPRESSED_FROM = 2048  # bytes, as Jetty is configured

_PIECES = 4
_PAGES = {
    500: b"<html><body><h2>HTTP ERROR 500</h2></body></html>",
    502: b"<html><head><title>502 Bad Gateway</title></head><body></body></html>",
}


def envelope_response(envelope: Any, status: int, *, compress: bool) -> Response:
    """An envelope as openBIS sends it."""
    body = orjson.dumps(envelope)
    # A class of our own avoids a charset parameter, which openBIS does not send.
    headers = {"content-type": MEDIA_TYPE, "x-frame-options": "SAMEORIGIN"}
    if compress and len(body) >= COMPRESSED_FROM:
        body = gzip.compress(body, compresslevel=1)
        headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
    return Response(body, status, headers=headers)


def page(status: int) -> Response:
    """An HTML page of a server or proxy that is out of order."""
    return Response(_PAGES[status], status, media_type="text/html")


class Reset(Response):
    """No answer at all: the connection is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Break the connection."""
        await break_connection(receive)


class Truncated(Response):
    """The first half of another answer, then a broken connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send half of the body under the length of the whole."""
        body = bytes(self._whole.body)
        await _start(send, self._whole)
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await break_connection(receive)


class Slow(Response):
    """Another answer in pieces, with pauses."""

    def __init__(self, whole: Response, pace: float) -> None:
        super().__init__()
        self._whole = whole
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the pieces."""
        body = bytes(self._whole.body)
        size = max(1, -(-len(body) // _PIECES))
        await _start(send, self._whole)
        for at in range(0, len(body), size):
            await asyncio.sleep(self._pace)
            piece = body[at : at + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def cut_json(whole: Response) -> Response:
    """A complete answer whose JSON ends in the middle."""
    headers = {"content-type": MEDIA_TYPE}
    return Response(bytes(whole.body)[: len(whole.body) // 2], whole.status_code, headers=headers)


async def break_connection(receive: Receive) -> None:
    """Reset the connection of a request, however it came.

    Raises:
        ConnectionResetError: there is no socket; the caller sees what a client would.
    """
    # uvicorn's `receive` belongs to the object that holds the socket; ASGI itself has no word
    # for hanging up.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the embedded openBIS hung up")
    transport.abort()
    await asyncio.sleep(0)  # lets the server notice before it looks for an answer
    await asyncio.sleep(0)


async def _start(send: Send, whole: Response) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": whole.status_code,
            "headers": whole.raw_headers,
        }
    )
