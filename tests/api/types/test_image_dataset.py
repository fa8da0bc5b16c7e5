from __future__ import annotations

from typing import Any

import pytest

from backends.demo import irregularities
from backends.demo.studies import hcc, rup2
from resolvers.paging import encode_id
from tests.atlas import Atlas, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = """
  id omeroId name description createdAt
  keyValues { key value namespace annotationId }
  tags { omeroId value namespace description }
  owner { omeroId userName firstName lastName institution }
  group { omeroId name description }
"""


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def plain(atlas: Atlas, entity: str, number: int) -> dict[str, Any]:
    row = atlas.rows(entity)[number]
    return {
        "id": encode_id(f"Image{entity}", number),
        "omeroId": number,
        "name": row["name"],
        "description": row["description"],
        "createdAt": atlas.created(row),
        "keyValues": atlas.key_values(entity, number),
        "tags": atlas.tags(entity, number),
        "owner": atlas.owner(row),
        "group": atlas.group(row),
    }


async def test_every_field_of_every_image_dataset(open_door: House, atlas: Atlas) -> None:
    data = await open_door.data(f"""{{ imageDatasets(first: 500, orderBy: ID) {{ edges {{ node {{
        {FIELDS} imageCount imageProjects {{ omeroId name }}
        images(first: 2) {{ totalCount edges {{ node {{ omeroId name }} }} }}
        sample {{ code }} link {{ openbisPermId }}
    }} }} }} }}""")
    found = nodes(data["imageDatasets"])
    assert [each["omeroId"] for each in found] == sorted(atlas.rows("Dataset"))
    project_of = {
        dataset: project for project, within in atlas.datasets_in.items() for dataset in within
    }
    for each in found:
        number = each["omeroId"]
        images = sorted(atlas.images_in[number])
        project = project_of[number]
        sample = atlas.sample_of_dataset.get(number)
        assert each.pop("imageCount") == len(images)
        assert each.pop("imageProjects") == [
            {"omeroId": project, "name": atlas.rows("Project")[project]["name"]}
        ]
        page = each.pop("images")
        assert page["totalCount"] == len(images)
        assert [image["omeroId"] for image in nodes(page)] == images[:2]
        assert each.pop("sample") == (sample and {"code": sample.code})
        assert each.pop("link") == (sample and {"openbisPermId": sample.perm_id})
        assert each == plain(atlas, "Dataset", number)


async def test_every_field_of_every_image_project(open_door: House, atlas: Atlas) -> None:
    data = await open_door.data(f"""{{ imageProjects(orderBy: ID) {{ edges {{ node {{
        {FIELDS} imageDatasetCount
        imageDatasets(first: 2) {{ totalCount edges {{ node {{ name }} }} }}
        images(first: 1) {{ totalCount }} project {{ code }}
    }} }} }} }}""")
    found = nodes(data["imageProjects"])
    assert [each["omeroId"] for each in found] == sorted(atlas.rows("Project"))
    for each in found:
        number = each["omeroId"]
        within = atlas.datasets_in[number]
        names = sorted(atlas.rows("Dataset")[dataset]["name"] for dataset in within)
        assert each.pop("imageDatasetCount") == len(within)
        page = each.pop("imageDatasets")
        assert page["totalCount"] == len(within)
        assert [dataset["name"] for dataset in nodes(page)] == names[:2]
        images = {image for dataset in within for image in atlas.images_in[dataset]}
        assert each.pop("images") == {"totalCount": len(images)}
        assert each.pop("project") == {"code": each["name"]}
        assert each == plain(atlas, "Project", number)


@pytest.mark.parametrize("entity", ["Dataset", "Project"])
async def test_by_each_of_its_names(open_door: House, atlas: Atlas, entity: str) -> None:
    number = max(atlas.rows(entity))
    query = f"""query ($n: BigInt!, $id: ID!) {{
        a: image{entity}(omeroId: $n) {{ {FIELDS} }}
        b: image{entity}(id: $id) {{ {FIELDS} }}
        c: node(id: $id) {{ ... on Image{entity} {{ {FIELDS} }} }}
    }}"""
    data = await open_door.data(query, n=number, id=encode_id(f"Image{entity}", number))
    assert data["a"] == data["b"] == data["c"] == plain(atlas, entity, number)


async def test_name_sakes_are_two_and_one_is_linked(open_door: House, atlas: Atlas) -> None:
    name = irregularities.DATASET_WITH_DUPLICATE_NAME
    query = """query ($n: String!) { imageDatasets(where: {name: {eq: $n}}) {
        totalCount edges { node {
        omeroId sample { code } imageCount } } } }"""
    found = (await open_door.data(query, n=name))["imageDatasets"]
    assert found["totalCount"] == 2
    linked = {each["omeroId"]: each["sample"] for each in nodes(found)}
    assert sorted(linked.values(), key=bool) == [None, {"code": name}]
    (number,) = [each for each, sample in linked.items() if sample]
    assert number == atlas.dataset_of_sample[atlas.sample(name).perm_id]


async def test_images_of_datasets_are_filtered_and_sorted_in_one_go(
    open_door: House, atlas: Atlas
) -> None:
    query = """query ($p: BigInt!) { imageProject(omeroId: $p) {
        imageDatasets(first: 40) { edges { node { omeroId
        good: images(first: 3, where: {tag: {eq: "QC passed"}}, orderBy: NAME_DESC) {
          totalCount edges { node { omeroId name } } }
        all: images(last: 2) { totalCount edges { node { omeroId } } pageInfo { hasPreviousPage } }
    } } } } }"""
    found = await open_door.data(query, p=atlas.image_project(rup2.PROJECT))
    for each in nodes(found["imageProject"]["imageDatasets"]):
        images = sorted(atlas.images_in[each["omeroId"]])
        good = [
            image
            for image in images
            if any(tag["value"] == "QC passed" for tag in atlas.tags("Image", image))
        ]
        names = sorted((atlas.rows("Image")[image]["name"] for image in good), reverse=True)
        assert each["good"]["totalCount"] == len(good)
        assert [image["name"] for image in nodes(each["good"])] == names[:3]
        assert each["all"]["totalCount"] == len(images)
        assert [image["omeroId"] for image in nodes(each["all"])] == images[-2:]
        assert each["all"]["pageInfo"]["hasPreviousPage"] is (len(images) > 2)


async def test_the_dataset_that_was_deleted_is_not_found(open_door: House, atlas: Atlas) -> None:
    gone = atlas.dataset_of_sample[atlas.sample(irregularities.LEAF_WITH_DELETED_DATASET).perm_id]
    answer = await open_door.ask(f"{{ imageDataset(omeroId: {gone}) {{ name }} }}")
    assert answer["data"] == {"imageDataset": None}
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["source"]) == ("NOT_FOUND", "OMERO")


async def test_owners_differ_where_people_share_a_study(open_door: House, atlas: Atlas) -> None:
    query = """query ($p: BigInt!) { imageProject(omeroId: $p) { images(first: 500) { edges { node {
        owner { userName } group { name } } } } } }"""
    data = await open_door.data(query, p=atlas.image_project(hcc.PROJECT))
    rows = nodes(data["imageProject"]["images"])
    assert {row["owner"]["userName"] for row in rows} == {"oncology", "microscopy"}
    assert {row["group"]["name"] for row in rows} == {"hepatology"}
