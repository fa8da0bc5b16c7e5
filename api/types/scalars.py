"""The one scalar of our own: integers beyond 32 bits, which GraphQL's `Int` cannot hold."""

from __future__ import annotations

from typing import Any, NewType

import strawberry
from graphql import GraphQLError, IntValueNode, ValueNode

BigInt = NewType("BigInt", int)

_LEAST, _MOST = -(2**63), 2**63 - 1


def _parse(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _LEAST <= value <= _MOST:
        raise GraphQLError("A BigInt is a whole number of at most 64 bits.")
    return value


def _parse_literal(node: ValueNode, _variables: Any = None) -> int:
    if not isinstance(node, IntValueNode):
        raise GraphQLError("A BigInt is a whole number of at most 64 bits.", node)
    return _parse(int(node.value))


BIG_INT = strawberry.scalar(
    name="BigInt",
    description="A whole number of up to 64 bits, as a JSON number: an OMERO id, a size in bytes.",
    serialize=int,
    parse_value=_parse,
    parse_literal=_parse_literal,
)
