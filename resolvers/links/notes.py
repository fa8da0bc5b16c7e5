"""What a link leaves behind in the two systems, so that it can be restored from them.

The OMERO end bears a map annotation in the namespace `omnibis/link` that names its openBIS end; a
sample bears its dataset's id in the property `OMERO_IDS` (with `OMERO_ID_TYPE` DATASET) where its
type declares that property and nobody else has written there. The link itself is made first: a note
that cannot be written does not undo it, but is remarked as ANNOTATION_DRIFT, which an audit finds
and a repair mends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.errors import AccessDenied, BackendError, NotFound, Source
from backends.omero.linkage import Note
from backends.openbis.write import SampleUpdate
from backends.records import (
    ImagingKind,
    KeyValueRecord,
    Kind,
    SampleRecord,
)
from link_store.records import LinkKind
from resolvers.context import RequestContext
from resolvers.links.ends import OMERO_KINDS, OmeroEnd, OpenbisEnd
from resolvers.links.remarks import Code, Remark

NAMESPACE: Final = "omnibis/link"
PERM_ID: Final = "openBIS permId"
IDENTIFIER: Final = "openBIS identifier"
INSTANCE: Final = "openBIS instance"

IDS_PROPERTY: Final = "OMERO_IDS"
ID_TYPE_PROPERTY: Final = "OMERO_ID_TYPE"
DATASET: Final = "DATASET"

AT_ONCE: Final = 500  # objects per transaction


@dataclass(frozen=True, slots=True)
class Ended:
    """A link's two ends; `before` is the dataset that the sample was linked to until now."""

    openbis: OpenbisEnd
    omero: OmeroEnd
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """The ends of a link that is over, as far as they are there, and the OMERO end's id."""

    openbis: OpenbisEnd | None
    omero: OmeroEnd | None
    omero_id: int


def pairs_of(perm_id: str, identifier: str, instance: str) -> list[tuple[str, str]]:
    """The key-values of the annotation that names an openBIS object."""
    return [(PERM_ID, perm_id), (IDENTIFIER, identifier), (INSTANCE, instance)]


def said(pairs: Iterable[KeyValueRecord]) -> dict[int, dict[str, str]]:
    """What annotations of our namespace say, by annotation."""
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for pair in pairs:
        if pair.namespace == NAMESPACE:
            found[pair.annotation_id].setdefault(pair.key, pair.value)
    return dict(found)


async def write(context: RequestContext, kind: LinkKind, ended: Sequence[Ended]) -> list[Remark]:
    """Write what links say into both systems, where it is not written yet.

    Returns:
        What could not be written, one remark for each group of objects with the same trouble.
    """
    remarks: list[Remark] = []
    by_group: defaultdict[int, list[Ended]] = defaultdict(list)
    for one in ended:
        by_group[one.omero.group_id].append(one)
    for group, members in by_group.items():
        for start in range(0, len(members), AT_ONCE):
            part = members[start : start + AT_ONCE]
            remarks += await _annotate(context, OMERO_KINDS[kind], part, group)
    if kind is LinkKind.SAMPLE:
        deltas = await _deltas(context, ended)
        remarks += await _update_samples(context, deltas)
    return remarks


async def remove(context: RequestContext, kind: LinkKind, left: Sequence[Left]) -> list[Remark]:
    """Take away what links that are over left behind at the ends that are still there."""
    remarks: list[Remark] = []
    by_group: defaultdict[int, list[int]] = defaultdict(list)
    deltas: dict[str, dict[str, str | None]] = {}
    for one in left:
        if one.omero is not None:
            by_group[one.omero.group_id].append(one.omero.omero_id)
        sample = one.openbis
        if isinstance(sample, SampleRecord) and noted_dataset(sample) == one.omero_id:
            deltas[sample.perm_id] = {IDS_PROPERTY: None, ID_TYPE_PROPERTY: None}
    for group, members in by_group.items():
        for start in range(0, len(members), AT_ONCE):
            part = members[start : start + AT_ONCE]
            remarks += await _remove_annotations(context, OMERO_KINDS[kind], part, group)
    remarks += await _update_samples(context, deltas)
    return remarks


def noted_dataset(sample: SampleRecord) -> int | None:
    """The dataset that a sample's own property names, if it names a single dataset."""
    text = _value(sample, IDS_PROPERTY)
    if _value(sample, ID_TYPE_PROPERTY) != DATASET or text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004 - 64 bits


def drift(message: str, source: Source) -> Remark:
    """The remark for a note that could not be written or taken away."""
    return Remark(
        Code.ANNOTATION_DRIFT,
        f"{message} The link itself is as you wanted it; `repairLinks` writes the rest down.",
        "omero" if source is Source.OMERO else "openbis",
        source,
    )


async def _annotate(
    context: RequestContext, kind: ImagingKind, ended: Sequence[Ended], group: int
) -> list[Remark]:
    client, session = context.services.omero, context.omero_session()
    instance = context.services.links.openbis_instance
    try:
        present = await client.key_values(
            session, kind, [one.omero.omero_id for one in ended], context.call
        )
    except BackendError as error:
        return [drift(error.message, Source.OMERO)]
    notes: dict[int, Note] = {}
    surplus: dict[int, None] = {}
    for one in ended:
        wanted = pairs_of(one.openbis.perm_id, one.openbis.identifier, instance)
        there = said(present.get(one.omero.omero_id, ()))
        if dict(wanted) in there.values() and len(there) == 1:
            continue
        notes[one.omero.omero_id] = Note(wanted, min(there, default=None))
        surplus |= dict.fromkeys(sorted(there)[1:])

    async def save(part: dict[int, Note]) -> None:
        await client.write_notes(
            session, kind, part, namespace=NAMESPACE, group=group, call=context.call
        )

    remarks = await _in_parts(notes, save, Source.OMERO)
    return remarks + await _delete_annotations(context, surplus, group)


async def _delete_annotations(
    context: RequestContext, annotations: dict[int, None], group: int
) -> list[Remark]:
    async def delete(part: dict[int, None]) -> None:
        await context.services.omero.delete_annotations(
            context.omero_session(), tuple(part), group=group, call=context.call
        )

    return await _in_parts(annotations, delete, Source.OMERO)


async def _in_parts(
    wanted: dict[Any, Any], save: Callable[[dict[Any, Any]], Any], source: Source
) -> list[Remark]:
    """Save all at once; where one of them stands in the way, the others all the same."""
    if not wanted:
        return []
    try:
        await save(wanted)
    except (AccessDenied, NotFound) as error:
        if len(wanted) == 1:
            return [drift(f"{next(iter(wanted))}: {error.message}", source)]
        items = list(wanted.items())
        half = len(items) // 2
        first = await _in_parts(dict(items[:half]), save, source)
        return first + await _in_parts(dict(items[half:]), save, source)
    except BackendError as error:
        return [drift(error.message, source)]
    return []


async def _remove_annotations(
    context: RequestContext, kind: ImagingKind, ids: Sequence[int], group: int
) -> list[Remark]:
    client, session = context.services.omero, context.omero_session()
    try:
        present = await client.key_values(session, kind, ids, context.call)
    except BackendError as error:
        return [drift(error.message, Source.OMERO)]
    annotations = {number: None for pairs in present.values() for number in said(pairs)}
    return await _delete_annotations(context, annotations, group)


async def _deltas(
    context: RequestContext, ended: Sequence[Ended]
) -> dict[str, dict[str, str | None]]:
    """Which properties are to be written: those that are empty, or hold what we wrote before."""
    try:
        types = await context.loaders.entity_types.load(Kind.SAMPLE)
    except BackendError:
        return {}
    deltas: dict[str, dict[str, str | None]] = {}
    for one in ended:
        sample = one.openbis
        if not isinstance(sample, SampleRecord) or sample.type_code not in types:
            continue
        declared = {each.code for each in types[sample.type_code].properties}
        present = _value(sample, IDS_PROPERTY)
        if IDS_PROPERTY not in declared or ID_TYPE_PROPERTY not in declared:
            continue
        ours = present is None or (one.before is not None and noted_dataset(sample) == one.before)
        if ours and present != str(one.omero.omero_id):
            deltas[sample.perm_id] = {
                IDS_PROPERTY: str(one.omero.omero_id),
                ID_TYPE_PROPERTY: DATASET,
            }
    return deltas


async def _update_samples(
    context: RequestContext, deltas: dict[str, dict[str, str | None]]
) -> list[Remark]:
    async def save(part: dict[str, dict[str, str | None]]) -> None:
        changes = [SampleUpdate(perm_id, delta) for perm_id, delta in part.items()]
        await context.services.openbis.transact(context.openbis_token(), changes, context.call)

    remarks: list[Remark] = []
    items = list(deltas.items())
    for start in range(0, len(items), AT_ONCE):
        part = dict(items[start : start + AT_ONCE])
        remarks += await _in_parts(part, save, Source.OPENBIS)
    return remarks


def _value(sample: SampleRecord, code: str) -> str | None:
    for each in sample.properties or ():
        if each.code == code:
            return each.value or None
    return None
