"""Draws the thumbnails of the embedded OMERO: a plausible picture for each modality.

The shapes follow from the image's id alone and stand in coordinates from 0 to 1, so one image looks
the same at every size and in every process. Nothing here reads rows (`subjects.py` does) or knows
who asks. Called by `store.py`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from backends.demo.omero.subjects import Color, Modality, Subject

LARGEST_PICTURE: Final = 2048
QUALITY: Final = 85
REMEMBERED: Final = 512
_LEAST_CANVAS: Final = 128
_FINE_CANVAS: Final = 512  # up to this size a picture is drawn twice as large, for smooth edges
GREEN: Final = (0, 255, 0)
Point = tuple[float, float]
Plane = Image.Image


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


@dataclass(slots=True)
class Canvas:
    """Where a picture is drawn: what its shapes and its noise follow from, its size in pixels."""

    chance: Random
    noise: Random
    size: tuple[int, int]

    @property
    def unit(self) -> int:
        """The shorter side: what lengths are measured in."""
        return min(self.size)

    def plane(self, value: int = 0) -> Plane:
        """An even plane of grey values."""
        return Image.new("L", self.size, value)

    def spot(self, pen: ImageDraw.ImageDraw, at: Point, radii: Point, value: int) -> None:
        """Draw an upright ellipse."""
        x, y = at[0] * self.size[0], at[1] * self.size[1]
        a, b = radii[0] * self.unit, radii[1] * self.unit
        pen.ellipse((x - a, y - b, x + a, y + b), fill=value)

    def blob(self, at: Point, radii: Point, roughness: float, *, steps: int = 40) -> list[Point]:
        """An outline that is no ellipse any more, in pixels."""
        waves = [
            (n, self.chance.uniform(-1, 1) * roughness / n**0.5, self.chance.uniform(0, math.tau))
            for n in (2, 3, 5, 7)
        ]
        x, y = at[0] * self.size[0], at[1] * self.size[1]
        points = []
        for step in range(steps):
            angle = math.tau * step / steps
            reach = 1 + sum(height * math.sin(n * angle + start) for n, height, start in waves)
            points.append(
                (
                    x + radii[0] * self.unit * reach * math.cos(angle),
                    y + radii[1] * self.unit * reach * math.sin(angle),
                )
            )
        return points

    def clouds(self, cells: int, low: int, high: int) -> Plane:
        """Soft irregular brightness, with about this many cells along the shorter side."""
        counts = [max(2, round(cells * side / self.unit)) for side in self.size]
        columns, rows = min(counts[0], 256), min(counts[1], 256)
        small = Image.frombytes("L", (columns, rows), self.chance.randbytes(columns * rows))
        return small.resize(self.size, Image.Resampling.BICUBIC).point(_ramp(low, high))

    def grainy(self, plane: Plane, share: float) -> Plane:
        """The plane with the noise of a detector."""
        width, height = self.size
        noise = Image.frombytes("L", self.size, self.noise.randbytes(width * height))
        return Image.blend(plane, ImageChops.multiply(noise, plane.point(_ramp(60, 255))), share)

    def blurred(self, plane: Plane, radius: float) -> Plane:
        """The plane out of focus by this share of the shorter side."""
        return plane.filter(ImageFilter.GaussianBlur(radius * self.unit))

    def scattered(self, spacing: float, jitter: float) -> Iterator[Point]:
        """Places on a jittered grid, so that nothing lies on top of another."""
        columns = max(1, round(self.size[0] / self.unit / spacing))
        rows = max(1, round(self.size[1] / self.unit / spacing))
        for row in range(rows):
            for column in range(columns):
                shift = 0.5 if row % 2 else 0.0
                yield (
                    (column + shift + 0.5 + self.chance.uniform(-jitter, jitter)) / columns,
                    (row + 0.5 + self.chance.uniform(-jitter, jitter)) / rows,
                )


def _cells(canvas: Canvas, subject: Subject) -> Plane:
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
    inside = ImageChops.lighter(nuclei.point(_ramp(0, 120)), canvas.blurred(speckles, 0.004))
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


def _tissue(canvas: Canvas, subject: Subject) -> Plane:
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


def _slide(canvas: Canvas, subject: Subject) -> Plane:
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


def _trunk(canvas: Canvas, *, fat: int, muscle: int, liver: int, bone: int) -> tuple[Plane, Plane]:
    """A slice through the upper abdomen and the place of its liver."""
    chance = canvas.chance
    plane, organ = canvas.plane(), canvas.plane()
    pen = ImageDraw.Draw(plane)
    wide, deep = chance.uniform(0.42, 0.46), chance.uniform(0.32, 0.36)
    pen.polygon(canvas.blob((0.5, 0.5), (wide, deep), 0.02), fill=fat)
    inner = chance.uniform(0.035, 0.07)
    pen.polygon(canvas.blob((0.5, 0.5), (wide - inner, deep - inner), 0.02), fill=muscle)
    canvas.spot(pen, (0.5, 0.51), (wide - inner - 0.04, deep - inner - 0.04), fat)
    shape = canvas.blob((0.35, 0.47), (0.19, 0.2), 0.07)
    pen.polygon(shape, fill=liver)
    ImageDraw.Draw(organ).polygon(shape, fill=255)
    pen.polygon(canvas.blob((0.69, 0.4), (0.11, 0.09), 0.08), fill=(muscle + liver) // 2)
    canvas.spot(pen, (0.7, 0.38), (0.05, 0.03), 4)  # air in the stomach
    canvas.spot(pen, (0.75, 0.57), (0.07, 0.09), liver)  # spleen
    for side in (-1, 1):
        canvas.spot(pen, (0.5 + side * 0.15, 0.66), (0.05, 0.06), min(255, liver + 35))
    canvas.spot(pen, (0.5, 0.69), (0.065, 0.06), bone)
    canvas.spot(pen, (0.5, 0.76), (0.02, 0.04), bone)
    canvas.spot(pen, (0.53, 0.6), (0.026, 0.026), min(255, liver + 60))  # aorta
    for rib in range(12):
        angle = math.tau * (rib + chance.uniform(0.2, 0.6)) / 12
        at = (
            0.5 + (wide - inner - 0.02) * math.cos(angle) * canvas.unit / canvas.size[0],
            0.5 + (deep - inner - 0.02) * math.sin(angle) * canvas.unit / canvas.size[1],
        )
        canvas.spot(pen, at, (0.022, 0.013), bone)
    for _ in range(chance.randint(0, 3)):
        at = (0.35 + chance.uniform(-0.1, 0.1), 0.47 + chance.uniform(-0.1, 0.1))
        size = chance.uniform(0.015, 0.045)
        canvas.spot(pen, at, (size, size), max(0, liver - 45))
    return plane, organ


def _ct(canvas: Canvas, subject: Subject) -> Plane:
    """A CT slice in grey, with the table below the patient."""
    plane, _ = _trunk(canvas, fat=52, muscle=128, liver=150, bone=250)
    pen = ImageDraw.Draw(plane)
    box = (
        0.12 * canvas.size[0],
        0.5 * canvas.size[1],
        0.88 * canvas.size[0],
        0.93 * canvas.size[1],
    )
    pen.arc(box, 25, 155, fill=110, width=max(1, canvas.unit // 90))
    if subject.says("biopsy"):
        tip, end = (0.36, 0.46), (0.08, 0.2)
        ends = [(x * canvas.size[0], y * canvas.size[1]) for x, y in (tip, end)]
        pen.line(ends, fill=255, width=max(1, canvas.unit // 80))
    return canvas.grainy(canvas.blurred(plane, 0.006), 0.1)


def _perfusion(canvas: Canvas, subject: Subject) -> Plane:
    """A CT slice with the blood flow of the liver in colours."""
    del subject
    plane, organ = _trunk(canvas, fat=48, muscle=110, liver=130, bone=245)
    picture = canvas.grainy(canvas.blurred(plane, 0.006), 0.1).convert("RGB")
    flow = _mapped(canvas.blurred(canvas.clouds(9, 20, 255), 0.02), _JET)
    picture.paste(flow, mask=organ.point(_ramp(0, 215)))
    return picture


def _mr(canvas: Canvas, subject: Subject) -> Plane:
    """An MR slice: bright fat, dark bone, uneven coils."""
    del subject
    plane, _ = _trunk(canvas, fat=188, muscle=84, liver=112, bone=46)
    soft = canvas.blurred(plane, 0.008)
    return canvas.grainy(ImageChops.multiply(soft, canvas.clouds(2, 175, 255)), 0.14)


def _pet(canvas: Canvas, subject: Subject) -> Plane:
    """A PET slice: few photons, hot where the tracer goes."""
    chance = canvas.chance
    choline = subject.says("choline")
    plane, _ = _trunk(canvas, fat=18, muscle=38, liver=150 if choline else 92, bone=60)
    pen = ImageDraw.Draw(plane)
    for _ in range(chance.randint(1, 3)):
        at = (0.35 + chance.uniform(-0.11, 0.11), 0.47 + chance.uniform(-0.12, 0.12))
        size = chance.uniform(0.02, 0.05)
        canvas.spot(pen, at, (size, size), 255)
    return _mapped(canvas.grainy(canvas.blurred(plane, 0.022), 0.12), _HOT)


def _mask(canvas: Canvas, subject: Subject) -> Plane:
    """White where something is, black elsewhere."""
    del subject
    plane = canvas.plane()
    pen = ImageDraw.Draw(plane)
    for _ in range(canvas.chance.randint(2, 5)):
        at = (canvas.chance.uniform(0.2, 0.8), canvas.chance.uniform(0.2, 0.8))
        pen.polygon(canvas.blob(at, (0.12, 0.1), 0.2), fill=255)
    return plane


_PAINTERS: Final[Mapping[Modality, Callable[[Canvas, Subject], Plane]]] = {
    Modality.CELLS: _cells,
    Modality.TISSUE: _tissue,
    Modality.SLIDE: _slide,
    Modality.CT: _ct,
    Modality.PERFUSION: _perfusion,
    Modality.MR: _mr,
    Modality.PET: _pet,
    Modality.MASK: _mask,
}


def _ramp(low: int, high: int) -> list[int]:
    """A table that brings all grey values between two."""
    return [low + (high - low) * value // 255 for value in range(256)]


def _steeper(value: int) -> int:
    return max(0, min(255, (value - 64) * 2))


def _tinted(plane: Plane, dark: Color, bright: Color) -> Plane:
    return ImageOps.colorize(plane, dark, bright)


def _mapped(plane: Plane, palette: list[int]) -> Plane:
    picture = plane.copy()
    picture.putpalette(palette)
    return picture.convert("RGB")


def _palette(color: Callable[[float], tuple[float, float, float]]) -> list[int]:
    return [
        max(0, min(255, round(part * 255))) for value in range(256) for part in color(value / 255)
    ]


_HOT: Final = _palette(lambda v: (v * 2.6, v * 2.6 - 1, v * 2.6 - 1.9))
_JET: Final = _palette(lambda v: tuple(1.5 - abs(4 * v - peak) for peak in (3, 2, 1)))  # type: ignore[arg-type,return-value]
