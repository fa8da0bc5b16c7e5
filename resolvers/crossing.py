"""Across the link, for many rows at once: samples to their images, images to their samples.

The link database says what belongs together, never what may be seen: both systems must show it.
Each function is one call per system, however many rows; `imaging.py` has the OMERO side itself.
Called by the batched resolvers of `api/types`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from backends.errors import AccessDenied, AuthenticationFailed, BackendError, Source
from backends.fetch import Fetch
from backends.records import (
    ImageDatasetRecord,
    ImageProjectRecord,
    Kind,
    ProjectRecord,
    SampleRecord,
)
from link_store.records import LinkState, ProjectLinkRecord, SampleLinkRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn
from resolvers.imaging import Imaging, ImagingStatus, why_missing
from resolvers.loaders import Member

PathOf = Callable[[int], Sequence[str | int]]


async def imaging_of_samples(
    context: RequestContext, perm_ids: Sequence[str], fetch: Fetch, path: PathOf
) -> list[Imaging]:
    """Return samples' imaging; a source that is down is a status, not an exception.

    Args:
        context: the request.
        perm_ids: the samples' openBIS permIds.
        fetch: what to read along with the image datasets.
        path: where in the answer the nth field stands, for the one error that is told.
    """
    try:
        links = await context.loaders.sample_links.load_many(perm_ids)
    except (BackendError, NotSignedIn) as error:
        return [_without(context, error, path(0))] * len(perm_ids)
    active = [row for row, link in enumerate(links) if _is_active(link)]
    found = iter(await _linked(context, [links[row] for row in active], fetch, active, path))
    return [next(found) if _is_active(link) else _not_linked(link) for link in links]


async def _linked(
    context: RequestContext,
    links: Sequence[SampleLinkRecord],
    fetch: Fetch,
    rows: Sequence[int],
    path: PathOf,
) -> list[Imaging]:
    """Return what is beyond active links."""
    if not links:
        return []
    try:
        keys = [Member(link.omero_id, fetch) for link in links]
        datasets = await context.loaders.image_datasets.load_many(keys)
        missing = await why_missing(context) if None in datasets else ImagingStatus.GONE
    except (BackendError, NotSignedIn) as error:
        return [_without(context, error, path(rows[0]))] * len(links)
    return [
        Imaging(missing if dataset is None else ImagingStatus.LINKED, dataset, link)
        for link, dataset in zip(links, datasets, strict=True)
    ]


def _is_active(link: SampleLinkRecord | ProjectLinkRecord | None) -> bool:
    return link is not None and link.state is LinkState.ACTIVE


def _not_linked(link: SampleLinkRecord | None) -> Imaging:
    gone = link is not None and link.state is LinkState.BROKEN
    return Imaging(ImagingStatus.GONE if gone else ImagingStatus.NOT_LINKED, None, link)


def _without(
    context: RequestContext, error: BackendError | NotSignedIn, path: Sequence[str | int]
) -> Imaging:
    """Return what is said where a source did not answer, and note it."""
    if isinstance(error, AccessDenied):
        return Imaging(ImagingStatus.NOT_PERMITTED)
    if isinstance(error, NotSignedIn):
        error = AuthenticationFailed(Source.OMERO, error.message)
    context.degrade(error, path)
    return Imaging(ImagingStatus.UNAVAILABLE)


async def image_datasets_of_samples(
    context: RequestContext, perm_ids: Sequence[str], fetch: Fetch
) -> list[ImageDatasetRecord | None]:
    """Return the image datasets linked to samples, or None; `imaging` tells why there is none."""
    links = await context.loaders.sample_links.load_many(perm_ids)
    return await _beyond(links, context.loaders.image_datasets.load_many, _omero_end(fetch))


async def image_projects_of_projects(
    context: RequestContext, perm_ids: Sequence[str], fetch: Fetch
) -> list[ImageProjectRecord | None]:
    """Return the image projects linked to openBIS projects."""
    links = await context.loaders.project_links.load_many(perm_ids)
    return await _beyond(links, context.loaders.image_projects.load_many, _omero_end(fetch))


async def samples_of_image_datasets(
    context: RequestContext, omero_ids: Sequence[int], fetch: Fetch
) -> list[SampleRecord | None]:
    """Return the samples linked to image datasets, where the viewer sees them in openBIS."""
    links = await context.loaders.sample_links_of_omero.load_many(omero_ids)
    read = partial(catalog.find_many, context, Kind.SAMPLE, fetch=fetch)
    return await _beyond(links, read, lambda link: link.openbis_perm_id)


async def projects_of_image_projects(
    context: RequestContext, omero_ids: Sequence[int], fetch: Fetch
) -> list[ProjectRecord | None]:
    """Return the openBIS projects linked to image projects, where the viewer sees them."""
    links = await context.loaders.project_links_of_omero.load_many(omero_ids)
    read = partial(catalog.find_many, context, Kind.PROJECT, fetch=fetch)
    return await _beyond(links, read, lambda link: link.openbis_perm_id)


def _omero_end(fetch: Fetch) -> Callable[[Any], Member]:
    return lambda link: Member(link.omero_id, fetch)


async def _beyond(
    links: Sequence[Any],
    read: Callable[[list[Any]], Awaitable[Sequence[Any]]],
    key: Callable[[Any], Any],
) -> list[Any]:
    """Return what lies beyond active links, None beyond others; read in one call."""
    keys = [key(link) if _is_active(link) else None for link in links]
    wanted = list(dict.fromkeys(each for each in keys if each is not None))
    found = dict(zip(wanted, await read(wanted), strict=True)) if wanted else {}
    return [None if each is None else found[each] for each in keys]


async def image_datasets_of_images(
    context: RequestContext, image_ids: Sequence[int]
) -> list[ImageDatasetRecord | None]:
    """Return the datasets that images belong to: the linked one where one is in several."""
    of_images = cast(
        "list[tuple[ImageDatasetRecord, ...]]",
        await context.loaders.image_datasets_of_images.load_many(image_ids),
    )
    several = {each.omero_id for datasets in of_images if len(datasets) > 1 for each in datasets}
    linked: set[int] = set()
    if several:
        ids = sorted(several)
        links = await context.loaders.sample_links_of_omero.load_many(ids)
        linked = {omero_id for omero_id, link in zip(ids, links, strict=True) if link}
    return [
        next((each for each in datasets if each.omero_id in linked), next(iter(datasets), None))
        for datasets in of_images
    ]


async def samples_of_images(
    context: RequestContext, image_ids: Sequence[int], fetch: Fetch
) -> list[SampleRecord | None]:
    """Return the samples whose linked datasets hold images."""
    datasets = await image_datasets_of_images(context, image_ids)
    ids = list(dict.fromkeys(each.omero_id for each in datasets if each is not None))
    if not ids:
        return [None] * len(datasets)
    samples = dict(zip(ids, await samples_of_image_datasets(context, ids, fetch), strict=True))
    return [None if each is None else samples[each.omero_id] for each in datasets]


async def subjects_of_images(
    context: RequestContext, image_ids: Sequence[int], fetch: Fetch
) -> list[SampleRecord | None]:
    """Return the subjects images were taken of; `fetch` must hold the samples' ancestors."""
    samples = await samples_of_images(context, image_ids, fetch)
    return [None if each is None else catalog.subject_of(context, each) for each in samples]
