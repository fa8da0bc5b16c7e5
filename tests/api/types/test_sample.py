from __future__ import annotations

from typing import Any

import pytest

from backends.demo import irregularities
from backends.demo.studies import hcc, rup2, synthetic
from backends.demo.world import Sample
from resolvers.paging import encode_id
from tests.atlas import Atlas, by_code, moment, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

STUDIES = (rup2.PROJECT, synthetic.PROJECT, hcc.PROJECT)
FIELDS = """
  id permId code identifier registeredAt modifiedAt space
  registrator { userId firstName lastName }
  type { code }
  properties { code value values }
  project { code permId }
  experiment { code permId }
  parents { code type { code } }
  children { code type { code } }
  omicsDatasets { permId }
"""


def plain(atlas: Atlas, sample: Sample) -> dict[str, Any]:
    project = atlas.project_of(sample)
    experiment = atlas.experiments[sample.experiment] if sample.experiment else None
    return {
        "id": encode_id("Sample", sample.perm_id),
        "permId": sample.perm_id,
        "code": sample.code,
        "identifier": f"/{sample.space}/{sample.code}",
        "registeredAt": moment(sample.registered),
        "modifiedAt": moment(sample.modified),
        "space": sample.space,
        "registrator": atlas.person(sample.registrator),
        "type": {"code": sample.type},
        "properties": {code: [value] for code, value in sample.properties.items()},
        "project": project and {"code": project.code, "permId": project.perm_id},
        "experiment": experiment and {"code": experiment.code, "permId": experiment.perm_id},
        "parents": {atlas.samples[up].code: atlas.samples[up].type for up in sample.parents},
        "children": {each.code: each.type for each in atlas.children[sample.perm_id]},
        "omicsDatasets": {each.code for each in atlas.data_sets[sample.perm_id]},
    }


def unordered(node: dict[str, Any]) -> dict[str, Any]:
    assert all(each["value"] == each["values"][0] for each in node["properties"])
    return {
        **node,
        "properties": {each["code"]: each["values"] for each in node["properties"]},
        "parents": {each["code"]: each["type"]["code"] for each in node["parents"]},
        "children": {each["code"]: each["type"]["code"] for each in node["children"]},
        "omicsDatasets": {each["permId"] for each in node["omicsDatasets"]},
    }


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


async def test_every_field_of_every_sample(open_door: House, atlas: Atlas) -> None:
    query = f"""query ($after: String) {{ samples(first: 500, after: $after) {{
        totalCount pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {FIELDS} }} }} }} }}"""
    found: list[Any] = []
    after = None
    while True:
        page = (await open_door.data(query, after=after))["samples"]
        found += nodes(page)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    expected = [plain(atlas, sample) for sample in by_code(atlas.openbis.samples)]
    assert page["totalCount"] == len(expected)
    for node, known in zip(found, expected, strict=True):
        assert unordered(node) == known


@pytest.mark.parametrize("project", STUDIES)
async def test_one_sample_by_each_of_its_names(
    open_door: House, atlas: Atlas, project: str
) -> None:
    sample = atlas.samples_of(project)[-1]
    query = f"""query ($identifier: String!, $permId: String!, $id: ID!) {{
        a: sample(identifier: $identifier) {{ {FIELDS} }}
        b: sample(identifier: $permId) {{ {FIELDS} }}
        c: sample(id: $id) {{ {FIELDS} }}
        d: node(id: $id) {{ ... on Sample {{ {FIELDS} }} }}
    }}"""
    known = plain(atlas, sample)
    data = await open_door.data(
        query, identifier=known["identifier"], permId=sample.perm_id, id=known["id"]
    )
    for node in data.values():
        assert unordered(node) == known


async def test_one_property_by_its_code_in_any_case(open_door: House, atlas: Atlas) -> None:
    sample = atlas.samples_of(synthetic.PROJECT, "Q_BIOLOGICAL_ENTITY")[0]
    query = """query ($i: String!) { sample(identifier: $i) {
        age: property(code: "q_age_at_diagnosis") { code value number dataType }
        gender: property(code: "Q_GENDER") { value term { code } }
        none: property(code: "Q_NO_SUCH_THING") { value }
    } }"""
    found = (await open_door.data(query, i=sample.perm_id))["sample"]
    age = sample.properties["Q_AGE_AT_DIAGNOSIS"]
    gender = sample.properties["Q_GENDER"]
    assert found["age"]["code"] == "Q_AGE_AT_DIAGNOSIS"
    assert found["age"]["value"] == age
    assert found["age"]["number"] == (
        float(age) if found["age"]["dataType"] in {"INTEGER", "REAL"} else None
    )
    assert found["gender"] == {"value": gender, "term": {"code": gender}}
    assert found["none"] is None


@pytest.mark.parametrize("project", STUDIES)
async def test_the_whole_lineage_of_each_sample_of_a_study(
    open_door: House, atlas: Atlas, project: str
) -> None:
    query = """query ($p: String!) { project(identifier: $p) { samples(first: 500) { edges { node {
        code
        subject { code }
        ancestors { code }
        tissues: ancestors(type: "Q_BIOLOGICAL_SAMPLE") { code }
        descendants { code }
        runs: descendants(type: "Q_NGS_SINGLE_SAMPLE_RUN") { code }
    } } } } }"""
    found = nodes((await open_door.data(query, p=project))["project"]["samples"])
    known = by_code(atlas.samples_of(project))[:500]
    assert [node["code"] for node in found] == [sample.code for sample in known]
    for node, sample in zip(found, known, strict=True):
        above, below = atlas.above(sample), atlas.below(sample)
        assert {each["code"] for each in node["ancestors"]} == {each.code for each in above}
        assert len(node["ancestors"]) == len(above)
        assert {each["code"] for each in node["descendants"]} == {each.code for each in below}
        assert len(node["descendants"]) == len(below)
        assert {each["code"] for each in node["tissues"]} == {
            each.code for each in above if each.type == "Q_BIOLOGICAL_SAMPLE"
        }
        assert {each["code"] for each in node["runs"]} == {
            each.code for each in below if each.type == "Q_NGS_SINGLE_SAMPLE_RUN"
        }
        (subject,) = [each.code for each in (sample, *above) if each.type == "Q_BIOLOGICAL_ENTITY"]
        assert node["subject"] == {"code": subject}


async def test_relatives_have_fields_of_their_own_at_any_depth(
    open_door: House, atlas: Atlas
) -> None:
    run = atlas.samples_of(synthetic.PROJECT, "Q_NGS_SINGLE_SAMPLE_RUN")[3]
    query = """query ($i: String!) { sample(identifier: $i) {
        parents { code properties { code value } parents { code type { code } } }
        ancestors {
          code registeredAt project { code } experiment { code }
          parents { code } children { code } ancestors { code } omicsDatasets { permId }
        }
        omicsDatasets { sample { code parents { code parents { code } } } experiment { code } }
    } }"""
    found = (await open_door.data(query, i=run.perm_id))["sample"]
    (extract,) = [atlas.samples[up] for up in run.parents]
    (parent,) = found["parents"]
    assert parent["code"] == extract.code
    assert {each["code"]: each["value"] for each in parent["properties"]} == extract.properties
    assert [each["code"] for each in parent["parents"]] == [
        atlas.samples[up].code for up in extract.parents
    ]
    above = {each.code: each for each in atlas.above(run)}
    assert {each["code"] for each in found["ancestors"]} == set(above)
    for each in found["ancestors"]:
        known = above[each["code"]]
        assert each["registeredAt"] == moment(known.registered)
        assert each["project"] == {"code": synthetic.PROJECT}
        assert each["experiment"] == {"code": atlas.experiments[known.experiment or ""].code}
        assert [up["code"] for up in each["parents"]] == [
            atlas.samples[up].code for up in known.parents
        ]
        assert {down["code"] for down in each["children"]} == {
            down.code for down in atlas.children[known.perm_id]
        }
        assert {up["code"] for up in each["ancestors"]} == {up.code for up in atlas.above(known)}
        assert each["omicsDatasets"] == []
    (data_set,) = found["omicsDatasets"]
    assert data_set["sample"]["code"] == run.code
    assert data_set["sample"]["parents"][0]["code"] == extract.code
    assert data_set["experiment"] == {"code": atlas.experiments[run.experiment or ""].code}


async def test_omics_datasets_of_a_sample_are_filtered(open_door: House, atlas: Atlas) -> None:
    run = atlas.samples_of(synthetic.PROJECT, "Q_NGS_SINGLE_SAMPLE_RUN")[0]
    (known,) = [each.code for each in atlas.data_sets[run.perm_id]]
    query = """query ($i: String!) { sample(identifier: $i) {
        reads: omicsDatasets(where: {type: {eq: "Q_NGS_RAW_DATA"}}) { permId }
        links: omicsDatasets(where: {kind: LINK}) { permId }
    } }"""
    found = (await open_door.data(query, i=run.perm_id))["sample"]
    assert found == {"reads": [{"permId": known}], "links": []}


@pytest.mark.parametrize("project", STUDIES)
async def test_images_are_reached_in_three_ways_that_agree(
    open_door: House, atlas: Atlas, project: str
) -> None:
    query = """query ($p: String!) { project(identifier: $p) {
      samples(first: 60, where: {type: {eq: "Q_BIOLOGICAL_SAMPLE"}}) { edges { node {
        code
        imaging { status link { omeroId state } dataset { omeroId name } }
        imageDataset { omeroId imageCount }
        images(first: 100) { totalCount edges { node { omeroId } } }
        link { omeroId openbisPermId state evidence revision createdBy }
      } } } } }"""
    found = nodes((await open_door.data(query, p=project))["project"]["samples"])
    for node in found:
        sample = atlas.sample(node["code"])
        number = atlas.dataset_of_sample.get(sample.perm_id)
        there = number in atlas.rows("Dataset")
        images = sorted(atlas.images_in[number]) if number and there else []
        assert node["images"]["totalCount"] == len(images)
        assert [each["omeroId"] for each in nodes(node["images"])] == images
        if number is None:
            assert node["imaging"] == {"status": "NOT_LINKED", "link": None, "dataset": None}
            assert node["imageDataset"] is None
            assert node["link"] is None
            continue
        assert node["link"] == {
            "omeroId": number,
            "openbisPermId": sample.perm_id,
            "state": "ACTIVE",
            "evidence": "DECLARED",
            "revision": 1,
            "createdBy": "steward",
        }
        assert node["imaging"]["link"] == {"omeroId": number, "state": "ACTIVE"}
        if there:
            assert node["imaging"]["status"] == "LINKED"
            assert node["imaging"]["dataset"] == {"omeroId": number, "name": sample.code}
            assert node["imageDataset"] == {"omeroId": number, "imageCount": len(images)}
        else:
            assert node["imaging"]["status"] == "GONE"
            assert sample.code == irregularities.LEAF_WITH_DELETED_DATASET
            assert node["imageDataset"] is None


async def test_omero_ids_in_historic_spellings_are_told_as_they_stand(
    open_door: House, atlas: Atlas
) -> None:
    query = """{ samples(first: 500, where: {property: [{code: "Q_OMERO_IDS"}]}) {
        totalCount edges { node { code property(code: "Q_OMERO_IDS") { value } } } } }"""
    found = {
        node["code"]: node["property"]["value"]
        for node in nodes((await open_door.data(query))["samples"])
    }
    known = {
        sample.code: sample.properties["Q_OMERO_IDS"]
        for sample in atlas.openbis.samples
        if "Q_OMERO_IDS" in sample.properties
    }
    assert found == known
    spellings = {("\n" in value, value.startswith("[")) for value in known.values()}
    assert {(True, False), (False, True)} <= spellings
