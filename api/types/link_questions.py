"""Links, as questions: those of a project, and the audit of one project or of all."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.selection import Info
from api.types.connection import After, Before, Connection, First, Last, paginate
from api.types.link import Link, LinkAudit
from backends.fetch import Fetch
from backends.filters import Sort
from link_store.records import LIVE_STATES, LinkKind, LinkState
from resolvers import catalog, links
from resolvers.errors import BadInput
from resolvers.paging import MAXIMUM_PAGE, Window

ProjectIdentifier = Annotated[
    str, strawberry.argument(description="The project's identifier or code.")
]


@strawberry.type(description="Links.")
class LinkQuestions:
    """The part of `Query` that tells of links."""

    @strawberry.field(description="The links of one project: its own first, then its samples'.")
    async def links(
        self,
        info: Info,
        project: ProjectIdentifier,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        kind: Annotated[
            LinkKind | None, strawberry.argument(description="Only links of this kind.")
        ] = None,
        states: Annotated[
            list[LinkState] | None,
            strawberry.argument(description="Only links in these states; the live ones if absent."),
        ] = None,
    ) -> Connection[Link] | None:
        """List links; the live ones unless told otherwise."""
        found = await catalog.project_by_identifier(info.context, project, Fetch())
        wanted = LIVE_STATES if states is None else tuple(states)
        return await paginate(
            info,
            Window(first, after, last, before),
            Sort("link"),
            lambda page, _tree: links.search(info.context, found, kind, wanted, page),
        )

    @strawberry.field(
        description="Compare both systems with the links of one project, or of all that you see, "
        "and tell what is wrong. For a whole institute use `omnibis links audit`."
    )
    async def link_audit(
        self,
        info: Info,
        project: Annotated[
            str | None,
            strawberry.argument(description="Only this project, by identifier or code."),
        ] = None,
        first: Annotated[
            int, strawberry.argument(description="How many findings to tell, 500 at most.")
        ] = MAXIMUM_PAGE,
    ) -> LinkAudit | None:
        """Audit one project, or all."""
        if not 0 <= first <= MAXIMUM_PAGE:
            raise BadInput(f"`first` must be between 0 and {MAXIMUM_PAGE}; it is {first}.")
        found = None
        if project is not None:
            found = await catalog.project_by_identifier(info.context, project, Fetch.of("space"))
        return await links.audit(info.context, found, most=first)
