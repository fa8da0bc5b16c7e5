"""Rebuilding: a lost link database is restored from what the links left behind in both systems.

OMERO's `omnibis/link` annotations come first, then the ids that samples' own properties hold. What
is in the database stays as it is; what the notes say otherwise, or contradict each other in, is
reported and not decided. Page by page, so that memory does not grow with the installation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from backends.fetch import Fetch
from backends.filters import PropertyMatch, SampleFilter, StringMatch
from backends.openbis.client import Search
from backends.records import Kind, SampleRecord
from link_store.records import Evidence, LinkKind, LinkRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.links import notes
from resolvers.links.ends import OMERO_KINDS, Pair, see
from resolvers.links.facts import claimed
from resolvers.links.inventory import PAGE, Progress, pages, pairs, search
from resolvers.links.making import link_many
from resolvers.links.remarks import Remark


@dataclass(frozen=True, slots=True)
class Difference:
    """Notes in the two systems, or a note and the database, that do not agree."""

    kind: LinkKind
    perm_ids: tuple[str, ...]
    omero_ids: tuple[int, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What one page of notes came to."""

    restored: tuple[Pair, ...]  # links that were made, or would be in a dry run
    unchanged: int  # notes whose link is there
    refused: tuple[tuple[Pair, tuple[Remark, ...]], ...]
    differences: tuple[Difference, ...]
    remarks: tuple[Remark, ...] = ()


async def rebuild(
    context: RequestContext, *, dry_run: bool, progress: Progress
) -> AsyncIterator[Rebuilt]:
    """Restore links from the notes that the viewer sees.

    In a dry run, samples below projects that are not linked yet are told as refused.

    Raises:
        BackendError: a source did not answer. What was restored until then is restored.
    """
    for kind in LinkKind:
        done = 0
        async for page in _annotated(context, kind):
            yield await _restore(context, kind, page, Evidence.MAP_ANNOTATION, dry_run=dry_run)
            done += len(page)
            progress(f"annotations of {kind.lower()}s", done, None)
    done = 0
    async for noted in _noted(context):
        yield await _restore(context, LinkKind.SAMPLE, noted, Evidence.OMERO_IDS, dry_run=dry_run)
        done += len(noted)
        progress("properties", done, None)


async def _restore(
    context: RequestContext,
    kind: LinkKind,
    said: Sequence[tuple[str, int]],
    evidence: Evidence,
    *,
    dry_run: bool,
) -> Rebuilt:
    """Link what is said of free objects, and tell what is said otherwise than it is."""
    here, there = await _present(context, kind, said)
    times_here = Counter(perm_id for perm_id, _ in said)
    times_there = Counter(omero_id for _, omero_id in said)
    unchanged, wanted = 0, list[Pair]()
    differences: list[Difference] = []
    for perm_id, omero_id in said:
        link, other = here.get(perm_id), there.get(omero_id)
        if link is not None and link == other:
            unchanged += 1
        elif link is not None or other is not None:
            differences.append(_differs(kind, perm_id, omero_id, link, other, evidence))
        elif times_here[perm_id] > 1 or times_there[omero_id] > 1:
            sentence = f"{perm_id} and {omero_id} are noted for more than each other ({evidence})."
            differences.append(Difference(kind, (perm_id,), (omero_id,), sentence))
        else:
            wanted.append(Pair(perm_id, omero_id))
    seen = await see(context, kind, wanted) if wanted else []
    free = [one for one in seen if not one.remarks]
    restored = tuple(one.pair for one in free)
    left: Sequence[Remark] = ()
    if free and not dry_run:
        made, left = await link_many(context, kind, [(one, evidence) for one in free], "rebuild")
        done = {link.openbis_perm_id for link in made}
        restored = tuple(pair for pair in restored if pair.openbis in done)
    return Rebuilt(
        restored,
        unchanged,
        tuple((one.pair, tuple(one.remarks)) for one in seen if one.remarks),
        tuple(differences),
        tuple(left),
    )


def _differs(
    kind: LinkKind,
    perm_id: str,
    omero_id: int,
    link: LinkRecord | None,
    other: LinkRecord | None,
    evidence: Evidence,
) -> Difference:
    said = f"{perm_id} is noted ({evidence}) for {omero_id}"
    is_so = [
        f"{one.openbis_perm_id} is linked to {one.omero_id}"
        for one in (link, other)
        if one is not None
    ]
    sentence = f"{said}, but {' and '.join(is_so)}."
    return Difference(kind, (perm_id,), (omero_id,), sentence)


async def _present(
    context: RequestContext, kind: LinkKind, said: Sequence[tuple[str, int]]
) -> tuple[Mapping[str, LinkRecord], Mapping[int, LinkRecord]]:
    store = context.services.links
    perm_ids, numbers = [one for one, _ in said], [one for _, one in said]
    if kind is LinkKind.PROJECT:
        return (
            await context.ask_links("projectLinks", store.project_links(perm_ids)),
            await context.ask_links("projectLinksOfOmero", store.project_links_of_omero(numbers)),
        )
    return (
        await context.ask_links("sampleLinks", store.sample_links(perm_ids)),
        await context.ask_links("sampleLinksOfOmero", store.sample_links_of_omero(numbers)),
    )


async def _annotated(
    context: RequestContext, kind: LinkKind
) -> AsyncIterator[list[tuple[str, int]]]:
    """What annotations of ours say, page by page; with each, all others that claim the same."""
    client, session, beyond = context.services.omero, context.omero_session(), 0
    of_kind, instance = OMERO_KINDS[kind], context.services.links.openbis_instance
    told: set[int] = set()
    while True:
        claims = await client.claims(
            session,
            of_kind,
            notes.NAMESPACE,
            notes.PERM_ID,
            context.call,
            beyond=beyond,
            limit=PAGE,
        )
        rivals = await client.claimants(
            session,
            of_kind,
            notes.NAMESPACE,
            notes.PERM_ID,
            {claim.value for claim in claims},
            context.call,
        )
        ids = sorted({claim.omero_id for claim in (*claims, *rivals)} - told)
        by_perm_id: defaultdict[str, set[int]] = defaultdict(set)
        for omero_id, present in (await pairs(context, of_kind, ids)).items():
            for perm_id in claimed(present, instance):
                by_perm_id[perm_id].add(omero_id)
        told |= {
            omero_id for rivals_ in by_perm_id.values() if len(rivals_) > 1 for omero_id in rivals_
        }
        yield [(perm_id, one) for perm_id, found in by_perm_id.items() for one in sorted(found)]
        if len(claims) < PAGE:
            return
        beyond = claims[-1].link_id


async def _noted(context: RequestContext) -> AsyncIterator[list[tuple[str, int]]]:
    """What samples' own properties say, page by page."""
    of_dataset = PropertyMatch(notes.ID_TYPE_PROPERTY, string=StringMatch(eq=notes.DATASET))
    types = await context.loaders.entity_types.load(Kind.SAMPLE)
    declared = {each.code for one in types.values() for each in one.properties}
    if notes.ID_TYPE_PROPERTY not in declared:
        return
    filter_ = SampleFilter(properties=(of_dataset,))
    fetch = Fetch.of("properties")
    async for page in pages(
        lambda page: search(context, Search(Kind.SAMPLE, filter_, page, fetch)),
        catalog.PERM_ID_ORDER,
    ):
        said = [
            (sample.perm_id, number)
            for sample in page.items
            if isinstance(sample, SampleRecord)
            and (number := notes.noted_dataset(sample)) is not None
        ]
        if said:
            yield said
