"""The `@source` directive and the field makers that set it, so that no field is without origin.

Every type module declares its fields with `openbis(…)`, `omero(…)`, `links(…)` or `own(…)`. The
path is the native name in the source's own data model.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import strawberry
from strawberry.schema_directive import Location


@strawberry.enum(description="A system that answers come from.")
class Source(StrEnum):
    """Mirrors `backends.errors.Source`, for the schema."""

    OPENBIS = "OPENBIS"
    OMERO = "OMERO"
    LINK_STORE = "LINK_STORE"


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="source",
    description="Which system owns the value of a field, and its name there.",
)
class SourceDirective:
    """`@source(system: …, path: …)`."""

    system: Source
    path: str


def openbis(description: str, path: str, resolver: Callable[..., Any] | None = None) -> Any:
    """Declare a field that openBIS owns."""
    return _field(Source.OPENBIS, description, path, resolver)


def omero(
    description: str,
    path: str,
    resolver: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
) -> Any:
    """Declare a field that OMERO owns; `name` where the schema's word is not the record's."""
    return _field(Source.OMERO, description, path, resolver, name)


def links(
    description: str,
    path: str,
    resolver: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
) -> Any:
    """Declare a field that the link database owns, or that crosses it."""
    return _field(Source.LINK_STORE, description, path, resolver, name)


def own(description: str, resolver: Callable[..., Any] | None = None) -> Any:
    """Declare a field that omnibis itself makes."""
    make: Any = strawberry.field
    return make(description=description, resolver=resolver)


def _field(
    system: Source,
    description: str,
    path: str,
    resolver: Callable[..., Any] | None,
    name: str | None = None,
) -> Any:
    directives = [SourceDirective(system=system, path=path)]
    make: Any = strawberry.field
    return make(name=name, description=description, directives=directives, resolver=resolver)
