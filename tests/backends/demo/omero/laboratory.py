"""A small OMERO content that the tests of the embedded OMERO know by heart.

Group `lab` (readable by members) holds project 1 with datasets 1 and 2, images 1 to 4; dataset 3 is
empty and without project; image 5 is an orphan of bob's. Group `closed` is private: image 6 is
ann's, image 7 is eve's. Group `open` may be read by all: image 8.
"""

from __future__ import annotations

from typing import Any

from backends.demo.omero.store import OmeroStore
from backends.demo.world import OmeroContent

LAB, CLOSED, OPEN = 3, 4, 5
ROOT, ANN, BOB, EVE = 1, 2, 3, 4
PASSWORD = "secret"


def laboratory() -> OmeroContent:
    """Build the content."""
    content = OmeroContent(passwords=dict.fromkeys(("root", "ann", "bob", "eve"), PASSWORD))
    _people(content)
    _containers(content)
    _images(content)
    _acquisition(content)
    _annotations(content)
    _rest(content)
    return content


def _people(content: OmeroContent) -> None:
    for name, permissions in (
        ("system", "rw----"),
        ("user", "rwr-r-"),
        ("lab", "rwr---"),
        ("closed", "rw----"),
        ("open", "rwr-r-"),
    ):
        content.add("ExperimenterGroup", name=name, **{"details.permissions": permissions})
    for name in ("root", "ann", "bob", "eve"):
        content.add(
            "Experimenter", omeName=name, firstName=name.title(), lastName="Test", ldap=False
        )
    memberships = ((1, ROOT), (LAB, ANN), (CLOSED, ANN), (LAB, BOB), (CLOSED, EVE), (OPEN, EVE))
    for group, user in memberships:
        leads = (group, user) == (CLOSED, EVE)
        content.add("GroupExperimenterMap", parent=group, child=user, owner=leads)
    for time in (1_000, 2_000, 3_000):
        content.add("Event", time=time, experimenter=ANN)


def owned(content: OmeroContent, entity: str, properties: dict[str, Any], **who: int) -> int:
    """Add a row of ann's in the lab, at event 1, unless said otherwise."""
    return content.add_owned(
        entity, who.get("owner", ANN), who.get("group", LAB), who.get("event", 1), properties
    )


def _containers(content: OmeroContent) -> None:
    owned(content, "Project", {"name": "QABCD", "description": "Study", "version": 3})
    for name in ("QABCD001AB", "QABCD002CD", "qempty"):
        owned(content, "Dataset", {"name": name})
    for dataset in (1, 2):
        owned(content, "ProjectDatasetLink", {"parent": 1, "child": dataset})


def _images(content: OmeroContent) -> None:
    fileset = owned(content, "Fileset", {"templatePrefix": "ann_2/"})
    sha = content.enumerate("ChecksumAlgorithm", "SHA1-160")
    file = {"name": "a.czi", "path": "ann_2/", "size": 2**40, "hash": "ff", "hasher": sha}
    original = owned(content, "OriginalFile", {**file, "mimetype": "image/czi"})
    owned(
        content,
        "FilesetEntry",
        {"fileset": fileset, "originalFile": original, "clientPath": "/x/a.czi"},
    )
    czi, tiff = content.enumerate("Format", "ZeissCZI"), content.enumerate("Format", "TIFF")
    rows: tuple[tuple[str, int | None, int, dict[str, int], int | None], ...] = (
        ("Alpha", 100, czi, {"event": 2}, 1),
        ("beta", None, tiff, {}, 1),
        ("Gamma_1", 300, tiff, {"event": 3}, 1),
        ("Ärger", 200, czi, {"owner": BOB}, 2),
        ("lost", None, tiff, {"owner": BOB}, None),
        ("own", 1, czi, {"group": CLOSED}, None),
        ("theirs", 2, czi, {"group": CLOSED, "owner": EVE}, None),
        ("public", 3, czi, {"group": OPEN, "owner": EVE}, None),
    )
    for name, acquired, form, who, dataset in rows:
        properties: dict[str, Any] = {"name": name, "acquisitionDate": acquired, "format": form}
        if name == "Alpha":
            properties |= {"fileset": fileset, "archived": True, "partial": False}
        image = owned(content, "Image", properties, **who)
        if dataset is not None:
            owned(content, "DatasetImageLink", {"parent": dataset, "child": image}, **who)


def _acquisition(content: OmeroContent) -> None:
    microscope = owned(
        content,
        "Microscope",
        {"manufacturer": "Zeiss", "type": content.enumerate("MicroscopeType", "Inverted")},
    )
    instrument = owned(content, "Instrument", {"microscope": microscope})
    owned(
        content,
        "Detector",
        {
            "instrument": instrument,
            "model": "HyD",
            "type": content.enumerate("DetectorType", "PMT"),
        },
    )
    laser = {"instrument": instrument, "model": "Argon", "power": (5.0, "MILLIWATT")}
    owned(content, "Laser", laser)
    owned(content, "Arc", {"instrument": instrument, "model": "Lamp"})
    objective = owned(
        content,
        "Objective",
        {
            "manufacturer": "Zeiss",
            "nominalMagnification": 63.0,
            "lensNA": 1.4,
            "immersion": content.enumerate("Immersion", "Oil"),
            "correction": content.enumerate("Correction", "PlanApo"),
            "workingDistance": (0.14, "MILLIMETER"),
            "instrument": instrument,
        },
    )
    settings = owned(
        content, "ObjectiveSettings", {"objective": objective, "refractiveIndex": 1.518}
    )
    content.rows["Image"][0] |= {"instrument": instrument, "objectiveSettings": settings}
    _pixels(content)


def _pixels(content: OmeroContent) -> None:
    kind = content.enumerate("PixelsType", "uint16")
    order = content.enumerate("DimensionOrder", "XYZCT")
    confocal = content.enumerate("AcquisitionMode", "LaserScanningConfocalMicroscopy")
    sizes = {"sizeX": 512, "sizeY": 256, "sizeC": 2, "sizeT": 1, "sha1": "0"}
    for image, depth, width in (
        (1, 10, (0.2, "MICROMETER")),
        (2, 1, (500.0, "NANOMETER")),
        (3, 5, None),
    ):
        properties = {"image": image, "pixelsType": kind, "dimensionOrder": order, "sizeZ": depth}
        owned(content, "Pixels", {**properties, **sizes, "physicalSizeX": width})
    for pixels, name, wave in ((1, "DAPI", 461.0), (1, "GFP", 509.0), (2, None, None)):
        described = {"name": name, "mode": confocal if name == "GFP" else None}
        emission = None if wave is None else (wave, "NANOMETER")
        logical = owned(content, "LogicalChannel", {**described, "emissionWave": emission})
        owned(content, "Channel", {"pixels": pixels, "logicalChannel": logical, "red": 255})


def _annotations(content: OmeroContent) -> None:
    pairs = owned(
        content,
        "MapAnnotation",
        {"ns": "omnibis", "mapValue": [("stain", "H&E"), ("organ", "liver"), ("organ", "bile")]},
    )
    more = owned(content, "MapAnnotation", {"mapValue": [("stain", "DAPI")]}, owner=BOB)
    tag = owned(content, "TagAnnotation", {"textValue": "tumour", "ns": "tags"})
    number = owned(content, "LongAnnotation", {"longValue": 5, "ns": "rating"})
    truth = owned(content, "BooleanAnnotation", {"boolValue": True})
    for image, annotation in ((1, pairs), (2, pairs), (2, more), (1, tag), (3, number), (3, truth)):
        owned(content, "ImageAnnotationLink", {"parent": image, "child": annotation})
    owned(content, "DatasetAnnotationLink", {"parent": 1, "child": pairs})


def _rest(content: OmeroContent) -> None:
    for image in (1, 1, 2):
        owned(content, "Roi", {"image": image})
    owned(content, "Rectangle", {"roi": 1, "x": 1.5, "width": 4.0})
    owned(content, "Ellipse", {"roi": 1, "x": 2.5})
    external = owned(
        content, "ExternalInfo", {"entityType": "openbis", "entityId": 7, "uuid": "2024-1"}
    )
    content.rows["Project"][0]["details.externalInfo"] = external
    owned(content, "Screen", {"name": "screen"})
    owned(content, "Plate", {"name": "plate", "rows": 8, "columns": 12})
    owned(content, "ScreenPlateLink", {"parent": 1, "child": 1})
    owned(content, "Well", {"plate": 1, "row": 0, "column": 1})
    owned(content, "Well", {"plate": 1, "row": 1, "column": 0})
    owned(content, "WellSample", {"well": 1, "image": 1})


class Desk:
    """A store and one user's session on it, to ask questions briefly."""

    def __init__(self, store: OmeroStore, user: str = "ann") -> None:
        self.store = store
        self.session = store.login(user, PASSWORD)

    def ask(self, hql: str, group: int | None = -1, /, **params: object) -> list[list[object]]:
        """Run a projection."""
        return self.store.projection(self.session, hql, params, group=group)

    def column(self, hql: str, group: int | None = -1, /, **params: object) -> list[object]:
        """Run a projection of one column."""
        return [value for (value,) in self.ask(hql, group, **params)]
