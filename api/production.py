"""The parts of `omnibis serve`: openBIS over HTTP, OMERO, and the link store of the settings.

Beside `api/demonstration.py`, which builds the same parts over embedded backends. OMERO is reached
over Ice where the settings name one; where they do not, its side says so, in a sentence, wherever
it is asked, and the openBIS side answers all the same. The embedded OMERO can stand in for it, for
trying out. Called by `api/cli.py`.
"""

from __future__ import annotations

from typing import cast

from api.app import Parts
from api.importing import with_imports
from api.registrations import with_operations
from api.settings import Settings, SettingsError
from backends.errors import Source
from backends.folder import Folder
from backends.lane import Lane
from backends.omero.client import OmeroClient
from backends.omero.connect import IceMissing, ice_transport
from backends.omero.ice_address import AddressError, IceOptions, OmeroAddress
from backends.omero.transport import OmeroTransport
from backends.openbis.client import OpenbisClient
from backends.openbis.transport import HttpTransport
from backends.precedence import Precedence
from backends.readings import MEGABYTE, Readings
from link_store.database import LinkDatabase
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf
from resolvers.context import Services
from resolvers.viewers import ViewerCache

NO_OMERO = (
    "No OMERO is connected to this server; openBIS answers without it. "
    "Ask its operator to set OMNIBIS_OMERO_HOST."
)


class _NoOmero:
    """Stands where a transport would; its lane is blocked, so that nothing ever calls it."""

    sessions_held = 0

    async def aclose(self) -> None:
        """Close nothing."""


def wire_parts(settings: Settings, *, embedded_omero: bool = False) -> Parts:
    """Make the parts for real backends; nothing is opened before they are started.

    Args:
        settings: where openBIS is, and how it is spoken to.
        embedded_omero: whether the demonstration's OMERO is put beside it.

    Raises:
        SettingsError: a setting is missing or of no use, or OMERO is named but omero-py is not
            installed.
    """
    precedence = Precedence()
    openbis_lane = Lane(
        Source.OPENBIS,
        concurrency=settings.openbis_concurrency,
        timeout=settings.openbis_timeout,
        precedence=precedence,
    )
    readings = Readings(settings.readings_megabytes * MEGABYTE)
    openbis = OpenbisClient(openbis_transport(settings), openbis_lane, readings)
    omero_lane, transport = _omero(settings, precedence, readings, embedded=embedded_omero)
    omero = OmeroClient(transport, omero_lane)
    database = LinkDatabase(settings.database_url.get_secret_value())
    links = LinkStore(database, settings.openbis_instance, settings.omero_instance)
    snapshots = SnapshotStore(database, settings.openbis_instance, settings.omero_instance)
    shelf = Shelf(Folder(settings.snapshot_url))

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
        ),
        settings,
        database,
    )

    async def start() -> None:
        # A file of one's own is brought up to date by who uses it; a database that several
        # replicas share is migrated by the operator, and `/readyz` says when that is due.
        if database.dialect == "sqlite":
            await database.migrate()
        await operations.start()

    async def stop() -> None:
        try:
            await operations.stop()
            await openbis.aclose()
            await omero.aclose()
        finally:
            await shelf.aclose()
            await database.dispose()

    return Parts(
        services=services,
        database=database,
        lanes={"openbis": openbis_lane, "omero": omero_lane},
        start=start,
        stop=stop,
    )


def openbis_transport(settings: Settings) -> HttpTransport:
    """Make the way to the openBIS of the settings.

    Raises:
        SettingsError: its address or its certificates are missing, or of no use.
    """
    if settings.openbis_url is None:
        raise SettingsError("OMNIBIS_OPENBIS_URL must be set; `omnibis demo` needs none.")
    try:
        return HttpTransport(
            settings.openbis_url,
            connections=settings.openbis_concurrency,
            connect_timeout=settings.openbis_connect_timeout,
            read_timeout=settings.openbis_timeout,
            ca_file=settings.openbis_ca_file,
            verify=settings.openbis_verify,
            allow_http=settings.openbis_allow_http,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _omero(
    settings: Settings, precedence: Precedence, readings: Readings, *, embedded: bool
) -> tuple[Lane, OmeroTransport]:
    if settings.omero_host is None and not embedded:
        return Lane(Source.OMERO, blocked=NO_OMERO), cast("OmeroTransport", _NoOmero())
    lane = Lane(
        Source.OMERO,
        concurrency=settings.omero_concurrency,
        timeout=settings.omero_timeout,
        precedence=precedence,
    )
    if not embedded:
        return lane, omero_transport(settings, readings)
    # Only who asks for it loads the demonstration and its studies.
    from backends.demo.omero.store import OmeroStore  # noqa: PLC0415
    from backends.demo.omero.transport import StoreTransport  # noqa: PLC0415
    from backends.demo.study import build_world  # noqa: PLC0415

    return lane, StoreTransport(OmeroStore(build_world().omero))


def omero_transport(settings: Settings, readings: Readings | None = None) -> OmeroTransport:
    """Make the way to the OMERO of the settings.

    Raises:
        SettingsError: its address or its certificates are missing or of no use, or omero-py is not
            installed.
    """
    address, options = omero_address(settings)
    try:
        return ice_transport(address, options, readings)
    except (AddressError, IceMissing) as error:
        raise SettingsError(f"OMNIBIS_OMERO_HOST cannot be used. {error}") from None


def omero_address(settings: Settings) -> tuple[OmeroAddress, IceOptions]:
    """Say where the OMERO of the settings is, and how it is spoken to.

    Raises:
        SettingsError: its address is missing or of no use.
    """
    if settings.omero_host is None:
        raise SettingsError("OMNIBIS_OMERO_HOST must be set; `omnibis demo` needs none.")
    try:
        address = OmeroAddress.parse(
            settings.omero_host, settings.omero_port, allow_plain=settings.omero_allow_plain
        )
    except AddressError as error:
        raise SettingsError(f"OMNIBIS_OMERO_HOST cannot be used. {error}") from None
    return address, IceOptions(
        verify=settings.omero_verify,
        ca_file=settings.omero_ca_file,
        connect_timeout=settings.omero_connect_timeout,
        invocation_timeout=settings.omero_invocation_timeout,
        keep_alive=settings.omero_keep_alive,
        separate=settings.omero_separate_clients,
    )
