"""The orders that lists can have; the object's own id is always the tie-breaker."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, TypeAlias

import strawberry

from backends.filters import Sort


@strawberry.enum(description="The order of entities from openBIS.")
class EntityOrder(Enum):
    """By what, and in which direction."""

    CODE = "code"
    CODE_DESC = "-code"
    PERM_ID = "perm_id"
    PERM_ID_DESC = "-perm_id"
    REGISTERED = "registered"
    REGISTERED_DESC = "-registered"
    MODIFIED = "modified"
    MODIFIED_DESC = "-modified"


@strawberry.enum(description="The order of OMERO's projects and datasets.")
class ContainerOrder(Enum):
    """By what, and in which direction."""

    ID = "id"
    ID_DESC = "-id"
    NAME = "name"
    NAME_DESC = "-name"


@strawberry.enum(description="The order of images; those never dated come last.")
class ImageOrder(Enum):
    """By what, and in which direction."""

    ID = "id"
    ID_DESC = "-id"
    NAME = "name"
    NAME_DESC = "-name"
    ACQUIRED = "acquired"
    ACQUIRED_DESC = "-acquired"
    IMPORTED = "imported"
    IMPORTED_DESC = "-imported"


_ORDER = strawberry.argument(description="In which order; the id decides between equals.")
EntityOrderBy: TypeAlias = Annotated[EntityOrder, _ORDER]
ImageOrderBy: TypeAlias = Annotated[ImageOrder, _ORDER]
ContainerOrderBy: TypeAlias = Annotated[ContainerOrder, _ORDER]


def sort_of(order: EntityOrder | ContainerOrder | ImageOrder) -> Sort:
    """Return the adapters' sort."""
    field: str = order.value
    return Sort(field.removeprefix("-"), descending=field.startswith("-"))
