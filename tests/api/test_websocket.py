from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.drain import Drain
from api.limits import Limits
from tests.api.conftest import CLOSED
from tests.serving import serve

PROTOCOL = "graphql-transport-ws"


class Socket:
    """A client that speaks the protocol, one message at a time."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def say(self, **message: Any) -> None:
        await self._connection.send(json.dumps(message))

    async def raw(self, message: str | bytes) -> None:
        await self._connection.send(message)

    async def hear(self) -> Any:
        return json.loads(await asyncio.wait_for(self._connection.recv(), 10))

    async def begin(self, **payload: Any) -> None:
        await self.say(type="connection_init", payload=payload)
        assert (await self.hear())["type"] == "connection_ack"

    async def ask(self, query: str, operation: str = "1", **more: Any) -> None:
        await self.say(type="subscribe", id=operation, payload={"query": query, **more})

    async def closed(self) -> int | None:
        """Wait for the other side to close, and return its code."""
        try:
            while True:
                await asyncio.wait_for(self._connection.recv(), 10)
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else closed.rcvd.code


class Serve:
    def __init__(self, address: str, drain: Drain) -> None:
        self.address = address.replace("http", "ws") + "/graphql"
        self.drain = drain

    def open(self, **headers: str) -> AbstractAsyncContextManager[ClientConnection]:
        return connect(
            self.address,
            subprotocols=[PROTOCOL],  # type: ignore[list-item]
            additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
            open_timeout=10,
        )


@pytest.fixture
async def served(make_wire: Any, make_app: Any) -> AsyncIterator[Serve]:
    drain = Drain()
    wire = make_wire(limits=Limits(subscriptions=2, subscription_seconds=2.0))
    with serve(make_app(wire, drain), websockets=True) as address:
        yield Serve(address, drain)


@pytest.fixture
async def socket(served: Serve) -> AsyncIterator[Socket]:
    async with served.open() as connection:
        yield Socket(connection)


async def is_closed(name: str) -> None:
    """Wait until the server has closed the source of a subscription."""
    async with asyncio.timeout(5):
        while name not in CLOSED:  # noqa: ASYNC110 - another thread's list
            await asyncio.sleep(0.01)


async def test_a_subscription_has_nexts_and_a_complete(
    socket: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "omnibis")
    await socket.begin()
    await socket.ask("subscription Count { ticks(count: 2) }")
    found = [await socket.hear() for _ in range(3)]
    assert [message["type"] for message in found] == ["next", "next", "complete"]
    assert [message["payload"]["data"]["ticks"] for message in found[:2]] == [0, 1]
    assert {message["id"] for message in found} == {"1"}
    await socket.ask("{ hello }", "2")
    assert (await socket.hear())["payload"]["data"] == {"hello": "hello world"}
    assert (await socket.hear())["type"] == "complete"
    line = next(record for record in caplog.records if record.message == "request")
    told = vars(line)
    assert (told["operation"], told["kind"], told["outcome"]) == ("Count", "subscription", "ok")
    assert told["calls"] == {"omero": 6}, "two events of three calls each"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ xyzzy }"}, "BAD_USER_INPUT"),
        ({"query": "{"}, "BAD_USER_INPUT"),
        ({"query": 7}, "BAD_USER_INPUT"),
        ({}, "BAD_USER_INPUT"),
        ({"query": "{ hello }", "variables": "no"}, "BAD_USER_INPUT"),
        ({"query": "{ " + "hello " * 6000 + "}"}, "LIMIT_EXCEEDED"),
        ({"query": "subscription { stillborn }"}, None),
    ],
)
async def test_what_cannot_run_is_an_error_and_the_connection_goes_on(
    socket: Socket, payload: Any, code: str | None
) -> None:
    await socket.begin()
    await socket.say(type="subscribe", id="1", payload=payload)
    message = await socket.hear()
    if code is None:
        assert message["payload"]["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    else:
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == code
    await socket.say(type="ping")
    while (await socket.hear())["type"] != "pong":
        pass


async def test_a_failure_is_masked(socket: Socket) -> None:
    await socket.begin()
    await socket.ask("subscription { failing }")
    found = [await socket.hear() for _ in range(3)]
    assert [message["type"] for message in found] == ["next", "next", "complete"]
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 4400),
        ("[]", 4400),
        ('{"type": 7}', 4400),
        ('{"type": "xyzzy"}', 4400),
        ('{"type": "subscribe", "id": 1, "payload": {}}', 4400),
        ('{"type": "subscribe", "id": "1"}', 4400),
        ('{"type": "complete"}', 4400),
        ('{"type": "subscribe", "id": "%s", "payload": {}}' % ("x" * 200), 4400),
        ('{"type": "connection_init"}', 4429),
        (b"\x00\x01", 4400),
    ],
)
async def test_what_is_not_of_the_protocol_closes_the_connection(
    socket: Socket, message: str | bytes, code: int
) -> None:
    await socket.begin()
    await socket.raw(message)
    assert await socket.closed() == code


async def test_nothing_runs_before_the_connection_has_begun(socket: Socket) -> None:
    await socket.ask("{ hello }")
    assert await socket.closed() == 4401


async def test_a_client_that_says_nothing_is_left(socket: Socket) -> None:
    assert await socket.closed() == 4408


async def test_bad_credentials_are_refused(served: Serve) -> None:
    async with served.open() as connection:
        socket = Socket(connection)
        await socket.say(type="connection_init", payload={"Authorization": "Bearer bad"})
        assert await socket.closed() == 4403
    async with served.open(authorization="Bearer bad") as connection:
        socket = Socket(connection)
        await socket.say(type="connection_init")
        assert await socket.closed() == 4403


async def test_operations_at_one_time_are_limited(socket: Socket) -> None:
    await socket.begin()
    for operation in ("1", "2"):
        await socket.ask("subscription { forever }", operation)
        assert (await socket.hear())["type"] == "next"
    await socket.ask("subscription { forever }", "3")
    refused = await socket.hear()
    assert (refused["id"], refused["type"]) == ("3", "error")
    assert refused["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_an_operation_that_is_completed_is_over(socket: Socket) -> None:
    await socket.begin()
    await socket.ask('subscription { forever(name: "completed") }')
    assert (await socket.hear())["type"] == "next"
    await socket.say(type="complete", id="1")
    await socket.ask("{ hello }")
    assert (await socket.hear())["payload"]["data"] == {"hello": "hello world"}
    await is_closed("completed")


async def test_pages_of_other_origins_may_not_connect(served: Serve) -> None:
    host = served.address.removeprefix("ws://").removesuffix("/graphql")
    for origin in ("https://evil.example", "null", f"http://{host}.evil.example"):
        with pytest.raises(InvalidStatus, match="403"):
            async with served.open(origin=origin):
                pass
    async with served.open(origin=f"http://{host}") as connection:
        await Socket(connection).begin()


async def test_another_subprotocol_is_refused(served: Serve) -> None:
    async with connect(served.address, open_timeout=10) as connection:
        assert await Socket(connection).closed() == 4406


async def test_a_stopping_server_makes_clients_come_back(served: Serve) -> None:
    async with served.open() as connection:
        socket = Socket(connection)
        await socket.begin()
        await socket.ask('subscription { forever(name: "restarted") }')
        assert (await socket.hear())["type"] == "next"
        served.drain.begin()
        assert await socket.closed() == 1012
    await is_closed("restarted")
    with pytest.raises(InvalidStatus, match="403"):
        async with served.open():
            pass


async def test_a_connection_that_is_too_old_makes_clients_come_back(served: Serve) -> None:
    async with served.open() as connection:
        socket = Socket(connection)
        await socket.begin()
        assert await socket.closed() == 1012
