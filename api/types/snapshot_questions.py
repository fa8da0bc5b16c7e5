"""The questions about frozen cohorts, from which the root of all queries inherits."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from api.selection import Info
from api.types.cohort_snapshot import CohortSnapshot
from api.types.connection import After, Before, Connection, First, Last, paginate
from api.types.entities import read_node
from backends.filters import Page, Sort
from resolvers.cohorts import snapshots
from resolvers.paging import Window

NEWEST_FIRST = Sort("id", descending=True)


@strawberry.type
class SnapshotQuestions:
    """Root fields about frozen cohorts."""

    @strawberry.field(
        description="A frozen cohort: one of yours, or one of which both systems show you all."
    )
    async def cohort_snapshot(
        self,
        info: Info,
        id: Annotated[  # noqa: A002 - the schema's word
            strawberry.ID, strawberry.argument(description="The snapshot's id.")
        ],
    ) -> CohortSnapshot | None:
        """Read one snapshot."""
        return await read_node(info.context, id, {}, expected="CohortSnapshot")

    @strawberry.field(description="The cohorts that you have frozen, newest first.")
    async def cohort_snapshots(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        name: Annotated[
            str | None, strawberry.argument(description="Only those of exactly this name.")
        ] = None,
    ) -> Connection[CohortSnapshot] | None:
        """List the viewer's own snapshots."""

        async def search(page: Any, _tree: Any) -> Any:
            found = await snapshots.list_own(
                info.context,
                limit=page.limit,
                name=name,
                key=None if page.key is None else int(page.key[1]),
                backward=page.backward,
                count=page.count,
            )
            keys = tuple((record.id, record.id) for record in found.items)
            return Page(found.items, keys, has_more=found.has_more, total=found.total)

        return await paginate(info, Window(first, after, last, before), NEWEST_FIRST, search)
