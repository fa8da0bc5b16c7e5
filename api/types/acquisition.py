"""How an image was taken: channels, objective, instrument, pixel sizes, files."""

from __future__ import annotations

import strawberry

from api.types.quantity import Quantity
from api.types.scalars import BigInt
from api.types.source import omero
from backends.records import ChannelRecord


@strawberry.type(description="The size of a pixel, or voxel, along each axis.")
class PixelSize:
    """Backed by `ImageRecord`: the three sizes are its columns."""

    pixel_size_x: Quantity | None = omero("Along x.", "Pixels.physicalSizeX", name="x")
    pixel_size_y: Quantity | None = omero("Along y.", "Pixels.physicalSizeY", name="y")
    pixel_size_z: Quantity | None = omero(
        "Along z: the spacing of planes.", "Pixels.physicalSizeZ", name="z"
    )


@strawberry.type(description="A colour.")
class Color:
    """Backed by itself."""

    red: int = omero("0 to 255.", "Channel.red")
    green: int = omero("0 to 255.", "Channel.green")
    blue: int = omero("0 to 255.", "Channel.blue")
    alpha: int = omero("0 to 255; 255 is opaque.", "Channel.alpha")


def resolve_color(root: strawberry.Parent[ChannelRecord]) -> Color | None:
    """Return the display colour."""
    if root.color is None:
        return None
    red, green, blue, alpha = root.color
    return Color(red=red, green=green, blue=blue, alpha=alpha)


@strawberry.type(description="One channel of an image.")
class Channel:
    """Backed by `ChannelRecord`."""

    index: int = omero("Its place among the channels, from 0.", "index(Pixels.channels)")
    name: str | None = omero("Its name.", "LogicalChannel.name")
    fluor: str | None = omero("The dye or protein.", "LogicalChannel.fluor")
    emission: Quantity | None = omero("Emission wavelength.", "LogicalChannel.emissionWave")
    excitation: Quantity | None = omero("Excitation wavelength.", "LogicalChannel.excitationWave")
    color: Color | None = omero("Display colour.", "Channel.red", resolve_color)
    mode: str | None = omero("Acquisition mode.", "LogicalChannel.mode")
    contrast_method: str | None = omero("Contrast method.", "LogicalChannel.contrastMethod")
    illumination: str | None = omero("Illumination.", "LogicalChannel.illumination")


@strawberry.type(description="The objective an image was taken with, and its settings.")
class Objective:
    """Backed by `ObjectiveRecord`."""

    omero_id: BigInt = omero("The objective's id.", "Objective.id")
    manufacturer: str | None = omero("Who made it.", "Objective.manufacturer")
    model: str | None = omero("Its model.", "Objective.model")
    nominal_magnification: float | None = omero(
        "Its nominal magnification.", "Objective.nominalMagnification", name="magnification"
    )
    calibrated_magnification: float | None = omero(
        "Its measured magnification.", "Objective.calibratedMagnification"
    )
    lens_na: float | None = omero(
        "Its numerical aperture.", "Objective.lensNA", name="numericalAperture"
    )
    immersion: str | None = omero("Its immersion medium.", "Objective.immersion")
    correction: str | None = omero("Its optical correction.", "Objective.correction")
    working_distance: Quantity | None = omero("Working distance.", "Objective.workingDistance")
    medium: str | None = omero("The medium as used.", "ObjectiveSettings.medium")
    refractive_index: float | None = omero(
        "The medium's refractive index.", "ObjectiveSettings.refractiveIndex"
    )


@strawberry.type(description="The microscope or scanner an image was taken with.")
class Instrument:
    """Backed by `InstrumentRecord`."""

    omero_id: BigInt = omero("The instrument's id.", "Instrument.id")
    manufacturer: str | None = omero("Who made it.", "Microscope.manufacturer")
    model: str | None = omero("Its model.", "Microscope.model")
    serial_number: str | None = omero("Its serial number.", "Microscope.serialNumber")
    type: str | None = omero("Upright, Inverted and so on.", "Microscope.type")


@strawberry.type(description="One file that an image was imported from.")
class OriginalFile:
    """Backed by `FileRecord`."""

    omero_id: BigInt = omero("The file's id.", "OriginalFile.id")
    name: str = omero("Its name.", "OriginalFile.name")
    path: str | None = omero("Its folder in OMERO's repository.", "OriginalFile.path")
    client_path: str | None = omero("Where it came from.", "FilesetEntry.clientPath")
    size: BigInt | None = omero("Its size in bytes.", "OriginalFile.size")
    hash: str | None = omero("Its checksum.", "OriginalFile.hash")
    mimetype: str | None = omero("Its media type.", "OriginalFile.mimetype")


@strawberry.type(description="The files that were imported together.")
class Fileset:
    """Backed by `FilesetRecord`."""

    omero_id: BigInt = omero("The fileset's id.", "Fileset.id")
    template_prefix: str | None = omero("Its folder.", "Fileset.templatePrefix")
    files: list[OriginalFile] = omero("Its files.", "Fileset.usedFiles")
