"""Reading the link database for a viewer: links, their history, and the audit of one project.

A link is shown to whoever sees its openBIS end; whether the images beyond it may be seen is OMERO's
to say. The audit gathers what both systems hold of one project and lets `link_store/reconcile.py`
compare. Making and changing links is not done here yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backends.fetch import Fetch
from backends.filters import PageRequest
from backends.records import ImageDatasetRecord, ImagingKind, Kind, ProjectRecord
from link_store.findings import (
    AuditFacts,
    LinkFinding,
    OmeroDatasetFact,
    OmeroProjectFact,
    OpenbisProjectFact,
    OpenbisSampleFact,
)
from link_store.reconcile import reconcile
from resolvers import catalog, imaging
from resolvers.context import RequestContext
from resolvers.paging import MAXIMUM_PAGE

ANNOTATION_NAMESPACE = "omnibis/link"
ANNOTATION_KEY = "openBIS permId"


@dataclass(frozen=True, slots=True)
class LinkAudit:
    """What an audit of one project found, and how much it looked at."""

    findings: tuple[LinkFinding, ...]
    samples: int
    image_datasets: int
    links: int


async def audit(context: RequestContext, project: ProjectRecord) -> LinkAudit:
    """Compare what both systems hold of one project with the links between them.

    Reads ids, codes, names and link annotations only, a page of 500 at a time. What the viewer may
    not see is not reported as gone: an incomplete side proves nothing.

    Raises:
        BackendError: a source did not answer; half an audit would mislead.
    """
    store = context.services.links
    own = await context.loaders.project_links.load(project.perm_id)
    identity = await imaging.omero_identity(context)
    samples, datasets, links = await asyncio.gather(
        _samples(context, project),
        _image_datasets(context, own.omero_id) if own else _nothing(),
        context.ask_links(
            "sampleLinksOfProjects",
            store.sample_links_of_projects([project.perm_id]),
        ),
    )
    sample_links = links.get(project.perm_id, ())
    image_projects = await _image_projects(context, own.omero_id) if own else ()
    strays = {link.omero_id for link in sample_links} - {fact.omero_id for fact in datasets}
    datasets = (*datasets, *await _strayed(context, strays))
    facts = AuditFacts(
        projects=(OpenbisProjectFact(project.perm_id, project.code),),
        samples=samples,
        image_projects=image_projects,
        image_datasets=datasets,
        links=(*((own,) if own else ()), *sample_links),
        openbis_complete=True,
        omero_complete=identity.is_admin,
    )
    findings = reconcile(facts, now=datetime.now(UTC))
    return LinkAudit(findings, len(samples), len(datasets), len(facts.links))


async def _samples(
    context: RequestContext, project: ProjectRecord
) -> tuple[OpenbisSampleFact, ...]:
    found: list[OpenbisSampleFact] = []
    filter_ = catalog.samples_of_project(project.perm_id, None)
    page = PageRequest(MAXIMUM_PAGE, catalog.PERM_ID_ORDER)
    while True:
        rows = await catalog.search(context, Kind.SAMPLE, filter_, page, Fetch())
        found.extend(
            OpenbisSampleFact(row.perm_id, row.code, project.perm_id) for row in rows.items
        )
        if not rows.has_more:
            return tuple(found)
        page = PageRequest(MAXIMUM_PAGE, catalog.PERM_ID_ORDER, key=rows.keys[-1])


async def _image_datasets(context: RequestContext, project_id: int) -> tuple[OmeroDatasetFact, ...]:
    found: list[ImageDatasetRecord] = []
    page = PageRequest(MAXIMUM_PAGE, imaging.ID_ORDER)
    while True:
        rows = await context.services.omero.image_datasets(
            context.omero_session(), None, page, Fetch(), context.call, project=project_id
        )
        found.extend(rows.items)
        if not rows.has_more:
            break
        page = PageRequest(MAXIMUM_PAGE, imaging.ID_ORDER, key=rows.keys[-1])
    return await _dataset_facts(context, found, {row.omero_id: (project_id,) for row in found})


async def _strayed(context: RequestContext, ids: Collection[int]) -> tuple[OmeroDatasetFact, ...]:
    """Read linked datasets that are not in the linked project: moved away, or gone."""
    if not ids:
        return ()
    found = await context.services.omero.image_datasets_by_ids(
        context.omero_session(), ids, Fetch(), context.call
    )
    parents = await context.services.omero.image_projects_of_datasets(
        context.omero_session(), list(found), context.call
    )
    projects = {
        number: tuple(parent.omero_id for parent in above) for number, above in parents.items()
    }
    return await _dataset_facts(context, list(found.values()), projects)


async def _dataset_facts(
    context: RequestContext, rows: list[ImageDatasetRecord], projects: dict[int, tuple[int, ...]]
) -> tuple[OmeroDatasetFact, ...]:
    annotated = await _annotations(
        context, ImagingKind.IMAGE_DATASET, [row.omero_id for row in rows]
    )
    return tuple(
        OmeroDatasetFact(
            row.omero_id, row.name, projects.get(row.omero_id, ()), annotated.get(row.omero_id)
        )
        for row in rows
    )


async def _image_projects(context: RequestContext, project_id: int) -> tuple[OmeroProjectFact, ...]:
    found = await context.services.omero.image_projects_by_ids(
        context.omero_session(), [project_id], Fetch(), context.call
    )
    annotated = await _annotations(context, ImagingKind.IMAGE_PROJECT, list(found))
    return tuple(
        OmeroProjectFact(row.omero_id, row.name, annotated.get(row.omero_id))
        for row in found.values()
    )


async def _annotations(
    context: RequestContext, kind: ImagingKind, ids: list[int]
) -> dict[int, str]:
    if not ids:
        return {}
    pairs = await context.services.omero.key_values(
        context.omero_session(), kind, ids, context.call
    )
    return {
        number: pair.value
        for number, those in pairs.items()
        for pair in those
        if pair.namespace == ANNOTATION_NAMESPACE and pair.key == ANNOTATION_KEY
    }


async def _nothing() -> tuple[Any, ...]:
    return ()
