"""Objects of the OMERO model as the embedded store hands them out and takes them in.

A `Thing` is one object with what is known of it, linked to others by Python references; an object
stands in a graph once. `entities.py` builds graphs from the tables, `saving.py` writes them back,
`ice_entities.py` turns them into omero-py's classes and back. No SQL and no Ice live here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from backends.demo.omero.model import Entity, Property, omero_model

DETAILS = ("owner", "group", "creationEvent", "updateEvent", "externalInfo")


@dataclass(slots=True, eq=False)
class Thing:
    """An object; not `loaded`, only its entity and id are known.

    `values` holds scalars and enumerations' values as plain values, quantities as
    `(value, unit)`, collections of values as lists; `references` the objects it points to;
    `collections` those that were fetched or given, the others are unknown; `details` the objects
    under owner, group, creationEvent, updateEvent and externalInfo. `permissions` is what its
    reader may do with it.
    """

    entity: str
    id: int | None
    loaded: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    references: dict[str, Thing | None] = field(default_factory=dict)
    collections: dict[str, list[Thing | None]] = field(default_factory=dict)
    details: dict[str, Thing | None] | None = None
    permissions: dict[str, Any] | None = None

    def linked(self, details: Collection[str] = DETAILS) -> Iterator[Thing]:
        """Yield all objects that this one points to, of its details only those named."""
        yield from (thing for thing in self.references.values() if thing is not None)
        for collection in self.collections.values():
            yield from (thing for thing in collection if thing is not None)
        if self.details is not None:
            named = (self.details.get(name) for name in details)
            yield from (thing for thing in named if thing is not None)


def reachable(roots: Iterable[Thing], details: Collection[str] = DETAILS) -> list[Thing]:
    """List the objects of a graph, each once, those that others point to before these."""
    found: dict[int, Thing] = {}
    done: list[Thing] = []
    stack = [(thing, False) for thing in reversed(list(roots))]
    while stack:
        thing, is_done = stack.pop()
        if is_done:
            done.append(thing)
        elif id(thing) not in found:
            found[id(thing)] = thing
            stack.append((thing, True))
            stack.extend((linked, False) for linked in thing.linked(details))
    return done


def properties_of(entity: Entity) -> dict[str, Property]:
    """Return all properties of an entity, inherited ones first."""
    return _properties(entity.name)


@cache
def _properties(name: str) -> dict[str, Property]:
    entity = omero_model().entities[name]
    above = {} if entity.superclass is None else _properties(entity.superclass.name)
    return {**above, **entity.own}


def entity_named(name: str) -> Entity | None:
    """Find an entity under any of its names: `Image`, `ImageI`, `ome.model.core.Image`."""
    entities = omero_model().entities
    short = name.rpartition(".")[2].rpartition("::")[2].lstrip("/")
    return entities.get(short) or entities.get(short.removesuffix("I"))
