from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.drain import Drain
from api.observe import REQUESTS, Health, JsonLines, Observation, record_of


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What is logged, as an operator reads it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("omnibis")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [orjson.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def test_one_line_per_request_tells_who_what_and_how_much(
    client: httpx.AsyncClient, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    response = await client.post(
        "/graphql",
        json={
            "query": "query Greeting($n: String) { hello(name: $n) }",
            "variables": {"n": "private-value"},
        },
        headers={"authorization": "Bearer private-token", "x-request-id": "proxy-17.a_b"},
    )
    assert response.status_code == 200
    (line,) = lines()
    assert line.pop("time")
    assert line.pop("duration") >= 0
    assert line == {
        "level": "info",
        "event": "request",
        "requestId": "proxy-17.a_b",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "outcome": "ok",
        "operation": "Greeting",
        "kind": "query",
        "viewer": "a1b2c3",
        "asked": {
            "calls": {"openbis": 0, "omero": 0, "linkStore": 0},
            "totalCalls": 0,
            "nodes": 0,
        },
        "calls": {"omero": 3},
        "milliseconds": {"omero": 1.5},
        "nodes": 0,
        "codes": [],
    }
    assert response.headers["x-request-id"] == "proxy-17.a_b"


@pytest.mark.parametrize("query", ["{ far }", "{ broken }", "{ far", "{ nothing }"])
async def test_the_line_tells_the_codes_and_no_text(
    client: httpx.AsyncClient, lines: Callable[[], list[dict[str, Any]]], query: str
) -> None:
    await client.post("/graphql", json={"query": query})
    line = lines()[-1]
    expected = {"{ far }": "BACKEND_UNAVAILABLE", "{ broken }": "INTERNAL"}
    assert line["codes"] == [expected.get(query, "BAD_USER_INPUT")]
    assert line["outcome"] == ("partial" if query in expected else "refused")
    assert query not in str(lines())
    assert "secret-text" not in str(lines())


@pytest.mark.parametrize(
    "given", ["", "a b", "x" * 65, "-x", "a\tb", 'a"b', "ä", "a/b", "{}", "a\nb: c"]
)
async def test_a_request_id_that_is_not_sane_is_replaced(
    client: httpx.AsyncClient, given: str
) -> None:
    headers = {b"x-request-id": given.encode()}
    response = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    made = response.headers["x-request-id"]
    assert made != given
    assert len(made) == 16
    assert response.json()["extensions"]["requestId"] == made


async def ask(app: Starlette, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://wire.test") as client:
        return await client.get(path)


def observed(endpoint: Callable[[Request], Any], drain: Drain | None = None) -> Starlette:
    return Starlette(
        routes=[Route("/{name:path}", endpoint)],
        middleware=[Middleware(Observation, drain=drain or Drain())],
    )


async def test_whatever_breaks_is_an_answer_without_a_trace(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    async def broken(request: Request) -> Response:
        raise KeyError(f"secret {request.url}")

    response = await ask(observed(broken), "/somewhere")
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert response.headers["x-request-id"]
    assert "secret" not in response.text + str(lines())
    failure, line = lines()
    assert failure["errors"] == ["KeyError"]
    assert line["status"] == 500
    assert line["outcome"] == "refused"


async def test_probes_are_quiet_and_paths_are_kept_short(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    async def fine(request: Request) -> Response:
        record_of(request.scope).codes.append("X")
        return PlainTextResponse("fine")

    app = observed(fine)
    await ask(app, "/healthz")
    assert lines() == []
    await ask(app, "/" + "x" * 500)
    assert lines()[0]["path"] == "(long)"
    assert lines()[0]["outcome"] == "partial"


async def health(parts: dict[str, str], drain: Drain | None = None) -> httpx.Response:
    async def readiness() -> dict[str, str]:
        if "broken" in parts:
            raise OSError("secret")
        return parts

    return await ask(observed(Health(readiness, drain or Drain()).readyz), "/readyz")


async def test_readiness_is_about_the_database_and_backends_are_told() -> None:
    ready = await health({"database": "OK", "omero": "UNAVAILABLE"})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "OK", "database": "OK", "omero": "UNAVAILABLE"},
    )
    old = await health({"database": "MIGRATION_REQUIRED"})
    assert (old.status_code, old.json()["status"]) == (503, "NOT_READY")
    lost = await health({"broken": ""})
    assert (lost.status_code, lost.json()["database"]) == (503, "UNAVAILABLE")
    assert "secret" not in lost.text
    stopping = await health({"database": "OK"}, Drain(draining=True))
    assert (stopping.status_code, stopping.json()["status"]) == (503, "DRAINING")
    assert REQUESTS.name == "omnibis.request"
