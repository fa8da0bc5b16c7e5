"""`Sample`: a patient, a biopsy, an extract or a run in openBIS, and its images across the link."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.selection import Info, selection
from api.types.connection import After, Before, Connection, First, Last, paginate
from api.types.entity import (
    CODE_ARGUMENT,
    properties_of,
    property_of,
    registrator_of,
    type_of,
)
from api.types.entity_type import SampleType
from api.types.experiment import Experiment
from api.types.filters import ImageWhere, OmicsWhere, filter_of
from api.types.image import Image
from api.types.image_dataset import ImageDataset
from api.types.imaging import Imaging
from api.types.link import SampleLink
from api.types.node import Node, global_id
from api.types.omics_dataset import OmicsDataset
from api.types.person import Person
from api.types.property import Property
from api.types.sort import ImageOrder, ImageOrderBy, sort_of
from api.types.source import links, openbis
from backends.fetch import Fetch
from backends.records import Kind, SampleRecord
from resolvers import catalog, imaging, lookahead
from resolvers.paging import Window, nothing

if TYPE_CHECKING:
    from api.types.project import Project

TypeArgument = Annotated[
    str | None, strawberry.argument(description="Only samples of this type, by its code.")
]


async def resolve_type(root: strawberry.Parent[SampleRecord], info: Info) -> SampleType:
    """Return the sample's type."""
    return await type_of(root, info)


async def resolve_space(root: strawberry.Parent[SampleRecord], info: Info) -> str | None:
    """Return the code of the sample's space."""
    return (await _with(root, info, Fetch.of("space"))).space


async def resolve_properties(root: strawberry.Parent[SampleRecord], info: Info) -> list[Property]:
    """Return the sample's properties."""
    return await properties_of(root, info)


async def resolve_property(
    root: strawberry.Parent[SampleRecord], info: Info, code: Annotated[str, CODE_ARGUMENT]
) -> Property | None:
    """Return one property."""
    return await property_of(root, info, code)


async def resolve_registrator(root: strawberry.Parent[SampleRecord], info: Info) -> Person | None:
    """Return who registered the sample."""
    return await registrator_of(root, info)


async def resolve_project(
    root: strawberry.Parent[SampleRecord], info: Info
) -> Annotated[Project, strawberry.lazy("api.types.project")] | None:
    """Return the sample's own project, else its experiment's."""
    fetch = Fetch.of(project=lookahead.project_fetch(selection(info)))
    return (await _with(root, info, fetch)).project


async def resolve_experiment(
    root: strawberry.Parent[SampleRecord], info: Info
) -> Experiment | None:
    """Return the sample's experiment."""
    fetch = Fetch.of(experiment=lookahead.experiment_fetch(selection(info)))
    return (await _with(root, info, fetch)).experiment


async def resolve_parents(root: strawberry.Parent[SampleRecord], info: Info) -> list[Sample]:
    """Return the sample's parents."""
    return (await _with(root, info, _relation(info, "parents"))).parents or ()


async def resolve_children(root: strawberry.Parent[SampleRecord], info: Info) -> list[Sample]:
    """Return the sample's children."""
    return (await _with(root, info, _relation(info, "children"))).children or ()


async def resolve_ancestors(
    root: strawberry.Parent[SampleRecord],
    info: Info,
    type: TypeArgument = None,  # noqa: A002 - the schema's word
) -> list[Sample]:
    """Return the samples this one was made from, nearest first."""
    return catalog.ancestors(await _with(root, info, _relation(info, "ancestors")), type)


async def resolve_descendants(
    root: strawberry.Parent[SampleRecord],
    info: Info,
    type: TypeArgument = None,  # noqa: A002 - the schema's word
) -> list[Sample]:
    """Return the samples made from this one, nearest first."""
    return catalog.descendants(await _with(root, info, _relation(info, "descendants")), type)


async def resolve_subject(root: strawberry.Parent[SampleRecord], info: Info) -> Sample | None:
    """Return the subject the sample was taken from."""
    return catalog.subject_of(
        info.context, await _with(root, info, _relation(info, "ancestors") | Fetch.of("type"))
    )


async def resolve_omics_datasets(
    root: strawberry.Parent[SampleRecord], info: Info, where: OmicsWhere = None
) -> list[OmicsDataset] | None:
    """Return the sample's own omics datasets."""
    fetch = lookahead.omics_fetch(selection(info))
    if where is not None:
        return await catalog.omics_datasets_of_sample(
            info.context, root.perm_id, where.to_filter(), fetch
        )
    return (await _with(root, info, Fetch.of(omics_datasets=fetch))).omics_datasets or ()


async def resolve_imaging(root: strawberry.Parent[SampleRecord], info: Info) -> Imaging:
    """Cross the link, with the reason when there is nothing beyond it."""
    fetch = lookahead.image_dataset_fetch(selection(info).get("dataset", {}))
    path = info.path.as_list()
    return await imaging.imaging_of_sample(info.context, root.perm_id, fetch, path)


async def resolve_image_dataset(
    root: strawberry.Parent[SampleRecord], info: Info
) -> ImageDataset | None:
    """Cross the link."""
    fetch = lookahead.image_dataset_fetch(selection(info))
    return await imaging.image_dataset_of_sample(info.context, root.perm_id, fetch)


async def resolve_images(
    root: strawberry.Parent[SampleRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: ImageWhere = None,
    order_by: ImageOrderBy = ImageOrder.ID,
) -> Connection[Image] | None:
    """Cross the link and page the dataset's images."""

    async def search(page: Any, tree: Any) -> Any:
        fetch = Fetch.of("image_count")
        dataset = await imaging.image_dataset_of_sample(info.context, root.perm_id, fetch)
        if dataset is None:
            return nothing(page)
        return await imaging.images_of_image_dataset(
            info.context, dataset, filter_of(where), page, lookahead.image_fetch(tree)
        )

    return await paginate(info, Window(first, after, last, before), sort_of(order_by), search)


async def resolve_link(root: strawberry.Parent[SampleRecord], info: Info) -> SampleLink | None:
    """Return the sample link."""
    return await info.context.loaders.sample_links.load(root.perm_id)


def _relation(info: Info, name: str) -> Fetch:
    # Whoever asks for relatives asks for their type too: `ancestors(type:)` needs it.
    below = lookahead.sample_fetch(selection(info)) | Fetch.of("type")
    return Fetch(((name, below),))


async def _with(root: SampleRecord, info: Info, fetch: Fetch) -> SampleRecord:
    return await catalog.with_relation(info.context, Kind.SAMPLE, root, fetch)


@strawberry.federation.type(
    keys=["id"],
    description="A sample in openBIS: a patient, a biopsy, an extract or a run, with its lineage.",
)
class Sample(Node):
    """Backed by `SampleRecord`."""

    backed_by: ClassVar[type] = SampleRecord

    id: strawberry.ID = global_id("Sample", "perm_id")
    perm_id: str = openbis("The sample's permanent id.", "Sample.permId")
    code: str = openbis("The sample's code; at QBiC, its barcode.", "Sample.code")
    identifier: str = openbis("Where it stands: /SPACE/CODE.", "Sample.identifier")
    registered_at: datetime | None = openbis("When it was registered.", "Sample.registrationDate")
    modified_at: datetime | None = openbis("When it was changed.", "Sample.modificationDate")
    registrator: Person | None = openbis(
        "Who registered it.", "Sample.registrator", resolve_registrator
    )
    type: SampleType = openbis("Its type.", "Sample.type", resolve_type)
    space: str | None = openbis("The code of its space.", "Sample.space.code", resolve_space)
    properties: list[Property] = openbis(
        "All properties that are set.", "Sample.properties", resolve_properties
    )
    property: Property | None = openbis(
        "One property by its code.", "Sample.properties", resolve_property
    )
    project: Annotated[Project, strawberry.lazy("api.types.project")] | None = openbis(
        "The project it belongs to, itself or through its experiment.",
        "Sample.experiment.project",
        resolve_project,
    )
    experiment: Experiment | None = openbis(
        "The experiment it was registered in.", "Sample.experiment", resolve_experiment
    )
    parents: list[Sample] = openbis(
        "The samples it was made from directly.", "Sample.parents", resolve_parents
    )
    children: list[Sample] = openbis(
        "The samples made from it directly.", "Sample.children", resolve_children
    )
    ancestors: list[Sample] = openbis(
        "All samples it was made from, at any distance, nearest first.",
        "Sample.parents",
        resolve_ancestors,
    )
    descendants: list[Sample] = openbis(
        "All samples made from it, at any distance, nearest first.",
        "Sample.children",
        resolve_descendants,
    )
    subject: Sample | None = openbis(
        "The patient, plant or animal it was taken from; itself if it is one, none for a pool.",
        "Sample.parents",
        resolve_subject,
    )
    omics_datasets: list[OmicsDataset] | None = openbis(
        "The omics datasets measured on this very sample.",
        "Sample.dataSets",
        resolve_omics_datasets,
    )
    imaging: Imaging = links(
        "Its images, or the reason why there are none to be seen.",
        "sample_link",
        resolve_imaging,
    )
    image_dataset: ImageDataset | None = links(
        "The OMERO dataset linked to it.", "sample_link.omero_id", resolve_image_dataset
    )
    images: Connection[Image] | None = links(
        "The images of the OMERO dataset linked to it.", "sample_link.omero_id", resolve_images
    )
    link: SampleLink | None = links(
        "The link to its OMERO dataset, with state and history.", "sample_link", resolve_link
    )
