"""The saved questions as consumers: each is asked as its user would, and must answer as promised.

The files themselves ship with the explorer (`api/explorer/questions`). A question whose answer
loses what its reader came for fails here, whatever the schema says.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.explorer.questions import Question, load_questions
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


def leaves(value: Any) -> int:
    """How many values other than null an answer holds."""
    if isinstance(value, dict):
        return sum(leaves(each) for each in value.values())
    if isinstance(value, list):
        return sum(leaves(each) for each in value)
    return int(value is not None)


@pytest.mark.parametrize("question", load_questions(), ids=lambda each: each.name)
async def test_it_is_answered_whole(open_door: House, question: Question) -> None:
    variables = json.loads(question.variables) if question.variables else {}
    answer = await open_door.ask(question.query, **variables)
    assert "errors" not in answer, answer["errors"]
    assert leaves(answer["data"]) >= 3
    assert "UNAVAILABLE" not in answer["extensions"]["sources"].values()


@pytest.mark.parametrize("user", ["plant", "oncology", "genomics", "microscopy"])
async def test_who_sees_less_gets_a_listed_error_and_never_a_fault(
    open_door: House, user: str
) -> None:
    token = await open_door.login(user)
    for question in load_questions():
        variables = json.loads(question.variables) if question.variables else {}
        answer = await open_door.ask(question.query, token, **variables)
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes <= {"NOT_FOUND", "FORBIDDEN", "UNAUTHENTICATED"}, (question.name, codes)
