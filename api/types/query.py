"""`Query`: where every question starts.

Single objects are read by their identifier or their global id, lists are searched in the system
that owns them. An object that is not there, or not for this viewer, is null with a NOT_FOUND error.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import strawberry

from api.selection import Info, selection
from api.types.cohort_questions import CohortQuestions
from api.types.connection import After, Before, Connection, First, Last, paginate, paginate_entities
from api.types.entities import read_node
from api.types.entity_type import TypeCatalog
from api.types.experiment import Experiment
from api.types.filters import (
    ContainerWhere,
    ExperimentWhere,
    ImageWhere,
    OmicsWhere,
    ProjectWhere,
    SampleWhere,
    filter_of,
)
from api.types.image import Image
from api.types.image_dataset import ImageDataset
from api.types.image_project import ImageProject
from api.types.link_questions import LinkQuestions
from api.types.node import Node
from api.types.omics_dataset import OmicsDataset
from api.types.operation_questions import OperationQuestions
from api.types.project import Project
from api.types.sample import Sample
from api.types.scalars import BigInt
from api.types.snapshot_questions import SnapshotQuestions
from api.types.sort import (
    ContainerOrder,
    ContainerOrderBy,
    EntityOrder,
    EntityOrderBy,
    ImageOrder,
    ImageOrderBy,
    sort_of,
)
from api.types.viewer import Backend, Viewer, read_backends
from backends.records import Kind
from resolvers import catalog, imaging, lookahead
from resolvers.errors import BadInput
from resolvers.paging import MAXIMUM_PAGE, Window

AnyId = Annotated[
    strawberry.ID, strawberry.argument(description="The global id of an object of any type.")
]
AnyIds = Annotated[
    list[strawberry.ID],
    strawberry.argument(description=f"Global ids of any types, {MAXIMUM_PAGE} at most."),
]
GlobalId = Annotated[
    strawberry.ID | None, strawberry.argument(description="The object's global id.")
]
Identifier = Annotated[
    str | None,
    strawberry.argument(description="Its identifier, such as /CLINICAL/QCLIN, or its permId."),
]
OmeroId = Annotated[BigInt | None, strawberry.argument(description="Its id in OMERO.")]


@strawberry.type(description="Questions over openBIS, OMERO and the links between them.")
class Query(CohortQuestions, SnapshotQuestions, OperationQuestions, LinkQuestions):
    """The root of all queries."""

    @strawberry.field(description="Any object by its global id.")
    async def node(self, info: Info, id: AnyId) -> Node | None:  # noqa: A002
        """Read one object."""
        return await read_node(info.context, id, selection(info))

    @strawberry.field(description="Several objects by their global ids; null where there is none.")
    async def nodes(self, info: Info, ids: AnyIds) -> list[Node | None]:
        """Read several objects in batches."""
        if len(ids) > MAXIMUM_PAGE:
            raise BadInput(f"At most {MAXIMUM_PAGE} ids at once; these are {len(ids)}.")
        tree = selection(info)
        # An exception in a list becomes null with an error at its place, as GraphQL asks for.
        return await asyncio.gather(
            *(read_node(info.context, id_, tree) for id_ in ids), return_exceptions=True
        )

    @strawberry.field(description="Who is asking.")
    async def viewer(self, info: Info) -> Viewer:
        """Tell the viewer."""
        return info.context.viewer

    @strawberry.field(description="The systems behind this server, and whether they answer.")
    async def backends(self, info: Info) -> list[Backend]:
        """Tell the systems' states."""
        return await read_backends(info)

    @strawberry.field(description="What openBIS declares: types, properties, vocabularies.")
    async def types(self) -> TypeCatalog:
        """Open the namespace."""
        return TypeCatalog()

    @strawberry.field(description="One openBIS project.")
    async def project(
        self,
        info: Info,
        identifier: Identifier = None,
        id: GlobalId = None,  # noqa: A002
    ) -> Project | None:
        """Read by identifier, code, permId or global id."""
        if _one_of(identifier=identifier, id=id) == "id":
            return await _typed(info, id, "Project")
        fetch = lookahead.project_fetch(selection(info))
        return await catalog.project_by_identifier(info.context, identifier or "", fetch)

    @strawberry.field(description="openBIS projects.")
    async def projects(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: ProjectWhere = None,
        order_by: EntityOrderBy = EntityOrder.CODE,
    ) -> Connection[Project] | None:
        """Search projects."""
        window = Window(first, after, last, before)
        fetch = lookahead.project_fetch
        return await paginate_entities(
            info, window, sort_of(order_by), Kind.PROJECT, filter_of(where), fetch
        )

    @strawberry.field(description="One openBIS experiment.")
    async def experiment(
        self,
        info: Info,
        identifier: Identifier = None,
        id: GlobalId = None,  # noqa: A002
    ) -> Experiment | None:
        """Read by identifier, permId or global id."""
        if _one_of(identifier=identifier, id=id) == "id":
            return await _typed(info, id, "Experiment")
        fetch = lookahead.experiment_fetch(selection(info))
        return await catalog.get(info.context, Kind.EXPERIMENT, identifier or "", fetch)

    @strawberry.field(description="openBIS experiments.")
    async def experiments(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: ExperimentWhere = None,
        order_by: EntityOrderBy = EntityOrder.CODE,
    ) -> Connection[Experiment] | None:
        """Search experiments."""
        window = Window(first, after, last, before)
        fetch = lookahead.experiment_fetch
        return await paginate_entities(
            info, window, sort_of(order_by), Kind.EXPERIMENT, filter_of(where), fetch
        )

    @strawberry.field(description="One sample: a patient, a biopsy, an extract or a run.")
    async def sample(
        self,
        info: Info,
        identifier: Identifier = None,
        id: GlobalId = None,  # noqa: A002
    ) -> Sample | None:
        """Read by identifier, permId or global id."""
        if _one_of(identifier=identifier, id=id) == "id":
            return await _typed(info, id, "Sample")
        fetch = lookahead.sample_fetch(selection(info))
        return await catalog.get(info.context, Kind.SAMPLE, identifier or "", fetch)

    @strawberry.field(description="Samples of all projects.")
    async def samples(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: SampleWhere = None,
        order_by: EntityOrderBy = EntityOrder.CODE,
    ) -> Connection[Sample] | None:
        """Search samples."""
        window = Window(first, after, last, before)
        fetch = lookahead.sample_fetch
        return await paginate_entities(
            info, window, sort_of(order_by), Kind.SAMPLE, filter_of(where), fetch
        )

    @strawberry.field(description="One omics dataset.")
    async def omics_dataset(
        self,
        info: Info,
        perm_id: Annotated[
            str | None, strawberry.argument(description="Its permId, which is its code.")
        ] = None,
        id: GlobalId = None,  # noqa: A002
    ) -> OmicsDataset | None:
        """Read by permId or global id."""
        if _one_of(permId=perm_id, id=id) == "id":
            return await _typed(info, id, "OmicsDataset")
        fetch = lookahead.omics_fetch(selection(info))
        return await catalog.get(info.context, Kind.OMICS_DATASET, perm_id or "", fetch)

    @strawberry.field(description="Omics datasets of all projects.")
    async def omics_datasets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: OmicsWhere = None,
        order_by: EntityOrderBy = EntityOrder.CODE,
    ) -> Connection[OmicsDataset] | None:
        """Search omics datasets."""
        window = Window(first, after, last, before)
        fetch = lookahead.omics_fetch
        return await paginate_entities(
            info, window, sort_of(order_by), Kind.OMICS_DATASET, filter_of(where), fetch
        )

    @strawberry.field(description="One OMERO project.")
    async def image_project(
        self,
        info: Info,
        omero_id: OmeroId = None,
        id: GlobalId = None,  # noqa: A002
    ) -> ImageProject | None:
        """Read by OMERO id or global id."""
        if _one_of(omeroId=omero_id, id=id) == "id":
            return await _typed(info, id, "ImageProject")
        fetch = lookahead.image_project_fetch(selection(info))
        return await imaging.get_image_project(info.context, omero_id or 0, fetch)

    @strawberry.field(description="OMERO projects.")
    async def image_projects(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: ContainerWhere = None,
        order_by: ContainerOrderBy = ContainerOrder.NAME,
    ) -> Connection[ImageProject] | None:
        """Search image projects."""
        return await paginate(
            info,
            Window(first, after, last, before),
            sort_of(order_by),
            lambda page, tree: imaging.image_projects(
                info.context, filter_of(where), page, lookahead.image_project_fetch(tree)
            ),
        )

    @strawberry.field(description="One OMERO dataset.")
    async def image_dataset(
        self,
        info: Info,
        omero_id: OmeroId = None,
        id: GlobalId = None,  # noqa: A002
    ) -> ImageDataset | None:
        """Read by OMERO id or global id."""
        if _one_of(omeroId=omero_id, id=id) == "id":
            return await _typed(info, id, "ImageDataset")
        fetch = lookahead.image_dataset_fetch(selection(info))
        return await imaging.get_image_dataset(info.context, omero_id or 0, fetch)

    @strawberry.field(description="OMERO datasets.")
    async def image_datasets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: ContainerWhere = None,
        order_by: ContainerOrderBy = ContainerOrder.NAME,
    ) -> Connection[ImageDataset] | None:
        """Search image datasets."""
        return await paginate(
            info,
            Window(first, after, last, before),
            sort_of(order_by),
            lambda page, tree: imaging.image_datasets(
                info.context, filter_of(where), page, lookahead.image_dataset_fetch(tree)
            ),
        )

    @strawberry.field(description="One image.")
    async def image(
        self,
        info: Info,
        omero_id: OmeroId = None,
        id: GlobalId = None,  # noqa: A002
    ) -> Image | None:
        """Read by OMERO id or global id."""
        if _one_of(omeroId=omero_id, id=id) == "id":
            return await _typed(info, id, "Image")
        fetch = lookahead.image_fetch(selection(info))
        return await imaging.get_image(info.context, omero_id or 0, fetch)

    @strawberry.field(description="Images of all projects.")
    async def images(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: ImageWhere = None,
        order_by: ImageOrderBy = ImageOrder.ID,
    ) -> Connection[Image] | None:
        """Search images."""
        return await paginate(
            info,
            Window(first, after, last, before),
            sort_of(order_by),
            lambda page, tree: imaging.images(
                info.context, filter_of(where), page, lookahead.image_fetch(tree)
            ),
        )


async def _typed(info: Info, global_id: str | None, name: str) -> Any:
    """Read by global id, and refuse the id of something else."""
    return await read_node(info.context, global_id or "", selection(info), expected=name)


def _one_of(**arguments: object) -> str:
    """Return the name of the one argument that is set."""
    given = [name for name, value in arguments.items() if value is not None]
    if len(given) != 1:
        names = " or ".join(f"`{name}`" for name in arguments)
        raise BadInput(f"Give exactly one of {names}.")
    return given[0]
