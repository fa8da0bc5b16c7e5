"""What an audit is told of both systems: the facts of one batch, completed where links lead out.

A batch holds projects with what lies in them. Links and annotations lead to objects elsewhere: a
sample that was moved to another project, a dataset that was taken out of its image project, a
second claimant of the same sample. Those are looked up by id, so that nothing is taken for gone
which merely lies elsewhere. `audit.py` hands the facts to `link_store/reconcile.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.errors import Source
from backends.fetch import Fetch
from backends.openbis.client import Get
from backends.records import (
    ImageProjectRecord,
    ImagingKind,
    KeyValueRecord,
    Kind,
    ProjectRecord,
    SampleRecord,
)
from link_store.findings import (
    AuditFacts,
    OmeroDatasetFact,
    OmeroProjectFact,
    OpenbisProjectFact,
    OpenbisSampleFact,
)
from link_store.records import LinkKind, LinkRecord, SampleLinkRecord
from resolvers.context import RequestContext
from resolvers.links import notes
from resolvers.links.inventory import Batch, Dataset, pairs


@dataclass(slots=True)
class Holdings:
    """What both systems and the link store hold, as far as it was looked at; all by id."""

    projects: dict[str, ProjectRecord] = field(default_factory=dict)
    samples: dict[str, SampleRecord] = field(default_factory=dict)
    image_projects: dict[int, ImageProjectRecord] = field(default_factory=dict)
    image_project_pairs: dict[int, tuple[KeyValueRecord, ...]] = field(default_factory=dict)
    datasets: dict[int, Dataset] = field(default_factory=dict)
    links: dict[Any, LinkRecord] = field(default_factory=dict)  # by their references

    @staticmethod
    def of(batch: Batch) -> Holdings:
        """What a batch holds, to be completed."""
        links: Iterable[LinkRecord] = (
            *batch.project_links.values(),
            *(
                link
                for omero_id, link in batch.project_links_of_omero.items()
                if omero_id in batch.image_projects
            ),
            *batch.sample_links.values(),
        )
        return Holdings(
            dict(batch.projects),
            dict(batch.samples),
            dict(batch.image_projects),
            dict(batch.image_project_pairs),
            dict(batch.datasets),
            {link.ref: link for link in links},
        )

    def of_kind(self, kind: LinkKind) -> list[LinkRecord]:
        """The links of one kind."""
        return [link for link in self.links.values() if link.ref.kind is kind]


async def facts_of(context: RequestContext, held: Holdings) -> AuditFacts:
    """Complete what is held, and put it into facts.

    Raises:
        BackendError: a source did not answer; half an audit would mislead.
    """
    instance = context.services.links.openbis_instance
    seen = [await context.loaders.oversight.load(each) for each in (Source.OPENBIS, Source.OMERO)]
    await _follow_annotations(context, held, instance)
    await _follow_links(context, held)
    return AuditFacts(
        projects=tuple(OpenbisProjectFact(one.perm_id, one.code) for one in held.projects.values()),
        samples=tuple(
            OpenbisSampleFact(
                one.perm_id, one.code, None if one.project is None else one.project.perm_id
            )
            for one in held.samples.values()
        ),
        image_projects=tuple(
            OmeroProjectFact(
                one.omero_id,
                one.name,
                *_annotation(
                    held.image_project_pairs.get(one.omero_id, ()), instance, held.projects
                ),
            )
            for one in held.image_projects.values()
        ),
        image_datasets=tuple(
            OmeroDatasetFact(
                one.omero_id,
                one.name,
                one.project_ids,
                *_annotation(one.pairs, instance, held.samples),
            )
            for one in held.datasets.values()
        ),
        links=tuple(held.links.values()),
        openbis_complete=seen[0],
        omero_complete=seen[1],
    )


def claimed(pairs_: Iterable[KeyValueRecord], instance: str) -> list[str]:
    """The permIds that annotations of ours name, for this openBIS."""
    return [
        values[notes.PERM_ID]
        for values in notes.said(pairs_).values()
        if values.get(notes.INSTANCE, instance) == instance and values.get(notes.PERM_ID)
    ]


def _annotation(
    pairs_: Iterable[KeyValueRecord], instance: str, openbis: Mapping[str, Any]
) -> tuple[str | None, bool]:
    """What an object is annotated for, and whether that is called otherwise by now."""
    found = claimed(pairs_, instance)
    if not found:
        return None, False
    identifiers = [values.get(notes.IDENTIFIER) for values in notes.said(pairs_).values()]
    record = openbis.get(found[0])
    renamed = record is not None and identifiers != [record.identifier]
    return found[0], renamed or len(found) > 1


async def _follow_annotations(context: RequestContext, held: Holdings, instance: str) -> None:
    """Look up what free objects are annotated for, and who else is."""
    linked = {link.omero_id for link in held.of_kind(LinkKind.SAMPLE)}
    said = {
        perm_id
        for omero_id, dataset in held.datasets.items()
        if omero_id not in linked
        for perm_id in claimed(dataset.pairs, instance)
    }
    linked_projects = {link.omero_id for link in held.of_kind(LinkKind.PROJECT)}
    said_projects = {
        perm_id
        for omero_id in held.image_projects
        if omero_id not in linked_projects
        for perm_id in claimed(held.image_project_pairs.get(omero_id, ()), instance)
    }
    await _claimants(context, held, said, said_projects)
    store = context.services.links
    if said:
        found = await context.ask_links("sampleLinks", store.sample_links(said))
        held.links |= {link.ref: link for link in found.values()}
        await _read_samples(context, held, said)
    if said_projects:
        above = await context.ask_links("projectLinks", store.project_links(said_projects))
        held.links |= {link.ref: link for link in above.values()}
        await _read_projects(context, held, said_projects)


async def _claimants(
    context: RequestContext, held: Holdings, said: Collection[str], said_projects: Collection[str]
) -> None:
    """Other objects that are annotated for the same, wherever they lie."""
    client, session = context.services.omero, context.omero_session()
    for kind, perm_ids in (
        (ImagingKind.IMAGE_DATASET, said),
        (ImagingKind.IMAGE_PROJECT, said_projects),
    ):
        if not perm_ids:
            continue
        claims = await client.claimants(
            session, kind, notes.NAMESPACE, notes.PERM_ID, perm_ids, context.call
        )
        ids = {claim.omero_id for claim in claims}
        if kind is ImagingKind.IMAGE_DATASET:
            await read_datasets(context, held, ids)
            store = context.services.links
            links = await context.ask_links("sampleLinksOfOmero", store.sample_links_of_omero(ids))
            held.links |= {link.ref: link for link in links.values()}
        else:
            await read_image_projects(context, held, ids)
            store = context.services.links
            above = await context.ask_links(
                "projectLinksOfOmero", store.project_links_of_omero(ids)
            )
            held.links |= {link.ref: link for link in above.values()}


async def _follow_links(context: RequestContext, held: Holdings) -> None:
    """Look up the ends of links that lie elsewhere, and the links of the projects above them."""
    store = context.services.links
    samples = held.of_kind(LinkKind.SAMPLE)
    await asyncio.gather(
        _read_samples(context, held, {link.openbis_perm_id for link in samples}),
        read_datasets(context, held, {link.omero_id for link in samples}),
    )
    known = {link.openbis_perm_id for link in held.of_kind(LinkKind.PROJECT)}
    above = {link.project_perm_id for link in samples if isinstance(link, SampleLinkRecord)} - known
    if above:
        found = await context.ask_links("projectLinks", store.project_links(above))
        held.links |= {link.ref: link for link in found.values()}
    projects = held.of_kind(LinkKind.PROJECT)
    await asyncio.gather(
        _read_projects(context, held, {link.openbis_perm_id for link in projects}),
        read_image_projects(context, held, {link.omero_id for link in projects}),
    )


async def _read_samples(context: RequestContext, held: Holdings, ids: Collection[str]) -> None:
    missing = tuple(sorted(set(ids) - held.samples.keys()))
    if missing:
        fetch = Fetch.of("type", "properties", "project")
        held.samples |= await _get(context, Kind.SAMPLE, missing, fetch)


async def _read_projects(context: RequestContext, held: Holdings, ids: Collection[str]) -> None:
    missing = tuple(sorted(set(ids) - held.projects.keys()))
    if missing:
        held.projects |= await _get(context, Kind.PROJECT, missing, Fetch.of("space"))


async def _get(
    context: RequestContext, kind: Kind, ids: tuple[str, ...], fetch: Fetch
) -> dict[str, Any]:
    token = context.openbis_token()
    (found,) = await context.services.openbis.execute(token, [Get(kind, ids, fetch)], context.call)
    records: dict[str, Any] = found
    return records


async def read_datasets(context: RequestContext, held: Holdings, ids: Collection[int]) -> None:
    """Add datasets by id, with the image projects they lie in and their key-values."""
    missing = sorted(set(ids) - held.datasets.keys())
    if not missing:
        return
    client, session = context.services.omero, context.omero_session()
    found, above, told = await asyncio.gather(
        client.image_datasets_by_ids(session, missing, Fetch(), context.call),
        client.image_projects_of_datasets(session, missing, context.call),
        pairs(context, ImagingKind.IMAGE_DATASET, missing),
    )
    for omero_id, record in found.items():
        projects = tuple(each.omero_id for each in above.get(omero_id, ()))
        held.datasets[omero_id] = Dataset(
            omero_id, record.name, record.group_id, projects, told.get(omero_id, ())
        )


async def read_image_projects(
    context: RequestContext, held: Holdings, ids: Collection[int]
) -> None:
    """Add image projects by id, with their key-values."""
    missing = sorted(set(ids) - held.image_projects.keys())
    if not missing:
        return
    client, session = context.services.omero, context.omero_session()
    found, told = await asyncio.gather(
        client.image_projects_by_ids(session, missing, Fetch(), context.call),
        pairs(context, ImagingKind.IMAGE_PROJECT, missing),
    )
    held.image_projects |= found
    held.image_project_pairs |= told
