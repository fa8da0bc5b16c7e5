"""Relay paging over keyset pages: global ids, cursors, and page requests from arguments.

A cursor holds the list it belongs to, its order, and the sort key of one row; it holds no secret
and no offset, so rows inserted meanwhile neither repeat nor vanish. Ids and cursors are opaque to
clients, and anything that is not one of ours is refused with advice.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
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

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

DEFAULT_PAGE = 50
MAXIMUM_PAGE = 500


def encode_id(kind: str, native: str | int) -> str:
    """Make the global id of an object from its GraphQL type and its id in the system it is from."""
    return _encode(f"{kind}:{native}".encode())


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


class Edge(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One row of a connection, in the list that its key is of; its cursor is made when asked for.

    A struct, since thousands are made for a page of pages.
    """

    node: T
    key: Key
    of: tuple[str, Sort]

    @property
    def cursor(self) -> str:
        """Where the row stands in its list."""
        return encode_cursor(self.key, *self.of)


class PageInfo:
    """Where a page stands in its list; its cursors are made when they are asked for."""

    __slots__ = ("_keys", "_list", "has_next_page", "has_previous_page")

    def __init__(
        self, *, has_next_page: bool, has_previous_page: bool, keys: Sequence[Key], list_: Any
    ) -> None:
        self.has_next_page = has_next_page
        self.has_previous_page = has_previous_page
        self._keys = keys
        self._list: tuple[str, Sort] = list_

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the first row."""
        return encode_cursor(self._keys[0], *self._list) if self._keys else None

    @property
    def end_cursor(self) -> str | None:
        """The cursor of the last row."""
        return encode_cursor(self._keys[-1], *self._list) if self._keys else None


class Connection(Generic[T]):
    """A page of rows as Relay shapes it; `total_count` is None when it was not asked for."""

    __slots__ = ("_list", "_page", "_request")

    def __init__(self, page: Page[T], request: PageRequest, scope: str) -> None:
        self._page = page
        self._request = request
        self._list = (scope, request.sort)

    @property
    def edges(self) -> list[Edge[T]]:
        """The rows."""
        list_ = self._list
        return [
            Edge(item, key, list_)
            for item, key in zip(self._page.items, self._page.keys, strict=True)
        ]

    @property
    def page_info(self) -> PageInfo:
        """Where the page stands."""
        page, request = self._page, self._request
        beyond = request.key is not None  # we came from somewhere: there are rows behind us
        return PageInfo(
            has_next_page=beyond if request.backward else page.has_more,
            has_previous_page=page.has_more if request.backward else beyond,
            keys=page.keys,
            list_=self._list,
        )

    @property
    def total_count(self) -> int | None:
        """How many rows there are over all pages."""
        return self._page.total


def connect(page: Page[T], request: PageRequest, scope: str) -> Connection[T]:
    """Shape a page of rows as a Relay connection."""
    return Connection(page, request, scope)


def nothing(request: PageRequest) -> Page[Any]:
    """Return an empty page, with a total of 0 if one was asked for."""
    return Page((), (), has_more=False, total=0 if request.count else None)


def encode_cursor(key: Key, scope: str, sort: Sort) -> str:
    """Make the opaque cursor of the row with this sort key."""
    text = orjson.dumps([scope, sort.field, int(sort.descending), *key])
    return _encode(text)


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


def _encode(text: bytes) -> str:
    return binascii.b2a_base64(text, newline=False).translate(_URL_SAFE, b"=").decode()


def _fits(value: Any) -> bool:
    """Whether a database can compare with it: a whole number has at most 64 bits."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _decode(text: str) -> bytes:
    padded = text.encode("ascii", errors="strict") + b"=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)
