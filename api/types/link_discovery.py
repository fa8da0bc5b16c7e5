"""What discovery found: links that it proposes or made, and what only a person can decide."""

from __future__ import annotations

from typing import Any

import strawberry

from api.types.link import LinkFinding
from api.types.scalars import BigInt
from api.types.source import own
from api.types.user_error import UserError, user_errors
from link_store.records import LinkKind


def resolve_user_errors(root: strawberry.Parent[Any]) -> list[UserError]:
    """Tell why a proposal was not linked."""
    return user_errors(root.remarks)


@strawberry.type(description="A link that conventions in the two systems speak for.")
class LinkProposal:
    """Backed by `resolvers.links.Proposal`."""

    kind: LinkKind = own("Whether projects are linked, or a sample and a dataset.")
    perm_id: str = own("The openBIS end's permanent id.")
    identifier: str = own("The openBIS end's identifier.")
    omero_id: BigInt = own("The OMERO end's id.")
    name: str = own("The OMERO end's name.")
    evidence: list[str] = own("The conventions that speak for it, the surest first.")
    confidence: float = own("How sure they make one together, below 1.")
    linked: bool = own("Whether the link was made.")
    user_errors: list[UserError] = own("Why it could not be made.", resolve_user_errors)


@strawberry.type(
    description="Objects that claim each other, but not one to one; nothing is linked."
)
class LinkAmbiguity:
    """Backed by `resolvers.links.Ambiguity`."""

    kind: LinkKind = own("Whether projects are concerned, or samples and datasets.")
    perm_ids: list[str] = own("The openBIS objects concerned, by permanent id.")
    omero_ids: list[BigInt] = own("The OMERO objects concerned.")
    evidence: list[str] = own("The conventions by which they claim each other.")
    sentence: str = own("What is in doubt.")


@strawberry.type(description="What discovery found, and what it did.")
class DiscoverLinksPayload:
    """Gathered from `Discovered`, batch by batch."""

    proposed: int = own("How many links are beyond doubt.")
    linked: int = own("How many of them were made.")
    ambiguous: int = own("How many knots only a person can untie.")
    proposals: list[LinkProposal] = own("The first of the links that are beyond doubt.")
    ambiguities: list[LinkAmbiguity] = own("The first of the knots.")
    user_errors: list[UserError] = own("What was refused, or is left to be written down.")


@strawberry.type(description="What became of one finding.")
class LinkRepairResult:
    """Backed by `resolvers.links.Repaired`."""

    finding: LinkFinding = own("What was wrong.")
    done: bool = own("Whether it is mended, or would be in a dry run.")
    user_errors: list[UserError] = own(
        "Why not; with ANNOTATION_DRIFT, what is left.", resolve_user_errors
    )


@strawberry.type(description="What a repair did.")
class RepairLinksPayload:
    """Gathered from `Repaired`."""

    repaired: int = own("How many findings are mended, or would be in a dry run.")
    results: list[LinkRepairResult] = own("The first of the findings that were asked for.")
    user_errors: list[UserError] = own("Why nothing was done.")
