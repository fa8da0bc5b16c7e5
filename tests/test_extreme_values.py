"""Extreme values in each argument and each field of each filter, one after the other.

What random documents reach by chance is gone through here: every scalar that a query field or its
filter takes gets each of the extreme values of its type. Whatever it is, the answer is a value or
an error of the list, never a failure. `OMNIBIS_TEST_VALUES` takes one in so many: 1 is all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_list_type,
    is_required_input_field,
    print_ast,
)
from hypothesis_graphql import nodes

from api.schema import build_schema
from api.types.errors import ErrorCode
from tests.argument_values import (
    EXTREME_BIG_INTS,
    EXTREME_FLOATS,
    EXTREME_INTS,
    EXTREME_TEXTS,
    EXTREME_TIMES,
)
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = build_schema()._schema
FIELDS = SCHEMA.query_type.fields  # type: ignore[union-attr]
AT_ONCE = 20  # fields at the root of a document, at most
DEEPEST = 4
ONE_IN = int(os.environ.get("OMNIBIS_TEST_VALUES", "61"))  # no list of values is as long a period
LOGIC = {"and", "or", "not"}  # the same filters again
VALUES: dict[str, tuple[str, ...]] = {
    "Int": tuple(map(str, EXTREME_INTS)),
    "BigInt": tuple(map(str, EXTREME_BIG_INTS)),
    "Float": EXTREME_FLOATS,
    "String": tuple(print_ast(nodes.String(text)) for text in EXTREME_TEXTS),
    "ID": tuple(print_ast(nodes.String(text)) for text in EXTREME_TEXTS),
    "DateTime": tuple(print_ast(nodes.String(text)) for text in EXTREME_TIMES),
    "Boolean": ("true", "false"),
}
LIKELY = {"Int": "1", "BigInt": "1", "Float": "1.0", "ID": '"x"', "Boolean": "true"}


def _literals(kind: GraphQLInputType, depth: int = 0) -> Iterator[str]:
    """Literals of a type, each with one extreme value in one place."""
    inner = get_nullable_type(kind)
    if is_list_type(inner):
        for literal in _literals(inner.of_type, depth):
            yield f"[{literal}]"
            if depth == DEEPEST - 1:
                yield f"[{literal}, {literal}]"
        return
    named = get_named_type(inner)
    if isinstance(named, GraphQLInputObjectType):
        if depth >= DEEPEST:
            return
        needed = {
            name: f"{name}: {_usual(field.type)}"
            for name, field in named.fields.items()
            if is_required_input_field(field)
        }
        for name, field in named.fields.items():
            if name in LOGIC:
                continue
            others = ", ".join(text for other, text in needed.items() if other != name)
            for literal in _literals(field.type, depth + 1):
                yield f"{{{others}{', ' if others else ''}{name}: {literal}}}"
    elif is_enum_type(named):
        yield from list(named.values)[:1]
    else:
        yield from VALUES[named.name]


def _usual(kind: GraphQLInputType) -> str:
    """A literal of a type that is nothing special."""
    inner = get_nullable_type(kind)
    if is_list_type(inner):
        return f"[{_usual(inner.of_type)}]"
    named = get_named_type(inner)
    if isinstance(named, GraphQLInputObjectType):
        needed = [
            f"{n}: {_usual(f.type)}" for n, f in named.fields.items() if is_required_input_field(f)
        ]
        return f"{{{', '.join(needed)}}}"
    if is_enum_type(named):
        return str(next(iter(named.values)))
    return LIKELY.get(named.name, '"QCLIN"')


def _asked(name: str, field: GraphQLField) -> Iterator[str]:
    """Fields with one extreme argument each."""
    named = get_named_type(field.type)
    below = " { __typename }"
    if "totalCount" in getattr(named, "fields", {}):
        below = " { totalCount edges { cursor node { id } } }"
    needed = {
        other: f"{other}: {_usual(argument.type)}"
        for other, argument in field.args.items()
        if argument.type is not get_nullable_type(argument.type) and argument.default_value is None
    }
    for changed, argument in field.args.items():
        given = [text for other, text in needed.items() if other != changed]
        if "first" in field.args and changed not in {"first", "last", "before"}:
            given.append("first: 2")
        if changed == "before":
            given.append("last: 2")
        for literal in _literals(argument.type):
            yield f"{name}({', '.join([*given, f'{changed}: {literal}'])}){below}"


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"_entities"}))
async def test_whatever_a_value_is_it_is_answered_as_promised(open_door: House, name: str) -> None:
    asked = list(_asked(name, FIELDS[name]))
    asked = asked[::ONE_IN]
    broken = []
    for start in range(0, len(asked), AT_ONCE):
        broken += await _broken(open_door, asked[start : start + AT_ONCE])
    assert not broken, f"{len(broken)} of {len(asked)}:\n" + "\n".join(broken[:20])


async def _broken(house: House, asked: list[str]) -> list[str]:
    """What goes wrong; a document that is refused for one value is asked in halves."""
    query = " ".join(f"a{number}: {field}" for number, field in enumerate(asked))
    headers = {"content-type": "application/json"}
    body = json.dumps({"query": f"{{ {query} }}"})
    response = await house.client.post("/graphql", content=body, headers=headers)
    answer: Any = response.json()
    if answer.get("data") is None and len(asked) > 1:
        half = len(asked) // 2
        return await _broken(house, asked[:half]) + await _broken(house, asked[half:])
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    if response.status_code < 500 and codes <= set(ErrorCode) - {"INTERNAL"}:
        return []
    wrong = [error for error in answer["errors"] if error["extensions"]["code"] == "INTERNAL"]
    places = {(error.get("path") or ["a0"])[0] for error in wrong}
    return [asked[int(place[1:])][:300] for place in sorted(places)]
