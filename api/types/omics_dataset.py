"""`OmicsDataset`: an openBIS data set, so named that it is never confused with OMERO's datasets."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

import strawberry

from api.edges import Batched, alone, batched
from api.selection import Info
from api.types.entity import CODE_ARGUMENT, plain, properties_of, property_of, relation, type_of
from api.types.entity_type import OmicsDatasetType
from api.types.experiment import Experiment
from api.types.filters import OmicsKind
from api.types.node import Node, global_id
from api.types.person import Person
from api.types.property import Property
from api.types.scalars import BigInt
from api.types.source import openbis
from backends.fetch import Fetch
from backends.records import Kind, OmicsDatasetRecord
from resolvers import lookahead

if TYPE_CHECKING:
    from api.types.sample import Sample


@strawberry.type(description="Where the content of a linked dataset is kept outside openBIS.")
class ContentCopy:
    """Backed by `ContentCopyRecord`."""

    external_code: str | None = openbis("Its name there.", "ContentCopy.externalCode")
    path: str | None = openbis("Its path there.", "ContentCopy.path")
    system_code: str | None = openbis("The external system's code.", "ExternalDms.code")
    system_label: str | None = openbis("The external system's name.", "ExternalDms.label")
    url_template: str | None = openbis(
        "How an address in the external system is made.", "ExternalDms.urlTemplate"
    )


_OMICS = Kind.OMICS_DATASET


def _at_the_store(name: str) -> Batched:
    return relation(_OMICS, lambda _tree: Fetch.of("location"), name)


TYPE = type_of(_OMICS)
PROPERTIES = properties_of(_OMICS)
PROPERTY = property_of(_OMICS)
REGISTRATOR = plain(_OMICS, "registrator")
SIZE = _at_the_store("size")
FORMAT = _at_the_store("file_format")
LOCATION = _at_the_store("location")
STATUS = _at_the_store("status")
CONTENT_COPIES = plain(_OMICS, "content_copies")
SAMPLE = relation(
    _OMICS,
    lambda tree: Fetch.of(sample=lookahead.sample_fetch(tree)),
    "sample",
)
EXPERIMENT = relation(
    _OMICS,
    lambda tree: Fetch.of(experiment=lookahead.experiment_fetch(tree)),
    "experiment",
)
PARENTS = relation(
    _OMICS,
    lambda tree: Fetch.of(parents=lookahead.omics_fetch(tree)),
    "parents?",
)
CHILDREN = relation(
    _OMICS,
    lambda tree: Fetch.of(children=lookahead.omics_fetch(tree)),
    "children?",
)


@batched(TYPE)
async def resolve_type(root: strawberry.Parent[OmicsDatasetRecord], info: Info) -> OmicsDatasetType:
    """Return the dataset's type."""
    return await alone(TYPE, root, info)


def resolve_kind(root: strawberry.Parent[OmicsDatasetRecord]) -> OmicsKind | None:
    """Return where the content is."""
    return OmicsKind(root.kind) if root.kind else None


@batched(PROPERTIES)
async def resolve_properties(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> list[Property]:
    """Return the dataset's properties."""
    return await alone(PROPERTIES, root, info)


@batched(PROPERTY)
async def resolve_property(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info, code: Annotated[str, CODE_ARGUMENT]
) -> Property | None:
    """Return one property."""
    return await alone(PROPERTY, root, info, code=code)


@batched(REGISTRATOR)
async def resolve_registrator(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> Person | None:
    """Return who registered the dataset."""
    return await alone(REGISTRATOR, root, info)


@batched(SIZE)
async def resolve_size(root: strawberry.Parent[OmicsDatasetRecord], info: Info) -> BigInt | None:
    """Return the size in bytes."""
    return await alone(SIZE, root, info)


@batched(FORMAT)
async def resolve_format(root: strawberry.Parent[OmicsDatasetRecord], info: Info) -> str | None:
    """Return the file format."""
    return await alone(FORMAT, root, info)


@batched(LOCATION)
async def resolve_location(root: strawberry.Parent[OmicsDatasetRecord], info: Info) -> str | None:
    """Return the location in the data store."""
    return await alone(LOCATION, root, info)


@batched(STATUS)
async def resolve_status(root: strawberry.Parent[OmicsDatasetRecord], info: Info) -> str | None:
    """Return the archiving status."""
    return await alone(STATUS, root, info)


@batched(CONTENT_COPIES)
async def resolve_content_copies(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> list[ContentCopy]:
    """Return where a linked dataset's content is."""
    return await alone(CONTENT_COPIES, root, info)


@batched(SAMPLE)
async def resolve_sample(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> Annotated[Sample, strawberry.lazy("api.types.sample")] | None:
    """Return the sample it was measured on."""
    return await alone(SAMPLE, root, info)


@batched(EXPERIMENT)
async def resolve_experiment(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> Experiment | None:
    """Return the experiment it belongs to."""
    return await alone(EXPERIMENT, root, info)


@batched(PARENTS)
async def resolve_parents(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> list[OmicsDataset]:
    """Return what it was derived from."""
    return await alone(PARENTS, root, info)


@batched(CHILDREN)
async def resolve_children(
    root: strawberry.Parent[OmicsDatasetRecord], info: Info
) -> list[OmicsDataset]:
    """Return what was derived from it."""
    return await alone(CHILDREN, root, info)


@strawberry.federation.type(
    keys=["id"], description="An omics dataset in openBIS: reads, spectra, results, or a link."
)
class OmicsDataset(Node):
    """Backed by `OmicsDatasetRecord`."""

    backed_by: ClassVar[type] = OmicsDatasetRecord

    id: strawberry.ID = global_id("OmicsDataset", "perm_id")
    perm_id: str = openbis("The dataset's permanent id.", "DataSet.permId")
    code: str = openbis("The dataset's code, equal to its permId.", "DataSet.code")
    registered_at: datetime | None = openbis("When it was registered.", "DataSet.registrationDate")
    modified_at: datetime | None = openbis("When it was changed.", "DataSet.modificationDate")
    registrator: Person | None = openbis(
        "Who registered it.", "DataSet.registrator", resolve_registrator
    )
    type: OmicsDatasetType = openbis("Its type.", "DataSet.type", resolve_type)
    kind: OmicsKind | None = openbis("Where its content is.", "DataSet.kind", resolve_kind)
    properties: list[Property] = openbis(
        "All properties that are set.", "DataSet.properties", resolve_properties
    )
    property: Property | None = openbis(
        "One property by its code.", "DataSet.properties", resolve_property
    )
    size: BigInt | None = openbis("Its size in bytes.", "PhysicalData.size", resolve_size)
    format: str | None = openbis("Its file format.", "PhysicalData.fileFormatType", resolve_format)
    location: str | None = openbis(
        "Where it lies in the data store.", "PhysicalData.location", resolve_location
    )
    status: str | None = openbis(
        "Whether it is at hand or archived.", "PhysicalData.status", resolve_status
    )
    content_copies: list[ContentCopy] = openbis(
        "Where the content of a LINK dataset is.",
        "LinkedData.contentCopies",
        resolve_content_copies,
    )
    sample: Annotated[Sample, strawberry.lazy("api.types.sample")] | None = openbis(
        "The sample it was measured on.", "DataSet.sample", resolve_sample
    )
    experiment: Experiment | None = openbis(
        "The experiment it belongs to.", "DataSet.experiment", resolve_experiment
    )
    parents: list[OmicsDataset] = openbis(
        "The datasets it was derived from.", "DataSet.parents", resolve_parents
    )
    children: list[OmicsDataset] = openbis(
        "The datasets derived from it.", "DataSet.children", resolve_children
    )
