"""Importing images into the embedded OMERO: rows of the OMERO model, owned and linked.

An `ImageImport` writes as one user in one group; each `begin` opens a new event, as each import
does on a server. It knows nothing of openBIS; `linkage.py` does. The built-in studies and the
sheet loader use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Any

from backends.demo.microscopy import Acquisition, Channel, Instrument, Length, Objective
from backends.demo.registration import epoch_milliseconds
from backends.demo.world import OmeroContent
from backends.sheets.mapping import CLIENT_NAMESPACE

Pairs = Sequence[tuple[str, str]]


class ImageImport:
    """One user's writing into one group, from `started` on."""

    def __init__(
        self, content: OmeroContent, rng: Random, *, owner: int, group: int, started: datetime
    ) -> None:
        self._content = content
        self._rng = rng
        self._owner = owner
        self._group = group
        self._tags: dict[str, int] = {}
        self._details: dict[str, int] = {}
        self.begin(started)

    def begin(self, moment: datetime, *, owner: int | None = None) -> None:
        """Open a new event: all that follows is created at that time, perhaps by another user."""
        self._owner = self._owner if owner is None else owner
        self._moment = moment
        event = self._content.add(
            "Event",
            time=epoch_milliseconds(moment),
            status="FINISHED",
            type=self._content.enumerate("EventType", "User"),
            experimenter=self._owner,
            experimenterGroup=self._group,
            session=None,
        )
        self._details = {
            "details.owner": self._owner,
            "details.group": self._group,
            "details.creationEvent": event,
            "details.updateEvent": event,
        }

    def _add(self, entity: str, **properties: Any) -> int:
        return self._content.add(entity, **properties, **self._details)

    def _enum(self, entity: str, value: str | None) -> int | None:
        return None if value is None else self._content.enumerate(entity, value)

    # --- containers ---------------------------------------------------------------------------

    def project(self, name: str, description: str | None = None) -> int:
        """Create a project."""
        return self._add("Project", name=name, description=description)

    def dataset(self, project: int, name: str, description: str | None = None) -> int:
        """Create a dataset within a project."""
        dataset = self._add("Dataset", name=name, description=description)
        self._add("ProjectDatasetLink", parent=project, child=dataset)
        return dataset

    # --- images -------------------------------------------------------------------------------

    def instrument(self, described: Instrument) -> tuple[int, tuple[tuple[int, Objective], ...]]:
        """Create an instrument; return its id and its objectives with theirs."""
        microscope = self._add(
            "Microscope",
            manufacturer=described.manufacturer,
            model=described.model,
            serialNumber=described.serial_number,
            type=self._enum("MicroscopeType", described.kind),
        )
        instrument = self._add("Instrument", microscope=microscope)
        objectives = tuple(
            (
                self._add(
                    "Objective",
                    manufacturer=objective.manufacturer,
                    model=objective.model,
                    nominalMagnification=objective.magnification,
                    calibratedMagnification=None,
                    lensNA=objective.numerical_aperture,
                    immersion=self._enum("Immersion", objective.immersion),
                    correction=self._enum("Correction", objective.correction),
                    workingDistance=_micrometers(objective.working_distance),
                    instrument=instrument,
                ),
                objective,
            )
            for objective in described.objectives
        )
        if described.detector is not None:
            manufacturer, model, kind = described.detector
            self._add(
                "Detector",
                manufacturer=manufacturer,
                model=model,
                type=self._enum("DetectorType", kind),
                instrument=instrument,
            )
        return instrument, objectives

    def fileset(self, path: str, size: int | None) -> int:
        """Upload one file, given by its path on the client; return the id of its fileset."""
        moment = self._moment
        prefix = f"user_{self._owner}/{moment:%Y-%m/%d/%H-%M-%S}.{moment.microsecond // 1000:03d}/"
        fileset = self._add("Fileset", templatePrefix=prefix)
        original = self._add(
            "OriginalFile",
            name=path.rsplit("/", 1)[-1],
            path=prefix,
            size=size,
            hash=self._digest(),
            hasher=self._enum("ChecksumAlgorithm", "SHA1-160"),
            mimetype="application/octet-stream",
            mtime=epoch_milliseconds(moment),
        )
        self._add("FilesetEntry", fileset=fileset, originalFile=original, clientPath=path)
        return fileset

    def image(
        self,
        datasets: Sequence[int],
        name: str,
        acquisition: Acquisition | None,
        *,
        fileset: int,
        series: int = 0,
        acquired: datetime | None = None,
        description: str | None = None,
        instrument: tuple[int, tuple[tuple[int, Objective], ...]] | None = None,
    ) -> int:
        """Import one image of a fileset into datasets; without acquisition it has no pixels."""
        settings = None
        if acquisition is not None and acquisition.objective is not None and instrument:
            settings = self._add(
                "ObjectiveSettings",
                objective=instrument[1][acquisition.objective][0],
                medium=self._enum("Medium", acquisition.medium),
                refractiveIndex=acquisition.refractive_index,
            )
        image = self._add(
            "Image",
            name=name,
            description=description,
            acquisitionDate=None if acquired is None else epoch_milliseconds(acquired),
            series=series,
            archived=False,
            partial=False,
            format=self._enum("Format", acquisition.image_format if acquisition else None),
            instrument=instrument[0] if instrument else None,
            objectiveSettings=settings,
            fileset=fileset,
        )
        for dataset in datasets:
            self._add("DatasetImageLink", parent=dataset, child=image)
        if acquisition is not None:
            self._pixels(image, acquisition)
        return image

    def _digest(self) -> str:
        return f"{self._rng.getrandbits(160):040x}"

    def _pixels(self, image: int, acquisition: Acquisition) -> None:
        size_x, size_y, size_z, size_t = acquisition.size
        width, height, depth = acquisition.pixel_size
        increment = acquisition.time_increment
        pixels = self._add(
            "Pixels",
            image=image,
            pixelsType=self._enum("PixelsType", acquisition.pixel_type),
            dimensionOrder=self._enum("DimensionOrder", acquisition.dimension_order),
            sizeX=size_x,
            sizeY=size_y,
            sizeZ=size_z,
            sizeC=len(acquisition.channels),
            sizeT=size_t,
            significantBits=acquisition.significant_bits,
            physicalSizeX=width,
            physicalSizeY=height,
            physicalSizeZ=depth,
            timeIncrement=None if increment is None else (increment, "SECOND"),
            sha1=self._digest(),
        )
        for channel in acquisition.channels:
            self._channel(pixels, channel)

    def _channel(self, pixels: int, channel: Channel) -> None:
        lowest, highest = channel.intensity
        red, green, blue, alpha = channel.color
        logical = self._add(
            "LogicalChannel",
            name=channel.name,
            fluor=channel.fluor,
            excitationWave=_nanometers(channel.excitation),
            emissionWave=_nanometers(channel.emission),
            pinHoleSize=_micrometers(channel.pin_hole),
            samplesPerPixel=1,
            mode=self._enum("AcquisitionMode", channel.mode),
            contrastMethod=self._enum("ContrastMethod", channel.contrast),
            illumination=self._enum("Illumination", channel.illumination),
            photometricInterpretation=self._enum("PhotometricInterpretation", channel.photometric),
        )
        self._add(
            "Channel",
            pixels=pixels,
            logicalChannel=logical,
            statsInfo=self._add("StatsInfo", globalMin=lowest, globalMax=highest),
            red=red,
            green=green,
            blue=blue,
            alpha=alpha,
        )

    def rectangle(
        self, image: int, label: str, box: tuple[float, float, float, float], plane: int = 0
    ) -> int:
        """Draw a region of one labelled rectangle (x, y, width, height)."""
        roi = self._add("Roi", image=image, name=label, description=None)
        left, top, width, height = box
        self._add(
            "Rectangle",
            roi=roi,
            x=left,
            y=top,
            width=width,
            height=height,
            theZ=plane,
            theT=0,
            textValue=label,
        )
        return roi

    # --- annotations --------------------------------------------------------------------------

    def key_values(
        self, entity: str, ids: Iterable[int], pairs: Pairs, namespace: str = CLIENT_NAMESPACE
    ) -> int:
        """Create one map annotation and link it to projects, datasets or images."""
        return self._annotate(
            entity, ids, self._add("MapAnnotation", ns=namespace, mapValue=list(pairs))
        )

    def tag(self, entity: str, ids: Iterable[int], text: str, description: str = "") -> int:
        """Link a tag, creating it at its first use; later objects share it."""
        tag = self._tags.get(text)
        if tag is None:
            tag = self._add("TagAnnotation", textValue=text, description=description or None)
            self._tags[text] = tag
        return self._annotate(entity, ids, tag)

    def comment(self, entity: str, ids: Iterable[int], text: str) -> int:
        """Create a comment and link it."""
        return self._annotate(entity, ids, self._add("CommentAnnotation", textValue=text))

    def _annotate(self, entity: str, ids: Iterable[int], annotation: int) -> int:
        for number in ids:
            self._add(f"{entity}AnnotationLink", parent=number, child=annotation)
        return annotation


def _nanometers(value: float | None) -> Length | None:
    return None if value is None else (value, "NANOMETER")


def _micrometers(value: float | None) -> Length | None:
    return None if value is None else (value, "MICROMETER")
