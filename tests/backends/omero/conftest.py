"""An OMERO client over the embedded store, and small content described in a few words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD, add_omero_accounts
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.study import build_world
from backends.demo.world import OmeroContent, World
from backends.errors import Source
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient


@dataclass(frozen=True)
class Pixels:
    """The primary pixels of a picture."""

    type: str = "uint8"
    sizes: tuple[int, int, int, int, int] = (1, 1, 1, 1, 1)
    width: tuple[float, str] | None = None
    channels: tuple[tuple[str | None, str | None], ...] = ()


@dataclass(frozen=True)
class Picture:
    """One image as tests describe it; times in epoch milliseconds, datasets by index."""

    name: str = "image"
    acquired: int | None = None
    imported: int = 0
    format: str | None = None
    pixels: Pixels | None = None
    magnification: float | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[tuple[str | None, tuple[tuple[str, str], ...]], ...] = ()
    datasets: tuple[int, ...] = ()


@dataclass(frozen=True)
class Gallery:
    """Pictures in datasets in projects; a dataset is (name, index of its project or None)."""

    pictures: tuple[Picture, ...]
    datasets: tuple[tuple[str, int | None], ...] = ()
    projects: tuple[str, ...] = ()

    def content(self) -> OmeroContent:
        """Rows of the OMERO model; ids are indexes plus one."""
        content = OmeroContent()
        add_omero_accounts(content)
        writer = _Writer(content)
        for name in self.projects:
            writer.add("Project", name=name)
        for name, project in self.datasets:
            dataset = writer.add("Dataset", name=name)
            if project is not None:
                writer.add("ProjectDatasetLink", parent=project + 1, child=dataset)
        for picture in self.pictures:
            writer.picture(picture)
        return content


@dataclass
class _Writer:
    content: OmeroContent
    tags: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        people = {row["omeName"]: row["id"] for row in self.content.rows["Experimenter"]}
        groups = {row["name"]: row["id"] for row in self.content.rows["ExperimenterGroup"]}
        self.owner, self.group = people["microscopy"], groups["clinical"]
        self.event = self.begin(0)

    def begin(self, milliseconds: int) -> int:
        self.event = self.content.add(
            "Event",
            time=milliseconds,
            type=self.content.enumerate("EventType", "User"),
            experimenter=self.owner,
            experimenterGroup=self.group,
            session=None,
        )
        return self.event

    def add(self, entity: str, **properties: object) -> int:
        return self.content.add_owned(entity, self.owner, self.group, self.event, properties)

    def picture(self, picture: Picture) -> None:
        self.begin(picture.imported)
        image = self.add(
            "Image",
            name=picture.name,
            acquisitionDate=picture.acquired,
            format=self.content.enumerate("Format", picture.format) if picture.format else None,
            objectiveSettings=self.settings(picture.magnification),
        )
        if picture.pixels is not None:
            self.pixels(image, picture.pixels)
        for dataset in picture.datasets:
            self.add("DatasetImageLink", parent=dataset + 1, child=image)
        for text in picture.tags:
            if text not in self.tags:
                self.tags[text] = self.add("TagAnnotation", textValue=text)
            self.add("ImageAnnotationLink", parent=image, child=self.tags[text])
        for namespace, pairs in picture.notes:
            note = self.add("MapAnnotation", ns=namespace, mapValue=list(pairs))
            self.add("ImageAnnotationLink", parent=image, child=note)

    def settings(self, magnification: float | None) -> int | None:
        if magnification is None:
            return None
        objective = self.add(
            "Objective",
            nominalMagnification=magnification,
            immersion=self.content.enumerate("Immersion", "Oil"),
            correction=self.content.enumerate("Correction", "PlanApo"),
            instrument=self.add("Instrument", microscope=None),
        )
        return self.add("ObjectiveSettings", objective=objective)

    def pixels(self, image: int, described: Pixels) -> None:
        x, y, z, c, t = described.sizes
        pixels = self.add(
            "Pixels",
            image=image,
            pixelsType=self.content.enumerate("PixelsType", described.type),
            dimensionOrder=self.content.enumerate("DimensionOrder", "XYZCT"),
            sizeX=x,
            sizeY=y,
            sizeZ=z,
            sizeC=c,
            sizeT=t,
            physicalSizeX=described.width,
            sha1="",
        )
        for name, fluor in described.channels:
            logical = self.add("LogicalChannel", name=name, fluor=fluor)
            self.add("Channel", pixels=pixels, logicalChannel=logical)


@dataclass
class Viewer:
    """A client with a session of one demonstration user."""

    client: OmeroClient
    session: SecretStr
    store: OmeroStore


@asynccontextmanager
async def viewer_of(
    content: OmeroContent, user: str = "microscopy", *, chunk: int = 500
) -> AsyncIterator[Viewer]:
    """A viewer of content of one's own."""
    store = OmeroStore(content)
    client = OmeroClient(StoreTransport(store), Lane(Source.OMERO), chunk=chunk)
    try:
        session = await client.login(user, SecretStr(DEMO_PASSWORD), Call())
        yield Viewer(client, session, store)
    finally:
        await client.aclose()
        store.shut_down()


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What tests describe content with; conftest cannot be imported, its fixtures can be used."""
    return SimpleNamespace(Gallery=Gallery, Picture=Picture, Pixels=Pixels, viewer_of=viewer_of)


@pytest.fixture(scope="session")
def world() -> World:
    return build_world()


@pytest.fixture(scope="session")
def world_store(world: World) -> Iterator[OmeroStore]:
    """The built-in studies, for tests that only read."""
    store = OmeroStore(world.omero)
    yield store
    store.shut_down()


@pytest.fixture
async def client(world_store: OmeroStore) -> AsyncIterator[OmeroClient]:
    client = OmeroClient(StoreTransport(world_store), Lane(Source.OMERO))
    yield client
    await client.aclose()


@pytest.fixture
async def session(client: OmeroClient) -> SecretStr:
    return await client.login("microscopy", SecretStr(DEMO_PASSWORD), Call())


@pytest.fixture
def login(client: OmeroClient) -> Callable[[str], Awaitable[SecretStr]]:
    async def as_user(user: str) -> SecretStr:
        return await client.login(user, SecretStr(DEMO_PASSWORD), Call())

    return as_user
