"""`omnibis links export` and `import`: all links with their history, as files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from api.commands.access import Access, with_access
from api.commands.output import (
    AsJson,
    Exit,
    document,
    progress,
    remark,
    stop,
    tell_json,
    tell_table,
)

if TYPE_CHECKING:
    from resolvers.context import RequestContext
from api.commands.links.group import DryRun, app, remark_documents, tell_remarks


@app.command("export")
@with_access
def export_(
    access: Access,
    file: Annotated[Path, typer.Argument(help="Where to; - is standard output.")] = Path("-"),
) -> None:
    """Write all links with their history as JSON Lines, nothing lost."""
    from resolvers.links import exchange

    async def work(context: RequestContext) -> int:
        number = 0
        with _writing(file) as out, progress() as advance:
            async with aclosing(exchange.export(context)) as lines:  # type: ignore[type-var] # it is a generator
                async for line in lines:
                    out.write(line if line.endswith(b"\n") else line + b"\n")
                    number += 1
                    advance("links", number, None)
        return number

    number = access.run(work)
    remark(f"{number - 1} links are written.")


@app.command("import")
@with_access
def import_(
    access: Access,
    file: Annotated[Path, typer.Argument(help="JSON Lines, as `export` writes them, or by hand.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in links from a file: all of it, or nothing if one line has a fault.

    A line by hand names the ends: {"kind": "SAMPLE", "openbisPermId": "…", "omeroId": 7,
    "projectPermId": "…"}. Ends with 1 when a line has a fault; each fault is told with its line.
    """
    from resolvers.links import exchange

    if not file.is_file():
        stop(f"there is no file {file}.")

    def read() -> Iterator[bytes]:
        with file.open("rb") as lines:
            yield from lines

    async def work(context: RequestContext) -> Any:
        with progress() as advance:
            return await exchange.import_(context, read, dry_run=dry_run, progress=advance)

    report, left = access.run(work)
    if as_json:
        tell_json({"dryRun": dry_run, **document(report), "remarks": remark_documents(left)})
    else:
        faults = [(one.line, one.code, one.message) for one in report.faults]
        tell_table(["line", "fault", "what"], faults)
        tell_remarks(left)
        state = "written" if report.written else "good" if not faults else "refused as a whole"
        typer.echo(
            f"{report.lines} lines {state}: {report.project_links} projects, "
            f"{report.sample_links} samples, {report.unchanged} there already."
        )
    if report.faults or left:
        raise typer.Exit(Exit.FINDINGS)


@contextmanager
def _writing(file: Path) -> Iterator[BinaryIO]:
    """The file to write to, or standard output."""
    if file == Path("-"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with file.open("wb") as out:
            yield out
    except OSError:
        stop(f"{file} cannot be written.")
