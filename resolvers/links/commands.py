"""Linking, unlinking and moving: what a person decides about links, checked and then carried out.

Everything that can be known is checked in both systems before the first write; then the link store
decides, whose constraints no race gets past; then the link is noted in both systems (`notes.py`). A
dry run stops before the first write. What a user can mend comes back as remarks, with nothing
written; a source that does not answer is an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.errors import Source
from backends.records import SampleRecord
from link_store.errors import LinkStoreError
from link_store.records import (
    LinkKind,
    LinkRecord,
    LinkRef,
    LinkState,
    SampleLinkRecord,
)
from resolvers.context import RequestContext
from resolvers.links import notes, reading
from resolvers.links.ends import Ends, Pair, Seen, check_end, read_ends, see
from resolvers.links.making import author, ended, make
from resolvers.links.notes import Left
from resolvers.links.remarks import Code, Remark, of_store


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did, or would do in a dry run.

    `link` is the link as it is now; none when it was not made. `changed` is whether anything was,
    or would be, different afterwards; with remarks of another kind than ANNOTATION_DRIFT nothing
    was.
    """

    link: LinkRecord | None
    changed: bool
    remarks: tuple[Remark, ...] = ()


async def link(
    context: RequestContext, kind: LinkKind, pair: Pair, *, dry_run: bool = False
) -> Outcome:
    """Link two objects; a link of the same ends that is broken becomes active again.

    Raises:
        BackendError: a source did not answer, before anything was written.
    """
    (seen,) = await see(context, kind, [pair])
    existing = seen.existing
    if seen.remarks:
        return Outcome(None, changed=False, remarks=tuple(seen.remarks))
    if existing is not None and existing.state is LinkState.RESERVED:
        busy = "A registration is about to make this link; wait for it, or let it be repaired."
        return Outcome(existing, False, (Remark(Code.LINK_CONFLICT, busy, "openbis"),))
    if dry_run:
        whole = existing is not None and existing.state is LinkState.ACTIVE
        return Outcome(existing, changed=not whole)
    try:
        made, changed = await make(context, kind, seen)
    except LinkStoreError as error:
        return Outcome(None, changed=False, remarks=(of_store(error),))
    remarks = await notes.write(context, kind, [ended(seen)])
    return Outcome(made, changed, tuple(remarks))


async def unlink(
    context: RequestContext,
    ref: LinkRef,
    *,
    expected_revision: int,
    with_samples: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """End a link for good; for a project, with all links of its samples if that is wanted.

    Raises:
        NotFound: there is no such link that the viewer may see.
        BackendError: a source did not answer, before anything was written.
    """
    old, ends, remarks = await _about(context, ref, expected_revision)
    below = await _sample_links(context, old)
    ends_below = Ends()
    if below and not with_samples:
        remarks.append(_samples_stand(len(below)))
    elif below:
        ends_below = await _read_links(context, LinkKind.SAMPLE, below)
        remarks += _forbidden_below(below, ends_below)
    if remarks or dry_run:
        return Outcome(old, changed=not remarks, remarks=tuple(remarks))
    store, who = context.services.links, await author(context)
    try:
        retired = await context.ask_links(
            "retireLink",
            store.retire(
                ref, expected_revision=expected_revision, author=who, with_samples=with_samples
            ),
        )
    except LinkStoreError as error:
        return Outcome(old, changed=False, remarks=(of_store(error),))
    left = await notes.remove(context, ref.kind, [_left(old, ends)])
    if below:
        over = [_left(one, ends_below) for one in below]
        left += await notes.remove(context, LinkKind.SAMPLE, over)
    return Outcome(retired, changed=True, remarks=tuple(left))


async def move(
    context: RequestContext,
    ref: LinkRef,
    *,
    expected_revision: int,
    openbis: str | None = None,
    omero_id: int | None = None,
    dry_run: bool = False,
    anywhere: bool = False,
) -> Outcome:
    """Give a link another end, or put a sample's link below the project that it is in now.

    Args:
        context: the request.
        ref: which link.
        expected_revision: the revision that the decision was made on.
        openbis: the new openBIS end, by permId or identifier; the old one if it stays.
        omero_id: the new OMERO end; the old one if it stays.
        dry_run: whether nothing is to be written.
        anywhere: whether a sample's dataset may lie in another image project, for now.

    Raises:
        NotFound: there is no such link that the viewer may see.
        BackendError: a source did not answer, before anything was written.
    """
    old, ends, remarks = await _about(context, ref, expected_revision)
    if remarks:
        return Outcome(old, changed=False, remarks=tuple(remarks))
    pair = Pair(openbis or old.openbis_perm_id, old.omero_id if omero_id is None else omero_id)
    (seen,) = await see(context, ref.kind, [pair])
    others = await _in_the_way(context, old, seen, anywhere=anywhere)
    changes = _changes(old, seen)
    mended = old.state is LinkState.BROKEN and not changes
    if others or (dry_run and (changes or mended)):
        return Outcome(old, changed=not others, remarks=tuple(others))
    store, who = context.services.links, await author(context)
    work = (
        store.activate(ref, expected_revision=expected_revision, author=who)
        if mended
        else store.move(ref, expected_revision=expected_revision, author=who, **changes)
    )
    try:
        moved = await context.ask_links("moveLink", work)
    except LinkStoreError as error:
        return Outcome(old, changed=False, remarks=(of_store(error),))
    here = ends.openbis.get(old.openbis_perm_id) if "openbis_perm_id" in changes else None
    there = ends.omero.get(old.omero_id) if "omero_id" in changes else None
    left = await notes.remove(context, ref.kind, [Left(here, there, old.omero_id)])
    left += await notes.write(context, ref.kind, [ended(seen, old.omero_id)])
    return Outcome(moved, changed=True, remarks=tuple(left))


def _changes(old: LinkRecord, seen: Seen) -> dict[str, Any]:
    """What of a link is to be different."""
    changes: dict[str, Any] = {}
    if seen.openbis is not None and seen.openbis.perm_id != old.openbis_perm_id:
        changes["openbis_perm_id"] = seen.openbis.perm_id
    if seen.pair.omero_id != old.omero_id:
        changes["omero_id"] = seen.pair.omero_id
    if isinstance(old, SampleLinkRecord) and isinstance(seen.openbis, SampleRecord):
        project = seen.openbis.project
        if project is not None and project.perm_id != old.project_perm_id:
            changes["project_perm_id"] = project.perm_id
    return changes


async def _in_the_way(
    context: RequestContext, old: LinkRecord, seen: Seen, *, anywhere: bool
) -> list[Remark]:
    """What keeps a link from its new ends: at an end that stays, not this link itself."""
    others = [one for one in seen.remarks if not _is_own(one, old, seen)]
    if anywhere:
        others = [one for one in others if one.code is not Code.CROSS_PROJECT]
    if old.ref.kind is LinkKind.PROJECT and seen.pair.omero_id != old.omero_id and not others:
        others = await _datasets_elsewhere(context, old, seen.pair.omero_id)
    return others


async def _about(
    context: RequestContext, ref: LinkRef, expected_revision: int
) -> tuple[LinkRecord, Ends, list[Remark]]:
    """Read a link and its ends, and say what keeps the viewer from changing it."""
    old = await reading.get(context, ref)
    if old.state is LinkState.RETIRED:
        message = "This link is over; make a new one instead."
        return old, Ends(), [Remark(Code.BAD_USER_INPUT, message, "link")]
    if old.revision != expected_revision:
        message = (
            f"The link has changed since you read it: it has revision {old.revision} now. "
            "Read it again, and decide again."
        )
        return old, Ends(), [Remark(Code.STALE_REVISION, message, "expectedRevision")]
    ends = await _read_links(context, ref.kind, [old])
    seen = Seen(
        Pair(old.openbis_perm_id, old.omero_id),
        ends.openbis.get(old.openbis_perm_id),
        ends.omero.get(old.omero_id),
    )
    check_end(seen, ref.kind, ends)
    # Who cannot see an end may end the link all the same if the end is known to be gone.
    hidden = {
        source
        for source, end in ((Source.OPENBIS, seen.openbis), (Source.OMERO, seen.omero))
        if end is None
    }
    gone = {
        source
        for source in hidden
        if old.state is LinkState.BROKEN or await context.loaders.oversight.load(source)
    }
    remarks = [
        one for one in seen.remarks if not (one.code is Code.NOT_FOUND and one.source in gone)
    ]
    return old, ends, remarks


def _is_own(remark: Remark, old: LinkRecord, seen: Seen) -> bool:
    if remark.code is not Code.LINK_CONFLICT:
        return False
    if remark.field == "openbis":
        return seen.openbis is not None and seen.openbis.perm_id == old.openbis_perm_id
    return seen.pair.omero_id == old.omero_id


async def _sample_links(context: RequestContext, link: LinkRecord) -> Sequence[LinkRecord]:
    """The live links of a project's samples; none below the link of a sample."""
    if link.ref.kind is LinkKind.SAMPLE or link.state is LinkState.RETIRED:
        return ()
    store, perm_id = context.services.links, link.openbis_perm_id
    found = await context.ask_links(
        "sampleLinksOfProjects", store.sample_links_of_projects([perm_id])
    )
    return found.get(perm_id, ())


async def _read_links(context: RequestContext, kind: LinkKind, links: Sequence[LinkRecord]) -> Ends:
    perm_ids, numbers = [one.openbis_perm_id for one in links], [one.omero_id for one in links]
    return await read_ends(context, kind, perm_ids, numbers)


def _left(link: LinkRecord, ends: Ends) -> Left:
    here, there = ends.openbis.get(link.openbis_perm_id), ends.omero.get(link.omero_id)
    return Left(here, there, link.omero_id)


def _samples_stand(number: int) -> Remark:
    message = f"{number} samples are linked below this project; unlink them first, or with it."
    return Remark(Code.LINK_CONFLICT, message, "withSamples", Source.LINK_STORE)


def _forbidden_below(links: Sequence[LinkRecord], ends: Ends) -> list[Remark]:
    """See that the viewer may change all that is linked below a project and still there."""
    for one in links:
        here, there = ends.openbis.get(one.openbis_perm_id), ends.omero.get(one.omero_id)
        if here is not None and here.perm_id not in ends.updatable:
            message = f"You may not change sample {here.identifier} in openBIS, which is linked."
            return [Remark(Code.FORBIDDEN, message, "withSamples", Source.OPENBIS)]
        if there is not None and not ends.permissions[one.omero_id].can_annotate:
            message = f"You may not annotate dataset {one.omero_id} in OMERO, which is linked."
            return [Remark(Code.FORBIDDEN, message, "withSamples", Source.OMERO)]
    return []


async def _datasets_elsewhere(
    context: RequestContext, project: LinkRecord, omero_id: int
) -> list[Remark]:
    """See that the linked datasets below a project lie in the image project it is moved to."""
    below = await _sample_links(context, project)
    above = await context.services.omero.image_projects_of_datasets(
        context.omero_session(), [one.omero_id for one in below], context.call
    )
    elsewhere = [
        one.omero_id
        for one in below
        if omero_id not in {each.omero_id for each in above.get(one.omero_id, ())}
    ]
    if not elsewhere:
        return []
    message = (
        f"{len(elsewhere)} linked datasets, dataset {elsewhere[0]} among them, do not lie in image "
        f"project {omero_id}; put them there first."
    )
    return [Remark(Code.CROSS_PROJECT, message, "omero", Source.OMERO)]
