"""Draws the thumbnails of the embedded OMERO: a plausible picture for each modality.

A picture follows from its subject alone: an image looks the same at every size, in every process,
to everybody. Nothing here reads rows (`subjects.py` does) or knows who asks. Called by `store.py`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random
from typing import Final

from PIL import Image

from backends.demo.omero import microscopy_pictures, scan_pictures
from backends.demo.omero.canvas import Canvas, Plane
from backends.demo.omero.subjects import Modality, Subject

LARGEST_PICTURE: Final = 2048
QUALITY: Final = 85
REMEMBERED: Final = 512
_LEAST_CANVAS: Final = 128
_FINE_CANVAS: Final = 512  # up to this size a picture is drawn twice as large, for smooth edges
_PAINTERS: Final[Mapping[Modality, Callable[[Canvas, Subject], Plane]]] = {
    Modality.CELLS: microscopy_pictures.cells,
    Modality.TISSUE: microscopy_pictures.tissue,
    Modality.SLIDE: microscopy_pictures.slide,
    Modality.CT: scan_pictures.ct,
    Modality.PERFUSION: scan_pictures.perfusion,
    Modality.MR: scan_pictures.mr,
    Modality.PET: scan_pictures.pet,
    Modality.MASK: scan_pictures.mask,
}


@lru_cache(maxsize=REMEMBERED)
def draw(subject: Subject, longest_side: int) -> bytes:
    """Return the picture as a JPEG file whose longer side has this length.

    The latest are remembered, as OMERO keeps its thumbnails: some 3 kB each, 50 kB at 512 pixels.
    """
    size = _fit(subject, longest_side)
    scale = max(2 if longest_side * 2 <= _FINE_CANVAS else 1, _LEAST_CANVAS / longest_side)
    canvas = Canvas(
        Random(f"picture {subject.image}"),  # noqa: S311 - chance for looks, not for secrets
        Random(f"noise {subject.image}"),  # noqa: S311 - of its own: it takes more at larger sizes
        (math.ceil(size[0] * scale), math.ceil(size[1] * scale)),
    )
    picture = _PAINTERS[subject.modality](canvas, subject)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.HAMMING)
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _fit(subject: Subject, longest_side: int) -> tuple[int, int]:
    longest = max(subject.width, subject.height)
    return (
        max(1, round(subject.width * longest_side / longest)),
        max(1, round(subject.height * longest_side / longest)),
    )
