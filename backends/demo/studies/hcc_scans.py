"""The images of QHCC0: MR, PET and CT perfusion of a liver, biopsy guidance and slides.

Each function imports the images of one visit into a dataset and returns their OMERO ids. Called
by `hcc.py`, which knows the patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from backends.demo.image_import import ImageImport
from backends.demo.microscopy import SLIDE_SCANNER, Acquisition, Channel, Length, bright_field

WHITE = (255, 255, 255, 255)


def _volume(
    size: tuple[int, int, int, int],
    spacing: tuple[float, float],
    channel: str,
    pixel_type: str = "int16",
    time_increment: float | None = None,
) -> Acquisition:
    in_plane: Length = (spacing[0], "MILLIMETER")
    return Acquisition(
        "DICOM",
        pixel_type,
        16 if pixel_type != "float" else 32,
        size,
        (in_plane, in_plane, (spacing[1], "MILLIMETER")),
        (Channel(channel, WHITE, intensity=(0.0, 4095.0)),),
        dimension_order="XYZTC",
        time_increment=time_increment,
    )


def add_region_scans(
    images: ImageImport, rng: Random, dataset: int, code: str, day: datetime
) -> dict[str, list[int]]:
    """Import MR, both PETs and the CT perfusion of one visit; ids by openBIS modality."""
    slices = rng.randint(60, 110)
    mr = _volume((320, 260, slices, 1), (1.2, 3.0), "MR")
    pet = _volume((200, 200, 127, 1), (3.6, 2.0), "PET", "float")
    perfusion = _volume(
        (512, 512, rng.choice((16, 24, 32)), rng.randint(20, 30)), (0.8, 5.0), "CT", "int16", 1.5
    )
    taken = [
        ("MR", mr, "MR", [("Sequence", "T1 VIBE"), ("Contrast agent", "gadoxetate")]),
        ("PET_FDG", pet, "PET", [("Tracer", "FDG"), ("Injected activity", _activity(rng))]),
        ("PET_CHO", pet, "PET", [("Tracer", "choline"), ("Injected activity", _activity(rng))]),
        ("CTP", perfusion, "CT perfusion", [("Contrast agent", "iodine")]),
    ]
    ids = []
    for place, (suffix, acquisition, modality, pairs) in enumerate(taken):
        width, height, depth, times = acquisition.size
        image = images.image(
            [dataset],
            f"{code}_{suffix}.dcm",
            acquisition,
            fileset=images.fileset(
                f"mri-pet-ct/{code}/{code}_{suffix}.dcm", width * height * depth * times * 2
            ),
            acquired=day + timedelta(minutes=25 * place),
        )
        images.key_values("Image", [image], [("Modality", modality), *pairs])
        images.tag("Image", [image], modality)
        if rng.random() < 0.9:  # noqa: PLR2004 - a share
            images.tag("Image", [image], "QC passed", "Looked at and found usable")
        if suffix == "MR":
            corner = (float(rng.randint(40, 180)), float(rng.randint(40, 140)))
            images.rectangle(image, "Lesion", (*corner, 42.0, 38.0), depth // 2)
        ids.append(image)
    return {"MR-PET": ids[:3], "CT-PERFUSION": ids[3:]}


def _activity(rng: Random) -> str:
    return f"{rng.randint(210, 340)} MBq"


def add_guidance_scan(
    images: ImageImport, rng: Random, datasets: Sequence[int], code: str, day: datetime
) -> int:
    """Import the CT that guided a biopsy's needle."""
    slices = rng.randint(20, 48)
    image = images.image(
        datasets,
        f"{code}_CT-guidance.dcm",
        _volume((512, 512, slices, 1), (0.7, 3.0), "CT"),
        fileset=images.fileset(f"biopsy/{code}/{code}_CT-guidance.dcm", slices * 512 * 512 * 2),
        acquired=day + timedelta(hours=3),
    )
    images.key_values("Image", [image], [("Modality", "CT"), ("Purpose", "biopsy guidance")])
    images.tag("Image", [image], "CT", "Computed tomography")
    return image


def add_slides(
    images: ImageImport, rng: Random, dataset: int, code: str, day: datetime
) -> list[int]:
    """Import an H&E and an immunostained slide of a biopsy."""
    instrument = images.instrument(SLIDE_SCANNER)
    pixel: Length = (0.2265, "MICROMETER")
    ids = []
    for suffix, pairs in (
        ("HE", [("Modality", "H&E"), ("Stain", "Hematoxylin and eosin")]),
        ("HepPar1", [("Modality", "IHC"), ("Stain", "DAB"), ("Antibody", "anti-HepPar-1")]),
    ):
        width, height = 256 * rng.randint(90, 260), 256 * rng.randint(60, 160)
        image = images.image(
            [dataset],
            f"{code}_{suffix}.ndpi",
            Acquisition(
                "NDPI",
                "uint8",
                8,
                (width, height, 1, 1),
                (pixel, pixel, None),
                bright_field(),
                1,
                "Air",
                1.0,
                "XYCZT",
            ),
            fileset=images.fileset(f"slides/{code}/{code}_{suffix}.ndpi", width * height // 8),
            acquired=day + timedelta(days=5),
            instrument=instrument,
        )
        images.key_values("Image", [image], pairs)
        images.tag("Image", [image], pairs[0][1])
        ids.append(image)
    return ids
