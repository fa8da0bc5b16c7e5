"""REGISTER_DESIGN: samples of all levels in openBIS, their design, and datasets in OMERO for some.

The design is prepared once more when its turn comes, since master data may have changed; then it is
written a thousand rows a transaction, and the datasets follow. What was asked for is kept as it was
handed in, so that the same request is the same operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backends.errors import AccessDenied, ProtocolError, Source
from backends.records import Kind
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.design.image_datasets import (
    OmeroPlace,
    SampleEnd,
    ensure_image_datasets,
    find_omero_place,
)
from resolvers.design.journal import (
    additions_from_json,
    additions_to_json,
    draft_from_json,
    draft_to_json,
    source_from_json,
    source_to_json,
)
from resolvers.design.levels import Level
from resolvers.design.preparation import Preparation, prepare
from resolvers.design.preparation import Source as DesignSource
from resolvers.design.preview import DesignPreview, preview
from resolvers.design.project import Place, find_place
from resolvers.design.registration import Registration, Written, write_part
from resolvers.design.withdrawal import withdraw
from resolvers.errors import BadInput
from resolvers.workflows.datasets import forget_datasets
from resolvers.workflows.definition import Json, Run, Step, Workflow

KIND: Final = "REGISTER_DESIGN"
DATASETS_AT_ONCE: Final = 250
TOLD: Final = 5  # faults in one sentence


@dataclass(frozen=True, slots=True)
class DesignRequest:
    """What is asked for.

    Attributes:
        project: an identifier, permId or code.
        source: factors, or a sheet.
        image_levels: the levels whose samples get a dataset in OMERO.
        create_missing: whether master data that a mapping brings along is added.
    """

    project: str
    source: DesignSource
    image_levels: frozenset[Level] = frozenset()
    create_missing: bool = False


async def register_design(
    context: RequestContext,
    request: DesignRequest,
    *,
    key: str | None = None,
    dry_run: bool = False,
) -> tuple[DesignPreview | None, OperationRecord | None]:
    """Register a design, or only tell what that would do.

    Returns:
        The preview (none when the same request was accepted before), and the operation: none for a
        dry run, and none for a design that has faults, which the preview tells.

    Raises:
        BadInput: the design cannot be what it is.
        AccessDenied: the viewer may not write there.
        NotFound: there is no such project.
        ClaimTaken: somebody else is registering in this project.
    """
    place = await find_place(context, request.project)
    asked: Json = {
        "project": {"perm_id": place.perm_id, "code": place.code, "space": place.space},
        "source": source_to_json(request.source),
        "image_levels": sorted(level.value for level in request.image_levels),
        "create_missing": request.create_missing,
    }
    if not dry_run:
        known = await context.operations().known(context, KIND, asked, key)
        if known is not None:
            return None, known
    preparation = await prepare(
        context, place, request.source, create_missing=request.create_missing
    )
    told = await preview(context, place, preparation, request.image_levels)
    await _check_rights(context, place, told.image_datasets)
    if dry_run or told.faults:
        return told, None
    return told, await context.operations().submit(context, KIND, asked, key)


async def _check_rights(context: RequestContext, place: Place, datasets: int) -> None:
    """See that the viewer may write in both systems, before the first write."""
    if datasets and await find_omero_place(context, place) is None:
        raise BadInput(
            f"{place.code} has no OMERO project: link one, or ask for no image datasets."
        )
    try:
        allowed = await context.services.openbis.creatable(
            context.openbis_token(), Kind.SAMPLE, [f"/{place.space}/{place.code}000"], context.call
        )
    except ProtocolError:
        return  # an openBIS that cannot be asked says so at the first write
    if not allowed:
        raise AccessDenied(Source.OPENBIS, f"You may not register samples in {place.space}.")


# --- the steps ----------------------------------------------------------------------------------


def _place(run: Run) -> Place:
    return Place(**run.input["project"])


def _registration(run: Run) -> Registration:
    draft = draft_from_json(run.results["prepare"]["draft"])
    return Registration(run.id, _place(run), draft)


async def _prepared(run: Run) -> Preparation:
    prepared = await prepare(
        run.context,
        _place(run),
        source_from_json(run.input["source"]),
        create_missing=run.input["create_missing"],
    )
    if prepared.faults:
        told = " ".join(f"{fault}." for fault in prepared.faults[:TOLD])
        raise BadInput(f"The design has {len(prepared.faults)} faults by now. {told}")
    return prepared


async def _prepare(run: Run) -> Json:
    prepared = await _prepared(run)
    return {
        "draft": draft_to_json(prepared.draft),
        "additions": additions_to_json(prepared.additions) if prepared.additions else None,
    }


async def _extend(run: Run) -> Json:
    """What is missing still, for it may have been added by an attempt before this."""
    additions = additions_from_json(run.results["prepare"]["additions"])
    if run.again:
        additions = (await _prepared(run)).additions
    if additions:
        await run.context.services.openbis.extend_masterdata(
            run.context.openbis_token(), additions, run.context.call
        )
    return {}


def _parts(run: Run) -> int:
    return len(_registration(run).parts())


def _written(run: Run) -> Written:
    """What the parts that are kept have written, together."""
    parts = [Written.from_json(part) for part in run.results.get("samples") or ()]
    return Written(
        {key: code for part in parts for key, code in part.codes.items()},
        {key: perm_id for part in parts for key, perm_id in part.perm_ids.items()},
        {level: code for part in parts for level, code in part.experiments.items()},
    )


async def _write(run: Run) -> Json:
    before = _written(run)
    after = await write_part(run.context, _registration(run), run.part, before)
    return Written(
        {key: code for key, code in after.codes.items() if key not in before.codes},
        {key: each for key, each in after.perm_ids.items() if key not in before.perm_ids},
        after.experiments if run.part == 0 else {},
    ).to_json()


async def _withdraw(run: Run) -> None:
    await withdraw(run.context, _registration(run), f"omnibis: operation {run.id} was undone")


def _imaged(run: Run) -> list[SampleEnd]:
    levels = {Level(each) for each in run.input["image_levels"]}
    written = _written(run)
    draft = draft_from_json(run.results["prepare"]["draft"])
    return [
        SampleEnd(written.perm_ids[each.key], written.codes[each.key], each.name)
        for each in draft.samples
        if each.level in levels
    ]


def _dataset_parts(run: Run) -> int:
    return -(-len(_imaged(run)) // DATASETS_AT_ONCE)


async def _omero_place(run: Run) -> OmeroPlace:
    place = await find_omero_place(run.context, _place(run))
    if place is None:
        raise BadInput(f"{_place(run).code} has no OMERO project any more: link one, and repeat.")
    return place


async def _make_datasets(run: Run) -> Json:
    start = run.part * DATASETS_AT_ONCE
    part = _imaged(run)[start : start + DATASETS_AT_ONCE]
    made = await ensure_image_datasets(run.context, _place(run), await _omero_place(run), part)
    return {"datasets": made}


async def _forget_datasets(run: Run) -> None:
    await forget_datasets(run, [each.perm_id for each in _imaged(run)])


def _outcome(run: Run) -> Json:
    written = _written(run)
    datasets = sum(len(part["datasets"]) for part in run.results.get("datasets") or ())
    return {
        "project": run.input["project"]["perm_id"],
        "samples": list(written.perm_ids.values()),
        "codes": list(written.codes.values()),
        "counts": {
            "samples": len(written.perm_ids),
            "experiments": len(written.experiments),
            "imageDatasets": datasets,
        },
    }


def _title(asked: Json) -> str:
    kind = "from a sheet" if "sheet" in asked["source"] else "of factors"
    return f"Register a design {kind} in {asked['project']['code']}"


REGISTER_DESIGN: Final = Workflow(
    KIND,
    (
        Step("prepare", "Check the design", _prepare),
        Step(
            "masterdata",
            "Add what is missing to the master data",
            _extend,
            when=lambda run: run.results["prepare"]["additions"] is not None,
        ),
        Step("samples", "Register the samples in openBIS", _write, _withdraw, parts=_parts),
        Step(
            "datasets",
            "Make datasets in OMERO and link them",
            _make_datasets,
            _forget_datasets,
            parts=_dataset_parts,
            when=lambda run: bool(run.input["image_levels"]),
        ),
    ),
    title=_title,
    claims=lambda asked: (f"project {asked['project']['perm_id']}",),
    outcome=_outcome,
)
