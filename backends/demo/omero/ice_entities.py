"""Between the store's graphs and omero-py's model classes, both ways.

An object stands in a reply once, however many point to it, as with the real server; references that
were not fetched become unloaded proxies, collections that were not fetched are marked unloaded.
`_…Seq` and `_…Loaded` are the names that omero-py's generated classes have for collections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import omero.model
from omero import rtypes

from backends.demo.omero.graph import DETAILS, Thing, properties_of, reachable
from backends.demo.omero.ice_errors import invalid
from backends.demo.omero.model import Property, omero_model

SCALARS: dict[str, Callable[[Any], Any]] = {
    "bool": rtypes.rbool,
    "double": rtypes.rdouble,
    "int": rtypes.rint,
    "long": rtypes.rlong,
    "string": rtypes.rstring,
    "time": rtypes.rtime,
}
# In the order that OMERO numbers them in a permission's restrictions.
RESTRICTIONS = ("canLink", "canEdit", "canDelete", "canAnnotate", "canChgrp", "canChown")


def outgoing(roots: Sequence[Thing | None]) -> list[Any]:
    """Turn the roots of a graph, with all that hangs on them, into omero-py's objects."""
    things = reachable(thing for thing in roots if thing is not None)
    made = {id(thing): _class_of(thing.entity)(thing.id, thing.loaded) for thing in things}
    for thing in things:
        if thing.loaded:
            _fill(made[id(thing)], thing, made)
    return [None if thing is None else made[id(thing)] for thing in roots]


def _fill(target: Any, thing: Thing, made: dict[int, Any]) -> None:
    entity = omero_model().entities[thing.entity]
    for name, prop in properties_of(entity).items():
        if prop.kind in ("reference", "enum"):
            linked = thing.references.get(name)
            setattr(target, f"_{name}", None if linked is None else made[id(linked)])
        elif prop.kind == "collection" and prop.target is not None:
            listed = thing.collections.get(name)
            elements = [None if one is None else made[id(one)] for one in listed or ()]
            setattr(target, f"_{name}Seq", elements)
            setattr(target, f"_{name}Loaded", listed is not None)
        else:
            setattr(target, f"_{name}", _wrapped(prop, thing.values.get(name)))
    if thing.details is None:
        return
    details = target._details  # noqa: SLF001 - the data member that travels
    for name in DETAILS:
        linked = thing.details.get(name)
        setattr(details, f"_{name}", None if linked is None else made[id(linked)])
    if thing.permissions is not None:
        details._permissions = _permissions(thing.permissions)  # noqa: SLF001


def _wrapped(prop: Property, value: Any) -> Any:
    if value is None:
        return None
    if prop.kind == "scalar":
        return SCALARS[str(prop.type)](value)
    if prop.kind == "quantity":
        return getattr(omero.model, f"{prop.type}I")(value[0], value[1])
    if prop.type == "NamedValue":
        return [omero.model.NamedValue(name, text) for name, text in value]
    return list(value)


def _permissions(rights: dict[str, Any]) -> Any:
    made = omero.model.PermissionsI(rights["perm"])
    made._restrictions = [not rights[name] for name in RESTRICTIONS]  # noqa: SLF001
    made._extendedRestrictions = []  # noqa: SLF001
    return made


@cache
def _class_of(entity: str) -> Any:
    return getattr(omero.model, f"{entity}I")


@dataclass(slots=True)
class Incoming:
    """Turns omero-py's objects into a graph, each once."""

    _things: dict[int, Thing] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)  # so that no id() is given twice

    def graph(self, objects: Iterable[Any]) -> list[Thing]:
        """Return the roots of the graph.

        Raises:
            omero.ValidationException: one is null or of a class that the model does not have.
        """
        roots: list[Thing] = []
        waiting: list[Any] = []
        for one in objects:
            if one is None:
                raise invalid("there is no object to save")
            roots.append(self._thing(one, waiting))
        while waiting:
            self._read(waiting.pop(), waiting)
        return roots

    def _thing(self, one: Any, waiting: list[Any]) -> Thing:
        known = self._things.get(id(one))
        if known is not None:
            return known
        name = type(one).__name__.removesuffix("I")
        if name not in omero_model().entities:
            raise invalid(f"{name} is no entity")
        thing = Thing(name, rtypes.unwrap(one._id), bool(one._loaded))  # noqa: SLF001
        self._things[id(one)] = thing
        self._kept.append(one)
        if thing.loaded:
            waiting.append(one)
        return thing

    def _optional(self, one: Any, waiting: list[Any]) -> Thing | None:
        return None if one is None else self._thing(one, waiting)

    def _read(self, one: Any, waiting: list[Any]) -> None:
        thing = self._things[id(one)]
        for name, prop in properties_of(omero_model().entities[thing.entity]).items():
            if prop.kind == "collection" and prop.target is not None:
                if getattr(one, f"_{name}Loaded"):
                    listed = getattr(one, f"_{name}Seq") or ()
                    thing.collections[name] = [self._optional(each, waiting) for each in listed]
                continue
            value = getattr(one, f"_{name}")
            if prop.kind in ("reference", "enum"):
                thing.references[name] = self._optional(value, waiting)
            else:
                thing.values[name] = _unwrapped(prop, value)
        details = one._details  # noqa: SLF001 - the data member that travels
        if details is not None:
            thing.details = {
                name: self._optional(getattr(details, f"_{name}"), waiting) for name in DETAILS
            }


def _unwrapped(prop: Property, value: Any) -> Any:
    if value is None:
        return None
    if prop.kind == "scalar":
        return value.val
    if prop.kind == "quantity":
        return (value.getValue(), value.getUnit().name)
    if prop.type == "NamedValue":
        return [(pair.name, pair.value) for pair in value if pair is not None]
    return list(value)
