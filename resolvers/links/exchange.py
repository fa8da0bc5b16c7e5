"""Links as files: exported whole, and imported whole or not at all, with every faulty line told.

The form of the lines, and what stands in their way in the database, is the link store's business;
here both systems are asked whether the ends are there, whether the viewer may change them, and
whether they belong together. A file that says what was (histories, ended links) is a backup, and
only who sees everything in both systems may bring it in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from backends.errors import AccessDenied, Source
from link_store.lines import ImportReport, LineFault, LinkLine, parse_lines
from link_store.records import LinkKind, LinkState, ProjectLinkRecord
from resolvers.context import RequestContext
from resolvers.links import notes
from resolvers.links.ends import Pair, Seen, check_end, check_projects, read_ends
from resolvers.links.inventory import PAGE, Progress
from resolvers.links.making import author
from resolvers.links.notes import Ended
from resolvers.links.remarks import Remark


async def export(context: RequestContext) -> AsyncIterator[bytes]:
    """Give all links with their history, line by line.

    Raises:
        AccessDenied: something in openBIS may be hidden from the viewer.
    """
    if not await context.loaders.oversight.load(Source.OPENBIS):
        raise AccessDenied(
            Source.OPENBIS, "Only who sees everything in openBIS may export all links."
        )
    async with aclosing(context.services.links.export_lines()) as lines:
        async for line in lines:
            yield line


async def import_(
    context: RequestContext,
    read: Callable[[], Iterable[bytes]],
    *,
    dry_run: bool,
    progress: Progress,
) -> tuple[ImportReport, list[Remark]]:
    """Take in a file of links: all of it, or nothing if one line has a fault.

    Args:
        context: the request.
        read: opens the file from its beginning; called several times.
        dry_run: whether only faults are looked for.
        progress: told how far it is.

    Returns:
        What was found and done, and what could not be noted in the systems.

    Raises:
        BackendError: a source did not answer; nothing was written.
        LinkStoreError: somebody else changed what the file is about; nothing was written.
    """
    assumed = _projects(context, read())
    backup = [await context.loaders.oversight.load(each) for each in (Source.OPENBIS, Source.OMERO)]
    faults: list[LineFault] = []
    new: list[tuple[LinkKind, Ended]] = []
    done = 0
    for batch in _batches(parse_lines(read())):
        for kind in LinkKind:
            own = [one for one in batch if one[1].kind is kind]
            if own:
                await _check(context, kind, own, assumed, faults, new)
        if not all(backup):
            faults += [
                LineFault(
                    number,
                    "FORBIDDEN",
                    "only who sees everything in both systems may bring in histories",
                )
                for number, line in batch
                if line.whole
            ]
        done += len(batch)
        progress("checked", done, None)
    report = await context.ask_links(
        "importLinks",
        context.services.links.import_lines(
            read,
            author=await author(context),
            dry_run=dry_run,
            faults=faults,
            progress=lambda number: progress("written", number, done),
        ),
    )
    left: list[Remark] = []
    if report.written:
        for kind in LinkKind:
            left += await notes.write(context, kind, [end for of, end in new if of is kind])
    return report, left


def _batches(parsed: Iterable[tuple[int, Any]]) -> Iterable[list[tuple[int, LinkLine]]]:
    batch: list[tuple[int, LinkLine]] = []
    for number, line in parsed:
        if not isinstance(line, LinkLine):
            continue
        batch.append((number, line))
        if len(batch) == PAGE:
            yield batch
            batch = []
    if batch:
        yield batch


def _projects(context: RequestContext, lines: Iterable[bytes]) -> dict[str, ProjectLinkRecord]:
    """The links of projects that the file brings along for its samples."""
    store, now = context.services.links, datetime.now(UTC)
    return {
        line.openbis_perm_id: ProjectLinkRecord(
            id=1,
            openbis_instance=store.openbis_instance,
            openbis_perm_id=line.openbis_perm_id,
            omero_instance=store.omero_instance,
            omero_id=line.omero_id,
            state=LinkState.ACTIVE,
            evidence=line.evidence,
            revision=1,
            author="nobody",
            created_at=now,
            updated_at=now,
        )
        for _, line in parse_lines(lines)
        if isinstance(line, LinkLine)
        and line.kind is LinkKind.PROJECT
        and line.state is LinkState.ACTIVE
    }


async def _check(
    context: RequestContext,
    kind: LinkKind,
    lines: list[tuple[int, LinkLine]],
    assumed: dict[str, ProjectLinkRecord],
    faults: list[LineFault],
    new: list[tuple[LinkKind, Ended]],
) -> None:
    """See that the ends of active links are there, may be changed, and belong together."""
    active = [one for one in lines if one[1].state is LinkState.ACTIVE]
    ends = await read_ends(
        context,
        kind,
        [line.openbis_perm_id for _, line in active],
        [line.omero_id for _, line in active],
    )
    seen = [
        Seen(
            Pair(line.openbis_perm_id, line.omero_id),
            ends.openbis.get(line.openbis_perm_id),
            ends.omero.get(line.omero_id),
        )
        for _, line in active
    ]
    for one in seen:
        check_end(one, kind, ends)
    if kind is LinkKind.SAMPLE:
        await check_projects(context, seen, assumed)
    for (number, line), one in zip(active, seen, strict=True):
        project = getattr(one.openbis, "project", None)
        if project is not None and line.project_perm_id not in (None, project.perm_id):
            message = f"the sample is in project {project.perm_id}, not {line.project_perm_id}"
            faults.append(LineFault(number, "CROSS_PROJECT", message))
        faults += [LineFault(number, each.code, each.message) for each in one.remarks]
        if not one.remarks and not line.whole and one.openbis and one.omero:
            new.append((kind, Ended(one.openbis, one.omero)))
