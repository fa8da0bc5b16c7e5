"""Reading what the conventions have left in both systems, as claims about one batch of projects.

What is settled already is not asked about again: where all samples and datasets are linked, this
costs no call. `discover.py` weighs the claims.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from backends.fetch import Fetch
from backends.filters import OmicsFilter, ProjectFilter, SampleFilter, StringMatch
from backends.openbis.client import Search
from backends.records import ImagingKind, Kind, SampleRecord
from link_store.records import Evidence, ProjectLinkRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.links import conventions
from resolvers.links.conventions import Targets
from resolvers.links.inventory import Batch, pages, search
from resolvers.links.weighing import Claim

RUN_TYPES: Final = frozenset({"Q_BMI_GENERIC_IMAGING_RUN"})
FETCH: Final = Fetch.of("type", "properties", parents=Fetch.of("type"))  # of each sample


async def project_claims(context: RequestContext, batch: Batch, instance: str) -> list[Claim]:
    """What says that projects and free image projects belong together."""
    by_code: defaultdict[str, list[str]] = defaultdict(list)
    by_identifier = {each.identifier: perm_id for perm_id, each in batch.projects.items()}
    for perm_id, each in batch.projects.items():
        by_code[each.code].append(perm_id)
    free = [each for each in batch.image_projects if each not in batch.project_links_of_omero]
    addresses = await context.services.omero.addresses(
        context.omero_session(), ImagingKind.IMAGE_PROJECT, free, context.call
    )
    claims: list[Claim] = []
    for omero_id in free:
        record = batch.image_projects[omero_id]
        claims += [Claim(one, omero_id, Evidence.NAME) for one in by_code.get(record.name, ())]
        pairs = batch.image_project_pairs.get(omero_id, ())
        named = conventions.annotated(pairs, instance)
        claims += [
            Claim(by_identifier.get(one, one), omero_id, Evidence.MAP_ANNOTATION)
            for one in named
            if by_identifier.get(one, one) in batch.projects
        ]
        claims += [
            Claim(one, omero_id, Evidence.COMMENT_URL)
            for text in addresses.get(omero_id, ())
            for one in conventions.perm_ids_in(text)
            if one in batch.projects
        ]
    return claims


async def sample_claims(
    context: RequestContext, batch: Batch, links: Mapping[str, ProjectLinkRecord], instance: str
) -> list[Claim]:
    """What says that samples of linked projects and datasets belong together."""
    samples = {
        perm_id: sample
        for perm_id, sample in batch.samples.items()
        if sample.project is not None and sample.project.perm_id in links
    }
    if all(perm_id in batch.sample_links for perm_id in samples) and _settled(batch):
        return []
    claims = _name_claims(batch, samples, links)
    targets = [*_property_targets(samples), *await _copy_targets(context, links)]
    claims += await _target_claims(context, targets)
    claims += await _omero_claims(context, batch, samples, instance)
    return claims


def _settled(batch: Batch) -> bool:
    linked = {link.omero_id for link in batch.sample_links.values()}
    return all(omero_id in linked for omero_id in batch.datasets)


def _name_claims(
    batch: Batch, samples: Mapping[str, SampleRecord], links: Mapping[str, ProjectLinkRecord]
) -> list[Claim]:
    """A dataset bears the code of a sample of the project that its image project is linked to."""
    projects = {link.omero_id: perm_id for perm_id, link in links.items()}
    codes: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for perm_id, sample in samples.items():
        if sample.project is not None:
            codes[sample.project.perm_id, sample.code].append(perm_id)
    return [
        Claim(perm_id, omero_id, Evidence.NAME)
        for omero_id, dataset in batch.datasets.items()
        for above in dataset.project_ids
        if above in projects
        for perm_id in codes.get((projects[above], dataset.name), ())
    ]


Targeted = tuple[str, Targets, Evidence]  # the sample's permId, what is named, and by what


def _property_targets(samples: Mapping[str, SampleRecord]) -> list[Targeted]:
    found: list[Targeted] = []
    for perm_id, sample in samples.items():
        own = conventions.own_targets(sample)
        if own:
            found.append((perm_id, own, Evidence.OMERO_IDS))
        has_ids = any(each.code == conventions.RUN_IDS for each in sample.properties or ())
        if has_ids or sample.type_code in RUN_TYPES:
            targets = conventions.run_targets(sample)
            if targets:
                found += [(one, targets, Evidence.Q_OMERO_IDS) for one in _imaged(sample)]
    return found


def _imaged(sample: SampleRecord) -> tuple[str, ...]:
    """What an imaging run took pictures of: its parents, or itself if it is no run."""
    is_run = sample.type_code in RUN_TYPES or any(
        each.code == conventions.RUN_IDS for each in sample.properties or ()
    )
    parents = tuple(parent.perm_id for parent in sample.parents or ())
    return parents if is_run and parents else (sample.perm_id,)


async def _copy_targets(
    context: RequestContext, links: Mapping[str, ProjectLinkRecord]
) -> list[Targeted]:
    within = SampleFilter(project=ProjectFilter(perm_id=StringMatch(one_of=tuple(links))))
    filter_ = OmicsFilter(kind="LINK", sample=within)
    fetch = Fetch.of("content_copies", sample=Fetch.of("type", parents=Fetch.of("type")))
    found: list[Targeted] = []
    async for page in pages(
        lambda page: search(context, Search(Kind.OMICS_DATASET, filter_, page, fetch)),
        catalog.CODE_ORDER,
    ):
        for row in page.items:
            targets = conventions.copy_targets(row.content_copies)
            if targets and row.sample is not None:
                found += [(one, targets, Evidence.LINK_DATASET) for one in _imaged(row.sample)]
    return found


async def _target_claims(context: RequestContext, targets: Iterable[Targeted]) -> list[Claim]:
    """Datasets that are named, and those that hold all the images that are named together.

    Images that lie in no dataset together claim each of theirs, so that nothing is decided.
    """
    listed = list(targets)
    images = list(dict.fromkeys(each for _, named, _ in listed for each in named.images))
    homes = (
        await context.services.omero.image_datasets_of_images(
            context.omero_session(), images, context.call
        )
        if images
        else {}
    )
    claims: list[Claim] = []
    for perm_id, named, evidence in listed:
        claims += [Claim(perm_id, omero_id, evidence) for omero_id in named.datasets]
        holding = [
            {dataset.omero_id for dataset in homes[image]}
            for image in named.images
            if image in homes
        ]
        if holding:
            common = set.intersection(*holding)
            claims += [
                Claim(perm_id, omero_id, evidence)
                for omero_id in sorted(common or set.union(*holding))
            ]
    return claims


async def _omero_claims(
    context: RequestContext, batch: Batch, samples: Mapping[str, SampleRecord], instance: str
) -> list[Claim]:
    """What annotations and comments on datasets, and on their images, say."""
    omero, session, ids = context.services.omero, context.omero_session(), list(batch.datasets)
    on_datasets, on_images = await asyncio.gather(
        omero.addresses(session, ImagingKind.IMAGE_DATASET, ids, context.call),
        omero.addresses_on_images(session, ids, context.call),
    )
    by_identifier = {sample.identifier: perm_id for perm_id, sample in samples.items()}
    claims: list[Claim] = []
    for omero_id, dataset in batch.datasets.items():
        for one in conventions.annotated(dataset.pairs, instance):
            perm_id = by_identifier.get(one, one)
            if perm_id in samples:
                claims.append(Claim(perm_id, omero_id, Evidence.MAP_ANNOTATION))
        for text in (*on_datasets.get(omero_id, ()), *on_images.get(omero_id, ())):
            claims += [
                Claim(one, omero_id, Evidence.COMMENT_URL)
                for one in conventions.perm_ids_in(text)
                if one in samples
            ]
    return claims
