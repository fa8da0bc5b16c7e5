"""The audit: what is wrong between the two systems and the links, for one project or for all.

It goes through openBIS's projects batch by batch, then through the links whose projects are gone
from openBIS, then through OMERO objects that are annotated but linked to nothing. Each part is
compared by `link_store/reconcile.py`. What the viewer may not see is not reported as gone: an
incomplete side proves nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from backends.errors import Source
from backends.fetch import Fetch
from backends.omero.linkage import Claim
from backends.openbis.client import Get
from backends.records import ImagingKind, Kind, ProjectRecord
from link_store.findings import AuditFacts, FindingKind, LinkFinding
from link_store.reconcile import reconcile
from link_store.records import LinkKind, LinkRecord
from resolvers.context import RequestContext
from resolvers.links import notes
from resolvers.links.facts import Holdings, facts_of, read_datasets, read_image_projects
from resolvers.links.inventory import PAGE, Progress, batches

FETCH: Final = Fetch.of("type", "properties")  # of each sample: a repair may write a property
TOLD: Final = 500  # findings that one audit keeps, unless more are asked for


@dataclass(frozen=True, slots=True)
class Audited:
    """What one part of an audit found, and what it looked at."""

    findings: tuple[LinkFinding, ...]
    facts: AuditFacts
    held: Holdings


@dataclass(slots=True)
class LinkAudit:
    """What an audit found: the first findings, all of them counted, and how much it looked at."""

    findings: list[LinkFinding] = field(default_factory=list)
    counts: Counter[FindingKind] = field(default_factory=Counter)
    samples: int = 0
    image_datasets: int = 0
    links: int = 0

    def add(self, part: Audited, most: int = TOLD) -> None:
        """Take in one part."""
        self.counts.update(finding.kind for finding in part.findings)
        self.findings += part.findings[: max(0, most - len(self.findings))]
        self.samples += len(part.facts.samples)
        self.image_datasets += len(part.facts.image_datasets)
        self.links += len(part.facts.links)


def finding_id(finding: LinkFinding) -> str:
    """What a finding is called: the same whenever the same is found again."""
    told = (
        finding.kind,
        finding.link_kind,
        *finding.openbis_perm_ids,
        *map(str, finding.omero_ids),
        finding.repair,
    )
    return hashlib.blake2b("\n".join(told).encode(), digest_size=8).hexdigest()


async def audit(
    context: RequestContext,
    project: ProjectRecord | None,
    *,
    most: int = TOLD,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> LinkAudit:
    """Audit one project, or all that the viewer sees.

    Args:
        context: the request.
        project: the only one.
        most: how many findings to keep; all are counted.
        progress: told how far it is.
        now: taken for the present.

    Raises:
        BackendError: a source did not answer; half an audit would mislead.
    """
    whole = LinkAudit()
    async for part in parts(context, project, progress or _silent, now):
        whole.add(part, most)
    return whole


async def parts(
    context: RequestContext,
    project: ProjectRecord | None,
    progress: Progress,
    now: datetime | None = None,
) -> AsyncIterator[Audited]:
    """Audit part by part; no finding comes twice.

    Raises:
        BackendError: a source did not answer.
    """
    told: set[str] = set()
    now = now or datetime.now(UTC)
    async for batch in batches(context, project, FETCH, progress):
        yield await _compared(context, Holdings.of(batch), told, now)
    if project is not None:
        return
    async for links in _of_lost_projects(context):
        yield await _compared(
            context, Holdings(links={link.ref: link for link in links}), told, now
        )
    for kind in (ImagingKind.IMAGE_PROJECT, ImagingKind.IMAGE_DATASET):
        async for claims in _unlinked_claims(context, kind):
            yield await _compared(context, await _claiming(context, kind, claims), told, now)


async def _compared(
    context: RequestContext, held: Holdings, told: set[str], now: datetime
) -> Audited:
    facts = await facts_of(context, held)
    new = []
    for finding in reconcile(facts, now=now):
        name = finding_id(finding)
        if name not in told:
            told.add(name)
            new.append(finding)
    return Audited(tuple(new), facts, held)


async def _of_lost_projects(context: RequestContext) -> AsyncIterator[list[LinkRecord]]:
    """Live links of projects that openBIS does not show, with those of their samples.

    Where something may be hidden from the viewer nothing can be said of them.
    """
    if not await context.loaders.oversight.load(Source.OPENBIS):
        return
    store, key = context.services.links, None
    while True:
        page = await context.ask_links(
            "searchLinks", store.search(limit=PAGE, kind=LinkKind.PROJECT, key=key)
        )
        ids = tuple(link.openbis_perm_id for link in page.items)
        (there,) = await context.services.openbis.execute(
            context.openbis_token(), [Get(Kind.PROJECT, ids)], context.call
        )
        lost = [link for link in page.items if link.openbis_perm_id not in there]
        if lost:
            below = await context.ask_links(
                "sampleLinksOfProjects",
                store.sample_links_of_projects([link.openbis_perm_id for link in lost]),
            )
            yield [*lost, *(link for links in below.values() for link in links)]
        if not page.has_more:
            return
        key = page.keys[-1]


async def _unlinked_claims(
    context: RequestContext, kind: ImagingKind
) -> AsyncIterator[list[Claim]]:
    """Annotations of ours on objects that stand in no live link, page by page."""
    client, session, beyond = context.services.omero, context.omero_session(), 0
    store = context.services.links
    while True:
        claims = await client.claims(
            session, kind, notes.NAMESPACE, notes.PERM_ID, context.call, beyond=beyond, limit=PAGE
        )
        ids = {claim.omero_id for claim in claims}
        linked: Collection[int]
        if kind is ImagingKind.IMAGE_PROJECT:
            linked = await context.ask_links(
                "projectLinksOfOmero", store.project_links_of_omero(ids)
            )
        else:
            linked = await context.ask_links("sampleLinksOfOmero", store.sample_links_of_omero(ids))
        free = [claim for claim in claims if claim.omero_id not in linked]
        if free:
            yield free
        if len(claims) < PAGE:
            return
        beyond = claims[-1].link_id


async def _claiming(context: RequestContext, kind: ImagingKind, claims: list[Claim]) -> Holdings:
    held = Holdings()
    ids = {claim.omero_id for claim in claims}
    if kind is ImagingKind.IMAGE_PROJECT:
        await read_image_projects(context, held, ids)
    else:
        await read_datasets(context, held, ids)
    return held


def _silent(_name: str, _done: int, _total: int | None) -> None:
    pass
