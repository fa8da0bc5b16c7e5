from __future__ import annotations

from typing import Any

import pytest

from backends.demo import irregularities
from backends.demo.studies import hcc, rup2, synthetic
from resolvers.paging import encode_id
from tests.atlas import IMAGE_FIELDS, Atlas, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def comparable(image: dict[str, Any]) -> dict[str, Any]:
    """Pairs keep their order within one annotation; annotations and tags have none to keep."""
    return {
        **image,
        "keyValues": sorted(image["keyValues"], key=lambda pair: pair["annotationId"]),
        "tags": sorted(image["tags"], key=lambda tag: tag["omeroId"]),
    }


def images_of(atlas: Atlas, project: str) -> list[int]:
    within = atlas.datasets_in[atlas.image_project(project)]
    return sorted({image for dataset in within for image in atlas.images_in[dataset]})


@pytest.mark.parametrize("project", [rup2.PROJECT, hcc.PROJECT, synthetic.PROJECT])
async def test_every_field_of_the_images_of_a_study(
    open_door: House, atlas: Atlas, project: str
) -> None:
    query = f"""query ($p: BigInt!, $after: String) {{ imageProject(omeroId: $p) {{
        images(first: 250, after: $after) {{ totalCount edges {{ node {{ id {IMAGE_FIELDS} }} }} }}
    }} }}"""
    images = (await open_door.data(query, p=atlas.image_project(project)))["imageProject"]["images"]
    known = images_of(atlas, project)
    assert images["totalCount"] == len(known)
    for node, number in zip(nodes(images), known, strict=False):
        assert node.pop("id") == encode_id("Image", number)
        assert comparable(node) == comparable(atlas.image(number))
    assert len(nodes(images)) == min(250, len(known))


async def test_an_image_without_pixels_has_all_the_rest(open_door: House, atlas: Atlas) -> None:
    (number,) = [
        row["id"]
        for row in atlas.rows("Image").values()
        if row["name"] == irregularities.IMAGE_WITHOUT_PIXELS
    ]
    query = f"query ($i: BigInt!) {{ image(omeroId: $i) {{ {IMAGE_FIELDS} sample {{ code }} }} }}"
    found = (await open_door.data(query, i=number))["image"]
    sample = found.pop("sample")
    assert comparable(found) == comparable(atlas.image(number))
    assert found["sizeX"] is found["pixelSize"] is found["pixelType"] is None
    assert found["channels"] == []
    assert found["roiCount"] == 0
    assert sample["code"] == irregularities.IMAGE_WITHOUT_PIXELS.split("_")[0]


async def test_a_scan_without_a_date_has_none(open_door: House, atlas: Atlas) -> None:
    entity = atlas.sample(f"{synthetic.PROJECT}ENTITY-{irregularities.CT_WITHOUT_DATE_PATIENT}")
    abdomen = atlas.children[entity.perm_id][0]
    (number,) = atlas.images_in[atlas.dataset_of_sample[abdomen.perm_id]]
    query = """query ($i: BigInt!) { image(omeroId: $i) {
        acquiredAt importedAt name sample { code } subject { code } } }"""
    found = (await open_door.data(query, i=number))["image"]
    assert found["acquiredAt"] is None
    assert found["importedAt"] == atlas.image(number)["importedAt"]
    assert found["sample"] == {"code": abdomen.code}
    assert found["subject"] == {"code": entity.code}


async def test_an_image_in_two_datasets_names_both(open_door: House, atlas: Atlas) -> None:
    (number,) = [image for image, datasets in atlas.datasets_of.items() if len(datasets) > 1]
    query = """query ($i: BigInt!) { image(omeroId: $i) {
        datasets { omeroId name } dataset { omeroId } sample { code } subject { code } } }"""
    found = (await open_door.data(query, i=number))["image"]
    datasets = {each["omeroId"]: each["name"] for each in found["datasets"]}
    assert datasets == {
        each: atlas.rows("Dataset")[each]["name"] for each in atlas.datasets_of[number]
    }
    chosen = found["dataset"]["omeroId"]
    assert found["sample"] == {"code": atlas.sample_of_dataset[chosen].code}
    patient = f"{hcc.PROJECT}ENTITY-{irregularities.PATIENT_WITH_SHARED_IMAGE}"
    assert found["subject"] == {"code": patient}


async def test_key_values_are_chosen_by_namespace(open_door: House, atlas: Atlas) -> None:
    number = images_of(atlas, synthetic.PROJECT)[0]
    query = """query ($i: BigInt!, $n: String) { image(omeroId: $i) {
        some: keyValues(namespace: $n) { key value }
        none: keyValues(namespace: "no/such") { key }
        all: keyValues { key }
    } }"""
    every = atlas.key_values("Image", number)
    for namespace in {pair["namespace"] for pair in every}:
        found = (await open_door.data(query, i=number, n=namespace))["image"]
        assert found["some"] == [
            {"key": pair["key"], "value": pair["value"]}
            for pair in every
            if pair["namespace"] == namespace
        ]
        assert found["none"] == []
        assert len(found["all"]) == len(every)


async def test_addresses(open_door: House, atlas: Atlas) -> None:
    number = images_of(atlas, rup2.PROJECT)[0]
    query = """query ($i: BigInt!, $size: Int!) { image(omeroId: $i) {
        thumbnailUrl large: thumbnailUrl(size: $size) viewerUrl iviewerUrl downloadUrl } }"""
    found = (await open_door.data(query, i=number, size=512))["image"]
    assert found == {
        "thumbnailUrl": f"/images/{number}/thumbnail?size=96",
        "large": f"/images/{number}/thumbnail?size=512",
        "viewerUrl": None,
        "iviewerUrl": None,
        "downloadUrl": None,
    }
    answer = await open_door.ask(query, i=number, size=513)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "between 16 and 512" in error["message"]


async def test_unlinked_images_have_no_sample(open_door: House, atlas: Atlas) -> None:
    linked = set(atlas.sample_of_dataset)
    stray = next(
        image for image, datasets in sorted(atlas.datasets_of.items()) if not linked & set(datasets)
    )
    query = """query ($i: BigInt!) { image(omeroId: $i) {
        dataset { name } sample { code } subject { code } } }"""
    found = (await open_door.data(query, i=stray))["image"]
    assert found["sample"] is found["subject"] is None
    assert found["dataset"]["name"] == atlas.rows("Dataset")[atlas.datasets_of[stray][0]]["name"]
