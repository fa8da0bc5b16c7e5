"""Thumbnails: many requests for one picture each, as few calls to OMERO.

A page of pictures comes as a burst of requests. Those of one OMERO session and one size that come
within a moment share one set, whoever of them came first pays. Nothing is remembered afterwards:
OMERO keeps its thumbnails and the browser keeps ours, so a copy here would save little, and a right
that is withdrawn ends at the next request. Called by `api/pictures.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from backends.errors import Source
from backends.lane import Call
from backends.omero.client import OmeroClient
from backends.omero.thumbnails import SET_AT_MOST
from backends.records import ThumbnailRecord
from resolvers.addresses import LARGEST_ID
from resolvers.context import Viewer
from resolvers.errors import Missing

WINDOW: Final = 0.01  # seconds that a set waits for company: browsers come with six at a time

Found = Mapping[int, ThumbnailRecord]


@dataclass(slots=True)
class _Set:
    """Pictures to be asked for together, on the account of the first request."""

    call: Call
    answer: asyncio.Future[Found | Exception]
    images: set[int] = field(default_factory=set)


class Thumbnails:
    """Asks OMERO for thumbnails in sets.

    Args:
        omero: the way to OMERO.
        window: seconds that a set waits for company.
    """

    def __init__(self, omero: OmeroClient, *, window: float = WINDOW) -> None:
        self._omero = omero
        self._window = window
        self._waiting: dict[tuple[SecretStr, int], _Set] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def load(self, viewer: Viewer, image: int, size: int, call: Call) -> ThumbnailRecord:
        """Return the thumbnail of one image, the longer side at most `size` pixels.

        Raises:
            NotSignedIn: the viewer has no session on OMERO.
            Missing: there is no such image, or none that the viewer may see.
            BackendError: OMERO failed, or gave no session for the viewer.
        """
        if viewer.omero is None:
            raise viewer.without(Source.OMERO)
        answer = await self._join(viewer.omero, image, size, call) if image <= LARGEST_ID else {}
        if isinstance(answer, Exception):
            raise answer
        if image not in answer:
            raise Missing(f"There is no image {image} in OMERO that you may see.", Source.OMERO)
        return answer[image]

    async def _join(
        self, session: SecretStr, image: int, size: int, call: Call
    ) -> Found | Exception:
        key = (session, size)
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = _Set(call, loop.create_future())
            loop.call_later(self._window, self._send, key, waiting)
        waiting.images.add(image)
        if len(waiting.images) == SET_AT_MOST:
            self._send(key, waiting)
        # Whoever hangs up leaves the others their answer.
        return await asyncio.shield(waiting.answer)

    def _send(self, key: tuple[SecretStr, int], waiting: _Set) -> None:
        """Ask for a set, unless it was full before its time and is under way already."""
        if self._waiting.get(key) is not waiting:
            return
        del self._waiting[key]
        task = asyncio.create_task(self._ask(*key, waiting))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda _: waiting.answer.cancel())  # no effect once it is answered

    async def _ask(self, session: SecretStr, size: int, waiting: _Set) -> None:
        answer: Found | Exception
        try:
            answer = await self._omero.thumbnails(session, waiting.images, size, waiting.call)
        except Exception as error:  # noqa: BLE001 - raised again in each request of the set
            answer = error
        waiting.answer.set_result(answer)
