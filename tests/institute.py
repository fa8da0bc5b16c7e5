"""An institute made to measure, whose two systems outlive the commands that tests run on them.

`name_linked` makes projects and samples on the openBIS side, and image projects and datasets of the
same names on the OMERO side: linked by nothing but their names, as QBiC's wizard left them.
`Institute` serves a world: each `parts` is what a process would open, over the same two systems and
the same link store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from pydantic import SecretStr

from api.app import Parts
from api.settings import Settings, load_settings
from backends.demo.accounts import (
    DEMO_PASSWORD,
    add_omero_accounts,
    add_openbis_accounts,
    omero_group,
    omero_user,
)
from backends.demo.faults import Faults
from backends.demo.image_import import ImageImport
from backends.demo.masterdata import add_masterdata
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.openbis.server import create_openbis_server
from backends.demo.registration import Registration
from backends.demo.world import Sample, World
from backends.errors import Source
from backends.folder import Folder
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient
from backends.openbis.client import OpenbisClient
from backends.openbis.transport import AsgiTransport
from link_store.database import LinkDatabase
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf
from resolvers.context import RequestContext, Services, Viewer
from resolvers.loaders import Loaders
from resolvers.viewers import ViewerCache

SPACE, GROUP, USER = "CLINICAL", "clinical", "oncology"
STARTED = datetime(2024, 1, 8, 9, tzinfo=UTC)
BIOLOGICAL = "Q_BIOLOGICAL_SAMPLE"


@dataclass(slots=True)
class Study:
    """One project on both sides."""

    registration: Registration
    images: ImageImport
    image_project: int
    samples: list[Sample] = field(default_factory=list)
    datasets: list[int] = field(default_factory=list)  # beside the samples, one each

    @property
    def perm_id(self) -> str:
        """The openBIS project's."""
        return self.registration.project.perm_id


def nobody_home() -> World:
    """A world of people and types, without any project."""
    world = World()
    add_masterdata(world.openbis)
    add_openbis_accounts(world.openbis)
    add_omero_accounts(world.omero)
    return world


def add_study(world: World, code: str, samples: int, *, named: bool = True) -> Study:
    """Add a project with samples, and their datasets, which bear their codes if they are named."""
    registration = Registration(
        world.openbis,
        space=SPACE,
        code=code,
        description=f"Study {code}",
        registrator=USER,
        started=STARTED,
    )
    design = registration.experiment("Q_EXPERIMENTAL_DESIGN", {"Q_CURRENT_STATUS": "FINISHED"})
    images = ImageImport(
        world.omero,
        Random(code),  # noqa: S311 - repeatable, not secret
        owner=omero_user(world.omero, USER),
        group=omero_group(world.omero, GROUP),
        started=STARTED,
    )
    study = Study(registration, images, images.project(code))
    for number in range(samples):
        sample = registration.sample(BIOLOGICAL, design, code=f"{code}{number:05d}")
        name = sample.code if named else f"data of {number}"
        study.samples.append(sample)
        study.datasets.append(images.dataset(study.image_project, name))
    return study


def name_linked(sizes: Mapping[str, int]) -> World:
    """Projects by code with so many samples each, linked by nothing but their names."""
    world = nobody_home()
    for code, samples in sizes.items():
        add_study(world, code, samples)
    return world


class Institute:
    """Both systems with their content, and a link store in a file."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.faults = {"openbis": Faults(), "omero": Faults()}
        self.store = OmeroStore(world.omero, faults=self.faults["omero"])
        self.database = folder / "links.sqlite"
        self._openbis = create_openbis_server(world.openbis, faults=self.faults["openbis"])

    def parts(self, settings: Settings) -> Parts:
        """What a process opens; the signature is `api/commands/access.py`'s."""
        lanes = {"openbis": Lane(Source.OPENBIS), "omero": Lane(Source.OMERO)}
        openbis = OpenbisClient(AsgiTransport(self._openbis), lanes["openbis"])
        omero = OmeroClient(StoreTransport(self.store), lanes["omero"])
        database = LinkDatabase(f"sqlite:///{self.database}")
        instances = (settings.openbis_instance, settings.omero_instance)
        links = LinkStore(database, *instances)
        snapshots, shelf = SnapshotStore(database, *instances), Shelf(Folder(None))

        async def stop() -> None:
            await shelf.aclose()
            await database.dispose()

        return Parts(
            services=Services(openbis, omero, links, snapshots, shelf, ViewerCache()),
            database=database,
            lanes=lanes,
            start=database.migrate,
            stop=stop,
        )

    @asynccontextmanager
    async def context(self, user: str = "steward") -> AsyncIterator[RequestContext]:
        """What a request of a user carries."""
        parts = self.parts(load_settings({}))
        await parts.start()
        services, call, password = parts.services, Call(), SecretStr(DEMO_PASSWORD)
        viewer = Viewer(
            f"test-{user}",
            user,
            await services.openbis.login(user, password, call),
            await services.omero.login(user, password, call),
        )
        context = RequestContext(viewer, services, "test", Call())
        context.loaders = Loaders(context)
        try:
            yield context
        finally:
            await parts.stop()

    def close(self) -> None:
        """End the OMERO side."""
        self.store.shut_down()


@contextmanager
def opened(world: World, folder: Path) -> Iterator[Institute]:
    """Serve a world for the length of a `with` block."""
    institute = Institute(world, folder)
    try:
        yield institute
    finally:
        institute.close()
