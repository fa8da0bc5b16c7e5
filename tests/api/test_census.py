"""Nodes are counted as a plain walk counts them, which finds them by an id under an odd name."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLES = """query ($n: Int!) { project(identifier: "QHCC0") { nodeId: id
  samples(first: $n) { edges { node { nodeId: id code ...Family
    omicsDatasets { nodeId: id }
    imaging { status dataset { nodeId: id images(first: 2) { totalCount edges { node { nodeId: id
      pixelSize { x { value } } other: dataset { nodeId: id } } } } } } } } } } }
  fragment Family on Sample { parents { nodeId: id type { code } } subject { nodeId: id } }"""
MIXED = """query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Project { nodeId: id
    things: experiments(first: 2) { edges { node { nodeId: id } } } }
  ... on Sample { nodeId: id ancestors { nodeId: id } } ... on Image { nodeId: id } } }"""
COHORT = """{ cohort(where: {project: {code: {eq: "QHCC0"}}}) { totalCount
  members(first: 3) { edges { node { subject { nodeId: id } omicsDatasets { nodeId: id }
    specimens { sample { nodeId: id } images { nodeId: id } omicsDatasets { nodeId: id } }
    images { nodeId: id } } } } } }"""


def walked(answer: Any) -> int:
    """How many objects have told their id."""
    if isinstance(answer, dict):
        return ("nodeId" in answer) + sum(map(walked, answer.values()))
    return sum(map(walked, answer)) if isinstance(answer, list) else 0


@pytest.mark.parametrize("number", [0, 1, 3, 40])
async def test_nodes_are_counted_with_and_without_a_plan(open_door: House, number: int) -> None:
    for _ in range(3):  # from the second time on a plan is taken
        answer = await open_door.ask(SAMPLES, n=number)
        assert "errors" not in answer
        assert answer["extensions"]["cost"]["nodes"] == walked(answer["data"]) > number


async def test_what_is_not_there_is_not_counted(open_door: House) -> None:
    lists = ("projects", "samples", "images")
    query = " ".join(f"{name}(first: 2) {{ edges {{ node {{ id }} }} }}" for name in lists)
    told = await open_door.data(f"{{ {query} }}")
    ids = [edge["node"]["id"] for list_ in told.values() for edge in list_["edges"]]
    nowhere = "U2FtcGxlOm5vd2hlcmU"  # Sample:nowhere
    answer = await open_door.ask(MIXED, ids=[*ids, nowhere])
    assert answer["data"]["nodes"][-1] is None
    assert answer["extensions"]["cost"]["nodes"] == walked(answer["data"]) > len(ids)
    answer = await open_door.ask('{ sample(identifier: "/NO/SUCH") { id } }')
    assert answer["extensions"]["cost"]["nodes"] == 0
    assert (await open_door.ask("{ __typename }"))["extensions"]["cost"]["nodes"] == 0


async def test_the_nodes_of_a_cohort_are_counted(open_door: House) -> None:
    answer = await open_door.ask(COHORT)
    assert answer["extensions"]["cost"]["nodes"] == walked(answer["data"]) > 10


LATER_SAMPLES = """{ project(identifier: "QHCC0") { nodeId: id ... @defer {
  samples(first: 5) { edges { node { nodeId: id parents { nodeId: id } } } } } } }"""
LATER_FIELDS = """{ project(identifier: "QHCC0") { nodeId: id samples(first: 4) { edges { node {
  nodeId: id ... @defer { code omicsDatasets { nodeId: id } } } } } } }"""
LATER_ROWS = """{ project(identifier: "QHCC0") { nodeId: id samples(first: 6) {
  edges @stream(initialCount: 2) { node { nodeId: id imaging { dataset { nodeId: id } } } } } } }"""


@pytest.mark.parametrize("query", [LATER_SAMPLES, LATER_FIELDS, LATER_ROWS])
async def test_parts_are_counted_where_they_belong(open_door: House, query: str) -> None:
    response = await open_door.client.post(
        "/graphql", json={"query": query}, headers={"accept": "multipart/mixed, application/json"}
    )
    bodies = [json.loads(line) for line in response.text.splitlines() if line.startswith("{")]
    assert len(bodies) > 1
    assert bodies[-1]["extensions"]["cost"]["nodes"] == sum(map(walked, bodies)) >= 4


async def test_the_log_tells_them(open_door: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "omnibis.request")
    await open_door.ask("{ samples(first: 7) { edges { node { id } } } }")
    record: Any = caplog.records[-1]
    assert (record.nodes, record.asked["nodes"]) == (7, 7)
