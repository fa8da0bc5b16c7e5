"""`registerDesign` from the outside: previews, faults, registration, the same request again."""

from __future__ import annotations

from typing import Any

from tests.house import House

REGISTER = """
mutation ($input: RegisterDesignInput!, $dry: Boolean!, $key: String) {
  registerDesign(input: $input, dryRun: $dry, idempotencyKey: $key, wait: 60, first: 3) {
    preview {
      counts { level type count experiment } sampleCount
      samples { code name level parents factors { label value unit } }
      transactions imageDatasets
      faults { line column message }
      missingTerms { vocabulary value nearest { code label } }
      missingMasterdata
    }
    operation { id state title counts { name count } project { code } error { message } }
    userErrors { code message field }
  }
}
"""
CREATE = """
mutation ($code: String!) {
  createProject(input: {space: "CLINICAL", code: $code}, wait: 60) {
    operation { state } userErrors { message }
  }
}
"""
SHEET = """name\tlevel\tparents\tspecies\ttissue\tanalyte\tfactor: sex
P1\tentity\t\thomo sapiens\t\t\tfemale
P2\tentity\t\tHomo sapiens\t\t\tmale
B1\tbiological sample\tP1\t\tLiver\t\t
B2\tbiological sample\tP2\t\tLiver\t\t
D1\ttest sample\tB1;B2\t\t\tdna\t
"""
READ = """
{ project(identifier: "QFAKT") {
    design { studyDesign factors { label unit levels { value sampleCodes } } }
    samples(first: 50) { totalCount edges { node {
      code type { code } parents { code } name: property(code: "Q_SECONDARY_NAME") { value }
      imaging { status }
    } } }
} }
"""


def factorial(**more: Any) -> dict[str, Any]:
    stages = [
        {
            "level": "ENTITY",
            "choices": ["Homo sapiens"],
            "factors": [{"label": "dose", "values": ["1", "10"], "unit": "mg"}],
            "replicates": 2,
        },
        {"level": "BIOLOGICAL_SAMPLE", "choices": ["Liver", "Lung"]},
    ]
    return {"stages": stages, "studyDesign": "Dose response", **more}


async def open_project(house: House, token: str) -> None:
    answer = await house.data(CREATE, token, code="QFAKT")
    assert answer["createProject"]["userErrors"] == []


async def register(house: House, token: str, given: Any, **more: Any) -> Any:
    variables = {"dry": False, "key": None, **more}
    given = {"project": "QFAKT", **given}
    return (await house.data(REGISTER, token, input=given, **variables))["registerDesign"]


async def test_a_preview_writes_nothing_and_the_registration_keeps_its_word(house: House) -> None:
    token = await house.login("steward")
    await open_project(house, token)
    given = {"factorial": factorial(), "imageLevels": ["BIOLOGICAL_SAMPLE"]}
    dry = await register(house, token, given, dry=True)
    assert dry["operation"] is None
    assert dry["userErrors"] == []
    preview = dry["preview"]
    assert [(each["level"], each["count"]) for each in preview["counts"]] == [
        ("ENTITY", 4),
        ("BIOLOGICAL_SAMPLE", 8),
    ]
    assert preview["samples"][0] == {
        "code": "QFAKTENTITY-1",
        "name": "1 #1",
        "level": "ENTITY",
        "parents": [],
        "factors": [{"label": "dose", "value": "1", "unit": "mg"}],
    }
    assert (preview["transactions"], preview["imageDatasets"]) == (1, 8)
    assert (await house.data(READ, token))["project"]["samples"]["totalCount"] == 0

    done = await register(house, token, given, key="once")
    assert done["operation"]["state"] == "SUCCEEDED"
    assert {each["name"]: each["count"] for each in done["operation"]["counts"]} == {
        "samples": 12,
        "experiments": 2,
        "imageDatasets": 8,
    }
    project = (await house.data(READ, token))["project"]
    samples = {edge["node"]["code"]: edge["node"] for edge in project["samples"]["edges"]}
    assert len(samples) == 12
    assert {code for code in samples if "ENTITY" in code} == {
        f"QFAKTENTITY-{number}" for number in range(1, 5)
    }
    for code, each in samples.items():
        imaged = each["type"]["code"] == "Q_BIOLOGICAL_SAMPLE"
        assert each["imaging"]["status"] == ("LINKED" if imaged else "NOT_LINKED"), code
    dose = {each["label"]: each for each in project["design"]["factors"]}["dose"]
    assert dose["unit"] == "mg"
    assert [len(level["sampleCodes"]) for level in dose["levels"]] == [6, 6]

    again = await register(house, token, given, key="once")
    assert again["operation"]["id"] == done["operation"]["id"]
    assert (await house.data(READ, token))["project"]["samples"]["totalCount"] == 12


async def test_a_sheet_with_parents(house: House) -> None:
    token = await house.login("steward")
    await open_project(house, token)
    done = await register(house, token, {"sheet": {"text": SHEET}})
    assert done["userErrors"] == []
    project = (await house.data(READ, token))["project"]
    named = {edge["node"]["name"]["value"]: edge["node"] for edge in project["samples"]["edges"]}
    pool = {parent["code"] for parent in named["D1"]["parents"]}
    assert pool == {named["B1"]["code"], named["B2"]["code"]}


async def test_a_bad_sheet_is_told_whole_and_nothing_is_written(house: House) -> None:
    token = await house.login("steward")
    await open_project(house, token)
    bad = SHEET.replace("homo sapiens", "homo sapien").replace("\tdna\t", "\t=dna\t")
    answer = await register(house, token, {"sheet": {"text": bad + "B1\tentity\tP3\t\t\t\t\n"}})
    assert answer["operation"] is None
    faults = {(each["line"], each["column"]) for each in answer["preview"]["faults"]}
    assert faults == {
        (2, "species"),
        (6, "analyte"),
        (7, "name"),
    }
    assert answer["preview"]["missingTerms"][0]["nearest"][0] == {
        "code": "9606",
        "label": "Homo sapiens",
    }
    assert {each["code"] for each in answer["userErrors"]} == {"BAD_USER_INPUT"}
    assert (await house.data(READ, token))["project"]["samples"]["totalCount"] == 0


async def test_who_may_not_write_is_told_before_anything_is(house: House) -> None:
    await open_project(house, await house.login("steward"))
    given = {"factorial": factorial()}
    answer = await register(house, await house.login("plant"), given)
    assert answer["operation"] is None
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_FOUND"]


async def test_neither_or_both_ways_of_giving_a_design(house: House) -> None:
    token = await house.login("steward")
    for given in ({}, {"factorial": factorial(), "sheet": {"text": SHEET}}):
        given["project"] = "QFAKT"
        answer = await house.ask(REGISTER, token, input=given, dry=True, key=None)
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_images_need_a_project_in_omero(house: House) -> None:
    token = await house.login("steward")
    create = CREATE.replace("code: $code}", "code: $code, imaging: false}")
    await house.data(create, token, code="QFAKT")
    given = {"factorial": factorial(), "imageLevels": ["BIOLOGICAL_SAMPLE"]}
    answer = await register(house, token, given)
    assert [each["code"] for each in answer["userErrors"]] == ["BAD_USER_INPUT"]
    assert (await house.data(READ, token))["project"]["samples"]["totalCount"] == 0
