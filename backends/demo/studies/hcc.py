"""QHCC0, a trial on hepatocellular carcinoma: 16 patients before and after therapy.

Each patient has an imaging region per visit (MR, PET with FDG and with choline, CT perfusion), a
CT-guided biopsy at baseline and in nine cases after therapy, and blood plasma and whole blood.
Biopsies give RNA-seq and exomes, whole blood the germline exome, plasma NMR spectra. The imaging
runs carry OMERO ids in the spellings that QBiC's drop-boxes have used over the years, one per group
of patients (`_written_ids`); three baseline FDG PETs are LINK data sets besides. All is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from backends.demo.accounts import omero_group, omero_user
from backends.demo.factors import Factor, Trait, setup_xml
from backends.demo.image_import import ImageImport
from backends.demo.irregularities import (
    FOLLOW_UP_NOT_LINKED,
    FOLLOW_UPS_WITHOUT_IMAGES,
    PATIENT_WITH_SHARED_IMAGE,
)
from backends.demo.linkage import link_project, link_sample
from backends.demo.registration import Registration
from backends.demo.studies import hcc_omics, hcc_scans
from backends.demo.world import Experiment, ExternalDms, Sample, World

PROJECT = "QHCC0"
PATIENTS = 16
BASELINE, FOLLOW_UP = "before therapy", "after therapy"
SECOND_BIOPSIES = (1, 2, 3, 5, 8, 9, 12, 13, 15)
LINKED_DATA_PATIENTS = (1, 2, 4)
OMERO_DMS = "OMERO"
FIRST_DAY = datetime(2016, 9, 5, 8, 0, tzinfo=UTC)
_VIEWER = "https://omero.example.org/webclient/?show=image-"


@dataclass(slots=True)
class _Visit:
    name: str
    day: datetime
    region: Sample
    plasma: Sample
    biopsy: Sample | None
    scans: dict[str, list[int]] = field(default_factory=dict)  # modality → OMERO image ids


@dataclass(slots=True)
class _Patient:
    number: int
    entity: Sample
    blood: Sample
    visits: list[_Visit]


def add_hcc(world: World, rng: Random) -> None:
    """Add the study to both sides of a world, linked."""
    world.openbis.external_dms.append(ExternalDms(OMERO_DMS, "OMERO", _VIEWER + "${code}"))
    registration = Registration(
        world.openbis,
        space="HEPATOLOGY",
        code=PROJECT,
        description="Multiscale HCC: imaging, genomics and metabolomics before and after therapy",
        registrator="oncology",
        started=FIRST_DAY,
    )
    patients = _register(registration, rng)
    images = ImageImport(
        world.omero,
        rng,
        owner=omero_user(world.omero, "oncology"),
        group=omero_group(world.omero, "hepatology"),
        started=FIRST_DAY + timedelta(days=1),
    )
    _import(world, registration, images, rng, patients)
    _register_runs(registration, patients)
    biopsies = [
        (patient.number, visit.name, visit.biopsy)
        for patient in patients
        for visit in patient.visits
        if visit.biopsy
    ]
    hcc_omics.add_sequencing(registration, rng, biopsies, [patient.blood for patient in patients])
    hcc_omics.add_metabolomics(
        registration, rng, [visit.plasma for patient in patients for visit in patient.visits]
    )


def _register(registration: Registration, rng: Random) -> list[_Patient]:
    info = registration.experiment(
        "Q_PROJECT_DETAILS", {"Q_SECONDARY_NAME": "Multiscale HCC"}, code=f"{PROJECT}_INFO"
    )
    design = registration.experiment("Q_EXPERIMENTAL_DESIGN", {"Q_CURRENT_STATUS": "FINISHED"})
    extraction = registration.experiment("Q_SAMPLE_EXTRACTION", {"Q_CURRENT_STATUS": "FINISHED"})
    visit_factor, arm = Factor("visit"), Factor("therapy")
    ages: list[Trait] = []
    patients = []
    for number in range(1, PATIENTS + 1):
        age = rng.randint(48, 81)
        therapy = ("TACE", "TACE and sorafenib")[number % 2]
        entity = registration.sample(
            "Q_BIOLOGICAL_ENTITY",
            design,
            {
                "Q_SECONDARY_NAME": f"HCC patient {number:02d}",
                "Q_NCBI_ORGANISM": "9606",
                "Q_GENDER": rng.choices(("MALE", "FEMALE"), weights=(3, 1))[0],
                "Q_DIAGNOSIS": "C22.0",
                "Q_ADDITIONAL_INFO": f"age: {age}; BCLC stage {rng.choice('AB')}; {therapy}",
            },
            code=f"{PROJECT}ENTITY-{number}",
        )
        arm.assign(therapy, entity.code)
        ages.append(Trait(entity.code, "age", str(age), "y"))
        first = FIRST_DAY + timedelta(days=24 * number, hours=rng.randint(0, 8))
        blood = _material(
            registration, extraction, entity, (BASELINE, first), ("WHOLE_BLOOD", "whole blood")
        )
        visits = []
        for name, day in ((BASELINE, first), (FOLLOW_UP, first + timedelta(days=84))):
            has_biopsy = name == BASELINE or number in SECOND_BIOPSIES
            visits.append(
                _Visit(
                    name,
                    day,
                    _material(registration, extraction, entity, (name, day), ("LIVER", "liver")),
                    _material(
                        registration, extraction, entity, (name, day), ("BLOOD_PLASMA", "plasma")
                    ),
                    _biopsy(registration, extraction, entity, day, name) if has_biopsy else None,
                )
            )
            for sample in (visits[-1].region, visits[-1].plasma, visits[-1].biopsy):
                if sample:
                    visit_factor.assign(name, sample.code)
        patients.append(_Patient(number, entity, blood, visits))
    regions = [visit.region.code for patient in patients for visit in patient.visits]
    info.properties["Q_EXPERIMENTAL_SETUP"] = setup_xml(
        "Clinical trial", {"Imaging": regions}, [visit_factor, arm], ages
    )
    return patients


def _material(
    registration: Registration,
    experiment: Experiment,
    entity: Sample,
    visit: tuple[str, datetime],
    tissue: tuple[str, str],
    **properties: str,
) -> Sample:
    (visit_name, day), (tissue_code, name) = visit, tissue
    return registration.sample(
        "Q_BIOLOGICAL_SAMPLE",
        experiment,
        {
            "Q_SECONDARY_NAME": f"{entity.properties['Q_SECONDARY_NAME']}, {name}, {visit_name}",
            "Q_PRIMARY_TISSUE": tissue_code,
            "Q_TISSUE_DETAILED": name,
            "Q_TIMEPOINT": visit_name,
            "Q_CREATION_TIME": f"{day:%Y-%m-%d %H:%M:%S} +0000",
            **properties,
        },
        parents=[entity],
    )


def _biopsy(
    registration: Registration, experiment: Experiment, entity: Sample, day: datetime, visit: str
) -> Sample:
    return _material(
        registration,
        experiment,
        entity,
        (visit, day + timedelta(hours=3)),
        ("TUMOR_TISSUE", "CT-guided liver biopsy"),
        Q_DIGNITY="MALIGNANT",
        Q_TUMOR_TYPE="HCC",
        Q_IS_METASTASIS="false",
        Q_HISTOLOGY="Hepatocellular carcinoma",
    )


def _import(
    world: World,
    registration: Registration,
    images: ImageImport,
    rng: Random,
    patients: Sequence[_Patient],
) -> None:
    study_nurse = omero_user(world.omero, "oncology")
    facility = omero_user(world.omero, "microscopy")
    project = link_project(world, registration, images)
    for patient in patients:
        for visit in patient.visits:
            images.begin(visit.day + timedelta(days=1), owner=study_nurse)
            region = None
            late = visit.name == FOLLOW_UP
            if late and patient.number == FOLLOW_UP_NOT_LINKED:
                region = images.dataset(project, visit.region.code, "made by hand in OMERO")
            elif not (late and patient.number in FOLLOW_UPS_WITHOUT_IMAGES):
                region = link_sample(world, registration, images, project, visit.region)
            if region is not None:
                _import_region(images, rng, patient, visit, region)
            if visit.biopsy is None:
                continue
            dataset = link_sample(world, registration, images, project, visit.biopsy)
            shared = patient.number == PATIENT_WITH_SHARED_IMAGE and visit.name == BASELINE
            also = [region] if shared and region is not None else []
            guidance = hcc_scans.add_guidance_scan(
                images, rng, [dataset, *also], visit.biopsy.code, visit.day
            )
            visit.scans["CT-BIOPSY"] = [guidance]
            images.begin(visit.day + timedelta(days=6), owner=facility)
            slides = hcc_scans.add_slides(images, rng, dataset, visit.biopsy.code, visit.day)
            if patient.number in (1, 2):
                visit.biopsy.properties["OMERO_IDS"] = ",".join(map(str, [guidance, *slides]))
                visit.biopsy.properties["OMERO_ID_TYPE"] = "IMAGES"
            if patient.number == 4:  # noqa: PLR2004 - linked by comment, as one bridge does it
                images.comment(
                    "Dataset",
                    [dataset],
                    "https://openbis.example.org/openbis/webapp/eln-lims/"
                    f"?menuUniqueId=null&viewName=showViewSamplePageFromPermId"
                    f"&viewData={visit.biopsy.perm_id}",
                )


def _import_region(
    images: ImageImport, rng: Random, patient: _Patient, visit: _Visit, dataset: int
) -> None:
    visit.scans.update(
        hcc_scans.add_region_scans(images, rng, dataset, visit.region.code, visit.day)
    )
    every = [image for scans in visit.scans.values() for image in scans]
    images.key_values(
        "Image",
        every,
        [("Visit", visit.name), ("Patient", patient.entity.code)],
        "omnibis/rembi/study-component",
    )


def _written_ids(patient: int, ids: Sequence[int]) -> dict[str, str]:
    """Spell OMERO ids on an imaging run as the drop-box of the patient's year did."""
    if patient <= 6:  # noqa: PLR2004 - 2021 to 2023: one per line
        return {"Q_OMERO_IDS": "\n".join(map(str, ids))}
    if patient <= 9:  # noqa: PLR2004 - for some weeks: a Python list
        return {"Q_OMERO_IDS": str(list(ids))}
    if patient <= 12:  # noqa: PLR2004 - the prototype of 2020: free text
        return {"Q_ADDITIONAL_INFO": f"OMERO image ids: {', '.join(map(str, ids))}"}
    return {}  # since late 2023: nothing


def _register_runs(registration: Registration, patients: Sequence[_Patient]) -> None:
    registration.pause(days=600)
    for visit_name in (BASELINE, FOLLOW_UP):
        for place, modality in enumerate(("MR-PET", "CT-PERFUSION", "CT-BIOPSY"), start=1):
            visits = [
                (patient, visit)
                for patient in patients
                for visit in patient.visits
                if visit.name == visit_name and modality in visit.scans
            ]
            last = max(visit.day for _, visit in visits)
            experiment = registration.experiment(
                "Q_BMI_GENERIC_IMAGING",
                {
                    "Q_SECONDARY_NAME": f"{modality}, {visit_name}",
                    "Q_BMI_MODALITY": modality,
                    "Q_INSTRUMENT_USER": "oncology",
                    "Q_MEASUREMENT_FINISH_DATE": f"{last:%Y-%m-%d %H:%M:%S} +0000",
                    "Q_CURRENT_STATUS": "FINISHED",
                },
            )
            for patient, visit in visits:
                source = visit.biopsy if modality == "CT-BIOPSY" else visit.region
                if source is None:
                    continue
                run = registration.sample(
                    "Q_BMI_GENERIC_IMAGING_RUN",
                    experiment,
                    {
                        "Q_SECONDARY_NAME": f"{modality} of {source.code}",
                        **_written_ids(patient.number, visit.scans[modality]),
                    },
                    parents=[source],
                    code=f"IMG{place}{source.code}",
                )
                linked = patient.number in LINKED_DATA_PATIENTS and visit_name == BASELINE
                if linked and modality == "MR-PET":
                    registration.linked_data(
                        "Q_BMI_IMAGING_DATA",
                        run,
                        {
                            "Q_SECONDARY_NAME": f"FDG PET of {source.code}",
                            "Q_TIMEPOINT": visit_name,
                            "Q_IMAGED_TISSUE": "liver",
                        },
                        dms=OMERO_DMS,
                        external_code=str(visit.scans[modality][1]),
                    )
