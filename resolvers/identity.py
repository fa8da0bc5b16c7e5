"""Who the viewer is in openBIS, and whether the systems behind this server answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from backends.errors import BackendError, Source
from backends.openbis.client import OpenbisIdentity
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class BackendState:
    """Whether a system answers; one that refuses the viewer's session answers too."""

    source: Source
    available: bool
    version: str | None = None


async def openbis(context: RequestContext) -> OpenbisIdentity:
    """Return whom the viewer is in openBIS."""
    return cast("OpenbisIdentity", await context.loaders.identities.load(Source.OPENBIS))


async def backends(context: RequestContext) -> tuple[BackendState, ...]:
    """Ask every system something small, all at once; none of them can make this fail."""
    return tuple(
        await asyncio.gather(
            _state(context, Source.OPENBIS, lambda: _openbis_version(context)),
            _state(context, Source.OMERO, lambda: _omero_version(context)),
            _state(context, Source.LINK_STORE, lambda: _link_store_version(context)),
        )
    )


async def _state(
    context: RequestContext, source: Source, ask: Callable[[], Awaitable[str | None]]
) -> BackendState:
    try:
        return BackendState(source, available=True, version=await ask())
    except BackendError as error:
        context.note(error)
        return BackendState(source, available=not error.retryable)
    except NotSignedIn:
        return BackendState(source, available=True)


async def _openbis_version(context: RequestContext) -> str | None:
    server = await context.services.openbis.server(context.openbis_token(), context.call)
    return server.version or server.api_version


async def _omero_version(context: RequestContext) -> str | None:
    return await context.services.omero.version(context.omero_session(), context.call)


async def _link_store_version(context: RequestContext) -> str | None:
    revision = await context.ask_links("revision", context.services.links.revision())
    return f"revision {revision}"
