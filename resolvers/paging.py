"""Relay paging over keyset pages: global ids, cursors, and page requests from arguments.

A cursor holds the list it belongs to, its order, and the sort key of one row; it holds no secret
and no offset, so rows inserted meanwhile neither repeat nor vanish. Ids and cursors are opaque to
clients, and anything that is not one of ours is refused with advice.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from backends.filters import Key, Page, PageRequest, Sort
from resolvers.errors import BadInput

T = TypeVar("T")

# What a sort value can be, by the sort field and the type of the id that breaks ties.
_KEYS: dict[tuple[str, type], tuple[type, ...]] = {
    ("code", str): (str,),
    ("perm_id", str): (str,),
    ("registered", str): (int, type(None)),
    ("modified", str): (int, type(None)),
    ("id", int): (int,),
    ("name", int): (str,),
    ("acquired", int): (int, type(None)),
    ("imported", int): (int, type(None)),
    ("link", int): (str,),
    ("position", str): (int,),
    ("operation", str): (int,),
}

DEFAULT_PAGE = 50
MAXIMUM_PAGE = 500


def encode_id(kind: str, native: str | int) -> str:
    """Make the global id of an object from its GraphQL type and its id in the system it is from."""
    return base64.urlsafe_b64encode(f"{kind}:{native}".encode()).decode().rstrip("=")


def decode_id(global_id: str) -> tuple[str, str]:
    """Return (GraphQL type, native id).

    Raises:
        BadInput: it is not an id that this server has given out.
    """
    try:
        text = _decode(global_id).decode()
        kind, native = text.split(":", 1)
    except (ValueError, binascii.Error):
        kind = native = ""
    if not (kind.isalpha() and native and encode_id(kind, native) == global_id):
        raise BadInput("This is not an id of this server; use the `id` field of an object.")
    return kind, native


@dataclass(frozen=True, slots=True)
class Window:
    """The four paging arguments of a Relay connection, as a client sent them."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def request(self, scope: str, sort: Sort, *, count: bool) -> PageRequest:
        """Turn the arguments into a keyset page request.

        Args:
            scope: the name of the list (`Query.samples`); its cursors are valid nowhere else.
            sort: the order of the list.
            count: whether the total is wanted.

        Raises:
            BadInput: the arguments contradict each other, are out of range, or the cursor belongs
                to another list.
        """
        for name, value in (("first", self.first), ("last", self.last)):
            if value is not None and not 0 <= value <= MAXIMUM_PAGE:
                raise BadInput(f"`{name}` must be between 0 and {MAXIMUM_PAGE}; it is {value}.")
        if self.first is not None and self.last is not None:
            raise BadInput("Use either `first` with `after`, or `last` with `before`, not both.")
        backward = self.last is not None
        if backward and self.after is not None:
            raise BadInput("`after` goes with `first`; use `before` with `last`.")
        if not backward and self.before is not None:
            raise BadInput("`before` goes with `last`; use `after` with `first`.")
        limit = self.last if backward else self.first
        cursor = self.before if backward else self.after
        return PageRequest(
            limit=DEFAULT_PAGE if limit is None else limit,
            sort=sort,
            key=None if cursor is None else decode_cursor(cursor, scope, sort),
            backward=backward,
            count=count,
        )


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    """One row of a connection."""

    node: T
    cursor: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Connection(Generic[T]):
    """A page of rows as Relay shapes it; `total_count` is None when it was not asked for."""

    edges: tuple[Edge[T], ...]
    page_info: PageInfo
    total_count: int | None


def connect(page: Page[T], request: PageRequest, scope: str) -> Connection[T]:
    """Shape a page of rows as a Relay connection."""
    cursors = [encode_cursor(key, scope, request.sort) for key in page.keys]
    beyond = request.key is not None  # we came from somewhere: there are rows behind us
    return Connection(
        edges=tuple(map(Edge, page.items, cursors)),
        page_info=PageInfo(
            has_next_page=beyond if request.backward else page.has_more,
            has_previous_page=page.has_more if request.backward else beyond,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
        total_count=page.total,
    )


def nothing(request: PageRequest) -> Page[Any]:
    """Return an empty page, with a total of 0 if one was asked for."""
    return Page((), (), has_more=False, total=0 if request.count else None)


def encode_cursor(key: Key, scope: str, sort: Sort) -> str:
    """Make the opaque cursor of the row with this sort key."""
    text = orjson.dumps([scope, sort.field, int(sort.descending), *key])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decode_cursor(cursor: str, scope: str, sort: Sort) -> Key:
    """Return the sort key that a cursor of this list holds.

    Raises:
        BadInput: it is no cursor of this list in this order.
    """
    try:
        parts = orjson.loads(_decode(cursor))
    except (ValueError, binascii.Error):
        parts = None
    head = [scope, sort.field, int(sort.descending)]
    if not isinstance(parts, list) or len(parts) != len(head) + 2:
        raise BadInput("This is not a cursor of this server; use one from `pageInfo` or `edges`.")
    *found, value, unique = parts
    if found != head:
        raise BadInput("This cursor belongs to another list or order; start again without it.")
    kinds = _KEYS.get((sort.field, type(unique)), ())
    if type(value) not in kinds or not all(map(_fits, (value, unique))):
        raise BadInput("This is not a cursor of this server; use one from `pageInfo` or `edges`.")
    return (value, unique)


def _fits(value: Any) -> bool:
    """Whether a database can compare with it: a whole number has at most 64 bits."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _decode(text: str) -> bytes:
    padded = text.encode("ascii", errors="strict") + b"=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)
