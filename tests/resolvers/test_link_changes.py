"""The subscription through the whole house: from the database's history to the bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from api.auth import Visitor
from api.execution import plain
from api.observe import RequestRecord
from api.parameters import Parameters
from backends.demo.studies import hcc, rup2
from link_store.errors import StoreUnavailable
from resolvers.link_news import LinkNews
from tests.atlas import Atlas
from tests.house import House, open_house

QUERY = """subscription ($after: BigInt, $project: String) {
  linkChanges(after: $after, project: $project) {
    revision
    event { change newState author }
    link { __typename openbisPermId state ... on SampleLink { sample { code } } }
  }
}"""
Follow = Callable[..., AsyncGenerator[Any, None]]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        opened.built.parts.services.link_news.seconds = 0.01
        yield opened


@pytest.fixture
def follow(house: House) -> Follow:
    async def bodies(user: str = "steward", **variables: Any) -> AsyncGenerator[Any, None]:
        token = await house.login(user)
        visitor = Visitor({"authorization": f"Bearer {token}"}, "r-1")
        record = RequestRecord("r-1", "POST", "/graphql")
        operations = house.app.state.operations
        prepared = await operations.prepare(
            Parameters(QUERY, None, variables, reads_only=False), record
        )
        async with aclosing(await operations.subscribe(prepared, visitor, record)) as stream:
            async for body in stream:
                yield body

    return bodies


async def told(stream: AsyncGenerator[Any, None]) -> Any:
    body = await asyncio.wait_for(anext(stream), 10)
    assert "errors" not in body, body
    return plain(body["data"])["linkChanges"]


async def break_links(house: House, *projects: str) -> list[str]:
    """Break the first sample link of each project, in order, and return the samples' permIds."""
    store, atlas = house.built.parts.services.links, Atlas(house.world)
    broken = []
    for code in projects:
        perm_id = atlas.project(code).perm_id
        link = (await store.sample_links_of_projects([perm_id]))[perm_id][0]
        await store.mark_broken(link.ref, expected_revision=link.revision, author="ada")
        broken.append(link.openbis_perm_id)
    return broken


async def test_a_change_is_told_once_it_happens(house: House, follow: Follow) -> None:
    stream = follow()
    hearing = asyncio.ensure_future(told(stream))
    while not house.built.parts.services.link_news.is_looking:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    (perm_id,) = await break_links(house, hcc.PROJECT)
    update = await hearing
    assert update["event"] == {"change": "BROKEN", "newState": "BROKEN", "author": "ada"}
    assert update["link"]["openbisPermId"] == perm_id
    assert update["link"]["state"] == "BROKEN"
    assert update["link"]["sample"]["code"] == Atlas(house.world).samples[perm_id].code
    await stream.aclose()


async def test_a_subscriber_that_comes_back_misses_nothing(house: House, follow: Follow) -> None:
    before = await house.built.parts.services.links.revision()
    broken = await break_links(house, hcc.PROJECT, rup2.PROJECT)
    stream = follow(after=before)
    first = await told(stream)
    await stream.aclose()
    assert first["link"]["openbisPermId"] == broken[0]
    stream = follow(after=first["revision"])
    second = await told(stream)
    await stream.aclose()
    assert second["link"]["openbisPermId"] == broken[1]
    assert second["revision"] == first["revision"] + 1 == before + 2


async def test_more_changes_than_one_batch_come_in_order(follow: Follow) -> None:
    stream = follow(after=0)
    revisions = [(await told(stream))["revision"] for _ in range(250)]
    await stream.aclose()
    assert revisions == sorted(set(revisions))


async def test_a_viewer_hears_only_of_links_whose_sample_he_sees(
    house: House, follow: Follow
) -> None:
    before = await house.built.parts.services.links.revision()
    hidden, seen = await break_links(house, hcc.PROJECT, rup2.PROJECT)
    stream = follow("plant", after=before)
    assert (await told(stream))["link"]["openbisPermId"] == seen
    await stream.aclose()
    stream = follow("steward", after=before, project=hcc.PROJECT)
    assert (await told(stream))["link"]["openbisPermId"] == hidden
    await stream.aclose()


async def test_while_openbis_is_down_changes_come_late_and_none_is_lost(
    house: House, follow: Follow
) -> None:
    before = await house.built.parts.services.links.revision()
    stream = follow(after=before)
    broken = await break_links(house, hcc.PROJECT)
    await told(stream)
    await house.switch("openbis", state="off")
    broken += await break_links(house, rup2.PROJECT)
    hearing = asyncio.ensure_future(told(stream))
    await asyncio.wait({hearing}, timeout=0.3)
    assert not hearing.done()
    await house.switch("openbis", state="on")
    house.recover()
    assert (await hearing)["link"]["openbisPermId"] == broken[1]
    await stream.aclose()


async def test_a_session_that_ends_ends_the_stream_and_says_so(
    house: House, follow: Follow
) -> None:
    stream = follow(after=0)
    await told(stream)
    house.built.faults["openbis"].expire_sessions()
    *_, last = [body async for body in stream]
    assert last["errors"][0]["extensions"]["code"] == "SESSION_EXPIRED"


@pytest.mark.parametrize(
    ("variables", "code"),
    [({"after": -1}, "BAD_USER_INPUT"), ({"project": "XYZZY"}, "NOT_FOUND")],
)
async def test_what_cannot_be_followed_is_told(
    follow: Follow, variables: dict[str, Any], code: str
) -> None:
    (body,) = [body async for body in follow(**variables)]
    assert body["errors"][0]["extensions"]["code"] == code


async def test_all_who_wait_share_one_look() -> None:
    looks = 0

    class Links:
        async def revision(self) -> int:
            nonlocal looks
            looks += 1
            if looks == 2:
                raise StoreUnavailable("busy")
            return looks

    news, links = LinkNews(0.01), Links()
    waiting = [asyncio.ensure_future(news.later_than(links, 2)) for _ in range(5)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert looks == 3
    assert not news.is_looking
