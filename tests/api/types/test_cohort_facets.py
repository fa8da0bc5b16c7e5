"""How a cohort spreads, and what there is of its members, against a plain reading of the world."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.atlas import Atlas, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLINIC = '{project: {code: {eq: "QCLIN"}}}'


async def cohort(house: House, fields: str, token: str | None = None, where: str = CLINIC) -> Any:
    return (await house.data(f"{{ cohort(where: {where}) {{ {fields} }} }}", token))["cohort"]


def subjects(house: House) -> list[Any]:
    return Atlas(house.world).samples_of("QCLIN", "Q_BIOLOGICAL_ENTITY")


async def facet(house: House, by: str, token: str | None = None) -> Any:
    fields = f"""facets(by: [{by}]) {{
        name kind missing others complete buckets {{ label count low high since before }}
    }}"""
    (found,) = (await cohort(house, fields, token))["facets"]
    return found


async def test_terms_of_the_members(open_door: House) -> None:
    found = await facet(open_door, '{property: "Q_GENDER"}')
    counted = Counter(each.properties["Q_GENDER"] for each in subjects(open_door))
    assert found["kind"] == "TERMS"
    assert {each["label"]: each["count"] for each in found["buckets"]} == counted
    assert (found["missing"], found["others"]) == (0, 0)


async def test_a_histogram_of_numbers(open_door: House) -> None:
    found = await facet(open_door, '{property: "Q_AGE_AT_DIAGNOSIS", buckets: 5}')
    ages = [int(each.properties["Q_AGE_AT_DIAGNOSIS"]) for each in subjects(open_door)]
    assert found["kind"] == "NUMBERS"
    assert len(found["buckets"]) == 5
    assert (found["buckets"][0]["low"], found["buckets"][-1]["high"]) == (min(ages), max(ages))
    for place, bucket in enumerate(found["buckets"]):
        last = place == 4
        inside = [
            age
            for age in ages
            if bucket["low"] <= age and (age < bucket["high"] or (last and age == bucket["high"]))
        ]
        assert bucket["count"] == len(inside)


async def test_terms_of_the_samples_below(open_door: House) -> None:
    found = await facet(open_door, '{property: "Q_TUMOR_STAGE", of: SAMPLES, buckets: 2}')
    atlas = Atlas(open_door.world)
    stages: Counter[str] = Counter()
    for subject in subjects(open_door):
        stages.update(
            {
                each.properties["Q_TUMOR_STAGE"]
                for each in atlas.below(subject)
                if "Q_TUMOR_STAGE" in each.properties
            }
        )
    assert [(each["label"], each["count"]) for each in found["buckets"]] == stages.most_common(2)
    assert found["others"] == sum(stages.values()) - sum(n for _, n in stages.most_common(2))
    own = await facet(open_door, '{property: "Q_TUMOR_STAGE"}')
    assert (own["buckets"], own["missing"]) == ([], 130)


async def test_values_among_the_images_and_types_of_omics_datasets(open_door: House) -> None:
    found = await facet(open_door, '{keyValue: "Modality"}')
    assert {each["label"]: each["count"] for each in found["buckets"]} == {"CT": 130, "H&E": 130}
    omics = await facet(open_door, "{attribute: OMICS_TYPE}")
    assert {each["label"]: each["count"] for each in omics["buckets"]} == {"Q_NGS_RAW_DATA": 130}
    dates = await facet(open_door, "{attribute: REGISTERED}")
    assert (dates["kind"], sum(each["count"] for each in dates["buckets"])) == ("DATES", 130)


async def test_whoever_sees_no_images_has_none_in_facets(open_door: House) -> None:
    token = await open_door.login("genomics")
    found = await facet(open_door, '{keyValue: "Modality"}', token)
    assert (found["buckets"], found["missing"], found["complete"]) == ([], 130, True)


@pytest.mark.parametrize(
    ("by", "advice"),
    [
        ('{property: "Q_GENDER", keyValue: "Modality"}', "exactly one"),
        ("{}", "exactly one"),
        ('{property: "NO_SUCH"}', "NO_SUCH"),
        ('{property: "Q_GENDER", buckets: 0}', "1 to 100"),
    ],
)
async def test_a_facet_that_cannot_be_is_refused(open_door: House, by: str, advice: str) -> None:
    query = f"{{ cohort(where: {CLINIC}) {{ facets(by: [{by}]) {{ name }} }} }}"
    (error,) = (await open_door.ask(query))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert advice in error["message"]


MATRIX = """availability(first: 3) { totalCount edges { node {
    subject { code }
    cells { modality { kind name } presence count }
    samples { sample { code } cells { modality { name } presence count } }
} } }"""


async def test_what_there_is_of_each_member(open_door: House) -> None:
    found = (await cohort(open_door, MATRIX))["availability"]
    assert found["totalCount"] == 130
    for row in nodes(found):
        assert {
            (cell["modality"]["kind"], cell["modality"]["name"]): (cell["presence"], cell["count"])
            for cell in row["cells"]
        } == {
            ("IMAGE", "CT"): ("AVAILABLE", 1),
            ("IMAGE", "H&E"): ("AVAILABLE", 20),
            ("OMICS", "Q_NGS_RAW_DATA"): ("AVAILABLE", 2),
        }
        presences = [
            tuple(cell["presence"] for cell in sample["cells"]) for sample in row["samples"]
        ]
        assert Counter(presences) == {
            ("AVAILABLE", "ABSENT", "ABSENT"): 1,  # abdomen
            ("ABSENT", "AVAILABLE", "ABSENT"): 2,  # tissues
            ("NOT_LINKED", "NOT_LINKED", "AVAILABLE"): 2,  # runs
            ("NOT_LINKED", "NOT_LINKED", "ABSENT"): 3,  # the patient and the extracts
        }


async def test_why_there_is_nothing_is_told(house: House) -> None:
    token = await house.login("genomics")
    where = '{project: {code: {eq: "QCLIN"}}, self: {code: {eq: "QCLINENTITY-1"}}}'
    (row,) = nodes((await cohort(house, MATRIX, token, where))["availability"])
    assert [cell["modality"]["kind"] for cell in row["cells"]] == ["OMICS"]
    await house.switch("omero", state="off")
    answer = await house.ask(f"{{ cohort(where: {where}) {{ {MATRIX} }} }}")
    (row,) = nodes(answer["data"]["cohort"]["availability"])
    assert [(c["modality"]["kind"], c["presence"]) for c in row["cells"]] == [
        ("IMAGE", "UNAVAILABLE"),
        ("OMICS", "AVAILABLE"),
    ]
    (error,) = answer["errors"]
    assert error["extensions"]["source"] == "OMERO"
