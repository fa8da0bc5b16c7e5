"""The picture that is shown where there is none: a pale frame with a landscape, of any size.

Drawn once per size and kept, since its bytes depend on nothing else. Called by `api/pictures.py`.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

_PAPER: Final = (236, 238, 241)
_INK: Final = (190, 195, 203)
_SCALE: Final = 4  # drawn so much larger, for smooth edges


def placeholder(size: int, width: int | None, height: int | None) -> bytes:
    """Return a JPEG file with the proportions of an image, or a square one, of this longer side."""
    if not width or not height or min(width, height) < 1:
        return _draw(size, size)
    longest = max(width, height)
    return _draw(max(1, round(width * size / longest)), max(1, round(height * size / longest)))


@lru_cache(maxsize=64)
def _draw(width: int, height: int) -> bytes:
    picture = Image.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
    pen = ImageDraw.Draw(picture)
    unit = min(picture.size) * 0.26
    x, y = picture.width / 2, picture.height / 2
    line = max(1, round(unit / 9))
    frame = (x - 1.3 * unit, y - unit, x + 1.3 * unit, y + unit)
    pen.rounded_rectangle(frame, unit / 5, outline=_INK, width=line)
    pen.ellipse((x - 0.8 * unit, y - 0.6 * unit, x - 0.3 * unit, y - 0.1 * unit), fill=_INK)
    for left, top, right in ((-1.0, 0.0, 0.5), (0.0, -0.4, 1.0)):
        middle = (left + right) / 2
        corners = ((left, 0.75), (middle, top), (right, 0.75))
        pen.polygon([(x + across * unit, y + down * unit) for across, down in corners], fill=_INK)
    file = io.BytesIO()
    picture.resize((width, height), Image.Resampling.BOX).save(file, "JPEG", quality=85)
    return file.getvalue()
