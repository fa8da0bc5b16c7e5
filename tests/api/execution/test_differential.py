"""Operations by plan and by graphql-core alone, over the same odd records: the same answers.

`OMNIBIS_TEST_OPERATIONS` says how many; the README's figure is 5,000, CI does fewer.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import replace
from inspect import isawaitable
from typing import Any

import orjson
import pytest
from graphql import (
    DirectiveNode,
    ExecutionResult,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    NameNode,
    Visitor,
    experimental_execute_incrementally,
    parse,
    validate,
    visit,
)
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api import execution
from api.execution import Shelves
from api.increments import parts
from api.schema import build_schema
from resolvers.paging import encode_id
from tests.increments import merged
from tests.odd_world import OddWorld
from tests.operations import Operation, Operations

OPERATIONS = int(os.environ.get("OMNIBIS_TEST_OPERATIONS", "800"))
PARTS = 8
SCHEMA = build_schema()._schema
ROOTS = [
    "project", "projects", "experiment", "experiments", "sample", "samples", "omicsDataset",
    "omicsDatasets", "imageProject", "imageProjects", "imageDataset", "imageDatasets", "image",
    "images", "node", "nodes", "types",
]  # fmt: skip
NODES = ["Project", "Experiment", "Sample", "OmicsDataset", "ImageProject", "ImageDataset", "Image"]


def literal(  # noqa: PLR0911 - a table
    chance: random.Random, place: str, argument: str
) -> str | None:
    """Return a value for an argument, or None to leave it out."""
    if argument == "first":
        return str(chance.randint(0, 9)) if chance.random() < 0.4 else None
    if argument == "id" and place != "Query.node":
        return None
    if argument in {"id", "ids"}:
        one = [encode_id(kind, chance.randint(1, 5)) for kind in chance.sample(NODES, 2)]
        return f'"{one[0]}"' if argument == "id" else f'["{one[0]}", "{one[1]}", "nonsense"]'
    if argument == "identifier":
        return '"/A/B"'
    if argument == "omeroId":
        return str(chance.randint(1, 5))
    if argument in {"code", "namespace", "type"}:
        return chance.choice(['"N"', '"Q_BIOLOGICAL_ENTITY"', '"namespace-1"'])
    if argument == "unit":
        return chance.choice(["MICROMETER", "PIXEL", "NANOMETER"])
    if argument == "size":
        return chance.choice(["96", "48", "5"])  # 5 is refused
    if argument == "signedIn":
        return chance.choice(["true", "false"])
    return None


MAKER = Operations(SCHEMA, ROOTS, literal)


async def plainly(operation: Operation, document: Any, world: OddWorld) -> ExecutionResult:
    result: Any = experimental_execute_incrementally(
        SCHEMA,
        document,
        context_value=world.context(),
        variable_values=operation.variables,
        executor_class=StrawberryGraphQLCoreExecutionContext,
        operation_extensions=None,
    )
    return await result if isawaitable(result) else result


async def planned(
    operation: Operation, document: Any, world: OddWorld, shelves: Shelves
) -> ExecutionResult:
    result: Any = execution.execute(
        SCHEMA,
        document,
        shelves,
        context=world.context(),
        variables=operation.variables,
        suggestions=True,
    )
    return await result if isawaitable(result) else result


def told(error: GraphQLError) -> tuple[Any, ...]:
    places = tuple((each.line, each.column) for each in error.locations or ())
    return (error.message, tuple(error.path or ()), places, type(error.original_error).__name__)


def nulled(error: GraphQLError, data: Any) -> tuple[str | int, ...]:
    """Return the place that an error has made null."""
    path: list[str | int] = []
    for key in error.path or ():
        if data is None:
            break
        data = data[key]
        path.append(key)
    return tuple(path)


def compare(operation: Operation, one: ExecutionResult, other: ExecutionResult) -> bool:
    """Assert that two results say the same; return whether their errors are equal to the letter.

    Where a place is null for several errors at once, GraphQL leaves open which of them is told.
    """
    assert repr(one.data) == repr(execution.plain(other.data)), operation
    assert orjson.loads(execution.encode(other.data)) == one.data, operation
    errors, others = one.errors or [], other.errors or []
    if Counter(map(told, errors)) == Counter(map(told, others)):
        return True
    places = {nulled(error, one.data) for error in errors}
    assert places == {nulled(error, one.data) for error in others}, (operation, errors, others)
    return False


# Where a null climbs, graphql-core alone cancels siblings that have not begun; plans do not.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", range(PARTS))
async def test_plans_answer_as_graphql_core_does(
    part: int, caplog: pytest.LogCaptureFixture
) -> None:
    shelves = Shelves(capacity=50, eager=True)
    exact = compared = failed = 0
    for seed in range(part, OPERATIONS, PARTS):
        operation = MAKER.make(seed)
        document = parse(operation.text)
        if validate(SCHEMA, document):
            continue  # two fields of one name that do not merge: one in many
        chance = random.Random(seed)  # noqa: S311 - dice
        odd = chance.choice([0.0, 0.003, 0.02, 0.1])
        world = OddWorld(seed, odd=odd, failing=chance.choice([0, 0, 0.15]))
        plain = await plainly(operation, document, world)
        plan = await planned(operation, document, world, shelves)
        exact += compare(operation, plain, plan)
        compared += 1
        failed += bool(plain.errors)
    assert compared > 0.8 * OPERATIONS / PARTS
    assert failed > 0.1 * compared
    assert exact > 0.97 * compared
    assert len(shelves) <= 50
    assert not caplog.records  # no plan was given up in the making


class Deferring(Visitor):
    """Puts `@defer` on some fragments."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)  # noqa: S311 - dice
        self.times = 0

    def leave(self, node: Any, *_args: Any) -> Any:
        if not isinstance(node, FragmentSpreadNode | InlineFragmentNode):
            return None
        if self._chance.random() < 0.6:
            return None
        self.times += 1
        defer = DirectiveNode(name=NameNode(value="defer"))
        return replace(node, directives=(*(node.directives or ()), defer))


async def whole(result: Any) -> tuple[Any, int]:
    """Return the answer put together, and how many errors there were in all its parts."""
    if isinstance(result, ExecutionResult):
        return execution.plain(result.data), len(result.errors or ())
    bodies = [
        execution.plain(body) async for body in parts(result, lambda error: {"is": str(error)})
    ]
    told = [*bodies, *(each for body in bodies for each in body.get("incremental", ()))]
    told += [each for body in bodies for each in body.get("completed", ())]
    return merged(bodies), sum(len(each.get("errors", ())) for each in told)


@pytest.mark.parametrize("part", range(2))
async def test_deferred_plans_answer_as_graphql_core_does(part: int) -> None:
    shelves = Shelves(eager=True)
    compared = 0
    for seed in range(part, OPERATIONS // 2, 2):
        operation = MAKER.make(seed)
        deferring = Deferring(seed)
        document = visit(parse(operation.text), deferring)
        if not deferring.times or validate(SCHEMA, document):
            continue
        world = OddWorld(seed, odd=0.0, failing=0)
        one = await whole(await plainly(operation, document, world))
        other = await whole(await planned(operation, document, world, shelves))
        assert one == other, operation
        compared += 1
    assert compared > 0.2 * OPERATIONS / 4


def test_all_is_repeatable() -> None:
    assert MAKER.make(3) == MAKER.make(3)
    world = OddWorld(3, odd=0.1, failing=0)
    assert asyncio.run(world.context().loaders.images.load(1)) is asyncio.run(
        world.context().loaders.images.load(1)
    )
