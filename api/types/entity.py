"""What experiments, samples and omics datasets share: relations, type, properties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import strawberry

from api.edges import LATER, Answer, Ask, Attribute, Batched
from api.selection import Tree
from api.types.entity_type import TypeRef
from backends.fetch import Fetch
from backends.records import Kind, PropertyRecord
from resolvers import catalog


def relation(kind: Kind, need: Callable[[Tree], Fetch], read: str | Callable[..., Any]) -> Batched:
    """How a field is answered that reads relations of an openBIS entity.

    Mostly they came with the entity; else all entities that lack them are read in one call.

    Args:
        kind: the entity's kind.
        need: which relations, given what is selected below the field.
        read: returns the value, given the entity, the `Ask`, and the field's arguments; or the name
            of the attribute that is the value, with `?` where nothing is an empty list.
    """
    if isinstance(read, str):
        name, or_empty = read.rstrip("?"), read.endswith("?")
        attribute = Attribute(name, lambda ask: need(ask.tree).names(), or_empty)
        return _relation(kind, need, _reader(name, or_empty=or_empty), attribute)
    return _relation(kind, need, read, None)


def _reader(name: str, *, or_empty: bool) -> Callable[..., Any]:
    get = attrgetter(name)
    if or_empty:
        return lambda record, _ask: get(record) or ()
    return lambda record, _ask: get(record)


def _relation(
    kind: Kind,
    need: Callable[[Tree], Fetch],
    read: Callable[..., Any],
    attribute: Attribute | None,
) -> Batched:

    def ready(ask: Ask, **arguments: Any) -> Answer:
        names = need(ask.tree).names()

        def answer(record: Any) -> Any:
            return read(record, ask, **arguments) if names <= record.fetched else LATER

        return answer

    async def many(records: Sequence[Any], ask: Ask, **arguments: Any) -> list[Any]:
        found = await catalog.with_relations(ask.context, kind, records, need(ask.tree))
        return [
            each if isinstance(each, Exception) else read(each, ask, **arguments) for each in found
        ]

    return Batched(many, ready, attribute)


@lru_cache(maxsize=4096)
def type_ref(kind: Kind, code: str | None) -> TypeRef:
    """Return the type of a code."""
    return TypeRef(kind, code or "UNKNOWN")


def type_of(kind: Kind) -> Batched:
    """How an entity's type is answered."""
    return relation(
        kind, lambda _tree: Fetch.of("type"), lambda record, _ask: type_ref(kind, record.type_code)
    )


def properties_of(kind: Kind) -> Batched:
    """How an entity's properties are answered, by code."""
    return relation(kind, lambda _tree: Fetch.of("properties"), "properties?")


def property_of(kind: Kind) -> Batched:
    """How one property is answered, by its code in any case."""

    def read(record: Any, _ask: Ask, code: str) -> PropertyRecord | None:
        wanted = code.upper()
        for property_ in record.properties or ():
            if property_.code == wanted:
                found: PropertyRecord = property_
                return found
        return None

    return relation(kind, lambda _tree: Fetch.of("properties"), read)


def plain(kind: Kind, name: str) -> Batched:
    """How a relation of nothing further is answered, such as `registrator`."""
    return relation(kind, lambda _tree: Fetch.of(name), name)


CODE_ARGUMENT = strawberry.argument(description="The property's code, in any case.")
