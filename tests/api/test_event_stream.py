from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.drain import Drain
from api.limits import Limits
from tests.api.conftest import CLOSED
from tests.serving import serve

STREAM = {"accept": "text/event-stream"}


class Serve:
    """The tiny schema on a loopback port, and a client of it."""

    def __init__(self, address: str, drain: Drain) -> None:
        self.client = httpx.Client(base_url=address, timeout=10)
        self.drain = drain


@pytest.fixture
def served(make_wire: Any, make_app: Any) -> Iterator[Serve]:
    drain = Drain()
    wire = make_wire(limits=Limits(subscription_seconds=1.0))
    with serve(make_app(wire, drain)) as address:
        serving = Serve(address, drain)
        yield serving
        serving.client.close()


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Read a stream as an EventSource does; a comment comes as the event `:`."""
    name = ""
    for line in lines:
        if line.startswith(":"):
            yield ":", line[1:].strip()
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data:"):
            data = line[5:].strip()
            yield name, json.loads(data) if data else None


def is_closed(name: str) -> bool:
    """Wait until the server has closed the source of a subscription."""
    end = time.monotonic() + 5
    while name not in CLOSED and time.monotonic() < end:
        time.sleep(0.01)
    return name in CLOSED


def post(served: Serve, query: str, **headers: str) -> Any:
    return served.client.stream("POST", "/graphql", json={"query": query}, headers=STREAM | headers)


def seen(served: Serve, query: str, **headers: str) -> list[tuple[str, Any]]:
    with post(served, query, **headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in response.headers["cache-control"]
        return [event for event in events(response.iter_lines()) if event[0] != ":"]


def test_a_subscription_is_a_stream_that_completes(served: Serve) -> None:
    found = seen(served, "subscription { ticks(count: 3) }")
    assert [name for name, _ in found] == ["next", "next", "next", "complete"]
    assert [body["data"]["ticks"] for name, body in found if name == "next"] == [0, 1, 2]
    assert found[0][1]["extensions"]["cost"]["totalCalls"] == 3


def test_a_stream_can_be_asked_for_by_get(served: Serve) -> None:
    query = {"query": "subscription { ticks }"}
    with served.client.stream("GET", "/graphql", params=query, headers=STREAM) as response:
        assert [name for name, _ in events(response.iter_lines())][-1] == "complete"


@pytest.mark.parametrize("query", ["{ hello }", "mutation { touch }"])
def test_who_accepts_streams_only_gets_every_result_as_one(served: Serve, query: str) -> None:
    (name, body), (end, _) = seen(served, query)
    assert (name, end) == ("next", "complete")
    assert body["data"]


def test_who_accepts_json_too_gets_a_query_as_json(served: Serve) -> None:
    headers = {"accept": "application/json, text/event-stream"}
    answer = served.client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert answer.headers["content-type"].startswith("application/json")
    query = {"query": "subscription { ticks }"}
    with served.client.stream("POST", "/graphql", json=query, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        response.read()


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription { xyzzy }", "BAD_USER_INPUT"),
        ("{ hello", "BAD_USER_INPUT"),
        ("subscription ($c: Int!) { ticks(count: $c) }", "BAD_USER_INPUT"),
    ],
)
def test_what_cannot_run_is_told_as_an_event(served: Serve, query: str, code: str) -> None:
    (name, body), (end, _) = seen(served, query)
    assert (name, end) == ("next", "complete")
    assert "data" not in body
    assert body["errors"][0]["extensions"]["code"] == code


def test_a_source_that_fails_ends_the_stream_and_says_why(served: Serve) -> None:
    found = seen(served, "subscription { failing }")
    assert [name for name, _ in found] == ["next", "next", "complete"]
    assert found[1][1]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(found)
    (_, body), _ = seen(served, "subscription { stillborn }")
    assert body["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"


def test_bad_credentials_are_refused_before_the_stream(served: Serve) -> None:
    with post(served, "subscription { ticks }", authorization="Bearer bad") as response:
        assert response.status_code == 401
        assert json.loads(response.read())["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_silent_stream_gives_signs_of_life(served: Serve) -> None:
    with post(served, "subscription { forever }") as response:
        stream = events(response.iter_lines())
        found = [next(stream)[0] for _ in range(4)]
    assert set(found) == {"next", ":"}


def test_a_client_that_leaves_closes_the_source(served: Serve) -> None:
    with post(served, 'subscription { forever(name: "left") }') as response:
        assert next(event for event in events(response.iter_lines()) if event[0] == "next")
    assert is_closed("left")


def test_a_stopping_server_ends_streams_without_complete(served: Serve) -> None:
    with post(served, 'subscription { forever(name: "drained") }') as response:
        stream = events(response.iter_lines())
        assert next(event for event in stream if event[0] == "next")
        served.drain.begin()
        assert [name for name, _ in stream if name != ":"] == []
    assert is_closed("drained")


def test_a_stream_that_is_too_old_ends_without_complete(served: Serve) -> None:
    found = seen(served, 'subscription { forever(name: "old") }')
    assert [name for name, _ in found] == ["next"]
    assert is_closed("old")
