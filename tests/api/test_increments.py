from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from graphql import parse

from api.increments import is_incremental
from api.limits import Limits
from tests.increments import merged

DEFERRED = "{ thing { name ... @defer { late } } }"
PARTS = "multipart/mixed, application/json"


async def parts(client: httpx.AsyncClient, query: str, accept: str = PARTS) -> list[Any]:
    response = await client.post("/graphql", json={"query": query}, headers={"accept": accept})
    assert response.status_code == 200
    if response.headers["content-type"].startswith("text/event-stream"):
        lines = response.text.splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert response.headers["content-type"] == 'multipart/mixed; boundary="-"'
    first, *bodies, last = response.text.split("---")
    assert (first, last) == ("", "--\r\n")
    return [json.loads(body.partition("\r\n\r\n")[2]) for body in bodies]


@pytest.mark.parametrize("accept", [PARTS, "text/event-stream"])
@pytest.mark.parametrize(
    ("query", "plain"),
    [
        (DEFERRED, {"thing": {"name": "t", "late": "late"}}),
        (
            "{ things @stream(initialCount: 1) { name } }",
            {"things": [{"name": "a"}, {"name": "b"}]},
        ),
        (
            "{ hello ... @defer { thing { late inner { late } } } }",
            {"hello": "hello world", "thing": {"late": "late", "inner": {"late": "late"}}},
        ),
    ],
)
async def test_the_parts_are_the_whole(
    client: httpx.AsyncClient, query: str, plain: Any, accept: str
) -> None:
    bodies = await parts(client, query, accept)
    assert [body["hasNext"] for body in bodies] == [True] * (len(bodies) - 1) + [False]
    assert len(bodies) >= 2
    assert merged(bodies) == plain
    assert bodies[-1]["extensions"]["cost"]["totalCalls"] == 3


async def test_what_is_not_put_off_is_one_part(client: httpx.AsyncClient) -> None:
    (body,) = await parts(client, "{ thing { name ... @defer(if: false) { late } } }")
    assert body["data"] == {"thing": {"name": "t", "late": "late"}}
    assert "hasNext" not in body


async def test_errors_in_a_part_have_their_code_and_no_text_of_ours(
    client: httpx.AsyncClient,
) -> None:
    bodies = await parts(client, "{ thing { name ... @defer { strict } } }")
    assert bodies[0]["data"] == {"thing": {"name": "t"}}
    (completed,) = bodies[-1]["completed"]
    assert completed["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(bodies)


async def test_who_takes_no_parts_is_told(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": DEFERRED})
    assert response.status_code == 406
    assert "accept multipart/mixed" in response.json()["errors"][0]["message"]


async def test_a_part_that_takes_too_long_is_given_up(
    make_wire: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operations.GRACE", 0.0)
    client = connect(make_wire(limits=Limits(deadline_seconds=0.05)))
    bodies = await parts(client, "{ thing { name ... @defer { never } } }")
    assert bodies[0]["data"] == {"thing": {"name": "t"}}
    assert bodies[-1]["hasNext"] is False
    (completed,) = bodies[-1]["completed"]
    assert completed["errors"][0]["extensions"]["code"] == "BACKEND_TIMEOUT"


@pytest.mark.parametrize(
    ("query", "expected"),
    [(DEFERRED, True), ('{ hello(name: "@defer") }', False), ("{ hello }", False)],
)
def test_a_document_that_asks_for_parts_is_known(query: str, expected: bool) -> None:
    assert is_incremental(query, parse(query)) is expected
