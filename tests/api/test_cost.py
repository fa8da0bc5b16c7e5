from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, parse

from api.cost import PRICES, Prices
from api.documents import operation_of
from api.explorer.questions import saved_question
from api.limits import Limits
from api.schema import build_schema
from tests.house import README_QUERY, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRAPHQL = build_schema()._schema
OF_ONE = '{ sample(identifier: "/S/P") { code %s } }'


def asked(query: str, **variables: Any) -> Any:
    document = parse(query)
    operation = operation_of(document, None)
    assert operation is not None
    return Prices(GRAPHQL).cost(document, operation, variables)


@pytest.mark.parametrize(
    ("query", "calls", "nodes"),
    [
        ("{ __typename }", [0, 0, 0], 0),
        (OF_ONE % "type { code }", [1, 0, 0], 1),
        (OF_ONE % "parents { code }", [1, 0, 0], 6),
        (OF_ONE % "images(first: 20) { edges { node { name } } }", [1, 3, 1], 21),
        (OF_ONE % "images { edges { node { name keyValues { key } } } }", [1, 5, 1], 51),
        (
            OF_ONE % "...F" + " fragment F on Sample { images(last: 3) { totalCount } }",
            [1, 3, 1],
            1,
        ),
        ("{ samples(first: 500) { edges { node { code } } } }", [1, 0, 0], 500),
        ("{ samples(first: 100000) { edges { node { code } } } }", [1, 0, 0], 500),
        ("{ samples(first: -1000) { edges { node { images { totalCount } } } } }", [1, 3, 1], 50),
        ("{ samples(last: -1, first: 2) { edges { node { code } } } }", [1, 0, 0], 2),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', [1, 1, 1], 3),
        ('{ linkAudit(project: "p") { samples } }', [10, 10, 3], 0),
        ("{ a: samples { totalCount } b: samples { totalCount } }", [2, 0, 0], 0),
    ],
)
async def test_what_an_operation_would_cost(query: str, calls: list[int], nodes: int) -> None:
    told = asked(query).told()
    assert list(told["calls"].values()) == calls
    assert told["totalCalls"] == sum(calls)
    assert told["nodes"] == nodes


async def test_variables_count_as_what_they_stand_for() -> None:
    query = "query ($n: Int) { samples(first: $n) { edges { node { code } } } }"
    assert asked(query, n=7).nodes == 7
    assert asked(query).nodes == 50, "as long as a page is by itself"
    assert asked(query.replace("Int", "Int = 400")).nodes == 400
    assert asked(query.replace("Int", "Int = 400"), n=7).nodes == 7
    assert asked(query, n=-7).nodes == 50


async def test_many_rows_take_more_calls() -> None:
    nested = """{ imageDatasets(first: 500) { edges { node { images(first: 500) { edges { node {
        keyValues { key } } } } } } } }"""
    cost = asked(nested)
    assert cost.nodes == 500 + 250_000
    assert cost.total_calls == 3 + 3 + 2 * 500, "key-values of a quarter of a million images"
    messages = [error.message for error in cost.errors(Limits())]
    assert "more than 200 calls" in messages[0]
    assert "more than 100000 objects" in messages[1]


async def test_a_field_that_asks_has_a_price() -> None:
    """A new field with a resolver needs a `@source`, an owner, a price, or a place here."""
    free = {
        "Cohort.completeness",  # what the selection has found out already
        "Cohort.totalCount",
        "CohortSnapshot.mine",
        "Query.types",  # its fields ask
        "Query.viewer",
    }
    prices = Prices(GRAPHQL)
    unpriced = {
        f"{type_.name}.{name}"
        for type_ in GRAPHQL.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items()
        if (definition := field.extensions.get("strawberry-definition")) is not None
        and definition.base_resolver is not None
        and definition.base_resolver.is_async
        and not any(hasattr(directive, "system") for directive in definition.directives)
        and not prices.asks(type_, name, field)
    }
    assert unpriced == free


async def test_fixed_prices_are_of_fields_that_there_are() -> None:
    for place in PRICES:
        type_, field = place.split(".")
        assert field in GRAPHQL.type_map[type_].fields  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["project", "images", "backwards", "design"])
async def test_a_saved_query_pays_no_more_than_it_asked_for(open_door: House, name: str) -> None:
    answer = await open_door.ask(saved_question(name).query)
    cost = answer["extensions"]["cost"]
    for source, paid in cost["calls"].items():
        assert paid <= cost["asked"]["calls"][source], (source, cost)
    assert 0 < cost["nodes"] <= cost["asked"]["nodes"]


async def test_the_readme_query_pays_no_more_than_it_asked_for(open_door: House) -> None:
    answer = await open_door.ask(README_QUERY, project="QHCC0", first=200)
    cost = answer["extensions"]["cost"]
    for source, paid in cost["calls"].items():
        assert paid <= cost["asked"]["calls"][source], (source, cost)


async def test_an_operation_beyond_its_budget_is_refused_unasked(open_door: House) -> None:
    nested = "images(first: 500) { edges { node { name } } }"
    query = f"{{ samples(first: 500) {{ edges {{ node {{ {nested} }} }} }} }}"
    response = await open_door.client.post("/graphql", json={"query": query})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "100000 objects" in error["message"]
