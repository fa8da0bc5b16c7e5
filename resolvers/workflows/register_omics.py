"""REGISTER_OMICS: omics data sets as metadata in openBIS, with what they came from.

The rows are checked before the request is accepted and once more when its turn comes; then they are
written a thousand a transaction. What was written is taken back when a later part is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backends.openbis.client import Get
from backends.openbis.write import Removal
from backends.records import Kind
from backends.sheets.faults import Fault
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.design.project import Place, find_place
from resolvers.errors import BadInput
from resolvers.image_registration.request import ImageRow
from resolvers.image_registration.targets import find_samples
from resolvers.omics_registration.registration import OmicsTask, check, parts, write_part
from resolvers.omics_registration.request import OmicsRow
from resolvers.workflows.definition import Json, Run, Step, Workflow

KIND: Final = "REGISTER_OMICS"
MOST_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class OmicsRequest:
    """What is asked for: data sets of one project's samples."""

    project: str
    rows: tuple[OmicsRow, ...]


@dataclass(frozen=True, slots=True)
class OmicsPreview:
    """What a registration of data sets would do, or all that is in the way."""

    omics_datasets: int
    samples: int
    transactions: int
    faults: tuple[Fault, ...]


async def register_omics(
    context: RequestContext,
    request: OmicsRequest,
    *,
    faults: Sequence[Fault] = (),
    key: str | None = None,
    dry_run: bool = False,
) -> tuple[OmicsPreview | None, OperationRecord | None]:
    """Register omics data sets, or only tell what that would do.

    Raises:
        BadInput: there are no rows, or too many.
        NotFound: there is no such project.
        ClaimTaken: somebody else is registering in this project.
    """
    if not (0 < len(request.rows) <= MOST_ROWS) and not faults:
        raise BadInput(f"Give 1 to {MOST_ROWS} data sets.")
    place = await find_place(context, request.project)
    asked: Json = {
        "project": {"perm_id": place.perm_id, "code": place.code, "space": place.space},
        "rows": [row.to_json() for row in request.rows],
    }
    if not dry_run:
        known = await context.operations().known(context, KIND, asked, key)
        if known is not None:
            return None, known
    told = list(faults)
    tasks = await _checked(context, place, request.rows, "PREVIEW", told)
    preview = OmicsPreview(
        len(request.rows), len({task.sample for task in tasks}), parts(len(tasks)), tuple(told)
    )
    if dry_run or told:
        return preview, None
    return preview, await context.operations().submit(context, KIND, asked, key)


async def _checked(
    context: RequestContext,
    place: Place,
    rows: Sequence[OmicsRow],
    key: str,
    faults: list[Fault],
) -> tuple[OmicsTask, ...]:
    named = [ImageRow(row.sample, line=row.line) for row in rows]
    targets = await find_samples(context, place, named, faults)
    return await check(context, rows, targets, key, faults)


async def _prepare(run: Run) -> Json:
    rows = [OmicsRow.from_json(row) for row in run.input["rows"]]
    faults: list[Fault] = []
    tasks = await _checked(run.context, Place(**run.input["project"]), rows, run.id, faults)
    if faults:
        raise BadInput(f"The rows have {len(faults)} faults by now. {faults[0]}.")
    return {"tasks": [task.to_json() for task in tasks]}


def _tasks(run: Run) -> list[OmicsTask]:
    return [OmicsTask.from_json(task) for task in run.results["prepare"]["tasks"]]


async def _write(run: Run) -> Json:
    return {"dataSets": list(await write_part(run.context, _tasks(run), run.part))}


async def _withdraw(run: Run) -> None:
    """Move to the trash what there is of them; children go before their parents, all at once."""
    codes = tuple(task.code for task in _tasks(run))
    (found,) = await run.context.services.openbis.execute(
        run.context.openbis_token(), [Get(Kind.OMICS_DATASET, codes)], run.context.call
    )
    if found:
        gone = Removal(Kind.OMICS_DATASET, tuple(found), f"omnibis: operation {run.id} was undone")
        await run.context.services.openbis.transact(
            run.context.openbis_token(), [gone], run.context.call
        )


def _outcome(run: Run) -> Json:
    made = [code for part in run.results.get("dataSets") or () for code in part["dataSets"]]
    return {
        "project": run.input["project"]["perm_id"],
        "omicsDatasets": made,
        "counts": {"omicsDatasets": len(made)},
    }


REGISTER_OMICS: Final = Workflow(
    KIND,
    (
        Step("prepare", "Check the data sets", _prepare),
        Step(
            "dataSets",
            "Register the data sets in openBIS",
            _write,
            _withdraw,
            parts=lambda run: parts(len(_tasks(run))),
        ),
    ),
    title=lambda asked: (
        f"Register {len(asked['rows'])} omics data sets in {asked['project']['code']}"
    ),
    claims=lambda asked: (f"project {asked['project']['perm_id']}",),
    outcome=_outcome,
)
