"""Facets and availability of a cohort: how its members spread, and what there is of each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from api.types.sample import Sample
from api.types.source import openbis, own
from resolvers.cohorts.availability import ModalityKind, Presence
from resolvers.cohorts.facets import FacetAttribute, FacetBy, FacetKind, FacetOf

strawberry.enum(
    FacetKind,
    name="CohortFacetKind",
    description="Whether the buckets of a facet are terms, or spans of numbers or of dates.",
)
strawberry.enum(
    FacetOf,
    name="CohortFacetOf",
    description="MEMBER: of the member itself. SAMPLES: of the member and all its descendants.",
)
strawberry.enum(
    FacetAttribute,
    name="CohortFacetAttribute",
    description="TYPE and REGISTERED of samples, and the types of their omics datasets.",
)
strawberry.enum(
    ModalityKind,
    name="CohortModalityKind",
    description="Whether the data are images in OMERO or omics datasets in openBIS.",
)
strawberry.enum(
    Presence,
    name="CohortPresence",
    description=(
        "AVAILABLE: there is some. ABSENT: there is none. NOT_LINKED: no OMERO dataset belongs to "
        "the sample. NOT_PERMITTED: there is one, but you may not see it. GONE: it was deleted in "
        "OMERO. UNAVAILABLE: OMERO or the link database did not answer; try again."
    ),
)


@strawberry.input(
    description="What to spread a cohort over: exactly one of property, keyValue and attribute."
)
class CohortFacetInput:
    """Becomes a `FacetBy`."""

    property: str | None = strawberry.field(
        default=None, description="The code of an openBIS property."
    )
    key_value: str | None = strawberry.field(
        default=None, description="The key of a key-value pair among the images of the members."
    )
    attribute: FacetAttribute | None = strawberry.field(
        default=None, description="Something that is neither."
    )
    of: FacetOf | None = strawberry.field(
        default=FacetOf.MEMBER, description="Whose property or attribute it is."
    )
    buckets: int | None = strawberry.field(
        default=10, description="How many terms at most, or spans; 100 at most."
    )

    def to_facet(self) -> FacetBy:
        """Return the facet to be made."""
        return FacetBy(
            code=self.property,
            key=self.key_value,
            attribute=self.attribute,
            of=self.of or FacetOf.MEMBER,
            buckets=10 if self.buckets is None else self.buckets,
        )


FacetsBy: TypeAlias = Annotated[
    list[CohortFacetInput], strawberry.argument(description="What to spread the members over.")
]


@strawberry.type(description="The members that have a value, or one within a span.")
class CohortFacetBucket:
    """Backed by `Bucket`."""

    label: str = own("The value, or the span in words.")
    count: int = own("How many members; a member with several values counts in each of them once.")
    low: float | None = own("Where a span of numbers begins, included.")
    high: float | None = own("Where it ends; included in the last bucket only.")
    since: datetime | None = own("When a span of dates begins, included.")
    before: datetime | None = own("When it ends; included in the last bucket only.")


@strawberry.type(description="How the members of a cohort spread over the values of something.")
class CohortFacet:
    """Backed by `Facet`."""

    name: str = own("What it is of: the property, the key or the attribute.")
    kind: FacetKind = own("What its buckets are.")
    buckets: list[CohortFacetBucket] = own("Terms by frequency, spans in order.")
    missing: int | None = own("How many members have no value; null where that is unknown.")
    others: int = own("How many values fall into terms beyond the buckets.")
    complete: bool = own("Whether all is known; if not, there are no buckets.")


@strawberry.type(description="One modality: a kind of image, or a type of omics dataset.")
class CohortModality:
    """Backed by `Modality`."""

    kind: ModalityKind = own("Where its data are.")
    name: str = own(
        "The value of the images' key-value pair Modality, or the code of the omics type; empty "
        "where OMERO could not tell."
    )


@strawberry.type(description="How much there is of one modality, and if nothing, why.")
class CohortCell:
    """Backed by `Cell`."""

    modality: CohortModality = own("The modality.")
    presence: Presence = own("Whether there is something, else why not.")
    count: int = own("How many images or omics datasets.")


@strawberry.type(description="What there is of one sample of a member.")
class CohortSampleAvailability:
    """Backed by `SampleRow`."""

    sample: Sample = openbis("The sample.", "Sample")
    cells: list[CohortCell] = own("One cell for each modality of the page.")


@strawberry.type(description="What there is of one member: together, and sample by sample.")
class CohortAvailability:
    """Backed by `MemberRow`."""

    subject: Sample = openbis("The member.", "Sample")
    cells: list[CohortCell] = own(
        "One cell for each modality of the page, over all samples of the member."
    )
    samples: list[CohortSampleAvailability] = own("The member and all its descendants.")
