"""Across the link, for many rows at once: samples to their images, images to their samples.

The link database says what belongs together, never what may be seen: both systems must show it.
Each function is one call per system, however many rows; a source that fails is the answer of those
rows that needed it. `imaging.py` has the OMERO side itself. Called by the resolvers of `api/types`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from backends.errors import AccessDenied, AuthenticationFailed, BackendError, Source
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import ImageFilter, Page, PageRequest
from backends.records import (
    ImageDatasetRecord,
    ImageProjectRecord,
    ImageRecord,
    Kind,
    ProjectRecord,
    SampleRecord,
)
from link_store.records import LinkState, ProjectLinkRecord, SampleLinkRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn, ResolverError
from resolvers.gone import notice
from resolvers.imaging import (
    Imaging,
    ImagingStatus,
    images_of_image_datasets,
    why_missing,
)
from resolvers.loaders import Member
from resolvers.paging import nothing

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
        without = [link for link, dataset in zip(links, datasets, strict=True) if dataset is None]
        await notice(context, without, Source.OMERO)
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
) -> list[ImageDatasetRecord | Exception | None]:
    """Return the image datasets linked to samples, or None; `imaging` tells why there is none."""
    links = await context.loaders.sample_links.load_many(perm_ids)
    return await _beyond(links, context.loaders.image_datasets.load_many, _omero_end(fetch))


async def images_of_samples(
    context: RequestContext,
    perm_ids: Sequence[str],
    filter_: ImageFilter | None,
    page: PageRequest,
    fetch: Fetch,
) -> list[Page[ImageRecord] | Exception]:
    """Return one page of the images of each sample, an empty one where none can be seen."""
    datasets = await image_datasets_of_samples(context, perm_ids, Fetch.of("image_count"))

    async def read(keys: list[ImageDatasetRecord]) -> list[Page[ImageRecord]]:
        return await images_of_image_datasets(context, keys, filter_, page, fetch)

    found = await for_some(
        [each if isinstance(each, ImageDatasetRecord) else None for each in datasets], read
    )
    return [
        dataset if isinstance(dataset, Exception) else images or nothing(page)
        for dataset, images in zip(datasets, found, strict=True)
    ]


async def image_projects_of_projects(
    context: RequestContext, perm_ids: Sequence[str], fetch: Fetch
) -> list[ImageProjectRecord | None]:
    """Return the image projects linked to openBIS projects."""
    links = await context.loaders.project_links.load_many(perm_ids)
    return await _beyond(links, context.loaders.image_projects.load_many, _omero_end(fetch))


async def samples_of_image_datasets(
    context: RequestContext, omero_ids: Sequence[int], fetch: Fetch
) -> list[SampleRecord | Exception | None]:
    """Return the samples linked to image datasets, where the viewer sees them in openBIS."""
    keys = _openbis_ends(
        omero_ids, await context.loaders.sample_links_of_omero.load_many(omero_ids)
    )
    return await for_some(keys, partial(catalog.find_many, context, Kind.SAMPLE, fetch=fetch))


async def projects_of_image_projects(
    context: RequestContext, omero_ids: Sequence[int], fetch: Fetch
) -> list[ProjectRecord | Exception | None]:
    """Return the openBIS projects linked to image projects, where the viewer sees them."""
    keys = _openbis_ends(
        omero_ids, await context.loaders.project_links_of_omero.load_many(omero_ids)
    )
    return await for_some(keys, partial(catalog.find_many, context, Kind.PROJECT, fetch=fetch))


def _openbis_ends(
    omero_ids: Sequence[int], links: Sequence[SampleLinkRecord | ProjectLinkRecord | None]
) -> list[str]:
    """The permIds beyond active links; what has no such link leads nowhere, see `catalog.py`."""
    return [
        link.openbis_perm_id if link is not None and _is_active(link) else catalog.nowhere(omero_id)
        for omero_id, link in zip(omero_ids, links, strict=True)
    ]


def _omero_end(fetch: Fetch) -> Callable[[Any], Member]:
    return lambda link: Member(link.omero_id, fetch)


async def _beyond(
    links: Sequence[Any],
    read: Callable[[list[Any]], Awaitable[Sequence[Any]]],
    key: Callable[[Any], Any],
) -> list[Any]:
    """Return what lies beyond active links, None beyond others; read in one call.

    A source that fails is the answer of those rows only that needed it.
    """
    keys = [key(link) if _is_active(link) else None for link in links]
    return await for_some(keys, read)


async def for_some(
    keys: Sequence[Any], read: Callable[[list[Any]], Awaitable[Sequence[Any]]]
) -> list[Any]:
    """Read what some rows need, in one call.

    Args:
        keys: what each row needs, None for nothing.
        read: returns the answers to some keys in their order.

    Returns:
        The answer of each row, None where nothing was needed, an error where the source failed.
    """
    wanted = list(dict.fromkeys(key for key in keys if key is not None))
    if not wanted:
        return [None] * len(keys)
    try:
        found = dict(zip(wanted, await read(wanted), strict=True))
    except (BackendError, ResolverError) as error:
        found = dict.fromkeys(wanted, error)
    return [None if key is None else found[key] for key in keys]


async def image_datasets_of_images(
    context: RequestContext, image_ids: Sequence[int]
) -> list[ImageDatasetRecord | Exception | None]:
    """Return the datasets that images belong to: where one is in several, the one of a sample."""
    of_images = cast(
        "list[tuple[ImageDatasetRecord, ...]]",
        await context.loaders.image_datasets_of_images.load_many(image_ids),
    )
    several = [tuple(each.omero_id for each in datasets) for datasets in of_images]
    linked = await for_some(
        [ids if len(ids) > 1 else None for ids in several], partial(_first_linked, context)
    )
    return [
        first if isinstance(first, Exception) else datasets[first or 0] if datasets else None
        for datasets, first in zip(of_images, linked, strict=True)
    ]


async def _first_linked(
    context: RequestContext, several: Sequence[tuple[int, ...]]
) -> list[int | None]:
    """Return which dataset of each of these is the first whose sample the viewer sees, if any."""
    ids = list(dict.fromkeys(each for one in several for each in one))
    samples = await samples_of_image_datasets(context, ids, NOTHING_MORE)
    for each in samples:
        if isinstance(each, BackendError):  # who has no session in openBIS sees no sample
            raise each
    linked = {
        omero_id
        for omero_id, sample in zip(ids, samples, strict=True)
        if isinstance(sample, SampleRecord)
    }
    return [
        next((place for place, each in enumerate(one) if each in linked), None) for one in several
    ]


async def samples_of_images(
    context: RequestContext, image_ids: Sequence[int], fetch: Fetch
) -> list[SampleRecord | Exception | None]:
    """Return the samples whose linked datasets hold images."""
    datasets = await image_datasets_of_images(context, image_ids)
    keys = [each.omero_id if isinstance(each, ImageDatasetRecord) else None for each in datasets]
    read = partial(samples_of_image_datasets, context, fetch=fetch)
    samples = await for_some(keys, read)
    return [
        dataset if isinstance(dataset, Exception) else sample
        for dataset, sample in zip(datasets, samples, strict=True)
    ]


async def subjects_of_images(
    context: RequestContext, image_ids: Sequence[int], fetch: Fetch
) -> list[SampleRecord | Exception | None]:
    """Return the subjects images were taken of; `fetch` must hold the samples' ancestors."""
    samples = await samples_of_images(context, image_ids, fetch)
    return [
        catalog.subject_of(context, each) if isinstance(each, SampleRecord) else each
        for each in samples
    ]
