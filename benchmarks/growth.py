"""From 390 linked samples to a million: does a page of 50, or a count, cost more?

The link database grows for real, row by row in its own tables. openBIS and OMERO answer from memory
(as in `served.py`), as servers do whose indexes hold: what is measured is omnibis with its links,
the part that is ours to keep flat. Cohorts and exports grow in `cohorts.py`, `cohort_exports.py`,
with their calls, seconds and memory. `python -m benchmarks growth`.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import httpx
import orjson

from api.demonstration import Demonstration
from backends.readings import Readings
from benchmarks import served
from benchmarks.federated_query import PROJECT, QUERY, TYPE, _opened
from benchmarks.page import Section, settled, turns

LINKED = 390  # about what the demonstration has
SIZES = (LINKED, 10_000, 100_000, 1_000_000)
COUNT = """query ($p: String!, $t: String!) { project(identifier: $p) {
  samples(first: 0, where: {type: {eq: $t}}) { totalCount } statistics { samples images } } }"""
# Links of samples that nobody asks for, below the link of the study's own project.
GROW = """
insert into sample_link (openbis_instance, openbis_perm_id, omero_instance, omero_id, state,
  evidence, revision, author, created_at, updated_at, project_link_id, project_perm_id)
with recursive number(i) as (select :first union all select i + 1 from number where i < :last)
select openbis_instance, 'grown-' || i, omero_instance, 100000000 + i, state, evidence,
  revision, author, created_at, updated_at, project_link_id, project_perm_id
from number, (select * from sample_link limit 1)
"""


async def measure(*, quick: bool = False) -> Section:
    """Measure it; `quick` goes to 10,000 only."""
    section = Section("growth", "(f) Growth from 390 to a million linked samples")
    sizes, rounds = (SIZES[:2], 5) if quick else (SIZES, 40)
    served.replay(Readings())
    calls, works = [], {}
    async with AsyncExitStack() as houses:  # one of each size, so that they are asked in turns
        for size in sizes:
            built, client = await houses.enter_async_context(_opened())
            if size > LINKED:
                await _grow(built, size)
            for _ in range(5):
                calls.append((await _page(client))["extensions"]["cost"]["calls"])
                await _count(client)
            works[f"{size} page"] = partial(_page, client)
            works[f"{size} count"] = partial(_count, client)
        with settled():
            times = await turns(rounds, works)
        peaks = {name: await _peak(work) for name, work in works.items()}
    assert all(each == calls[0] for each in calls), calls
    section.notes.append(
        f"Calls of a page, at every size: {sum(calls[0].values())} "
        f"({calls[0]['openbis']} openBIS, {calls[0]['omero']} OMERO, "
        f"{calls[0]['linkStore']} link store). {rounds} rounds in turns."
    )
    for what, name in (("page", "a page of 50"), ("count", "a count")):
        least = times[f"{sizes[0]} {what}"]
        section.add(f"{sizes[0]} linked samples: {name}", [each * 1000 for each in least], "ms")
        for size in sizes[1:]:
            most = times[f"{size} {what}"]
            section.ratio(f"{name} at {size} ÷ at {sizes[0]}", most, least, "≤ 1.3")
        base = peaks[f"{sizes[0]} {what}"]
        section.add(f"{sizes[0]} linked samples: memory of {name}", [base / 1e6], "MB")
        for size in sizes[1:]:
            grown = peaks[f"{size} {what}"] / base
            section.add(f"memory of {name} at {size} ÷ at {sizes[0]}", [grown])
    return section


async def _peak(work: Callable[[], Awaitable[Any]]) -> int:
    """Return the most bytes of Python that a request takes at one time."""
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def _grow(built: Demonstration, size: int) -> None:
    """Fill the link database up."""
    numbers = GROW.replace(":first", str(LINKED + 1)).replace(":last", str(size))
    async with built.parts.database.write() as connection:
        await connection.exec_driver_sql(numbers)
        await connection.exec_driver_sql("analyze")


async def _page(client: httpx.AsyncClient) -> Any:
    return await _ask(client, QUERY, {"project": PROJECT, "first": 50, "type": TYPE})


async def _count(client: httpx.AsyncClient) -> Any:
    return await _ask(client, COUNT, {"p": PROJECT, "t": TYPE})


async def _ask(client: httpx.AsyncClient, query: str, variables: dict[str, Any]) -> Any:
    body = orjson.dumps({"query": query, "variables": variables})
    headers = {"content-type": "application/json"}
    answer = orjson.loads((await client.post("/graphql", content=body, headers=headers)).content)
    assert "errors" not in answer, answer["errors"]
    return answer
