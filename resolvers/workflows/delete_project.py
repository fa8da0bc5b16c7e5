"""DELETE_PROJECT: a project in openBIS with what is in it, its OMERO project, and their link.

A project of openBIS has no trash: it goes for good, and only when nothing of it is left, not even
in the trash. What is in it is moved to the trash first, and comes back if openBIS then refuses the
rest; emptying the trash needs an administrator of the space.
"""

from __future__ import annotations

from typing import Any, Final

from backends.fetch import Fetch
from backends.filters import OmicsFilter, PageRequest, SampleFilter
from backends.openbis.client import Count, Search
from backends.openbis.write import Emptying, Removal
from backends.records import ImagingKind, Kind
from link_store.operation_records import OperationRecord
from link_store.records import LinkKind
from resolvers import catalog, imaging
from resolvers.context import RequestContext
from resolvers.paging import MAXIMUM_PAGE
from resolvers.workflows import delete, ends, rights
from resolvers.workflows.definition import Json, Run, Step, Workflow
from resolvers.workflows.delete import DeletionPolicy

KIND: Final = "DELETE_PROJECT"


async def delete_project(
    context: RequestContext,
    project: str,
    policy: DeletionPolicy = DeletionPolicy.RESTRICT,
    *,
    confirm: str | None = None,
    key: str | None = None,
    dry_run: bool = False,
) -> OperationRecord | None:
    """Delete a project at both ends, or at the openBIS end only.

    Args:
        context: the viewer's request.
        project: its identifier, code or permId.
        policy: what is to happen with what is in it and with the OMERO end.
        confirm: for CASCADE: the project's code once more.
        key: of the caller's choice; see `Operations.submit`.
        dry_run: whether only to tell if it could be done.

    Raises:
        BadInput: the policy does not allow it; it says how much there is.
        NotFound: there is no such project, or the viewer may not see it.
        AccessDenied: the viewer may not delete one of the ends.
    """
    operations = context.operations()
    request: Json = {"project": project.strip().upper(), "policy": policy, "confirm": confirm}
    known = await operations.known(context, KIND, request, key)
    if known is not None:
        return known
    found = await catalog.project_by_identifier(context, project, Fetch())
    await rights.require(context, "DELETE", Kind.PROJECT, found.perm_id)
    link = (await context.services.links.project_links([found.perm_id])).get(found.perm_id)
    counts = await _counts(context, found.perm_id)
    if link is not None:
        counts["imageDatasets"] = await imaging.count_image_datasets(context, link.omero_id)
        counts["images"] = await delete.count_images(
            context, ImagingKind.IMAGE_PROJECT, link.omero_id
        )
    delete.check_policy(policy, found.code, confirm, counts)
    end = None
    if link is not None and policy is not DeletionPolicy.UNLINK:
        end = await delete.omero_end(
            context,
            ImagingKind.IMAGE_PROJECT,
            link.omero_id,
            with_children=policy is DeletionPolicy.CASCADE,
        )
    asked = {
        "request": request,
        "permId": found.perm_id,
        "identifier": found.identifier,
        "link": None if link is None else {"kind": LinkKind.PROJECT, "id": link.id},
        "omero": end,
    }
    return None if dry_run else await operations.submit(context, KIND, asked, key)


async def _counts(context: RequestContext, perm_id: str) -> dict[str, int]:
    samples = catalog.samples_of_project(perm_id, None)
    data = OmicsFilter(
        any_of=(OmicsFilter(sample=samples), OmicsFilter(experiment=_within(perm_id)))
    )
    found = await context.services.openbis.execute(
        context.openbis_token(),
        [Count(Kind.SAMPLE, samples), Count(Kind.OMICS_DATASET, data)],
        context.call,
    )
    return {"samples": found[0], "omicsDatasets": found[1]}


def _within(perm_id: str) -> Any:
    return catalog.experiments_of_project(perm_id, None)


# --- the steps ----------------------------------------------------------------------------------


async def _trash(run: Run) -> Json:
    """Everything in the project: experiments take their samples and data sets along."""
    perm_id = run.input["permId"]
    experiments = await _ids(run, Kind.EXPERIMENT, _within(perm_id))
    loose = SampleFilter(
        project=catalog.of_project(perm_id),
        none_of=(SampleFilter(experiment=_within(perm_id)),),
    )
    samples = await _ids(run, Kind.SAMPLE, loose)
    return await delete.trash(run, [(Kind.EXPERIMENT, experiments), (Kind.SAMPLE, samples)])


async def _ids(run: Run, kind: Kind, where: Any) -> list[str]:
    context, found = run.context, list[str]()
    page = PageRequest(MAXIMUM_PAGE, catalog.PERM_ID_ORDER)
    while True:
        (rows,) = await context.services.openbis.execute(
            context.openbis_token(), [Search(kind, where, page)], context.call
        )
        found += [record.perm_id for record in rows.items]
        if not rows.has_more:
            return found
        page = PageRequest(MAXIMUM_PAGE, catalog.PERM_ID_ORDER, key=rows.keys[-1])


async def _purge(run: Run) -> None:
    """The trash of this operation, and the project, in one transaction."""
    context, perm_id = run.context, run.input["permId"]
    if await ends.in_openbis(run, Kind.PROJECT, perm_id) is None:
        return
    numbers = run.results["trash"]["deletions"]
    changes = [
        *([Emptying(tuple(numbers))] if numbers else ()),
        Removal(Kind.PROJECT, (perm_id,), delete.reason(run)),
    ]
    await context.services.openbis.transact(
        context.openbis_token(), changes, context.call, in_order=True
    )


DELETE_PROJECT: Final = Workflow(
    KIND,
    (
        Step("trash", "Move what is in it to openBIS' trash", _trash, delete.untrash),
        # One transaction: refused, it has done nothing, and what is in the trash comes back.
        Step("purge", "Delete the project in openBIS", _purge, final=True),
        Step(
            "omero",
            "Delete the project in OMERO",
            delete.delete_omero_end,
            when=delete.has_omero_end,
            final=True,
        ),
        Step("link", "End the link", delete.end_link, when=delete.has_link, final=True),
    ),
    title=lambda asked: f"Delete project {asked['identifier']}",
    claims=lambda asked: (f"project {asked['permId']}",),
    outcome=lambda run: {"deletedProject": run.input["permId"]},
)
