"""Relay connections: `Connection`, `Edge`, `PageInfo`, their arguments, and how a list is paged.

Every list that can grow is one of these; cursors are keyset cursors (`resolvers/paging.py`), so a
page costs the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry

from api.edges import Ask
from api.selection import Info, Tree, nodes, selection
from api.types.source import own
from backends.fetch import Fetch
from backends.filters import Page, PageRequest, Sort
from backends.records import Kind
from resolvers import catalog
from resolvers.paging import DEFAULT_PAGE, MAXIMUM_PAGE, Window, connect

T = TypeVar("T")

First: TypeAlias = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many from the start; {DEFAULT_PAGE} if absent, {MAXIMUM_PAGE} at most."
    ),
]
After: TypeAlias = Annotated[
    str | None, strawberry.argument(description="Only what comes after this cursor.")
]
Last: TypeAlias = Annotated[
    int | None, strawberry.argument(description=f"How many from the end; {MAXIMUM_PAGE} at most.")
]
Before: TypeAlias = Annotated[
    str | None, strawberry.argument(description="Only what comes before this cursor.")
]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = own("Whether more follows this page.")
    has_previous_page: bool = own("Whether something precedes this page.")
    start_cursor: str | None = own("The cursor of the first row of this page.")
    end_cursor: str | None = own("The cursor of the last row of this page.")


@strawberry.type(description="One row of a page, with its cursor.")
class Edge(Generic[T]):
    """Relay's edge."""

    node: T = own("The object itself.")
    cursor: str = own("Where this row stands in its list; give it as `after` or `before`.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """Relay's connection, with the total."""

    edges: list[Edge[T]] = own("The rows of this page.")
    page_info: PageInfo = own("Where this page stands in the list.")
    total_count: int | None = own(
        "How many there are over all pages, for this viewer; counted by the owning system."
    )


async def paginate(
    info: Info,
    window: Window,
    sort: Sort,
    search: Callable[[PageRequest, Tree], Awaitable[Page[Any]]],
) -> Any:
    """Answer a connection field.

    Args:
        info: the field; its selection decides what is fetched and whether the total is counted.
        window: the four paging arguments.
        sort: the order of the list.
        search: reads one page, given the page request and what is selected of each node.
    """
    tree = selection(info)
    scope = f"{info.path.typename}.{info.field_name}"
    request = window.request(scope, sort, count="totalCount" in tree)
    page = await search(request, nodes(tree))
    return connect(page, request, scope)


async def paginate_rows(
    ask: Ask,
    window: Window,
    sort: Sort,
    search: Callable[[PageRequest, Tree], Awaitable[Sequence[Page[Any] | Exception]]],
) -> list[Any]:
    """Answer a connection field of many rows, each of which has its own list.

    Args:
        ask: the field.
        window: the four paging arguments.
        sort: the order of the lists.
        search: reads the first page of each list, or says why it cannot, given the page request
            and what is selected.
    """
    request = window.request(ask.scope, sort, count="totalCount" in ask.tree)
    pages = await search(request, nodes(ask.tree))
    return [
        page if isinstance(page, Exception) else connect(page, request, ask.scope) for page in pages
    ]


async def paginate_entities(
    info: Info,
    window: Window,
    sort: Sort,
    kind: Kind,
    where: catalog.Filter | None,
    fetch: Callable[[Tree], Fetch],
) -> Any:
    """Answer a connection field over openBIS entities of one kind.

    Args:
        info: the field.
        window: the four paging arguments.
        sort: the order of the list.
        kind: what is searched.
        where: which of them.
        fetch: what is to be read along, given what is selected of each.
    """
    return await paginate(
        info,
        window,
        sort,
        lambda page, tree: catalog.search(info.context, kind, where, page, fetch(tree)),
    )
