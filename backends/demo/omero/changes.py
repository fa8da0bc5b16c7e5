"""The adapter's neutral changes and deletions, carried out by the embedded store itself.

`transport.py` calls it; the same records travel over Ice as model objects, and both ways end in
`objects.py`. What a record says is checked here as omero-py's classes would refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backends.demo.omero.deletion import ChildOption
from backends.demo.omero.errors import (
    StoreLockError,
    StoreMissingError,
    StoreQueryError,
)
from backends.demo.omero.graph import Thing, properties_of
from backends.demo.omero.model import Entity, Property, omero_model
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.tables import VERSION
from backends.omero.transport import RInt, RTime
from backends.omero.write import (
    Change,
    Deletion,
    ExternalId,
    Made,
    New,
    Pairs,
    PropertyValue,
    Ref,
    Saved,
    Update,
)

TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "double": (float, int),
    "int": (RInt,),
    "long": (int,),
    "string": (str,),
    "time": (RTime,),
}


def save(
    store: OmeroStore, session: str, changes: Sequence[Change], group: int
) -> tuple[Saved, ...]:
    """Carry out all changes or none, and tell the objects in the order of changes.

    Raises:
        StoreLockError: an object has another version than its update was decided on.
        StoreMissingError: an object to be changed or referred to is not there to see.
        StoreQueryError: an entity or property is unknown, or a value of the wrong type.
        StoreError: as `ObjectDesk.save`.
    """
    loaded = _loaded(store, session, changes, group)
    things: list[Thing] = []
    for change in changes:
        things.append(_thing(change, things, loaded))
    store.objects.save(session, things, group=group)
    return tuple(
        Saved(change.entity, thing.id or 0, thing.values.get(VERSION))
        for change, thing in zip(changes, things, strict=True)
    )


def delete(
    store: OmeroStore, session: str, deletion: Deletion, group: int
) -> dict[str, tuple[int, ...]]:
    """Carry out a deletion, and return the ids of all that went, by entity.

    Raises:
        StoreMissingError: a target is not there to see.
        StoreError: as `ObjectDesk.delete`.
    """
    for name, ids in deletion.targets.items():
        found = store.objects.load(session, _entity(name).name, ids, group=group)
        if missing := set(ids) - found.keys():
            raise StoreMissingError(_not_there(name, min(missing)))
    gone = store.objects.delete(
        session,
        deletion.targets,
        group=group,
        options=[ChildOption(exclude=deletion.keep)] if deletion.keep else [],
        dry_run=deletion.dry_run,
    )
    return {name: tuple(sorted(ids)) for name, ids in sorted(gone.items())}


def _loaded(
    store: OmeroStore, session: str, changes: Sequence[Change], group: int
) -> dict[tuple[str, int], Thing]:
    """Load the objects that are to be changed, whole."""
    wanted: dict[str, list[int]] = {}
    for change in changes:
        if isinstance(change, Update):
            wanted.setdefault(_entity(change.entity).name, []).append(change.id)
    found: dict[tuple[str, int], Thing] = {}
    for name, ids in wanted.items():
        things = store.objects.load(session, name, ids, group=group)
        found |= {(name, number): thing for number, thing in things.items()}
    return found


def _thing(change: Change, made: Sequence[Thing], loaded: dict[tuple[str, int], Thing]) -> Thing:
    entity = _entity(change.entity)
    if isinstance(change, New):
        thing = Thing(entity.name, None, loaded=True, details={})
    else:
        existing = loaded.get((change.entity, change.id))
        if existing is None:
            raise StoreMissingError(_not_there(change.entity, change.id))
        if change.version not in (None, existing.values.get(VERSION)):
            raise StoreLockError(f"{change.entity} {change.id} was changed meanwhile")
        thing = existing
    for name, value in change.properties.items():
        prop = properties_of(entity).get(name)
        if prop is None or (prop.kind == "collection" and prop.target is not None):
            raise StoreQueryError(f"{change.entity} has no property {name}.")
        if prop.kind in ("reference", "enum"):
            thing.references[name] = _referred(name, value, made)
        else:
            thing.values[name] = _plain(name, prop, value)
    if change.external is not None:
        thing.details = {**(thing.details or {}), "externalInfo": _external(change.external)}
    return thing


def _referred(name: str, value: PropertyValue, made: Sequence[Thing]) -> Thing | None:
    if value is None:
        return None
    if isinstance(value, Made):
        return made[value.index]
    if isinstance(value, Ref):
        return Thing(_entity(value.entity).name, value.id)
    raise StoreQueryError(f"{name} is a reference: give a Ref or Made.")


def _plain(name: str, prop: Property, value: PropertyValue) -> Any:
    if value is None:
        return None
    if prop.type == "NamedValue" and isinstance(value, Pairs):
        return list(value.pairs)
    allowed = TYPES.get(str(prop.type), ())
    is_number_for_bool = isinstance(value, bool) and prop.type != "bool"
    if prop.kind != "scalar" or not isinstance(value, allowed) or is_number_for_bool:
        raise StoreQueryError(f"{name} takes a {prop.type}.")
    return value


def _external(external: ExternalId) -> Thing:
    values = {
        "entityType": external.entity_type,
        "entityId": external.entity_id,
        "uuid": external.uuid,
        "lsid": external.lsid,
    }
    return Thing("ExternalInfo", None, loaded=True, values=values, details={})


def _entity(name: str) -> Entity:
    found = omero_model().entities.get(name)
    if found is None:
        raise StoreQueryError(f"OMERO has no objects of the kind {name}.")
    return found


def _not_there(entity: str, number: int) -> str:
    return f"There is no {entity} {number} in this OMERO group, or you may not see it."
