"""Thumbnails of images: their primary pixels in one projection, then pictures in sets of fifty.

OMERO draws a missing picture when it is first asked for, which takes seconds, so a set is no larger
than OMERO.web's own. Nothing is kept here. Called by `client.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from backends.omero import queries
from backends.omero.asking import Ask, together
from backends.records import ThumbnailRecord

SET_AT_MOST: Final = 50
_JPEG: Final = b"\xff\xd8\xff"


async def of_images(ask: Ask, ids: Collection[int], size: int) -> dict[int, ThumbnailRecord]:
    """Return the thumbnails by image id; images that the viewer may not see are missing."""
    chunks = await ask.rows_in(ask.scope(ids), queries.PRIMARY_PIXELS)
    rows = {row[0]: row[1:] for chunk in chunks for row in chunk}
    drawn = [pixels for pixels, _, _ in rows.values() if pixels is not None]
    sets = await together(
        *(
            _pictures(ask, drawn[start : start + SET_AT_MOST], size)
            for start in range(0, len(drawn), SET_AT_MOST)
        )
    )
    pictures = {pixels: jpeg for some in sets for pixels, jpeg in some.items()}
    return {
        image: ThumbnailRecord(width, height, _picture(pictures.get(pixels)))
        for image, (pixels, width, height) in rows.items()
    }


async def _pictures(ask: Ask, pixels_ids: Collection[int], size: int) -> dict[int, bytes | None]:
    return await ask.lane.call(
        "thumbnails",
        lambda: ask.transport.thumbnails(ask.session, tuple(pixels_ids), size),
        ask.call,
    )


def _picture(jpeg: bytes | None) -> bytes | None:
    """The picture, if it is one: it will be served as JPEG whatever it holds."""
    return jpeg if jpeg is not None and jpeg.startswith(_JPEG) else None
