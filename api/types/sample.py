"""`Sample`: a patient, a biopsy, an extract or a run in openBIS, and its images across the link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.edges import LATER, Answer, Ask, Batched, alone, batched
from api.selection import Info, Tree
from api.types.connection import After, Before, Connection, First, Last, paginate_rows
from api.types.entity import CODE_ARGUMENT, plain, properties_of, property_of, relation, type_of
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
from backends.filters import PageRequest
from backends.records import Kind, SampleRecord
from resolvers import catalog, crossing, lookahead
from resolvers.paging import Window

if TYPE_CHECKING:
    from api.types.project import Project

TypeArgument = Annotated[
    str | None, strawberry.argument(description="Only samples of this type, by its code.")
]


_SAMPLE = Kind.SAMPLE


def _below(name: str) -> Callable[[Tree], Fetch]:
    # Whoever asks for relatives asks for their type too: `ancestors(type:)` needs it.
    return lambda tree: Fetch(((name, lookahead.sample_fetch(tree) | Fetch.of("type")),))


TYPE = type_of(_SAMPLE)
SPACE = plain(_SAMPLE, "space")
PROPERTIES = properties_of(_SAMPLE)
PROPERTY = property_of(_SAMPLE)
REGISTRATOR = plain(_SAMPLE, "registrator")
PROJECT = relation(
    _SAMPLE,
    lambda tree: Fetch.of(project=lookahead.project_fetch(tree)),
    "project",
)
EXPERIMENT = relation(
    _SAMPLE,
    lambda tree: Fetch.of(experiment=lookahead.experiment_fetch(tree)),
    "experiment",
)
PARENTS = relation(_SAMPLE, _below("parents"), "parents?")
CHILDREN = relation(_SAMPLE, _below("children"), "children?")
ANCESTORS = relation(
    _SAMPLE,
    _below("ancestors"),
    lambda sample, _ask, type=None: catalog.ancestors(sample, type),  # noqa: A006 - idem
)
DESCENDANTS = relation(
    _SAMPLE,
    _below("descendants"),
    lambda sample, _ask, type=None: catalog.descendants(sample, type),  # noqa: A006 - idem
)
SUBJECT = relation(
    _SAMPLE,
    lambda tree: _below("ancestors")(tree) | Fetch.of("type"),
    lambda sample, ask: catalog.subject_of(ask.context, sample),
)
OMICS_DATASETS = relation(
    _SAMPLE,
    lambda tree: Fetch.of(omics_datasets=lookahead.omics_fetch(tree)),
    "omics_datasets?",
)


@batched(TYPE)
async def resolve_type(root: strawberry.Parent[SampleRecord], info: Info) -> SampleType:
    """Return the sample's type."""
    return await alone(TYPE, root, info)


@batched(SPACE)
async def resolve_space(root: strawberry.Parent[SampleRecord], info: Info) -> str | None:
    """Return the code of the sample's space."""
    return await alone(SPACE, root, info)


@batched(PROPERTIES)
async def resolve_properties(root: strawberry.Parent[SampleRecord], info: Info) -> list[Property]:
    """Return the sample's properties."""
    return await alone(PROPERTIES, root, info)


@batched(PROPERTY)
async def resolve_property(
    root: strawberry.Parent[SampleRecord], info: Info, code: Annotated[str, CODE_ARGUMENT]
) -> Property | None:
    """Return one property."""
    return await alone(PROPERTY, root, info, code=code)


@batched(REGISTRATOR)
async def resolve_registrator(root: strawberry.Parent[SampleRecord], info: Info) -> Person | None:
    """Return who registered the sample."""
    return await alone(REGISTRATOR, root, info)


@batched(PROJECT)
async def resolve_project(
    root: strawberry.Parent[SampleRecord], info: Info
) -> Annotated[Project, strawberry.lazy("api.types.project")] | None:
    """Return the sample's own project, else its experiment's."""
    return await alone(PROJECT, root, info)


@batched(EXPERIMENT)
async def resolve_experiment(
    root: strawberry.Parent[SampleRecord], info: Info
) -> Experiment | None:
    """Return the sample's experiment."""
    return await alone(EXPERIMENT, root, info)


@batched(PARENTS)
async def resolve_parents(root: strawberry.Parent[SampleRecord], info: Info) -> list[Sample]:
    """Return the sample's parents."""
    return await alone(PARENTS, root, info)


@batched(CHILDREN)
async def resolve_children(root: strawberry.Parent[SampleRecord], info: Info) -> list[Sample]:
    """Return the sample's children."""
    return await alone(CHILDREN, root, info)


@batched(ANCESTORS)
async def resolve_ancestors(
    root: strawberry.Parent[SampleRecord],
    info: Info,
    type: TypeArgument = None,  # noqa: A002 - the schema's word
) -> list[Sample]:
    """Return the samples this one was made from, nearest first."""
    return await alone(ANCESTORS, root, info, type=type)


@batched(DESCENDANTS)
async def resolve_descendants(
    root: strawberry.Parent[SampleRecord],
    info: Info,
    type: TypeArgument = None,  # noqa: A002 - the schema's word
) -> list[Sample]:
    """Return the samples made from this one, nearest first."""
    return await alone(DESCENDANTS, root, info, type=type)


@batched(SUBJECT)
async def resolve_subject(root: strawberry.Parent[SampleRecord], info: Info) -> Sample | None:
    """Return the subject the sample was taken from."""
    return await alone(SUBJECT, root, info)


def _own_datasets(ask: Ask, where: OmicsWhere = None) -> Answer:
    """Answer with what came with the sample, where no further condition is set."""
    if where is not None:
        return lambda _sample: LATER
    assert OMICS_DATASETS.ready is not None  # noqa: S101 - a relation may be there
    return OMICS_DATASETS.ready(ask)


async def _matching_datasets(
    samples: Sequence[SampleRecord], ask: Ask, where: OmicsWhere = None
) -> Sequence[Any]:
    if where is None:
        return await OMICS_DATASETS.many(samples, ask)
    filter_, fetch = where.to_filter(), lookahead.omics_fetch(ask.tree)
    return await asyncio.gather(
        *(
            catalog.omics_datasets_of_sample(ask.context, sample.perm_id, filter_, fetch)
            for sample in samples
        ),
        return_exceptions=True,
    )


MATCHING_DATASETS = Batched(_matching_datasets, _own_datasets, OMICS_DATASETS.attribute)


@batched(MATCHING_DATASETS)
async def resolve_omics_datasets(
    root: strawberry.Parent[SampleRecord], info: Info, where: OmicsWhere = None
) -> list[OmicsDataset] | None:
    """Return the sample's own omics datasets."""
    return await alone(MATCHING_DATASETS, root, info, where=where)


def _perm_ids(samples: Sequence[SampleRecord]) -> list[str]:
    return [sample.perm_id for sample in samples]


async def _imaging(samples: Sequence[SampleRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.image_dataset_fetch(ask.tree.get("dataset", {}))
    return await crossing.imaging_of_samples(ask.context, _perm_ids(samples), fetch, ask.path)


async def _image_datasets(samples: Sequence[SampleRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.image_dataset_fetch(ask.tree)
    return await crossing.image_datasets_of_samples(ask.context, _perm_ids(samples), fetch)


async def _images(
    samples: Sequence[SampleRecord],
    ask: Ask,
    where: ImageWhere = None,
    order_by: ImageOrderBy = ImageOrder.ID,
    **window: Any,
) -> Sequence[Any]:
    async def search(page: PageRequest, tree: Tree) -> Sequence[Any]:
        return await crossing.images_of_samples(
            ask.context, _perm_ids(samples), filter_of(where), page, lookahead.image_fetch(tree)
        )

    return await paginate_rows(ask, Window(**window), sort_of(order_by), search)


async def _links(samples: Sequence[SampleRecord], ask: Ask) -> Sequence[Any]:
    links: Sequence[Any] = await ask.context.loaders.sample_links.load_many(_perm_ids(samples))
    return links


IMAGING = Batched(_imaging)
IMAGE_DATASET = Batched(_image_datasets)
IMAGES = Batched(_images)
LINK = Batched(_links)


@batched(IMAGING)
async def resolve_imaging(root: strawberry.Parent[SampleRecord], info: Info) -> Imaging:
    """Cross the link, with the reason when there is nothing beyond it."""
    return await alone(IMAGING, root, info)


@batched(IMAGE_DATASET)
async def resolve_image_dataset(
    root: strawberry.Parent[SampleRecord], info: Info
) -> ImageDataset | None:
    """Cross the link."""
    return await alone(IMAGE_DATASET, root, info)


@batched(IMAGES)
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
    window = {"first": first, "after": after, "last": last, "before": before}
    return await alone(IMAGES, root, info, where=where, order_by=order_by, **window)


@batched(LINK)
async def resolve_link(root: strawberry.Parent[SampleRecord], info: Info) -> SampleLink | None:
    """Return the sample link."""
    return await alone(LINK, root, info)


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
