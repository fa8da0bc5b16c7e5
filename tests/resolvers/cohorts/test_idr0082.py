"""A question about a real study, against the answer computed straight from its table."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from api.demonstration import Sheet
from tests.house import House, open_house

FOLDER = Path(__file__).parents[3]
TABLE = FOLDER.parent / "shared" / "data" / "idr0082-experimentA-annotation.csv"
MAPPING = FOLDER / "examples" / "idr0082.toml"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not TABLE.exists(), reason="idr0082's table is not beside this checkout"),
]

# Lesions that progressed, never smokers excluded, with methylation and an H&E image.
QUESTION = """{ cohort(where: {
  project: {code: {eq: "QIDR8"}}
  self: {property: [{code: "Q_OUTCOME", string: {eq: "PROGRESSION"}}]}
  has: {
    omics: {property: [{code: "Q_ASSAY", string: {eq: "methylation"}}]}
    image: {modality: {eq: "H&E"}}
  }
  not: {self: {property: [{code: "Q_SMOKING_STATUS", string: {eq: "NEVER"}}]}}
}) {
  totalCount
  completeness { complete }
  funnel { subjects }
  members(first: 200) { edges { node { subject {
    property(code: "Q_SECONDARY_NAME") { value }
  } } } }
} }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def institute() -> AsyncIterator[House]:
    async with open_house(Sheet(TABLE, MAPPING)) as opened:
        yield opened


async def test_lesions_that_progressed_with_methylation_and_an_image(institute: House) -> None:
    rows: dict[str, list[dict[str, str]]] = {}
    with TABLE.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["Source Name"], []).append(row)
    progressed = {
        name: lesion
        for name, lesion in rows.items()
        if lesion[0]["Characteristics [Phenotype Outcome]"] == "Progression"
    }
    measured = {
        name: lesion
        for name, lesion in progressed.items()
        if any(row["Comment [Methylation]"] for row in lesion)
        and any(row["Dataset Name"] == "Lung Carcinoma" for row in lesion)
    }
    expected = {
        name
        for name, lesion in measured.items()
        if lesion[0]["Characteristics [Smoking Status]"] != "Never"
    }
    cohort = (await institute.data(QUESTION))["cohort"]
    members = [edge["node"]["subject"]["property"]["value"] for edge in cohort["members"]["edges"]]
    assert set(members) == expected
    assert cohort["totalCount"] == len(expected) == len(members) > 0
    assert cohort["completeness"]["complete"]
    steps = [step["subjects"] for step in cohort["funnel"]][1:]
    assert steps == [len(rows), len(progressed), len(measured), len(expected)]
