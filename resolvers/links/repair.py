"""Repair: findings are set right as each of them names, and only those that were asked for.

A repair audits again and mends what it finds then, so that a finding which is no longer true is
left alone. Every repair needs the viewer's rights as the command that it stands for; many of one
sort in one part are done together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.errors import BackendError, Source
from backends.records import ImageDatasetRecord, ProjectRecord
from link_store.errors import LinkStoreError
from link_store.findings import FindingKind, LinkFinding, Repair
from link_store.records import Evidence, LinkKind, LinkRecord, LinkState
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.links import notes
from resolvers.links.audit import Audited, finding_id, parts
from resolvers.links.commands import move, unlink
from resolvers.links.ends import OMERO_KINDS, Ends, Pair, Seen, check_end, read_ends, see
from resolvers.links.facts import Holdings, claimed
from resolvers.links.inventory import Progress
from resolvers.links.making import author, link_many
from resolvers.links.notes import Ended, Left
from resolvers.links.remarks import Code, Remark, of_store

BY_HAND: Final = (
    "Several objects come into question, and only a person can say which it is: "
    "use `linkSample` or `linkProject`."
)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one finding; `done` is whether it is mended, or would be in a dry run."""

    finding: LinkFinding
    done: bool
    remarks: tuple[Remark, ...] = ()


async def repair(
    context: RequestContext,
    project: ProjectRecord | None,
    *,
    kinds: Collection[FindingKind],
    ids: Collection[str],
    dry_run: bool,
    progress: Progress,
    now: datetime | None = None,
) -> AsyncIterator[Repaired]:
    """Mend findings of one project, or of all that the viewer sees.

    Args:
        context: the request.
        project: the only one.
        kinds: which kinds of finding; all of `ids` if there are none.
        ids: which findings, as `finding_id` calls them; all of `kinds` if there are none.
        dry_run: whether nothing is to be written.
        progress: told how far it is.
        now: taken for the present.

    Raises:
        BadInput: neither kinds nor ids are given.
        BackendError: a source did not answer. What was mended until then is mended.
    """
    if not kinds and not ids:
        raise BadInput("Say what is to be repaired: kinds of findings, or ids of findings.")
    async for part in parts(context, project, progress, now):
        asked = [
            finding
            for finding in part.findings
            if (not kinds or finding.kind in kinds) and (not ids or finding_id(finding) in ids)
        ]
        for one in await _repair_part(context, part, asked, dry_run=dry_run):
            yield one


async def _repair_part(
    context: RequestContext, part: Audited, asked: Sequence[LinkFinding], *, dry_run: bool
) -> list[Repaired]:
    by_repair: defaultdict[tuple[Repair, LinkKind], list[LinkFinding]] = defaultdict(list)
    for finding in asked:
        by_repair[finding.repair, finding.link_kind].append(finding)
    done: list[Repaired] = []
    # Projects come before samples, and links before what is written down of them.
    for way in Repair:
        for kind in LinkKind:
            findings = by_repair.get((way, kind), [])
            if findings:
                done += await _mend(context, part.held, way, kind, findings, dry_run=dry_run)
    return done


async def _mend(
    context: RequestContext,
    held: Holdings,
    way: Repair,
    kind: LinkKind,
    findings: Sequence[LinkFinding],
    *,
    dry_run: bool,
) -> list[Repaired]:
    """Mend findings of one sort."""
    match way:
        case Repair.LINK:
            return await _link(context, held, kind, findings, dry_run=dry_run)
        case Repair.WRITE_ANNOTATION:
            return await _annotate(context, held, kind, findings, dry_run=dry_run)
        case Repair.REMOVE_ANNOTATION:
            return await _remove(context, kind, findings, dry_run=dry_run)
        case Repair.LINK_BY_HAND:
            remark = Remark(Code.BAD_USER_INPUT, BY_HAND, "ids")
            return [Repaired(finding, done=False, remarks=(remark,)) for finding in findings]
    return [await _one(context, held, way, finding, dry_run=dry_run) for finding in findings]


async def _link(
    context: RequestContext,
    held: Holdings,
    kind: LinkKind,
    findings: Sequence[LinkFinding],
    *,
    dry_run: bool,
) -> list[Repaired]:
    pairs = [Pair(one.openbis_perm_ids[0], one.omero_ids[0]) for one in findings]
    seen = await see(context, kind, pairs)
    free = [one for one in seen if not one.remarks]
    made: set[str] = {one.pair.openbis for one in free} if dry_run else set()
    left: Sequence[Remark] = ()
    if free and not dry_run:
        instance = context.services.links.openbis_instance
        why = [(one, _evidence(held, kind, one.pair, instance)) for one in free]
        links, left = await link_many(context, kind, why, "repair")
        made = {link.openbis_perm_id for link in links}
    return [
        Repaired(
            finding,
            done=one.pair.openbis in made,
            remarks=tuple(one.remarks) if one.remarks else tuple(left),
        )
        for finding, one in zip(findings, seen, strict=True)
    ]


def _evidence(held: Holdings, kind: LinkKind, pair: Pair, instance: str) -> Evidence:
    """Whether a candidate was found by its annotation, or by its name."""
    if kind is LinkKind.PROJECT:
        told = held.image_project_pairs.get(pair.omero_id, ())
    else:
        told = held.datasets[pair.omero_id].pairs
    annotated = pair.openbis in claimed(told, instance)
    return Evidence.MAP_ANNOTATION if annotated else Evidence.NAME


async def _annotate(
    context: RequestContext,
    held: Holdings,
    kind: LinkKind,
    findings: Sequence[LinkFinding],
    *,
    dry_run: bool,
) -> list[Repaired]:
    ends, refused = await _ends(context, kind, findings)
    ended: dict[int, Ended] = {}
    for finding in findings:
        link = held.links.get(finding.link) if finding.link else None
        if link is None or finding in refused:
            continue
        here, there = ends.openbis.get(link.openbis_perm_id), ends.omero.get(link.omero_id)
        if here is not None and there is not None:
            ended[link.omero_id] = Ended(here, there, link.omero_id)
    left: list[Remark] = []
    if ended and not dry_run:
        left = await notes.write(context, kind, list(ended.values()))
    return [
        Repaired(
            finding,
            done=finding.omero_ids[0] in ended and not left,
            remarks=refused.get(finding, tuple(left)),
        )
        for finding in findings
    ]


async def _remove(
    context: RequestContext, kind: LinkKind, findings: Sequence[LinkFinding], *, dry_run: bool
) -> list[Repaired]:
    numbers = [finding.omero_ids[0] for finding in findings]
    ends = await read_ends(context, kind, (), numbers)
    refused: dict[int, Remark] = {}
    for number in numbers:
        if number not in ends.omero or not ends.permissions[number].can_annotate:
            message = f"You may not change the annotations of {number} in OMERO."
            refused[number] = Remark(Code.FORBIDDEN, message, "ids", Source.OMERO)
    left: list[Remark] = []
    if not dry_run:
        over = [Left(None, ends.omero[each], each) for each in numbers if each not in refused]
        left = await notes.remove(context, kind, over)
    return [
        Repaired(
            finding,
            done=finding.omero_ids[0] not in refused and not left,
            remarks=(refused[finding.omero_ids[0]],)
            if finding.omero_ids[0] in refused
            else tuple(left),
        )
        for finding in findings
    ]


async def _one(
    context: RequestContext, held: Holdings, way: Repair, finding: LinkFinding, *, dry_run: bool
) -> Repaired:
    """Mend a finding about one link."""
    link = held.links.get(finding.link) if finding.link else None
    if link is None:  # pragma: no cover - these are about links
        return Repaired(finding, done=False)
    try:
        remarks = await _change(context, way, link, dry_run=dry_run)
    except LinkStoreError as error:
        remarks = [of_store(error)]
    except BackendError as error:
        remarks = [Remark(Code.NOT_FOUND, error.message, "ids", error.source)]
    return Repaired(finding, done=not _hindered(remarks), remarks=tuple(remarks))


def _hindered(remarks: Sequence[Remark]) -> bool:
    return any(remark.code is not Code.ANNOTATION_DRIFT for remark in remarks)


async def _change(
    context: RequestContext, way: Repair, link: LinkRecord, *, dry_run: bool
) -> Sequence[Remark]:
    revision = link.revision
    if way is Repair.MOVE_LINK:
        # Where the dataset should lie is another finding, once this is set right.
        outcome = await move(
            context, link.ref, expected_revision=revision, dry_run=dry_run, anywhere=True
        )
        return outcome.remarks
    if way is Repair.MOVE_DATASET:
        return await _move_dataset(context, link, dry_run=dry_run)
    if way is Repair.RETIRE_LINK:
        outcome = await unlink(context, link.ref, expected_revision=revision, dry_run=dry_run)
        return outcome.remarks
    hindrance = await _may_note(context, link)
    if hindrance or dry_run:
        return hindrance
    store, who = context.services.links, await author(context)
    if way is Repair.MARK_BROKEN:
        work = store.mark_broken(link.ref, expected_revision=revision, author=who)
        await context.ask_links("markBroken", work)
    elif link.state is LinkState.RESERVED:
        told = {"by": "repair"}
        work = store.retire(link.ref, expected_revision=revision, author=who, details=told)
        await context.ask_links("retireLink", work)
    return ()


async def _move_dataset(
    context: RequestContext, link: LinkRecord, *, dry_run: bool
) -> Sequence[Remark]:
    """Put a sample's dataset into the image project that the sample's project is linked to."""
    ends = await read_ends(context, LinkKind.SAMPLE, [link.openbis_perm_id], [link.omero_id])
    seen = Seen(
        Pair(link.openbis_perm_id, link.omero_id),
        ends.openbis.get(link.openbis_perm_id),
        ends.omero.get(link.omero_id),
    )
    check_end(seen, LinkKind.SAMPLE, ends)
    if seen.remarks:
        return seen.remarks
    project = getattr(link, "project_perm_id", "")
    store = context.services.links
    above = (await context.ask_links("projectLinks", store.project_links([project]))).get(project)
    if above is None or not isinstance(seen.omero, ImageDatasetRecord):  # pragma: no cover - found
        return ()
    client, session = context.services.omero, context.omero_session()
    allowed = await client.permissions(
        session, OMERO_KINDS[LinkKind.PROJECT], [above.omero_id], context.call
    )
    may = allowed.get(above.omero_id)
    if may is None or not may.can_link:
        message = f"You may not put anything into image project {above.omero_id} in OMERO."
        return [Remark(Code.FORBIDDEN, message, "ids", Source.OMERO)]
    if not dry_run:
        await client.link_image_datasets(
            session,
            above.omero_id,
            [link.omero_id],
            group=seen.omero.group_id,
            call=context.call,
        )
    return ()


async def _may_note(context: RequestContext, link: LinkRecord) -> list[Remark]:
    """See that whoever notes that an end is gone could change the other, or sees everything."""
    ends = await read_ends(context, link.ref.kind, [link.openbis_perm_id], [link.omero_id])
    here, there = ends.openbis.get(link.openbis_perm_id), ends.omero.get(link.omero_id)
    if here is not None and here.perm_id not in ends.updatable:
        message = f"You may not change {here.identifier} in openBIS."
        return [Remark(Code.FORBIDDEN, message, "ids", Source.OPENBIS)]
    if there is not None and not ends.permissions[link.omero_id].can_annotate:
        message = f"You may not annotate {link.omero_id} in OMERO."
        return [Remark(Code.FORBIDDEN, message, "ids", Source.OMERO)]
    if here is None and there is None:
        seeing = [
            await context.loaders.oversight.load(each) for each in (Source.OPENBIS, Source.OMERO)
        ]
        if not all(seeing):
            message = "Only who sees everything in both systems can say that both ends are gone."
            return [Remark(Code.FORBIDDEN, message, "ids")]
    return []


async def _ends(
    context: RequestContext, kind: LinkKind, findings: Sequence[LinkFinding]
) -> tuple[Ends, dict[LinkFinding, tuple[Remark, ...]]]:
    """The ends of findings about links that stand, and why some of them may not be changed."""
    ends = await read_ends(
        context,
        kind,
        [one.openbis_perm_ids[0] for one in findings],
        [one.omero_ids[0] for one in findings],
    )
    refused: dict[LinkFinding, tuple[Remark, ...]] = {}
    for one in findings:
        pair = Pair(one.openbis_perm_ids[0], one.omero_ids[0])
        seen = Seen(pair, ends.openbis.get(pair.openbis), ends.omero.get(pair.omero_id))
        check_end(seen, kind, ends)
        if seen.remarks:
            refused[one] = tuple(seen.remarks)
    return ends, refused
