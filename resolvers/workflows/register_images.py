"""REGISTER_IMAGES: images of samples, from OMERO or from files, with key-values and a record.

Files are looked at before the first is imported, so that a file which cannot be, or which OMERO has
elsewhere, stops it all before anything is written. Each file is a part, kept by itself. Key-values
come last and are not taken back: from then on, asking again does what is left. Here are the checks
beforehand and the order of the steps; the steps themselves are in `image_steps.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backends.errors import BackendError
from backends.sheets.faults import Fault
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.design.image_datasets import find_omero_place
from resolvers.design.project import Place, find_place
from resolvers.errors import BadInput
from resolvers.image_registration.imports import importer
from resolvers.image_registration.record import ImageRecordKind
from resolvers.image_registration.request import ImageRow
from resolvers.image_registration.targets import check_images, find_samples
from resolvers.workflows import image_steps as steps
from resolvers.workflows.definition import Json, Step, Workflow

KIND: Final = "REGISTER_IMAGES"
MOST_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class ImagesRequest:
    """What is asked for: rows of one project's samples."""

    project: str
    rows: tuple[ImageRow, ...]


@dataclass(frozen=True, slots=True)
class ImagesPreview:
    """What a registration of images would do, or all that is in the way."""

    images: int
    files: int
    samples: int
    new_image_datasets: int
    record: str
    faults: tuple[Fault, ...]


async def register_images(
    context: RequestContext,
    request: ImagesRequest,
    *,
    faults: Sequence[Fault] = (),
    key: str | None = None,
    dry_run: bool = False,
) -> tuple[ImagesPreview | None, OperationRecord | None]:
    """Register images, or only tell what that would do.

    Args:
        context: the request.
        request: the rows.
        faults: what is wrong with the table that they come from.
        key: of the caller's choice; the same one again is the same operation.
        dry_run: whether only to look.

    Raises:
        BadInput: there are no rows, or too many.
        NotFound: there is no such project.
        ClaimTaken: somebody else is registering in this project.
    """
    if not (0 < len(request.rows) <= MOST_ROWS) and not faults:
        raise BadInput(f"Give 1 to {MOST_ROWS} images.")
    place = await find_place(context, request.project)
    asked: Json = {
        "project": {"perm_id": place.perm_id, "code": place.code, "space": place.space},
        "rows": [row.to_json() for row in request.rows],
        "record": context.services.image_record,
        "system": context.services.image_system,
    }
    if not dry_run:
        known = await context.operations().known(context, KIND, asked, key)
        if known is not None:
            return None, known
    told = await _preview(context, place, request.rows, list(faults))
    if dry_run or told.faults:
        return told, None
    return told, await context.operations().submit(context, KIND, asked, key)


async def _preview(
    context: RequestContext, place: Place, rows: Sequence[ImageRow], faults: list[Fault]
) -> ImagesPreview:
    targets = await find_samples(context, place, rows, faults)
    await check_images(context, rows, faults)
    files = [row for row in rows if row.file is not None and row.series == 0]
    for row in files:
        try:
            importer(context).locate(row.file or "")
        except (BadInput, BackendError) as error:
            faults.append(Fault(row.line, "file", error.message))
    perm_ids = {target.perm_id for target in targets.values()}
    store = context.services.links
    linked = await context.ask_links("sampleLinks", store.sample_links(tuple(perm_ids)))
    new = len(perm_ids - linked.keys())
    if new and await find_omero_place(context, place) is None:
        message = f"{place.code} has no OMERO project: link one first"
        faults.append(Fault(None, "project", message))
    return ImagesPreview(
        images=sum(row.image_id is not None for row in rows),
        files=len(files),
        samples=len(perm_ids),
        new_image_datasets=new,
        record=context.services.image_record,
        faults=tuple(faults),
    )


REGISTER_IMAGES: Final = Workflow(
    KIND,
    (
        Step("prepare", "Find samples and images", steps.prepare),
        Step(
            "datasets",
            "Make datasets for samples that have none",
            steps.provide_datasets,
            steps.withdraw_datasets,
        ),
        Step(
            "look",
            "Look at the files",
            steps.look_at_file,
            parts=lambda run: len(steps.files_of(run)),
            when=lambda run: bool(steps.files_of(run)),
        ),
        Step(
            "import",
            "Import the files into OMERO",
            steps.import_file,
            steps.withdraw_files,
            parts=lambda run: len(steps.files_of(run)),
            when=lambda run: bool(steps.files_of(run)),
        ),
        Step(
            "link",
            "Put images into the datasets of their samples",
            steps.put_images,
            steps.take_images_out,
        ),
        Step("verify", "See that OMERO has them all", steps.verify_places),
        Step(
            "record",
            "Tell openBIS of the images",
            steps.record_images,
            steps.withdraw_records,
            parts=steps.record_parts,
            when=lambda run: run.input["record"] != ImageRecordKind.NONE,
        ),
        Step(
            "annotate",
            "Write key-values and tags",
            steps.annotate_images,
            parts=steps.annotation_parts,
            when=lambda run: bool(steps.annotation_parts(run)),
            final=True,
        ),
    ),
    title=lambda asked: f"Register {len(asked['rows'])} images in {asked['project']['code']}",
    claims=lambda asked: (f"project {asked['project']['perm_id']}",),
    outcome=steps.outcome_of,
)
