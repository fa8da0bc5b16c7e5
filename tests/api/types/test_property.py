from __future__ import annotations

from typing import Any

import pytest

from backends.demo.studies import synthetic
from tests.atlas import Atlas, moment, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

TERM = "code label description ordinal official"
DEFINITION = f"""
  code label description dataType mandatory multiValued section
  vocabulary {{ code description terms {{ {TERM} }} }}
"""


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def terms(atlas: Atlas, vocabulary: str) -> list[Any]:
    (found,) = [each for each in atlas.openbis.vocabularies if each.code == vocabulary]
    return [(term.code, term.label, term.description) for term in found.terms]


async def test_every_type_as_openbis_declares_it(open_door: House, atlas: Atlas) -> None:
    data = await open_door.data(f"""{{ types {{
        SAMPLE: sampleTypes {{ code description generatedCodePrefix properties {{ {DEFINITION} }} }}
        EXPERIMENT: experimentTypes {{ code description properties {{ {DEFINITION} }} }}
        DATA_SET: omicsDatasetTypes {{ code description properties {{ {DEFINITION} }} }}
    }} }}""")
    declared = {each.code: each for each in atlas.openbis.property_types}
    for kind, found in data["types"].items():
        known = {each.code: each for each in atlas.openbis.entity_types if each.kind == kind}
        assert [each["code"] for each in found] == sorted(known)
        for each in found:
            type_ = known[each["code"]]
            assert each["description"] == type_.description
            if kind == "SAMPLE":  # openBIS' own default is S
                assert each["generatedCodePrefix"] == (type_.generated_code_prefix or "S")
            assert {one["code"] for one in each["properties"]} == set(type_.property_codes)
            for one in each["properties"]:
                property_ = declared[one["code"]]
                assert one["label"] == property_.label
                assert one["description"] == property_.description
                assert one["dataType"] == property_.data_type
                assert (one["vocabulary"] or {}).get("code") == property_.vocabulary


async def test_vocabularies_have_their_terms_in_order(open_door: House, atlas: Atlas) -> None:
    data = await open_door.data(
        f"{{ types {{ vocabularies {{ code description terms {{ {TERM} }} }} }} }}"
    )
    found = data["types"]["vocabularies"]
    assigned = {code for each in atlas.openbis.entity_types for code in each.property_codes}
    used = {
        each.vocabulary
        for each in atlas.openbis.property_types
        if each.vocabulary and each.code in assigned
    }
    assert [each["code"] for each in found] == sorted(used)
    for each in found:
        told = [(term["code"], term["label"], term["description"]) for term in each["terms"]]
        assert told == terms(atlas, each["code"])
        ordinals = [term["ordinal"] for term in each["terms"]]
        assert ordinals == sorted(set(ordinals))


async def test_every_property_of_a_study_with_what_openbis_declares(
    open_door: House, atlas: Atlas
) -> None:
    query = """query ($p: String!) { project(identifier: $p) { samples(first: 500) { edges { node {
        code properties { code value label dataType number timestamp term { code label } }
    } } } } }"""
    declared = {each.code: each for each in atlas.openbis.property_types}
    found = nodes((await open_door.data(query, p=synthetic.PROJECT))["project"]["samples"])
    seen = set()
    for node in found:
        for each in node["properties"]:
            property_ = declared[each["code"]]
            seen.add(property_.data_type)
            assert each["label"] == property_.label
            assert each["dataType"] == property_.data_type
            numeric = property_.data_type in {"INTEGER", "REAL"}
            assert each["number"] == (float(each["value"]) if numeric else None)
            if property_.vocabulary is None:
                assert each["term"] is None
            else:
                labels = {code: label for code, label, _ in terms(atlas, property_.vocabulary)}
                assert each["term"] == {"code": each["value"], "label": labels[each["value"]]}
    assert {"CONTROLLEDVOCABULARY", "VARCHAR"} <= seen


async def test_dates_are_told_as_times(open_door: House, atlas: Atlas) -> None:
    dated = next(each for each in atlas.openbis.samples if "Q_CREATION_TIME" in each.properties)
    query = """query ($i: String!) { sample(identifier: $i) {
        property(code: "Q_CREATION_TIME") { value timestamp number } } }"""
    found = (await open_door.data(query, i=dated.perm_id))["sample"]["property"]
    value = dated.properties["Q_CREATION_TIME"]
    assert found == {
        "value": value,
        "timestamp": f"{value[:10]}T{value[11:19]}Z",
        "number": None,
    }
    assert moment(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("lost", ["{ types { sampleTypes { code } } backends { source } }"])
async def test_without_openbis_only_the_types_are_missing(house: House, lost: str) -> None:
    await house.switch("openbis", state="off")
    answer = await house.ask(lost)
    assert answer["data"]["types"] == {"sampleTypes": None}
    assert len(answer["data"]["backends"]) == 3
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"


async def test_samples_survive_the_loss_of_their_types(house: House) -> None:
    """The types are read by a call of their own: when it fails, the rows stand."""
    query = """query ($p: String!) { project(identifier: $p) { samples(first: 3) { edges { node {
        code type { code properties { code } } properties { code label } } } } } }"""
    house.built.faults["openbis"].fail_next["searchSampleTypes"] = 9
    answer = await house.ask(query, p=synthetic.PROJECT)
    rows = nodes(answer["data"]["project"]["samples"])
    assert len(rows) == 3
    for row in rows:
        assert row["type"]["properties"] is None
        assert all(each["label"] is None for each in row["properties"])
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BACKEND_UNAVAILABLE"}
