"""Pictures of what scanners show: CT, CT perfusion, MR and PET slices of a trunk; masks.

Each function paints one subject on a canvas. Called by `pictures.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from PIL import ImageChops, ImageDraw

from backends.demo.omero.canvas import Canvas, Plane, ramp
from backends.demo.omero.subjects import Subject


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


def ct(canvas: Canvas, subject: Subject) -> Plane:
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


def perfusion(canvas: Canvas, subject: Subject) -> Plane:
    """A CT slice with the blood flow of the liver in colours."""
    del subject
    plane, organ = _trunk(canvas, fat=48, muscle=110, liver=130, bone=245)
    picture = canvas.grainy(canvas.blurred(plane, 0.006), 0.1).convert("RGB")
    flow = _mapped(canvas.blurred(canvas.clouds(9, 20, 255), 0.02), _JET)
    picture.paste(flow, mask=organ.point(ramp(0, 215)))
    return picture


def mr(canvas: Canvas, subject: Subject) -> Plane:
    """An MR slice: bright fat, dark bone, uneven coils."""
    del subject
    plane, _ = _trunk(canvas, fat=188, muscle=84, liver=112, bone=46)
    soft = canvas.blurred(plane, 0.008)
    return canvas.grainy(ImageChops.multiply(soft, canvas.clouds(2, 175, 255)), 0.14)


def pet(canvas: Canvas, subject: Subject) -> Plane:
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


def mask(canvas: Canvas, subject: Subject) -> Plane:
    """White where something is, black elsewhere."""
    del subject
    plane = canvas.plane()
    pen = ImageDraw.Draw(plane)
    for _ in range(canvas.chance.randint(2, 5)):
        at = (canvas.chance.uniform(0.2, 0.8), canvas.chance.uniform(0.2, 0.8))
        pen.polygon(canvas.blob(at, (0.12, 0.1), 0.2), fill=255)
    return plane


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
