"""An answer in parts over HTTP: `multipart/mixed`, one JSON body for each part.

As the incremental-delivery proposal for GraphQL over HTTP has it; Strawberry frames the parts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.responses import StreamingResponse
from strawberry.http.streaming import MultipartTransport

from api.execution import encode
from api.operations import Body

_FRAMES: Final = MultipartTransport()
_HEADERS: Final = {
    **_FRAMES.headers,
    "Cache-Control": "no-store, no-transform",
    "Vary": "Accept, Authorization",
    "X-Accel-Buffering": "no",
}


def multipart_response(bodies: AsyncGenerator[Body, None]) -> StreamingResponse:
    """Send each body as soon as it is there."""
    return StreamingResponse(_FRAMES.stream(lambda: bodies, _text)(), headers=_HEADERS)


def _text(body: Any) -> str:
    return encode(body).decode()
