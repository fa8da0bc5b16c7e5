"""A project seen whole: how much it holds in both systems, and its experimental design.

Counts are asked of the system that owns the rows and read nothing else; only what a query selects
is counted. The design is read from either of the formats that QBiC has used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from backends.errors import AuthenticationFailed, BackendError, Source
from backends.fetch import Fetch
from backends.filters import (
    ExperimentFilter,
    OmicsFilter,
    PageRequest,
    PropertyMatch,
    SampleFilter,
    StringMatch,
)
from backends.openbis.design import (
    SAMPLE_PROPERTY,
    SETUP_PROPERTY,
    Design,
    UnreadableDesign,
    gathered,
    read_design,
    read_sample,
)
from backends.records import Kind, PropertyRecord
from link_store.records import LinkState
from resolvers import catalog, imaging
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn
from resolvers.paging import MAXIMUM_PAGE

DESIGN_TYPES = ("Q_PROJECT_DETAILS", "Q_EXPERIMENTAL_DESIGN")


@dataclass(slots=True)
class Statistics:
    """How much a project holds, for this viewer; None is unknown: not asked, or not answered."""

    experiments: int | None = None
    samples: int | None = None
    subjects: int | None = None
    omics_datasets: int | None = None
    image_datasets: int | None = None
    images: int | None = None


async def statistics(
    context: RequestContext,
    perm_id: str,
    wanted: frozenset[str],
    path: Sequence[str | int],
) -> Statistics:
    """Count what a project holds.

    Args:
        context: the request.
        perm_id: the project's permId.
        wanted: the GraphQL names of the counts that are selected; the others stay None.
        path: where the field stands, for the one error that is told when OMERO does not answer.
    """
    project = catalog.of_project(perm_id)
    within = catalog.samples_of_project(perm_id, None)
    counts: dict[str, tuple[str, Callable[[], Awaitable[int | None]]]] = {
        "experiments": (
            "experiments",
            lambda: catalog.count(context, Kind.EXPERIMENT, ExperimentFilter(project=project)),
        ),
        "samples": ("samples", lambda: catalog.count(context, Kind.SAMPLE, within)),
        "subjects": (
            "subjects",
            lambda: catalog.count(
                context,
                Kind.SAMPLE,
                catalog.samples_of_project(perm_id, catalog.subjects(context, None)),
            ),
        ),
        "omicsDatasets": (
            "omics_datasets",
            lambda: catalog.count(
                context,
                Kind.OMICS_DATASET,
                OmicsFilter(
                    any_of=(
                        OmicsFilter(experiment=ExperimentFilter(project=project)),
                        OmicsFilter(sample=within),
                    )
                ),
            ),
        ),
        "imageDatasets": ("image_datasets", lambda: _image_datasets(context, perm_id, path)),
        "images": ("images", lambda: _images(context, perm_id, path)),
    }
    chosen = [(name, count) for field, (name, count) in counts.items() if field in wanted]
    numbers = await asyncio.gather(*(count() for _, count in chosen))
    return Statistics(**dict(zip((name for name, _ in chosen), numbers, strict=True)))


async def _image_datasets(
    context: RequestContext, perm_id: str, path: Sequence[str | int]
) -> int | None:
    return await _beyond_link(
        context,
        perm_id,
        path,
        lambda omero_id: imaging.count_image_datasets(context, omero_id),
    )


async def _images(context: RequestContext, perm_id: str, path: Sequence[str | int]) -> int | None:
    return await _beyond_link(
        context,
        perm_id,
        path,
        lambda omero_id: imaging.count_images(context, imaging.of_image_project(omero_id)),
    )


async def _beyond_link(
    context: RequestContext,
    perm_id: str,
    path: Sequence[str | int],
    count: Callable[[int], Awaitable[int]],
) -> int | None:
    """Count across the project link: 0 without a link, None when a source does not answer."""
    try:
        link = await context.loaders.project_links.load(perm_id)
        if link is None or link.state is not LinkState.ACTIVE:
            return 0
        return await count(link.omero_id)
    except BackendError as error:
        context.degrade(error, path)
    except NotSignedIn as error:
        context.degrade(AuthenticationFailed(Source.OMERO, error.message), path)
    return None


async def design(context: RequestContext, perm_id: str) -> Design | UnreadableDesign | None:
    """Return a project's experimental design, or None where none is registered.

    The project's own document is taken; only where it names no factor, the older documents of its
    samples are gathered.
    """
    filter_ = ExperimentFilter(
        project=catalog.of_project(perm_id), type=StringMatch(one_of=DESIGN_TYPES)
    )
    page = PageRequest(MAXIMUM_PAGE, catalog.CODE_ORDER)
    found = await catalog.search(context, Kind.EXPERIMENT, filter_, page, Fetch.of("properties"))
    read: Design | UnreadableDesign | None = None
    for experiment in found.items:
        document = _value(experiment.properties, SETUP_PROPERTY)
        if document is not None:
            read = read_design(document)
            if isinstance(read, UnreadableDesign) or read.factors:
                return read
    older = await _design_of_samples(context, perm_id)
    return older if older.factors or older.sample_properties else read


async def _design_of_samples(context: RequestContext, perm_id: str) -> Design:
    filter_ = SampleFilter(
        project=catalog.of_project(perm_id),
        properties=(PropertyMatch(SAMPLE_PROPERTY, string=StringMatch(exists=True)),),
    )
    described = {}
    page = PageRequest(MAXIMUM_PAGE, catalog.CODE_ORDER)
    while True:
        rows = await catalog.search(context, Kind.SAMPLE, filter_, page, Fetch.of("properties"))
        for sample in rows.items:
            read = read_sample(_value(sample.properties, SAMPLE_PROPERTY))
            if not isinstance(read, UnreadableDesign):
                described[sample.code] = read
        if not rows.has_more:
            return gathered(described)
        page = PageRequest(MAXIMUM_PAGE, catalog.CODE_ORDER, key=rows.keys[-1])


def _value(properties: tuple[PropertyRecord, ...] | None, code: str) -> str | None:
    return next((each.value for each in properties or () if each.code == code), None)
