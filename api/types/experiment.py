"""`Experiment`: an openBIS experiment, called collection in newer interfaces."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

import strawberry

from api.edges import alone, batched
from api.selection import Info
from api.types.connection import After, Before, Connection, First, Last, paginate_entities
from api.types.entity import CODE_ARGUMENT, plain, properties_of, property_of, relation, type_of
from api.types.entity_type import ExperimentType
from api.types.filters import SampleWhere, filter_of
from api.types.node import Node, global_id
from api.types.person import Person
from api.types.property import Property
from api.types.sort import EntityOrder, EntityOrderBy, sort_of
from api.types.source import openbis
from backends.fetch import Fetch
from backends.records import ExperimentRecord, Kind
from resolvers import catalog, lookahead
from resolvers.paging import Window

if TYPE_CHECKING:
    from api.types.project import Project
    from api.types.sample import Sample


_EXPERIMENT = Kind.EXPERIMENT
TYPE = type_of(_EXPERIMENT)
PROPERTIES = properties_of(_EXPERIMENT)
PROPERTY = property_of(_EXPERIMENT)
REGISTRATOR = plain(_EXPERIMENT, "registrator")
PROJECT = relation(
    _EXPERIMENT,
    lambda tree: Fetch.of(project=lookahead.project_fetch(tree)),
    "project",
)


@batched(TYPE)
async def resolve_type(root: strawberry.Parent[ExperimentRecord], info: Info) -> ExperimentType:
    """Return the experiment's type."""
    return await alone(TYPE, root, info)


@batched(PROPERTIES)
async def resolve_properties(
    root: strawberry.Parent[ExperimentRecord], info: Info
) -> list[Property]:
    """Return the experiment's properties."""
    return await alone(PROPERTIES, root, info)


@batched(PROPERTY)
async def resolve_property(
    root: strawberry.Parent[ExperimentRecord], info: Info, code: Annotated[str, CODE_ARGUMENT]
) -> Property | None:
    """Return one property."""
    return await alone(PROPERTY, root, info, code=code)


@batched(REGISTRATOR)
async def resolve_registrator(
    root: strawberry.Parent[ExperimentRecord], info: Info
) -> Person | None:
    """Return who registered the experiment."""
    return await alone(REGISTRATOR, root, info)


@batched(PROJECT)
async def resolve_project(
    root: strawberry.Parent[ExperimentRecord], info: Info
) -> Annotated[Project, strawberry.lazy("api.types.project")] | None:
    """Return the experiment's project."""
    return await alone(PROJECT, root, info)


async def resolve_samples(
    root: strawberry.Parent[ExperimentRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: SampleWhere = None,
    order_by: EntityOrderBy = EntityOrder.CODE,
) -> Connection[Annotated[Sample, strawberry.lazy("api.types.sample")]] | None:
    """Search the experiment's samples."""
    filter_ = catalog.samples_of_experiment(root.perm_id, filter_of(where))
    return await paginate_entities(
        info,
        Window(first, after, last, before),
        sort_of(order_by),
        Kind.SAMPLE,
        filter_,
        lookahead.sample_fetch,
    )


@strawberry.federation.type(
    keys=["id"], description="An experiment in openBIS: what was done, and with which samples."
)
class Experiment(Node):
    """Backed by `ExperimentRecord`."""

    backed_by: ClassVar[type] = ExperimentRecord

    id: strawberry.ID = global_id("Experiment", "perm_id")
    perm_id: str = openbis("The experiment's permanent id.", "Experiment.permId")
    code: str = openbis("The experiment's code.", "Experiment.code")
    identifier: str = openbis("Where it stands: /SPACE/PROJECT/CODE.", "Experiment.identifier")
    registered_at: datetime | None = openbis(
        "When it was registered.", "Experiment.registrationDate"
    )
    modified_at: datetime | None = openbis("When it was changed.", "Experiment.modificationDate")
    registrator: Person | None = openbis(
        "Who registered it.", "Experiment.registrator", resolve_registrator
    )
    type: ExperimentType = openbis("Its type.", "Experiment.type", resolve_type)
    properties: list[Property] = openbis(
        "All properties that are set.", "Experiment.properties", resolve_properties
    )
    property: Property | None = openbis(
        "One property by its code.", "Experiment.properties", resolve_property
    )
    project: Annotated[Project, strawberry.lazy("api.types.project")] | None = openbis(
        "The project it belongs to.", "Experiment.project", resolve_project
    )
    samples: Connection[Annotated[Sample, strawberry.lazy("api.types.sample")]] | None = openbis(
        "The samples registered in it.", "Experiment.samples", resolve_samples
    )
