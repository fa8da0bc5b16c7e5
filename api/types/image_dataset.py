"""`ImageDataset`: an OMERO dataset, so named that it is never confused with openBIS data sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.edges import Ask, Batched, alone, batched
from api.selection import Info
from api.types.annotation import KeyValue, NamespaceArgument, Tag, key_values_of, tags_of
from api.types.connection import After, Before, Connection, First, Last, paginate_rows
from api.types.filters import ImageWhere, filter_of
from api.types.image import Image
from api.types.node import Node, global_id
from api.types.person import Experimenter, Group, resolve_group, resolve_owner
from api.types.scalars import BigInt
from api.types.sort import ImageOrder, ImageOrderBy, sort_of
from api.types.source import links, omero
from backends.fetch import Fetch
from backends.records import ImageDatasetRecord, ImagingKind
from link_store.records import LinkKind
from resolvers import crossing, imaging, lookahead
from resolvers.links import of_omero
from resolvers.paging import Window

if TYPE_CHECKING:
    from api.types.image_project import ImageProject
    from api.types.link import SampleLink
    from api.types.sample import Sample


async def resolve_image_count(
    root: strawberry.Parent[ImageDatasetRecord], info: Info
) -> int | None:
    """Return the number of images."""
    if root.image_count is not None:
        return root.image_count
    fetch = Fetch.of("image_count")
    return (await imaging.get_image_dataset(info.context, root.omero_id, fetch)).image_count


def _ids(datasets: Sequence[ImageDatasetRecord]) -> list[int]:
    return [dataset.omero_id for dataset in datasets]


async def _images(
    datasets: Sequence[ImageDatasetRecord],
    ask: Ask,
    where: ImageWhere = None,
    order_by: ImageOrderBy = ImageOrder.ID,
    **window: Any,
) -> Sequence[Any]:
    return await paginate_rows(
        ask,
        Window(**window),
        sort_of(order_by),
        lambda page, tree: imaging.images_of_image_datasets(
            ask.context, datasets, filter_of(where), page, lookahead.image_fetch(tree)
        ),
    )


async def _image_projects(datasets: Sequence[ImageDatasetRecord], ask: Ask) -> Sequence[Any]:
    found: Sequence[Any] = await ask.context.loaders.image_projects_of_datasets.load_many(
        _ids(datasets)
    )
    return found


async def _samples(datasets: Sequence[ImageDatasetRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.sample_fetch(ask.tree)
    return await crossing.samples_of_image_datasets(ask.context, _ids(datasets), fetch)


IMAGES = Batched(_images)
KEY_VALUES = key_values_of(ImagingKind.IMAGE_DATASET)
TAGS = tags_of(ImagingKind.IMAGE_DATASET)
IMAGE_PROJECTS = Batched(_image_projects)
SAMPLE = Batched(_samples)


@batched(IMAGES)
async def resolve_images(
    root: strawberry.Parent[ImageDatasetRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: ImageWhere = None,
    order_by: ImageOrderBy = ImageOrder.ID,
) -> Connection[Image] | None:
    """Page the dataset's images."""
    window = {"first": first, "after": after, "last": last, "before": before}
    return await alone(IMAGES, root, info, where=where, order_by=order_by, **window)


@batched(KEY_VALUES)
async def resolve_key_values(
    root: strawberry.Parent[ImageDatasetRecord], info: Info, namespace: NamespaceArgument = None
) -> list[KeyValue] | None:
    """Return the key-value pairs."""
    return await alone(KEY_VALUES, root, info, namespace=namespace)


@batched(TAGS)
async def resolve_tags(root: strawberry.Parent[ImageDatasetRecord], info: Info) -> list[Tag] | None:
    """Return the tags."""
    return await alone(TAGS, root, info)


@batched(IMAGE_PROJECTS)
async def resolve_image_projects(
    root: strawberry.Parent[ImageDatasetRecord], info: Info
) -> list[Annotated[ImageProject, strawberry.lazy("api.types.image_project")]] | None:
    """Return the projects it is in."""
    return await alone(IMAGE_PROJECTS, root, info)


@batched(SAMPLE)
async def resolve_sample(
    root: strawberry.Parent[ImageDatasetRecord], info: Info
) -> Annotated[Sample, strawberry.lazy("api.types.sample")] | None:
    """Cross the link to the sample."""
    return await alone(SAMPLE, root, info)


async def resolve_link(
    root: strawberry.Parent[ImageDatasetRecord], info: Info
) -> Annotated[SampleLink, strawberry.lazy("api.types.link")] | None:
    """Return the sample link."""
    return await of_omero(info.context, LinkKind.SAMPLE, root.omero_id)


@strawberry.federation.type(
    keys=["id"], description="A dataset in OMERO: the images of one sample."
)
class ImageDataset(Node):
    """Backed by `ImageDatasetRecord`."""

    backed_by: ClassVar[type] = ImageDatasetRecord

    id: strawberry.ID = global_id("ImageDataset", "omero_id")
    omero_id: BigInt = omero("The dataset's id in OMERO.", "Dataset.id")
    name: str = omero("Its name; by convention the sample's code.", "Dataset.name")
    description: str | None = omero("What it holds.", "Dataset.description")
    created_at: datetime | None = omero("When it was made.", "Dataset.details.creationEvent.time")
    image_count: int | None = omero(
        "How many images it holds for this viewer.", "Dataset.imageLinks", resolve_image_count
    )
    images: Connection[Image] | None = omero("Its images.", "Dataset.imageLinks", resolve_images)
    key_values: list[KeyValue] | None = omero(
        "Its key-value pairs.", "Dataset.annotationLinks", resolve_key_values
    )
    tags: list[Tag] | None = omero("Its tags.", "Dataset.annotationLinks", resolve_tags)
    owner: Experimenter | None = omero("Who owns it.", "Dataset.details.owner", resolve_owner)
    group: Group | None = omero(
        "The group it is shared in.", "Dataset.details.group", resolve_group
    )
    image_projects: (
        list[Annotated[ImageProject, strawberry.lazy("api.types.image_project")]] | None
    ) = omero("The projects it is in.", "Dataset.projectLinks", resolve_image_projects)
    sample: Annotated[Sample, strawberry.lazy("api.types.sample")] | None = links(
        "The openBIS sample linked to it.", "sample_link.openbis_perm_id", resolve_sample
    )
    link: Annotated[SampleLink, strawberry.lazy("api.types.link")] | None = links(
        "The link to its sample, with state and history.", "sample_link", resolve_link
    )
