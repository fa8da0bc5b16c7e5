"""The Relay `Node` interface: every entity has one opaque id, and can be read again by it.

The id is made from the GraphQL type and the native id by `resolvers/paging.py`; which type reads
which entity is decided in `api/types/entities.py`. A type that implements `Node` names the record
that it is backed by, so that Strawberry can tell nodes apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import strawberry

from api.selection import Info
from api.types.entities import read_node
from api.types.source import own
from resolvers.paging import encode_id


@strawberry.interface(description="An object with a stable id, by which it can be read again.")
class Node:
    """What every entity of both systems has."""

    backed_by: ClassVar[type] = type(None)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Tell the nodes of this type from others."""
        return isinstance(value, cls.backed_by)

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Any:  # noqa: A002
        """Answer a federation gateway that holds an id."""
        return await read_node(info.context, id, {}, expected=cls.__name__)

    id: strawberry.ID = own("The opaque, stable id of this object on this server.")


def global_id(kind: str, attribute: str) -> Any:
    """Declare `id` for a type whose record keeps its native id in `attribute`."""

    def resolve_id(root: strawberry.Parent[Any]) -> strawberry.ID:
        return strawberry.ID(encode_id(kind, getattr(root, attribute)))

    resolver: Callable[..., Any] = resolve_id
    return own("The opaque, stable id of this object on this server.", resolver)
