"""Where thumbnails of the embedded OMERO are drawn: places from 0 to 1, chance, clouds and noise.

The shapes follow from a canvas's chance and the noise from one of its own, so that a picture is the
same at every size. What is drawn stands in `microscopy_pictures.py` and `scan_pictures.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Plane = Image.Image


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
        return small.resize(self.size, Image.Resampling.BICUBIC).point(ramp(low, high))

    def grainy(self, plane: Plane, share: float) -> Plane:
        """The plane with the noise of a detector."""
        width, height = self.size
        noise = Image.frombytes("L", self.size, self.noise.randbytes(width * height))
        return Image.blend(plane, ImageChops.multiply(noise, plane.point(ramp(60, 255))), share)

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


def ramp(low: int, high: int) -> list[int]:
    """A table that brings all grey values between two."""
    return [low + (high - low) * value // 255 for value in range(256)]
