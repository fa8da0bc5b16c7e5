"""`Cohort`: who belongs to it, who was lost on the way, and what there is of each member."""

from __future__ import annotations

from typing import Any

import strawberry

from api.selection import Info, Tree
from api.types.connection import After, Before, Connection, First, Last, paginate
from api.types.errors import code_of
from api.types.image import Image
from api.types.omics_dataset import OmicsDataset
from api.types.sample import Sample
from api.types.source import Source, links, omero, openbis, own
from backends.fetch import Fetch
from resolvers import lookahead
from resolvers.cohorts.answer import MEMBER_ORDER, FunnelStep, Gap, MemberFetch
from resolvers.cohorts.cohort import Cohort as Asked
from resolvers.imaging import ImagingStatus
from resolvers.paging import Window


@strawberry.type(description="Why something about a cohort is unknown.")
class CohortGap:
    """Backed by `Gap`."""

    @strawberry.field(description="The system that did not answer.")
    def source(self: strawberry.Parent[Gap]) -> Source:
        """Name the source."""
        return Source(self.failure.source)

    @strawberry.field(description="How it failed, as errors say it in `extensions.code`.")
    def code(self: strawberry.Parent[Gap]) -> str:
        """Tell the code."""
        return code_of(self.failure)

    @strawberry.field(description="What to do about it.")
    def message(self: strawberry.Parent[Gap]) -> str:
        """Tell the advice."""
        return self.failure.message

    clause: str = own("What could not be decided, in the words of the filter.")


@strawberry.type(description="Whether all about a cohort is known.")
class CohortCompleteness:
    """Backed by `Completeness`."""

    complete: bool = own("Whether nothing is unknown.")
    at_most: int | None = own(
        "How many members there may be at most; null where not even that is known."
    )
    gaps: list[CohortGap] = own("What is unknown, and why.")


@strawberry.type(description="How many candidates are left after a clause.")
class CohortFunnelStep:
    """Backed by `FunnelStep`."""

    clause: str = own("The clause, in the words of the filter.")

    @strawberry.field(description="The system that decides it; null where it takes several.")
    def source(self: strawberry.Parent[FunnelStep]) -> Source | None:
        """Name the source."""
        return None if self.source is None else Source(self.source)

    subjects: int | None = own("How many candidates are left; null where that is unknown.")
    samples: int | None = own(
        "How many samples of those left make the clause hold: the candidates themselves, or the "
        "specimens of a `has`. Null where a clause has several parts."
    )
    complete: bool = own("Whether the numbers are final; if not, they count only what is sure.")


@strawberry.type(description="One sample by which a member belongs to a cohort, with its data.")
class CohortSpecimen:
    """Backed by `Specimen`."""

    sample: Sample = openbis("The sample.", "Sample")
    omics_datasets: list[OmicsDataset] = openbis(
        "Its omics datasets that match, and those of descendants that are no specimens.", "DataSet"
    )
    images: list[Image] = omero("Its images that match.", "Image")
    imaging: ImagingStatus | None = links(
        "Whether its images can be shown, else why not; null where the cohort asks for none.",
        "sample_link",
    )


@strawberry.type(description="One member of a cohort.")
class CohortMember:
    """Backed by `CohortMember` of the resolvers."""

    subject: Sample = openbis("The member itself.", "Sample")
    specimens: list[CohortSpecimen] = own(
        "The samples that make it a member; if none are asked for, all of its samples."
    )
    omics_datasets: list[OmicsDataset] = openbis("The omics datasets of all specimens.", "DataSet")
    images: list[Image] = omero("The images of all specimens.", "Image")


async def resolve_total(root: strawberry.Parent[Asked]) -> int | None:
    """Count the members."""
    return await root.total()


async def resolve_completeness(root: strawberry.Parent[Asked]) -> CohortCompleteness:
    """Tell what is unknown."""
    return await root.completeness()


async def resolve_members(
    root: strawberry.Parent[Asked],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[CohortMember] | None:
    """Read one page of members."""
    answer = await root.answer()

    async def search(page: Any, tree: Tree) -> Any:
        return await answer.members(page, member_fetch(tree))

    return await paginate(info, Window(first, after, last, before), MEMBER_ORDER, search)


def member_fetch(tree: Tree) -> MemberFetch:
    """What a selection below `CohortMember` needs."""
    specimens: Tree = tree.get("specimens", {})
    data_sets = [each["omicsDatasets"] for each in (tree, specimens) if "omicsDatasets" in each]
    shown = [each["images"] for each in (tree, specimens) if "images" in each]
    return MemberFetch(
        subject=lookahead.sample_fetch(tree.get("subject", {})),
        specimen=lookahead.sample_fetch(specimens.get("sample", {})),
        omics=Fetch.union(map(lookahead.omics_fetch, data_sets)),
        image=Fetch.union(map(lookahead.image_fetch, shown)),
        wants_omics=bool(data_sets),
        wants_images=bool(shown) or "imaging" in specimens,
    )


@strawberry.type(
    description=(
        "Subjects or samples selected by what openBIS and OMERO know of them, with your own rights."
    )
)
class Cohort:
    """Backed by `resolvers.cohorts.cohort.Cohort`."""

    total_count: int | None = own(
        "How many members there surely are; `completeness` tells whether there may be more. "
        "Null where openBIS did not answer.",
        resolve_total,
    )
    completeness: CohortCompleteness = own(
        "Whether all is known; no number is ever silently smaller because a source is down.",
        resolve_completeness,
    )
    members: Connection[CohortMember] | None = own(
        "Who surely belongs to it, in the order of their permIds.", resolve_members
    )
