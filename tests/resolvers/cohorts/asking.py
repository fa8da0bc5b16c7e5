"""A request of one of the demonstration's users, without any GraphQL around it."""

from __future__ import annotations

from pydantic import SecretStr

from backends.errors import BackendError
from backends.lane import Call
from resolvers.context import RequestContext, Services, Viewer
from resolvers.loaders import Loaders


async def request_of(services: Services, user: str) -> RequestContext:
    """Sign a user in to both systems and return a request of theirs."""
    sessions: list[SecretStr | None] = []
    for client in (services.openbis, services.omero):
        try:
            sessions.append(await client.login(user, SecretStr("demo"), Call()))
        except BackendError:
            sessions.append(None)
    openbis, omero = sessions
    context = RequestContext(Viewer(user, user, openbis, omero), services, "test")
    Loaders(context)
    return context
