"""`Cohort`: who belongs to it, who was lost on the way, and what there is of each member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from api.selection import Info, Tree
from api.types.cohort_facets import CohortAvailability, CohortFacet, FacetsBy
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
from resolvers.cohorts.cohort import Explanation
from resolvers.cohorts.planner import Step
from resolvers.imaging import ImagingStatus
from resolvers.paging import Window


def resolve_gap_source(root: strawberry.Parent[Gap]) -> Source:
    """Name the source."""
    return Source(root.failure.source)


def resolve_gap_code(root: strawberry.Parent[Gap]) -> str:
    """Tell the code."""
    return code_of(root.failure)


def resolve_gap_message(root: strawberry.Parent[Gap]) -> str:
    """Tell the advice."""
    return root.failure.message


def resolve_step_source(root: strawberry.Parent[FunnelStep]) -> Source | None:
    """Name the source."""
    return None if root.source is None else Source(root.source)


@strawberry.type(description="Why something about a cohort is unknown.")
class CohortGap:
    """Backed by `Gap`."""

    source: Source = own("The system that did not answer.", resolve_gap_source)
    code: str = own("How it failed, as errors say it in `extensions.code`.", resolve_gap_code)
    message: str = own("What to do about it.", resolve_gap_message)
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

    source: Source | None = own(
        "The system that decides it; null where it takes several.", resolve_step_source
    )
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

    async def search(page: Any, tree: Tree) -> Any:
        return await root.members(page, member_fetch(tree))

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


def resolve_plan_source(root: strawberry.Parent[Step]) -> Source | None:
    """Name the source."""
    return None if root.source is None else Source(root.source)


def resolve_step_calls(root: strawberry.Parent[Step]) -> CohortCalls:
    """Count the calls of one step."""
    return calls_of(root.calls)


@strawberry.type(description="Calls to the systems behind this server.")
class CohortCalls:
    """Calls by source."""

    openbis: int = own("To openBIS.")
    omero: int = own("To OMERO.")
    link_store: int = own("To the link database.")
    total: int = own("To all of them.")


def calls_of(calls: Mapping[Any, int]) -> CohortCalls:
    """Shape calls by source."""
    return CohortCalls(
        openbis=calls.get(Source.OPENBIS, 0),
        omero=calls.get(Source.OMERO, 0),
        link_store=calls.get(Source.LINK_STORE, 0),
        total=sum(calls.values()),
    )


@strawberry.type(description="One step of the plan by which a cohort is worked out.")
class CohortStep:
    """Backed by `Step`."""

    clause: str = own("The clause that the step decides, in the words of the filter.")
    source: Source | None = own(
        "The system that decides it; null where it takes several.", resolve_plan_source
    )
    how: str = own("What is asked of which system, and what is worked out here.")
    estimate: int | None = own("How many candidates are left after it at most.")
    calls: CohortCalls = own("The calls that it is expected to cost.", resolve_step_calls)


def resolve_steps(root: strawberry.Parent[Explanation]) -> list[CohortStep]:
    """List the steps."""
    return root.plan.steps


def resolve_estimated(root: strawberry.Parent[Explanation]) -> CohortCalls:
    """Count the calls expected."""
    return calls_of(root.plan.calls)


def resolve_real(root: strawberry.Parent[Explanation]) -> CohortCalls | None:
    """Count the calls made."""
    return None if root.calls is None else calls_of(root.calls)


@strawberry.type(
    description=(
        "How a cohort is worked out: the clause that finds least comes first, ids found narrow the "
        "next. Asked for alone, it counts what each part of the filter finds and runs nothing."
    )
)
class CohortExplanation:
    """Backed by `Explanation`."""

    steps: list[CohortStep] = own("The steps in the order in which they are run.", resolve_steps)
    estimated_calls: CohortCalls = own(
        "The calls that the steps are expected to cost.", resolve_estimated
    )
    real_calls: CohortCalls | None = own(
        "The calls that were made, those for the estimate included; null where nothing was run.",
        resolve_real,
    )


async def resolve_funnel(root: strawberry.Parent[Asked]) -> list[CohortFunnelStep]:
    """Tell who was lost on the way."""
    return (await root.answer()).funnel


async def resolve_facets(root: strawberry.Parent[Asked], by: FacetsBy) -> list[CohortFacet] | None:
    """Spread the members."""
    return await root.facets([each.to_facet() for each in by])


async def resolve_availability(
    root: strawberry.Parent[Asked],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[CohortAvailability] | None:
    """Tell what there is of a page of members."""

    async def search(page: Any, tree: Tree) -> Any:
        below = tree.get("samples", {}).get("sample", {})
        fetch = lookahead.sample_fetch(tree.get("subject", {})) | lookahead.sample_fetch(below)
        return await root.availability(page, fetch)

    return await paginate(info, Window(first, after, last, before), MEMBER_ORDER, search)


async def resolve_explain(root: strawberry.Parent[Asked]) -> CohortExplanation | None:
    """Tell the plan."""
    return await root.explain()


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
    funnel: list[CohortFunnelStep] = own(
        "How many candidates are left after each clause, in the order as written: `project`, "
        "`self`, `has`, each of `and`, then `or`, then `not`.",
        resolve_funnel,
    )
    explain: CohortExplanation | None = own(
        "The plan and the calls it is expected to cost, before anything is run, and those it did "
        "cost.",
        resolve_explain,
    )
    facets: list[CohortFacet] | None = own(
        "How the members spread over properties, key-value pairs and attributes.", resolve_facets
    )
    availability: Connection[CohortAvailability] | None = own(
        "What there is of each member, modality by modality, and why something is missing.",
        resolve_availability,
    )
    members: Connection[CohortMember] | None = own(
        "Who surely belongs to it, in the order of their permIds. Pages after the first go on in "
        "the answer that the first was cut from, for a minute.",
        resolve_members,
    )
