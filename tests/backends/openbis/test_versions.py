"""Servers 20.10 and 7.x, with and without project samples, give the same records.

The newer server is the embedded one behind an application that rewrites its answers as 7.x writes
them: values of properties as lists, further keys everywhere, no key for what was not fetched.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.demo.world import OpenbisContent
from backends.errors import Source
from backends.fetch import Fetch
from backends.filters import PageRequest, ProjectFilter, SampleFilter, Sort, StringMatch
from backends.lane import Call, Lane
from backends.openbis.client import Get, OpenbisClient, Search
from backends.openbis.transport import AsgiTransport
from backends.records import Kind

EVERYTHING = Fetch.of(
    "type",
    "properties",
    "space",
    "registrator",
    project=Fetch.of("space"),
    ancestors=Fetch.of("type", "properties"),
    omics_datasets=Fetch.of("type", "properties", "location", "content_copies"),
)
LIVER = SampleFilter(project=ProjectFilter(code=StringMatch(eq="QHCC0")))
QUESTION = Search(Kind.SAMPLE, LIVER, PageRequest(60, Sort("code"), count=True), EVERYTHING)


def modern(bean: Any) -> Any:
    """An answer as 7.x writes it."""
    if isinstance(bean, list):
        return [modern(each) for each in bean]
    if not isinstance(bean, dict):
        return bean
    rewritten = {key: modern(value) for key, value in bean.items() if value is not None}
    if isinstance(rewritten.get("properties"), dict):
        values = rewritten["properties"].items()
        rewritten["properties"] = {code: [value] for code, value in values}
    if "@type" in rewritten:
        rewritten |= {
            "metaData": {"@type": "unknown", "@id": -1, "permId": 17},
            "frozenForTomorrow": False,
            "multiValue": rewritten["@type"].endswith("PropertyType"),
            "keyOfTomorrow": [{"code": 1}, 2, "three"],
        }
    return rewritten


def rewriting(app: Any, rewrite: Callable[[Any], Any]) -> Any:
    """The application with its results rewritten."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def altered(message: Any) -> None:
            if message["type"] == "http.response.body":
                envelope = orjson.loads(message["body"])
                result = envelope.get("result")
                if isinstance(result, dict) and "api-version" not in result:
                    envelope["result"] = rewrite(result)
                message = message | {"body": orjson.dumps(envelope)}
            elif message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0] != b"content-length"]
                message = message | {"headers": kept}
            await send(message)

        await app(scope, receive, altered)

    return wrapped


@asynccontextmanager
async def client_of(app: Any) -> AsyncIterator[tuple[OpenbisClient, SecretStr]]:
    client = OpenbisClient(AsgiTransport(app), Lane(Source.OPENBIS))
    yield client, await client.login("steward", SecretStr("demo"), Call())
    await client.aclose()


async def answer_of(app: Any, *questions: Any) -> list[Any]:
    async with client_of(app) as (client, token):
        return await client.execute(token, questions or (QUESTION,), Call())


@pytest.fixture(scope="module")
def world() -> OpenbisContent:
    return build_world().openbis


@pytest.mark.parametrize("references", ["none", "server", "adversarial"])
async def test_a_newer_server_gives_the_same_records(
    world: OpenbisContent, references: Any
) -> None:
    (plain,) = await answer_of(create_openbis_server(world, references="none"))
    assert len(plain.items) == 60
    newer = rewriting(create_openbis_server(world, references=references), modern)
    assert await answer_of(newer) == [plain]


async def test_values_of_a_list_all_arrive(world: OpenbisContent) -> None:
    def several(bean: Any) -> Any:
        for each in bean.get("objects", ()):
            each["properties"] = {"q_markers": ["CD3", "CD8"], "Q_AGE": 61, "Q_ALIVE": True}
        return bean

    app = rewriting(create_openbis_server(world, references="none"), several)
    page = PageRequest(1, Sort("code"))
    (answer,) = await answer_of(app, Search(Kind.SAMPLE, LIVER, page, Fetch.of("properties")))
    values = {each.code: each.values for each in answer.items[0].properties}
    assert values == {"Q_MARKERS": ("CD3", "CD8"), "Q_AGE": ("61",), "Q_ALIVE": ("true",)}


async def test_types_of_a_newer_server(world: OpenbisContent) -> None:
    plain = create_openbis_server(world)
    async with client_of(plain) as (client, token):
        expected = await client.entity_types(token, Kind.SAMPLE, Call())
    async with client_of(rewriting(plain, modern)) as (client, token):
        told = await client.entity_types(token, Kind.SAMPLE, Call())
    assert [each.code for each in told] == [each.code for each in expected]
    for newer, older in zip(told, expected, strict=True):
        assert [each.code for each in newer.properties] == [each.code for each in older.properties]
        assert all(each.multi_valued for each in newer.properties)
        assert not any(each.multi_valued for each in older.properties)


async def test_project_samples_on_and_off(world: OpenbisContent) -> None:
    (off,) = await answer_of(create_openbis_server(world, project_samples=False))
    (on,) = await answer_of(create_openbis_server(world, project_samples=True))
    assert off.total == on.total
    assert [each.perm_id for each in on.items] == [each.perm_id for each in off.items]
    assert {each.project.code for each in on.items} == {"QHCC0"}
    assert {each.project.code for each in off.items} == {"QHCC0"}
    async with client_of(create_openbis_server(world, project_samples=True)) as (client, token):
        assert (await client.server(token, Call())).project_samples_enabled


@pytest.mark.parametrize("project_samples", [True, False])
async def test_an_identifier_is_found_as_it_is_told(
    world: OpenbisContent, project_samples: bool
) -> None:
    app = create_openbis_server(world, project_samples=project_samples)
    (page,) = await answer_of(app)
    asked = tuple(each.identifier.lower() for each in page.items)
    (got,) = await answer_of(app, Get(Kind.SAMPLE, asked))
    assert [got[each].perm_id for each in asked] == [each.perm_id for each in page.items]
