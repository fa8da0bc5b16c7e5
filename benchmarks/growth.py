"""From 390 linked samples to a million: does a page of 50, or a count, cost more?

The link database grows for real, row by row in its own tables. openBIS and OMERO answer from memory
(as in `served.py`), as servers do whose indexes hold: what is measured is omnibis with its links,
the part that is ours to keep flat. Cohorts and exports over grown backends are `cohorts.py`'s.
`python -m benchmarks growth`.
"""

from __future__ import annotations

import resource
import statistics
from typing import Any

import httpx
import orjson

from benchmarks import served
from benchmarks.federated_query import PROJECT, QUERY, TYPE, _opened
from benchmarks.page import Section, settled, turns

SIZES = (390, 10_000, 100_000, 1_000_000)
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
    served.replay()
    pages: dict[int, list[float]] = {}
    counts: dict[int, list[float]] = {}
    calls = []
    async with _opened() as (built, client):
        stand = 390
        for size in sizes:
            if size > stand:
                async with built.parts.database.write() as connection:
                    await connection.exec_driver_sql(
                        GROW.replace(":first", str(stand + 1)).replace(":last", str(size))
                    )
                    await connection.exec_driver_sql("analyze")
                stand = size
            for _ in range(5):
                calls.append((await _page(client))["extensions"]["cost"]["calls"])
                await _count(client)
            with settled():
                works = {"page": lambda: _page(client), "count": lambda: _count(client)}
                times = await turns(rounds, works)
            pages[size], counts[size] = times["page"], times["count"]
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            section.add(f"{size} linked samples: a page of 50", _ms(pages[size]), "ms")
            section.add(f"{size} linked samples: a count", _ms(counts[size]), "ms")
            section.add(f"{size} linked samples: memory at most", [memory], "MiB")
    assert all(each == calls[0] for each in calls), calls
    section.notes.append(
        f"Calls of a page, at every size: {sum(calls[0].values())} "
        f"({calls[0]['openbis']} openBIS, {calls[0]['omero']} OMERO, "
        f"{calls[0]['linkStore']} link store)."
    )
    for what, found in (("page", pages), ("count", counts)):
        least, most = statistics.median(found[sizes[0]]), found[sizes[-1]]
        name = f"a {what} at {sizes[-1]} ÷ at {sizes[0]} (medians)"
        section.add(name, [statistics.median(most) / least], target="≤ 1.3")
    return section


def _ms(seconds: list[float]) -> list[float]:
    return [each * 1000 for each in seconds]


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
