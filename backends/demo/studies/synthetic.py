"""QCLIN, the synthetic clinical study: 130 patients, one CT, histology and genomes each.

The proportions are those of the published proof of concept: three samples a patient (abdomen,
healthy and tumour liver), one CT of the abdomen, ten H&E tiles and one paired-end genome of each
tissue; 390 biological samples, 2,730 images, 260 genomes. As at QBiC a genome's data set hangs on a
run sample (`NGS` + barcode) below a DNA extract below the tissue. Ages stand both as a property and
in the design's XML. All of it is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from backends.demo.accounts import omero_group, omero_user
from backends.demo.factors import Factor, Trait, setup_xml
from backends.demo.image_import import ImageImport
from backends.demo.irregularities import CT_WITHOUT_DATE_PATIENT
from backends.demo.linkage import link_project, link_sample
from backends.demo.microscopy import SLIDE_SCANNER, Acquisition, Channel, bright_field
from backends.demo.registration import Registration
from backends.demo.world import Sample, World

PROJECT = "QCLIN"
PATIENTS = 130
TILES = 10
REMBI = "omnibis/rembi/"

_CT = Channel("CT", (255, 255, 255, 255), intensity=(-1024.0, 3071.0))
_CT_SCANNERS = ("SOMATOM Definition AS", "SOMATOM Force", "Aquilion ONE")
_PHASES = ("arterial", "portal venous", "venous")
_DIAGNOSES = {"HCC": "C22.0", "ICC": "C22.1", "CRLM": "C78.7"}
_HISTOLOGY = {
    "HCC": "Hepatocellular carcinoma, trabecular",
    "ICC": "Adenocarcinoma of the bile ducts",
    "CRLM": "Metastasis of a colorectal adenocarcinoma",
}
_STAGES = ("T1", "T2", "T3", "T4")


@dataclass(slots=True)
class _Patient:
    number: int
    entity: Sample
    abdomen: Sample
    healthy: Sample
    tumour: Sample


def add_synthetic(world: World, rng: Random) -> None:
    """Add the study to both sides of a world, linked."""
    registration = Registration(
        world.openbis,
        space="CLINICAL",
        code=PROJECT,
        description="Synthetic clinical study: CT, histology and genomes of liver tumours",
        registrator="oncology",
        started=datetime(2021, 4, 12, 7, 30, tzinfo=UTC),
    )
    patients = _register_patients(registration, rng)
    _register_genomes(registration, rng, patients)
    images = ImageImport(
        world.omero,
        rng,
        owner=omero_user(world.omero, "oncology"),
        group=omero_group(world.omero, "clinical"),
        started=datetime(2021, 4, 20, 6, 0, tzinfo=UTC),
    )
    _import_images(world, registration, images, rng, patients)


def _register_patients(registration: Registration, rng: Random) -> list[_Patient]:
    info = registration.experiment(
        "Q_PROJECT_DETAILS", {"Q_SECONDARY_NAME": "Synthetic clinical"}, code=f"{PROJECT}_INFO"
    )
    design = registration.experiment("Q_EXPERIMENTAL_DESIGN", {"Q_CURRENT_STATUS": "FINISHED"})
    extraction = registration.experiment("Q_SAMPLE_EXTRACTION", {"Q_CURRENT_STATUS": "FINISHED"})
    diagnosis, condition = Factor("diagnosis"), Factor("condition")
    ages: list[Trait] = []
    patients = []
    for number in range(1, PATIENTS + 1):
        tumour_type = rng.choices(tuple(_DIAGNOSES), weights=(5, 2, 3))[0]
        age = min(89, max(24, round(rng.gauss(63, 11))))
        entity = registration.sample(
            "Q_BIOLOGICAL_ENTITY",
            design,
            {
                "Q_SECONDARY_NAME": f"Patient {number:03d}",
                "Q_NCBI_ORGANISM": "9606",
                "Q_GENDER": rng.choice(("FEMALE", "MALE")),
                "Q_AGE_AT_DIAGNOSIS": str(age),
                "Q_DIAGNOSIS": _DIAGNOSES[tumour_type],
                "Q_EXTERNALDB_ID": f"SYN-{number:04d}",
            },
            code=f"{PROJECT}ENTITY-{number}",
        )
        diagnosis.assign(tumour_type, entity.code)
        ages.append(Trait(entity.code, "age", str(age), "y"))
        metastasis = tumour_type == "CRLM"
        tissues = [
            registration.sample(
                "Q_BIOLOGICAL_SAMPLE",
                extraction,
                {
                    "Q_SECONDARY_NAME": f"Patient {number:03d}, {name}",
                    "Q_PRIMARY_TISSUE": tissue,
                    "Q_TISSUE_DETAILED": name,
                    **properties,
                },
                parents=[entity],
            )
            for name, tissue, properties in (
                ("abdomen", "ABDOMEN", {}),
                (
                    "healthy liver",
                    "LIVER",
                    {"Q_DIGNITY": "BENIGN", "Q_HISTOLOGY": "Liver without finding"},
                ),
                (
                    "tumour liver",
                    "LIVER",
                    {
                        "Q_DIGNITY": "MALIGNANT",
                        "Q_HISTOLOGY": _HISTOLOGY[tumour_type],
                        "Q_TUMOR_TYPE": tumour_type,
                        "Q_TUMOR_STAGE": rng.choices(_STAGES, weights=(3, 4, 3, 1))[0],
                        "Q_IS_METASTASIS": "true" if metastasis else "false",
                        "Q_TISSUE_LOCATION": f"segment {rng.randint(2, 8)}",
                    },
                ),
            )
        ]
        for level, sample in zip(("body_region", "healthy", "tumour"), tissues, strict=True):
            condition.assign(level, sample.code)
        abdomen, healthy, tumour = tissues
        patients.append(_Patient(number, entity, abdomen, healthy, tumour))
    technologies = {
        "Imaging": [
            sample.code
            for patient in patients
            for sample in (patient.abdomen, patient.healthy, patient.tumour)
        ],
        "NGS": [
            sample.code for patient in patients for sample in (patient.healthy, patient.tumour)
        ],
    }
    info.properties["Q_EXPERIMENTAL_SETUP"] = setup_xml(
        "Case-control study", technologies, [diagnosis, condition], ages
    )
    return patients


def _register_genomes(registration: Registration, rng: Random, patients: list[_Patient]) -> None:
    registration.pause(days=3)
    preparation = registration.experiment("Q_SAMPLE_PREPARATION", {"Q_CURRENT_STATUS": "FINISHED"})
    extracts = [
        (
            patient,
            tissue,
            registration.sample(
                "Q_TEST_SAMPLE",
                preparation,
                {
                    "Q_SECONDARY_NAME": f"DNA of {tissue.properties['Q_SECONDARY_NAME']}",
                    "Q_SAMPLE_TYPE": "DNA",
                },
                parents=[tissue],
            ),
        )
        for patient in patients
        for tissue in (patient.healthy, patient.tumour)
    ]
    registration.pause(days=14)
    sequencing = registration.experiment(
        "Q_NGS_MEASUREMENT",
        {
            "Q_SECONDARY_NAME": "Whole genomes",
            "Q_SEQUENCING_MODE": "PAIRED_END",
            "Q_SEQUENCING_TYPE": "WHOLE_GENOME",
            "Q_SEQUENCER_DEVICE": "ILLUMINA_NOVASEQ_6000",
            "Q_CURRENT_STATUS": "FINISHED",
        },
    )
    for _, tissue, extract in extracts:
        run = registration.sample(
            "Q_NGS_SINGLE_SAMPLE_RUN",
            sequencing,
            {"Q_SECONDARY_NAME": f"Genome of {tissue.properties['Q_SECONDARY_NAME']}"},
            parents=[extract],
            code=f"NGS{extract.code}",
        )
        reads = rng.randint(380, 460) * 10**6
        registration.stored_data(
            "Q_NGS_RAW_DATA",
            run,
            {
                "Q_SECONDARY_NAME": run.properties["Q_SECONDARY_NAME"],
                "Q_SEQUENCING_TYPE": "WHOLE_GENOME",
                "Q_READS_COUNT": str(reads),
                "Q_FILE_PROPERTIES": f"{extract.code}_R1.fastq.gz\n{extract.code}_R2.fastq.gz",
            },
            size=reads * 150,
            file_format="FASTQ",
        )


def _import_images(
    world: World,
    registration: Registration,
    images: ImageImport,
    rng: Random,
    patients: list[_Patient],
) -> None:
    project = link_project(world, registration, images)
    tiles: list[int] = []
    scans: list[int] = []
    for patient in patients:
        day = datetime(2021, 4, 20, 6, 0, tzinfo=UTC) + timedelta(
            hours=patient.number, milliseconds=rng.randrange(1000)
        )
        images.begin(day)
        abdomen = link_sample(world, registration, images, project, patient.abdomen)
        scans.append(_import_scan(images, rng, patient, abdomen, day))
        for tissue in (patient.healthy, patient.tumour):
            dataset = link_sample(world, registration, images, project, tissue)
            tiles += _import_slide(images, rng, tissue, dataset, day)
    human = [("Organism", "Homo sapiens"), ("Biological entity", "Liver")]
    images.begin(datetime(2021, 5, 3, 6, 0, tzinfo=UTC))
    images.key_values("Image", scans + tiles, human, REMBI + "biosample")
    images.key_values(
        "Image",
        scans,
        [("Imaging method", "computed tomography"), ("Contrast agent", "iodine")],
        REMBI + "image-acquisition",
    )
    images.key_values(
        "Image",
        tiles,
        [("Imaging method", "bright-field microscopy"), ("Staining", "hematoxylin and eosin")],
        REMBI + "image-acquisition",
    )
    images.tag("Image", scans, "CT", "Computed tomography")
    images.tag("Image", tiles, "H&E", "Hematoxylin and eosin stain")
    passed = [image for image in scans + tiles if rng.random() < 0.94]  # noqa: PLR2004 - a share
    images.tag("Image", passed, "QC passed", "Looked at and found usable")


def _import_scan(
    images: ImageImport, rng: Random, patient: _Patient, dataset: int, day: datetime
) -> int:
    width = round(rng.uniform(0.6, 0.9), 3)
    slices = rng.randint(50, 400)
    spacing = rng.choice((1.0, 1.5, 2.0, 2.5, 3.0, 5.0))
    dated = patient.number != CT_WITHOUT_DATE_PATIENT
    image = images.image(
        [dataset],
        f"{patient.abdomen.code}_CT.dcm",
        Acquisition(
            "DICOM",
            "int16",
            16,
            (512, 512, slices, 1),
            ((width, "MILLIMETER"), (width, "MILLIMETER"), (spacing, "MILLIMETER")),
            (_CT,),
        ),
        fileset=images.fileset(
            f"ct/{patient.abdomen.code}/{patient.abdomen.code}_CT.dcm",
            slices * 512 * 512 * 2 + 2048,
        ),
        acquired=day - timedelta(days=rng.randint(10, 40)) if dated else None,
        description=f"CT of the abdomen, {patient.abdomen.properties['Q_SECONDARY_NAME']}",
    )
    images.key_values(
        "Image",
        [image],
        [
            ("Modality", "CT"),
            ("Scanner", rng.choice(_CT_SCANNERS)),
            ("Contrast phase", rng.choice(_PHASES)),
            ("Tube voltage", f"{rng.choice((100, 120, 140))} kV"),
            ("Slice thickness", f"{spacing} mm"),
        ],
    )
    if patient.number % 5 == 0:
        images.rectangle(image, "Tumour", _box(rng, 512, 40, 120), slices // 2)
    return image


def _import_slide(
    images: ImageImport,
    rng: Random,
    tissue: Sample,
    dataset: int,
    day: datetime,
) -> list[int]:
    instrument = images.instrument(SLIDE_SCANNER)
    objective = rng.randrange(2)
    spacing = (0.5, 0.25)[objective]
    pixel = (spacing, "MICROMETER")
    acquisition = Acquisition(
        "TIFF",
        "uint8",
        8,
        (1000, 1000, 1, 1),
        (pixel, pixel, None),
        bright_field(),
        objective,
        "Air",
        1.0,
        "XYCZT",
    )
    stained = day - timedelta(days=rng.randint(2, 9))
    tiles = []
    for tile in range(1, TILES + 1):
        row, column = divmod(tile - 1, 5)
        image = images.image(
            [dataset],
            f"{tissue.code}_HE_{tile:02d}.tif",
            acquisition,
            fileset=images.fileset(
                f"he/{tissue.code}/{tissue.code}_HE_{tile:02d}.tif", 3_000_000 + rng.randrange(4096)
            ),
            acquired=stained + timedelta(seconds=20 * tile),
            instrument=instrument,
        )
        images.key_values(
            "Image",
            [image],
            [
                ("Modality", "H&E"),
                ("Stain", "Hematoxylin and eosin"),
                ("Tile", f"{row + 1},{column + 1}"),
                ("Tissue", tissue.properties["Q_TISSUE_DETAILED"]),
            ],
        )
        if tissue.properties["Q_DIGNITY"] == "MALIGNANT" and tile == 1:
            images.rectangle(image, "Tumour", _box(rng, 1000, 100, 400))
        tiles.append(image)
    return tiles


def _box(rng: Random, extent: int, least: int, most: int) -> tuple[float, float, float, float]:
    width, height = rng.randint(least, most), rng.randint(least, most)
    return (
        float(rng.randrange(extent - width)),
        float(rng.randrange(extent - height)),
        float(width),
        float(height),
    )
