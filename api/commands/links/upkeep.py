"""`omnibis links discover`, `audit`, `repair` and `rebuild`: taking over, and keeping right.

Results are told as they come, so that a large installation needs no memory for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

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
    tell_line,
    tell_table,
)

if TYPE_CHECKING:
    from link_store.findings import FindingKind, LinkFinding
    from resolvers.context import RequestContext
    from resolvers.links import Discovered, Rebuilt, Repaired
from api.commands.links.group import (
    DryRun,
    Kinds,
    Scope,
    app,
    remark_documents,
    scope_of,
    tell_remarks,
)


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
        within = await scope_of(context, project)
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
    tell_remarks(found.remarks)


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
        within = await scope_of(context, project)
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
        within = await scope_of(context, project)
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
    tell_remarks(one.remarks)


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
    tell_remarks(part.remarks)
