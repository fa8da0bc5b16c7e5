"""The one scalar of our own: integers beyond 32 bits, which GraphQL's `Int` cannot hold."""

from __future__ import annotations

from typing import Any, NewType

import strawberry
from graphql import GraphQLError, IntValueNode, ValueNode

BigInt = NewType("BigInt", int)


def _parse(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphQLError("A BigInt is a whole number.")
    return value


def _parse_literal(node: ValueNode, _variables: Any = None) -> int:
    if not isinstance(node, IntValueNode):
        raise GraphQLError("A BigInt is a whole number.", node)
    return int(node.value)


BIG_INT = strawberry.scalar(
    name="BigInt",
    description="A whole number of up to 64 bits, as a JSON number: an OMERO id, a size in bytes.",
    serialize=int,
    parse_value=_parse,
    parse_literal=_parse_literal,
)
