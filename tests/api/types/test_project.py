from __future__ import annotations

from typing import Any

import pytest

from backends.demo.studies import hcc, rup2, synthetic
from resolvers.paging import encode_id
from tests.atlas import Atlas, by_code, moment, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUDIES = (rup2.PROJECT, synthetic.PROJECT, hcc.PROJECT)
FIELDS = """
  id permId code identifier description space registeredAt modifiedAt
  registrator { userId firstName lastName } leader { userId firstName lastName }
"""


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def plain(atlas: Atlas, code: str) -> dict[str, Any]:
    project = atlas.project(code)
    return {
        "id": encode_id("Project", project.perm_id),
        "permId": project.perm_id,
        "code": code,
        "identifier": f"/{project.space}/{code}",
        "description": project.description,
        "space": project.space,
        "registeredAt": moment(project.registered),
        "modifiedAt": moment(project.modified),
        "registrator": atlas.person(project.registrator),
        "leader": atlas.person(project.leader),
    }


async def test_every_field_of_every_project(open_door: House, atlas: Atlas) -> None:
    found = nodes(
        (await open_door.data(f"{{ projects {{ edges {{ node {{ {FIELDS} }} }} }} }}"))["projects"]
    )
    assert found == [plain(atlas, each.code) for each in by_code(atlas.openbis.projects)]


@pytest.mark.parametrize("project", STUDIES)
async def test_a_project_by_each_of_its_names(open_door: House, atlas: Atlas, project: str) -> None:
    known = plain(atlas, project)
    for given in (
        {"identifier": known["identifier"]},
        {"identifier": project},
        {"identifier": project.lower()},
        {"identifier": known["permId"]},
        {"id": known["id"]},
    ):
        query = f"""query ($identifier: String, $id: ID) {{
            project(identifier: $identifier, id: $id) {{ {FIELDS} }} }}"""
        assert (await open_door.data(query, **given))["project"] == known


async def test_a_project_needs_exactly_one_name(open_door: House) -> None:
    for arguments in ("", '(identifier: "a", id: "b")'):
        answer = await open_door.ask(f"{{ project{arguments} {{ code }} }}")
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "exactly one of `identifier` or `id`" in error["message"]


@pytest.mark.parametrize("project", STUDIES)
async def test_statistics_count_what_is_there(open_door: House, atlas: Atlas, project: str) -> None:
    query = """query ($p: String!) { project(identifier: $p) { statistics {
        experiments samples subjects omicsDatasets imageDatasets images } } }"""
    samples = atlas.samples_of(project)
    datasets = atlas.datasets_in[atlas.image_project(project)]
    perm_id = atlas.project(project).perm_id
    assert (await open_door.data(query, p=project))["project"]["statistics"] == {
        "experiments": sum(each.project == perm_id for each in atlas.openbis.experiments),
        "samples": len(samples),
        "subjects": sum(each.type == "Q_BIOLOGICAL_ENTITY" for each in samples),
        "omicsDatasets": sum(len(atlas.data_sets[each.perm_id]) for each in samples),
        "imageDatasets": len(datasets),
        "images": len({image for each in datasets for image in atlas.images_in[each]}),
    }


async def test_statistics_ask_only_for_what_is_selected(open_door: House) -> None:
    query = 'query { project(identifier: "%s") { statistics { %s } } }'
    cost = {}
    for field in ("samples", "images", "samples subjects experiments omicsDatasets"):
        answer = await open_door.ask(query % (rup2.PROJECT, field))
        cost[field] = answer["extensions"]["cost"]["calls"]
    assert cost["samples"] == {"openbis": 2, "omero": 0, "linkStore": 0}
    assert cost["images"] == {"openbis": 1, "omero": 1, "linkStore": 1}
    # all counts of openBIS in one round trip
    assert cost["samples subjects experiments omicsDatasets"] == cost["samples"]


async def test_statistics_of_a_project_without_images(open_door: House, atlas: Atlas) -> None:
    linked = {each.perm_id for each in atlas.world.project_links}
    (bare,) = [each for each in atlas.openbis.projects if each.perm_id not in linked]
    query = """query ($p: String!) { project(identifier: $p) {
        imageProject { name } link { id } design { problem }
        statistics { imageDatasets images } } }"""
    assert (await open_door.data(query, p=bare.perm_id))["project"] == {
        "imageProject": None,
        "link": None,
        "design": None,
        "statistics": {"imageDatasets": 0, "images": 0},
    }


async def test_statistics_without_a_session_in_omero_are_unknown(open_door: House) -> None:
    login = 'mutation { login(openbis: {username: "plant", password: "demo"}) { token } }'
    token = (await open_door.data(login))["login"]["token"]
    query = """query ($p: String!) { project(identifier: $p) {
        statistics { samples images imageDatasets } } }"""
    answer = await open_door.ask(query, token, p=rup2.PROJECT)
    statistics = answer["data"]["project"]["statistics"]
    assert statistics["samples"] > 0
    assert statistics["images"] is statistics["imageDatasets"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["extensions"]["source"] == "OMERO"


@pytest.mark.parametrize("project", STUDIES)
async def test_the_image_project_and_back(open_door: House, atlas: Atlas, project: str) -> None:
    query = """query ($p: String!) { project(identifier: $p) {
        imageProject { id omeroId name imageDatasetCount project { code } link { id } }
        link { id omeroId openbisPermId } } }"""
    found = (await open_door.data(query, p=project))["project"]
    number = atlas.image_project(project)
    link = found["link"]
    assert link["omeroId"] == number
    assert link["openbisPermId"] == atlas.project(project).perm_id
    assert found["imageProject"] == {
        "id": encode_id("ImageProject", number),
        "omeroId": number,
        "name": project,
        "imageDatasetCount": len(atlas.datasets_in[number]),
        "project": {"code": project},
        "link": {"id": link["id"]},
    }


@pytest.mark.parametrize("project", STUDIES)
async def test_subjects_are_the_patients_plants_and_animals(
    open_door: House, atlas: Atlas, project: str
) -> None:
    query = """query ($p: String!) { project(identifier: $p) {
        subjects(first: 500, where: {code: {contains: "entity"}}) { totalCount edges { node {
            code subject { code } type { code } } } }
        none: subjects(where: {type: {eq: "Q_TEST_SAMPLE"}}) { totalCount }
    } }"""
    found = (await open_door.data(query, p=project))["project"]
    known = by_code(atlas.samples_of(project, "Q_BIOLOGICAL_ENTITY"))
    assert found["subjects"]["totalCount"] == len(known)
    assert [node["code"] for node in nodes(found["subjects"])] == [each.code for each in known]
    assert all(node["subject"]["code"] == node["code"] for node in nodes(found["subjects"]))
    assert found["none"]["totalCount"] == 0
