"""What an OMERO end repeats of its openBIS end, and how it follows a change of that.

An OMERO property mirrors a value if it is the same text. Which do is found out when an update is
asked for, with the right to change them; the step that all updates share then brings them along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backends.errors import AccessDenied, NotFound, Source
from backends.fetch import Fetch
from backends.omero.write import Ref
from backends.records import ImagingKind
from resolvers.context import RequestContext
from resolvers.workflows.definition import Json, Run, Step

Pair = tuple[str | None, str | None]  # a value before, and after


async def plan(
    context: RequestContext, kind: ImagingKind, omero_id: int, changes: Mapping[str, Pair]
) -> Json | None:
    """What is to follow in OMERO, if anything.

    Args:
        context: the viewer's request.
        kind: project or dataset.
        omero_id: the OMERO end.
        changes: what changes, by the OMERO property that may mirror it.

    Raises:
        AccessDenied: something mirrors, but the viewer may not change it.
        NotSignedIn: nobody can tell without a session on OMERO.
    """
    found = await _read(context, kind, omero_id)
    if found is None:
        return None  # gone, or not to be seen: the audit's business
    follow = {
        name: [old or None, new or None]
        for name, (old, new) in changes.items()
        if old and old != new and getattr(found, name) == old and (new or name != "name")
    }
    if not follow:
        return None
    allowed = await context.services.omero.permissions(
        context.omero_session(), kind, [omero_id], context.call
    )
    if omero_id not in allowed or not allowed[omero_id].can_edit:
        raise AccessDenied(
            Source.OMERO,
            "The OMERO end repeats what you want to change, and you may not change it there.",
        )
    return {
        "kind": kind.value,
        "omeroId": omero_id,
        "group": found.group_id,
        "values": follow,
    }


async def _read(context: RequestContext, kind: ImagingKind, omero_id: int) -> Any:
    read: Any = (
        context.services.omero.image_projects_by_ids
        if kind is ImagingKind.IMAGE_PROJECT
        else context.services.omero.image_datasets_by_ids
    )
    found = await read(context.omero_session(), [omero_id], Fetch(), context.call)
    return found.get(omero_id)


async def _follow(run: Run) -> None:
    await _change(run, 0, 1)


async def _go_back(run: Run) -> None:
    await _change(run, 1, 0)


async def _change(run: Run, old: int, new: int) -> None:
    planned, context = run.input["mirror"], run.context
    kind, omero_id = ImagingKind(planned["kind"]), planned["omeroId"]
    found = await _read(context, kind, omero_id)
    if found is None:
        raise NotFound(Source.OMERO, "The OMERO end is not there any more; audit the link.")
    # What somebody else has changed meanwhile mirrors nothing any more, and stays.
    values = {
        name: pair[new]
        for name, pair in planned["values"].items()
        if getattr(found, name) == pair[old] and pair[old] != pair[new]
    }
    if values:
        await context.services.omero.update(
            context.omero_session(),
            Ref(kind.value, omero_id),
            None,
            values,
            group=planned["group"],
            call=context.call,
        )


STEP: Final = Step(
    "omero",
    "Let the OMERO end follow",
    _follow,
    _go_back,
    when=lambda run: run.input["mirror"] is not None,
)
