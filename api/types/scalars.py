"""The scalars of our own: integers beyond 32 bits, which GraphQL's `Int` cannot hold, and moments.

`DateTime` takes what Strawberry's takes. It is told as RFC 3339 has it for UTC, with a Z, which is
also how `api/execution` writes moments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError, IntValueNode, ValueNode
from strawberry.schema.types import base_scalars

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


def _tell(moment: datetime) -> str:
    text = moment.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A moment as in RFC 3339, told in UTC: `2026-01-31T12:00:00Z`.",
    serialize=_tell,
    parse_value=base_scalars.DateTimeDefinition.parse_value,
)
