"""Discovery: what conventions have linked is taken over, and told what is in doubt.

Batch by batch (`inventory.py`), what stands in both systems becomes claims (`conventions.py`), the
claims are weighed (`weighing.py`), and what is beyond doubt is linked, with the viewer's rights
checked as for any link. What is linked already is left alone, so that a second run changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backends.records import ProjectRecord
from link_store.records import Evidence, LinkKind, LinkState, ProjectLinkRecord
from resolvers.context import RequestContext
from resolvers.links.claims import FETCH, project_claims, sample_claims
from resolvers.links.ends import Pair, Seen, see
from resolvers.links.inventory import PAGE, Batch, Progress, batches
from resolvers.links.making import link_many
from resolvers.links.remarks import Remark
from resolvers.links.weighing import Agreement, Claim, Tangle, weigh


@dataclass(frozen=True, slots=True)
class Proposal:
    """A link that discovery makes, or would make: `remarks` say why not."""

    kind: LinkKind
    perm_id: str
    identifier: str
    omero_id: int
    name: str
    evidence: tuple[Evidence, ...]
    confidence: float
    linked: bool
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Objects that claim each other, but not one to one: a person has to say which is which."""

    kind: LinkKind
    perm_ids: tuple[str, ...]
    omero_ids: tuple[int, ...]
    evidence: tuple[Evidence, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """What one batch of projects came to; `remarks` are about no single proposal."""

    proposals: tuple[Proposal, ...]
    ambiguities: tuple[Ambiguity, ...]
    remarks: tuple[Remark, ...] = ()


async def discover(
    context: RequestContext,
    project: ProjectRecord | None,
    *,
    dry_run: bool,
    progress: Progress,
) -> AsyncIterator[Discovered]:
    """Go through all projects that the viewer sees, or through one, and link what is beyond doubt.

    Args:
        context: the request.
        project: the only one to go through.
        dry_run: whether nothing is to be written.
        progress: told how far it is.

    Raises:
        BackendError: a source did not answer. What was linked until then is linked.
    """
    async for batch in batches(context, project, FETCH, progress):
        yield await _discover(context, batch, dry_run=dry_run)


async def _discover(context: RequestContext, batch: Batch, *, dry_run: bool) -> Discovered:
    instance = context.services.links.openbis_instance
    agreed, tangled = weigh(
        await project_claims(context, batch, instance),
        linked=batch.project_links,
        linked_of_omero=batch.project_links_of_omero,
        within=batch.image_projects,
    )
    proposals, remarks = await _link(context, LinkKind.PROJECT, batch, agreed, dry_run=dry_run)
    ambiguities = [_ambiguity(LinkKind.PROJECT, batch, each) for each in tangled]
    links = {
        perm_id: link
        for perm_id, link in batch.project_links.items()
        if link.state is LinkState.ACTIVE
    }
    links |= {each.perm_id: _assumed(context, each) for each in proposals if not each.remarks}
    if links:
        claims = await sample_claims(context, batch, links, instance)
        linked_of_omero = await _linked_datasets(context, claims)
        agreed, tangled = [], []
        for project, own in _by_project(batch, claims).items():
            # What a sample claims in another project casts doubt on itself, not on those there.
            some, others_tangled = weigh(
                own,
                linked=batch.sample_links,
                linked_of_omero=linked_of_omero,
                within=_inside(batch, links[project].omero_id),
            )
            agreed += some
            tangled += others_tangled
        more, others = await _link(
            context, LinkKind.SAMPLE, batch, agreed, dry_run=dry_run, assumed=links
        )
        proposals += more
        remarks += others
        ambiguities += [_ambiguity(LinkKind.SAMPLE, batch, each) for each in tangled]
    return Discovered(tuple(proposals), tuple(ambiguities), tuple(remarks))


def _assumed(context: RequestContext, made: Proposal) -> ProjectLinkRecord:
    """A project's link as it is, or would be, once it is made; nobody sees it."""
    store, now = context.services.links, datetime.now(UTC)
    return ProjectLinkRecord(
        id=1,
        openbis_instance=store.openbis_instance,
        openbis_perm_id=made.perm_id,
        omero_instance=store.omero_instance,
        omero_id=made.omero_id,
        state=LinkState.ACTIVE,
        evidence=made.evidence[0],
        revision=1,
        author="nobody",
        created_at=now,
        updated_at=now,
    )


async def _link(
    context: RequestContext,
    kind: LinkKind,
    batch: Batch,
    agreed: Sequence[Agreement],
    *,
    dry_run: bool,
    assumed: Mapping[str, ProjectLinkRecord] | None = None,
) -> tuple[list[Proposal], list[Remark]]:
    proposals: list[Proposal] = []
    remarks: list[Remark] = []
    for start in range(0, len(agreed), PAGE):
        part = agreed[start : start + PAGE]
        pairs = [Pair(each.perm_id, each.omero_id) for each in part]
        seen = await see(context, kind, pairs, assumed if dry_run else None)
        free = [
            (one, each.evidence[0])
            for one, each in zip(seen, part, strict=True)
            if not one.remarks and one.existing is None
        ]
        done: set[str] = set()
        if not dry_run and free:
            made, others = await link_many(context, kind, free, "discover")
            done = {link.openbis_perm_id for link in made}
            remarks += others
        proposals += [
            _proposal(kind, batch, one, each, linked=each.perm_id in done)
            for one, each in zip(seen, part, strict=True)
        ]
    return proposals, remarks


def _proposal(
    kind: LinkKind, batch: Batch, one: Seen, each: Agreement, *, linked: bool
) -> Proposal:
    openbis: Any = batch.projects if kind is LinkKind.PROJECT else batch.samples
    omero: Any = batch.image_projects if kind is LinkKind.PROJECT else batch.datasets
    return Proposal(
        kind,
        each.perm_id,
        openbis[each.perm_id].identifier,
        each.omero_id,
        omero[each.omero_id].name,
        each.evidence,
        each.confidence,
        linked,
        tuple(one.remarks),
    )


def _ambiguity(kind: LinkKind, batch: Batch, tangle: Tangle) -> Ambiguity:
    """Say what a tangle is about."""
    if kind is LinkKind.PROJECT:
        words, links = ("project", "image project"), list(batch.project_links.values())
    else:
        words, links = ("sample", "dataset"), list(batch.sample_links.values())  # type: ignore[arg-type] # both have ends
    openbis: Any = batch.projects if kind is LinkKind.PROJECT else batch.samples
    names = [
        openbis[perm_id].code if perm_id in openbis else perm_id for perm_id in tangle.perm_ids
    ]
    settled = [link for link in links if link.openbis_perm_id in tangle.perm_ids]
    said = ", ".join(tangle.evidence)
    sentence = (
        f"{words[0].capitalize()} {', '.join(names)} and {words[1]} "
        f"{', '.join(map(str, tangle.omero_ids))} claim each other by {said}, but not one to one"
    )
    if settled:
        sentence += f"; {words[1]} {settled[0].omero_id} is linked already"
    elif len(tangle.perm_ids) == len(tangle.omero_ids) == 1:
        sentence += f": the {words[1]} is linked elsewhere, or lies in another project"
    return Ambiguity(kind, tangle.perm_ids, tangle.omero_ids, tangle.evidence, f"{sentence}.")


def _by_project(batch: Batch, claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    found: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        sample = batch.samples.get(claim.perm_id)
        if sample is not None and sample.project is not None:
            found[sample.project.perm_id].append(claim)
    return found


def _inside(batch: Batch, image_project: int) -> set[int]:
    return {
        omero_id
        for omero_id, dataset in batch.datasets.items()
        if image_project in dataset.project_ids
    }


async def _linked_datasets(context: RequestContext, claims: Sequence[Claim]) -> set[int]:
    ids = {claim.omero_id for claim in claims}
    found = await context.ask_links(
        "sampleLinksOfOmero", context.services.links.sample_links_of_omero(ids)
    )
    return set(found)
