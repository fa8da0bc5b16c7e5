"""Small random installations, with rights that differ on both sides, and what is plain about them.

Everything that can go wrong between lineage, links and rights happens here often: pools of several
subjects, parents in a hidden space, samples of no project, projects without subjects, datasets in a
private group, images in two datasets, broken links, values that are missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from api.demonstration import seed_links
from backends.demo.accounts import add_omero_accounts, add_openbis_accounts, omero_group, omero_user
from backends.demo.faults import Faults
from backends.demo.image_import import ImageImport
from backends.demo.masterdata import add_masterdata
from backends.demo.microscopy import SLIDE_SCANNER, Acquisition, Channel
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.openbis.server import create_openbis_server
from backends.demo.world import (
    DataSet,
    Experiment,
    Project,
    ProjectLink,
    Role,
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

STARTED = datetime(2024, 1, 1, tzinfo=UTC)
SPACES = ("CLINICAL", "CLINICAL", "HEPATOLOGY")
GROUPS = ("clinical", "hepatology", "plant-biology")
VIEWERS = ("steward", "plant", "oncology", "genomics")
ENTITY, BIOLOGICAL, EXTRACT = "Q_BIOLOGICAL_ENTITY", "Q_BIOLOGICAL_SAMPLE", "Q_TEST_SAMPLE"
PIXELS = (
    None,
    (0.25, "MICROMETER"),
    (500.0, "NANOMETER"),
    (0.6, "MICROMETER"),
    (0.7, "MILLIMETER"),
)
MAGNIFICATIONS = (20.0, 40.0)


@dataclass
class Picture:
    """An image, as the generator meant it."""

    number: int
    group: str
    owner: str
    name: str
    datasets: list[int]
    tags: list[str]
    pairs: list[tuple[str, str]]
    pixel: tuple[float, str] | None
    magnification: float | None
    channels: list[str]
    acquired: datetime | None


@dataclass
class Holding:
    """An OMERO dataset, as the generator meant it."""

    number: int
    group: str
    owner: str


@dataclass
class Land:
    """A world with the key to it."""

    world: World
    pictures: list[Picture] = field(default_factory=list)
    shelves: dict[int, Holding] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)  # samples whose link was found broken
    spaces_of: dict[str, set[str]] = field(default_factory=dict)  # by viewer
    projects_of: dict[str, set[str]] = field(default_factory=dict)
    groups_of: dict[str, set[str]] = field(default_factory=dict)
    private: str = "hepatology"


def make_land(seed: int) -> Land:
    """Make one small installation; the same seed makes the same."""
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    world = World()
    add_masterdata(world.openbis)
    add_openbis_accounts(world.openbis)
    add_omero_accounts(world.omero)
    land = Land(world)
    _add_openbis(land, rng)
    _add_omero(land, rng)
    return land


def _add_openbis(land: Land, rng: Random) -> None:
    content, at = land.world.openbis, int(STARTED.timestamp() * 1000)
    for number, space in enumerate(SPACES, 1):
        content.projects.append(Project(f"P{number}", f"P{number}", space, "", at, at, "admin"))
        for place in range(rng.randint(1, 2)):
            code = f"P{number}E{place}"
            content.experiments.append(
                Experiment(code, code, "Q_SAMPLE_EXTRACTION", f"P{number}", {}, at, at, "admin")
            )
    bare = rng.random() < 0.5  # the last project then has no subjects by type
    for number in range(rng.randint(6, 18)):
        project = rng.choice(content.projects)
        types = (
            [BIOLOGICAL, EXTRACT]
            if bare and project.code == "P3"
            else [ENTITY, BIOLOGICAL, EXTRACT]
        )
        type_ = rng.choice(types)
        experiments = [each for each in content.experiments if each.project == project.perm_id]
        earlier = content.samples
        parents = rng.sample(earlier, min(len(earlier), rng.choice((0, 0, 1, 1, 1, 2))))
        moment = at + number * 86_400_000
        content.samples.append(
            Sample(
                f"S{number:02d}",
                f"S{number:02d}",
                type_,
                project.space,
                None if rng.random() < 0.1 else rng.choice(experiments).perm_id,
                _properties(type_, rng),
                [each.perm_id for each in parents],
                moment,
                moment,
                "admin",
            )
        )
    for number in range(rng.randint(0, 12)):
        sample = rng.choice(content.samples)
        code = f"D{number:02d}"
        experiment = rng.choice((sample.experiment, sample.experiment, None))
        content.data_sets.append(
            DataSet(
                code,
                rng.choice(("Q_NGS_RAW_DATA", "Q_NGS_RAW_DATA", "RAW_DATA")),
                "PHYSICAL",
                experiment,
                sample.perm_id,
                {},
                at,
                at,
                "admin",
                size=1,
                location=code,
            )
        )
        if content.data_sets[-1].type == "Q_NGS_RAW_DATA" and rng.random() < 0.7:
            content.data_sets[-1].properties["Q_READS_COUNT"] = str(rng.choice((5, 50)))
    roles = {
        "plant": [Role("PROJECT", "OBSERVER", "P1"), Role("SPACE", "USER", "HEPATOLOGY")],
        "oncology": [Role("SPACE", "USER", "CLINICAL")],
        "genomics": [Role("PROJECT", "USER", "P3")],
    }
    for person in content.persons:
        person.roles = roles.get(person.user_id, person.roles)
    for user, given in roles.items():
        land.spaces_of[user] = {str(r.scope) for r in given if r.level == "SPACE"}
        land.projects_of[user] = {str(r.scope) for r in given if r.level == "PROJECT"}


def _properties(type_: str, rng: Random) -> dict[str, str]:
    choices = {
        ENTITY: {
            "Q_GENDER": ("FEMALE", "MALE"),
            "Q_AGE_AT_DIAGNOSIS": ("41", "60", "77"),
            "Q_SECONDARY_NAME": ("Ada", "Ben"),
        },
        BIOLOGICAL: {
            "Q_PRIMARY_TISSUE": ("LIVER", "ABDOMEN"),
            "Q_IS_METASTASIS": ("true", "false"),
            "Q_SECONDARY_NAME": ("Ada", "Ben"),
        },
        EXTRACT: {"Q_SAMPLE_TYPE": ("DNA", "RNA")},
    }[type_]
    return {code: rng.choice(values) for code, values in choices.items() if rng.random() < 0.7}


def _add_omero(land: Land, rng: Random) -> None:
    content = land.world.omero
    for group in content.rows["ExperimenterGroup"]:
        if group["name"] == land.private:
            group["details.permissions"] = "rw----"
    land.groups_of = {
        "plant": {"plant-biology"},
        "oncology": {"clinical", "hepatology"},
        "genomics": {"genomics"},
    }
    writers = {}
    for name in GROUPS:
        owner = rng.choice(("steward", "oncology")) if name != "plant-biology" else "plant"
        importer = ImageImport(
            content,
            rng,
            owner=omero_user(content, owner),
            group=omero_group(content, name),
            started=STARTED,
        )
        project = importer.project(name)
        writers[name] = (importer, project, owner, importer.instrument(SLIDE_SCANNER))
    for place, project in enumerate(land.world.openbis.projects):
        land.world.project_links.append(ProjectLink(project.perm_id, place + 1))
    experiments = {each.perm_id: each.project for each in land.world.openbis.experiments}
    for sample in land.world.openbis.samples:
        if sample.experiment is None or rng.random() < 0.3:
            continue
        name = rng.choice(GROUPS)
        importer, image_project, owner, _ = writers[name]
        dataset = importer.dataset(image_project, sample.code)
        land.shelves[dataset] = Holding(dataset, name, owner)
        land.world.sample_links.append(
            SampleLink(sample.perm_id, experiments[sample.experiment], dataset)
        )
        if rng.random() < 0.08:
            land.broken.add(sample.perm_id)
    for name in GROUPS:
        importer, _, owner, instrument = writers[name]
        own = [each.number for each in land.shelves.values() if each.group == name]
        for number in range(rng.randint(0, 3 * len(own))):
            chosen = rng.sample(own, min(len(own), rng.choice((1, 1, 1, 2))))
            land.pictures.append(_picture(importer, rng, name, owner, instrument, chosen, number))


def _picture(importer, rng, group, owner, instrument, datasets, number) -> Picture:  # type: ignore[no-untyped-def]  # noqa: ANN001
    pixel = rng.choice(PIXELS)
    objective = rng.choice((None, 0, 1))
    channels = rng.choice((["DAPI"], ["DAPI", "GFP"], ["CT"]))
    acquired = rng.choice((None, STARTED + timedelta(days=rng.randint(0, 9))))
    name = f"{group}-{number}"
    image = importer.image(
        datasets,
        name,
        Acquisition(
            "TIFF",
            "uint8",
            8,
            (10, 10, 1, 1),
            (pixel, pixel, None),
            tuple(Channel(each, (1, 1, 1, 255)) for each in channels),
            objective,
            "Air" if objective is not None else None,
        ),
        fileset=importer.fileset(name, 5),
        acquired=acquired,
        instrument=instrument,
    )
    pairs = [
        (key, rng.choice(values))
        for key, values in {"Modality": ("CT", "H&E"), "Grade": ("1", "2")}.items()
        if rng.random() < 0.7
    ]
    if pairs:
        importer.key_values("Image", [image], pairs)
    tags = [each for each in ("usable", "H&E") if rng.random() < 0.4]
    for tag in tags:
        importer.tag("Image", [image], tag)
    magnification = None if objective is None else MAGNIFICATIONS[objective]
    return Picture(
        image, group, owner, name, datasets, tags, pairs, pixel, magnification, channels, acquired
    )


@asynccontextmanager
async def open_land(
    land: Land, *, openbis: Faults | None = None, omero: Faults | None = None
) -> AsyncIterator[Services]:
    """Serve an installation to the real adapters, in process."""
    database = LinkDatabase("sqlite://")
    await database.migrate()
    links = LinkStore(database)
    await seed_links(links, land.world)
    found = await links.sample_links(land.broken)
    for link in found.values():
        await links.mark_broken(link.ref, expected_revision=link.revision, author="audit")
    server = create_openbis_server(land.world.openbis, faults=openbis)
    store = OmeroStore(land.world.omero, faults=omero)
    clients = (
        OpenbisClient(AsgiTransport(server), Lane(Source.OPENBIS)),
        OmeroClient(StoreTransport(store), Lane(Source.OMERO)),
    )
    shelf = Shelf(Folder(None))
    try:
        yield Services(*clients, links, SnapshotStore(database), shelf, ViewerCache())
    finally:
        await shelf.aclose()
        for client in clients:
            await client.aclose()
        await database.dispose()
