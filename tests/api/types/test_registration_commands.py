"""Registering, changing and deleting over GraphQL, with the embedded backends' users and rights."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import House

CREATE = """
mutation ($input: CreateProjectInput!, $key: String, $dry: Boolean! = false, $wait: Float! = 20) {
  createProject(input: $input, idempotencyKey: $key, dryRun: $dry, wait: $wait) {
    project { permId identifier description imageProject { omeroId name } link { state evidence } }
    operation { id state title key steps { name title attempts finishedAt } error { code } left
                progress { message } cancellable project { code } imageProject { name } }
    userErrors { code message source }
  }
}
"""
PROJECT = """
query ($p: String!) { project(identifier: $p) {
  permId description imageProject { omeroId description } link { state }
} }
"""
UPDATE = """
mutation ($p: String!, $text: String!, $dry: Boolean! = false) {
  updateProject(project: $p, description: $text, dryRun: $dry) {
    project { description imageProject { description } }
    operation { state imageProject { description } }
    userErrors { code message }
  }
}
"""
DELETE = """
mutation ($p: String!, $policy: DeletionPolicy! = RESTRICT, $confirm: String) {
  deleteProject(project: $p, policy: $policy, confirm: $confirm) {
    deletedPermId operation { id state steps { name } } userErrors { code message }
  }
}
"""
STATE = "query ($id: ID!) { operation(id: $id) { state steps { name } error { message } left } }"
DELETE_SAMPLE = """
mutation ($s: String!, $policy: DeletionPolicy! = RESTRICT, $confirm: String) {
  deleteSample(sample: $s, policy: $policy, confirm: $confirm) {
    deletedPermId operation { state } userErrors { code message }
  }
}
"""
UPDATE_SAMPLE = """
mutation ($s: String!, $input: UpdateSampleInput!) {
  updateSample(sample: $s, input: $input) {
    sample { properties { code value } parents { code } imageDataset { name description } }
    operation { state } userErrors { code message }
  }
}
"""
LINKED = "/CLINICAL/QCLIN"
WITH_IMAGES = """
{ samples(first: 200, where: {type: {eq: "Q_BIOLOGICAL_SAMPLE"}}) { edges { node {
    identifier code children { code } omicsDatasets { permId }
    properties { code value }
    imageDataset { omeroId description images(first: 1) { totalCount } }
} } } }
"""


async def create(house: House, code: str, token: str | None = None, **more: Any) -> Any:
    variables = {key: more.pop(key) for key in ("key", "dry", "wait") if key in more}
    given = {"space": "CLINICAL", "code": code, "imageGroup": 4, **more}
    answer = await house.data(CREATE, token, input=given, **variables)
    return answer["createProject"]


async def image_sample(house: House, *, leaf: bool) -> Any:
    found = (await house.data(WITH_IMAGES))["samples"]["edges"]
    return next(
        edge["node"]
        for edge in found
        if edge["node"]["imageDataset"]
        and edge["node"]["imageDataset"]["images"]["totalCount"]
        and bool(edge["node"]["children"]) is not leaf
    )


async def test_a_project_is_registered_in_both_systems_and_linked(house: House) -> None:
    made = await create(house, "qnew1", description="New words")
    assert made["userErrors"] == []
    project = made["project"]
    assert project["identifier"] == "/CLINICAL/QNEW1"
    assert project["imageProject"]["name"] == "QNEW1"
    assert project["link"] == {"state": "ACTIVE", "evidence": "REGISTERED"}
    operation = made["operation"]
    assert (operation["state"], operation["cancellable"]) == ("SUCCEEDED", False)
    assert operation["project"]["code"] == "QNEW1"
    assert [step["name"] for step in operation["steps"]] == ["openbis", "omero", "link"]
    assert all(step["attempts"] == 1 and step["finishedAt"] for step in operation["steps"])


async def test_without_imaging_omero_is_not_touched(house: House) -> None:
    made = await create(house, "QNEW2", imaging=False)
    assert made["project"]["imageProject"] is None
    assert [step["name"] for step in made["operation"]["steps"]] == ["openbis"]
    await house.switch("omero", state="off")
    made = await create(house, "QNEW3", imaging=False)
    assert made["operation"]["state"] == "SUCCEEDED"


async def test_a_dry_run_tells_and_does_nothing(house: House) -> None:
    tried = await create(house, "QNEW4", dry=True)
    assert tried == {"project": None, "operation": None, "userErrors": []}
    (error,) = (await create(house, "QCLIN", dry=True))["userErrors"]
    assert error["code"] == "BAD_USER_INPUT"
    assert "/CLINICAL/QCLIN" in error["message"]
    assert (await house.data("{ operations { totalCount } }"))["operations"]["totalCount"] == 0
    assert (await create(house, "QNEW4"))["operation"]["state"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ({"code": "Q NEW"}, "BAD_USER_INPUT", "letters"),
        ({"code": ""}, "BAD_USER_INPUT", "letters"),
        ({"space": "NOWHERE"}, "FORBIDDEN", "space"),
        ({"space": "a/b"}, "BAD_USER_INPUT", "space"),
        ({"description": "x" * 10_001}, "BAD_USER_INPUT", "10000"),
        ({"imageGroup": 999}, "BAD_USER_INPUT", "imageGroup"),
        ({"imageGroup": 1}, "BAD_USER_INPUT", "imageGroup"),
    ],
)
async def test_what_cannot_be_is_told_before_anything_is_written(
    house: House, given: Any, code: str, told: str
) -> None:
    made = await create(house, **{"code": "QNEW5", **given})
    (error,) = made["userErrors"]
    assert (error["code"], made["operation"]) == (code, None)
    assert told in error["message"]


async def test_who_may_not_in_one_system_writes_in_none(house: House) -> None:
    token = await house.login("oncology")  # a user of the space, who may not create projects
    made = await create(house, "QNEW6", token)
    assert [error["code"] for error in made["userErrors"]] == ["FORBIDDEN"]
    assert made["userErrors"][0]["source"] == "OPENBIS"
    found = await house.data('{ imageProjects(where: {name: {eq: "QNEW6"}}) { totalCount } }')
    assert found["imageProjects"]["totalCount"] == 0


async def test_the_same_key_is_the_same_request(house: House) -> None:
    first = await create(house, "QNEW7", key="my key")
    again = await create(house, "QNEW7", key="my key")
    assert again["operation"]["id"] == first["operation"]["id"]
    assert again["project"] == first["project"]
    (error,) = (await create(house, "QNEW8", key="my key"))["userErrors"]
    assert "idempotency key" in error["message"]
    (error,) = (await create(house, "QNEW7"))["userErrors"]
    assert "already" in error["message"]
    for key in ("", "\n", "x" * 201):
        (error,) = (await create(house, "QNEW9", key=key))["userErrors"]
        assert "idempotency key" in error["message"]


async def test_a_description_changes_at_both_ends_where_they_agree(house: House) -> None:
    await create(house, "QNEW1", description="Old")
    dry = await house.data(UPDATE, p="/CLINICAL/QNEW1", text="New", dry=True)
    assert dry["updateProject"] == {"project": None, "operation": None, "userErrors": []}
    payload = (await house.data(UPDATE, p="QNEW1", text="New"))["updateProject"]
    assert payload["project"] == {"description": "New", "imageProject": {"description": "New"}}
    payload = (await house.data(UPDATE, p="QNEW1", text=""))["updateProject"]
    assert payload["operation"]["state"] == "SUCCEEDED"
    assert not payload["project"]["description"]
    assert not payload["project"]["imageProject"]["description"]
    payload = (await house.data(UPDATE, p="QNEW1", text="Again"))["updateProject"]
    # An empty text mirrors nothing: the OMERO end is left to itself from there on.
    assert not payload["project"]["imageProject"]["description"]
    token = await house.login("oncology")
    payload = (await house.data(UPDATE, token, p=LINKED, text="x"))["updateProject"]
    assert [error["code"] for error in payload["userErrors"]] == ["FORBIDDEN"]


async def test_a_sample_changes_and_its_dataset_follows(house: House) -> None:
    sample = await image_sample(house, leaf=False)
    name = next(
        (each["value"] for each in sample["properties"] if each["code"] == "Q_SECONDARY_NAME"), None
    )
    assert name == sample["imageDataset"]["description"]
    changes = {"properties": [{"code": "q_secondary_name", "value": "Another"}]}
    payload = (await house.data(UPDATE_SAMPLE, s=sample["identifier"], input=changes))[
        "updateSample"
    ]
    assert payload["userErrors"] == []
    values = {each["code"]: each["value"] for each in payload["sample"]["properties"]}
    assert values["Q_SECONDARY_NAME"] == "Another"
    assert payload["sample"]["imageDataset"]["description"] == "Another"
    assert payload["sample"]["imageDataset"]["name"] == sample["code"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "what is to be different"),
        ({"properties": [{"code": "NO_SUCH", "value": "x"}]}, "no property NO_SUCH"),
        ({"properties": [{"code": "Q_PRIMARY_TISSUE", "value": "MOON"}]}, "Q_PRIMARY_TISSUES"),
        ({"addParents": ["/CLINICAL/NOBODY"]}, "no such sample"),
    ],
)
async def test_what_a_sample_cannot_be_is_told(house: House, changes: Any, told: str) -> None:
    sample = await image_sample(house, leaf=False)
    payload = (await house.data(UPDATE_SAMPLE, s=sample["identifier"], input=changes))[
        "updateSample"
    ]
    (error,) = payload["userErrors"]
    assert told in error["message"]
    assert payload["operation"] is None


async def test_a_project_with_anything_in_it_is_not_deleted_by_the_way(house: House) -> None:
    (error,) = (await house.data(DELETE, p=LINKED))["deleteProject"]["userErrors"]
    for word in ("samples", "omics datasets", "image datasets", "images", "CASCADE"):
        assert word in error["message"]
    assert any(character.isdigit() for character in error["message"])
    (error,) = (await house.data(DELETE, p=LINKED, policy="CASCADE", confirm="qclin"))[
        "deleteProject"
    ]["userErrors"]
    assert "QCLIN" in error["message"]
    (error,) = (await house.data(DELETE, p=LINKED, policy="UNLINK"))["deleteProject"]["userErrors"]
    assert "images" not in error["message"]
    assert (await house.data(PROJECT, p=LINKED))["project"]["link"]["state"] == "ACTIVE"


async def test_an_empty_project_goes_at_both_ends(house: House) -> None:
    made = (await create(house, "QNEW1"))["project"]
    payload = (await house.data(DELETE, p="QNEW1"))["deleteProject"]
    assert payload["userErrors"] == []
    assert payload["deletedPermId"] == made["permId"]
    found = await house.ask(PROJECT, p="/CLINICAL/QNEW1")
    assert found["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    images = await house.data('{ imageProjects(where: {name: {eq: "QNEW1"}}) { totalCount } }')
    assert images["imageProjects"]["totalCount"] == 0
    assert (await create(house, "QNEW1"))["operation"]["state"] == "SUCCEEDED", "the code is free"


async def test_unlinking_leaves_the_images_where_they_are(house: House) -> None:
    made = (await create(house, "QNEW1"))["project"]
    await house.data(DELETE, p="QNEW1", policy="UNLINK")
    images = await house.data('{ imageProjects(where: {name: {eq: "QNEW1"}}) { totalCount } }')
    assert images["imageProjects"]["totalCount"] == 1
    link = await house.built.parts.services.links.project_links([made["permId"]])
    assert link == {}


async def test_a_whole_study_is_deleted_when_its_code_is_typed_again(house: House) -> None:
    payload = (await house.data(DELETE, p=LINKED, policy="CASCADE", confirm="QCLIN"))[
        "deleteProject"
    ]
    id_ = payload["operation"]["id"]
    told = payload["operation"]
    async with asyncio.timeout(120):  # thousands of images take a while on a busy machine
        while told["state"] == "RUNNING":
            await asyncio.sleep(0.1)
            told = (await house.data(STATE, id=id_))["operation"]
    assert told["state"] == "SUCCEEDED", told
    assert [step["name"] for step in told["steps"]] == ["trash", "purge", "omero", "link"]
    left = await house.data(
        '{ samples(where: {code: {startsWith: "QCLIN"}}) { totalCount }'
        ' imageProjects(where: {name: {eq: "QCLIN"}}) { totalCount }'
        ' imageDatasets(where: {name: {startsWith: "QCLIN"}}) { totalCount } }'
    )
    assert {name: page["totalCount"] for name, page in left.items()} == dict.fromkeys(left, 0)


async def test_a_sample_with_images_goes_only_when_its_code_is_typed(house: House) -> None:
    sample = await image_sample(house, leaf=True)
    images = sample["imageDataset"]["images"]["totalCount"]
    (error,) = (await house.data(DELETE_SAMPLE, s=sample["identifier"]))["deleteSample"][
        "userErrors"
    ]
    assert f"{images} images" in error["message"]
    assert "UNLINK" in error["message"]
    payload = (
        await house.data(
            DELETE_SAMPLE, s=sample["identifier"], policy="CASCADE", confirm=sample["code"]
        )
    )["deleteSample"]
    assert payload["operation"]["state"] == "SUCCEEDED"
    left = await house.data(
        "query ($n: String!) { imageDatasets(where: {name: {eq: $n}}) { totalCount } }",
        n=sample["code"],
    )
    assert left["imageDatasets"]["totalCount"] == 0


async def test_a_sample_that_others_derive_from_stays(house: House) -> None:
    sample = await image_sample(house, leaf=False)
    payload = await house.data(
        DELETE_SAMPLE, s=sample["identifier"], policy="CASCADE", confirm=sample["code"]
    )
    (error,) = payload["deleteSample"]["userErrors"]
    assert f"{len(sample['children'])} samples derive" in error["message"]
