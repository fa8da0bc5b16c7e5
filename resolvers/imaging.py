"""The OMERO side, and the crossing of the link in both directions.

A sample's imaging is looked up in the link database, then read from OMERO in the viewer's own
session; what is missing comes with its reason. Image datasets find their samples the other way. The
link database says what belongs together, never what may be seen: both systems must show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    NotFound,
    Source,
)
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import ContainerFilter, ImageFilter, Page, PageRequest, Sort
from backends.omero.transport import OmeroIdentity
from backends.records import (
    ImageDatasetRecord,
    ImageProjectRecord,
    ImageRecord,
    Kind,
    ProjectRecord,
    SampleRecord,
)
from link_store.records import LinkState, SampleLinkRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn
from resolvers.loaders import Contents, Member

T = TypeVar("T")

ID_ORDER = Sort("id")


class ImagingStatus(StrEnum):
    """Whether a sample's images can be shown, and if not, why."""

    LINKED = "LINKED"
    NOT_LINKED = "NOT_LINKED"
    NOT_PERMITTED = "NOT_PERMITTED"
    GONE = "GONE"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Imaging:
    """What OMERO holds for one sample: the status always, the dataset when it is LINKED."""

    status: ImagingStatus
    dataset: ImageDatasetRecord | None = None
    link: SampleLinkRecord | None = None


async def imaging_of_sample(
    context: RequestContext, perm_id: str, fetch: Fetch, path: Sequence[str | int]
) -> Imaging:
    """Return a sample's imaging; a source that is down is a status, not an exception.

    Args:
        context: the request.
        perm_id: the sample's openBIS permId.
        fetch: what to read along with the image dataset.
        path: where in the answer the field stands, for the one error that is told.
    """
    try:
        link = await context.loaders.sample_links.load(perm_id)
        if link is None or link.state is not LinkState.ACTIVE:
            gone = link is not None and link.state is LinkState.BROKEN
            return Imaging(ImagingStatus.GONE if gone else ImagingStatus.NOT_LINKED, None, link)
        dataset = await context.loaders.image_datasets.load(Member(link.omero_id, fetch))
        if dataset is None:
            return Imaging(await why_missing(context), None, link)
    except AccessDenied:
        return Imaging(ImagingStatus.NOT_PERMITTED)
    except BackendError as error:
        context.degrade(error, path)
        return Imaging(ImagingStatus.UNAVAILABLE)
    except NotSignedIn as error:
        context.degrade(AuthenticationFailed(Source.OMERO, error.message), path)
        return Imaging(ImagingStatus.UNAVAILABLE)
    return Imaging(ImagingStatus.LINKED, dataset, link)


async def why_missing(context: RequestContext) -> ImagingStatus:
    """Tell a deleted dataset from a hidden one: only an administrator sees everything."""
    identity = await omero_identity(context)
    return ImagingStatus.GONE if identity.is_admin else ImagingStatus.NOT_PERMITTED


async def omero_identity(context: RequestContext) -> OmeroIdentity:
    """Return whom the viewer is in OMERO."""
    return cast("OmeroIdentity", await context.loaders.identities.load(Source.OMERO))


async def image_dataset_of_sample(
    context: RequestContext, perm_id: str, fetch: Fetch
) -> ImageDatasetRecord | None:
    """Return the image dataset linked to a sample, or None; `imaging` tells why there is none."""
    link = await context.loaders.sample_links.load(perm_id)
    if link is None or link.state is not LinkState.ACTIVE:
        return None
    return cast(
        "ImageDatasetRecord | None",
        await context.loaders.image_datasets.load(Member(link.omero_id, fetch)),
    )


async def image_project_of_project(
    context: RequestContext, perm_id: str, fetch: Fetch
) -> ImageProjectRecord | None:
    """Return the image project linked to an openBIS project."""
    link = await context.loaders.project_links.load(perm_id)
    if link is None or link.state is not LinkState.ACTIVE:
        return None
    return cast(
        "ImageProjectRecord | None",
        await context.loaders.image_projects.load(Member(link.omero_id, fetch)),
    )


async def sample_of_image_dataset(
    context: RequestContext, omero_id: int, fetch: Fetch
) -> SampleRecord | None:
    """Return the sample linked to an image dataset, if the viewer sees it in openBIS."""
    link = await context.loaders.sample_links_of_omero.load(omero_id)
    if link is None or link.state is not LinkState.ACTIVE:
        return None
    return cast(
        "SampleRecord | None",
        await catalog.find(context, Kind.SAMPLE, link.openbis_perm_id, fetch),
    )


async def project_of_image_project(
    context: RequestContext, omero_id: int, fetch: Fetch
) -> ProjectRecord | None:
    """Return the openBIS project linked to an image project, if the viewer sees it."""
    link = await context.loaders.project_links_of_omero.load(omero_id)
    if link is None or link.state is not LinkState.ACTIVE:
        return None
    return cast(
        "ProjectRecord | None",
        await catalog.find(context, Kind.PROJECT, link.openbis_perm_id, fetch),
    )


async def image_dataset_of_image(
    context: RequestContext, image_id: int
) -> ImageDatasetRecord | None:
    """Return the dataset an image belongs to: the linked one where it is in several."""
    datasets = await context.loaders.image_datasets_of_images.load(image_id)
    if len(datasets) > 1:
        links = await context.loaders.sample_links_of_omero.load_many(
            [dataset.omero_id for dataset in datasets]
        )
        linked = [dataset for dataset, link in zip(datasets, links, strict=True) if link]
        datasets = (*linked, *datasets)
    return datasets[0] if datasets else None


async def sample_of_image(
    context: RequestContext, image_id: int, fetch: Fetch
) -> SampleRecord | None:
    """Return the sample whose linked dataset holds an image."""
    dataset = await image_dataset_of_image(context, image_id)
    if dataset is None:
        return None
    return await sample_of_image_dataset(context, dataset.omero_id, fetch)


async def images_of_image_dataset(
    context: RequestContext,
    dataset: ImageDatasetRecord,
    filter_: ImageFilter | None,
    page: PageRequest,
    fetch: Fetch,
) -> Page[ImageRecord]:
    """Return one page of a dataset's images; datasets asked in one tick share their calls."""
    size = dataset.image_count if filter_ is None else None
    key = Contents(dataset.omero_id, filter_, page, fetch, size)
    return cast("Page[ImageRecord]", await context.loaders.images_of_datasets.load(key))


async def image_datasets_of_image_project(
    context: RequestContext, omero_id: int, page: PageRequest, fetch: Fetch
) -> Page[ImageDatasetRecord]:
    """Return one page of an image project's datasets."""
    key = Contents(omero_id, None, page, fetch)
    return cast(
        "Page[ImageDatasetRecord]", await context.loaders.image_datasets_of_projects.load(key)
    )


def of_image_project(omero_id: int, filter_: ImageFilter | None = None) -> ImageFilter:
    """Narrow an image filter to one OMERO project."""
    return ImageFilter(
        image_project=ContainerFilter(omero_ids=(omero_id,)),
        all_of=() if filter_ is None else (filter_,),
    )


async def images(
    context: RequestContext, filter_: ImageFilter | None, page: PageRequest, fetch: Fetch
) -> Page[ImageRecord]:
    """Return one page of all images that the viewer may see."""
    return await context.noted(
        context.services.omero.images(context.omero_session(), filter_, page, fetch, context.call),
    )


async def image_datasets(
    context: RequestContext, filter_: ContainerFilter | None, page: PageRequest, fetch: Fetch
) -> Page[ImageDatasetRecord]:
    """Return one page of all image datasets that the viewer may see."""
    return await context.noted(
        context.services.omero.image_datasets(
            context.omero_session(), filter_, page, fetch, context.call
        ),
    )


async def image_projects(
    context: RequestContext, filter_: ContainerFilter | None, page: PageRequest, fetch: Fetch
) -> Page[ImageProjectRecord]:
    """Return one page of all image projects that the viewer may see."""
    return await context.noted(
        context.services.omero.image_projects(
            context.omero_session(), filter_, page, fetch, context.call
        ),
    )


async def count_images(context: RequestContext, filter_: ImageFilter | None) -> int:
    """Return how many images the viewer sees."""
    return await context.noted(
        context.services.omero.count_images(context.omero_session(), filter_, context.call),
    )


async def count_image_datasets(context: RequestContext, project_id: int) -> int:
    """Return how many datasets of an image project the viewer sees."""
    fetch = Fetch.of("image_dataset_count")
    project = await context.loaders.image_projects.load(Member(project_id, fetch))
    return 0 if project is None else project.image_dataset_count or 0


async def get_image(context: RequestContext, omero_id: int, fetch: Fetch) -> ImageRecord:
    """Return one image.

    Raises:
        NotFound: there is none, or the viewer may not see it: OMERO does not tell which.
    """
    return cast(
        "ImageRecord", await _found(context.loaders.images, Member(omero_id, fetch), "image")
    )


async def get_image_dataset(
    context: RequestContext, omero_id: int, fetch: Fetch = NOTHING_MORE
) -> ImageDatasetRecord:
    """Return one image dataset.

    Raises:
        NotFound: there is none that the viewer may see.
    """
    loader = context.loaders.image_datasets
    return cast(
        "ImageDatasetRecord", await _found(loader, Member(omero_id, fetch), "image dataset")
    )


async def get_image_project(
    context: RequestContext, omero_id: int, fetch: Fetch = NOTHING_MORE
) -> ImageProjectRecord:
    """Return one image project.

    Raises:
        NotFound: there is none that the viewer may see.
    """
    loader = context.loaders.image_projects
    return cast(
        "ImageProjectRecord", await _found(loader, Member(omero_id, fetch), "image project")
    )


async def with_facets(context: RequestContext, image: ImageRecord, fetch: Fetch) -> ImageRecord:
    """Return the image itself if it holds all facets of `fetch`, else the same read again."""
    if fetch.names() <= image.fetched:
        return image
    return await get_image(context, image.omero_id, fetch)


async def _found(loader: Any, key: Member, noun: str) -> Any:
    record = await loader.load(key)
    if record is None:
        raise NotFound(
            Source.OMERO,
            f"There is no such {noun}, or you may not see it; check its id and your groups.",
        )
    return record


async def subject_of_image(
    context: RequestContext, image_id: int, fetch: Fetch
) -> SampleRecord | None:
    """Return the subject an image was taken of; `fetch` must hold the sample's ancestors."""
    sample = await sample_of_image(context, image_id, fetch)
    return None if sample is None else catalog.subject_of(context, sample)
