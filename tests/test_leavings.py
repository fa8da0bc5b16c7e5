"""A request lets go of its answers when it is over, and not when Python's collector comes by.

With `@defer` it does not: graphql-core's groups and its executor know each other.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.house import README_QUERY, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

BIOLOGICAL = {"project": "QCLIN", "type": "Q_BIOLOGICAL_SAMPLE"}
IMAGES = """query ($first: Int!) { images(first: $first) { edges { cursor node {
  name tags { value } roiCount fileset { omeroId files { name } } keyValues { key value namespace }
  channels { emission { value } } dataset { name sample { code } }
} } pageInfo { endCursor } } }"""
COHORT = """query ($first: Int!) {
  cohort(where: {project: {code: {eq: "QCLIN"}}, has: {image: {sizeX: {ge: 10}}}}) {
    totalCount members(first: $first) { edges { node { subject { code } images { name } } } }
  }
}"""


@contextmanager
def collected_by_hand() -> Iterator[list[Any]]:
    """Yield a list that holds, at the end, what only the collector could have freed."""
    left: list[Any] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield left
        gc.collect()
        left += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def leavings(house: House, query: str, **variables: Any) -> int:
    """How many objects a request leaves to the collector, once all is warm."""
    body = {"query": query, "variables": variables}
    for _ in range(2):
        answer = await house.client.post("/graphql", json=body)
        assert b'"errors"' not in answer.content, answer.text[:500]
    with collected_by_hand() as left:
        answer = await house.client.post("/graphql", json=body)
        size = len(answer.content)
        for _ in range(3):
            await asyncio.sleep(0)  # tasks that are done are let go of by the loop
    assert size > 500 * variables["first"] or query is COHORT, answer.text[:500]
    return len(left)


@pytest.mark.parametrize(
    ("query", "variables"),
    [(README_QUERY, BIOLOGICAL), (IMAGES, {}), (COHORT, {})],
    ids=["federated", "images", "cohort"],
)
async def test_what_a_request_leaves_behind_does_not_grow_with_its_answer(
    open_door: House, query: str, variables: dict[str, Any]
) -> None:
    small = await leavings(open_door, query, **variables, first=10)
    large = await leavings(open_door, query, **variables, first=200)
    assert large < small + 100
    assert large < 1_000  # a bound on what the collector is left with, whatever was asked
