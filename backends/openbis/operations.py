"""The questions that can travel to openBIS together, and how each is asked and answered.

A question becomes one or more requests; `client.py` sends all requests of all questions in one
round trip and hands the results back here. Writing requests needs `criteria.py`, `paging.py` and
`fetch_options.py`; reading results needs `decode.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backends.errors import ProtocolError, Source
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import Page, PageRequest
from backends.openbis.criteria import AnyFilter, criteria
from backends.openbis.decode import Decoder
from backends.openbis.fetch_options import encode, plan
from backends.openbis.logic import Json, composite
from backends.openbis.names import NAMES
from backends.openbis.paging import beyond, cut, cut_here, key_of, sort_options
from backends.records import Kind

CHUNK = 500  # ids per request; several requests still make one round trip


@dataclass(frozen=True, slots=True)
class Search:
    """One page of the entities that satisfy a filter; answered by a `Page` of records."""

    kind: Kind
    filter: AnyFilter | None
    page: PageRequest
    fetch: Fetch = NOTHING_MORE


@dataclass(frozen=True, slots=True)
class Get:
    """Entities by permanent id or identifier; answered by a dict of those the viewer may see."""

    kind: Kind
    ids: tuple[str, ...]
    fetch: Fetch = NOTHING_MORE


@dataclass(frozen=True, slots=True)
class Count:
    """How many entities satisfy a filter; answered by an int."""

    kind: Kind
    filter: AnyFilter | None = None


Operation = Search | Get | Count


@dataclass(frozen=True, slots=True)
class Request:
    """One v3 operation: a method of its own, or a member of `executeOperations`."""

    kind: Kind
    verb: str  # search or get
    subject: Any  # criteria, or ids
    fetch_options: Json

    @property
    def method(self) -> str:
        """The method to call when it travels alone."""
        return NAMES[self.kind].method(self.verb)

    def member(self) -> Json:
        """Its form within `executeOperations`."""
        name = "criteria" if self.verb == "search" else "objectIds"
        return {
            "@type": NAMES[self.kind].operation(self.verb),
            name: self.subject,
            "fetchOptions": self.fetch_options,
        }


def requests(operation: Operation, ids: Iterator[int]) -> list[Request]:
    """The requests that answer an operation; `ids` numbers references within the round trip."""
    if isinstance(operation, Get):
        return _get(operation, ids)
    if isinstance(operation, Count):
        return [_count(operation.kind, operation.filter)]
    page = operation.page
    wanted = [*criteria(operation.kind, operation.filter), *beyond(operation.kind, page)]
    window = {
        "from": 0,
        # One row more tells whether there are more.
        "count": None if cut_here(operation.kind, page) else page.limit + 1,
        "sort": sort_options(operation.kind, page),
    }
    options = encode(plan(operation.kind, operation.fetch), ids) | window
    search = Request(operation.kind, "search", _composite(operation.kind, wanted), options)
    if page.count and page.key is not None and not cut_here(operation.kind, page):
        # The total is over all pages, the search only over the rest.
        return [search, _count(operation.kind, operation.filter)]
    return [search]


def answer(operation: Operation, results: list[Any], decoder: Decoder) -> Any:
    """The answer to an operation from the results of its requests."""
    if isinstance(operation, Get):
        return _got(operation, results, decoder)
    if isinstance(operation, Count):
        return _total(results[0], decoder)
    page = operation.page
    objects = decoder.objects(results[0])
    records = decoder.records(objects, plan(operation.kind, operation.fetch))
    if cut_here(operation.kind, page):
        records = cut(records, page)
    items = records[: page.limit]
    if page.backward:
        items.reverse()
    return Page(
        items=tuple(items),
        keys=tuple(key_of(record, page.sort) for record in items),
        has_more=len(records) > page.limit,
        total=_total(results[-1], decoder) if page.count else None,
    )


def canonical(kind: Kind, asked: str) -> str:
    """An id as openBIS spells it: codes, alone or in identifiers, are upper-case."""
    return asked.upper() if "/" in asked or kind is Kind.SPACE else asked


def _composite(kind: Kind, wanted: list[Json]) -> Json:
    return composite(NAMES[kind].criteria, wanted)


def _count(kind: Kind, predicate: AnyFilter | None) -> Request:
    options = {"@type": NAMES[kind].fetch_options, "from": 0, "count": 0}
    return Request(kind, "search", _composite(kind, criteria(kind, predicate)), options)


def _get(operation: Get, ids: Iterator[int]) -> list[Request]:
    names = NAMES[operation.kind]
    asked = list(dict.fromkeys(canonical(operation.kind, each) for each in operation.ids))
    objects = [
        {"@type": names.identifier, "identifier": each}
        if "/" in each
        else {"@type": names.perm_id, "permId": each}
        for each in asked
    ]
    wanted = plan(operation.kind, operation.fetch)
    return [
        Request(operation.kind, "get", objects[start : start + CHUNK], encode(wanted, ids))
        for start in range(0, len(objects), CHUNK)
    ]


def _got(operation: Get, results: list[Any], decoder: Decoder) -> dict[str, Any]:
    wanted = plan(operation.kind, operation.fetch)
    found: dict[str, Any] = {}
    for result in results:
        for asked, bean in decoder.pairs(result):
            record = decoder.record(bean, wanted)
            found[asked] = found[record.perm_id] = record
    return {
        each: found[canonical(operation.kind, each)]
        for each in operation.ids
        if canonical(operation.kind, each) in found
    }


def _total(result: Any, decoder: Decoder) -> int:
    total = decoder.bean(result).get("totalCount")
    if isinstance(total, bool) or not isinstance(total, int):
        raise ProtocolError(
            Source.OPENBIS, "openBIS sent a result without its total; tell support."
        )
    return total
