"""Links between the systems: `ProjectLink`, `SampleLink`, their history, and audit findings."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.selection import Info, selection
from api.types.node import Node, global_id
from api.types.scalars import BigInt
from api.types.source import links, own
from backends.errors import Source
from backends.records import Kind
from link_store.findings import FindingKind, Repair
from link_store.findings import LinkFinding as FindingRecord
from link_store.records import (
    LinkChange,
    LinkEventRecord,
    LinkKind,
    LinkRecord,
    LinkState,
    ProjectLinkRecord,
    SampleLinkRecord,
)
from resolvers import catalog, gone, lookahead
from resolvers.links import finding_id
from resolvers.loaders import Member
from resolvers.paging import encode_id

if TYPE_CHECKING:
    from api.types.image_dataset import ImageDataset
    from api.types.image_project import ImageProject
    from api.types.project import Project
    from api.types.sample import Sample

strawberry.enum(LinkKind, description="What is linked: projects, or a sample and a dataset.")
strawberry.enum(
    LinkState,
    description=(
        "RESERVED: a registration is under way. ACTIVE: both ends stand. BROKEN: one end was found "
        "gone. RETIRED: over, kept for history."
    ),
)
strawberry.enum(LinkChange, description="What happened to a link.")
strawberry.enum(
    FindingKind,
    name="LinkFindingKind",
    description="What can be wrong between the two systems.",
)
strawberry.enum(Repair, name="LinkRepair", description="What sets a finding right.")


@strawberry.type(description="One entry of a link's history, which is never changed or deleted.")
class LinkEvent:
    """Backed by `LinkEventRecord`."""

    change: LinkChange = links("What happened.", "link_event.change")
    old_state: LinkState | None = links("The state before; none when made.", "link_event.old_state")
    new_state: LinkState = links("The state after.", "link_event.new_state")
    revision: int = links("The link's revision after it.", "link_event.revision")
    author: str = links("Who did it.", "link_event.author")
    at: datetime = links("When.", "link_event.at")


async def resolve_history(root: strawberry.Parent[Any], info: Info) -> list[LinkEvent] | None:
    """Return what happened to the link, oldest first."""
    events: tuple[LinkEventRecord, ...] = await info.context.loaders.histories.load(root.ref)
    return events


async def resolve_project(
    root: strawberry.Parent[ProjectLinkRecord], info: Info
) -> Annotated[Project, strawberry.lazy("api.types.project")] | None:
    """Return the openBIS end."""
    fetch = lookahead.project_fetch(selection(info))
    end = await catalog.find(info.context, Kind.PROJECT, root.openbis_perm_id, fetch)
    return await _opened(info, root, end, Source.OPENBIS)


async def resolve_image_project(
    root: strawberry.Parent[ProjectLinkRecord], info: Info
) -> Annotated[ImageProject, strawberry.lazy("api.types.image_project")] | None:
    """Return the OMERO end."""
    key = Member(root.omero_id, lookahead.image_project_fetch(selection(info)))
    end = await info.context.loaders.image_projects.load(key)
    return await _opened(info, root, end, Source.OMERO)


async def resolve_sample(
    root: strawberry.Parent[SampleLinkRecord], info: Info
) -> Annotated[Sample, strawberry.lazy("api.types.sample")] | None:
    """Return the openBIS end."""
    fetch = lookahead.sample_fetch(selection(info))
    end = await catalog.find(info.context, Kind.SAMPLE, root.openbis_perm_id, fetch)
    return await _opened(info, root, end, Source.OPENBIS)


async def resolve_image_dataset(
    root: strawberry.Parent[SampleLinkRecord], info: Info
) -> Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")] | None:
    """Return the OMERO end."""
    key = Member(root.omero_id, lookahead.image_dataset_fetch(selection(info)))
    end = await info.context.loaders.image_datasets.load(key)
    return await _opened(info, root, end, Source.OMERO)


async def _opened(info: Info, link: LinkRecord, end: Any, source: Source) -> Any:
    """Give a link's end; if it is gone, that is noted."""
    if end is None:
        await gone.notice(info.context, [link], source)
    return end


@strawberry.interface(description="A link between an openBIS object and an OMERO object.")
class Link(Node):
    """What both kinds of link have."""

    openbis_perm_id: str = links("The openBIS end's permanent id.", "openbis_perm_id")
    omero_id: BigInt = links("The OMERO end's id.", "omero_id")
    state: LinkState = links("Whether both ends stand.", "state")
    evidence: str = links("Why the link is believed to be right.", "evidence")
    revision: int = links("Grows with every change; give it back to change the link.", "revision")
    author: str = links("Who made the link.", "author", name="createdBy")
    created_at: datetime = links("When the link was made.", "created_at")
    updated_at: datetime = links("When the link was last changed.", "updated_at")
    history: list[LinkEvent] | None = links(
        "What happened to it, oldest first.", "link_event", resolve_history
    )


@strawberry.federation.type(
    keys=["id"], description="One openBIS project and the one OMERO project that belongs to it."
)
class ProjectLink(Link):
    """Backed by `ProjectLinkRecord`."""

    backed_by: ClassVar[type] = ProjectLinkRecord

    id: strawberry.ID = global_id("ProjectLink", "id")
    project: Annotated[Project, strawberry.lazy("api.types.project")] | None = links(
        "The openBIS project, if you may see it.", "openbis_perm_id", resolve_project
    )
    image_project: Annotated[ImageProject, strawberry.lazy("api.types.image_project")] | None = (
        links("The OMERO project, if you may see it.", "omero_id", resolve_image_project)
    )


@strawberry.federation.type(
    keys=["id"], description="One openBIS sample and the one OMERO dataset that belongs to it."
)
class SampleLink(Link):
    """Backed by `SampleLinkRecord`."""

    backed_by: ClassVar[type] = SampleLinkRecord

    id: strawberry.ID = global_id("SampleLink", "id")
    sample: Annotated[Sample, strawberry.lazy("api.types.sample")] | None = links(
        "The openBIS sample, if you may see it.", "openbis_perm_id", resolve_sample
    )
    image_dataset: Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")] | None = (
        links("The OMERO dataset, if you may see it.", "omero_id", resolve_image_dataset)
    )


def resolve_finding_link(root: strawberry.Parent[FindingRecord]) -> strawberry.ID | None:
    """Return the global id of the link a finding is about."""
    if root.link is None:
        return None
    kind = "ProjectLink" if root.link.kind is LinkKind.PROJECT else "SampleLink"
    return strawberry.ID(encode_id(kind, root.link.id))


def resolve_finding_id(root: strawberry.Parent[FindingRecord]) -> strawberry.ID:
    """Return what the finding is called."""
    return strawberry.ID(finding_id(root))


@strawberry.type(description="One thing that is wrong between the two systems.")
class LinkFinding:
    """Backed by `LinkFinding` of the link store."""

    id: strawberry.ID = own(
        "What it is called in `repairLinks`; the same when the same is found again.",
        resolve_finding_id,
    )
    kind: FindingKind = own("What kind of fault it is.")
    link_kind: LinkKind = own("Whether projects or samples are concerned.")
    sentence: str = own("The fault in a sentence.")
    repair: Repair = own("What sets it right.")
    openbis_perm_ids: list[str] = own("The openBIS objects concerned.")
    omero_ids: list[BigInt] = own("The OMERO objects concerned.")
    link_id: strawberry.ID | None = own("The link concerned, if any.", resolve_finding_link)


@strawberry.type(description="How many findings of one kind.")
class FindingCount:
    """Made by `resolve_counts`."""

    kind: FindingKind = own("The kind of fault.")
    count: int = own("How many.")


def resolve_counts(root: strawberry.Parent[Any]) -> list[FindingCount]:
    """Count the findings of each kind, zeros too."""
    return [FindingCount(kind=kind, count=root.counts[kind]) for kind in FindingKind]


@strawberry.type(description="What an audit of a project's links found.")
class LinkAudit:
    """Backed by `resolvers.links.LinkAudit`."""

    findings: list[LinkFinding] = own("The first of what is wrong.")
    counts: list[FindingCount] = own("How many of each kind in all, zeros too.", resolve_counts)
    samples: int = own("How many samples were looked at.")
    image_datasets: int = own("How many image datasets were looked at.")
    links: int = own("How many links were looked at.")
