"""The OMERO side: images, image datasets and image projects, read through the batchers.

Each function takes the request's context and returns records or a page of them, read in the
viewer's own session; filters, order and counts are pushed to OMERO. What lies on the other side of
the link is `crossing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from backends.errors import (
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
)
from link_store.records import SampleLinkRecord
from resolvers.context import RequestContext
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


async def why_missing(context: RequestContext) -> ImagingStatus:
    """Tell a deleted dataset from a hidden one: only an administrator sees everything."""
    identity = await omero_identity(context)
    return ImagingStatus.GONE if identity.is_admin else ImagingStatus.NOT_PERMITTED


async def omero_identity(context: RequestContext) -> OmeroIdentity:
    """Return whom the viewer is in OMERO."""
    return cast("OmeroIdentity", await context.loaders.identities.load(Source.OMERO))


async def images_of_image_datasets(
    context: RequestContext,
    datasets: Sequence[ImageDatasetRecord],
    filter_: ImageFilter | None,
    page: PageRequest,
    fetch: Fetch,
) -> list[Page[ImageRecord]]:
    """Return one page of each dataset's images, in as few calls as one."""
    keys = [
        Contents(each.omero_id, filter_, page, fetch, each.image_count if filter_ is None else None)
        for each in datasets
    ]
    return cast("list[Page[ImageRecord]]", await context.loaders.images_of_datasets.load_many(keys))


async def image_datasets_of_image_projects(
    context: RequestContext, omero_ids: Sequence[int], page: PageRequest, fetch: Fetch
) -> list[Page[ImageDatasetRecord]]:
    """Return one page of each image project's datasets."""
    keys = [Contents(omero_id, None, page, fetch) for omero_id in omero_ids]
    return cast(
        "list[Page[ImageDatasetRecord]]",
        await context.loaders.image_datasets_of_projects.load_many(keys),
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


async def with_facets(
    context: RequestContext, images: Sequence[ImageRecord], fetch: Fetch
) -> list[Any]:
    """Return the images with all facets of `fetch`; for one that is gone, the error."""
    names = fetch.names()
    lacking = [image.omero_id for image in images if not names <= image.fetched]
    found: dict[int, Any] = {}
    if lacking:
        keys = [Member(omero_id, fetch) for omero_id in lacking]
        read = await context.loaders.images.load_many(keys)
        found = dict(zip(lacking, read, strict=True))
    return [
        image if names <= image.fetched else found[image.omero_id] or no_such("image")
        for image in images
    ]


async def _found(loader: Any, key: Member, noun: str) -> Any:
    record = await loader.load(key)
    if record is None:
        raise no_such(noun)
    return record


def no_such(noun: str) -> NotFound:
    """Return the error for an object that is not there, or not for this viewer."""
    return NotFound(
        Source.OMERO,
        f"There is no such {noun}, or you may not see it; check its id and your groups.",
    )
