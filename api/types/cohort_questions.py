"""The questions about cohorts, from which the root of all queries inherits."""

from __future__ import annotations

import strawberry

from api.selection import Info, selection
from api.types.cohort import Cohort
from api.types.cohort_filters import CohortWhere, UnitArgument
from resolvers.cohorts.cohort import Cohort as Asked
from resolvers.cohorts.predicates import Unit


@strawberry.type
class CohortQuestions:
    """Root fields about cohorts."""

    @strawberry.field(
        description=(
            "Subjects, or samples, selected by what openBIS and OMERO know of them. Each condition "
            "is asked of the system that owns the data; ids meet on the links between them."
        )
    )
    async def cohort(
        self, info: Info, where: CohortWhere, unit: UnitArgument = Unit.SUBJECT
    ) -> Cohort | None:
        """Ask about a cohort; only what is selected is worked out."""
        predicate = where.to_predicate()
        path = info.path.as_list()
        return Asked(info.context, unit, predicate, selection(info), path)
