"""`Viewer` and `Backend`: who is asking, and how the systems behind this server are."""

from __future__ import annotations

from typing import Any

import strawberry

from api.selection import Info
from api.types.scalars import BigInt
from api.types.source import Source, omero, openbis, own
from resolvers import identity, imaging
from resolvers.context import Viewer as ViewerRecord


@strawberry.type(description="Who the viewer is in openBIS.")
class OpenbisAccount:
    """Backed by `OpenbisIdentity`."""

    user_id: str = openbis("The user name.", "SessionInformation.userName")
    personal_access_token: bool = openbis(
        "Whether the session is one of a personal access token.",
        "SessionInformation.personalAccessTokenSession",
    )


@strawberry.type(description="Who the viewer is in OMERO.")
class OmeroAccount:
    """Backed by `OmeroIdentity`."""

    user_id: BigInt = omero("The account's id.", "EventContext.userId")
    user_name: str = omero("The user name.", "EventContext.userName")
    is_admin: bool = omero("Whether this is an administrator.", "EventContext.isAdmin")
    group_ids: list[BigInt] = omero("The groups of the account.", "EventContext.memberOfGroups")


async def resolve_openbis(
    root: strawberry.Parent[ViewerRecord], info: Info
) -> OpenbisAccount | None:
    """Ask openBIS who the session belongs to."""
    return None if root.openbis is None else await identity.openbis(info.context)


async def resolve_omero(root: strawberry.Parent[ViewerRecord], info: Info) -> OmeroAccount | None:
    """Ask OMERO who the session belongs to."""
    return None if root.omero is None else await imaging.omero_identity(info.context)


@strawberry.type(description="Who is asking, with own rights in each system.")
class Viewer:
    """Backed by `resolvers.context.Viewer`."""

    user: str | None = own("The name signed in with; none for bare sessions.")
    openbis: OpenbisAccount | None = own(
        "The openBIS account; none without a session there.", resolve_openbis
    )
    omero: OmeroAccount | None = own(
        "The OMERO account; none without a session there.", resolve_omero
    )


@strawberry.type(description="A system behind this server.")
class Backend:
    """Backed by `resolvers.identity.BackendState`."""

    source: Source = own("Which system.")
    available: bool = own("Whether it answers now.")
    version: str | None = own("Its version, where it tells.")


async def read_backends(info: Info) -> Any:
    """Ask each system whether it answers."""
    return await identity.backends(info.context)
