from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from backends.demo import irregularities
from tests.house import README_QUERY, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

USERS = ("steward", "plant", "oncology", "genomics", "microscopy")
SEES_SAMPLES = {
    "QRUP2": {"steward", "plant"},
    "QCLIN": {"steward", "oncology", "genomics"},
    "QHCC0": {"steward", "oncology", "genomics"},
}
SEES_IMAGES = {
    "QRUP2": {"steward", "plant", "microscopy"},
    "QCLIN": {"steward", "oncology", "microscopy"},
    "QHCC0": {"steward", "oncology", "microscopy"},
}


def nodes(connection: Any) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


def world_samples(house: House, project: str, type_: str) -> dict[str, Any]:
    """The samples of a project, by code, straight from the seeded model."""
    content = house.world.openbis
    (perm_id,) = [each.perm_id for each in content.projects if each.code == project]
    within = {each.perm_id for each in content.experiments if each.project == perm_id}
    return {
        sample.code: sample
        for sample in content.samples
        if sample.experiment in within and sample.type == type_
    }


def images_by_dataset(house: House) -> Counter[int]:
    return Counter(row["parent"] for row in house.world.omero.rows["DatasetImageLink"])


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("project", SEES_SAMPLES)
async def test_the_federated_query_gives_what_each_user_may_see(
    open_door: House, user: str, project: str
) -> None:
    token = await open_door.login(user)
    answer = await open_door.ask(
        README_QUERY, token, project=project, first=390, type="Q_BIOLOGICAL_SAMPLE"
    )
    if user not in SEES_SAMPLES[project]:
        assert answer["data"] == {"project": None}
        assert answer["errors"][0]["extensions"]["code"] in {"NOT_FOUND", "FORBIDDEN"}
        return
    assert "errors" not in answer
    expected = world_samples(open_door, project, "Q_BIOLOGICAL_SAMPLE")
    samples = answer["data"]["project"]["samples"]
    assert samples["totalCount"] == len(expected)
    assert [node["code"] for node in nodes(samples)] == sorted(expected)[:390]
    linked = {link.perm_id: link.omero_id for link in open_door.world.sample_links}
    sizes = images_by_dataset(open_door)
    codes = {sample.perm_id: sample.code for sample in open_door.world.openbis.samples}
    for node in nodes(samples):
        sample = expected[node["code"]]
        assert {each["code"]: each["value"] for each in node["properties"]} == sample.properties
        assert [each["code"] for each in node["ancestors"]] == [codes[up] for up in sample.parents]
        imaging = node["imaging"]
        if sample.perm_id not in linked:
            assert imaging == {"status": "NOT_LINKED", "dataset": None}
        elif user not in SEES_IMAGES[project]:
            assert imaging == {"status": "NOT_PERMITTED", "dataset": None}
        elif node["code"] == irregularities.LEAF_WITH_DELETED_DATASET:
            # Only the steward can tell; once the steward has seen it, it is noted for all.
            allowed = {"GONE"} if user == "steward" else {"NOT_PERMITTED", "GONE"}
            assert imaging["status"] in allowed
            assert imaging["dataset"] is None
        else:
            assert imaging["status"] == "LINKED"
            images = imaging["dataset"]["images"]
            assert images["totalCount"] == sizes[linked[sample.perm_id]]
            assert len(images["edges"]) == min(20, images["totalCount"])


@pytest.mark.parametrize("user", USERS)
async def test_images_lead_back_only_to_samples_that_may_be_seen(
    open_door: House, user: str
) -> None:
    token = await open_door.login(user)
    query = """query ($after: String) { images(first: 500, after: $after, orderBy: NAME) {
        totalCount pageInfo { hasNextPage endCursor }
        edges { node { omeroId dataset { name } sample { code project { code } } } }
    } }"""
    found: list[Any] = []
    after = None
    while True:
        page = (await open_door.data(query, token, after=after))["images"]
        found += nodes(page)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len({node["omeroId"] for node in found}) == len(found) == page["totalCount"]
    seen = {project for project, users in SEES_IMAGES.items() if user in users}
    assert {node["dataset"]["name"][:5] for node in found if node["dataset"]} == seen
    projects = {node["sample"]["project"]["code"] for node in found if node["sample"]}
    assert projects == {project for project in seen if user in SEES_SAMPLES[project]}


@pytest.mark.parametrize("user", USERS)
async def test_totals_count_only_what_may_be_seen(open_door: House, user: str) -> None:
    token = await open_door.login(user)
    answer = await open_door.ask("{ projects { edges { node { code } } totalCount } }", token)
    if user == "microscopy":  # no role in openBIS at all
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        return
    projects = answer["data"]["projects"]
    studies = {node["code"] for node in nodes(projects)} - {"DEFAULT"}
    assert studies == {project for project, users in SEES_SAMPLES.items() if user in users}
    assert projects["totalCount"] == len(nodes(projects))


async def test_one_viewer_never_gets_what_was_remembered_of_another(open_door: House) -> None:
    query = "{ viewer { user openbis { userId } omero { userName isAdmin } } }"
    for user in (*USERS, *USERS):
        viewer = (await open_door.data(query, await open_door.login(user)))["viewer"]
        assert viewer == {
            "user": user,
            "openbis": {"userId": user},
            "omero": {"userName": user, "isAdmin": user == "steward"},
        }


async def test_a_node_id_of_another_user_opens_nothing(open_door: House) -> None:
    steward = await open_door.login("steward")
    query = """{ project(identifier: "QCLIN") { id imageProject { id } link { id }
        samples(first: 1, where: {type: {eq: "Q_BIOLOGICAL_SAMPLE"}}) { edges { node {
            id link { id } imageDataset { id images(first: 1) { edges { node { id } } } }
    } } } } }"""
    project = (await open_door.data(query, steward))["project"]
    (sample,) = nodes(project["samples"])
    (image,) = nodes(sample["imageDataset"]["images"])
    ids = [
        project["id"],
        project["imageProject"]["id"],
        project["link"]["id"],
        sample["id"],
        sample["link"]["id"],
        sample["imageDataset"]["id"],
        image["id"],
    ]
    read = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"
    assert [node["id"] for node in (await open_door.data(read, steward, ids=ids))["nodes"]] == ids
    answer = await open_door.ask(read, await open_door.login("plant"), ids=ids)
    assert answer["data"]["nodes"] == [None] * len(ids)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"NOT_FOUND"}


async def test_a_viewer_with_one_session_sees_that_side_only(open_door: House) -> None:
    login = """mutation { login(openbis: {username: "oncology", password: "demo"}) {
        token openbis omero } }"""
    opened = (await open_door.data(login))["login"]
    assert (opened["openbis"], opened["omero"]) == (True, False)
    answer = await open_door.ask(
        README_QUERY, opened["token"], project="QCLIN", first=3, type="Q_BIOLOGICAL_SAMPLE"
    )
    samples = nodes(answer["data"]["project"]["samples"])
    assert [node["imaging"]["status"] for node in samples] == ["UNAVAILABLE"] * 3
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["extensions"]["source"] == "OMERO"
