from __future__ import annotations

from typing import Any

import pytest
from graphql import build_schema, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from api.documents import Documents, Refusal
from api.guard import limit_errors, variable_errors
from api.limits import Limits

SCHEMA = build_schema("type Query { a: Query b: Query s: String }")
SMALL = Limits(depth=5, aliases=3, fields=100, root_fields=4, directives=2, tokens=1000)


def messages(query: str, limits: Limits = SMALL) -> list[str]:
    return [
        error.message.removeprefix("The request has more than ").split(",")[0]
        for error in limit_errors(parse(query), limits)
    ]


def nested(depth: int) -> str:
    return "{ a " * (depth - 1) + "{ s }" + " }" * (depth - 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (nested(5), []),
        (nested(6), ["5 levels of nested fields"]),
        ("{ x: s y: s z: s }", []),
        ("{ x: s y: s z: s w: s }", ["3 aliases"]),
        ("{ s s s s }", []),
        ("{ s s s s s }", ["4 fields at the root"]),
        ("{ ... on Query { s s s } ...F } fragment F on Query { s s }", ["4 fields at the root"]),
        ("{ s @skip(if: false) @include(if: true) }", []),
        ("query @x { s @y @z }", ["2 directives"]),
        ("{ a { " + "s " * 101 + "} }", ["100 fields"]),
        ("{ ...F ...F } fragment F on Query { x: s y: s }", ["3 aliases"]),
        ("{ a { a { ...F } } } fragment F on Query { a { a { a { s } } } }", ["5 levels"]),
        ("query A { s } query B { s s s s s }", ["4 fields at the root"]),
    ],
)
def test_measures_what_a_document_asks(query: str, expected: list[str]) -> None:
    found = messages(query)
    assert len(found) == len(expected)
    assert all(one.startswith(other) for one, other in zip(found, expected, strict=True))


def test_fragments_that_double_are_refused_without_expanding_them() -> None:
    doubling = "".join(
        f"fragment F{n} on Query {{ x: a {{ ...F{n + 1} }} y: b {{ ...F{n + 1} }} }} "
        for n in range(100)
    )
    query = "{ ...F0 } " + doubling + "fragment F100 on Query { s }"
    assert messages(query) == ["5 levels of nested fields", "100 fields", "3 aliases"]


def test_fragments_that_spread_themselves_end() -> None:
    for query in (
        "{ ...F } fragment F on Query { s ...F }",
        "{ ...F } fragment F on Query { a { ...G } } fragment G on Query { a { ...F } }",
        "{ ...Unknown }",
    ):
        assert messages(query) == []


@settings(deadline=None)  # another process may have the machine
@given(st.integers(1, 40), st.integers(1, 40))
def test_a_chain_of_fragments_is_as_deep_as_its_fields(outer: int, inner: int) -> None:
    query = (
        "{ a " * outer
        + "{ ...F }"
        + " }" * outer
        + " fragment F on Query "
        + "{ a " * inner
        + "{ s }"
        + " }" * inner
    )
    too_deep = outer + inner + 1 > SMALL.depth
    assert ("5 levels of nested fields" in messages(query)) is too_deep


def test_variables_are_limited_in_depth_and_number() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    limits = Limits()
    assert variable_errors({"a": [1, {"b": 2}]}, limits) == []
    assert "32 levels in its variables" in variable_errors({"a": deep}, limits)[0].message
    many = variable_errors({"a": [0] * 30_000}, limits)
    assert "20000 values in its variables" in many[0].message
    assert many[0].extensions == {"code": "LIMIT_EXCEEDED", "retryable": False}


def documents(**changed: Any) -> Documents:
    given = {"introspection": True, "suggestions": True, **changed}
    return Documents(SCHEMA, SMALL, **given)


@pytest.mark.parametrize(
    "query",
    ["{ " + "s " * 1001 + "}", "# c\n" * 1001 + "{ s }", "{ a " * 400 + "s" + " }" * 400],
)
def test_documents_too_large_to_parse_are_beyond_a_limit(query: str) -> None:
    with pytest.raises(Refusal) as refused:
        documents().get(query)
    assert refused.value.errors[0].extensions["code"] == "LIMIT_EXCEEDED"


def test_valid_documents_are_remembered_within_bounds() -> None:
    known = documents(capacity=2)
    first = known.get("{ s }")
    assert known.get("{ s }") is first
    known.get("{ a { s } }")
    known.get("{ s }")
    known.get("{ b { s } }")
    assert len(known) == 2
    assert known.get("{ s }") is first, "the least recently used one goes"
    for query in ("{ t }", "{", "{ s s s s s }"):
        with pytest.raises(Refusal):
            known.get(query)
    assert len(known) == 2
    assert known.get("{ s " + " " * 40_000 + "}") is not None
    assert known.get("{ s }") is first, "long ones are not remembered"
