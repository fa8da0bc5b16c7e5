"""Puts the configured import of images beside the other services; both composition roots use it."""

from __future__ import annotations

from dataclasses import replace

from api.settings import Settings, SettingsError
from backends.omero.import_command import ImportCommand
from resolvers.context import Services

ROUTER_PORT = 4064


def with_imports(
    services: Services, settings: Settings, address: tuple[str, int] | None = None
) -> Services:
    """Return the services with what the settings say of importing and recording images.

    Args:
        services: what they are added to.
        settings: command, folder, and what openBIS is told.
        address: OMERO's host and port, where they are not those of the settings.

    Raises:
        SettingsError: there is a command, but no folder that files may be imported from.
    """
    importer = services.importer
    if settings.import_command is not None:
        if settings.import_folder is None:
            raise SettingsError(
                "OMNIBIS_IMPORT_COMMAND is set, but not OMNIBIS_IMPORT_FOLDER: "
                "name the folder that files may be imported from."
            )
        importer = ImportCommand(
            settings.import_command,
            settings.import_folder,
            timeout=settings.import_timeout,
            address=address or _address(settings),
        )
    return replace(
        services,
        importer=importer,
        image_record=settings.image_record,
        image_system=settings.image_system,
    )


def _address(settings: Settings) -> tuple[str, int]:
    """Host and port as `omero import` wants them."""
    host = (settings.omero_host or "localhost").rpartition("://")[2]
    name, _, port = host.partition(":")
    return name, settings.omero_port or (int(port) if port.isdigit() else ROUTER_PORT)
