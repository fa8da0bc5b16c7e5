from __future__ import annotations

from pathlib import Path

import pytest
from graphql import parse, validate

from api.explorer import questions
from api.explorer.questions import AUDIENCES, FOLDER, load_questions, saved_question
from api.schema import build_schema


def test_every_file_is_a_question_and_every_kind_of_user_has_some() -> None:
    found = load_questions()
    assert {each.name for each in found} == {path.stem for path in FOLDER.glob("*.graphql")}
    assert {each.audience for each in found} == set(AUDIENCES)
    assert len({each.title for each in found}) == len(found)
    for each in found:
        assert each.explanation.endswith("."), each.name
        assert not each.query.startswith("#"), each.name


def test_all_fit_the_schema() -> None:
    schema = build_schema()._schema
    for each in load_questions():
        assert validate(schema, parse(each.query)) == [], each.name


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        saved_question("nothing")


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { user } }",
        "# title: T\n# for: Nobody\n# about: A.\n{ viewer { user } }",
        "# title: T\n# for: Scientist\n{ viewer { user } }",
    ],
)
def test_a_file_without_its_head_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "headless.graphql"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"headless\.graphql"):
        questions._read(path)
