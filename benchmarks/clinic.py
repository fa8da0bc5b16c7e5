"""A clinical study of any size for the embedded backends, and the answer to the paper's question.

Each patient is eight samples in openBIS (the entity, abdomen, healthy and tumour tissue, blood, two
extracts and a run) and three datasets in OMERO. Who has a CT, how many tiles of which resolution
and a genome is drawn, and the patients that fulfil the question are told along, so that a figure is
never taken of a wrong answer. Used by `cohorts.py` only.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from api.demonstration import seed_links
from backends.demo.accounts import (
    add_omero_accounts,
    add_openbis_accounts,
    omero_group,
    omero_user,
)
from backends.demo.masterdata import add_masterdata
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.openbis.server import create_openbis_server
from backends.demo.world import (
    DataSet,
    Experiment,
    Project,
    ProjectLink,
    Sample,
    SampleLink,
    World,
)
from backends.errors import Source
from backends.folder import Folder
from backends.lane import Lane
from backends.omero.client import OmeroClient
from backends.openbis.client import OpenbisClient
from backends.openbis.transport import AsgiTransport
from link_store.database import LinkDatabase
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf
from resolvers.context import Services
from resolvers.viewers import ViewerCache

SAMPLES_EACH = 8
PATIENCE = 600.0  # seconds for one call
PROJECT = "QBIG"
AT = 1_600_000_000_000  # epoch milliseconds
PIXELS = (0.25, 0.5, 1.0)


@dataclass(slots=True)
class Clinic:
    """The installation, and the permIds of the patients that fulfil the paper's question."""

    world: World
    answer: list[str] = field(default_factory=list)
    images: int = 0


def build(samples: int, seed: int = 1) -> Clinic:
    """Build a study of about that many openBIS samples."""
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    world = World()
    add_masterdata(world.openbis)
    add_openbis_accounts(world.openbis)
    add_omero_accounts(world.omero)
    world.openbis.projects.append(
        Project(PROJECT, PROJECT, "CLINICAL", "A large study", AT, AT, "oncology")
    )
    for code, type_ in (
        ("E1", "Q_EXPERIMENTAL_DESIGN"),
        ("E2", "Q_SAMPLE_EXTRACTION"),
        ("E3", "Q_SAMPLE_PREPARATION"),
        ("E4", "Q_NGS_MEASUREMENT"),
    ):
        world.openbis.experiments.append(
            Experiment(code, code, type_, PROJECT, {}, AT, AT, "oncology")
        )
    clinic = Clinic(world)
    pictures = _Pictures(clinic)
    for number in range(samples // SAMPLES_EACH):
        _add_patient(clinic, pictures, rng, number)
    return clinic


@asynccontextmanager
async def served(world: World) -> AsyncIterator[Services]:
    """Serve an installation to the real adapters, in process."""
    database = LinkDatabase("sqlite://")
    await database.migrate()
    links, shelf = LinkStore(database), Shelf(Folder(None))
    await seed_links(links, world)
    openbis = OpenbisClient(
        AsgiTransport(create_openbis_server(world.openbis, compress=False)),
        Lane(Source.OPENBIS, timeout=PATIENCE),
    )
    omero = OmeroClient(
        StoreTransport(OmeroStore(world.omero)), Lane(Source.OMERO, timeout=PATIENCE)
    )
    snapshots = SnapshotStore(database)
    world.omero.rows.clear()  # it stands in the store now
    gc.collect()
    gc.freeze()  # the backends are elsewhere in real life: the collector need not walk them
    try:
        yield Services(openbis, omero, links, snapshots, shelf, ViewerCache())
    finally:
        await openbis.aclose()
        await omero.aclose()
        await shelf.aclose()
        await database.dispose()
        gc.unfreeze()


def _add_patient(clinic: Clinic, pictures: _Pictures, rng: Random, number: int) -> None:
    content = clinic.world.openbis

    def sample(
        name: str, type_: str, experiment: str, properties: dict[str, str], *parents: str
    ) -> str:
        perm_id = f"P{number:06d}-{name}"
        content.samples.append(
            Sample(
                perm_id,
                f"{PROJECT}{number:06d}{name}",
                type_,
                "CLINICAL",
                experiment,
                properties,
                list(parents),
                AT + number,
                AT + number,
                "oncology",
            )
        )
        return perm_id

    tissue = "Q_BIOLOGICAL_SAMPLE"
    patient = sample(
        "0",
        "Q_BIOLOGICAL_ENTITY",
        "E1",
        {
            "Q_GENDER": rng.choice(("FEMALE", "MALE")),
            "Q_AGE_AT_DIAGNOSIS": str(rng.randint(20, 90)),
        },
    )
    abdomen = sample("A", tissue, "E2", {"Q_PRIMARY_TISSUE": "ABDOMEN"}, patient)
    benign = {"Q_PRIMARY_TISSUE": "LIVER", "Q_DIGNITY": "BENIGN"}
    healthy = sample("H", tissue, "E2", benign, patient)
    malignant = {"Q_PRIMARY_TISSUE": "LIVER", "Q_DIGNITY": "MALIGNANT"}
    tumour = sample("T", tissue, "E2", malignant, patient)
    blood = sample("B", tissue, "E2", {"Q_PRIMARY_TISSUE": "BLOOD"}, patient)
    extract = sample("X", "Q_TEST_SAMPLE", "E3", {"Q_SAMPLE_TYPE": "DNA"}, tumour)
    sample("Y", "Q_TEST_SAMPLE", "E3", {"Q_SAMPLE_TYPE": "DNA"}, blood)
    run = sample("R", "Q_NGS_SINGLE_SAMPLE_RUN", "E4", {}, extract)
    genome = rng.random() < 0.8  # noqa: PLR2004 - a share
    if genome:
        code = f"D{number:06d}"
        content.data_sets.append(
            DataSet(
                code,
                "Q_NGS_RAW_DATA",
                "PHYSICAL",
                "E4",
                run,
                {"Q_SEQUENCING_TYPE": "WHOLE_GENOME"},
                AT,
                AT,
                "oncology",
                size=1,
                location=code,
            )
        )
    scan = rng.random() < 0.9  # noqa: PLR2004 - a share
    tiles, pixel = rng.randint(3, 8), rng.choice(PIXELS)
    pictures.dataset(abdomen, "CT", (0.7, "MILLIMETER"), int(scan))
    pictures.dataset(healthy, "H&E", (0.5, "MICROMETER"), 1)
    pictures.dataset(tumour, "H&E", (pixel, "MICROMETER"), tiles)
    if scan and genome and tiles >= 5 and pixel < 1:  # noqa: PLR2004 - as the question says
        clinic.answer.append(patient)


class _Pictures:
    """Writes the images: as few rows each as the question needs."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic = clinic
        self._content = clinic.world.omero
        self._owner = omero_user(self._content, "oncology")
        self._group = omero_group(self._content, "clinical")
        self._event = self._content.add(
            "Event",
            time=AT,
            type=self._content.enumerate("EventType", "User"),
            experimenter=self._owner,
            experimenterGroup=self._group,
            session=None,
        )
        self._project = self._add("Project", name=PROJECT)
        clinic.world.project_links.append(ProjectLink(PROJECT, self._project))
        self._annotations = {
            modality: [
                self._add("MapAnnotation", ns=None, mapValue=[("Modality", modality)]),
                self._add("TagAnnotation", textValue=modality),
            ]
            for modality in ("CT", "H&E")
        }

    def dataset(self, sample: str, modality: str, pixel: tuple[float, str], images: int) -> None:
        """Add a dataset of a sample, with its images."""
        dataset = self._add("Dataset", name=sample)
        self._add("ProjectDatasetLink", parent=self._project, child=dataset)
        self._clinic.world.sample_links.append(SampleLink(sample, PROJECT, dataset))
        for number in range(images):
            image = self._add("Image", name=f"{sample}_{number}", acquisitionDate=AT)
            self._add("Pixels", image=image, sizeX=10, sizeY=10, physicalSizeX=pixel)
            self._add("DatasetImageLink", parent=dataset, child=image)
            for annotation in self._annotations[modality]:
                self._add("ImageAnnotationLink", parent=image, child=annotation)
            self._clinic.images += 1

    def _add(self, entity: str, **properties: Any) -> int:
        return self._content.add_owned(entity, self._owner, self._group, self._event, properties)
