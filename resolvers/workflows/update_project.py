"""UPDATE_PROJECT: another description in openBIS, and in OMERO where it mirrors that one.

The OMERO project follows only if its description is what openBIS' was: whoever gave it another one
meant to. A project's code and space cannot be changed.
"""

from __future__ import annotations

from typing import Any, Final

from backends.errors import ChangedMeanwhile, NotFound, Source
from backends.fetch import Fetch
from backends.openbis.write import ProjectUpdate
from backends.records import ImagingKind, Kind, ProjectRecord
from link_store.operation_records import OperationRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.workflows import ends, mirror, rights
from resolvers.workflows.create_project import LONGEST_DESCRIPTION
from resolvers.workflows.definition import Json, Run, Step, Workflow

KIND: Final = "UPDATE_PROJECT"


async def update_project(
    context: RequestContext,
    project: str,
    description: str | None,
    *,
    key: str | None = None,
    dry_run: bool = False,
) -> OperationRecord | None:
    """Give a project another description; None takes it away.

    Returns:
        The operation; None for a dry run.

    Raises:
        NotFound: there is no such project, or the viewer may not see it.
        AccessDenied: the viewer may not change one of the ends.
        BadInput: the description is too long.
    """
    wanted = (description or "").strip() or None
    if wanted is not None and len(wanted) > LONGEST_DESCRIPTION:
        raise BadInput(f"A description has at most {LONGEST_DESCRIPTION} characters.")
    found = await catalog.project_by_identifier(context, project, Fetch())
    operations = context.operations()
    request = {"permId": found.perm_id, "description": wanted}
    known = await operations.known(context, KIND, request, key)
    if known is not None:
        return known
    asked = {"request": request, **await _checked(context, found, wanted)}
    return None if dry_run else await operations.submit(context, KIND, asked, key)


async def _checked(context: RequestContext, found: ProjectRecord, wanted: str | None) -> Json:
    await rights.require(context, "UPDATE", Kind.PROJECT, found.perm_id)
    link = (await context.services.links.project_links([found.perm_id])).get(found.perm_id)
    mirrored = None
    if link is not None and wanted != found.description:
        pairs = {"description": (found.description, wanted)}
        mirrored = await mirror.plan(context, ImagingKind.IMAGE_PROJECT, link.omero_id, pairs)
    return {
        "permId": found.perm_id,
        "identifier": found.identifier,
        "description": wanted,
        "before": found.description or None,
        "mirror": mirrored,
    }


# --- the steps ----------------------------------------------------------------------------------


async def _write(run: Run) -> None:
    await _describe(run, run.input["before"], run.input["description"])


async def _unwrite(run: Run) -> None:
    await _describe(run, run.input["description"], run.input["before"])


async def _describe(run: Run, old: str | None, new: str | None) -> None:
    perm_id, context = run.input["permId"], run.context
    found: Any = await ends.in_openbis(run, Kind.PROJECT, perm_id)
    if found is None:
        raise NotFound(Source.OPENBIS, "The project is not there any more.")
    now = found.description or None
    if now == new:
        return
    if now != old:
        raise ChangedMeanwhile(
            Source.OPENBIS, "Somebody else has changed the description; look at it again."
        )
    await context.services.openbis.transact(
        context.openbis_token(), [ProjectUpdate(perm_id, new)], context.call
    )


UPDATE_PROJECT: Final = Workflow(
    KIND,
    (
        Step("openbis", "Change the project in openBIS", _write, _unwrite),
        mirror.STEP,
    ),
    title=lambda asked: f"Update project {asked['identifier']}",
    claims=lambda asked: (f"project {asked['permId']}",),
    outcome=lambda run: {
        "project": run.input["permId"],
        "imageProject": (run.input["mirror"] or {}).get("omeroId"),
    },
)
