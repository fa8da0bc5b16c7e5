"""`Project`: an openBIS project with its experiments, samples, subjects, design, and its images."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import strawberry

from api.edges import Ask, Batched, alone, batched
from api.selection import Info, selection
from api.types.connection import After, Before, Connection, First, Last, paginate_entities
from api.types.design import Design
from api.types.entity import plain
from api.types.experiment import Experiment
from api.types.filters import ExperimentWhere, SampleWhere, filter_of
from api.types.image_project import ImageProject
from api.types.link import ProjectLink
from api.types.node import Node, global_id
from api.types.person import Person
from api.types.sample import Sample
from api.types.sort import EntityOrder, EntityOrderBy, sort_of
from api.types.source import links, openbis, own
from api.types.statistics import Statistics
from backends.records import Kind, ProjectRecord
from resolvers import catalog, crossing, lookahead, overview
from resolvers.paging import Window

SPACE = plain(Kind.PROJECT, "space")
REGISTRATOR = plain(Kind.PROJECT, "registrator")
LEADER = plain(Kind.PROJECT, "leader")


@batched(SPACE)
async def resolve_space(root: strawberry.Parent[ProjectRecord], info: Info) -> str | None:
    """Return the code of the project's space."""
    return await alone(SPACE, root, info)


@batched(REGISTRATOR)
async def resolve_registrator(root: strawberry.Parent[ProjectRecord], info: Info) -> Person | None:
    """Return who registered the project."""
    return await alone(REGISTRATOR, root, info)


@batched(LEADER)
async def resolve_leader(root: strawberry.Parent[ProjectRecord], info: Info) -> Person | None:
    """Return who leads the project."""
    return await alone(LEADER, root, info)


async def resolve_experiments(
    root: strawberry.Parent[ProjectRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: ExperimentWhere = None,
    order_by: EntityOrderBy = EntityOrder.CODE,
) -> Connection[Experiment] | None:
    """Search the project's experiments."""
    filter_ = catalog.experiments_of_project(root.perm_id, filter_of(where))
    return await paginate_entities(
        info,
        Window(first, after, last, before),
        sort_of(order_by),
        Kind.EXPERIMENT,
        filter_,
        lookahead.experiment_fetch,
    )


async def resolve_samples(
    root: strawberry.Parent[ProjectRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: SampleWhere = None,
    order_by: EntityOrderBy = EntityOrder.CODE,
) -> Connection[Sample] | None:
    """Search the project's samples."""
    filter_ = catalog.samples_of_project(root.perm_id, filter_of(where))
    return await paginate_entities(
        info,
        Window(first, after, last, before),
        sort_of(order_by),
        Kind.SAMPLE,
        filter_,
        lookahead.sample_fetch,
    )


async def resolve_subjects(
    root: strawberry.Parent[ProjectRecord],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    where: SampleWhere = None,
    order_by: EntityOrderBy = EntityOrder.CODE,
) -> Connection[Sample] | None:
    """Search the project's subjects."""
    filter_ = catalog.samples_of_project(
        root.perm_id, catalog.subjects(info.context, filter_of(where))
    )
    return await paginate_entities(
        info,
        Window(first, after, last, before),
        sort_of(order_by),
        Kind.SAMPLE,
        filter_,
        lookahead.sample_fetch,
    )


async def resolve_statistics(
    root: strawberry.Parent[ProjectRecord], info: Info
) -> Statistics | None:
    """Count what the project holds, as far as it is asked for."""
    wanted = frozenset(selection(info))
    path = info.path.as_list()
    return await overview.statistics(info.context, root.perm_id, wanted, path)


async def resolve_design(root: strawberry.Parent[ProjectRecord], info: Info) -> Design | None:
    """Return the experimental design."""
    return await overview.design(info.context, root.perm_id)


async def _image_projects(projects: Sequence[ProjectRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.image_project_fetch(ask.tree)
    perm_ids = [project.perm_id for project in projects]
    return await crossing.image_projects_of_projects(ask.context, perm_ids, fetch)


async def _links(projects: Sequence[ProjectRecord], ask: Ask) -> Sequence[Any]:
    found: Sequence[Any] = await ask.context.loaders.project_links.load_many(
        [project.perm_id for project in projects]
    )
    return found


IMAGE_PROJECT = Batched(_image_projects)
LINK = Batched(_links)


@batched(IMAGE_PROJECT)
async def resolve_image_project(
    root: strawberry.Parent[ProjectRecord], info: Info
) -> ImageProject | None:
    """Cross the project link."""
    return await alone(IMAGE_PROJECT, root, info)


@batched(LINK)
async def resolve_link(root: strawberry.Parent[ProjectRecord], info: Info) -> ProjectLink | None:
    """Return the project link."""
    return await alone(LINK, root, info)


@strawberry.federation.type(
    keys=["id"],
    description="A research project in openBIS, with the images that belong to it in OMERO.",
)
class Project(Node):
    """Backed by `ProjectRecord`."""

    backed_by: ClassVar[type] = ProjectRecord

    id: strawberry.ID = global_id("Project", "perm_id")
    perm_id: str = openbis("The project's permanent id.", "Project.permId")
    code: str = openbis("The project's code, such as QCLIN.", "Project.code")
    identifier: str = openbis("Where the project stands: /SPACE/CODE.", "Project.identifier")
    description: str | None = openbis("What the project is about.", "Project.description")
    space: str | None = openbis("The code of its space.", "Project.space.code", resolve_space)
    registered_at: datetime | None = openbis("When it was registered.", "Project.registrationDate")
    modified_at: datetime | None = openbis("When it was changed.", "Project.modificationDate")
    registrator: Person | None = openbis(
        "Who registered it.", "Project.registrator", resolve_registrator
    )
    leader: Person | None = openbis("Who leads it.", "Project.leader", resolve_leader)
    experiments: Connection[Experiment] | None = openbis(
        "Its experiments.", "Project.experiments", resolve_experiments
    )
    samples: Connection[Sample] | None = openbis(
        "Its samples, from the patient to the sequencing run.", "Project.samples", resolve_samples
    )
    subjects: Connection[Sample] | None = openbis(
        "Its subjects: the patients, plants or animals that samples were taken from.",
        "Project.samples",
        resolve_subjects,
    )
    statistics: Statistics | None = own("How much it holds, in both systems.", resolve_statistics)
    design: Design | None = openbis(
        "Its experimental design: factors with their levels, and the samples at each.",
        "Experiment.properties.Q_EXPERIMENTAL_SETUP",
        resolve_design,
    )
    image_project: ImageProject | None = links(
        "The OMERO project linked to it.", "project_link.omero_id", resolve_image_project
    )
    link: ProjectLink | None = links(
        "The link to its OMERO project, with state and history.", "project_link", resolve_link
    )
