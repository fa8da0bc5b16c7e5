"""What is to be changed in OMERO, as records that any transport can carry out.

A `save` is a sequence of changes that come true together or not at all. A change speaks of model
entities and properties by their HQL names (`Dataset`, `name`), of objects that exist by `Ref`, and
of what an earlier change of the same sequence makes by `Made`. A deletion names its targets and
what must be left alive. No Ice and no SQL live here; `changes.py` has the client's own words for
them, and the transports carry them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from backends.errors import InvalidRequest, Source
from backends.omero.transport import RInt, RTime

CHANGES_AT_MOST = 2_000  # per transaction; more would hold its locks for too long


@dataclass(frozen=True, slots=True)
class Ref:
    """An object that exists already."""

    entity: str
    id: int


@dataclass(frozen=True, slots=True)
class Made:
    """What the change at this place of the same sequence makes; it has to stand before."""

    index: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Key-value pairs in their order, as a map annotation holds them; keys may repeat."""

    pairs: tuple[tuple[str, str], ...]


# RInt is an `rint` and a plain int an `rlong`; RTime is milliseconds since 1970.
PropertyValue: TypeAlias = str | int | float | bool | RInt | RTime | Pairs | Ref | Made | None
Properties: TypeAlias = Mapping[str, PropertyValue]


@dataclass(frozen=True, slots=True)
class ExternalId:
    """An object's identity elsewhere (OMERO's ExternalInfo); once set it can never be changed."""

    entity_type: str
    uuid: str
    lsid: str | None = None
    entity_id: int = 0


@dataclass(frozen=True, slots=True)
class New:
    """A new object; who saves it owns it, and it belongs to the save's group."""

    entity: str
    properties: Properties
    external: ExternalId | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Other values for some properties of an object; the rest stays as it is.

    `version` is the one that the change was decided on: if the object has another by now, nothing
    is saved and `ChangedMeanwhile` is raised. None takes whatever is there.
    """

    entity: str
    id: int
    version: int | None
    properties: Properties = field(default_factory=dict)
    external: ExternalId | None = None


Change: TypeAlias = New | Update


@dataclass(frozen=True, slots=True)
class Saved:
    """An object after a save; links and annotations have versions too, some entities have none."""

    entity: str
    id: int
    version: int | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """What is to be deleted, in one transaction.

    `targets` are ids by entity. OMERO deletes along what hangs on them and has no other parent;
    entities in `keep` are left alive. With `dry_run` nothing is deleted, and the answer is what
    would be.
    """

    targets: Mapping[str, tuple[int, ...]]
    keep: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(slots=True)
class Changes:
    """Collects the changes of one save."""

    items: list[Change] = field(default_factory=list)

    def new(
        self,
        entity: str,
        properties: Properties | None = None,
        *,
        external: ExternalId | None = None,
    ) -> Made:
        """Add a new object, and return a reference to it for the changes behind."""
        self.items.append(New(entity, dict(properties or {}), external))
        return Made(len(self.items) - 1)

    def update(
        self,
        target: Ref,
        version: int | None,
        properties: Properties,
        *,
        external: ExternalId | None = None,
    ) -> Made:
        """Add other values for an object that exists."""
        self.items.append(Update(target.entity, target.id, version, dict(properties), external))
        return Made(len(self.items) - 1)

    def link(self, entity: str, parent: Ref | Made, child: Ref | Made) -> Made:
        """Add a link, for example a `ProjectDatasetLink`."""
        return self.new(entity, {"parent": parent, "child": child})

    def annotate(self, parent: Ref | Made, annotation: Ref | Made) -> Made:
        """Link an annotation to an object."""
        entity = parent.entity if isinstance(parent, Ref) else self.items[parent.index].entity
        return self.link(f"{entity}AnnotationLink", parent, annotation)


def verify(changes: Sequence[Change]) -> None:
    """Refuse what no transport could carry out; every transport calls it first.

    Raises:
        InvalidRequest: too many changes, a reference to something that is not made before, or two
            updates of one object.
    """
    if len(changes) > CHANGES_AT_MOST:
        raise _invalid(f"One save may hold {CHANGES_AT_MOST} changes; send fewer at a time.")
    updated: set[tuple[str, int]] = set()
    for place, change in enumerate(changes):
        for value in change.properties.values():
            if isinstance(value, Made) and not 0 <= value.index < place:
                raise _invalid("A change may refer only to what changes before it make.")
        if isinstance(change, Update):
            if (change.entity, change.id) in updated:
                raise _invalid("One save may change an object only once.")
            updated.add((change.entity, change.id))


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(Source.OMERO, message)
