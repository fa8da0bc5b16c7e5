from __future__ import annotations

import base64
import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.filters import Sort
from resolvers.paging import encode_cursor, encode_id
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES = {"UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT", "LIMIT_EXCEEDED"}
LEAKS = re.compile(r"Traceback|File \"|\.py\b|sqlite|SELECT |select |rmi-application|0x[0-9a-f]{6}")


def refusal(answer: Any) -> Any:
    """The one error of an answer: typed, with advice, and nothing leaked."""
    (error,) = answer["errors"]
    assert not LEAKS.search(orjson.dumps(answer).decode())
    assert error["extensions"]["code"] in CODES
    assert error["extensions"]["requestId"]
    assert len(error["message"]) > 20
    return error


@pytest.mark.parametrize(
    ("query", "code", "advice"),
    [
        ('{ project(identifier: "/NO/SUCH") { code } }', "NOT_FOUND", "check its identifier"),
        ('{ project(identifier: "NOSUCH") { code } }', "NOT_FOUND", "check its identifier"),
        ('{ project(identifier: "\'; drop table x") { code } }', "NOT_FOUND", "check"),
        ('{ sample(identifier: "20200101000000000-1") { code } }', "NOT_FOUND", "check"),
        ("{ image(omeroId: 99999999) { name } }", "NOT_FOUND", "check its id"),
        ("{ image(omeroId: 9223372036854775808) { name } }", "BAD_USER_INPUT", "64"),
        ("{ image { name } }", "BAD_USER_INPUT", "exactly one"),
        ('{ image(omeroId: 1, id: "x") { name } }', "BAD_USER_INPUT", "exactly one"),
        ('{ node(id: "garbage") { id } }', "BAD_USER_INPUT", "`id` field"),
        ('{ node(id: "") { id } }', "BAD_USER_INPUT", "`id` field"),
        ("{ samples(first: -1) { totalCount } }", "BAD_USER_INPUT", "between 0 and 500"),
        ("{ samples(first: 501) { totalCount } }", "BAD_USER_INPUT", "between 0 and 500"),
        ("{ samples(first: 1, last: 1) { totalCount } }", "BAD_USER_INPUT", "not both"),
        ('{ samples(last: 1, after: "x") { totalCount } }', "BAD_USER_INPUT", "goes with"),
        ('{ samples(first: 1, before: "x") { totalCount } }', "BAD_USER_INPUT", "goes with"),
        ('{ samples(first: 1, after: "x") { totalCount } }', "BAD_USER_INPUT", "not a cursor"),
        ('{ samples(first: "many") { totalCount } }', "BAD_USER_INPUT", "Int"),
        ("{ samples(where: {colour: 1}) { totalCount } }", "BAD_USER_INPUT", "colour"),
        ("{ samples { edges { node { nonsense } } } }", "BAD_USER_INPUT", "nonsense"),
        ("{ images(where: {pixelSize: {between: []}}) { totalCount } }", "BAD_USER_INPUT", "two"),
        (
            "{ images(where: {pixelSize: {le: {value: 1, unit: FURLONG}}}) { totalCount } }",
            "BAD_USER_INPUT",
            "FURLONG",
        ),
        (
            '{ images(where: {acquired: {since: "2020-01-01T00:00:00"}}) { totalCount } }',
            "BAD_USER_INPUT",
            "zone",
        ),
        ('{ images(where: {acquired: {since: "soon"}}) { totalCount } }', "BAD_USER_INPUT", "soon"),
        ("{ image(omeroId: 1) { thumbnailUrl(size: 9) } }", "BAD_USER_INPUT", "between 16 and"),
        ("{", "BAD_USER_INPUT", "Syntax"),
        ("", "BAD_USER_INPUT", "query"),
        ('{ linkAudit(project: "NOSUCH") { samples } }', "NOT_FOUND", "check its identifier"),
    ],
)
async def test_bad_input_is_told_what_to_do(
    open_door: House, query: str, code: str, advice: str
) -> None:
    response = await open_door.client.post("/graphql", json={"query": query})
    error = refusal(response.json())
    assert error["extensions"]["code"] == code
    assert advice in error["message"]


async def test_an_id_of_one_type_is_none_of_another(open_door: House) -> None:
    image = (await open_door.data("{ image(omeroId: 1) { id } }"))["image"]["id"]
    error = refusal(await open_door.ask("query ($id: ID) { sample(id: $id) { code } }", id=image))
    assert error["message"] == "This is the id of a Image, not of a Sample."


@pytest.mark.parametrize("native", ["999999999", "-1", "1.5", "\uff11", "99999999999999999999999"])
async def test_ids_that_were_never_given_out(open_door: House, native: str) -> None:
    query = "query ($id: ID!) { node(id: $id) { id } }"
    error = refusal(await open_door.ask(query, id=encode_id("Image", native)))
    assert error["extensions"]["code"] in {"NOT_FOUND", "BAD_USER_INPUT"}


async def test_nodes_keeps_its_places(open_door: House) -> None:
    image = (await open_door.data("{ image(omeroId: 1) { id } }"))["image"]["id"]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    answer = await open_door.ask(query, ids=[encode_id("Image", 10**9), image])
    assert answer["data"]["nodes"] == [None, {"id": image}]
    assert refusal(answer)["path"] == ["nodes", 0]


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor(("a", "b"), "Query.images", Sort("code")),
        encode_cursor(("a", "b"), "Query.samples", Sort("code", descending=True)),
        encode_cursor(("a", "b"), "Query.samples", Sort("modified")),
        base64.urlsafe_b64encode(b'["Query.samples","code",0,{"$ne":1},"b"]').decode(),
        base64.urlsafe_b64encode(b"[]").decode(),
        "//////",
        "é",
        "A" * 5000,
    ],
)
async def test_a_foreign_cursor(open_door: House, cursor: str) -> None:
    query = "query ($c: String) { samples(first: 1, after: $c) { edges { cursor } } }"
    assert "cursor" in refusal(await open_door.ask(query, c=cursor))["message"].lower()


async def test_a_cursor_of_the_wrong_kind_of_value(open_door: House) -> None:
    forged = encode_cursor((None, "b"), "Query.samples", Sort("code"))
    query = "query ($c: String) { samples(first: 1, after: $c) { edges { cursor } } }"
    refusal(await open_door.ask(query, c=forged))
    forged = encode_cursor(("text", 3), "Query.samples", Sort("registered"))
    query = query.replace("first: 1,", "first: 1, orderBy: REGISTERED,")
    refusal(await open_door.ask(query, c=forged))
    forged = encode_cursor(("x", "y"), "Query.images", Sort("id"))
    refusal(
        await open_door.ask(
            "query ($c: String) { images(first: 1, after: $c) { edges { cursor } } }", c=forged
        )
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"query": "{ viewer { user } }' + b" " * 10_000_000 + b'"}', 413),
        (b'{"query": "{ viewer { user } } # \xff\xfe"}', 400),
        (b"\x00\x01\x02", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"query": 1}', 400),
        (b'{"query": "{ viewer { user } }", "variables": []}', 400),
        (b"", 400),
    ],
)
async def test_bodies_that_are_no_request(open_door: House, body: bytes, status: int) -> None:
    response = await open_door.client.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == status
    refusal(response.json())


async def test_deep_filters_are_refused_or_answered_but_never_break(open_door: House) -> None:
    where = "{not: " * 60 + '{code: {eq: "X"}}' + "}" * 60
    response = await open_door.client.post(
        "/graphql", json={"query": f"{{ samples(where: {where}) {{ totalCount }} }}"}
    )
    answer = response.json()
    assert "errors" not in answer or refusal(answer)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=40), number=st.integers() | st.floats())
async def test_any_text_and_number_gets_an_answer_or_advice(
    open_door: House, text: str, number: float
) -> None:
    query = """query ($t: String, $i: ID!, $n: Float) {
        project(identifier: $t) { code }
        sample(identifier: $t) { code }
        node(id: $i) { id }
        samples(first: 1, after: $t) { totalCount }
        named: samples(first: 1, where: {
            code: {startsWith: $t}, property: [{code: "Q_NCBI_ORGANISM", string: {contains: $t}}]
        }) { totalCount }
        images(first: 1, where: {
            name: {contains: $t}, sizeX: {gt: $n},
            keyValue: [{key: "Stain", value: {startsWith: $t}}]
        }) { totalCount }
    }"""
    variables = {"t": text, "i": text, "n": number}
    response = await open_door.client.post(
        "/graphql",
        content=json.dumps({"query": query, "variables": variables}),  # NaN and huge numbers too
        headers={"content-type": "application/json"},
    )
    assert response.status_code in {200, 400}
    answer = response.json()
    assert not LEAKS.search(orjson.dumps(answer.get("errors")).decode())
    assert {error["extensions"]["code"] for error in answer.get("errors", ())} <= CODES
