"""The README's question over 200 samples of 7 images each, beside the bare backend calls in it.

Both run in one process over the embedded backends, in turns. The pure calls are those of the
adapters with the very same arguments, down to frozen records: what remains between the two is
GraphQL, JSON and HTTP. Run by `make bench`, or alone with `python -m benchmarks.federated_query`.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
from pydantic import SecretStr

from api.app import create_app
from api.auth import TokenBox
from api.demonstration import Demonstration, demonstration
from api.settings import load_settings
from backends.demo.accounts import DEMO_PASSWORD
from backends.fetch import Fetch
from backends.filters import PageRequest, ProjectFilter, SampleFilter, Sort, StringMatch
from backends.lane import Call
from backends.openbis.client import Search
from backends.records import Kind
from resolvers.catalog import samples_of_project

PROJECT = "QCLIN"
TYPE = "Q_BIOLOGICAL_SAMPLE"
SAMPLES = 200
ROUNDS = 15
QUERY = """
query ($project: String!, $first: Int!, $type: String!) {
  project(identifier: $project) { code samples(first: $first, where: {type: {eq: $type}}) {
    totalCount
    edges { node {
      code type { code } properties { code value }
      ancestors(type: "Q_BIOLOGICAL_ENTITY") { code }
      omicsDatasets { type { code } }
      imaging { status dataset { images(first: 20) { totalCount edges { node {
        name sizeX pixelSize { x { value unit } } channels { name }
        objective { magnification } keyValues { key value }
      } } } } }
    } }
  } }
}
"""


async def report(rounds: int = ROUNDS) -> str:
    """Measure in turns, and return a Markdown table."""
    async with _opened() as (built, client):
        answer = await _ask(client)
        whole: list[float] = []
        calls: list[float] = []
        pure = await _pure_calls(built)
        await pure()
        for _ in range(rounds):
            calls.append(await _timed(pure))
            whole.append(await _timed(lambda: _ask(client)))
    ratios = [one / other for one, other in zip(whole, calls, strict=True)]
    leaves = _leaves(answer["data"])
    cost = answer["extensions"]["cost"]["calls"]
    images = sum(
        edge["node"]["imaging"]["dataset"]["images"]["totalCount"]
        for edge in answer["data"]["project"]["samples"]["edges"]
        if edge["node"]["imaging"]["dataset"]
    )
    size = len(orjson.dumps(answer))
    return "\n".join(
        [
            "### One federated query, in process, over the embedded backends",
            "",
            (
                f"{SAMPLES} samples, {images} images, {leaves} leaf fields, {size / 1e6:.2f} MB; "
                f"{sum(cost.values())} calls ({cost['openbis']} openBIS, {cost['omero']} OMERO, "
                f"{cost['linkStore']} link store); {rounds} rounds in turns."
            ),
            "",
            "| what | median | spread (quartiles) |",
            "| --- | --- | --- |",
            f"| the backend calls alone | {_milliseconds(calls)} |",
            f"| the whole query | {_milliseconds(whole)} |",
            f"| **whole ÷ calls** | **{statistics.median(ratios):.1f}** | {_quartiles(ratios)} |",
            "",
        ]
    )


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Demonstration, httpx.AsyncClient]]:
    settings = load_settings({}, readings_megabytes=0)  # all is read, on either side
    built = demonstration(settings)
    app = create_app(settings, built.parts, TokenBox((b"b" * 32,)))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://bench.test") as client,
    ):
        yield built, client


async def _ask(client: httpx.AsyncClient) -> Any:
    variables = {"project": PROJECT, "first": SAMPLES, "type": TYPE}
    body = orjson.dumps({"query": QUERY, "variables": variables})
    response = await client.post(
        "/graphql", content=body, headers={"content-type": "application/json"}
    )
    answer = orjson.loads(response.content)
    assert "errors" not in answer, answer["errors"]
    return answer


async def _pure_calls(built: Demonstration) -> Callable[[], Awaitable[None]]:
    """Return the query's backend calls, made directly; sessions are opened before."""
    services = built.parts.services
    password = SecretStr(DEMO_PASSWORD)
    token = await services.openbis.login("steward", password, Call())
    session = await services.omero.login("steward", password, Call())
    typed = Fetch.of("type")
    of_sample = typed | Fetch.of("properties", ancestors=typed, omics_datasets=Fetch.of("type"))
    of_image = Fetch.of("channels", "objective", "key_values")
    by_code = PageRequest(2, Sort("code"))

    async def run() -> None:
        call = Call()
        named = ProjectFilter(code=StringMatch(eq=PROJECT))
        (projects,) = await services.openbis.execute(
            token, [Search(Kind.PROJECT, named, by_code)], call
        )
        within = samples_of_project(
            projects.items[0].perm_id, SampleFilter(type=StringMatch(eq=TYPE))
        )
        page = PageRequest(SAMPLES, Sort("code"), count=True)
        (samples,) = await services.openbis.execute(
            token, [Search(Kind.SAMPLE, within, page, of_sample)], call
        )
        links = await services.links.sample_links([each.perm_id for each in samples.items])
        datasets = await services.omero.image_datasets_by_ids(
            session, [link.omero_id for link in links.values()], Fetch.of("image_count"), call
        )
        await services.omero.images_of_datasets(
            session,
            list(datasets),
            None,
            PageRequest(20, Sort("id"), count=True),
            of_image,
            call,
            counts={number: each.image_count or 0 for number, each in datasets.items()},
        )

    return run


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1


def _milliseconds(seconds: list[float]) -> str:
    low, middle, high = statistics.quantiles(seconds, n=4)
    return f"{middle * 1000:.0f} ms | {low * 1000:.0f} to {high * 1000:.0f} ms"


def _quartiles(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:.1f} to {high:.1f}"


if __name__ == "__main__":
    print(asyncio.run(report()))
