from __future__ import annotations

import csv
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.demonstration import Sheet
from tests.house import House, open_house

FOLDER = Path(__file__).parents[1]
TABLE = FOLDER.parent / "shared" / "data" / "idr0082-experimentA-annotation.csv"
MAPPING = FOLDER / "examples" / "idr0082.toml"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not TABLE.exists(), reason="idr0082's table is not beside this checkout"),
]
ACCESSIONS = {
    "Comment [Gene Expression CIS Region]": ("gene expression", "CIS"),
    "Comment [Gene Expression Stromal Region]": ("gene expression", "stroma"),
    "Comment [Methylation]": ("methylation", None),
    "Comment [Whole Genome Sequencing]": ("whole genome sequencing", None),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def institute() -> AsyncIterator[House]:
    async with open_house(Sheet(TABLE, MAPPING)) as opened:
        yield opened


@pytest.fixture(scope="module")
def lesions() -> dict[str, dict[str, str]]:
    """One row per lesion, straight from the table; its other rows are further images of it."""
    with TABLE.open(encoding="utf-8-sig", newline="") as file:
        return {row["Source Name"]: row for row in csv.DictReader(file)}


async def read_samples(house: House, where: str = "") -> list[Any]:
    query = """{ project(identifier: "QIDR8") { samples(first: 500 %s) { edges { node {
        name: property(code: "Q_SECONDARY_NAME") { value }
        outcome: property(code: "Q_OUTCOME") { value }
        omicsDatasets { type { code } kind contentCopies { externalCode }
            assay: property(code: "Q_ASSAY") { value } region: property(code: "Q_REGION") { value }
        }
        imaging { status dataset { images { totalCount edges { node {
            name keyValues { key value } } } } } }
    } } } } }"""
    data = await house.data(query % where)
    return [edge["node"] for edge in data["project"]["samples"]["edges"]]


async def test_every_lesion_with_its_three_images(
    institute: House, lesions: dict[str, dict[str, str]]
) -> None:
    samples = [each for each in await read_samples(institute) if each["outcome"]]
    assert len(samples) == len(lesions) == 112
    assert {each["name"]["value"] for each in samples} == set(lesions)
    for sample in samples:
        row = lesions[sample["name"]["value"]]
        assert sample["outcome"]["value"] == row["Characteristics [Phenotype Outcome]"].upper()
        assert sample["imaging"]["status"] == "LINKED"
        assert sample["imaging"]["dataset"]["images"]["totalCount"] == 3
    images = sum(each["imaging"]["dataset"]["images"]["totalCount"] for each in samples)
    assert images == 336


async def test_every_accession_once(institute: House, lesions: dict[str, dict[str, str]]) -> None:
    expected: Counter[str] = Counter()
    for row in lesions.values():
        expected.update(row[column] for column in ACCESSIONS if row[column])
    found: Counter[str] = Counter()
    for sample in await read_samples(institute):
        for dataset in sample["omicsDatasets"]:
            assert dataset["kind"] == "LINK"
            found.update(copy["externalCode"] for copy in dataset["contentCopies"])
    assert found == expected
    assert found.total() == 51 + 18 + 36 + 31


async def test_progressed_lesions_with_methylation_and_histology(
    institute: House, lesions: dict[str, dict[str, str]]
) -> None:
    expected = {
        name
        for name, row in lesions.items()
        if row["Characteristics [Phenotype Outcome]"] == "Progression"
        and row["Comment [Methylation]"]
    }
    where = ', where: {property: [{code: "Q_OUTCOME", string: {eq: "PROGRESSION"}}]}'
    found = {
        sample["name"]["value"]
        for sample in await read_samples(institute, where)
        if any(
            dataset["assay"] and dataset["assay"]["value"] == "methylation"
            for dataset in sample["omicsDatasets"]
        )
        and any(
            {"key": "Modality", "value": "H&E"} in edge["node"]["keyValues"]
            for edge in sample["imaging"]["dataset"]["images"]["edges"]
        )
    }
    assert found == expected
    assert len(found) == 24


async def test_from_histology_back_to_the_outcome(institute: House) -> None:
    query = """{ images(first: 500, where: {
        imageProject: {name: {eq: "QIDR8"}}, keyValue: [{key: "Modality", value: {eq: "H&E"}}]
    }) { totalCount edges { node { sample { property(code: "Q_OUTCOME") { value } } } } } }"""
    images = (await institute.data(query))["images"]
    assert images["totalCount"] == 112
    outcomes = Counter(edge["node"]["sample"]["property"]["value"] for edge in images["edges"])
    assert outcomes == {"PROGRESSION": 68, "REGRESSION": 44}


async def test_smokers_are_told_by_a_number(
    institute: House, lesions: dict[str, dict[str, str]]
) -> None:
    heavy = [
        name
        for name, row in lesions.items()
        if row["Characteristics [Pack Years]"].replace(".", "").isdigit()
        and float(row["Characteristics [Pack Years]"]) >= 50
    ]
    where = ', where: {property: [{code: "Q_PACK_YEARS", number: {ge: 50}}]}'
    found = [sample["name"]["value"] for sample in await read_samples(institute, where)]
    assert sorted(found) == sorted(heavy)
