"""Pictures of what microscopes and slide scanners show: cells in colours, stained tissue, slides.

Each function paints one subject on a canvas. Called by `pictures.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageOps

from backends.demo.omero.canvas import Canvas, Plane, ramp
from backends.demo.omero.subjects import Color, Subject

GREEN: Final = (0, 255, 0)


def cells(canvas: Canvas, subject: Subject) -> Plane:
    """Leaf epidermis: jigsaw outlines and nuclei, in the colours of the channels."""
    chance = canvas.chance
    outlines, nuclei, speckles = canvas.plane(), canvas.plane(), canvas.plane()
    line, fill, dots = (ImageDraw.Draw(plane) for plane in (outlines, nuclei, speckles))
    spacing = chance.uniform(0.42, 0.6)
    for at in canvas.scattered(spacing, 0.12):
        reach = spacing * chance.uniform(0.5, 0.58)
        outline = canvas.blob(at, (reach, reach * chance.uniform(0.8, 1.1)), 0.16, steps=56)
        line.line([*outline, outline[0]], fill=150, width=max(1, canvas.unit // 70))
        place = (at[0] + chance.uniform(-0.1, 0.1), at[1] + chance.uniform(-0.1, 0.1))
        radius = chance.uniform(0.045, 0.07)
        canvas.spot(
            fill, place, (radius, radius * chance.uniform(0.8, 1.1)), chance.randint(170, 255)
        )
        canvas.spot(fill, place, (radius * 0.35, radius * 0.35), 90)
        for _ in range(7):
            around = tuple(axis + chance.uniform(-0.6, 0.6) * radius for axis in place)
            canvas.spot(dots, (around[0], around[1]), (0.009, 0.009), 255)
    outlines = ImageChops.lighter(canvas.blurred(outlines, 0.008), canvas.clouds(9, 0, 26))
    nuclei = canvas.blurred(nuclei, 0.008)
    inside = ImageChops.lighter(nuclei.point(ramp(0, 120)), canvas.blurred(speckles, 0.004))
    planes = [ImageChops.lighter(outlines, nuclei), nuclei if subject.says("nls") else inside]
    picture = Image.new("RGB", canvas.size)
    for number, color in enumerate(subject.colors or (GREEN,)):
        plane = canvas.grainy(planes[number % len(planes)], 0.12)
        picture = ImageChops.add(picture, _tinted(plane, (0, 0, 0), color))
    return picture


@dataclass(frozen=True, slots=True)
class _Stain:
    """How stained tissue looks: its ground, its nuclei, and how they lie."""

    pale: Color
    deep: Color
    nucleus: Color
    spacing: float
    radius: tuple[float, float]
    disorder: float
    gaps: int


_HEALTHY = _Stain((250, 214, 226), (226, 150, 186), (104, 62, 138), 0.085, (0.014, 0.019), 0.22, 26)
_TUMOUR = _Stain((226, 172, 206), (178, 100, 160), (66, 36, 112), 0.056, (0.014, 0.03), 0.5, 4)
_IMMUNO = _Stain((236, 224, 214), (158, 104, 60), (96, 110, 160), 0.075, (0.012, 0.019), 0.35, 12)
_MALIGNANT = ("tumo", "carcinoma", "cancer", "lesion")


def _stain(subject: Subject) -> _Stain:
    if subject.says("dab", "ihc"):
        return _IMMUNO
    return _TUMOUR if subject.says(*_MALIGNANT) else _HEALTHY


def tissue(canvas: Canvas, subject: Subject) -> Plane:
    """A tile of a section: ground substance, sinusoids and nuclei."""
    stain, chance = _stain(subject), canvas.chance
    ground = ImageChops.add(canvas.clouds(6, 0, 255), canvas.clouds(40, 0, 255), scale=2)
    picture = _tinted(ground.point(_steeper), stain.pale, stain.deep)
    openings, nuclei = canvas.plane(), canvas.plane()
    cut, fill = ImageDraw.Draw(openings), ImageDraw.Draw(nuclei)
    course = chance.uniform(0, math.pi)
    for _ in range(stain.gaps):
        at = (chance.random(), chance.random())
        angle, length = course + chance.gauss(0, 0.5), chance.uniform(0.05, 0.16)
        ends = [
            (
                (at[0] + sign * length * math.cos(angle)) * canvas.size[0],
                (at[1] + sign * length * math.sin(angle)) * canvas.size[1],
            )
            for sign in (-1, 1)
        ]
        cut.line(ends, fill=230, width=max(1, round(canvas.unit * chance.uniform(0.008, 0.02))))
    for at in canvas.scattered(stain.spacing, stain.disorder):
        radius = chance.uniform(*stain.radius)
        canvas.spot(
            fill, at, (radius, radius * chance.uniform(0.75, 1.2)), chance.randint(165, 250)
        )
    picture.paste((250, 246, 249), mask=canvas.blurred(openings, 0.006))
    picture.paste(stain.nucleus, mask=canvas.blurred(nuclei, 0.0035))
    return picture


def slide(canvas: Canvas, subject: Subject) -> Plane:
    """A whole slide: pieces of a biopsy on glass."""
    stain, chance = _stain(subject), canvas.chance
    covered = canvas.plane()
    pen = ImageDraw.Draw(covered)
    pieces = chance.randint(1, 3)
    for piece in range(pieces):
        at = ((piece + 0.5 + chance.uniform(-0.1, 0.1)) / pieces, chance.uniform(0.4, 0.6))
        wide = 0.36 * canvas.size[0] / canvas.unit / pieces
        pen.polygon(canvas.blob(at, (wide, chance.uniform(0.22, 0.36)), 0.16), fill=255)
    ground = ImageChops.add(canvas.clouds(9, 0, 255), canvas.clouds(60, 0, 255), scale=2)
    tissue = _tinted(ground.point(_steeper), stain.pale, stain.deep)
    islands = canvas.clouds(12, 0, 255).point(lambda value: 150 if value > 150 else 0)  # noqa: PLR2004
    tissue.paste(stain.nucleus, mask=canvas.blurred(islands, 0.01))
    picture = Image.new("RGB", canvas.size, (244, 242, 245))
    picture.paste(tissue, mask=canvas.blurred(covered, 0.004))
    return picture


def _steeper(value: int) -> int:
    return max(0, min(255, (value - 64) * 2))


def _tinted(plane: Plane, dark: Color, bright: Color) -> Plane:
    return ImageOps.colorize(plane, dark, bright)
