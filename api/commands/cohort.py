"""`omnibis cohort`: cohorts from the command line: count, freeze, split, export, verify, diff.

Each command opens the systems as a user (`access.py`), calls `resolvers/cohorts`, and tells the
result as a table or as JSON. A filter is written as in a query, or as JSON, and checked as the API
checks it. Unlike a request, a command has no deadline, so that large cohorts can be frozen here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from api.commands.access import Access, with_access
from api.commands.files import write_whole
from api.commands.output import AsJson, Exit, remark, stop, tell_json, tell_table

if TYPE_CHECKING:
    from link_store.snapshot_records import SnapshotRecord
    from resolvers.cohorts.changes import Comparison, Verification
    from resolvers.cohorts.division import Split
    from resolvers.cohorts.predicates import Question
    from resolvers.cohorts.snapshots import Freezing
    from resolvers.cohorts.splits import SplitPlan
    from resolvers.context import RequestContext

app = typer.Typer(help="Cohorts across openBIS and OMERO.", no_args_is_help=True)

FILE_MARK: Final = "@"
Where: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="The filter as in a query, such as '{project: {code: {eq: \"QCLIN\"}}}', or as JSON; "
        "@FILE reads it from a file, - from standard input."
    ),
]
UnitOption: TypeAlias = Annotated[
    str, typer.Option("--unit", help="What the cohort is made of: SUBJECT or SAMPLE.")
]
Number: TypeAlias = Annotated[int, typer.Argument(help="The snapshot's number, as `list` has it.")]
Parts: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--part", help="A part and its fraction, such as train:0.8; once for each."),
]
Salt: TypeAlias = Annotated[str, typer.Option(help="Another salt, another division.")]
StratifyBy: TypeAlias = Annotated[
    str | None, typer.Option(help="A property of the subjects whose values are divided alike.")
]
Together: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="What keeps subjects in one part, once for each: POOLED_SAMPLE, SHARED_IMAGE, "
        "SHARED_FILESET (these if not given), SHARED_ANCESTOR; or NOTHING."
    ),
]


@app.command()
@with_access
def count(
    access: Access, where: Where, unit: UnitOption = "SUBJECT", as_json: AsJson = False
) -> None:
    """Count the members of a cohort; ends with 1 when a system did not answer."""
    from resolvers.cohorts.evaluation import evaluate

    question = _question(where, unit)

    async def work(context: RequestContext) -> Any:
        return await evaluate(context, question.unit, question.where)

    answer = access.run(work)
    complete = answer.completeness.complete
    if as_json:
        tell_json(
            {
                "members": len(answer.member_ids),
                "complete": complete,
                "atMost": answer.completeness.at_most,
            }
        )
    else:
        typer.echo(len(answer.member_ids))
    if not complete:
        for gap in answer.completeness.gaps:
            remark(f"incomplete: {gap.clause} could not be decided. {gap.failure.message}")
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@with_access
def freeze(
    access: Access,
    where: Where,
    name: Annotated[str, typer.Option(help="What people call it.")],
    unit: UnitOption = "SUBJECT",
    description: Annotated[str, typer.Option(help="Whatever else is to be known.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read it all, tell the numbers, keep nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Freeze a cohort for good: its members, what belongs to them, and their values."""
    from resolvers.cohorts import snapshots

    question = _question(where, unit)

    async def work(context: RequestContext) -> Freezing:
        return await snapshots.freeze(context, question, name, description, dry_run=dry_run)

    done = access.run(work)
    record = done.snapshot
    if as_json:
        made = None if record is None else _as_json(record)
        tell_json({"members": done.members, "rows": done.rows, "snapshot": made})
    elif record is None:
        typer.echo(f"{done.members} members with {done.rows} images and omics datasets")
    else:
        tell_table(_COLUMNS, [_cells(record)])


@app.command("list")
@with_access
def list_(
    access: Access,
    name: Annotated[str | None, typer.Option(help="Only those of exactly this name.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the cohorts that you have frozen, newest first."""
    from resolvers.cohorts import snapshots

    async def work(context: RequestContext) -> list[SnapshotRecord]:
        found: list[SnapshotRecord] = []
        key = None
        while True:
            page = await snapshots.list_own(context, limit=500, name=name, key=key)
            found.extend(page.items)
            if not page.has_more:
                return found
            key = page.items[-1].id

    found = access.run(work)
    if as_json:
        tell_json([_as_json(record) for record in found])
    else:
        tell_table(_COLUMNS, map(_cells, found))


@app.command()
@with_access
def export(
    access: Access,
    number: Number,
    to: Annotated[
        Path, typer.Option(help="A folder to write to; the file has its format's name there.")
    ] = Path(),
    format: Annotated[  # noqa: A002 - the option's name
        str,
        typer.Option(help="parquet, csv, json_lines, croissant (with its Parquet), ro_crate."),
    ] = "parquet",
    part: Parts = None,
    salt: Salt = "",
    stratify_by: StratifyBy = None,
    together: Together = None,
    as_json: AsJson = False,
) -> None:
    """Write a frozen cohort to a file, with its split as a column if parts are given."""
    from resolvers.cohorts import division, snapshots, visibility
    from resolvers.cohorts.shelf import FORMATS, ExportFormat

    wanted = _one_of(ExportFormat, format, "--format")
    formats = [wanted]
    if wanted is ExportFormat.CROISSANT:  # it describes the file beside it
        formats.insert(0, ExportFormat.PARQUET)
    plan = _plan(part, salt, stratify_by, together)
    if not to.is_dir():
        stop(f"there is no folder {to}; make it, or name another with --to.")

    async def work(context: RequestContext) -> list[dict[str, Any]]:
        record = await visibility.readable(context, number)
        await visibility.require_whole(context, record)
        split = None if plan is None else await division.divide(context, record, plan)
        written = []
        for each in formats:
            shelf = context.services.shelf
            stored = await shelf.export(
                snapshots.frozen_of(record), each, None if split is None else split.division
            )
            path = to / FORMATS[each].file
            blocks = context.services.shelf.blocks(stored.path, 0, stored.size)
            await write_whole(path, blocks)
            written.append({"file": str(path), "bytes": stored.size, "sha256": stored.sha256})
        return written

    written = access.run(work)
    if as_json:
        tell_json(written)
    else:
        tell_table(["file", "bytes", "sha256"], [tuple(each.values()) for each in written])


@app.command()
@with_access
def verify(access: Access, number: Number, as_json: AsJson = False) -> None:
    """Take the digests of a snapshot again; ends with 1 when it is not as it was written."""
    from resolvers.cohorts import comparison, visibility

    async def work(context: RequestContext) -> tuple[SnapshotRecord, Verification]:
        record = await visibility.readable(context, number)
        return record, await comparison.verify(context, record)

    record, found = access.run(work)
    states = {"members": found.members_intact, "rows": found.rows_intact}
    if as_json:
        tell_json({"digest": record.digest, "intact": found.intact, **states})
    else:
        words = {True: "as frozen", False: "NOT as frozen"}
        tell_table(["what", "state"], [(what, words[state]) for what, state in states.items()])
    if not found.intact:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@with_access
def diff(access: Access, number: Number, as_json: AsJson = False) -> None:
    """Ask a snapshot's question again and say what has changed and why; ends with 1 if so."""
    from resolvers.cohorts import comparison, visibility

    async def work(context: RequestContext) -> Comparison:
        record = await visibility.readable(context, number)
        return await comparison.compare(context, record)

    found = access.run(work)
    if as_json:
        tell_json(found)
    else:
        tell_table(
            ["what", "id", "member", "event", "reason", "column", "before", "after"],
            [
                (c.kind, c.id, c.member, c.event, c.reason, c.column, c.before, c.after)
                for c in found.changes
            ],
        )
        if (more := sum(found.counts.values()) - len(found.changes)) > 0:
            remark(f"{more} further changes are not shown.")
    if not found.unchanged:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@with_access
def split(
    access: Access,
    number: Number,
    part: Parts = None,
    salt: Salt = "",
    stratify_by: StratifyBy = None,
    together: Together = None,
    as_json: AsJson = False,
) -> None:
    """Divide a frozen cohort by subject, and tell what leaks; ends with 1 when something does.

    With --json, the part of each member is told, too.
    """
    from resolvers.cohorts import division, visibility

    plan = _plan(part, salt, stratify_by, together)
    if plan is None:
        stop("give the parts: --part train:0.8 --part validation:0.1 --part test:0.1.")

    async def work(context: RequestContext) -> Split:
        record = await visibility.readable(context, number)
        return await division.divide(context, record, plan)

    found = access.run(work)
    if as_json:
        tell_json(
            {"parts": found.parts, "leakage": found.leakage, "assigned": dict(found.assigned)}
        )
    else:
        tell_table(
            ["part", "fraction", "subjects", "members", "rows"],
            [(p.name, p.fraction, p.subjects, p.members, p.rows) for p in found.parts],
        )
        tell_table(
            ["leak", "through", "subjects", "parts"],
            [
                (leak.bond, leak.through, ", ".join(leak.subjects), ", ".join(leak.parts))
                for leak in found.leakage.leaks
            ],
        )
    if not found.leakage.clean:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@with_access
def delete(
    access: Access,
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a frozen cohort with its rows and exports; its author or an administrator may."""
    from resolvers.cohorts import snapshots, visibility

    if not yes:
        if not sys.stdin.isatty():
            stop("this cannot be undone: give --yes.")
        typer.confirm(f"Delete snapshot {number} for good?", abort=True, err=True)

    async def work(context: RequestContext) -> SnapshotRecord:
        record = await visibility.readable(context, number)
        return await snapshots.delete(context, record)

    access.run(work)
    typer.echo(f"Snapshot {number} is deleted.")


_COLUMNS: Final = ("number", "name", "created", "members", "rows", "links", "digest")


def _cells(record: SnapshotRecord) -> tuple[object, ...]:
    return tuple(_as_json(record)[name] for name in _COLUMNS)


def _as_json(record: SnapshotRecord) -> dict[str, Any]:
    from resolvers.cohorts import snapshots

    return {
        "number": record.id,
        "name": record.name,
        "description": record.description,
        "unit": record.unit.value,
        "question": record.predicate,
        "created": record.created_at.isoformat(timespec="seconds"),
        "author": record.author,
        "members": record.member_count,
        "rows": snapshots.manifest_of(record).rows,
        "links": record.link_revision,
        "versions": snapshots.versions_of(record),
        "digest": record.digest,
    }


def _question(where: str, unit: str) -> Question:
    from api.predicate_text import read_filter
    from resolvers.cohorts.predicates import Unit
    from resolvers.errors import BadInput

    text = where
    try:
        if where == "-":
            text = sys.stdin.read()
        elif where.startswith(FILE_MARK):
            text = Path(where.removeprefix(FILE_MARK)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        stop(f"the filter's file cannot be read: {where.removeprefix(FILE_MARK)}")
    try:
        return read_filter(text, _one_of(Unit, unit, "--unit"))
    except BadInput as error:
        stop(error.message)


def _plan(
    parts: list[str] | None, salt: str, stratify_by: str | None, together: list[str] | None
) -> SplitPlan | None:
    from api.split_query import read_plan
    from resolvers.errors import BadInput

    given = {
        "split": ",".join(parts) if parts else None,
        "salt": salt or None,
        "stratifyBy": stratify_by,
        "together": ",".join(together) if together else None,
    }
    try:
        return read_plan({name: value for name, value in given.items() if value is not None})
    except BadInput as error:
        stop(error.message)


def _one_of(kind: Any, text: str, option: str) -> Any:
    try:
        return kind(text.upper().replace("-", "_"))
    except ValueError:
        stop(f"{option} takes {', '.join(each.value for each in kind)}, not {text}.")
