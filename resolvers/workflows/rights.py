"""What the viewer may do in both systems, asked before anything is accepted.

openBIS is asked by `getRights`; one that does not know that method says so at the first write,
which is openBIS' own and leaves nothing behind. OMERO tells per object, and by dry runs.
"""

from __future__ import annotations

from typing import Final

from backends.errors import AccessDenied, ProtocolError, Source
from backends.records import Kind
from resolvers.context import RequestContext

_DOING: Final = {"UPDATE": "change", "DELETE": "delete"}


async def require(context: RequestContext, right: str, kind: Kind, perm_id: str) -> None:
    """See that the viewer may change (`UPDATE`) or delete (`DELETE`) an entity of openBIS.

    Raises:
        AccessDenied: openBIS says no.
    """
    if not await held(context, right, kind, perm_id):
        raise AccessDenied(
            Source.OPENBIS,
            f"You may not {_DOING[right]} this {kind.value.lower()} in openBIS; ask for the right.",
        )


async def require_new(context: RequestContext, kind: Kind, identifier: str, message: str) -> None:
    """See that the viewer may create an entity of openBIS.

    Raises:
        AccessDenied: openBIS says no; with the message.
    """
    if not await held(context, "CREATE", kind, identifier):
        raise AccessDenied(Source.OPENBIS, message)


async def held(context: RequestContext, right: str, kind: Kind, name: str) -> bool:
    """Whether the viewer has a right on an entity, be it there or not yet."""
    try:
        granted = await context.services.openbis.rights(
            context.openbis_token(), kind, [name], context.call
        )
    except ProtocolError:
        return True  # it cannot be asked; see above
    return right in granted.get(name, ())
