from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from api.admission import Admission
from api.auth import ANONYMOUS, DEMO_KEY, Visitor
from api.drain import Drain
from api.event_stream import Streams
from api.http import GraphQLEndpoint
from api.limits import Limits
from api.observe import Observation
from api.operations import Operations, _share
from api.parameters import Refused
from resolvers.context import Viewer


def client_of(make_wire: Any, limits: Limits) -> tuple[httpx.AsyncClient, Admission]:
    admission, drain = Admission(limits), Drain()
    operations = Operations(make_wire(limits=limits, admission=admission))
    app = Starlette(
        routes=[Route("/graphql", GraphQLEndpoint(operations, Streams(drain, 10)))],
        middleware=[Middleware(Observation, drain=drain, admission=admission)],
    )
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://a.test"), admission


async def slow(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/graphql", json={"query": "{ slow }"})


async def wait_for(admission: Admission, under_way: int) -> None:
    async with asyncio.timeout(5):
        while admission.under_way != under_way:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)


@pytest.mark.parametrize("key", [ANONYMOUS, f"{DEMO_KEY}steward"])
async def test_who_is_not_signed_in_shares_with_his_address_only(key: str) -> None:
    context: Any = SimpleNamespace(viewer=Viewer(key))
    mine, other = (_share(context, Visitor({}, peer=peer)) for peer in ("10.0.0.1", "10.0.0.2"))
    assert mine != other
    context = SimpleNamespace(viewer=Viewer("a1b2c3"))
    assert _share(context, Visitor({}, peer="10.0.0.1")) == "a1b2c3"


async def test_a_viewer_has_so_many_requests_at_one_time(make_wire: Any) -> None:
    limits = Limits(requests_per_viewer=2)
    client, admission = client_of(make_wire, limits)
    waiting = [asyncio.ensure_future(slow(client)) for _ in range(2)]
    await wait_for(admission, 2)
    refused = await client.post("/graphql", json={"query": "{ hello }"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["retryable"] is True
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert admission.under_way == 0
    assert (await client.post("/graphql", json={"query": "{ hello }"})).status_code == 200


async def test_a_full_server_says_when_to_come_again(make_wire: Any) -> None:
    client, admission = client_of(make_wire, Limits(requests=1))
    waiting = asyncio.ensure_future(slow(client))
    await wait_for(admission, 1)
    refused = await client.post("/graphql", json={"query": "{ hello }"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert admission.under_way == 0


async def test_a_stream_is_no_request_under_way(make_wire: Any) -> None:
    client, admission = client_of(make_wire, Limits(requests=1, streams_per_viewer=1))
    headers = {"accept": "text/event-stream"}
    query = {"query": "subscription { ticks(count: 3) }"}
    streamed = await client.post("/graphql", json=query, headers=headers)
    assert streamed.text.count("event: next") == 3
    assert (admission.under_way, admission.streams) == (0, 0)


async def test_streams_of_a_viewer_are_counted_by_themselves() -> None:
    admission = Admission(Limits(streams_per_viewer=1))
    with admission.stream_of("ada"), admission.stream_of("bob"):
        assert admission.streams == 2
        with pytest.raises(Refused, match="1 subscriptions") as refused, admission.stream_of("ada"):
            pass
        assert refused.value.status == 429
    assert admission.streams == 0


async def test_a_client_that_leaves_takes_its_query_along(make_wire: Any) -> None:
    """The work is cancelled as soon as nobody waits for it."""
    client, admission = client_of(make_wire, Limits())
    gone = asyncio.Event()
    body = b'{"query": "{ slow }"}'
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        pytest.fail("there is nobody to answer")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    app = client._transport.app  # type: ignore[attr-defined]
    serving = asyncio.ensure_future(app(scope, receive, send))
    await wait_for(admission, 1)
    gone.set()
    await asyncio.wait_for(serving, 5)
    assert admission.under_way == 0
