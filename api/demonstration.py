"""The parts of `omnibis demo`: embedded openBIS and OMERO, a temporary link store, their links.

Everything above the two transports is what production runs; with `wire` so are the transports, to
servers on ports of their own: openBIS over HTTP, and OMERO over Ice where omero-py is installed.
One route more than there: it switches an embedded backend off and on again, or makes it slow, to
show what the rest of the house does then. Called by `api/cli.py`, by tests and by benchmarks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.app import Parts
from api.auth import AnonymousViewer
from api.importing import with_imports
from api.observe import error_response, record_of
from api.registrations import with_operations
from api.settings import Settings
from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.faults import Faults
from backends.demo.omero.serving import ServingError as IceServingError
from backends.demo.omero.serving import ice_server
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.openbis.server import create_openbis_server
from backends.demo.openbis.serving import Alongside, listen
from backends.demo.sheet.loader import load_sheet
from backends.demo.study import build_world
from backends.demo.world import World
from backends.errors import Source
from backends.folder import Folder
from backends.lane import Lane
from backends.omero.client import OmeroClient
from backends.omero.connect import ice_transport
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.transport import OmeroTransport
from backends.openbis.client import OpenbisClient
from backends.openbis.transport import AsgiTransport, HttpTransport
from backends.precedence import Precedence
from backends.readings import MEGABYTE, Readings
from link_store.database import LinkDatabase
from link_store.records import NewSampleLink
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf
from resolvers.context import Services
from resolvers.viewers import ViewerCache

if TYPE_CHECKING:
    from backends.demo.omero.ice_server import OmeroIceServer

STEWARD: Final = "steward"
USERS: Final = {
    "steward": "sees everything; a request without credentials acts as this user",
    "plant": "sees the plant study only",
    "oncology": "sees the two clinical studies",
    "genomics": "sees the clinical samples, but not their images",
    "microscopy": "sees all images, but no samples",
}
BODY_BYTES: Final = 1024
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Sheet:
    """An annotation table to load beside the built-in studies, and how it is to be read."""

    table: Path
    mapping: Path


@dataclass(slots=True)
class Demonstration:
    """The embedded installation; `parts` is what the application is made of."""

    parts: Parts
    world: World
    faults: Mapping[str, Faults] = field(default_factory=dict)
    openbis_address: str | None = None  # where the embedded openBIS listens, if it does
    omero_ports: Mapping[str, int] = field(default_factory=dict)  # likewise, by transport


def demonstration(
    settings: Settings,
    *,
    seed: int = 1,
    sheet: Sheet | None = None,
    without: tuple[str, ...] = (),
    wire: bool = False,
    world: World | None = None,
) -> Demonstration:
    """Build the embedded installation; no file stays behind.

    Args:
        settings: lanes' sizes and the instances' names; the link store is a temporary one.
        seed: the studies' numbers follow from it.
        sheet: a further study to load.
        without: `openbis` or `omero`, to be switched off from the start.
        wire: whether openBIS is reached over HTTP and, where omero-py is installed, OMERO over Ice,
            through loopback ports that are taken here.
        world: another content than the built-in studies; `seed` is then of no account.

    Raises:
        ServingError: no port could be had for the embedded openBIS.
        SheetError: the sheet has faults; it tells all of them.
    """
    if world is None:
        world = build_world(seed)
    if sheet is not None:
        load_sheet(world, sheet.table, sheet.mapping)
    faults = {"openbis": Faults(), "omero": Faults()}
    for name in without:
        faults[name].off = True
    precedence = Precedence()
    lanes = {
        "openbis": Lane(
            Source.OPENBIS,
            concurrency=settings.openbis_concurrency,
            timeout=settings.openbis_timeout,
            precedence=precedence,
        ),
        "omero": Lane(
            Source.OMERO,
            concurrency=settings.omero_concurrency,
            timeout=settings.omero_timeout,
            precedence=precedence,
        ),
    }
    readings = Readings(settings.readings_megabytes * MEGABYTE)
    installation = create_openbis_server(world.openbis, faults=faults["openbis"], compress=wire)
    served = Alongside(installation, listen(LOOPBACK, 0)) if wire else None
    openbis = OpenbisClient(
        AsgiTransport(installation) if served is None else _over_http(settings, served.address),
        lanes["openbis"],
        readings,
    )
    store = OmeroStore(world.omero, faults=faults["omero"])
    ice = _started_ice(store) if wire else None
    omero = OmeroClient(
        StoreTransport(store) if ice is None else _over_ice(settings, ice, readings),
        lanes["omero"],
    )
    database = LinkDatabase("sqlite://")
    links = LinkStore(database, settings.openbis_instance, settings.omero_instance)
    snapshots = SnapshotStore(database, settings.openbis_instance, settings.omero_instance)
    shelf = Shelf(Folder(None))

    services, operations = with_operations(
        with_imports(
            Services(
                openbis,
                omero,
                links,
                snapshots,
                shelf,
                ViewerCache(),
                omero_web=settings.omero_web_url,
                omero_web_server=settings.omero_web_server,
            ),
            settings,
            None if ice is None else (LOOPBACK, ice.ports["ssl"]),
        ),
        settings,
        database,
    )

    async def start() -> None:
        if served is not None:
            await asyncio.to_thread(served.start)
        await database.migrate()
        await seed_links(links, world)
        await operations.start()

    async def stop() -> None:
        try:
            await operations.stop()
            await openbis.aclose()
            await omero.aclose()
        finally:
            await shelf.aclose()
            await database.dispose()
            if served is not None:
                await asyncio.to_thread(served.stop)
            if ice is not None:
                await asyncio.to_thread(ice.close)

    sessions = {
        "openbis": lambda: len(installation.state.api.sessions),
        "omero": lambda: len(store.sessions),
    }
    control = Control(faults, sessions)
    parts = Parts(
        services=services,
        database=database,
        lanes=lanes,
        start=start,
        stop=stop,
        nobody=AnonymousViewer(
            STEWARD,
            SecretStr(DEMO_PASSWORD),
            {Source.OPENBIS: openbis, Source.OMERO: omero},
        ),
        routes=(Route("/demo/backends/{name}", control.respond, methods=["GET", "PUT"]),),
    )
    return Demonstration(
        parts,
        world,
        faults,
        None if served is None else served.address,
        {} if ice is None else ice.ports,
    )


def _over_http(settings: Settings, address: str) -> HttpTransport:
    return HttpTransport(
        address,
        connections=settings.openbis_concurrency,
        connect_timeout=settings.openbis_connect_timeout,
        read_timeout=settings.openbis_timeout,
    )


def _started_ice(store: OmeroStore) -> OmeroIceServer | None:
    """Start the embedded OMERO on free ports; None where omero-py is not installed."""
    try:
        server = ice_server(store, host=LOOPBACK)
    except IceServingError:
        return None
    server.start()
    return server


def _over_ice(settings: Settings, server: OmeroIceServer, readings: Readings) -> OmeroTransport:
    address = OmeroAddress("ssl", LOOPBACK, server.ports["ssl"])
    options = IceOptions(
        ca_file=server.certificate,
        invocation_timeout=settings.omero_timeout,
    )
    return ice_transport(address, options, readings)


async def seed_links(links: LinkStore, world: World) -> None:
    """Write the world's links, as their discovery would."""
    for project in world.project_links:
        await links.link_project(project.perm_id, project.omero_id, author=STEWARD)
    by_project: defaultdict[str, list[NewSampleLink]] = defaultdict(list)
    for sample in world.sample_links:
        by_project[sample.project_perm_id].append(
            NewSampleLink(sample.perm_id, sample.project_perm_id, sample.omero_id)
        )
    for samples in by_project.values():
        await links.link_samples(samples, author=STEWARD)


class BackendState(BaseModel):
    """What the control route takes: switch a backend off or on, or make it slow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["on", "off"] | None = None
    latency: float | None = Field(default=None, ge=0, le=60)  # seconds for each call


class Control:
    """`/demo/backends/{openbis|omero}`: GET tells a backend's state, PUT changes it."""

    def __init__(
        self, faults: Mapping[str, Faults], sessions: Mapping[str, Callable[[], int]]
    ) -> None:
        self._faults = faults
        self._sessions = sessions

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        record = record_of(request.scope)
        name = request.path_params["name"]
        faults = self._faults.get(name)
        if faults is None:
            return error_response(404, "NOT_FOUND", "Name openbis or omero.", record)
        if request.method == "PUT":
            wanted = await _wanted(request)
            if wanted is None:
                advice = 'Send JSON such as {"state": "off"} or {"state": "on", "latency": 0.02}.'
                return error_response(400, "BAD_USER_INPUT", advice, record)
            faults.off = faults.off if wanted.state is None else wanted.state == "off"
            faults.latency = faults.latency if wanted.latency is None else wanted.latency
        return _json(
            {
                "state": "off" if faults.off else "on",
                "latency": faults.latency,
                "sessions": self._sessions[name](),
            }
        )


async def _wanted(request: Request) -> BackendState | None:
    # Only this media type makes a browser ask first before another site's page may send it.
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            return None
    try:
        return BackendState.model_validate_json(bytes(body), strict=True)
    except ValidationError:
        return None


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), media_type="application/json; charset=utf-8")
