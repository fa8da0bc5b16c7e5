"""What a thumbnail of the embedded OMERO has to show, read from the rows of its model.

A `Subject` tells `pictures.py` the modality, tissue, colours and proportions of one image. Whether
the caller may see the pixels is asked as for any row; what they show is then read whole, because a
picture does not depend on who looks at it. Called by `store.py`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from backends.demo.omero.rights import ReadScope, predicate

Color = tuple[int, int, int]


class Modality(Enum):
    """Ways of taking pictures that look different."""

    CELLS = "fluorescence microscopy"
    TISSUE = "a tile of stained tissue"
    SLIDE = "a whole stained slide"
    CT = "computed tomography"
    PERFUSION = "CT perfusion"
    MR = "magnetic resonance"
    PET = "positron emission tomography"
    MASK = "which pixels of another image belong to something"


@dataclass(frozen=True, slots=True)
class Subject:
    """One image as its picture shows it; `image` is also what the picture's chance follows from."""

    image: int
    width: int
    height: int
    modality: Modality
    colors: tuple[Color, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # its key-value pairs

    def says(self, *words: str) -> bool:
        """Whether one of these words stands in what is known of the image."""
        text = " ".join(value for _, value in self.facts).lower()
        return any(word in text for word in words)


_PIXELS = """
SELECT p.id, p.image, p.sizeX, p.sizeY, f.value
FROM "Pixels" p JOIN "Image" i ON i.id = p.image LEFT JOIN "Format" f ON f.id = i.format
WHERE p.id IN (SELECT value FROM json_each(:ids)) AND p.sizeX > 0 AND p.sizeY > 0
"""
_CHANNELS = """
SELECT c.pixels, c.red, c.green, c.blue, m.value
FROM "Channel" c LEFT JOIN "LogicalChannel" l ON l.id = c.logicalChannel
LEFT JOIN "ContrastMethod" m ON m.id = l.contrastMethod
WHERE c.pixels IN (SELECT value FROM json_each(:ids)) ORDER BY c.pixels, c.pixels_index
"""
_FACTS = """
SELECT p.id, n.name, n.value
FROM "Pixels" p JOIN "ImageAnnotationLink" l ON l.parent = p.image
JOIN "Annotation_mapValue" n ON n.owner = l.child
WHERE p.id IN (SELECT value FROM json_each(:ids)) ORDER BY l.id DESC, n.position DESC
"""


def read_subjects(
    connection: sqlite3.Connection, scope: ReadScope, pixels_ids: Collection[int]
) -> dict[int, Subject]:
    """Return the subjects by Pixels id; those that are not there or not to see are missing."""
    bound = {"ids": json.dumps([number for number in pixels_ids if _is_id(number)])}
    visible = "" if scope.unlimited else f" AND {predicate('p')} AND {predicate('i')}"
    rows = connection.execute(_PIXELS + visible, {**bound, **scope.bindings()}).fetchall()
    colors: dict[int, list[Color]] = {}
    contrasts: dict[int, set[str]] = {}
    for pixels, red, green, blue, contrast in connection.execute(_CHANNELS, bound):
        colors.setdefault(pixels, []).append((red or 0, green or 0, blue or 0))
        contrasts.setdefault(pixels, set()).add(contrast or "")
    facts: dict[int, dict[str, str]] = {}
    for pixels, name, value in connection.execute(_FACTS, bound):
        facts.setdefault(pixels, {})[name or ""] = value or ""
    return {
        pixels: Subject(
            image,
            width,
            height,
            _modality(facts.get(pixels, {}), contrasts.get(pixels, set()), image_format or ""),
            tuple(colors.get(pixels, ())),
            tuple(facts.get(pixels, {}).items()),
        )
        for pixels, image, width, height, image_format in rows
    }


def _is_id(number: int) -> bool:
    return 0 <= number < 1 << 63


def _modality(facts: Mapping[str, str], contrasts: set[str], image_format: str) -> Modality:
    """Tell how an image was taken: by what is noted of it, else by its channels and format."""
    noted = set(facts.get("Modality", "").lower().split())
    modality = next((modality for words, modality in _WORDS if words <= noted), None)
    if modality is None:
        if "Brightfield" in contrasts:
            modality = Modality.TISSUE
        else:
            modality = Modality.CT if image_format == "DICOM" else Modality.CELLS
    if modality is Modality.TISSUE and image_format in _SLIDE_FORMATS:
        return Modality.SLIDE
    return modality


_SLIDE_FORMATS = frozenset({"NDPI", "SVS"})
# What a note must have in it; the first that fits.
_WORDS: tuple[tuple[set[str], Modality], ...] = (
    ({"ct", "perfusion"}, Modality.PERFUSION),
    ({"ct"}, Modality.CT),
    ({"mr"}, Modality.MR),
    ({"pet"}, Modality.PET),
    ({"h&e"}, Modality.TISSUE),
    ({"ihc"}, Modality.TISSUE),
    ({"macro"}, Modality.SLIDE),
    ({"mask"}, Modality.MASK),
    ({"fluorescence"}, Modality.CELLS),
    ({"confocal"}, Modality.CELLS),
)
