"""`CohortSplit`: a frozen cohort divided into parts, what leaks between them, and its exports."""

from __future__ import annotations

import strawberry

from api.split_query import plan_query
from api.types.source import own
from resolvers.cohorts.leakage import LeakageReport
from resolvers.cohorts.shelf import FORMATS, ExportFormat, digest_of, is_available
from resolvers.cohorts.splits import USUAL_TOGETHER, Bond, Part, SplitPlan, checked

strawberry.enum(
    Bond,
    name="CohortBond",
    description=(
        "What two subjects can have in common, so that what is learnt of one is known of the "
        "other. POOLED_SAMPLE: a sample made from both. SHARED_IMAGE: one image in the OMERO "
        "datasets of both. SHARED_FILESET: images of both from one import. SHARED_ANCESTOR: a "
        "sample that both were made from."
    ),
)
strawberry.enum(
    ExportFormat,
    name="CohortExportFormat",
    description=(
        "PARQUET, CSV, JSON_LINES: the table, one row per image and per omics dataset. CROISSANT: "
        "a description of the Parquet file. RO_CRATE: all of it in a ZIP. COLUMNS: what the "
        "columns are."
    ),
)


@strawberry.input(description="One part of a split.")
class CohortPartInput:
    """Becomes a `Part`."""

    name: str = strawberry.field(description="Its name, such as train.")
    fraction: float = strawberry.field(description="Its share of the subjects, up to 1.")


@strawberry.input(
    description=(
        "How to divide a cohort by subject. The same plan divides the same subjects alike, always "
        "and everywhere; a subject that is added moves no other, unless the split is stratified."
    )
)
class CohortSplitInput:
    """Becomes a `SplitPlan`."""

    parts: list[CohortPartInput] = strawberry.field(
        description="The parts in order; their fractions sum to 1."
    )
    salt: str | None = strawberry.field(default=None, description="Another salt, another division.")
    stratify_by: str | None = strawberry.field(
        default=None,
        description=(
            "The code of a property of the subjects: each of its values is divided on its own, to "
            "within one subject of the fractions. A subject that is added then moves another one "
            "at each boundary at most."
        ),
    )
    together: list[Bond] | None = strawberry.field(
        default=None,
        description=(
            "What keeps subjects in the same part; POOLED_SAMPLE, SHARED_IMAGE and SHARED_FILESET "
            "if absent. Bonds that are not kept are told by `leakage`."
        ),
    )

    def to_plan(self) -> SplitPlan:
        """Return the plan.

        Raises:
            BadInput: it makes no sense.
        """
        return checked(
            SplitPlan(
                parts=tuple(Part(each.name, each.fraction) for each in self.parts),
                salt=self.salt or "",
                stratify_by=self.stratify_by,
                together=USUAL_TOGETHER if self.together is None else tuple(self.together),
            )
        )


@strawberry.type(description="What one part of a split got.")
class CohortPart:
    """Backed by `PartCount`."""

    name: str = own("Its name.")
    fraction: float = own("The share of the subjects that was wanted.")
    subjects: int = own("How many subjects it got.")
    members: int = own("How many members of the cohort; of a cohort of subjects, the same.")
    rows: int = own("How many images and omics datasets.")


@strawberry.type(description="How many things of one kind leak.")
class CohortLeakCount:
    """Made by `resolve_counts`."""

    bond: Bond = own("What they are.")
    count: int = own("How many.")


@strawberry.type(description="One thing that subjects in different parts have in common.")
class CohortLeak:
    """Backed by `Leak`."""

    bond: Bond = own("What it is.")
    through: str = own("The sample's permId, or the id of the image or fileset in OMERO.")
    subjects: list[str] = own("The permIds of the subjects.")
    parts: list[str] = own("The parts that they are in.")


def resolve_counts(root: strawberry.Parent[LeakageReport]) -> list[CohortLeakCount]:
    """Count the leaks of each kind, zeros too."""
    return [CohortLeakCount(bond=bond, count=root.counts.get(bond, 0)) for bond in Bond]


@strawberry.type(description="What is known from one part of a split in another.")
class CohortLeakage:
    """Backed by `LeakageReport`."""

    clean: bool = own("Whether nothing leaks.")
    subjects: int = own("How many subjects are concerned.")
    counts: list[CohortLeakCount] = own("How many leaks of each kind, zeros too.", resolve_counts)
    leaks: list[CohortLeak] = own("The first hundred of them.")


@strawberry.type(description="A frozen cohort divided into parts.")
class CohortSplit:
    """Backed by `Split` of the resolvers."""

    parts: list[CohortPart] = own("The parts in order.")
    leakage: CohortLeakage = own("What subjects in different parts have in common.")


@strawberry.type(description="A file that a frozen cohort can be had as.")
class CohortExport:
    """Made by `exports_of`."""

    format: ExportFormat = own("The format.")
    file: str = own("The file's name.")
    media_type: str = own("Its media type.")
    description: str = own("What it is good for.")
    available: bool = own("Whether this installation can write it.")
    digest: str = own("Its `ETag`: it changes if and only if the contents do.")
    url: str = own(
        "Where to get it, on this server: with your session, resumable by `Range`. Tables are made "
        "when first asked for, then kept."
    )


def exports_of(number: int, digest: str, plan: SplitPlan | None) -> list[CohortExport]:
    """List the exports of a snapshot.

    Args:
        number: the snapshot's id.
        digest: the snapshot's.
        plan: how it is to be divided, if at all.
    """
    query = "" if plan is None else f"?{plan_query(plan)}"
    tag = digest_of(digest, None if plan is None else plan.canonical())
    return [
        CohortExport(
            format=format_,
            file=facts.file,
            media_type=facts.media_type,
            description=facts.description,
            available=is_available(format_),
            digest=tag,
            url=f"/cohorts/{number}/{facts.file}{query}",
        )
        for format_, facts in FORMATS.items()
    ]
