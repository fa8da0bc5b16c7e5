"""200 viewers at once over HTTP: few connections, everybody their own answer, memory that is flat.

The ten thousand requests that the memory is measured over are too many for a test on a busy
machine; here are fewer, counted object by object, and `benchmarks/openbis_memory.py` has them all.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.errors import Source
from backends.filters import PageRequest, Sort
from backends.lane import Call, Lane
from backends.openbis.client import Count, OpenbisClient, Search
from backends.openbis.transport import HttpTransport
from backends.records import Kind
from tests.backends.openbis.wire_faults import answering, response, wrecked
from tests.serving import serve

VIEWERS = 200
CONNECTIONS = 6
TOKEN = SecretStr("anna-241101120000000x0123456789ABCDEF0123456789ABCDEF")
PEOPLE = ("steward", "plant", "oncology", "genomics")


class Counting:
    """An application that counts its connections by their far ends."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.connections: set[Any] = set()
        self.at_once = 0
        self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.connections.add(scope["client"])
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self._app(scope, receive, send)
        finally:
            self.at_once -= 1


@pytest.fixture
def counting() -> Iterator[tuple[Counting, str]]:
    app = Counting(create_openbis_server(build_world().openbis))
    with serve(app) as base:
        yield app, base


async def test_200_viewers_share_a_few_connections(counting: Any) -> None:
    app, base = counting
    lane = Lane(Source.OPENBIS, concurrency=CONNECTIONS)
    client = OpenbisClient(HttpTransport(base, connections=CONNECTIONS), lane)
    question = Search(Kind.PROJECT, None, PageRequest(50, Sort("code")))

    async def view(number: int) -> tuple[str, tuple[str, ...], str]:
        user = PEOPLE[number % len(PEOPLE)]
        token = await client.login(user, SecretStr("demo"), Call())
        (page,) = await client.execute(token, [question], Call())
        identity = await client.identity(token, Call())
        await client.logout(token, Call())
        return user, tuple(project.code for project in page.items), identity.user_id

    async with asyncio.timeout(60):
        seen = await asyncio.gather(*(view(number) for number in range(VIEWERS)))
    await client.aclose()
    assert all(user == user_id for user, _, user_id in seen)
    answers = {user: codes for user, codes, _ in seen}
    assert all(codes == answers[user] for user, codes, _ in seen)
    assert answers["plant"] == ("QRUP2",)
    assert set(answers["oncology"]) == {"QCLIN", "QHCC0"}
    assert len(app.connections) <= CONNECTIONS
    assert app.most <= CONNECTIONS


async def test_more_than_the_pool_wait_their_turn_without_a_lane_too(counting: Any) -> None:
    app, base = counting
    transport = HttpTransport(base, connections=2)
    body = b'{"method":"getServerPublicInformation","params":[],"id":"2","jsonrpc":"2.0"}'
    answers = await asyncio.gather(*(transport.post(body) for _ in range(50)))
    await transport.aclose()
    assert len(set(answers)) == 1
    assert len(app.connections) <= 2


async def test_a_cancelled_call_gives_its_place_back(counting: Any) -> None:
    app, base = counting
    transport = HttpTransport(base, connections=2)
    client = OpenbisClient(transport, Lane(Source.OPENBIS, concurrency=2))
    token = await client.login("plant", SecretStr("demo"), Call())
    count = Count(Kind.SAMPLE)
    for number in range(25):  # at another moment each time: queueing, connecting, waiting, reading
        tasks = [asyncio.create_task(client.execute(token, [count], Call())) for _ in range(4)]
        await asyncio.sleep(0.0004 * number)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert await client.execute(token, [count], Call()) == [57]
    await client.aclose()
    assert app.most <= 2 + 2  # one that was given up may still be at work


async def test_memory_is_flat() -> None:
    answer = b'{"jsonrpc":"2.0","id":"2","result":{"objects":[],"totalCount":7}}'
    async with wrecked(answering(response("200 OK", answer))) as server:
        lane = Lane(Source.OPENBIS, concurrency=CONNECTIONS)
        client = OpenbisClient(HttpTransport(server.base, connections=CONNECTIONS), lane)

        async def many(number: int) -> None:
            async def one() -> None:
                for _ in range(number // 20):
                    answers = await client.execute(TOKEN, [Count(Kind.SAMPLE)], Call())
                    assert answers == [7]

            await asyncio.gather(*(one() for _ in range(20)))

        await many(200)  # what is made once, and stays, is there from here on
        before = objects()
        await many(1800)
        assert objects() - before < 100  # far less than one for each request
        assert server.requests == 2000
        await client.aclose()


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())
