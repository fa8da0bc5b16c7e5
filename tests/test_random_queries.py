"""Documents at random over the whole schema: whatever is asked is answered as promised.

hypothesis-graphql makes them valid for the SDL; some arguments are replaced by names and ids that
there are, so that answers are not all «not found». `OMNIBIS_TEST_QUERIES` is how many (5,000 for
the figure that is told; fewer by default), `OMNIBIS_TEST_QUERIES_SEED` which.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    ArgumentNode,
    DocumentNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    ObjectFieldNode,
    StringValueNode,
    print_ast,
    visit,
)
from graphql.language import REMOVE, Visitor
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from api.schema import build_schema
from api.types.errors import ErrorCode
from resolvers.paging import encode_id
from tests.house import House, open_house

MANY = int(os.environ.get("OMNIBIS_TEST_QUERIES", "250"))
SEED = int(os.environ.get("OMNIBIS_TEST_QUERIES_SEED", "1"))
# Signing out ends the one session that the demonstration's nobody has: each next request waits.
MUTATIONS = sorted(set(build_schema()._schema.mutation_type.fields) - {"login", "logout"})  # type: ignore[union-attr]
SCALARS: dict[str, Any] = {
    "BigInt": st.integers(-(2**63), 2**63 - 1).map(nodes.Int),
    "DateTime": st.datetimes().map(lambda moment: nodes.String(moment.isoformat() + "Z")),
    "_Any": st.builds(
        lambda: nodes.Object(
            [
                ObjectFieldNode(name=NameNode(value="__typename"), value=nodes.String("Sample")),
                ObjectFieldNode(name=NameNode(value="id"), value=nodes.String("made-up")),
            ]
        )
    ),
}
PATIENT: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.generate],  # a document that fails is printed; making it smaller takes minutes
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
SEEN: Counter[str] = Counter()
SAID: Counter[str] = Counter()
VERBOSE = bool(os.environ.get("OMNIBIS_TEST_QUERIES_TOLD"))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened
    if SEEN:
        for message, times in SAID.most_common(30):
            print(times, message)  # noqa: T201
        print("\nanswers by code:", dict(sorted(SEEN.items())))  # noqa: T201 - with `pytest -s`


class Real(Visitor):
    """Puts names that there are in the place of some that were made up."""

    def __init__(self, house: House, chance: random.Random) -> None:
        super().__init__()
        self._house, self._chance = house, chance

    def leave_argument(self, node: ArgumentNode, *_rest: Any) -> Any:
        return self._replaced(node)

    def leave_object_field(self, node: ObjectFieldNode, *_rest: Any) -> Any:
        return self._replaced(node)

    def _replaced(self, node: Any) -> Any:
        if self._chance.random() < 0.05:
            return None
        world, name = self._house.world, node.name.value
        if name in {"after", "before"}:
            return REMOVE  # no cursor that is made up is one
        if name in {"first", "last"} and isinstance(node.value, IntValueNode):
            return self._with(node, nodes.Int(self._chance.choice((0, 1, 3, 20))))
        if isinstance(node.value, StringValueNode):
            project = self._chance.choice(world.openbis.projects)
            sample = self._chance.choice(world.openbis.samples)
            place = f"/{project.space}/{project.code}"
            value = {
                "project": project.code,
                "identifier": self._chance.choice((place, f"{place}/{sample.code}")),
                "id": encode_id("Sample", sample.perm_id),
                "code": sample.code,
                "type": sample.type,
                "permId": sample.perm_id,
                "openbisPermId": sample.perm_id,
            }.get(name)
            return None if value is None else self._with(node, nodes.String(value))
        if name == "ids" and isinstance(node.value, ListValueNode):
            samples = self._chance.sample(world.openbis.samples, 3)
            ids = [nodes.String(encode_id("Sample", sample.perm_id)) for sample in samples]
            return self._with(node, nodes.List(ids))
        return None

    @staticmethod
    def _with(node: Any, value: Any) -> Any:
        return type(node)(name=node.name, value=value)


def check(answer: Any, status: int, query: str) -> None:
    """Hold one answer to what is promised of all."""
    assert status < 500, (status, query, answer)
    assert answer.get("data") is not None or answer.get("errors"), (query, answer)
    for error in answer.get("errors", ()):
        code = error["extensions"]["code"]
        SEEN[code] += 1
        if VERBOSE:
            SAID[error["message"][:90]] += 1
        assert code in set(ErrorCode), (query, error)
        assert code != "INTERNAL", (query, error)
        assert error["message"]
    if "errors" not in answer:
        SEEN["OK"] += 1


async def run(house: House, document: DocumentNode, chance: random.Random) -> None:
    query = print_ast(visit(document, Real(house, chance)))
    response = await house.client.post("/graphql", json={"query": query})
    check(response.json(), response.status_code, query)


@seed(SEED)
@settings(max_examples=MANY, **PATIENT)
@given(
    queries(build_schema()._schema, custom_scalars=SCALARS, print_ast=lambda document: document),
    st.randoms(use_true_random=False),
)
async def test_whatever_is_asked_is_answered_as_promised(
    house: House, document: DocumentNode, chance: random.Random
) -> None:
    await run(house, document, chance)


@seed(SEED)
@settings(max_examples=max(20, MANY // 5), **PATIENT)
@given(
    mutations(
        build_schema()._schema,
        fields=MUTATIONS,
        custom_scalars=SCALARS,
        print_ast=lambda document: document,
    ),
    st.randoms(use_true_random=False),
)
async def test_whatever_is_changed_is_answered_as_promised(
    house: House, document: DocumentNode, chance: random.Random
) -> None:
    await run(house, document, chance)
