"""Documents at random over the whole schema: whatever is asked is answered as promised.

hypothesis-graphql makes them valid for the SDL, half of them for one root field, so that each is
reached; `tests/random_arguments.py` puts what there is, and what nobody expects, into their
arguments. `OMNIBIS_TEST_QUERIES` is how many (5,000 for the figure that is told; fewer by
default), `OMNIBIS_TEST_QUERIES_SEED` which.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    get_named_type,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from api.schema import build_schema
from api.types.errors import ErrorCode
from tests.argument_values import Reality, reality
from tests.house import House, open_house
from tests.random_arguments import Meant

MANY = int(os.environ.get("OMNIBIS_TEST_QUERIES", "250"))
SEED = int(os.environ.get("OMNIBIS_TEST_QUERIES_SEED", "1"))
MANY_ENOUGH = 1000  # for each root field to have been asked for something that there is
SCHEMA = build_schema()._schema
ROOTS = sorted(SCHEMA.query_type.fields)  # type: ignore[union-attr]
# Signing out ends the one session that the demonstration's nobody has: each next request waits.
MUTATIONS = sorted(set(SCHEMA.mutation_type.fields) - {"login", "logout"})  # type: ignore[union-attr]
SCALARS: dict[str, Any] = {
    "BigInt": st.integers(-(2**63), 2**63 - 1).map(nodes.Int),
    "DateTime": st.datetimes().map(lambda moment: nodes.String(moment.isoformat() + "Z")),
    "_Any": st.just(nodes.Object([])),
}
PATIENT: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.generate],
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
SEEN: Counter[str] = Counter()
SAID: Counter[str] = Counter()
REACHED: set[str] = set()
VERBOSE = bool(os.environ.get("OMNIBIS_TEST_QUERIES_TOLD"))

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def documents() -> tuple[list[DocumentNode], list[DocumentNode]]:
    """All of them, made before anything else runs: hypothesis minds threads that draw lots."""
    return (
        _documents(queries, ROOTS, MANY),
        _documents(mutations, MUTATIONS, max(20, MANY // 5)),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(documents: Any) -> AsyncIterator[House]:
    del documents
    async with open_house(limits={"refusal_seconds": 0.0}) as opened:
        yield opened
    if SEEN:
        for message, times in SAID.most_common(60):
            print(times, message)  # noqa: T201
        print("\nanswers by code:", dict(sorted(SEEN.items())))  # noqa: T201 - with `pytest -s`
        print("fields that gave a value:", len(REACHED), "of", len(_fields()))  # noqa: T201
        if VERBOSE:
            print("never:", *sorted(_fields() - REACHED))  # noqa: T201


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(house: House) -> Reality:
    return await reality(house)


def _fields() -> set[str]:
    """All fields of the objects of the schema."""
    return {
        f"{each.name}.{name}"
        for each in SCHEMA.type_map.values()
        if isinstance(each, GraphQLObjectType) and not each.name.startswith("__")
        for name in each.fields
    }


def _documents(make: Callable[..., Any], roots: list[str], many: int) -> list[DocumentNode]:
    """Make documents, half of them of one root field."""
    made: list[DocumentNode] = []

    def of(fields: tuple[str, ...]) -> Any:
        return make(SCHEMA, fields=fields, custom_scalars=SCALARS, print_ast=lambda node: node)

    one = st.sampled_from([(root,) for root in roots]).flatmap(of)

    @seed(SEED)
    @settings(max_examples=many, **PATIENT)
    @given(st.one_of(of(tuple(roots)), one))
    def collect(document: DocumentNode) -> None:
        made.append(document)

    collect()
    return made


def _reached(selections: SelectionSetNode, value: Any, kind: Any) -> Iterator[str]:
    """The fields of a selection that have a value."""
    if isinstance(value, list):
        for each in value:
            yield from _reached(selections, each, kind)
        return
    if value is None:
        return
    kind = SCHEMA.type_map.get(value.get("__typename"), kind)
    for selection in selections.selections:
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            if condition is None or condition.name.value == kind.name:
                yield from _reached(selection.selection_set, value, kind)
        elif isinstance(selection, FieldNode):
            name = selection.name.value
            inner = value.get((selection.alias or selection.name).value)
            if inner is None or name not in kind.fields:
                continue
            yield f"{kind.name}.{name}"
            if selection.selection_set:
                target = get_named_type(kind.fields[name].type)
                yield from _reached(selection.selection_set, inner, target)


def check(answer: Any, status: int, sent: Any) -> None:
    """Hold one answer to what is promised of all."""
    assert status < 500, (status, sent, answer)
    assert answer.get("data") is not None or answer.get("errors"), (sent, answer)
    for error in answer.get("errors", ()):
        code = error["extensions"]["code"]
        SEEN[code] += 1
        if VERBOSE:
            SAID[f"{code} {error['message'][:110]} {(error.get('path') or [''])[0]}"] += 1
        assert code in set(ErrorCode), (sent, error)
        assert code != "INTERNAL", (sent, error)
        assert error["message"]
    if "errors" not in answer:
        SEEN["OK"] += 1


async def run(house: House, there: Reality, document: DocumentNode, chance: random.Random) -> None:
    types = TypeInfo(SCHEMA)
    strange, made_up = chance.choice(((0.0, 0.0), (0.0, 0.1), (0.1, 0.05), (0.4, 0.2)))
    apart = chance.choice((0.0, 0.0, 0.5))
    more = chance.choice((0.0, 0.5))
    meant = Meant(types, there, chance, strange=strange, made_up=made_up, apart=apart, more=more)
    document = visit(document, TypeInfoVisitor(types, meant))
    sent = {"query": print_ast(document), "variables": meant.variables}
    headers = {"content-type": "application/json"}
    response = await house.client.post("/graphql", content=json.dumps(sent), headers=headers)
    answer = response.json()
    check(answer, response.status_code, sent)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    root = SCHEMA.get_root_type(operation.operation)
    REACHED.update(_reached(operation.selection_set, answer.get("data"), root))


async def run_all(house: House, there: Reality, documents: list[DocumentNode]) -> None:
    """Run all, and tell of all that went wrong."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    broken = []
    for document in documents:
        try:
            await run(house, there, document, chance)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest is run, too
            broken.append(f"{type(error).__name__}: {error}"[:3000])
    assert not broken, f"{len(broken)} of {len(documents)}:\n" + "\n\n".join(broken[:20])


async def test_whatever_is_asked_is_answered_as_promised(
    house: House, there: Reality, documents: tuple[list[DocumentNode], list[DocumentNode]]
) -> None:
    asked, _ = documents
    assert len(asked) >= MANY
    await run_all(house, there, asked)
    missing = {f"Query.{name}" for name in ROOTS} - REACHED
    assert not missing or len(asked) < MANY_ENOUGH, "each root field gave an answer"


async def test_whatever_is_changed_is_answered_as_promised(
    house: House, there: Reality, documents: tuple[list[DocumentNode], list[DocumentNode]]
) -> None:
    _, asked = documents
    await run_all(house, there, asked)
