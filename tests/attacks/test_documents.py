"""Documents that are made to cost much: each is refused before anything is asked or expanded."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.attacks.conftest import refused
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


def nested(levels: int) -> str:
    """Up and down between sample and parents."""
    return (
        "{ samples { edges { node { " + "parents { " * levels + "code" + " }" * levels + " } } } }"
    )


def doubling(fragments: int) -> str:
    """Fragments that spread the next one twice: 2^n fields when expanded."""
    parts = [
        f"fragment F{n} on Sample {{ parents {{ ...F{n + 1} }} children {{ ...F{n + 1} }} }}"
        for n in range(fragments)
    ]
    last = f"fragment F{fragments} on Sample {{ code }}"
    return " ".join(["{ samples { edges { node { ...F0 } } } }", *parts, last])


FLOODS = {
    "aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(500)) + " }",
    "aliases of a costly field": "{ "
    + " ".join(f"a{n}: backends {{ source }}" for n in range(90))
    + " }",
    "directives": "{ viewer { user " + "@include(if: true) " * 500 + " } }",
    "unknown directives": "{ viewer { user " + "@x " * 500 + " } }",
    "the same field": "{ viewer { " + "user " * 3000 + "} }",
    "root fields": "{ " + "__typename " * 200 + "}",
    "tokens": "{ viewer { user } } #" + "\n# x" * 6000,
    "depth": nested(100),
    "depth beyond the parser": nested(5000),
    "fragments that double": doubling(60),
    "operations": " ".join(f"query Q{n} {{ viewer {{ user }} }}" for n in range(2000)),
    "pages of pages": """{ samples(first: 500) { edges { node { images(first: 500) { edges { node {
        keyValues { key } } } } } } } }""",
    "bytes": "{ viewer { user } }" + " " * 2_000_000,
    "ids": "{ nodes(ids: [" + '"x" ' * 100_000 + "]) { id } }",
}

NO_HASH = {"persistedQuery": {"sha256Hash": "../x"}}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_refused_at_once(fortress: House, name: str) -> None:
    started = time.process_time()
    status, code, _ = await refused(fortress, FLOODS[name])
    assert code == "LIMIT_EXCEEDED"
    assert status in {400, 413}
    assert time.process_time() - started < 5, "far from what expanding it would take"


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { ...F } } fragment F on Viewer { user ...F }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "fragment F on Query { viewer { user } } { ...F ...F ...G }",
        "{ viewer { user } } { viewer { user } }",
        "query ($a: Int = $a) { viewer { user } }",
        '{ viewer { user(x: {a: [1, {b: "c"}]}) } }',
    ],
)
async def test_documents_in_circles_are_refused(fortress: House, query: str) -> None:
    status, code, _ = await refused(fortress, query)
    assert (status, code) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([{"query": "{ viewer { user } }"}] * 50, "BAD_USER_INPUT"),
        ({"query": "{ __typename }", "variables": {"a": [[]] * 30_000}}, "LIMIT_EXCEEDED"),
        ({"query": ["{ __typename }"]}, "BAD_USER_INPUT"),
        ({"query": "{ __typename }", "extensions": NO_HASH}, "BAD_USER_INPUT"),
        ({"query": "query A { __typename }", "operationName": "x" * 100_000}, "BAD_USER_INPUT"),
    ],
)
async def test_bodies_that_flood_are_refused(fortress: House, body: Any, code: str) -> None:
    _, found, message = await refused(fortress, body)
    assert found == code
    assert len(message) < 500, "what was sent is not sent back"


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { fields { name } } }',
        "{ ...F } fragment F on Query { a: __schema { queryType { name } } }",
        "{ viewer { __typename } __schema { directives { name } } }",
    ],
)
async def test_introspection_is_off(fortress: House, query: str) -> None:
    assert (await refused(fortress, query))[:2] == (400, "FORBIDDEN")


@pytest.mark.parametrize(
    "query",
    [
        "{ projets { totalCount } }",
        "{ viewer { usr } }",
        "{ samples(frst: 1) { totalCount } }",
        '{ samples(where: {cod: {eq: "x"}}) { totalCount } }',
        "query ($a: SampleFiltr) { samples(where: $a) { totalCount } }",
        "{ viewer { user @skp(if: true) } }",
    ],
)
async def test_names_of_the_schema_are_not_suggested(fortress: House, query: str) -> None:
    _, code, message = await refused(fortress, query)
    assert code == "BAD_USER_INPUT"
    assert "Did you mean" not in message


@pytest.mark.parametrize("size", [300, 10_000, 400_000])
@pytest.mark.parametrize(
    "field", ['sample(identifier: "%s")', 'node(id: "%s")', 'project(id: "%s")']
)
async def test_ids_of_any_length_are_no_ids(fortress: House, field: str, size: int) -> None:
    query = "{ " + field % ("A" * size) + " { id } }"
    answer = await fortress.ask(query, await fortress.login("plant"))
    (error,) = answer["errors"]
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "NOT_FOUND", "LIMIT_EXCEEDED"}
    assert len(error["message"]) < 500


async def test_more_ids_than_a_page_are_too_many(fortress: House) -> None:
    query = "query ($i: [ID!]!) { nodes(ids: $i) { id } }"
    answer = await fortress.ask(query, i=["x"] * 19_000)
    (error,) = answer["errors"]
    assert "At most 500 ids" in error["message"]
    assert answer["extensions"]["cost"]["totalCalls"] == 0
