"""Puts the durable workflows beside the other services; both composition roots call it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.sealing import session_box
from api.settings import Settings
from link_store.database import LinkDatabase
from link_store.operations import OperationStore
from resolvers.context import Services
from resolvers.workflows.operations import Operations
from resolvers.workflows.pace import Pace
from resolvers.workflows.registry import WORKFLOWS


def with_operations(
    services: Services, settings: Settings, database: LinkDatabase, **more: Any
) -> tuple[Services, Operations]:
    """Make the operations; whoever calls this starts them with its own parts, and stops them.

    Args:
        services: what the steps of workflows work with.
        settings: the instances' names, the key that sessions are encrypted with, and where the
            engine keeps its tables, if not beside the link store's.
        database: the link store's.
        more: see `Operations`; for tests.

    Returns:
        The services with operations, and these.
    """
    store = OperationStore(database, settings.openbis_instance, settings.omero_instance)
    url = settings.workflows_url or database.engine_url
    # What a system has not answered within its time may still come true within as much again.
    more.setdefault("pace", Pace(settle=max(settings.openbis_timeout, settings.omero_timeout)))
    operations = Operations(
        store, services, session_box(settings), url.get_secret_value(), WORKFLOWS, **more
    )
    return replace(services, operations=operations), operations
