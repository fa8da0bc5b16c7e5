"""Spaces, projects and experiments written by pybis: create, update, move, delete."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import Installation, connect, records, saved

PERM_ID = re.compile("[0-9]{17}-[0-9]+")
_numbers = count(1)


@pytest.fixture
def space(w: Openbis) -> Any:
    return saved(w.new_space(code=f"SPACE_{next(_numbers)}", description="for one test"))


@pytest.fixture
def project(w: Openbis, space: Any) -> Any:
    return saved(w.new_project(space, f"PROJECT_{next(_numbers)}", "for one test"))


def test_a_new_space(w: Openbis, writing: Installation) -> None:
    made = saved(w.new_space(code="NEW_SPACE", description="made here"))
    assert (made.code, made.permId, made.description) == ("NEW_SPACE", "NEW_SPACE", "made here")
    assert made.registrator == "admin"
    other = connect(writing, "steward")
    found = records(other.get_spaces())["NEW_SPACE"]
    assert (found["description"], found["registrator"]) == ("made here", "admin")
    made.description = "renamed"
    made.save()
    assert other.get_space("NEW_SPACE").description == "renamed"
    made.delete("no longer needed")
    other.clear_cache()
    with pytest.raises(ValueError, match="No such space: NEW_SPACE"):
        other.get_space("NEW_SPACE")


def test_a_space_exists_once(w: Openbis, space: Any) -> None:
    with pytest.raises(ValueError, match="already exists"):
        w.new_space(code=space.code).save()


def test_a_space_with_content_is_kept(w: Openbis, space: Any, project: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the database's words, which differ by version
        space.delete("too early")
    assert w.get_space(space.code, use_cache=False).code == space.code
    project.delete("first")
    space.delete("then")
    with pytest.raises(ValueError, match="No such space"):
        w.get_space(space.code, use_cache=False)


def test_a_new_project(w: Openbis, space: Any) -> None:
    made = saved(w.new_project(space=space.code, code="made", description="first words"))
    assert made.code == "MADE"  # openBIS keeps codes in upper case
    assert made.identifier == f"/{space.code}/MADE"
    assert PERM_ID.fullmatch(made.permId)
    assert (made.description, made.registrator) == ("first words", "admin")
    made.description = "second words"
    made.save()
    again = w.get_project(made.identifier, use_cache=False)
    assert (again.permId, again.description) == (made.permId, "second words")
    assert list(space.get_projects().df["identifier"]) == [made.identifier]
    made.delete("no longer needed")
    with pytest.raises(ValueError, match="No such project"):
        w.get_project(made.identifier, use_cache=False)


@pytest.mark.parametrize("code", ["il legal", "umläut", "a/b", "a:b"])
def test_illegal_codes_of_projects(w: Openbis, space: Any, code: str) -> None:
    with pytest.raises(ValueError, match="contains illegal characters"):
        w.new_project(space=space.code, code=code).save()
    assert len(space.get_projects()) == 0


def test_a_project_moves_to_another_space(w: Openbis, project: Any) -> None:
    other = saved(w.new_space(code=f"SPACE_{next(_numbers)}"))
    experiment = saved(w.new_experiment("UNKNOWN", "INSIDE", project))
    before = project.identifier
    project.space = other.code
    project.save()
    moved = w.get_project(project.permId, use_cache=False)
    assert moved.identifier == f"/{other.code}/{project.code}"
    with pytest.raises(ValueError, match="No such project"):
        w.get_project(before, use_cache=False)
    again = w.get_experiment(experiment.permId, use_cache=False)
    assert again.identifier == f"{moved.identifier}/INSIDE"


def test_a_new_experiment(w: Openbis, project: Any) -> None:
    made = saved(
        w.new_experiment(
            type="Q_EXPERIMENTAL_DESIGN",
            project=project.identifier,
            code="design",
            props={"q_secondary_name": "first", "q_current_status": "started"},
        )
    )
    assert made.identifier == f"{project.identifier}/DESIGN"
    assert PERM_ID.fullmatch(made.permId)
    assert (made.type.code, made.registrator, made.modifier) == (
        "Q_EXPERIMENTAL_DESIGN",
        "admin",
        "admin",
    )
    assert made.props.all_nonempty() == {"q_secondary_name": "first", "q_current_status": "STARTED"}
    made.props.q_secondary_name = "second"
    made.props["q_current_status"] = None
    made.save()
    again = w.get_experiment(made.permId, use_cache=False)
    assert again.props.all_nonempty() == {"q_secondary_name": "second"}
    assert w.get_experiments(where={"Q_SECONDARY_NAME": "second"}).totalCount == 1
    assert w.get_experiments(where={"Q_SECONDARY_NAME": "first"}).totalCount == 0


def test_values_outside_the_vocabulary_stay_with_pybis(w: Openbis, project: Any) -> None:
    with pytest.raises(ValueError, match="must be one of these terms"):
        w.new_experiment("Q_EXPERIMENTAL_DESIGN", "X", project, props={"q_current_status": "ODD"})
    with pytest.raises(KeyError, match="No such property"):
        w.new_experiment("UNKNOWN", "X", project, props={"q_current_status": "STARTED"})


def test_an_experiment_exists_once(w: Openbis, project: Any) -> None:
    w.new_experiment("UNKNOWN", "TWICE", project).save()
    with pytest.raises(ValueError, match="already exists"):
        w.new_experiment("UNKNOWN", "TWICE", project).save()


def test_an_experiment_moves_to_another_project(w: Openbis, space: Any, project: Any) -> None:
    other = saved(w.new_project(space, f"PROJECT_{next(_numbers)}"))
    experiment = saved(w.new_experiment("UNKNOWN", "MOVING", project))
    experiment.project = other.identifier
    experiment.save()
    assert w.get_experiment(experiment.permId, use_cache=False).project.code == other.code
    assert w.get_experiments(project=project.identifier).totalCount == 0


def test_pages_of_new_experiments(w: Openbis, project: Any) -> None:
    for number in range(7):
        w.new_experiment("UNKNOWN", f"PAGED_{number}", project).save()
    pages = [
        w.get_experiments(project=project.identifier, start_with=at, count=3) for at in (0, 3, 6)
    ]
    assert [page.totalCount for page in pages] == [7, 7, 7]
    assert [len(page) for page in pages] == [3, 3, 1]
    codes = {identifier for page in pages for identifier in page.df["identifier"]}
    assert codes == {f"{project.identifier}/PAGED_{number}" for number in range(7)}


def test_what_the_embedded_server_cannot_do_is_said(
    w: Openbis, space: Any, project: Any, tmp_path: Path
) -> None:
    """Better than to lose it in silence; a real server can do both."""
    refused = "neither freezes entities nor keeps attachments"
    file = tmp_path / "protocol.txt"
    file.write_text("one, two, three")
    project.add_attachment(str(file))  # with a new entity pybis itself would lose it
    with pytest.raises(ValueError, match=refused):
        project.save()
    frozen = w.get_space(space.code, use_cache=False)
    frozen.freeze = True
    with pytest.raises(ValueError, match=refused):
        frozen.save()
