"""Making links of pairs that were looked at, in the link store and then in the notes.

The store decides, whose constraints no race gets past. `commands.py` makes one at a time;
discovery, repair and rebuilding make thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from backends.records import SampleRecord
from link_store.errors import LinkConflict, LinkStoreError
from link_store.records import (
    Evidence,
    LinkKind,
    LinkRecord,
    LinkState,
    NewSampleLink,
)
from resolvers import identity
from resolvers.context import RequestContext
from resolvers.links import notes
from resolvers.links.ends import Seen
from resolvers.links.notes import Ended
from resolvers.links.remarks import Remark, of_store


async def author(context: RequestContext) -> str:
    """Who is written into the history: the viewer's name in openBIS."""
    return context.viewer.user or (await identity.openbis(context)).user_id


async def make(context: RequestContext, kind: LinkKind, seen: Seen) -> tuple[LinkRecord, bool]:
    """Make one link, or make a broken one of the same ends active; say whether anything changed."""
    store, who = context.services.links, await author(context)
    existing = seen.existing
    if existing is not None:
        if existing.state is LinkState.ACTIVE:
            return existing, False
        again = store.activate(existing.ref, expected_revision=existing.revision, author=who)
        return await context.ask_links("activateLink", again), True
    end = ended(seen)
    made: LinkRecord
    if kind is LinkKind.PROJECT:
        made = await context.ask_links(
            "linkProject",
            store.link_project(end.openbis.perm_id, end.omero.omero_id, author=who),
        )
    else:
        made = await context.ask_links("linkSample", store.link_sample(new_link(seen), author=who))
    return made, True


async def link_many(
    context: RequestContext, kind: LinkKind, pairs: Sequence[tuple[Seen, Evidence]], why: str
) -> tuple[list[LinkRecord], list[Remark]]:
    """Link pairs that were seen to have nothing in their way, samples in one go per evidence.

    Where somebody else was faster with one of them, the others are linked all the same.

    Args:
        context: the request.
        kind: what the pairs are of.
        pairs: each with the evidence that is written down for it.
        why: written into the history.

    Returns:
        The links that were made, and what was refused or could not be noted.
    """
    store, who = context.services.links, await author(context)
    told = {"by": why}
    made: list[LinkRecord] = []
    refused: list[Remark] = []
    if kind is LinkKind.PROJECT:
        for seen, evidence in pairs:
            end = ended(seen)
            work = store.link_project(
                end.openbis.perm_id,
                end.omero.omero_id,
                author=who,
                evidence=evidence,
                details=told,
            )
            try:
                made.append(await context.ask_links("linkProject", work))
            except LinkStoreError as error:
                refused.append(of_store(error))
    else:
        by_evidence: defaultdict[Evidence, list[Seen]] = defaultdict(list)
        for seen, evidence in pairs:
            by_evidence[evidence].append(seen)
        for evidence, members in by_evidence.items():
            waiting = [new_link(seen) for seen in members]
            while waiting:
                work_all = store.link_samples(waiting, author=who, evidence=evidence, details=told)
                try:
                    made += await context.ask_links("linkSamples", work_all)
                    break
                except LinkConflict as error:
                    refused.append(of_store(error))
                    taken = set(error.taken)
                    left = [one for one in waiting if not {*_ends_of(one)} & taken]
                    waiting = [] if len(left) == len(waiting) else left
                except LinkStoreError as error:
                    refused.append(of_store(error))
                    break
    done = {one.openbis_perm_id for one in made}
    ends = [ended(seen) for seen, _ in pairs]
    refused += await notes.write(
        context, kind, [one for one in ends if one.openbis.perm_id in done]
    )
    return made, refused


def _ends_of(link: NewSampleLink) -> tuple[str | int, str | int]:
    return link.openbis_perm_id, link.omero_id


def new_link(seen: Seen) -> NewSampleLink:
    """The link that a sample and its dataset shall have; the pair has no remarks."""
    sample = seen.openbis
    if not isinstance(sample, SampleRecord) or sample.project is None or seen.omero is None:
        raise TypeError("only a pair without remarks can be linked")
    return NewSampleLink(sample.perm_id, sample.project.perm_id, seen.omero.omero_id)


def ended(seen: Seen, before: int | None = None) -> Ended:
    """The two ends of a pair that has no remarks."""
    if seen.openbis is None or seen.omero is None:
        raise TypeError("only a pair without remarks can be linked")
    return Ended(seen.openbis, seen.omero, before)
