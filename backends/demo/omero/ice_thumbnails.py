"""`ThumbnailStore` of the embedded OMERO: pictures drawn from the model (`pictures.py`).

A store is stateful: `setPixelsId` says of what a single picture is; the sets are asked for by ids.
"""

from __future__ import annotations

from typing import Any

from backends.demo.omero.ice_errors import misused
from backends.demo.omero.ice_servant import Call
from backends.demo.omero.ice_values import plain

DEFAULT_SIDE = 48


class ThumbnailStore:
    """The operations of `ThumbnailStore`; `forget` gives its identity up."""

    def __init__(self, forget: Any) -> None:
        self._forget = forget
        self._pixels: int | None = None

    def setPixelsId(self, call: Call, number: int) -> bool:
        """Say which Pixels single pictures are of, and whether there are rendering settings."""
        self._pixels = number
        return self._draw(call, [number], DEFAULT_SIDE)[number] is not None

    def getThumbnailByLongestSideSet(
        self, call: Call, size: Any, ids: list[int]
    ) -> dict[int, bytes]:
        """Return pictures by Pixels id; those that cannot be drawn are missing."""
        return self._set(call, ids, plain(size))

    def getThumbnailSet(
        self, call: Call, width: Any, height: Any, ids: list[int]
    ) -> dict[int, bytes]:
        """Return pictures that fit into a box, by Pixels id."""
        return self._set(call, ids, _box(width, height))

    def getThumbnailByLongestSide(self, call: Call, size: Any) -> bytes:
        """Return the picture of the Pixels that were set."""
        return self._single(call, plain(size))

    def getThumbnailByLongestSideDirect(self, call: Call, size: Any) -> bytes:
        """Return the picture of the Pixels that were set, drawn anew."""
        return self._single(call, plain(size))

    def getThumbnail(self, call: Call, width: Any, height: Any) -> bytes:
        """Return the picture of the Pixels that were set, fitting into a box."""
        return self._single(call, _box(width, height))

    def getThumbnailDirect(self, call: Call, width: Any, height: Any) -> bytes:
        """Return the picture of the Pixels that were set, fitting into a box, drawn anew."""
        return self._single(call, _box(width, height))

    def getThumbnailWithoutDefault(self, call: Call, width: Any, height: Any) -> bytes:
        """Return the picture of the Pixels that were set; here there always is one."""
        return self._single(call, _box(width, height))

    def thumbnailExists(self, call: Call, width: Any, height: Any) -> bool:
        """Say whether there is a picture."""
        return self._pixels is not None

    def isInProgress(self, call: Call) -> bool:
        """Say whether a picture is still being made: never."""
        return False

    def getRenderingDefId(self, call: Call) -> int:
        """Return an id for the rendering settings, of which there are none."""
        return -1

    def resetDefaults(self, call: Call) -> bool:
        """Say that rendering settings are there."""
        return True

    def activate(self, call: Call) -> None:
        """Do nothing."""

    def passivate(self, call: Call) -> None:
        """Do nothing."""

    def close(self, call: Call) -> None:
        """Give the store up."""
        self._forget()

    def _single(self, call: Call, side: int | None) -> bytes:
        if self._pixels is None:
            raise misused("call setPixelsId first")
        found = self._draw(call, [self._pixels], side)[self._pixels]
        if found is None:
            raise misused(f"there is no picture of Pixels {self._pixels}")
        return found

    def _set(self, call: Call, ids: list[int], side: int | None) -> dict[int, bytes]:
        found = self._draw(call, ids, side)
        return {number: picture for number, picture in found.items() if picture is not None}

    def _draw(self, call: Call, ids: list[int], side: int | None) -> dict[int, bytes | None]:
        return call.store.thumbnails(
            call.session, ids, DEFAULT_SIDE if side is None else side, group=call.group
        )


def _box(width: Any, height: Any) -> int | None:
    sides = [side for side in (plain(width), plain(height)) if side is not None]
    return max(sides) if sides else None
