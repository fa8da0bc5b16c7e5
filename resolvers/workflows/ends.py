"""The two ends of a link as registrations make, find, mark and take them back.

The OMERO end is found again by the identity that it was given, the openBIS permId; people and
`links rebuild` find it by its map annotation. The openBIS end is found by its identifier, and is
ours when its registrator is the operation's owner. All of it may be called again and again.
"""

from __future__ import annotations

from typing import Any, Final

from backends.errors import NotFound
from backends.fetch import Fetch
from backends.omero.changes import NewContainer
from backends.omero.write import ExternalId
from backends.openbis.client import Get
from backends.records import ImagingKind, Kind
from link_store.records import LinkRef, LinkState
from resolvers.links import notes
from resolvers.workflows.definition import Run

# What OMERO calls the type of an identity elsewhere.
EXTERNAL_TYPES: Final = {
    ImagingKind.IMAGE_PROJECT: "openBIS.Project",
    ImagingKind.IMAGE_DATASET: "openBIS.Sample",
}
REGISTRATOR: Final = Fetch.of(registrator=Fetch())


async def in_openbis(run: Run, kind: Kind, name: str, fetch: Fetch = REGISTRATOR) -> Any:
    """The entity of this permId or identifier as it is now, or None."""
    context = run.context
    (found,) = await context.services.openbis.execute(
        context.openbis_token(), [Get(kind, (name,), fetch)], context.call
    )
    return found.get(name)


def is_ours(run: Run, record: Any) -> bool:
    """Whether an entity was registered by the operation's owner."""
    return record.registrator is not None and record.registrator.user_id == run.owner


def container(
    run: Run, kind: ImagingKind, perm_id: str, identifier: str, name: str, description: str | None
) -> NewContainer:
    """A project or dataset in OMERO that says which openBIS entity it belongs to."""
    instance = run.context.services.links.openbis_instance
    return NewContainer(
        name,
        description,
        external=ExternalId(EXTERNAL_TYPES[kind], perm_id, lsid=f"{instance}:{identifier}"),
        key_values={notes.NAMESPACE: notes.pairs_of(perm_id, identifier, instance)},
    )


async def in_omero(run: Run, kind: ImagingKind, perm_ids: tuple[str, ...]) -> dict[str, int]:
    """What belongs to these openBIS entities by its identity; of several the oldest.

    More than one means that a write which was given up for lost came true after all: the younger
    ones, which nobody can have used yet, are deleted.
    """
    context = run.context
    found = await context.services.omero.find_external(
        context.omero_session(), kind, EXTERNAL_TYPES[kind], perm_ids, context.call
    )
    spare = [number for ids in found.values() for number in sorted(ids)[1:]]
    if spare:
        await forget(run, kind, spare)
    return {perm_id: min(ids) for perm_id, ids in found.items() if ids}


async def forget(run: Run, kind: ImagingKind, ids: list[int]) -> None:
    """Delete objects in OMERO, but nothing that lies in them; those that are gone are no error."""
    context = run.context
    containers = (
        context.services.omero.image_projects_by_ids
        if kind is ImagingKind.IMAGE_PROJECT
        else context.services.omero.image_datasets_by_ids
    )
    there: Any = await containers(context.omero_session(), ids, Fetch(), context.call)
    by_group: dict[int, list[int]] = {}
    for number, record in there.items():
        by_group.setdefault(record.group_id, []).append(number)
    for group, numbers in by_group.items():
        try:
            await context.services.omero.delete_containers(
                context.omero_session(), kind, numbers, group=group, call=context.call
            )
        except NotFound:
            continue  # somebody was quicker


async def unlink(run: Run, ref: LinkRef) -> None:
    """End a link, with those below it; one that has ended already is no error."""
    links = run.context.services.links
    found = await run.stored("linksByIds", links.links_by_ids([ref]))
    link = found.get(ref)
    if link is None or link.state is LinkState.RETIRED:
        return
    await run.stored(
        "retire",
        links.retire(
            ref,
            expected_revision=link.revision,
            author=run.owner,
            with_samples=True,
            details=told(run),
        ),
    )


def told(run: Run) -> dict[str, str]:
    """What the history of a link says of an operation."""
    return {"operation": run.id}
