"""What deletions share: their policies, what stands in the way, and the steps of both.

openBIS comes first, by its trash, from which everything can be brought back; then OMERO, where
nothing can; last what was in the trash goes for good where that is needed, and the link ends. So a
deletion that is refused anywhere leaves both ends as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from backends.errors import AccessDenied, NotFound, Source
from backends.fetch import Fetch
from backends.filters import ContainerFilter, ImageFilter
from backends.openbis.write import Removal, Restoring
from backends.records import ImagingKind, Kind
from link_store.records import LinkKind, LinkRef
from resolvers import imaging
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.workflows import ends
from resolvers.workflows.definition import Json, Run


class DeletionPolicy(StrEnum):
    """What is to happen with what lies in, or at the other end of, what is deleted."""

    RESTRICT = "RESTRICT"  # refuse while there is anything
    UNLINK = "UNLINK"  # leave the OMERO end as it is, without a link
    CASCADE = "CASCADE"  # delete it as well


LABELS: Final = {
    "samples": "samples",
    "omicsDatasets": "omics datasets",
    "imageDatasets": "image datasets",
    "images": "images",
}
AT_OMERO: Final = frozenset({"imageDatasets", "images"})


def check_policy(
    policy: DeletionPolicy, code: str, confirm: str | None, counts: Mapping[str, int]
) -> None:
    """See that the policy allows a deletion.

    Raises:
        BadInput: it does not, and what to do; it says how much there is.
    """
    there = {name: number for name, number in counts.items() if number}
    if policy is DeletionPolicy.CASCADE:
        if confirm != code:
            raise BadInput(
                f"This deletes {_told(there) or 'nothing else'} too, and nobody can bring back what"
                f" goes in OMERO. Give the code, {code}, as `confirm` if you mean it."
            )
        return
    standing = {
        name: number
        for name, number in there.items()
        if policy is DeletionPolicy.RESTRICT or name not in AT_OMERO
    }
    if standing:
        advice = "use the policy CASCADE to delete that too"
        if policy is DeletionPolicy.RESTRICT and set(standing) <= AT_OMERO:
            advice += ", or UNLINK to keep it in OMERO"
        raise BadInput(f"There are still {_told(standing)}; {advice}.")


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {LABELS[name]}" for name, number in counts.items())


async def omero_end(
    context: RequestContext, kind: ImagingKind, omero_id: int, *, with_children: bool
) -> Json | None:
    """The OMERO end, if it is there, with the certainty that the viewer may delete it.

    Raises:
        AccessDenied: the viewer may not.
        NotSignedIn: nobody can tell without a session on OMERO.
    """
    read: Any = (
        context.services.omero.image_projects_by_ids
        if kind is ImagingKind.IMAGE_PROJECT
        else context.services.omero.image_datasets_by_ids
    )
    session, call = context.omero_session(), context.call
    found = (await read(session, [omero_id], Fetch(), call)).get(omero_id)
    if found is None:
        return None
    try:
        await context.services.omero.delete_containers(
            session,
            kind,
            [omero_id],
            group=found.group_id,
            call=call,
            with_children=with_children,
            dry_run=True,
        )
    except AccessDenied:
        raise AccessDenied(
            Source.OMERO, "You may not delete what lies in OMERO; use UNLINK, or ask for the right."
        ) from None
    return {"kind": kind.value, "omeroId": omero_id, "group": found.group_id}


async def count_images(context: RequestContext, kind: ImagingKind, omero_id: int) -> int:
    """How many images lie in a project or dataset."""
    within = ContainerFilter(omero_ids=(omero_id,))
    where = (
        ImageFilter(image_project=within)
        if kind is ImagingKind.IMAGE_PROJECT
        else ImageFilter(image_dataset=within)
    )
    return await imaging.count_images(context, where)


# --- the steps ----------------------------------------------------------------------------------


def reason(run: Run) -> str:
    """What openBIS keeps beside the deletion, by which it is found again."""
    return f"omnibis: operation {run.id}"


async def trash(run: Run, groups: Sequence[tuple[Kind, Sequence[str]]]) -> Json:
    """Move entities to openBIS' trash, unless this operation has done so before.

    Returns:
        The numbers of the deletions.
    """
    context = run.context
    token, call = context.openbis_token(), context.call
    done = await _deletions(run) if run.again else []
    if not done:
        changes = [Removal(kind, tuple(ids), reason(run)) for kind, ids in groups if ids]
        if changes:
            made = await context.services.openbis.transact(token, changes, call)
            done = [number for number in made if number is not None]
    return {"deletions": done}


async def untrash(run: Run) -> None:
    """Bring back what this operation has moved to the trash."""
    done = await _deletions(run)
    if done:
        context = run.context
        await context.services.openbis.transact(
            context.openbis_token(), [Restoring(tuple(done))], context.call
        )


async def _deletions(run: Run) -> list[str]:
    context = run.context
    found = await context.services.openbis.deletions(context.openbis_token(), context.call)
    return [each.id for each in found if each.reason == reason(run)]


async def delete_omero_end(run: Run) -> Json:
    """Delete the OMERO end, with what lies in it if that was asked for."""
    end, context = run.input["omero"], run.context
    kind = ImagingKind(end["kind"])
    with_children = run.input["request"]["policy"] == DeletionPolicy.CASCADE
    if not with_children:
        await ends.forget(run, kind, [end["omeroId"]])
        return {}
    try:
        gone = await context.services.omero.delete_containers(
            context.omero_session(),
            kind,
            [end["omeroId"]],
            group=end["group"],
            call=context.call,
            with_children=True,
        )
    except NotFound:
        return {}  # an earlier attempt came true
    return {name: len(gone.get(name, ())) for name in ("Dataset", "Image") if gone.get(name)}


async def end_link(run: Run) -> None:
    """Retire the link, with those below it."""
    link = run.input["link"]
    await ends.unlink(run, LinkRef(LinkKind(link["kind"]), link["id"]))


def has_link(run: Run) -> bool:
    """Whether there is a link to end."""
    return run.input["link"] is not None


def has_omero_end(run: Run) -> bool:
    """Whether there is anything to delete in OMERO."""
    return run.input["omero"] is not None
