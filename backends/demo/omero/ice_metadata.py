"""Reading by what it is for: `IContainer`, `IMetadata`, `IRoi` and `ITypes` of the embedded OMERO.

Each operation is an HQL query with the joins that the real service fetches. What clients of these
services do not ask for is not here and is answered with a typed refusal.
"""

from __future__ import annotations

from typing import Any

import omero.api
from omero import rtypes

from backends.demo.omero.graph import entity_named
from backends.demo.omero.ice_errors import invalid, misused
from backends.demo.omero.ice_query import Finder
from backends.demo.omero.ice_servant import Call
from backends.demo.omero.ice_values import wrapped
from backends.demo.omero.model import Entity, omero_model

IMAGE_PARTS = (
    " left outer join fetch i.details.owner left outer join fetch i.details.creationEvent"
    " left outer join fetch i.format left outer join fetch i.pixels px"
    " left outer join fetch px.pixelsType left outer join fetch px.dimensionOrder"
)
TO_IMAGES = {
    "Image": "Image i",
    "Dataset": "Image i join i.datasetLinks dl join dl.parent r",
    "Project": (
        "Image i join i.datasetLinks dl join dl.parent d join d.projectLinks pl join pl.parent r"
    ),
}
INSTRUMENT = (
    "select distinct i from Instrument i"
    " left outer join fetch i.microscope m left outer join fetch m.type"
    " left outer join fetch i.detector d left outer join fetch d.type"
    " left outer join fetch i.objective o left outer join fetch o.immersion"
    " left outer join fetch o.correction left outer join fetch i.lightSource"
    " left outer join fetch i.filter f left outer join fetch f.type"
    " left outer join fetch f.transmittanceRange left outer join fetch i.dichroic"
    " left outer join fetch i.filterSet left outer join fetch i.otf where i.id = :id"
)
LOGICAL_CHANNEL = (
    "select distinct lc from LogicalChannel lc"
    " left outer join fetch lc.mode left outer join fetch lc.illumination"
    " left outer join fetch lc.contrastMethod left outer join fetch lc.photometricInterpretation"
    " left outer join fetch lc.detectorSettings ds left outer join fetch ds.detector"
    " left outer join fetch lc.lightSourceSettings ls left outer join fetch ls.lightSource"
    " left outer join fetch lc.lightPath where lc.id in (:ids)"
)
ROIS = "select distinct r from Roi r left outer join fetch r.shapes where {} order by r.id"


class Container:
    """`IContainer`, as far as it reads."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def getImages(self, call: Call, root: str, ids: list[int], options: Any) -> list[Any]:
        """Return the images below containers, or images by id, with their pixels."""
        entity = _entity(root)
        if entity.name not in TO_IMAGES:
            raise misused(f"{root} is no container of images")
        alias = "i" if entity.name == "Image" else "r"
        hql = (
            f"select distinct i from {TO_IMAGES[entity.name]}{IMAGE_PARTS}"
            f" where {alias}.id in (:ids) order by i.id"
        )
        return self._finder.objects(call, hql, {"ids": ids}) if ids else []

    def getCollectionCount(
        self, call: Call, name: str, collection: str, ids: list[int], options: Any
    ) -> dict[int, int]:
        """Count the elements of a collection of each object."""
        entity, part = _entity(name), collection.rpartition("_")[2]
        if not any(found.kind == "collection" for found in entity.find(part)):
            raise misused(f"{name} has no collection {collection}")
        if not ids:
            return {}
        rows = call.store.projection(
            call.session,
            f"select x.id, count(e.id) from {entity.name} x join x.{part} e"
            " where x.id in (:ids) group by x.id",
            {"ids": list(ids)},
            group=call.group,
        )
        counted: dict[Any, Any] = {number: count for number, count in rows}  # noqa: C416 - typed
        return {number: counted.get(number, 0) for number in ids}

    def findContainerHierarchies(
        self, call: Call, root: str, ids: list[int], options: Any
    ) -> list[Any]:
        """Return the containers above images, with what leads to these, and images without any."""
        entity = _entity(root)
        links = "r.imageLinks il join fetch il.child i"
        if entity.name == "Project":
            links = "r.datasetLinks dl join fetch dl.child d join fetch d.imageLinks il join fetch"
            links += " il.child i"
        elif entity.name != "Dataset":
            raise misused(f"{root} is no container of images")
        hql = (
            f"select distinct r from {entity.name} r join fetch {links}"
            " where i.id in (:ids) order by r.id"
        )
        return self._finder.objects(call, hql, {"ids": ids}) if ids else []

    def loadContainerHierarchy(
        self, call: Call, root: str, ids: list[int], options: Any
    ) -> list[Any]:
        """Return containers with what is in them; images only if the options ask for leaves."""
        leaves = options is not None and options.map and wrapped_is_true(options.map.get("leaves"))
        joins = {
            "Project": " left outer join fetch r.datasetLinks dl left outer join fetch dl.child d",
            "Dataset": "",
            "Screen": " left outer join fetch r.plateLinks pl left outer join fetch pl.child",
        }
        entity = _entity(root)
        if entity.name not in joins:
            raise misused(f"{root} is no container")
        above = {"Project": "d", "Dataset": "r"}.get(entity.name)
        below = f" left outer join fetch {above}.imageLinks il left outer join fetch il.child"
        hql = (
            f"select distinct r from {entity.name} r{joins[entity.name]}"
            f"{below if leaves and above else ''}"
        )
        if ids:
            return self._finder.objects(call, f"{hql} where r.id in (:ids)", {"ids": ids})
        return self._finder.objects(call, f"{hql} order by r.id", {})


class Metadata:
    """`IMetadata`, as far as it reads."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def loadInstrument(self, call: Call, number: int) -> Any:
        """Return an instrument with all its components."""
        return self._finder.one(call, INSTRUMENT, {"id": number})

    def loadChannelAcquisitionData(self, call: Call, ids: list[int]) -> list[Any]:
        """Return logical channels with their settings."""
        return self._finder.objects(call, LOGICAL_CHANNEL, {"ids": ids}) if ids else []

    def loadAnnotation(self, call: Call, ids: list[int]) -> list[Any]:
        """Return annotations by id."""
        hql = (
            "select a from Annotation a left outer join fetch a.file"
            " join fetch a.details.owner where a.id in (:ids) order by a.id"
        )
        return self._finder.objects(call, hql, {"ids": ids}) if ids else []

    def loadAnnotations(
        self,
        call: Call,
        root: str,
        ids: list[int],
        types: list[str] | None,
        annotators: list[int] | None,
        options: Any,
    ) -> dict[int, list[Any]]:
        """Return the annotations of objects, by the object's id."""
        found: dict[int, list[Any]] = {number: [] for number in ids or ()}
        if not found:
            return found
        hql = (
            f"select l from {_entity(root).name}AnnotationLink l join fetch l.child a"
            " left outer join fetch a.file join fetch a.details.owner"
            " where l.parent.id in (:ids) order by l.id"
        )
        wanted = {f"{_entity(name).name}I" for name in types or ()}
        for link in self._finder.objects(call, hql, {"ids": list(found)}):
            annotation = link.getChild()
            owner = annotation.getDetails().getOwner().getId().getValue()
            is_wanted = not wanted or type(annotation).__name__ in wanted
            if is_wanted and (not annotators or owner in annotators):
                found[link.getParent().getId().getValue()].append(annotation)
        return found

    def loadSpecifiedAnnotations(
        self, call: Call, name: str, include: list[str], exclude: list[str], options: Any
    ) -> list[Any]:
        """Return the annotations of a type, within some namespaces or outside them."""
        conditions, values = ["a.id is not null"], dict[str, object]()
        if include:
            conditions.append("a.ns in (:include)")
            values["include"] = list(include)
        if exclude:
            conditions.append("(a.ns is null or a.ns not in (:exclude))")
            values["exclude"] = list(exclude)
        hql = (
            f"select a from {_entity(name).name} a join fetch a.details.owner"
            f" where {' and '.join(conditions)} order by a.id"
        )
        return self._finder.objects(call, hql, values)

    def countSpecifiedAnnotations(
        self, call: Call, name: str, include: list[str], exclude: list[str], options: Any
    ) -> Any:
        """Count what `loadSpecifiedAnnotations` would return."""
        found = self.loadSpecifiedAnnotations(call, name, include, exclude, options)
        return wrapped(len(found))


class Roi:
    """`IRoi`, as far as it reads."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def findByImage(self, call: Call, number: int, options: Any) -> Any:
        """Return the regions of an image with their shapes."""
        return self._result(call, "r.image.id = :id", number)

    def findByRoi(self, call: Call, number: int, options: Any) -> Any:
        """Return one region with its shapes."""
        return self._result(call, "r.id = :id", number)

    def _result(self, call: Call, condition: str, number: int) -> Any:
        result = omero.api.RoiResult()
        result.rois = self._finder.objects(call, ROIS.format(condition), {"id": number})
        return result


class Types:
    """`ITypes`, as far as it reads."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def allEnumerations(self, call: Call, name: str) -> list[Any]:
        """Return all values of an enumeration."""
        return self._finder.objects(call, f"select x from {_enumeration(name)} x order by x.id", {})

    def getEnumeration(self, call: Call, name: str, value: str) -> Any:
        """Return one value of an enumeration; there must be one."""
        hql = f"select x from {_enumeration(name)} x where x.value = :value"
        return self._finder.one(call, hql, {"value": value})

    def getEnumerationTypes(self, call: Call) -> list[str]:
        """Name all enumerations."""
        entities = omero_model().entities.values()
        return [entity.name for entity in entities if entity.is_enumeration]

    def getAnnotationTypes(self, call: Call) -> list[str]:
        """Name all kinds of annotations."""
        family = omero_model().entities["Annotation"].family()
        return [entity.name for entity in family if not entity.is_abstract]


def wrapped_is_true(value: Any) -> bool:
    """Say whether an option is on."""
    return bool(rtypes.unwrap(value))


def _entity(name: str) -> Entity:
    found = entity_named(name)
    if found is None:
        raise misused(f"{name} is no entity")
    return found


def _enumeration(name: str) -> str:
    entity = _entity(name)
    if not entity.is_enumeration:
        raise invalid(f"{name} is no enumeration")
    return entity.name
