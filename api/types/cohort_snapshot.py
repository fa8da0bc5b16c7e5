"""`CohortSnapshot`: a cohort that was frozen, what it holds, and what has become of it since."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

import strawberry

from api.selection import Info, selection
from api.types.cohort_split import CohortExport, CohortSplit, CohortSplitInput, exports_of
from api.types.connection import After, Before, Connection, First, Last, paginate
from api.types.node import Node, global_id
from api.types.sample import Sample
from api.types.scalars import BigInt
from api.types.source import Source, links, openbis, own
from backends.records import Kind
from link_store.snapshot_records import SnapshotRecord
from resolvers import catalog, lookahead
from resolvers.cohorts import comparison, division, membership, snapshots, visibility
from resolvers.cohorts.changes import ChangeEvent, ChangeKind, ChangeReason, Comparison
from resolvers.cohorts.columns import Column, ColumnType
from resolvers.cohorts.membership import POSITION_ORDER, FrozenMember
from resolvers.cohorts.predicates import Unit
from resolvers.paging import Window

strawberry.enum(
    ColumnType,
    name="CohortColumnType",
    description="What the values of a column are; times are ISO 8601 in UTC.",
)
strawberry.enum(ChangeKind, name="CohortChangeKind", description="What a change is about.")
strawberry.enum(
    ChangeEvent,
    name="CohortChangeEvent",
    description="Whether it came, went, or has other values.",
)
strawberry.enum(
    ChangeReason,
    name="CohortChangeReason",
    description=(
        "NEW: it came into openBIS or OMERO after the freezing. DELETED: it is gone, while what "
        "contained it (project, sample, OMERO dataset) is there. RELINKED: the sample is linked to "
        "another OMERO dataset, or to none. PERMISSION_LOST: neither it nor what contained it is "
        "shown to you any more. VALUES_CHANGED: it is there, and its values, or those that the "
        "question asks for, are others."
    ),
)

SplitArgument = Annotated[
    CohortSplitInput, strawberry.argument(description="How the cohort is to be divided.")
]
MaybeSplit = Annotated[
    CohortSplitInput | None,
    strawberry.argument(description="How it is to be divided; the column `split` is empty if not."),
]
Root = strawberry.Parent[SnapshotRecord]


@strawberry.type(description="The version of a system that answered.")
class SystemVersion:
    """Made by `resolve_versions`."""

    system: str = own("The system: openBIS, OMERO, omnibis.")
    version: str = own("Its version.")


@strawberry.type(description="A code of a vocabulary, and what it stands for.")
class CohortTerm:
    """Made by `resolve_terms`."""

    code: str = own("The code, as the rows have it.")
    label: str = own("The term as people read it.")


def resolve_column_source(root: strawberry.Parent[Column]) -> Source | None:
    """Name the source."""
    return None if root.source is None else Source(root.source)


def resolve_terms(root: strawberry.Parent[Column]) -> list[CohortTerm]:
    """Return the terms that occur."""
    return [CohortTerm(code=code, label=label) for code, label in root.terms]


@strawberry.type(description="One column of a frozen cohort's table.")
class CohortColumn:
    """Backed by `Column`."""

    name: str = own("Its name in every export.")
    type: ColumnType = own("What its values are.")
    many: bool = own("Whether a value is a list.")
    unit: str | None = own("The unit of its numbers, by its OME name where OME has one.")
    description: str = own("What it holds.")
    source: Source | None = own("The system that its values come from.", resolve_column_source)
    terms: list[CohortTerm] = own("The terms of its vocabulary that occur.", resolve_terms)


async def resolve_sample(root: strawberry.Parent[FrozenMember], info: Info) -> Sample | None:
    """Read the member as it is now."""
    fetch = lookahead.sample_fetch(selection(info))
    return await catalog.find(info.context, Kind.SAMPLE, root.perm_id, fetch)


@strawberry.type(description="One member of a frozen cohort that you may see.")
class CohortSnapshotMember:
    """Backed by `FrozenMember`."""

    position: int = links(
        "Its place among all that were frozen, in the order of permIds, from 1.",
        "cohort_snapshot_member.position",
    )
    perm_id: str = links("Its permanent id, as frozen.", "cohort_snapshot_member.perm_id")
    sample: Sample | None = openbis("The member as it is now.", "Sample", resolve_sample)


@strawberry.type(description="Whether a snapshot is as it was written.")
class CohortVerification:
    """Backed by `Verification`."""

    intact: bool = own("Whether all of it is.")
    members_intact: bool = own("Whether the digest, taken again over the members, is the same.")
    rows_intact: bool = own("Whether the rows are in the snapshot folder, byte for byte.")


@strawberry.type(description="One difference between what was frozen and what is there now.")
class CohortChange:
    """Backed by `Change`."""

    kind: ChangeKind = own("What it is about.")
    id: str = own("Its permId, or its id in OMERO.")
    member: str = own("The permId of the member that it belongs to.")
    event: ChangeEvent = own("What happened to it.")
    reason: ChangeReason = own("Why.")
    column: str | None = own("Whose value changed, where one did.")
    before: str | None = own("That value as it was frozen, as JSON.")
    after: str | None = own("The value now, as JSON.")


@strawberry.type(description="How many changes have one reason.")
class CohortChangeCount:
    """Made by `resolve_change_counts`."""

    reason: ChangeReason = own("The reason.")
    count: int = own("How many.")


def resolve_change_counts(root: strawberry.Parent[Comparison]) -> list[CohortChangeCount]:
    """Count the changes of each reason, zeros too."""
    return [
        CohortChangeCount(reason=reason, count=root.counts.get(reason, 0))
        for reason in ChangeReason
    ]


@strawberry.type(description="How today's answer to the question differs from the frozen one.")
class CohortComparison:
    """Backed by `Comparison`."""

    unchanged: bool = own("Whether nothing has changed.")
    members_before: int = own("How many members were frozen.")
    members_now: int = own("How many members the question has now, for you.")
    counts: list[CohortChangeCount] = own(
        "How many changes of each reason, zeros too.", resolve_change_counts
    )
    changes: list[CohortChange] = own("The first thousand, in the order of members.")


def resolve_number(root: Root) -> BigInt:
    """Return the native id."""
    return BigInt(root.id)


async def resolve_mine(root: Root, info: Info) -> bool:
    """Compare the authors."""
    return await visibility.is_author(info.context, root)


async def resolve_whole(root: Root, info: Info) -> bool | None:
    """Ask both systems."""
    return await visibility.sees_whole(info.context, root)


def resolve_question(root: Root) -> str:
    """Return the predicate."""
    return root.predicate


def resolve_row_count(root: Root) -> int:
    """Return how many rows were frozen."""
    return snapshots.manifest_of(root).rows


def resolve_columns(root: Root) -> list[CohortColumn]:
    """Return the columns."""
    columns: Any = snapshots.manifest_of(root).columns
    return list(columns)


def resolve_unit(root: Root) -> Unit:
    """Return the unit."""
    return Unit(root.unit.value)


def resolve_versions(root: Root) -> list[SystemVersion]:
    """Return the versions by system."""
    versions = sorted(snapshots.versions_of(root).items())
    return [SystemVersion(system=name, version=version) for name, version in versions]


async def resolve_members(
    root: Root,
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[CohortSnapshotMember] | None:
    """Read one page of the members that the viewer sees."""

    async def search(page: Any, _tree: Any) -> Any:
        return await membership.page(info.context, root, page)

    return await paginate(info, Window(first, after, last, before), POSITION_ORDER, search)


async def resolve_split(root: Root, info: Info, plan: SplitArgument) -> CohortSplit | None:
    """Divide the cohort."""
    return await division.divide(info.context, root, plan.to_plan())


def resolve_exports(root: Root, split: MaybeSplit = None) -> list[CohortExport]:
    """List the files."""
    return exports_of(root.id, root.digest, None if split is None else split.to_plan())


async def resolve_verification(root: Root, info: Info) -> CohortVerification | None:
    """Take the digests again."""
    return await comparison.verify(info.context, root)


async def resolve_changes(root: Root, info: Info) -> CohortComparison | None:
    """Ask the question again."""
    return await comparison.compare(info.context, root)


@strawberry.federation.type(
    keys=["id"],
    description=(
        "A cohort as it was answered at one time, frozen for good: its members, what belonged to "
        "them, and one row of values for each of their images and omics datasets. It is its "
        "author's. Others may read it by its id while both systems show them all that is in it; "
        "to anybody else it does not exist."
    ),
)
class CohortSnapshot(Node):
    """Backed by `SnapshotRecord`."""

    backed_by: ClassVar[type] = SnapshotRecord

    id: strawberry.ID = global_id("CohortSnapshot", "id")
    number: BigInt = links(
        "Its number on this server, which the command line takes.",
        "cohort_snapshot.id",
        resolve_number,
    )
    name: str = links("What its author called it.", "cohort_snapshot.name")
    author: str = links("Who froze it: the user's name in openBIS.", "cohort_snapshot.author")
    created_at: datetime = links("When it was frozen.", "cohort_snapshot.created_at")
    mine: bool = own("Whether you are its author.", resolve_mine)
    whole: bool | None = own(
        "Whether both systems show you all of it still; only then are its rows handed out.",
        resolve_whole,
    )
    unit: Unit = links("What it is made of.", "cohort_snapshot.unit", resolve_unit)
    description: str = links("What its author said of it.", "cohort_snapshot.description")
    question: str = links(
        "The filter and its unit in their canonical form, as JSON.",
        "cohort_snapshot.predicate",
        resolve_question,
    )
    digest: str = links(
        "SHA-256 over the question, the members with what belongs to them and their rows, the "
        "revision of the links and the systems' versions.",
        "cohort_snapshot.digest",
    )
    link_revision: BigInt = links(
        "The state of the links that it was answered on.", "cohort_snapshot.link_revision"
    )
    versions: list[SystemVersion] = links(
        "The versions of the systems.", "cohort_snapshot.backend_versions", resolve_versions
    )
    member_count: int = links("How many members were frozen.", "cohort_snapshot.member_count")
    row_count: int = links(
        "How many images and omics datasets were frozen.",
        "cohort_snapshot.completeness",
        resolve_row_count,
    )
    columns: list[CohortColumn] = links(
        "The columns of its table.", "cohort_snapshot.completeness", resolve_columns
    )
    members: Connection[CohortSnapshotMember] | None = links(
        "Those of its members that openBIS shows you now, in the order of permIds.",
        "cohort_snapshot_member",
        resolve_members,
    )
    split: CohortSplit | None = own(
        "The cohort divided by subject, repeatably, and what leaks between the parts.",
        resolve_split,
    )
    exports: list[CohortExport] = own("The files that it can be had as.", resolve_exports)
    verification: CohortVerification | None = own(
        "Whether it is as it was written.", resolve_verification
    )
    changes: CohortComparison | None = own(
        "The question asked again, as you, and how the answer differs, with reasons.",
        resolve_changes,
    )
