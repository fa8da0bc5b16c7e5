"""Both systems' contents, some projects at a time: what discovery and audit look at.

A batch is a few openBIS projects with their samples, the image projects that they are linked to or
that bear their code, and the datasets in those. Projects are gathered until their samples fill a
batch, so memory is bounded by the largest project and the calls grow with the number of pages,
whether an institute has few large projects or many small ones.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backends.fetch import Fetch
from backends.filters import (
    ContainerFilter,
    Page,
    PageRequest,
    ProjectFilter,
    SampleFilter,
    StringMatch,
)
from backends.openbis.client import Count, Search
from backends.records import (
    ImageProjectRecord,
    ImagingKind,
    KeyValueRecord,
    Kind,
    ProjectRecord,
    SampleRecord,
)
from link_store.records import ProjectLinkRecord, SampleLinkRecord
from resolvers import catalog, imaging
from resolvers.context import RequestContext

PAGE: Final = 1_000  # rows per call
SAMPLES_AT_ONCE: Final = 5_000  # that projects are gathered for
PROJECTS_AT_ONCE: Final = 200
Progress = Callable[[str, int, int | None], None]


@dataclass(slots=True)
class Dataset:
    """A dataset of OMERO, with those of a batch's image projects that it lies in."""

    omero_id: int
    name: str
    group_id: int
    project_ids: tuple[int, ...]
    pairs: tuple[KeyValueRecord, ...] = ()


@dataclass(slots=True)
class Batch:
    """Some openBIS projects and what may belong to them; all look-ups are by id."""

    projects: dict[str, ProjectRecord] = field(default_factory=dict)
    samples: dict[str, SampleRecord] = field(default_factory=dict)
    image_projects: dict[int, ImageProjectRecord] = field(default_factory=dict)
    image_project_pairs: dict[int, tuple[KeyValueRecord, ...]] = field(default_factory=dict)
    datasets: dict[int, Dataset] = field(default_factory=dict)
    project_links: dict[str, ProjectLinkRecord] = field(default_factory=dict)  # by permId
    project_links_of_omero: dict[int, ProjectLinkRecord] = field(default_factory=dict)
    sample_links: dict[str, SampleLinkRecord] = field(default_factory=dict)  # by permId


async def batches(
    context: RequestContext,
    project: ProjectRecord | None,
    fetch: Fetch,
    progress: Progress,
) -> AsyncIterator[Batch]:
    """Read all projects that the viewer sees, or one, batch by batch.

    Args:
        context: the request.
        project: the only one to read.
        fetch: what to read of each sample, beyond its project.
        progress: told how many projects are done.

    Raises:
        BackendError: a source did not answer.
    """
    if project is not None:
        yield await _read(context, [project], fetch)
        return
    done, gathered, samples = 0, list[ProjectRecord](), 0
    total = await context.services.openbis.execute(
        context.openbis_token(), [Count(Kind.PROJECT)], context.call
    )
    async for group, number in _groups(context):
        full = samples + number > SAMPLES_AT_ONCE or len(gathered) >= PROJECTS_AT_ONCE
        if gathered and full:
            yield await _read(context, gathered, fetch)
            done += len(gathered)
            progress("projects", done, total[0])
            gathered, samples = [], 0
        gathered += group
        samples += number
    if gathered:
        yield await _read(context, gathered, fetch)
    progress("projects", total[0], total[0])


async def _groups(context: RequestContext) -> AsyncIterator[tuple[list[ProjectRecord], int]]:
    """Projects in the order of their codes, those of one code together, and their samples' number.

    Together, since what bears that code in OMERO may belong to either.
    """
    held: list[ProjectRecord] = []
    async for page in pages(
        lambda page: search(context, Search(Kind.PROJECT, None, page, Fetch.of("space"))),
        catalog.CODE_ORDER,
    ):
        held += page.items
        whole = [each for each in held if page.has_more is False or each.code != held[-1].code]
        held = held[len(whole) :]
        counts = await context.services.openbis.execute(
            context.openbis_token(),
            [Count(Kind.SAMPLE, catalog.samples_of_project(each.perm_id, None)) for each in whole],
            context.call,
        )
        groups: defaultdict[str, list[ProjectRecord]] = defaultdict(list)
        numbers: defaultdict[str, int] = defaultdict(int)
        for each, number in zip(whole, counts, strict=True):
            groups[each.code].append(each)
            numbers[each.code] += number
        for code, group in groups.items():
            yield group, numbers[code]


async def _read(context: RequestContext, projects: Sequence[ProjectRecord], fetch: Fetch) -> Batch:
    store, omero, session = context.services.links, context.services.omero, context.omero_session()
    batch = Batch(projects={each.perm_id: each for each in projects})
    samples, batch.project_links, links = await asyncio.gather(
        _samples(context, list(batch.projects), fetch),
        context.ask_links("projectLinks", store.project_links(list(batch.projects))),
        context.ask_links(
            "sampleLinksOfProjects", store.sample_links_of_projects(list(batch.projects))
        ),
    )
    batch.samples = {each.perm_id: each for each in samples}
    batch.sample_links = {one.openbis_perm_id: one for below in links.values() for one in below}
    linked = [link.omero_id for link in batch.project_links.values()]
    by_id, by_name = await asyncio.gather(
        omero.image_projects_by_ids(session, linked, Fetch(), context.call),
        _image_projects_named(context, {each.code for each in projects}),
    )
    batch.image_projects = {**by_id, **{each.omero_id: each for each in by_name}}
    ids = list(batch.image_projects)
    batch.image_project_pairs = await pairs(context, ImagingKind.IMAGE_PROJECT, ids)
    batch.project_links_of_omero = await context.ask_links(
        "projectLinksOfOmero", store.project_links_of_omero(ids)
    )
    # What lies in an image project of another openBIS project is that project's own business.
    of_others = {
        omero_id
        for omero_id, link in batch.project_links_of_omero.items()
        if link.openbis_perm_id not in batch.projects
    }
    for each in of_others:
        del batch.image_projects[each]
    batch.datasets = await datasets_in(context, list(batch.image_projects))
    return batch


async def datasets_in(context: RequestContext, projects: Collection[int]) -> dict[int, Dataset]:
    """All datasets in some image projects, with their key-values."""
    omero, session = context.services.omero, context.omero_session()
    found: dict[int, Dataset] = {}
    beyond = 0
    while True:
        rows = await omero.contained_datasets(
            session, projects, context.call, beyond=beyond, limit=PAGE
        )
        for row in rows:
            known = found.get(row.omero_id)
            if known is None:
                found[row.omero_id] = Dataset(
                    row.omero_id, row.name, row.group_id, (row.project_id,)
                )
            elif row.project_id not in known.project_ids:
                known.project_ids = (*known.project_ids, row.project_id)
        if len(rows) < PAGE:
            break
        beyond = rows[-1].link_id
    told = await pairs(context, ImagingKind.IMAGE_DATASET, list(found))
    for omero_id, dataset in found.items():
        dataset.pairs = told.get(omero_id, ())
    return found


async def pairs(
    context: RequestContext, kind: ImagingKind, ids: Sequence[int]
) -> dict[int, tuple[KeyValueRecord, ...]]:
    """Key-values of image projects or datasets."""
    if not ids:
        return {}
    return await context.services.omero.key_values(context.omero_session(), kind, ids, context.call)


async def _samples(
    context: RequestContext, projects: Sequence[str], fetch: Fetch
) -> list[SampleRecord]:
    filter_ = SampleFilter(project=ProjectFilter(perm_id=StringMatch(one_of=tuple(projects))))
    fetch = fetch | Fetch.of("project")
    found: list[SampleRecord] = []
    async for page in pages(
        lambda page: search(context, Search(Kind.SAMPLE, filter_, page, fetch)),
        catalog.PERM_ID_ORDER,
    ):
        found.extend(page.items)
    return found


async def _image_projects_named(
    context: RequestContext, codes: Collection[str]
) -> list[ImageProjectRecord]:
    filter_ = ContainerFilter(name=StringMatch(one_of=tuple(sorted(codes))))
    found: list[ImageProjectRecord] = []
    async for page in pages(
        lambda page: context.services.omero.image_projects(
            context.omero_session(), filter_, page, Fetch(), context.call
        ),
        imaging.ID_ORDER,
    ):
        found.extend(page.items)
    return found


async def search(context: RequestContext, question: Search) -> Page[Any]:
    """One page of a search in openBIS, past the loaders: they would remember it all."""
    token = context.openbis_token()
    (page,) = await context.services.openbis.execute(token, [question], context.call)
    found: Page[Any] = page
    return found


async def pages(
    read: Callable[[PageRequest], Awaitable[Page[Any]]], order: Any
) -> AsyncIterator[Page[Any]]:
    """Page after page until the last."""
    request = PageRequest(PAGE, order)
    while True:
        page = await read(request)
        yield page
        if not page.has_more:
            return
        request = PageRequest(PAGE, order, key=page.keys[-1])
