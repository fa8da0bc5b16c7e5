"""`omnibis register`: projects, designs, images and omics data sets, from the command line.

Each command reads what it is given, tells what it would do (`--dry-run` ends there), registers as a
durable operation, and shows how far it is until it has ended. An interrupted command can be given
again with the same `--key`: it goes on where the operation stands. It ends with 0 when all is done,
1 when something is wrong with what was handed in, or the operation failed, and 2 when it cannot be
done.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from api.commands.access import Access, with_access
from api.commands.output import AsJson, Exit, progress, remark, stop, tell_json, tell_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backends.sheets.faults import Fault
    from link_store.operation_records import OperationRecord
    from resolvers.context import RequestContext
    from resolvers.design.preparation import SheetSource

app = typer.Typer(help="Register in both systems, durably.", no_args_is_help=True)

DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Only tell what it would do.")]
Key: TypeAlias = Annotated[
    str | None,
    typer.Option(help="A key of your choice: the same command with it again is done once."),
]
ProjectArgument: TypeAlias = Annotated[
    str, typer.Argument(help="The project's identifier, permId or code.")
]
Sheet: TypeAlias = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, help="The table, CSV or TSV by its name.")
]
Mapping: TypeAlias = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A mapping in TOML; see examples/."),
]
LARGEST_SHEET = 16_000_001  # bytes that are read at most; one more than is allowed


@dataclass(frozen=True, slots=True)
class _Done:
    """What a command has to tell: what it looked like beforehand, and what became of it."""

    preview: Any
    operation: OperationRecord | None


@app.callback()
def _group() -> None:
    pass


@app.command()
@with_access
def project(
    access: Access,
    space: Annotated[str, typer.Argument(help="The code of the openBIS space.")],
    code: Annotated[str, typer.Argument(help="The project's code.")],
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    imaging: Annotated[
        bool, typer.Option(help="Whether it gets an OMERO project too, linked with it.")
    ] = True,
    image_group: Annotated[
        int | None, typer.Option(help="The OMERO group for its images; else your own.")
    ] = None,
    dry_run: DryRun = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Register a project in openBIS and, with imaging, in OMERO, linked."""
    from resolvers.workflows.create_project import NewProjectRequest, create_project

    async def work(context: RequestContext) -> _Done:
        request = NewProjectRequest(
            space, code, description, imaging=imaging, image_group=image_group
        )
        record = await create_project(context, request, key=key, dry_run=dry_run)
        return _Done(None, await _followed(context, record))

    _tell(access.run(work), as_json=as_json, dry_run=dry_run)


@app.command()
@with_access
def design(
    access: Access,
    project: ProjectArgument,
    sheet: Sheet,
    mapping: Mapping = None,
    image_datasets: Annotated[
        list[str] | None,
        typer.Option(help="A level whose samples get a dataset in OMERO: biological sample, …"),
    ] = None,
    create_missing: Annotated[
        bool,
        typer.Option(
            "--create-missing", help="Add master data that the mapping brings along, if you may."
        ),
    ] = False,
    dry_run: DryRun = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Register the samples of a sheet, with codes, parents and factors."""
    from resolvers.design.levels import level_of
    from resolvers.workflows.register_design import DesignRequest, register_design

    levels = []
    for each in image_datasets or ():
        level = level_of(each)
        if level is None:
            stop(f"{each!r} is no level: entity, biological sample or test sample.")
        levels.append(level)
    source = _source(sheet, mapping)

    async def work(context: RequestContext) -> _Done:
        request = DesignRequest(project, source, frozenset(levels), create_missing=create_missing)
        preview, record = await register_design(context, request, key=key, dry_run=dry_run)
        return _Done(preview, await _followed(context, record))

    done = access.run(work)
    preview = done.preview
    if preview is not None and not as_json:
        rows = [(each.type, each.count, each.experiment or "") for each in preview.counts]
        tell_table(["type", "samples", "experiment"], rows)
        for term in preview.missing:
            near = ", ".join(label or code for code, label in term.nearest)
            remark(f"{term.value!r} is no term of {term.vocabulary}; nearest: {near or 'none'}")
    told = None if preview is None else _design_preview(preview)
    _tell(done, as_json=as_json, dry_run=dry_run, preview=told)


@app.command()
@with_access
def images(
    access: Access,
    project: ProjectArgument,
    sheet: Sheet,
    mapping: Mapping = None,
    dry_run: DryRun = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Register the images that a table lists: ids of OMERO, or files below the import folder."""
    from resolvers.image_registration.source import read_images
    from resolvers.workflows.register_images import ImagesRequest, register_images

    source = _source(sheet, mapping)

    async def work(context: RequestContext) -> _Done:
        faults: list[Fault] = []
        rows = read_images(source, faults)
        preview, record = await register_images(
            context, ImagesRequest(project, rows), faults=faults, key=key, dry_run=dry_run
        )
        return _Done(preview, await _followed(context, record))

    done = access.run(work)
    if done.preview is not None and not as_json:
        seen = done.preview
        tell_table(
            ["images", "files", "samples", "new datasets", "record"],
            [(seen.images, seen.files, seen.samples, seen.new_image_datasets, seen.record)],
        )
    _tell(done, as_json=as_json, dry_run=dry_run)


@app.command()
@with_access
def omics(
    access: Access,
    project: ProjectArgument,
    sheet: Sheet,
    mapping: Mapping = None,
    dry_run: DryRun = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Register the omics data sets that a table lists, as metadata with their lineage."""
    from resolvers.omics_registration.source import read_omics
    from resolvers.workflows.register_omics import OmicsRequest, register_omics

    source = _source(sheet, mapping)

    async def work(context: RequestContext) -> _Done:
        faults: list[Fault] = []
        rows = read_omics(source, faults)
        preview, record = await register_omics(
            context, OmicsRequest(project, rows), faults=faults, key=key, dry_run=dry_run
        )
        return _Done(preview, await _followed(context, record))

    done = access.run(work)
    if done.preview is not None and not as_json:
        seen = done.preview
        tell_table(
            ["data sets", "samples", "transactions"],
            [(seen.omics_datasets, seen.samples, seen.transactions)],
        )
    _tell(done, as_json=as_json, dry_run=dry_run)


def _source(sheet: Path, mapping: Path | None) -> SheetSource:
    from backends.sheets.table import delimiter_of
    from resolvers.design.preparation import SheetSource

    try:
        with sheet.open("rb") as file:
            data = file.read(LARGEST_SHEET)
        text = None if mapping is None else mapping.read_text(encoding="utf-8-sig")
    except OSError as error:
        stop(f"{error.filename} cannot be read: {error.strerror}.")
    except UnicodeDecodeError:
        stop("the mapping is not UTF-8: save it as UTF-8.")
    return SheetSource(data, delimiter_of(sheet.name), text)


async def _followed(
    context: RequestContext, record: OperationRecord | None
) -> OperationRecord | None:
    """Watch an operation to its end, with a bar for each of its steps.

    One that was interrupted had the sessions of that command; it gets those of this one, once.
    """
    if record is None:
        return None
    operations, resumed = context.operations(), False
    with progress() as advance:
        async for record in operations.watch(context, record.id):  # noqa: B020, PLR1704 - the same one, later
            if record.message:
                advance(record.message, record.done or 0, record.total)
            if record.state.value == "NEEDS_LOGIN":
                if resumed:
                    break
                resumed = True
                await operations.resume(context, record.id)
    return record


def _tell(done: _Done, *, as_json: bool, dry_run: bool, preview: Any = None) -> None:
    """Print what became of it, and end with what scripts go by."""
    faults = _faults(done.preview)
    record = done.operation
    if as_json:
        tell_json(_document(done, preview))
    else:
        tell_table(
            ["line", "column", "fault"],
            [(each.line or "", each.column or "", each.message) for each in faults],
        )
        if record is not None:
            counts = (record.outcome or {}).get("counts") or {}
            tell_table(["what", "count"], counts.items())
            remark(f"{record.title}: {record.state.value.lower()} (operation {record.id}).")
            if record.error:
                remark(str(record.error.get("message")))
            for left in (record.outcome or {}).get("left") or ():
                remark(left)
        elif dry_run and not faults:
            remark("nothing was written; leave --dry-run out to do it.")
    if faults or (record is not None and record.state.value != "SUCCEEDED"):
        raise typer.Exit(Exit.FINDINGS)


def _faults(preview: Any) -> Sequence[Fault]:
    """The faults in the order of the sheet, where somebody mends them from top to bottom."""
    faults: Sequence[Fault] = getattr(preview, "faults", ())
    return sorted(faults, key=lambda fault: (fault.line or 0, fault.column or ""))


def _document(done: _Done, preview: Any) -> dict[str, Any]:
    record = done.operation
    seen = preview
    if seen is None and done.preview is not None:
        seen = asdict(done.preview)
        seen["faults"] = [fault._asdict() for fault in _faults(done.preview)]
    return {
        "preview": seen,
        "operation": None
        if record is None
        else {
            "id": record.id,
            "kind": record.kind,
            "state": record.state.value,
            "outcome": record.outcome,
            "error": record.error,
        },
    }


def _design_preview(preview: Any) -> dict[str, Any]:
    return {
        "counts": [asdict(each) for each in preview.counts],
        "samples": [
            {
                "code": each.code,
                "name": each.sample.name,
                "type": each.sample.type_code,
                "parents": list(each.parents),
            }
            for each in preview.samples
        ],
        "transactions": preview.transactions,
        "imageDatasets": preview.image_datasets,
        "missingTerms": [asdict(each) for each in preview.missing],
        "faults": [fault._asdict() for fault in _faults(preview)],
    }
