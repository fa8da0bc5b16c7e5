"""`registerOmicsDataset`: metadata with lineage, so that a result can be traced to its reads."""

from __future__ import annotations

import json
from typing import Any

from tests.house import House

REGISTER = """
mutation ($input: RegisterOmicsDatasetInput!, $dry: Boolean! = false, $key: String) {
  registerOmicsDataset(input: $input, dryRun: $dry, idempotencyKey: $key, wait: 60) {
    preview { omicsDatasets samples transactions faults { line column message } }
    operation { id state counts { name count } error { message } }
    userErrors { code message }
  }
}
"""
READ = """
query ($code: String!) { project(identifier: "QCLIN") {
  samples(first: 1, where: {code: {eq: $code}}) { edges { node { omicsDatasets {
    code kind type { code } name: property(code: "Q_SECONDARY_NAME") { value }
    info: property(code: "Q_ADDITIONAL_INFO") { value }
    contentCopies { externalCode } parents { code }
  } } } } } }
"""


BAD = """\
sample,type,system,external code,name,parents,workflow version,Q_READS_COUNT
QCLIN002AE,Q_NGS_RAW_DATA,OMERO,a,A,,,12
QNONE002A8,Q_NGS_RAW_DATA,OMERO,b,B,,,
QCLIN002AE,Q_NGS_RAW_DATTA,OMERO,c,C,,,
QCLIN002AE,Q_NGS_RAW_DATA,OMERRO,d,D,,,
QCLIN002AE,Q_NGS_RAW_DATA,OMERO,e,E,nothing,,
QCLIN002AE,Q_NGS_RAW_DATA,OMERO,f,F,,1.0,
QCLIN002AE,Q_NGS_RAW_DATA,OMERO,g,G,,,many
QCLIN002AE,Q_NGS_RAW_DATA,OMERO,a,A,,,
,Q_NGS_RAW_DATA,OMERO,h,H,,,
"""


async def register(house: House, token: str, **given: Any) -> Any:
    key, dry = given.pop("key", None), given.pop("dry", False)
    variables = {"input": {"project": "QCLIN", **given}, "key": key, "dry": dry}
    return (await house.data(REGISTER, token, **variables))["registerOmicsDataset"]


def row(code: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "sample": "QCLIN002AE",
        "type": "Q_NGS_RAW_DATA",
        "system": "OMERO",
        "externalCode": code,
        "name": name,
        **more,
    }


async def sets(house: House, token: str) -> dict[str, Any]:
    data = await house.data(READ, token, code="QCLIN002AE")
    (edge,) = data["project"]["samples"]["edges"]
    return {each["name"]["value"]: each for each in edge["node"]["omicsDatasets"] if each["name"]}


async def test_results_are_traced_to_what_they_were_made_of(house: House) -> None:
    token = await house.login("steward")
    workflow = {
        "name": "nf-core/sarek",
        "version": "3.4.0",
        "parameters": [{"name": "genome", "value": "GRCh38"}],
    }
    rows = [
        row("variants-1", "Variants", parents=["reads-1", "reads-2"], workflow=workflow),
        row("reads-1", "Lane 1"),
        row("reads-2", "Lane 2"),
    ]
    before = await sets(house, token)
    dry = await register(house, token, omicsDatasets=rows, dry=True)
    assert dry["preview"] == {
        "omicsDatasets": 3,
        "samples": 1,
        "transactions": 1,
        "faults": [],
    }
    assert await sets(house, token) == before
    done = await register(house, token, omicsDatasets=rows, key="k")
    assert done["operation"]["state"] == "SUCCEEDED", done
    found = await sets(house, token)
    variants = found["Variants"]
    assert variants["kind"] == "LINK"
    assert variants["contentCopies"] == [{"externalCode": "variants-1"}]
    assert {each["code"] for each in variants["parents"]} == {
        found["Lane 1"]["code"],
        found["Lane 2"]["code"],
    }
    assert json.loads(variants["info"]["value"])["workflow"] == {
        "name": "nf-core/sarek",
        "version": "3.4.0",
        "parameters": {"genome": "GRCh38"},
    }
    again = await register(house, token, omicsDatasets=rows, key="k")
    assert again["operation"]["id"] == done["operation"]["id"]
    assert len(await sets(house, token)) == len(found)


async def test_a_bad_table_is_told_whole_and_nothing_is_written(house: House) -> None:
    token = await house.login("steward")
    before = await sets(house, token)
    table = BAD
    answer = await register(house, token, sheet={"text": table, "delimiter": ","})
    assert answer["operation"] is None
    faults = {(each["line"], each["column"]) for each in answer["preview"]["faults"]}
    assert faults == {
        (3, "sample"),
        (4, "type"),
        (5, "system"),
        (6, "parents"),
        (7, "workflow"),
        (8, "Q_READS_COUNT"),
        (9, "external code"),
        (10, "sample"),
    }
    assert await sets(house, token) == before


async def test_parents_that_go_round_in_a_circle(house: House) -> None:
    token = await house.login("steward")
    rows = [row("a", "A", parents=["b"]), row("b", "B", parents=["a"])]
    answer = await register(house, token, omicsDatasets=rows)
    assert "circle" in answer["userErrors"][0]["message"]
