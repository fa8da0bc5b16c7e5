"""DELETE_SAMPLE: a sample to openBIS' trash, with its data sets; its OMERO dataset; their link."""

from __future__ import annotations

from typing import Final

from backends.fetch import Fetch
from backends.records import ImagingKind, Kind
from link_store.operation_records import OperationRecord
from link_store.records import LinkKind
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.workflows import delete, rights
from resolvers.workflows.definition import Json, Run, Step, Workflow
from resolvers.workflows.delete import DeletionPolicy

KIND: Final = "DELETE_SAMPLE"
BELOW: Final = Fetch.of(children=Fetch(), omics_datasets=Fetch())


async def delete_sample(
    context: RequestContext,
    sample: str,
    policy: DeletionPolicy = DeletionPolicy.RESTRICT,
    *,
    confirm: str | None = None,
    key: str | None = None,
    dry_run: bool = False,
) -> OperationRecord | None:
    """Delete a sample at both ends, or at the openBIS end only; see `delete_project`.

    Raises:
        BadInput: the policy does not allow it, or other samples derive from this one.
        NotFound: there is no such sample, or the viewer may not see it.
        AccessDenied: the viewer may not delete one of the ends.
    """
    operations = context.operations()
    request: Json = {"sample": sample.strip().upper(), "policy": policy, "confirm": confirm}
    known = await operations.known(context, KIND, request, key)
    if known is not None:
        return known
    found = await catalog.get(context, Kind.SAMPLE, sample, BELOW)
    await rights.require(context, "DELETE", Kind.SAMPLE, found.perm_id)
    if found.children:
        raise BadInput(
            f"{len(found.children)} samples derive from this one, which would lose where they come "
            "from; delete them first."
        )
    link = (await context.services.links.sample_links([found.perm_id])).get(found.perm_id)
    counts = {"omicsDatasets": len(found.omics_datasets or ())}
    if link is not None:
        counts["images"] = await delete.count_images(
            context, ImagingKind.IMAGE_DATASET, link.omero_id
        )
    delete.check_policy(policy, found.code, confirm, counts)
    end = None
    if link is not None and policy is not DeletionPolicy.UNLINK:
        end = await delete.omero_end(
            context,
            ImagingKind.IMAGE_DATASET,
            link.omero_id,
            with_children=policy is DeletionPolicy.CASCADE,
        )
    asked = {
        "request": request,
        "permId": found.perm_id,
        "identifier": found.identifier,
        "link": None if link is None else {"kind": LinkKind.SAMPLE, "id": link.id},
        "omero": end,
    }
    return None if dry_run else await operations.submit(context, KIND, asked, key)


async def _trash(run: Run) -> Json:
    return await delete.trash(run, [(Kind.SAMPLE, [run.input["permId"]])])


DELETE_SAMPLE: Final = Workflow(
    KIND,
    (
        Step("trash", "Move the sample to openBIS' trash", _trash, delete.untrash),
        # Refused, it has done nothing, and the sample comes back from the trash.
        Step(
            "omero",
            "Delete the dataset in OMERO",
            delete.delete_omero_end,
            when=delete.has_omero_end,
            final=True,
        ),
        Step("link", "End the link", delete.end_link, when=delete.has_link, final=True),
    ),
    title=lambda asked: f"Delete sample {asked['identifier']}",
    claims=lambda asked: (f"sample {asked['permId']}",),
    outcome=lambda run: {"deletedSample": run.input["permId"]},
)
