"""Carries out the changes of `write.py` over Ice.

Objects to be changed are read whole and their versions compared, then everything goes to
`IUpdate.saveAndReturnArray`, which is one transaction: what an earlier change makes is the same
object in later ones, which the server saves once. Deletion is a `Delete2` whose handle is asked
until it is done. Called by `ice_transport.py`, which has tried the seat before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import omero
import omero.cmd
import omero.model

from backends.errors import (
    AccessDenied,
    BackendError,
    ChangedMeanwhile,
    InvalidRequest,
    NotFound,
    ProtocolError,
    Source,
)
from backends.omero import typed
from backends.omero.ice_calls import CallFailed
from backends.omero.ice_errors import is_stale, translate
from backends.omero.session import Seat
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

FIRST_WAIT: Final = 0.02  # seconds until a deletion is asked about, doubled each time
LONGEST_WAIT: Final = 0.5
IDS_PER_QUERY: Final = 500


async def save(seat: Seat, changes: Sequence[Change], group: int) -> tuple[Saved, ...]:
    """Save all or nothing.

    Raises:
        BackendError: it was refused, or nobody knows whether it happened.
        CallFailed: a call that changes nothing failed.
    """
    loaded = await _loaded(seat, changes, group)
    objects: list[Any] = []
    for change in changes:
        objects.append(_object(change, objects, loaded))
    update = await seat.service("IUpdate", group=group)
    try:
        returned = await seat.call(update.begin_saveAndReturnArray, objects)
    except CallFailed as failed:
        error = translate(failed.error, writing=True, sent=failed.sent)
        if isinstance(failed.error, omero.ValidationException):
            error = await _why_invalid(seat, changes, group, error)
        raise error from None
    if len(returned) != len(changes):
        raise ProtocolError(Source.OMERO, "OMERO saved something else than it was asked to.")
    return tuple(
        Saved(change.entity, saved.id.val, _version(saved))
        for change, saved in zip(changes, returned, strict=True)
    )


async def delete(seat: Seat, deletion: Deletion, group: int) -> dict[str, tuple[int, ...]]:
    """Delete all or nothing, and return what went.

    Raises:
        BackendError: it was refused, or nobody knows whether it happened.
        CallFailed: a call that changes nothing failed.
    """
    for entity, ids in deletion.targets.items():
        _kind(entity)
        if missing := await _missing(seat, entity, ids, group):
            raise NotFound(Source.OMERO, _not_there(entity, min(missing)))
    request = omero.cmd.Delete2(
        targetObjects={entity: list(ids) for entity, ids in deletion.targets.items() if ids},
        childOptions=[omero.cmd.graphs.ChildOption(excludeType=list(deletion.keep))]
        if deletion.keep
        else [],
        dryRun=deletion.dry_run,
    )
    factory = seat.within(omero.api.ServiceFactoryPrx.uncheckedCast(await seat.factory()), group)
    try:
        handle = await seat.call(factory.begin_submit, request)
        handle = await seat.routed(handle, omero.cmd.HandlePrx)
        response = await _done(seat, handle)
    except CallFailed as failed:
        raise translate(
            failed.error, writing=not deletion.dry_run, sent=failed.sent or not deletion.dry_run
        ) from None
    if isinstance(response, omero.cmd.ERR):
        raise _refused(response)
    if not isinstance(response, omero.cmd.Delete2Response):
        raise ProtocolError(Source.OMERO, "OMERO answered something unexpected.")
    return {
        name.rpartition(".")[2]: tuple(sorted(ids))
        for name, ids in sorted(response.deletedObjects.items())
    }


# --- Saving -------------------------------------------------------------------------------------


async def _loaded(seat: Seat, changes: Sequence[Change], group: int) -> dict[tuple[str, int], Any]:
    """The objects that are to be changed, whole."""
    wanted: dict[str, list[int]] = {}
    for change in changes:
        if isinstance(change, Update):
            _class(change.entity)
            wanted.setdefault(change.entity, []).append(change.id)
    found: dict[tuple[str, int], Any] = {}
    if not wanted:
        return found
    query = await seat.service("IQuery", group=group)
    for entity, ids in wanted.items():
        for start in range(0, len(ids), IDS_PER_QUERY):
            chunk = typed.parameters({"ids": ids[start : start + IDS_PER_QUERY]})
            hql = f"select o from {entity} o where o.id in (:ids)"  # noqa: S608 - a known class
            for each in await seat.call(query.begin_findAllByQuery, hql, chunk):
                found[entity, each.id.val] = each
    return found


def _object(change: Change, made: Sequence[Any], loaded: Mapping[tuple[str, int], Any]) -> Any:
    if isinstance(change, New):
        target = _class(change.entity)()
    else:
        target = loaded.get((change.entity, change.id))
        if target is None:
            raise NotFound(Source.OMERO, _not_there(change.entity, change.id))
        if change.version not in (None, _version(target)):
            raise ChangedMeanwhile(
                Source.OMERO,
                "It was changed in OMERO meanwhile: read it again, and decide again.",
            )
        # Collections that were not read must not be taken for empty ones.
        target.unloadCollections()
    for name, value in change.properties.items():
        if name not in getattr(type(target), "_field_info")._fields:  # noqa: B009 - omero's
            raise InvalidRequest(Source.OMERO, f"{change.entity} has no property {name}.")
        setattr(target, name, _value(value, made))
    if change.external is not None:
        target.details.externalInfo = _external(change.external)
    return target


def _value(value: PropertyValue, made: Sequence[Any]) -> Any:
    if isinstance(value, Made):
        return made[value.index]
    if isinstance(value, Ref):
        return _class(value.entity)(value.id, False)
    if isinstance(value, Pairs):
        return [omero.model.NamedValue(key, text) for key, text in value.pairs]
    return typed.wrap(value)


def _external(external: ExternalId) -> Any:
    info = omero.model.ExternalInfoI()
    info.entityType = typed.wrap(external.entity_type)
    info.entityId = typed.wrap(external.entity_id)
    info.uuid = typed.wrap(external.uuid)
    info.lsid = typed.wrap(external.lsid)
    return info


def _kind(entity: str) -> None:
    """See that there are such objects, be it of several classes: annotations of any kind."""
    if not (entity.isalnum() and hasattr(omero.model, entity)):
        raise InvalidRequest(Source.OMERO, f"OMERO has no objects of the kind {entity}.")


def _class(entity: str) -> Any:
    """The class of an entity that can be made or referred to."""
    known = getattr(omero.model, f"{entity}I", None) if entity.isalnum() else None
    if known is None:
        raise InvalidRequest(Source.OMERO, f"OMERO has no objects of the kind {entity}.")
    return known


def _version(saved: Any) -> int | None:
    version = getattr(saved, "version", None)
    return None if version is None else int(version.val)


async def _why_invalid(
    seat: Seat, changes: Sequence[Change], group: int, error: BackendError
) -> BackendError:
    """Tell a reference to what is not there from a value that is not allowed."""
    referred: dict[str, set[int]] = {}
    for change in changes:
        for value in change.properties.values():
            if isinstance(value, Ref):
                referred.setdefault(value.entity, set()).add(value.id)
    with suppress(CallFailed):
        for entity, ids in referred.items():
            if missing := await _missing(seat, entity, sorted(ids), group):
                return NotFound(Source.OMERO, _not_there(entity, min(missing)))
    return error


async def _missing(seat: Seat, entity: str, ids: Sequence[int], group: int) -> set[int]:
    """Which of the ids the viewer cannot see in this group."""
    query = await seat.service("IQuery", group=group)
    missing = set(ids)
    for start in range(0, len(ids), IDS_PER_QUERY):
        chunk = typed.parameters({"ids": list(ids[start : start + IDS_PER_QUERY])})
        hql = f"select o.id from {entity} o where o.id in (:ids)"  # noqa: S608 - a known class
        rows = await seat.call(query.begin_projection, hql, chunk)
        missing.difference_update(row[0].val for row in rows)
    return missing


def _not_there(entity: str, number: int) -> str:
    return f"There is no {entity} {number} in this OMERO group, or you may not see it."


# --- Deleting -----------------------------------------------------------------------------------


async def _done(seat: Seat, handle: Any) -> Any:
    """Ask a handle until it has an answer, then close it."""
    wait = FIRST_WAIT
    try:
        while True:
            response = await seat.call(handle.begin_getResponse)
            if response is not None:
                return response
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
    finally:
        await asyncio.shield(_close(seat, handle))


async def _close(seat: Seat, handle: Any) -> None:
    try:
        await seat.call(handle.begin_close)
    except CallFailed as failed:
        if not is_stale(failed.error):
            return


def _refused(response: Any) -> BackendError:
    """What a refused deletion means; OMERO tells it in words only."""
    words = " ".join(
        (response.category or "", response.name or "", *(response.parameters or {}).values())
    ).lower()
    if any(word in words for word in ("permi", "security", "not allowed")):
        return AccessDenied(Source.OMERO, "You may not delete this in OMERO.")
    return InvalidRequest(Source.OMERO, "OMERO cannot delete this: something else still needs it.")
