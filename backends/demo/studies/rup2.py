"""QRUP2, Arabidopsis RUP2 in tobacco leaves: confocal images of a full-factorial design.

After the published proof of concept: leaf epidermis of transformed *N. benthamiana*, RUP1-GFP or
RUP2-GFP crossed with CO-mCherry or NLS-mCherry, three plants of each, two leaves of each plant,
imaged in two channels with a laser-scanning confocal. Factors stand in the design's XML, for the
first two plants in the samples' own legacy XML too. The older images give their pixel size in
nanometres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

from backends.demo.accounts import omero_group, omero_user
from backends.demo.factors import Factor, properties_xml, setup_xml
from backends.demo.image_import import ImageImport
from backends.demo.irregularities import (
    DATASET_WITH_DUPLICATE_NAME,
    IMAGE_WITHOUT_PIXELS,
    LEAF_WITH_DELETED_DATASET,
    LEAVES_WITHOUT_IMAGES,
)
from backends.demo.linkage import link_project, link_sample
from backends.demo.microscopy import CONFOCAL, Acquisition, Channel
from backends.demo.registration import Registration
from backends.demo.world import Sample, SampleLink, World

PROJECT = "QRUP2"
GREEN_FUSIONS = ("RUP1-GFP", "RUP2-GFP")
RED_FUSIONS = ("CO-mCherry", "NLS-mCherry")
PLANTS_PER_COMBINATION = 3
LEAVES = ("third leaf", "fourth leaf")
IMAGES_PER_LEAF = 6
FIRST_DAY = datetime(2019, 6, 3, 7, 0, tzinfo=UTC)


@dataclass(slots=True)
class _Leaf:
    sample: Sample
    green: str
    red: str
    hours: int  # after infiltration


def add_rup2(world: World, rng: Random) -> None:
    """Add the study to both sides of a world, linked."""
    registration = Registration(
        world.openbis,
        space="PLANT_BIOLOGY",
        code=PROJECT,
        description="Arabidopsis RUP2: localisation with CONSTANS in N. benthamiana epidermis",
        registrator="plant",
        started=FIRST_DAY,
    )
    leaves = _register(registration)
    images = ImageImport(
        world.omero,
        rng,
        owner=omero_user(world.omero, "plant"),
        group=omero_group(world.omero, "plant-biology"),
        started=FIRST_DAY + timedelta(days=1),
    )
    imaged = _import(world, registration, images, rng, leaves)
    _register_runs(registration, imaged)


def _register(registration: Registration) -> list[_Leaf]:
    info = registration.experiment(
        "Q_PROJECT_DETAILS", {"Q_SECONDARY_NAME": "RUP2"}, code=f"{PROJECT}_INFO"
    )
    design = registration.experiment("Q_EXPERIMENTAL_DESIGN", {"Q_CURRENT_STATUS": "FINISHED"})
    extraction = registration.experiment("Q_SAMPLE_EXTRACTION", {"Q_CURRENT_STATUS": "FINISHED"})
    green_factor, red_factor = Factor("gfp_fusion"), Factor("mcherry_fusion")
    position, time = Factor("leaf_position"), Factor("time_after_infiltration", unit="h")
    leaves: list[_Leaf] = []
    plants = list(product(GREEN_FUSIONS, RED_FUSIONS, range(1, PLANTS_PER_COMBINATION + 1)))
    for number, (green, red, replicate) in enumerate(plants, start=1):
        legacy = number <= 2  # noqa: PLR2004 - the first two plants
        fusions = [("gfp_fusion", green, None), ("mcherry_fusion", red, None)]
        entity = registration.sample(
            "Q_BIOLOGICAL_ENTITY",
            design,
            {
                "Q_SECONDARY_NAME": f"{green} ; {red} ; plant {replicate}",
                "Q_NCBI_ORGANISM": "4100",
                "Q_ORGANISM_DETAILED": "Nicotiana benthamiana, transiently transformed",
                "Q_PROPERTIES": properties_xml(fusions) if legacy else None,
            },
            code=f"{PROJECT}ENTITY-{number}",
        )
        green_factor.assign(green, entity.code)
        red_factor.assign(red, entity.code)
        for place, hours in zip(LEAVES, (48, 72), strict=True):
            traits = [("leaf_position", place, None), ("time_after_infiltration", str(hours), "h")]
            sample = registration.sample(
                "Q_BIOLOGICAL_SAMPLE",
                extraction,
                {
                    "Q_SECONDARY_NAME": f"{green} ; {red} ; plant {replicate} ; {place}",
                    "Q_PRIMARY_TISSUE": "LEAF",
                    "Q_TISSUE_DETAILED": "abaxial leaf epidermis",
                    "Q_PROPERTIES": properties_xml(fusions + traits) if legacy else None,
                },
                parents=[entity],
            )
            green_factor.assign(green, sample.code)
            red_factor.assign(red, sample.code)
            position.assign(place, sample.code)
            time.assign(str(hours), sample.code)
            leaves.append(_Leaf(sample, green, red, hours))
    info.properties["Q_EXPERIMENTAL_SETUP"] = setup_xml(
        "Full factorial design",
        {"Imaging": [leaf.sample.code for leaf in leaves]},
        [green_factor, red_factor, position, time],
    )
    return leaves


def _import(
    world: World,
    registration: Registration,
    images: ImageImport,
    rng: Random,
    leaves: Sequence[_Leaf],
) -> list[_Leaf]:
    project = link_project(world, registration, images)
    instrument = images.instrument(CONFOCAL)
    imaged, taken, passed = [], [], []
    for number, leaf in enumerate(leaves):
        code = leaf.sample.code
        if code in LEAVES_WITHOUT_IMAGES:
            continue
        day = FIRST_DAY + timedelta(days=3 + number // 2, hours=leaf.hours / 24)
        images.begin(day)
        if code == LEAF_WITH_DELETED_DATASET:
            world.sample_links.append(
                SampleLink(
                    leaf.sample.perm_id,
                    registration.project.perm_id,
                    world.omero.reserve("Dataset"),
                )
            )
            continue
        dataset = link_sample(world, registration, images, project, leaf.sample)
        if code == DATASET_WITH_DUPLICATE_NAME:
            images.dataset(project, code, "made again by a second run of the wizard")
        imaged.append(leaf)
        for index in range(1, IMAGES_PER_LEAF + 1):
            name = f"{code}_{leaf.green}_{leaf.red}_{index:02d}.lsm"
            broken = name == IMAGE_WITHOUT_PIXELS
            acquisition = _acquisition(rng, index, old=number < len(leaves) // 3)
            image = images.image(
                [dataset],
                name,
                None if broken else acquisition,
                fileset=images.fileset(
                    f"confocal/{code}/{name}", 40_000_000 + rng.randrange(10**6)
                ),
                acquired=day + timedelta(minutes=7 * index, seconds=rng.randrange(60)),
                description="Import broke off, the file could not be read" if broken else None,
                instrument=instrument,
            )
            images.key_values(
                "Image",
                [image],
                [
                    ("Modality", "confocal microscopy"),
                    ("GFP fusion", leaf.green),
                    ("mCherry fusion", leaf.red),
                    ("Time after infiltration", f"{leaf.hours} h"),
                    ("Cell", f"epidermal cell {rng.randint(1, 40)}"),
                ],
            )
            if not broken:
                _outline_nuclei(images, rng, image, acquisition)
                if index != IMAGES_PER_LEAF:
                    passed.append(image)
            taken.append(image)
    _annotate(images, taken, passed)
    return imaged


def _annotate(images: ImageImport, taken: list[int], passed: list[int]) -> None:
    images.begin(FIRST_DAY + timedelta(days=40))
    images.key_values(
        "Image",
        taken,
        [("Organism", "Nicotiana benthamiana"), ("Biological entity", "leaf epidermal cell")],
        "omnibis/rembi/biosample",
    )
    images.key_values(
        "Image",
        taken,
        [("Imaging method", "confocal microscopy"), ("Fluorophores", "EGFP, mCherry")],
        "omnibis/rembi/image-acquisition",
    )
    images.tag("Image", taken, "Confocal", "Laser-scanning confocal microscopy")
    images.tag("Image", passed, "QC passed", "Looked at and found usable")


def _outline_nuclei(images: ImageImport, rng: Random, image: int, taken: Acquisition) -> None:
    for nucleus in range(rng.randint(0, 2)):
        extent = taken.size[0]
        side = float(rng.randint(extent // 16, extent // 8))
        corner = (float(rng.randrange(extent // 2)), float(rng.randrange(extent // 2)))
        images.rectangle(image, f"Nucleus {nucleus + 1}", (*corner, side, side), taken.size[2] // 2)


def _acquisition(rng: Random, index: int, *, old: bool) -> Acquisition:
    """Describe a two-channel stack; `old` ones give their pixel size in nanometres."""
    objective = index % 2
    extent = rng.choice((512, 1024))
    spacing = round((0.42, 0.26)[objective] * 512 / extent / rng.choice((1.0, 2.0)), 4)
    step = rng.choice((0.5, 0.75, 1.0))
    pixel = (round(spacing * 1000, 1), "NANOMETER") if old else (spacing, "MICROMETER")
    channels = (
        Channel(
            "GFP",
            (0, 255, 0, 255),
            fluor="EGFP",
            excitation=488.0,
            emission=509.0,
            mode="LaserScanningConfocalMicroscopy",
            contrast="Fluorescence",
            illumination="Epifluorescence",
            pin_hole=round(rng.uniform(35, 50), 1),
            intensity=(0.0, float(rng.randint(180, 255))),
        ),
        Channel(
            "mCherry",
            (255, 0, 0, 255),
            fluor="mCherry",
            excitation=587.0,
            emission=610.0,
            mode="LaserScanningConfocalMicroscopy",
            contrast="Fluorescence",
            illumination="Epifluorescence",
            pin_hole=round(rng.uniform(38, 54), 1),
            intensity=(0.0, float(rng.randint(150, 255))),
        ),
    )
    return Acquisition(
        "ZeissLSM",
        "uint8",
        8,
        (extent, extent, rng.randint(8, 48), 1),
        (pixel, pixel, (step * 1000, "NANOMETER") if old else (step, "MICROMETER")),
        channels,
        objective,
        ("Water", "Oil")[objective],
        (1.333, 1.518)[objective],
    )


def _register_runs(registration: Registration, leaves: list[_Leaf]) -> None:
    """Register the imaging runs as today's image registration does, without OMERO ids."""
    registration.pause(days=30)
    experiment = registration.experiment(
        "Q_BMI_GENERIC_IMAGING",
        {
            "Q_BMI_MODALITY": "NCIT_C17753",
            "Q_INSTRUMENT_USER": "plant",
            "Q_MEASUREMENT_FINISH_DATE": "2019-06-19 16:00:00 +0000",
            "Q_CURRENT_STATUS": "FINISHED",
        },
    )
    for leaf in leaves:
        registration.sample(
            "Q_BMI_GENERIC_IMAGING_RUN",
            experiment,
            {"Q_SECONDARY_NAME": f"Confocal images of {leaf.sample.code}"},
            parents=[leaf.sample],
            code=f"IMG1{leaf.sample.code}",
        )
