"""`omnibis links`: the links between the systems, from the command line.

Each command opens the systems as a user (`access.py`), calls `resolvers/links`, and tells the
result as a table or as JSON. Commands that write have `--dry-run`. They end with 0 when all is well
or done, with 1 when something was found or refused, and with 2 when they could not do their work.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from api.commands.access import Access, with_access
from api.commands.output import (
    AsJson,
    Exit,
    document,
    printable,
    progress,
    remark,
    stop,
    tell_json,
    tell_line,
    tell_table,
)

if TYPE_CHECKING:
    from backends.records import ProjectRecord
    from link_store.findings import FindingKind, LinkFinding
    from link_store.records import LinkRecord
    from resolvers.context import RequestContext
    from resolvers.links import Discovered, Outcome, Rebuilt, Remark, Repaired

app = typer.Typer(help="The links between openBIS and OMERO.", no_args_is_help=True)

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, tell the outcome, write nothing.")
]
Sample = Annotated[str | None, typer.Option(help="The sample's permId or identifier.")]
Project = Annotated[str | None, typer.Option(help="The project's permId or identifier.")]
ImageDataset = Annotated[str | None, typer.Option(help="The dataset's id in OMERO.")]
ImageProject = Annotated[str | None, typer.Option(help="The image project's id in OMERO.")]
Link = Annotated[str | None, typer.Option(help="The link's id, as the API gives it.")]
Revision = Annotated[
    int | None,
    typer.Option(help="The link's revision that you decided on; else the one it has now."),
]
Kinds = Annotated[
    list[str] | None, typer.Option(help="Only findings of this kind; may be given several times.")
]
Scope = Annotated[
    str | None,
    typer.Option(help="Only this project, by identifier or code; else all you see."),
]


@app.callback()
def _group() -> None:
    pass


@app.command()
@with_access
def link(
    access: Access,
    sample: Sample = None,
    image_dataset: ImageDataset = None,
    project: Project = None,
    image_project: ImageProject = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Link a sample with a dataset, or a project with an image project."""
    from link_store.records import LinkKind
    from resolvers import links
    from resolvers.links import ids

    async def work(context: RequestContext) -> Outcome:
        match (sample, image_dataset, project, image_project):
            case (str(), str(), None, None):
                kind, here, there = LinkKind.SAMPLE, (sample, "Sample"), "ImageDataset"
            case (None, None, str(), str()):
                kind, here, there = LinkKind.PROJECT, (project, "Project"), "ImageProject"
            case _:
                stop("give --sample with --image-dataset, or --project with --image-project.")
        omero = image_dataset or image_project or ""
        pair = links.Pair(ids.openbis_id(*here), ids.omero_id(omero, there))
        return await links.link(context, kind, pair, dry_run=dry_run)

    _tell_outcome(access.run(work), "linked", dry_run=dry_run, as_json=as_json)


@app.command()
@with_access
def unlink(
    access: Access,
    sample: Sample = None,
    project: Project = None,
    link: Link = None,
    with_samples: Annotated[
        bool, typer.Option("--with-samples", help="End the links of the project's samples, too.")
    ] = False,
    revision: Revision = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """End the link of a sample or of a project; its history stays."""
    from resolvers import links

    async def work(context: RequestContext) -> Outcome:
        old = await _named(context, sample, project, link)
        return await links.unlink(
            context,
            old.ref,
            expected_revision=old.revision if revision is None else revision,
            with_samples=with_samples,
            dry_run=dry_run,
        )

    _tell_outcome(access.run(work), "unlinked", dry_run=dry_run, as_json=as_json)


@app.command()
@with_access
def move(
    access: Access,
    sample: Sample = None,
    project: Project = None,
    link: Link = None,
    to_sample: Annotated[str | None, typer.Option(help="The sample it shall have.")] = None,
    to_image_dataset: Annotated[str | None, typer.Option(help="The dataset it shall have.")] = None,
    to_project: Annotated[str | None, typer.Option(help="The project it shall have.")] = None,
    to_image_project: Annotated[
        str | None, typer.Option(help="The image project it shall have.")
    ] = None,
    revision: Revision = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a link another end, or put a sample's link below the project it is in by now."""
    from link_store.records import LinkKind
    from resolvers import links
    from resolvers.links import ids

    async def work(context: RequestContext) -> Outcome:
        old = await _named(context, sample, project, link)
        of_sample = old.ref.kind is LinkKind.SAMPLE
        here, there = (to_sample, to_image_dataset) if of_sample else (to_project, to_image_project)
        if (to_project or to_image_project) if of_sample else (to_sample or to_image_dataset):
            options = "--to-sample or --to-image-dataset" if of_sample else "--to-image-project"
            stop(f"this is the link of a {old.ref.kind.lower()}: give {options}.")
        names = ("Sample", "ImageDataset") if of_sample else ("Project", "ImageProject")
        return await links.move(
            context,
            old.ref,
            expected_revision=old.revision if revision is None else revision,
            openbis=None if here is None else ids.openbis_id(here, names[0]),
            omero_id=None if there is None else ids.omero_id(there, names[1]),
            dry_run=dry_run,
        )

    _tell_outcome(access.run(work), "moved", dry_run=dry_run, as_json=as_json)


@app.command()
@with_access
def discover(
    access: Access,
    project: Scope = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take over what conventions have linked, and tell what is in doubt.

    Names, OMERO ids in properties, addresses in comments, annotations and LINK data sets are read.
    What is beyond doubt is linked; a second run changes nothing. Ends with 1 when something is left
    for a person to decide. With --json, one line per proposal and ambiguity is told as it is found,
    and a summary.
    """
    from resolvers import links

    counts: Counter[str] = Counter()

    async def work(context: RequestContext) -> None:
        within = await _scope(context, project)
        with progress() as advance:
            async for found in links.discover(context, within, dry_run=dry_run, progress=advance):
                _tell_discovered(found, counts, as_json=as_json)

    access.run(work)
    if as_json:
        tell_line({"kind": "summary", "dryRun": dry_run, **counts})
    else:
        done = "would be linked" if dry_run else "linked"
        number = counts["proposed"] - counts["refused"] if dry_run else counts["linked"]
        typer.echo(
            f"{number} {done}, {counts['refused']} refused, {counts['ambiguous']} ambiguous."
        )
    if counts["ambiguous"] or counts["refused"] or counts["remarks"]:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@with_access
def audit(
    access: Access,
    project: Scope = None,
    kind: Kinds = None,
    as_json: AsJson = False,
) -> None:
    """Compare both systems with the links, and tell what is wrong, with ids for `repair`.

    Ends with 1 when something is wrong. With --json, each finding is a line, and a summary.
    """
    from resolvers import links
    from resolvers.links.audit import parts

    kinds = finding_kinds(kind)
    whole = links.LinkAudit()

    async def work(context: RequestContext) -> None:
        within = await _scope(context, project)
        with progress() as advance:
            async for part in parts(context, within, advance):
                whole.add(part, 0)
                _tell_findings(
                    [one for one in part.findings if not kinds or one.kind in kinds],
                    as_json=as_json,
                )

    access.run(work)
    counts = {name: number for name, number in whole.counts.items() if not kinds or name in kinds}
    looked = {"samples": whole.samples, "imageDatasets": whole.image_datasets, "links": whole.links}
    if as_json:
        tell_line({"kind": "summary", "findings": counts, **looked})
    else:
        found = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
        looked_at = f"{whole.samples} samples, {whole.image_datasets} datasets, {whole.links} links"
        typer.echo(f"{found or 'Nothing is wrong'}; looked at {looked_at}.")
    if counts:
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@with_access
def repair(
    access: Access,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Findings, by the ids that `audit` tells.")
    ] = None,
    kind: Kinds = None,
    project: Scope = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Mend findings of `audit`: those named, or all of a kind; each in the way it names itself.

    Ends with 1 when one of them could not be mended, or is not found any more.
    """
    from resolvers import links

    kinds = finding_kinds(kind)
    done: list[bool] = []
    seen: set[str] = set()

    async def work(context: RequestContext) -> None:
        within = await _scope(context, project)
        with progress() as advance:
            async for one in links.repair(
                context, within, kinds=kinds, ids=ids or (), dry_run=dry_run, progress=advance
            ):
                done.append(one.done)
                seen.add(links.finding_id(one.finding))
                _tell_repaired(one, dry_run=dry_run, as_json=as_json)

    access.run(work)
    lacking = sorted(set(ids or ()) - seen)
    for each in lacking:
        remark(f"there is no finding {each} (any more).")
    if as_json:
        counts = {"mended": sum(done), "left": len(done) - sum(done), "unknown": len(lacking)}
        tell_line({"kind": "summary", "dryRun": dry_run, **counts})
    else:
        word = "would be mended" if dry_run else "mended"
        typer.echo(f"{sum(done)} {word}, {len(done) - sum(done)} left as they are.")
    if lacking or not all(done):
        raise typer.Exit(Exit.FINDINGS)


def _tell_repaired(one: Repaired, *, dry_run: bool, as_json: bool) -> None:
    from resolvers.links import finding_id

    if as_json:
        told = {"id": finding_id(one.finding), "finding": one.finding.kind, "done": one.done}
        tell_line({"kind": "repair", **told, "remarks": remark_documents(one.remarks)})
        return
    state = ("would be mended" if dry_run else "mended") if one.done else "left"
    typer.echo(
        f"{state}: {finding_id(one.finding)} {one.finding.kind}, {one.finding.repair}: "
        f"{printable(one.finding.sentence)}"
    )
    _tell_remarks(one.remarks)


@app.command()
@with_access
def rebuild(access: Access, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Restore links from what they left behind in both systems, and tell what differs.

    For when the link database was lost: `links rebuild` reads the annotations in OMERO and the ids
    in samples' properties. Links that are there stay as they are. Ends with 1 when something
    differs or was refused.
    """
    from resolvers import links

    counts: Counter[str] = Counter()

    async def work(context: RequestContext) -> None:
        with progress() as advance:
            async for part in links.rebuild(context, dry_run=dry_run, progress=advance):
                _tell_rebuilt(part, counts, as_json=as_json)

    access.run(work)
    if as_json:
        tell_line({"kind": "summary", "dryRun": dry_run, **counts})
    else:
        word = "would be restored" if dry_run else "restored"
        typer.echo(
            f"{counts['restored']} {word}, {counts['unchanged']} there already, "
            f"{counts['refused']} refused, {counts['differences']} differences."
        )
    if counts["refused"] or counts["differences"] or counts["remarks"]:
        raise typer.Exit(Exit.FINDINGS)


def _tell_rebuilt(part: Rebuilt, counts: Counter[str], *, as_json: bool) -> None:
    counts["restored"] += len(part.restored)
    counts["unchanged"] += part.unchanged
    counts["refused"] += len(part.refused)
    counts["differences"] += len(part.differences)
    counts["remarks"] += len(part.remarks)
    if as_json:
        for pair in part.restored:
            tell_line({"kind": "restored", "openbis": pair.openbis, "omeroId": pair.omero_id})
        for pair, why in part.refused:
            told = {"openbis": pair.openbis, "omeroId": pair.omero_id}
            tell_line({"kind": "refused", **told, "remarks": remark_documents(why)})
        for each in part.differences:
            tell_line({**document(each), "kind": "difference", "linkKind": each.kind})
        return
    for pair, why in part.refused:
        for one in why:
            remark(f"{pair.openbis} and {pair.omero_id}: {one.code}: {one.message}")
    for each in part.differences:
        remark(f"DIFFERENCE: {each.sentence}")
    _tell_remarks(part.remarks)


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
        _tell_remarks(left)
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


def finding_kinds(names: list[str] | None) -> frozenset[FindingKind]:
    """The kinds of finding that options name.

    Raises:
        typer.Exit: one of them is none.
    """
    from link_store.findings import FindingKind

    known = {each.value for each in FindingKind}
    for name in names or ():
        if name.upper() not in known:
            stop(f"{name} is no kind of finding; there are {', '.join(sorted(known))}.")
    return frozenset(FindingKind(name.upper()) for name in names or ())


def _tell_findings(findings: Sequence[LinkFinding], *, as_json: bool) -> None:
    from resolvers.links import finding_id

    if as_json:
        for one in findings:
            tell_line(
                {
                    "kind": "finding",
                    "id": finding_id(one),
                    "finding": one.kind,
                    "linkKind": one.link_kind,
                    "openbisPermIds": one.openbis_perm_ids,
                    "omeroIds": one.omero_ids,
                    "repair": one.repair,
                    "sentence": one.sentence,
                }
            )
        return
    tell_table(
        ["id", "kind", "repair", "what"],
        [(finding_id(one), one.kind, one.repair, one.sentence) for one in findings],
    )


async def _scope(context: RequestContext, project: str | None) -> ProjectRecord | None:
    """The project that a command is limited to, if it is."""
    from backends.fetch import Fetch
    from resolvers import catalog

    if project is None:
        return None
    return await catalog.project_by_identifier(context, project, Fetch.of("space"))


def _tell_discovered(found: Discovered, counts: Counter[str], *, as_json: bool) -> None:
    """Tell one batch as it comes."""
    refused = [one for one in found.proposals if one.remarks]
    counts["proposed"] += len(found.proposals)
    counts["linked"] += sum(one.linked for one in found.proposals)
    counts["refused"] += len(refused)
    counts["ambiguous"] += len(found.ambiguities)
    counts["remarks"] += len(found.remarks)
    if as_json:
        for what, entries in (
            ("proposal", found.proposals),
            ("ambiguity", found.ambiguities),
            ("remark", found.remarks),
        ):
            for entry in entries:
                told = document(entry)
                if "kind" in told:
                    told["linkKind"] = told.pop("kind")
                tell_line({"kind": what, **told})
        return
    columns = ["openBIS", "OMERO", "name", "evidence", "confidence", "linked"]
    tell_table(
        columns,
        [
            (
                one.identifier,
                one.omero_id,
                one.name,
                ", ".join(one.evidence),
                one.confidence,
                "yes" if one.linked else "",
            )
            for one in found.proposals
        ],
    )
    for one in refused:
        for why in one.remarks:
            remark(f"{one.identifier} and {one.omero_id}: {why.code}: {why.message}")
    for knot in found.ambiguities:
        remark(f"AMBIGUOUS: {knot.sentence}")
    _tell_remarks(found.remarks)


async def _named(
    context: RequestContext, sample: str | None, project: str | None, link: str | None
) -> LinkRecord:
    """The one link that the options name."""
    from link_store.records import LinkKind
    from resolvers import links
    from resolvers.links import ids

    if [sample, project, link].count(None) != 2:  # noqa: PLR2004 - all but one
        stop("say which link: give one of --sample, --project and --link.")
    if link is not None:
        return await links.get(context, ids.link_ref(link))
    if sample is not None:
        id_ = ids.openbis_id(sample, "Sample")
        return await links.of_openbis(context, LinkKind.SAMPLE, id_)
    return await links.of_openbis(
        context, LinkKind.PROJECT, ids.openbis_id(project or "", "Project")
    )


def _tell_outcome(outcome: Outcome, done: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        link = outcome.link
        tell_json(
            {
                "link": None if link is None else link_document(link),
                "changed": outcome.changed,
                "dryRun": dry_run,
                "remarks": remark_documents(outcome.remarks),
            }
        )
    else:
        _tell_remarks(outcome.remarks)
        if outcome.changed:
            typer.echo(f"It would be {done}." if dry_run else f"It is {done}.")
        elif not outcome.remarks:
            typer.echo("It is so already.")
        if outcome.link is not None and not dry_run:
            one = link_document(outcome.link)
            tell_table(list(one), [list(one.values())])
    if outcome.remarks:
        raise typer.Exit(Exit.FINDINGS)


def link_document(link: LinkRecord) -> dict[str, Any]:
    """A link as commands tell it."""
    from resolvers.paging import encode_id

    kind = link.ref.kind
    return {
        "id": encode_id(f"{kind.capitalize()}Link", link.id),
        "kind": kind.value,
        "openbisPermId": link.openbis_perm_id,
        "omeroId": link.omero_id,
        "state": link.state.value,
        "evidence": link.evidence,
        "revision": link.revision,
        "createdBy": link.author,
    }


def remark_documents(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Remarks as commands tell them."""
    return [document(one) for one in remarks]


def _tell_remarks(remarks: Sequence[Remark]) -> None:
    for one in remarks:
        remark(f"{one.code}: {one.message}")
