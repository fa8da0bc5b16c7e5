"""The built-in studies behind the embedded openBIS: rights, lineage, modes, at their real size."""

from __future__ import annotations

from typing import Any

import pytest

from backends.demo.openbis.references import Mode
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.demo.world import World
from tests.backends.demo.openbis.installation import (
    FETCH,
    PROPERTIES,
    Client,
    by,
    criteria,
    resolved,
    samples,
)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def of_project(code: str) -> dict[str, Any]:
    project = criteria("project.Project", by("Code", code))
    return samples(criteria("experiment.Experiment", project))


@pytest.mark.parametrize(
    ("user", "projects"),
    [
        ("plant", {"QRUP2"}),
        ("oncology", {"QCLIN", "QHCC0"}),
        ("genomics", {"QCLIN", "QHCC0"}),
    ],
)
async def test_persons_find_the_projects_and_samples_of_their_spaces(
    world: World, user: str, projects: set[str]
) -> None:
    client = await Client(create_openbis_server(world.openbis)).login(user)
    assert set(await client.codes("Projects", criteria("project.Project"))) == projects
    spaces = {each.space for each in world.openbis.projects if each.code in projects}
    expected = sorted(each.code for each in world.openbis.samples if each.space in spaces)
    assert await client.codes("Samples", samples()) == expected


async def test_who_may_only_log_in_is_refused(world: World) -> None:
    client = await Client(create_openbis_server(world.openbis)).login("microscopy")
    fetch = FETCH["Samples"]()
    said = await client.error("searchSamples", client.token, samples(), fetch)
    assert "No role assignments" in said


async def test_the_lineage_of_a_whole_project_in_one_call(world: World) -> None:
    client = await Client(create_openbis_server(world.openbis)).login("steward")
    fetch = FETCH["Samples"](**{"@id": 1, "properties": PROPERTIES, "parents": 1})
    found = resolved(await client.search("Samples", of_project("QRUP2"), fetch))
    rows = {each.perm_id: each for each in world.openbis.samples}
    pending = list(found["objects"])
    seen = 0
    while pending:
        sample = pending.pop()
        row = rows[sample["permId"]["permId"]]
        assert sorted(each["permId"]["permId"] for each in sample["parents"]) == sorted(row.parents)
        assert sample["properties"] == row.properties
        pending.extend(sample["parents"])
        seen += 1
    assert seen > found["totalCount"] > 0


@pytest.mark.parametrize("mode", ["server", "adversarial"])
async def test_a_rich_page_says_the_same_in_every_mode(world: World, mode: Mode) -> None:
    answers = []
    for references in (mode, "none"):
        app = create_openbis_server(world.openbis, references=references)
        client = await Client(app).login("steward")
        fetch = FETCH["Samples"](
            count=100,
            sort={"sortings": [{"field": "PERM_ID", "order": {"asc": True}}]},
            type=FETCH["SampleTypes"](),
            properties=PROPERTIES,
            parents=FETCH["Samples"](type=FETCH["SampleTypes"](), properties=PROPERTIES),
            dataSets=FETCH["DataSets"](type=FETCH["DataSetTypes"](), sample=FETCH["Samples"]()),
        )
        answers.append(resolved(await client.search("Samples", of_project("QCLIN"), fetch)))
    assert answers[0] == answers[1]
    assert len(answers[0]["objects"]) == 100


async def test_parents_and_children_at_every_depth_stay_finite(world: World) -> None:
    client = await Client(create_openbis_server(world.openbis)).login("steward")
    fetch = FETCH["Samples"](**{"@id": 1, "parents": 1, "children": 1})
    found = await client.search("Samples", of_project("QRUP2"), fetch)
    assert found["totalCount"] == len(found["objects"])
