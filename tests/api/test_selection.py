"""What is not selected is not fetched: aliases, fragments, @skip and @include."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    graphql_sync,
)

from api.selection import nodes, selection
from backends.demo.studies import synthetic
from tests.atlas import nodes as rows
from tests.house import House


class Raw:
    """An info as Strawberry hands it on."""

    def __init__(self, raw: Any) -> None:
        self._raw_info = raw


def seen(query: str, **variables: Any) -> dict[str, Any]:
    """The tree that a resolver of `root` sees."""
    trees: list[dict[str, Any]] = []

    def resolve(_root: Any, info: Any) -> dict[str, Any]:
        trees.append(selection(Raw(info)))  # type: ignore[arg-type]
        return {}

    thing: GraphQLObjectType = GraphQLObjectType(
        "Thing",
        lambda: {
            **{name: GraphQLField(GraphQLString) for name in ("a", "b", "c")},
            "deep": GraphQLField(thing, args={"x": GraphQLArgument(GraphQLBoolean)}),
            "edges": GraphQLField(thing),
            "node": GraphQLField(thing),
        },
    )
    schema = GraphQLSchema(
        GraphQLObjectType("Query", {"root": GraphQLField(thing, resolve=resolve)})
    )
    result = graphql_sync(schema, query, variable_values=variables)
    assert result.errors is None
    (tree,) = trees
    return tree


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("{ root { a b } }", {"a": {}, "b": {}}),
        ("{ root { x: a y: a } }", {"a": {}}),
        (
            "{ root { x: deep { a } y: deep(x: true) { b } } }",
            {"deep": {"a": {}, "(x)": {}, "b": {}}},
        ),
        ("{ root { a } root { b } }", {"a": {}, "b": {}}),
        ("{ r: root { __typename } }", {"__typename": {}}),
        ("{ root { ... { a } ... on Thing { deep { b } } } }", {"a": {}, "deep": {"b": {}}}),
        (
            "{ root { ...F } } fragment F on Thing { a ...G } fragment G on Thing { deep { c } }",
            {"a": {}, "deep": {"c": {}}},
        ),
        ("{ ...Q } fragment Q on Query { root { a } }", {"a": {}}),
        ("{ root { a @skip(if: true) b @skip(if: false) } }", {"b": {}}),
        ("{ root { a @include(if: false) b @include(if: true) } }", {"b": {}}),
        ("{ root { a @include(if: true) @skip(if: true) b } }", {"b": {}}),
        ("{ root { b ... @skip(if: true) { a } } }", {"b": {}}),
        (
            "{ root { b ...F @include(if: false) } } fragment F on Thing { a }",
            {"b": {}},
        ),
        ("{ root { b deep @skip(if: true) { a } } }", {"b": {}}),
    ],
)
def test_the_tree_of_a_query(query: str, tree: dict[str, Any]) -> None:
    assert seen(query) == tree


@pytest.mark.parametrize("value", [True, False])
def test_variables_decide(*, value: bool) -> None:
    query = """query ($yes: Boolean!, $other: Boolean = true) { root {
        a @include(if: $yes) b @skip(if: $yes) c @include(if: $other) } }"""
    assert seen(query, yes=value) == {"a" if value else "b": {}, "c": {}}


def test_nodes_of_a_connection() -> None:
    assert nodes({"edges": {"node": {"a": {}}}, "totalCount": {}}) == {"a": {}}
    assert nodes({"totalCount": {}}) == {}
    assert nodes({"edges": {"cursor": {}}}) == {}


async def cost(house: House, query: str, **variables: Any) -> dict[str, int]:
    answer = await house.ask(query, **variables)
    assert "errors" not in answer
    calls: dict[str, int] = answer["extensions"]["cost"]["calls"]
    return calls


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("deep", [True, False])
async def test_what_is_skipped_costs_nothing(open_door: House, *, deep: bool) -> None:
    query = """query ($p: String!, $deep: Boolean!) { project(identifier: $p) { samples(
        first: 5, where: {type: {eq: "Q_BIOLOGICAL_SAMPLE"}}) { edges { node {
            code
            imaging @include(if: $deep) { status dataset { images(first: 1) { edges { node {
                channels { name } } } } } }
            ...Far @skip(if: $deep)
    } } } } } fragment Far on Sample { type { code } }"""
    calls = await cost(open_door, query, p=synthetic.PROJECT, deep=deep)
    assert calls["openbis"] == 2
    assert (calls["omero"] > 0) is deep
    assert calls["linkStore"] == (1 if deep else 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_aliases_of_one_relation_are_read_in_one_call(open_door: House) -> None:
    query = """query ($p: String!) { project(identifier: $p) { samples(first: 20) { edges { node {
        up: parents { code }
        ...Names
        entities: ancestors(type: "Q_BIOLOGICAL_ENTITY") { code properties { code } }
        all: ancestors { type { code } }
    } } } } } fragment Names on Sample { parents { properties { code } code } }"""
    assert await cost(open_door, query, p=synthetic.PROJECT) == {
        "openbis": 2,
        "omero": 0,
        "linkStore": 0,
    }
    (row, *_) = rows((await open_door.data(query, p=synthetic.PROJECT))["project"]["samples"])
    assert [each["code"] for each in row["up"]] == [each["code"] for each in row["parents"]]


@pytest.mark.asyncio(loop_scope="module")
async def test_facets_are_paid_for_one_by_one(open_door: House) -> None:
    bare = (await cost(open_door, "{ images(first: 9) { edges { node { name sizeX } } } }"))[
        "omero"
    ]
    for field in ("channels { name }", "keyValues { key }", "tags { value }", "roiCount"):
        query = f"{{ images(first: 9) {{ edges {{ node {{ name x: {field} }} }} }} }}"
        assert (await cost(open_door, query))["omero"] == bare + 1, field
