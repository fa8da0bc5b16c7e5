from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from api.reference import secret_variables, settings_table
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(language: str, beginning: str) -> str:
    """The first block of code in this language that begins so."""
    found = re.search(rf"```{language}\n({re.escape(beginning)}.*?)\n```", TEXT, re.DOTALL)
    assert found is not None
    return found.group(1)


async def test_the_query_gives_the_answer_that_is_printed(open_door: House) -> None:
    answer = await open_door.ask(block("graphql", "{"))
    printed = json.loads(block("json", "{"))
    assert answer["data"] == printed["data"]
    assert answer["extensions"]["sources"] == printed["extensions"]["sources"]
    for name, value in printed["extensions"]["cost"].items():
        assert answer["extensions"]["cost"][name] == value


async def test_the_login_that_is_printed_gives_a_token(open_door: House) -> None:
    mutation = block("graphql", "mutation").partition("#")[0]
    assert (await open_door.data(mutation))["login"]["token"]


async def test_every_setting_is_in_the_table() -> None:
    assert settings_table() in TEXT, "paste what `omnibis settings` prints into the README"
    for variable in secret_variables():
        assert f"`{variable}`" in TEXT.partition("by `…_FILE`")[0]


async def test_files_that_are_named_are_there() -> None:
    house = Path(__file__).parents[1]
    named = re.findall(r"`((?:api|resolvers|link_store|backends|tests|benchmarks)/[\w./]*)`", TEXT)
    named += re.findall(r"\]\(([\w./]+)\)", TEXT)
    assert len(named) > 10
    assert [name for name in named if not (house / name).exists()] == []
