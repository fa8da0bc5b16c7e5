from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.drain import Drain
from api.limits import Limits

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


async def ask(client: httpx.AsyncClient, query: str, accept: str = GRAPHQL, **more: Any) -> Any:
    body = {"query": query, **more}
    return await client.post("/graphql", json=body, headers={"accept": accept})


async def post(client: httpx.AsyncClient, content: bytes, **headers: str) -> Any:
    given = {"content-type": JSON, "accept": GRAPHQL}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/graphql", content=content, headers=given)


def only_error(response: httpx.Response) -> dict[str, Any]:
    body = response.json()
    assert "data" not in body
    (error,) = body["errors"]
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert body["extensions"]["requestId"] == response.headers["x-request-id"]
    return error


async def test_answers_a_query_with_sources_and_cost(client: httpx.AsyncClient) -> None:
    response = await ask(client, "{ hello }")
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "data": {"hello": "hello world"},
        "extensions": {
            "requestId": response.headers["x-request-id"],
            "sources": {"omero": "OK"},
            "cost": {
                "calls": {"omero": 3},
                "milliseconds": {"omero": 1.5},
                "totalCalls": 3,
                "nodes": 0,
                "asked": {
                    "calls": {"openbis": 0, "omero": 0, "linkStore": 0},
                    "totalCalls": 0,
                    "nodes": 0,
                },
            },
        },
    }


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{JSON};q=0.5, {GRAPHQL};q=0.9", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"{JSON};q=0, */*;q=0.1", GRAPHQL),
        ("text/html, */*;q=0.1", JSON),
    ],
)
async def test_negotiates_the_media_type(
    client: httpx.AsyncClient, accept: str, expected: str
) -> None:
    response = await ask(client, "{ hello }", accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};charset=latin-1", f"{GRAPHQL};q=0"])
async def test_refuses_to_answer_in_another_media_type(
    client: httpx.AsyncClient, accept: str
) -> None:
    response = await ask(client, "{ hello }", accept)
    assert response.status_code == 406
    assert only_error(response)["message"].startswith("Accept application/graphql-response+json")


@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL, 400), (JSON, 200)])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"query": "{"}, "Syntax Error: Expected Name, found <EOF>."),
        ({"query": "{ xyzzy }"}, "Cannot query field 'xyzzy' on type 'Query'."),
        (
            {"query": "query ($s: Shape!) { sides(shape: $s) }"},
            (
                "Variable '$s' has invalid value: Expected a value of non-null type 'Shape!' "
                "to be provided."
            ),
        ),
        ({"query": "query A { hello } query B { hello }"}, None),
        ({"query": "query A { hello }", "operationName": "B"}, "Unknown operation named 'B'."),
        ({"query": "fragment F on Query { hello }"}, None),
    ],
)
async def test_refuses_a_document_by_the_status_table(
    client: httpx.AsyncClient, accept: str, status: int, parameters: Any, message: str | None
) -> None:
    response = await client.post("/graphql", json=parameters, headers={"accept": accept})
    assert response.status_code == status
    error = only_error(response)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    if message is not None:
        assert error["message"] == message


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "body is empty"),
        (b"{", "not valid JSON at line 1"),
        (b"\xff\xfe{}", "not valid UTF-8 at byte 0"),
        (b'{"query": "\xc3("}', "not valid UTF-8 at byte 11"),
        (b'{"query": "{ hello }", "variables": {"a": "\\ud800"}}', "not valid JSON"),
        (b"[]", "Batches are not taken"),
        (b'[{"query": "{ hello }"}]', "Batches are not taken"),
        (b"null", "Send a JSON object"),
        (b"{}", "`query` is missing"),
        (b'{"query": "  "}', "`query` is missing"),
        (b'{"query": ["{ hello }"]}', "`query` is missing"),
        (b'{"query": "{ hello }", "variables": []}', "`variables` must be an object"),
        (b'{"query": "{ hello }", "variables": "{}"}', "`variables` must be an object"),
        (b'{"query": "{ hello }", "extensions": 1}', "`extensions` must be an object"),
        (b'{"query": "{ hello }", "operationName": 7}', "`operationName` must be a text"),
    ],
)
async def test_a_malformed_request_is_refused_with_advice(
    client: httpx.AsyncClient, content: bytes, advice: str
) -> None:
    for accept in (GRAPHQL, JSON):
        response = await post(client, content, accept=accept)
        assert response.status_code == 400
        error = only_error(response)
        assert advice in error["message"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_encoding": "gzip"},
    ],
)
async def test_refuses_other_encodings_of_a_request(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await post(client, b'{"query": "{ hello }"}', **headers)
    assert response.status_code == 415
    assert only_error(response)["extensions"]["code"] == "BAD_USER_INPUT"


async def test_get_runs_queries(client: httpx.AsyncClient) -> None:
    response = await client.get(
        "/graphql",
        params={
            "query": "query Q($n: String!) { hello(name: $n) }",
            "variables": '{"n": "Ü"}',
            "operationName": "Q",
        },
    )
    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "hello Ü"}


async def test_get_runs_no_mutation(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "mutation { touch }"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert only_error(response)["message"] == "GET is for queries only; use POST."


@pytest.mark.parametrize(
    "query_string",
    ["query={hello}&query={hello}", "query={hello}&variables=[1", "", "query={hello}&variables=[]"],
)
async def test_get_with_odd_parameters_is_refused(
    client: httpx.AsyncClient, query_string: str
) -> None:
    response = await client.get(f"/graphql?{query_string}")
    assert response.status_code == 400
    assert only_error(response)["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_mutations_go_by_post_and_subscriptions_not_as_json(
    client: httpx.AsyncClient,
) -> None:
    assert (await ask(client, "mutation { touch }")).json()["data"] == {"touch": True}
    response = await ask(client, "subscription { ticks }")
    assert response.status_code == 406
    assert "accept text/event-stream" in only_error(response)["message"]


async def test_a_body_beyond_the_limit_is_not_read(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"query": "{ hello }'
        while sent < 10 * 1024 * 1024:
            sent += 65_536
            yield b" " * 65_536

    response = await client.post(
        "/graphql", content=endless(), headers={"content-type": JSON, "accept": GRAPHQL}
    )
    assert response.status_code == 413
    error = only_error(response)
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "more than 1048576 bytes" in error["message"]
    assert sent < 2 * 1024 * 1024
    announced = await post(client, b'{"query": "' + b"x" * 10_000_000 + b'"}')
    assert announced.status_code == 413


async def test_a_query_string_beyond_the_limit_is_refused(make_wire: Any, connect: Any) -> None:
    client = connect(make_wire(limits=Limits(request_bytes=1024)))
    response = await client.get("/graphql", params={"query": "{ hello }" + " " * 2000})
    assert response.status_code == 414
    assert only_error(response)["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_deep_variables_are_refused(client: httpx.AsyncClient) -> None:
    shape: dict[str, Any] = {"sides": 1}
    for _ in range(200):
        shape = {"sides": 1, "inside": shape}
    response = await ask(client, "query ($s: Shape!) { sides(shape: $s) }", variables={"s": shape})
    assert response.status_code == 400
    assert only_error(response)["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_an_unforeseen_failure_is_masked_and_logged_without_its_text(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "omnibis")
    response = await ask(client, "{ hello broken }")
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"hello": "hello world", "broken": None}
    (error,) = body["errors"]
    assert error["path"] == ["broken"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "secret-text" not in response.text
    failure = next(record for record in caplog.records if record.message == "failure")
    assert failure.requestId == response.headers["x-request-id"]
    assert failure.errors == ["ValueError"]
    assert any("conftest.py" in place for place in failure.places[0])
    assert "secret-text" not in str([vars(record) for record in caplog.records])


async def test_data_that_became_null_is_still_an_answer(client: httpx.AsyncClient) -> None:
    response = await ask(client, "{ thing { inner { strict } } }")
    assert response.status_code == 200
    assert response.json()["data"] == {"thing": None}


async def test_a_source_that_failed_below_an_answer_is_told(client: httpx.AsyncClient) -> None:
    response = await ask(client, "{ hello far }")
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"hello": "hello world", "far": None}
    (error,) = body["errors"]
    assert error["message"] == "OMERO is not reachable; try again soon."
    assert error["path"] == ["far"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["extensions"]["source"] == "OMERO"
    assert body["extensions"]["sources"] == {"omero": "UNAVAILABLE"}


async def test_credentials_that_cannot_be_used_are_401(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ hello }"}, headers={"authorization": "Bearer bad"}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert only_error(response)["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_request_beyond_the_deadline_is_ended(
    make_wire: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.operations.GRACE", 0.0)
    client = connect(make_wire(limits=Limits(deadline_seconds=0.05)))
    response = await ask(client, "{ slow }")
    assert response.status_code == 504
    error = only_error(response)
    assert error["extensions"]["code"] == "BACKEND_TIMEOUT"
    assert error["extensions"]["retryable"] is True


async def test_an_expired_session_of_ours_is_renewed_once(make_wire: Any, connect: Any) -> None:
    asked: list[object] = []

    def renew(context: object) -> bool:
        asked.append(context)
        return True

    client = connect(make_wire(renew=renew))
    assert (await ask(client, "{ hello }")).json()["data"] == {"hello": "hello world"}
    assert len(asked) == 1
    await ask(client, "mutation { touch }")
    assert len(asked) == 1, "a mutation is never run twice"


async def test_introspection_and_suggestions_can_be_switched_off(
    make_wire: Any, connect: Any
) -> None:
    open_client = connect(make_wire())
    assert (await ask(open_client, '{ __type(name: "Thing") { name } }')).json()["data"] == {
        "__type": {"name": "Thing"}
    }
    assert "Did you mean 'hello'" in only_error(await ask(open_client, "{ helo }"))["message"]
    client = connect(make_wire(introspection=False, suggestions=False))
    assert "Did you mean" not in (await ask(client, "{ helo }")).text
    refused = await ask(client, "{ __schema { queryType { name } } }")
    assert only_error(refused)["extensions"]["code"] == "FORBIDDEN"
    assert (await ask(client, "{ __typename }")).json()["data"] == {"__typename": "Query"}


async def test_a_draining_server_sends_clients_elsewhere(make_wire: Any, connect: Any) -> None:
    drain = Drain()
    client = connect(make_wire(), drain)
    assert (await ask(client, "{ hello }")).status_code == 200
    drain.begin()
    response = await ask(client, "{ hello }")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["errors"][0]["extensions"]["retryable"] is True


async def test_odd_characters_come_back_as_they_went(client: httpx.AsyncClient) -> None:
    response = await ask(client, "query ($n: String) { hello(name: $n) }", variables={"n": "\x00ü"})
    assert orjson.loads(response.content)["data"] == {"hello": "hello \x00ü"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(["query", "variables", "operationName", "extensions"]),
    JSON_VALUES | st.sampled_from(["{ hello }", "mutation { touch }", "{ thing { name } }"]),
)
BODIES = (
    st.binary(max_size=200)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
    | PARAMETERS.map(lambda value: json.dumps(value).encode())
    | st.text(alphabet='{}()[]:!$@."\\ \n#abehlot', max_size=60).map(
        lambda text: json.dumps({"query": text}).encode()
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=BODIES, accept=st.sampled_from([JSON, GRAPHQL]))
async def test_whatever_is_posted_is_answered_in_one_shape(
    client: httpx.AsyncClient, body: bytes, accept: str
) -> None:
    response = await post(client, body, accept=accept)
    assert response.status_code in {200, 400, 406}
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    answer = response.json()
    assert set(answer) <= {"data", "errors", "extensions"}
    assert "data" in answer or answer["errors"]
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"] in {"BAD_USER_INPUT", "LIMIT_EXCEEDED"}
        assert error["extensions"]["requestId"] == response.headers["x-request-id"]
        assert error["message"]
