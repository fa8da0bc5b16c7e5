"""What a plan does, on a schema small enough to see it: when it is made, used, and given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, parse

from api.edges import LATER, Answer, Ask, Batched, alone, batched
from api.execution import Shelves, execute, plain
from api.execution.regions import Region
from backends.errors import Source, Unavailable


@dataclass
class Row:
    name: Any
    friend_name: str = "none"
    known: str | None = None


@dataclass
class Here:
    """The context: what was asked in one call, and what fails."""

    rows: list[Row]
    asked: list[list[str]] = field(default_factory=list)
    paths: list[Any] = field(default_factory=list)
    fails: bool = False


async def friends(rows: Sequence[Row], ask: Ask, greeting: str = "hi") -> Sequence[Any]:
    context: Any = ask.context
    context.asked.append([row.friend_name for row in rows])
    context.paths += [ask.path(row) for row in range(len(rows))]
    await asyncio.sleep(0)
    if context.fails:
        raise Unavailable(Source.OMERO, "Nobody is at home.")
    return [
        ValueError("no friends")
        if row.friend_name == "none"
        else Row(f"{greeting} {row.friend_name}")
        for row in rows
    ]


def known(_ask: Ask) -> Answer:
    return lambda row: LATER if row.known is None else row.known


async def find(rows: Sequence[Row], _ask: Ask) -> Sequence[Any]:
    return [f"found {row.name}" for row in rows]


FRIEND = Batched(friends)
KNOWN = Batched(find, known)


@batched(FRIEND)
async def resolve_friend(
    root: strawberry.Parent[Row], info: strawberry.Info, greeting: str = "hi"
) -> Thing | None:
    return await alone(FRIEND, root, info, greeting=greeting)


@batched(KNOWN)
async def resolve_known(root: strawberry.Parent[Row], info: strawberry.Info) -> str:
    return await alone(KNOWN, root, info)


def resolve_loud(root: strawberry.Parent[Row], times: int = 1) -> str:
    return root.name.upper() + "!" * times


async def resolve_path(info: strawberry.Info) -> str:
    await asyncio.sleep(0)
    return "/".join(map(str, info.path.as_list()))


@strawberry.type
class Thing:
    name: str
    loud: str = strawberry.field(resolver=resolve_loud)
    friend: Thing | None = strawberry.field(resolver=resolve_friend)
    known: str = strawberry.field(resolver=resolve_known)
    path: str = strawberry.field(resolver=resolve_path)


@strawberry.type
class Query:
    @strawberry.field
    def things(self, info: strawberry.Info) -> list[Thing]:
        return info.context.rows

    @strawberry.field
    def maybe(self, info: strawberry.Info) -> list[Thing | None]:
        return info.context.rows


GRAPHQL = strawberry.Schema(Query)._schema


async def run(
    query: str, here: Here, shelves: Shelves | None = None, **variables: Any
) -> ExecutionResult:
    result: Any = execute(
        GRAPHQL,
        parse(query),
        Shelves(eager=True) if shelves is None else shelves,
        context=here,
        variables=variables,
    )
    result = await result if isawaitable(result) else result
    return ExecutionResult(plain(result.data), result.errors)


def rows(*names: str) -> Here:
    return Here([Row(name, f"friend of {name}") for name in names])


async def test_a_page_is_one_call_and_its_paths_are_told() -> None:
    here = rows("a", "b")
    result = await run('{ things { name: loud(times: 2) friend(greeting: "ho") { name } } }', here)
    assert result.errors is None
    assert result.data == {
        "things": [
            {"name": "A!!", "friend": {"name": "ho friend of a"}},
            {"name": "B!!", "friend": {"name": "ho friend of b"}},
        ]
    }
    assert here.asked == [["friend of a", "friend of b"]]
    assert here.paths == [["things", 0, "friend"], ["things", 1, "friend"]]


async def test_edges_below_edges_are_one_call_each() -> None:
    here = rows("a", "b", "c")
    here.rows[2].friend_name = "none"
    result = await run("{ things { friend { friend { name } name } } }", here)
    assert [len(each) for each in here.asked] == [3, 2]
    assert result.data["things"][2]["friend"] is None
    assert [error.path for error in result.errors] == [
        ["things", 2, "friend"],
        ["things", 0, "friend", "friend"],
        ["things", 1, "friend", "friend"],
    ]


async def test_a_failing_call_is_an_error_at_each_place() -> None:
    here = rows("a", "b")
    here.fails = True
    result = await run("{ things { name friend { name } } }", here)
    assert result.data == {"things": [{"name": "a", "friend": None}, {"name": "b", "friend": None}]}
    assert [error.path for error in result.errors] == [
        ["things", 0, "friend"],
        ["things", 1, "friend"],
    ]
    assert all(isinstance(error.original_error, Unavailable) for error in result.errors)
    assert len(here.asked) == 1


async def test_rows_that_are_ready_do_not_wait() -> None:
    here = rows("a", "b")
    here.rows[0].known = "known"
    result = await run("{ things { known path } }", here)
    assert result.data == {
        "things": [
            {"known": "known", "path": "things/0/path"},
            {"known": "found b", "path": "things/1/path"},
        ]
    }


async def test_a_null_where_none_may_be_climbs() -> None:
    here = rows("a", "b")
    here.rows[1].name = None
    result = await run("{ maybe { name friend { name } } }", here)
    assert result.data == {"maybe": [{"name": "a", "friend": {"name": "hi friend of a"}}, None]}
    (error,) = result.errors
    assert error.message == "Cannot return null for non-nullable field Thing.name."
    assert error.path == ["maybe", 1, "name"]
    result = await run("{ things { name } }", here)
    assert result.data is None


async def test_a_late_null_where_none_may_be_climbs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(given: Sequence[Row], _ask: Ask) -> Sequence[Any]:
        return [None if row.name == "b" else "x" for row in given]

    monkeypatch.setattr(KNOWN, "many", nothing)
    result = await run("{ maybe { name known } }", rows("a", "b", "c"))
    assert result.data == {
        "maybe": [{"name": "a", "known": "x"}, None, {"name": "c", "known": "x"}]
    }
    assert [error.path for error in result.errors] == [["maybe", 1, "known"]]
    result = await run("{ things { known } }", rows("a", "b"))
    assert result.data is None
    assert [error.path for error in result.errors] == [["things", 1, "known"]]


async def test_an_odd_batch_is_asked_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    async def odd(given: Sequence[Row], _ask: Ask) -> Sequence[Any]:
        if len(given) > 1:
            raise KeyError("some bug")
        return ["alone"]

    monkeypatch.setattr(KNOWN, "many", odd)
    result = await run("{ things { known } }", rows("a", "b"))
    assert result.data == {"things": [{"known": "alone"}, {"known": "alone"}]}


async def test_plans_are_made_at_the_second_request_or_for_long_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[int] = []
    original = Region.build

    def build(self: Region, value: Any) -> Any:
        built.append(len(value) if isinstance(value, list) else 1)
        return original(self, value)

    monkeypatch.setattr(Region, "build", build)
    shelves, document = Shelves(), parse("{ things { name } }")

    async def ask(count: int) -> None:
        execute(GRAPHQL, document, shelves, context=rows(*"x" * count))

    await ask(3)
    assert built == []
    await ask(3)
    assert built == [3]
    shelves, document = Shelves(), parse("{ things { name } }")
    await ask(40)
    assert built == [3, 40]


async def test_switches_have_plans_of_their_own_and_all_is_bounded() -> None:
    query = "query ($on: Boolean!) { things { name loud @include(if: $on) } }"
    shelves, document = Shelves(capacity=3, eager=True), parse(query)
    for on in (True, False, True):
        result: Any = execute(GRAPHQL, document, shelves, context=rows("a"), variables={"on": on})
        assert ("loud" in plain(result.data)["things"][0]) is on
    assert len(shelves) == 2
    for number in range(9):
        await run(f"{{ things {{ a{number}: name }} }}", rows("a"), shelves)
    assert len(shelves) == 3


async def test_names_from_a_client_are_no_code() -> None:
    result = await run("{ things { __import__: name class: loud } }", rows("a"))
    assert result.data == {"things": [{"__import__": "a", "class": "A!"}]}
