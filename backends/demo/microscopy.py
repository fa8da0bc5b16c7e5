"""How an image was acquired, in the words of the OME model but without its rows.

An `Acquisition` is a value: pixels, channels, objective and medium. Instruments list their
objectives; an acquisition names one of them by its place. `image_import.py` turns these into rows
of the OMERO model; the studies and sheet mappings say which values apply.
"""

from __future__ import annotations

from dataclasses import dataclass

Length = tuple[float, str]
Color = tuple[int, int, int, int]  # red, green, blue, alpha


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel; the enumerations by their OME values."""

    name: str
    color: Color
    fluor: str | None = None
    excitation: float | None = None  # nm
    emission: float | None = None  # nm
    mode: str | None = None
    contrast: str | None = None
    illumination: str | None = None
    photometric: str = "Monochrome"
    pin_hole: float | None = None  # µm
    intensity: tuple[float, float] = (0.0, 255.0)  # the lowest and highest value that occurs


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective as its maker describes it."""

    manufacturer: str
    model: str
    magnification: float
    numerical_aperture: float | None
    immersion: str
    correction: str
    working_distance: float | None = None  # µm


@dataclass(frozen=True, slots=True)
class Instrument:
    """A microscope or slide scanner with its objectives and detector."""

    manufacturer: str
    model: str
    kind: str  # MicroscopeType: Upright, Inverted, Other
    serial_number: str | None
    objectives: tuple[Objective, ...]
    detector: tuple[str, str, str] | None  # manufacturer, model, DetectorType


@dataclass(frozen=True, slots=True)
class Acquisition:
    """The pixels of one image and how they came about."""

    image_format: str
    pixel_type: str
    significant_bits: int
    size: tuple[int, int, int, int]  # x, y, z, t; c is the number of channels
    pixel_size: tuple[Length | None, Length | None, Length | None]
    channels: tuple[Channel, ...]
    objective: int | None = None  # its place in the instrument
    medium: str | None = None
    refractive_index: float | None = None
    dimension_order: str = "XYZCT"
    time_increment: float | None = None  # seconds between two time points


def bright_field() -> tuple[Channel, Channel, Channel]:
    """Return the three channels of a transmitted-light colour image."""
    colors: tuple[tuple[str, Color], ...] = (
        ("Red", (255, 0, 0, 255)),
        ("Green", (0, 255, 0, 255)),
        ("Blue", (0, 0, 255, 255)),
    )
    first, second, third = (
        Channel(
            name,
            color,
            mode="WideField",
            contrast="Brightfield",
            illumination="Transmitted",
            photometric="RGB",
            intensity=(0.0, 255.0),
        )
        for name, color in colors
    )
    return first, second, third


CONFOCAL = Instrument(
    "Zeiss",
    "LSM 880",
    "Inverted",
    "2815000412",
    (
        Objective("Zeiss", "Plan-Apochromat 40x/1.2 W", 40.0, 1.2, "Water", "PlanApo", 280.0),
        Objective("Zeiss", "Plan-Apochromat 63x/1.4 Oil DIC", 63.0, 1.4, "Oil", "PlanApo", 190.0),
    ),
    ("Zeiss", "GaAsP", "PMT"),
)

SLIDE_SCANNER = Instrument(
    "Hamamatsu",
    "NanoZoomer 2.0-HT",
    "Other",
    "C9600-12-0417",
    (
        Objective("Olympus", "UPlanSApo 20x/0.75", 20.0, 0.75, "Air", "PlanApo", 600.0),
        Objective("Olympus", "UPlanSApo 40x/0.95", 40.0, 0.95, "Air", "PlanApo", 180.0),
    ),
    ("Hamamatsu", "TDI line sensor", "CCD"),
)
