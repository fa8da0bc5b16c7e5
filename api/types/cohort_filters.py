"""`CohortFilter` and `SpecimenFilter`: which subjects or samples make up a cohort.

They turn themselves into the predicate of `resolvers/cohorts/predicates.py`, whose docstring says
what everything means; the conditions themselves are those of `filters.py`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import strawberry

from api.types.filters import (
    ImageFilter,
    OmicsFilter,
    ProjectFilter,
    SampleFilter,
    filter_of,
    optional,
)
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit

strawberry.enum(
    Unit,
    name="CohortUnit",
    description=(
        "SUBJECT: patients, plants, animals: samples of a configured type; in a project that has "
        "none, samples without parents. SAMPLE: samples of any type."
    ),
)


@strawberry.input(
    description=(
        "There is one sample, the candidate itself or a descendant of it, for which all that is "
        "set holds. Two conditions in one filter are about the same sample."
    )
)
class SpecimenFilter:
    """Becomes a `SpecimenPredicate`."""

    sample: SampleFilter | None = optional("On the sample itself.")
    omics: OmicsFilter | None = optional(
        "It or one of its descendants has an omics dataset that matches."
    )
    image: ImageFilter | None = optional(
        "The OMERO dataset that is linked to it has an image that matches. While OMERO does not "
        "answer, this is unknown, and so is its opposite."
    )
    at_least: int | None = strawberry.field(
        default=1,
        description=(
            "How many of its images must match; if no image is asked for, how many omics datasets; "
            "if neither is, how many samples of the candidate."
        ),
    )

    def to_predicate(self) -> SpecimenPredicate:
        """Return the predicate."""
        return SpecimenPredicate(
            sample=filter_of(self.sample),
            omics=filter_of(self.omics),
            image=filter_of(self.image),
            at_least=1 if self.at_least is None else self.at_least,
        )


@strawberry.input(
    description=(
        "Which candidates belong to a cohort; all that is set must hold. A comparison never holds "
        "where there is no value, `ne` included; `not` is the logical opposite, and holds there. "
        "What you may not see does not exist: hidden samples and images never count."
    )
)
class CohortFilter:
    """Becomes a `CohortPredicate`."""

    project: ProjectFilter | None = optional("On the candidate's project.")
    self_: SampleFilter | None = optional("On the candidate itself.", "self")
    has: SpecimenFilter | None = optional("On one of its samples.")
    and_: list[CohortFilter] | None = optional("All of these hold too.", "and")
    or_: list[CohortFilter] | None = optional("At least one of these holds too.", "or")
    not_: CohortFilter | None = optional("This does not hold.", "not")

    def to_predicate(self) -> CohortPredicate:
        """Return the predicate."""
        return CohortPredicate(
            project=filter_of(self.project),
            itself=filter_of(self.self_),
            has=None if self.has is None else self.has.to_predicate(),
            all_of=tuple(each.to_predicate() for each in self.and_ or ()),
            any_of=tuple(each.to_predicate() for each in self.or_ or ()),
            none_of=() if self.not_ is None else (self.not_.to_predicate(),),
        )


UnitArgument: TypeAlias = Annotated[
    Unit, strawberry.argument(description="What the cohort is made of.")
]
CohortWhere: TypeAlias = Annotated[
    CohortFilter, strawberry.argument(description="Which candidates belong to it.")
]
