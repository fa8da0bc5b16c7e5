"""`ImageProject`: an OMERO project with its datasets and images, and the openBIS project."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.edges import Ask, Batched, alone, batched
from api.selection import Info
from api.types.annotation import KeyValue, NamespaceArgument, Tag, key_values_of, tags_of
from api.types.connection import After, Before, Connection, First, Last, paginate, paginate_rows
from api.types.filters import ImageWhere, filter_of
from api.types.image import Image
from api.types.image_dataset import ImageDataset
from api.types.node import Node, global_id
from api.types.person import Experimenter, Group, resolve_group, resolve_owner
from api.types.scalars import BigInt
from api.types.sort import ContainerOrder, ContainerOrderBy, ImageOrder, ImageOrderBy, sort_of
from api.types.source import links, omero
from backends.fetch import Fetch
from backends.records import ImageProjectRecord, ImagingKind
from link_store.records import LinkKind
from resolvers import crossing, imaging, lookahead
from resolvers.links import of_omero
from resolvers.paging import Window

if TYPE_CHECKING:
    from api.types.link import ProjectLink
    from api.types.project import Project


async def resolve_image_dataset_count(
    root: strawberry.Parent[ImageProjectRecord], info: Info
) -> int | None:
    """Return the number of datasets."""
    if root.image_dataset_count is not None:
        return root.image_dataset_count
    fetch = Fetch.of("image_dataset_count")
    project = await imaging.get_image_project(info.context, root.omero_id, fetch)
    return project.image_dataset_count


async def resolve_images(
    root: strawberry.Parent[ImageProjectRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: ImageWhere = None,
    order_by: ImageOrderBy = ImageOrder.ID,
) -> Connection[Image] | None:
    """Page the project's images over all its datasets."""
    filter_ = imaging.of_image_project(root.omero_id, filter_of(where))
    return await paginate(
        info,
        Window(first, after, last, before),
        sort_of(order_by),
        lambda page, tree: imaging.images(info.context, filter_, page, lookahead.image_fetch(tree)),
    )


async def _image_datasets(
    projects: Sequence[ImageProjectRecord],
    ask: Ask,
    order_by: ContainerOrderBy = ContainerOrder.NAME,
    **window: Any,
) -> Sequence[Any]:
    return await paginate_rows(
        ask,
        Window(**window),
        sort_of(order_by),
        lambda page, tree: imaging.image_datasets_of_image_projects(
            ask.context,
            [project.omero_id for project in projects],
            page,
            lookahead.image_dataset_fetch(tree),
        ),
    )


async def _projects(projects: Sequence[ImageProjectRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.project_fetch(ask.tree)
    ids = [project.omero_id for project in projects]
    return await crossing.projects_of_image_projects(ask.context, ids, fetch)


IMAGE_DATASETS = Batched(_image_datasets)
KEY_VALUES = key_values_of(ImagingKind.IMAGE_PROJECT)
TAGS = tags_of(ImagingKind.IMAGE_PROJECT)
PROJECT = Batched(_projects)


@batched(IMAGE_DATASETS)
async def resolve_image_datasets(
    root: strawberry.Parent[ImageProjectRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    order_by: ContainerOrderBy = ContainerOrder.NAME,
) -> Connection[ImageDataset] | None:
    """Page the project's datasets."""
    window = {"first": first, "after": after, "last": last, "before": before}
    return await alone(IMAGE_DATASETS, root, info, order_by=order_by, **window)


@batched(KEY_VALUES)
async def resolve_key_values(
    root: strawberry.Parent[ImageProjectRecord], info: Info, namespace: NamespaceArgument = None
) -> list[KeyValue] | None:
    """Return the key-value pairs."""
    return await alone(KEY_VALUES, root, info, namespace=namespace)


@batched(TAGS)
async def resolve_tags(root: strawberry.Parent[ImageProjectRecord], info: Info) -> list[Tag] | None:
    """Return the tags."""
    return await alone(TAGS, root, info)


@batched(PROJECT)
async def resolve_project(
    root: strawberry.Parent[ImageProjectRecord], info: Info
) -> Annotated[Project, strawberry.lazy("api.types.project")] | None:
    """Cross the link to the openBIS project."""
    return await alone(PROJECT, root, info)


async def resolve_link(
    root: strawberry.Parent[ImageProjectRecord], info: Info
) -> Annotated[ProjectLink, strawberry.lazy("api.types.link")] | None:
    """Return the project link."""
    return await of_omero(info.context, LinkKind.PROJECT, root.omero_id)


@strawberry.federation.type(
    keys=["id"], description="A project in OMERO: the datasets of one research project."
)
class ImageProject(Node):
    """Backed by `ImageProjectRecord`."""

    backed_by: ClassVar[type] = ImageProjectRecord

    id: strawberry.ID = global_id("ImageProject", "omero_id")
    omero_id: BigInt = omero("The project's id in OMERO.", "Project.id")
    name: str = omero("Its name; by convention the openBIS project's code.", "Project.name")
    description: str | None = omero("What it is about.", "Project.description")
    created_at: datetime | None = omero("When it was made.", "Project.details.creationEvent.time")
    image_dataset_count: int | None = omero(
        "How many datasets it holds for this viewer.",
        "Project.datasetLinks",
        resolve_image_dataset_count,
    )
    image_datasets: Connection[ImageDataset] | None = omero(
        "Its datasets.", "Project.datasetLinks", resolve_image_datasets
    )
    images: Connection[Image] | None = omero(
        "The images of all its datasets.", "Project.datasetLinks", resolve_images
    )
    key_values: list[KeyValue] | None = omero(
        "Its key-value pairs.", "Project.annotationLinks", resolve_key_values
    )
    tags: list[Tag] | None = omero("Its tags.", "Project.annotationLinks", resolve_tags)
    owner: Experimenter | None = omero("Who owns it.", "Project.details.owner", resolve_owner)
    group: Group | None = omero(
        "The group it is shared in.", "Project.details.group", resolve_group
    )
    project: Annotated[Project, strawberry.lazy("api.types.project")] | None = links(
        "The openBIS project linked to it.", "project_link.openbis_perm_id", resolve_project
    )
    link: Annotated[ProjectLink, strawberry.lazy("api.types.link")] | None = links(
        "The link to its openBIS project, with state and history.", "project_link", resolve_link
    )
