"""Cohorts as a client asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAPER = """
  project: {code: {eq: "QCLIN"}}
  and: [
    {has: {
      sample: {property: [{code: "Q_PRIMARY_TISSUE", string: {eq: "ABDOMEN"}}]}
      image: {modality: {eq: "CT"}}
    }}
    {has: {
      sample: {property: [{code: "Q_DIGNITY", string: {eq: "MALIGNANT"}}]}
      image: {
        tag: {eq: "H&E"}
        pixelSize: {between: [{value: 250, unit: NANOMETER}, {value: 0.6, unit: MICROMETER}]}
      }
      atLeast: 5
    }}
    {has: {
      sample: {property: [{code: "Q_DIGNITY", string: {eq: "MALIGNANT"}}]}
      omics: {type: {eq: "Q_NGS_RAW_DATA"}}
    }}
  ]
"""


async def ask(house: House, where: str, fields: str, token: str | None = None) -> Any:
    query = "{ cohort(where: {" + where + "}) { " + fields + " } }"
    return (await house.data(query, token))["cohort"]


async def test_the_papers_question(open_door: House) -> None:
    fields = """
      totalCount
      completeness { complete atMost gaps { clause } }
      members(first: 2) { totalCount edges { node {
        subject { code }
        specimens { sample { code } imaging images { name } omicsDatasets { type { code } } }
        images { name pixelSize { x { value unit } } }
        omicsDatasets { code }
      } } }
    """
    cohort = await ask(open_door, PAPER, fields)
    assert cohort["totalCount"] == cohort["members"]["totalCount"] == 130
    assert cohort["completeness"] == {"complete": True, "atMost": 130, "gaps": []}
    member = cohort["members"]["edges"][0]["node"]
    assert member["subject"] == {"code": "QCLINENTITY-1"}
    assert len(member["images"]) == 11
    assert len(member["omicsDatasets"]) == 1
    abdomen, tumour = member["specimens"]
    assert (abdomen["imaging"], len(abdomen["images"]), abdomen["omicsDatasets"]) == (
        "LINKED",
        1,
        [],
    )
    assert tumour["omicsDatasets"] == [{"type": {"code": "Q_NGS_RAW_DATA"}}]


async def test_members_page_by_cursor(open_door: House) -> None:
    query = """query ($after: String) { cohort(where: {project: {code: {eq: "QCLIN"}}}) {
      members(first: 60, after: $after) {
        pageInfo { hasNextPage endCursor } edges { node { subject { permId } } }
      }
    } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await open_door.data(query, after=after))["cohort"]["members"]
        seen += [edge["node"]["subject"]["permId"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 130
    assert seen == sorted(seen)


async def test_with_omero_down_the_answer_says_what_is_unknown(house: House) -> None:
    await house.switch("omero", state="off")
    answer = await house.ask(
        "{ cohort(where: {" + PAPER + "}) { totalCount completeness { complete atMost "
        "gaps { source code clause } } } }"
    )
    cohort = answer["data"]["cohort"]
    assert cohort["totalCount"] == 0
    assert cohort["completeness"]["complete"] is False
    assert cohort["completeness"]["atMost"] == 130
    gaps = cohort["completeness"]["gaps"]
    assert {(gap["source"], gap["code"]) for gap in gaps} == {("OMERO", "BACKEND_UNAVAILABLE")}
    assert len(gaps) == 2
    assert answer["extensions"]["sources"]["omero"] == "UNAVAILABLE"
    (error,) = answer["errors"]
    assert error["path"] == ["cohort"]


async def test_with_openbis_down_nothing_is_known(house: House) -> None:
    await house.switch("openbis", state="off")
    answer = await house.ask(
        "{ cohort(where: {" + PAPER + "}) { totalCount completeness { complete atMost } } }"
    )
    assert answer["data"]["cohort"] == {
        "totalCount": None,
        "completeness": {"complete": False, "atMost": None},
    }


async def test_a_cohort_too_large_is_refused_with_advice(open_door: House) -> None:
    query = """query ($where: CohortFilter!) { cohort(where: $where) { totalCount } }"""
    answer = await open_door.ask(query, where={"and": [{"self": {}}] * 61})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "60 clauses" in error["message"]


async def test_the_funnel_tells_the_attrition_in_the_order_as_written(open_door: House) -> None:
    where = """
      self: {property: [{code: "Q_GENDER", string: {eq: "FEMALE"}}]}
      and: [
        {has: {image: {modality: {eq: "CT"}}}}
        {project: {code: {eq: "QCLIN"}}}
      ]
      not: {has: {sample: {property: [{code: "Q_TUMOR_STAGE", string: {eq: "T4"}}]}}}
    """
    cohort = await ask(
        open_door, where, "totalCount funnel { clause source subjects samples complete }"
    )
    funnel = cohort["funnel"]
    assert [step["clause"].split(":")[0] for step in funnel] == [
        "all subjects",
        "self",
        "has",
        "project",
        "not",
    ]
    assert [step["source"] for step in funnel] == [
        "OPENBIS",
        "OPENBIS",
        "OMERO",
        "OPENBIS",
        "OPENBIS",
    ]
    numbers = [step["subjects"] for step in funnel]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == cohort["totalCount"]
    assert all(step["complete"] for step in funnel)
    women = await ask(
        open_door, 'self: {property: [{code: "Q_GENDER", string: {eq: "FEMALE"}}]}', "totalCount"
    )
    assert numbers[1] == women["totalCount"]


async def test_explain_alone_runs_nothing_and_its_estimate_holds(open_door: House) -> None:
    fields = """explain {
      steps { clause source how estimate calls { total } }
      estimatedCalls { openbis omero linkStore total } realCalls { openbis omero linkStore total }
    }"""
    planned = (await ask(open_door, PAPER, fields))["explain"]
    assert planned["realCalls"] is None
    assert len(planned["steps"]) == 4
    run = (await ask(open_door, PAPER, "totalCount " + fields))["explain"]
    assert run["steps"] == planned["steps"]
    real, expected = run["realCalls"], run["estimatedCalls"]
    assert real["total"] <= expected["total"] + 3, (real, expected)


async def test_a_cohort_of_openbis_alone_is_counted_and_not_read(open_door: House) -> None:
    query = """{ cohort(where: {project: {code: {eq: "QCLIN"}}}) { totalCount } }"""
    answer = await open_door.ask(query)
    assert answer["data"]["cohort"]["totalCount"] == 130
    # The projects in scope, whether each has subjects, and the count.
    assert answer["extensions"]["cost"]["calls"] == {"openbis": 3, "omero": 0, "linkStore": 0}
