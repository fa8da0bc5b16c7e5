"""Real tables through registration: the 1000 Genomes' panel, and study idr0082 from end to end."""

from __future__ import annotations

import asyncio
import csv
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, open_house

FOLDER = Path(__file__).parents[1]
DATA = FOLDER.parent / "shared" / "data"
PANEL = DATA / "1000genomes-phase3-samples.tsv"
STUDY = DATA / "idr0082-experimentA-annotation.csv"
LESIONS = 112 if os.environ.get("OMNIBIS_TEST_REGISTRATION") == "all" else 12

CREATE = """
mutation ($code: String!) {
  createProject(input: {space: "CLINICAL", code: $code}, wait: 60) { userErrors { message } }
}
"""
DESIGN = """
mutation ($input: RegisterDesignInput!, $key: String) {
  registerDesign(input: $input, idempotencyKey: $key, wait: 20, first: 0) {
    preview { sampleCount transactions faults { line column message } }
    operation { id state counts { name count } steps { name attempts } error { message } }
    userErrors { message }
  }
}
"""
IMAGES = """
mutation ($input: RegisterImagesInput!, $key: String) {
  registerImages(input: $input, idempotencyKey: $key, wait: 20) {
  preview { faults { line column message } }
  operation { state counts { name count } error { message } } userErrors { message } } }
"""
OMICS = """
mutation ($input: RegisterOmicsDatasetInput!, $key: String) {
  registerOmicsDataset(input: $input, idempotencyKey: $key, wait: 20) {
  preview { faults { line column message } }
  operation { state counts { name count } error { message } } userErrors { message } } }
"""
POPULATION = """
{ project(identifier: "QKGEN") {
  samples(first: 1, where: {type: {eq: "Q_BIOLOGICAL_ENTITY"}}) { totalCount }
  finns: samples(first: 1, where: {property: [{code: "Q_POPULATION", string: {eq: "FIN"}}]}) {
    totalCount }
  design { factors { label levels { value sampleCodes } } }
} }
"""


def counts(answer: Any) -> dict[str, int]:
    return {each["name"]: int(each["count"]) for each in answer["operation"]["counts"]}


async def finished(house: House, token: str, document: str, given: Any, key: str) -> Any:
    """Ask until it has ended: no request waits longer than its deadline."""
    preview = None
    while True:
        ((_, answer),) = (await house.data(document, token, input=given, key=key)).items()
        preview = preview or answer["preview"]
        operation = answer["operation"]
        if operation is None or operation["state"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return {**answer, "preview": preview}


async def steward(house: House, code: str) -> str:
    token = await house.login("steward")
    assert (await house.data(CREATE, token, code=code))["createProject"]["userErrors"] == []
    return token


@pytest.mark.skipif(not PANEL.exists(), reason="the panel is not beside this checkout")
async def test_the_thousand_genomes_in_one_go_though_openbis_is_lost_in_the_middle(
    house: House,
) -> None:
    token = await steward(house, "QKGEN")
    with PANEL.open(newline="") as file:
        people = list(csv.DictReader(file, delimiter="\t"))
    sheet = {
        "text": PANEL.read_text(),
        "mapping": (FOLDER / "examples" / "1000genomes.toml").read_text(),
    }
    given = {"project": "QKGEN", "sheet": sheet, "createMissing": True}
    faults = house.built.faults["openbis"]
    asked = asyncio.create_task(finished(house, token, DESIGN, given, "panel"))
    lost = False
    while not asked.done():  # as soon as the first thousand are there, openBIS is gone for a while
        steps = "{ operations(first: 1) { edges { node { steps { name } } } } }"
        edges = (await house.data(steps, token))["operations"]["edges"]
        names = {each["name"] for edge in edges for each in edge["node"]["steps"]}
        if not lost and "samples 2" in names:
            lost, faults.off = True, True
            await asyncio.sleep(0.5)
            faults.off = False
            house.recover()
        await asyncio.sleep(0.02)
    answer = await asked
    assert lost
    assert answer["preview"]["transactions"] == 3
    assert answer["operation"]["state"] == "SUCCEEDED", answer
    assert counts(answer)["samples"] == len(people) == 2535
    project = (await house.data(POPULATION, token))["project"]
    assert project["samples"]["totalCount"] == len(people)
    populations = Counter(row["pop"] for row in people)
    assert project["finns"]["totalCount"] == populations["FIN"]
    factors = {each["label"]: each["levels"] for each in project["design"]["factors"]}
    told = {each["value"]: len(each["sampleCodes"]) for each in factors["population"]}
    assert told == populations
    codes = {code for each in factors["population"] for code in each["sampleCodes"]}
    assert len(codes) == len(people)


COHORT = """
{ cohort(unit: SAMPLE, where: {and: [
    {project: {code: {eq: "QIDR8"}}}
    {self: {property: [{code: "Q_OUTCOME", string: {eq: "PROGRESSION"}}]}}
    {has: {image: {tag: {eq: "H&E"}}}}
  ]}) { totalCount } }
"""
LESION = """
{ project(identifier: "QIDR8") { samples(first: 500) { edges { node {
    type { code } name: property(code: "Q_SECONDARY_NAME") { value }
    outcome: property(code: "Q_OUTCOME") { value }
    omicsDatasets { kind contentCopies { externalCode } }
    imaging { status dataset { images(first: 20) { edges { node { name tags { value } } } } } }
} } } } }
"""


def lesions() -> tuple[list[dict[str, str]], str]:
    """The rows of the first lesions, and the table that holds just them."""
    with STUDY.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["Source Name"] for row in rows))[:LESIONS]
    kept = [row for row in rows if row["Source Name"] in names]
    lines = [list(kept[0]), *(list(row.values()) for row in kept)]
    return kept, "\n".join("\t".join(line) for line in lines)


@pytest.mark.skipif(not STUDY.exists(), reason="idr0082's table is not beside this checkout")
async def test_idr0082_registered_from_its_table_and_queried(tmp_path: Path) -> None:
    pytest.importorskip("omero", reason="files are imported over Ice")
    rows, text = lesions()
    names = [row["Comment [Image File Path]"] for row in rows]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    from tests.api.types.test_image_commands import COMMAND  # noqa: PLC0415 - what imports there

    command = (*COMMAND[:-1], "--images", "3", COMMAND[-1])  # each file holds three
    mapping = (FOLDER / "examples" / "idr0082.toml").read_text()
    sheet = {"text": text, "mapping": mapping}
    async with open_house(
        wire=True, import_command=command, import_folder=tmp_path, limits={"deadline_seconds": 280}
    ) as house:
        token = await steward(house, "QIDR8")
        design = {
            "project": "QIDR8",
            "sheet": sheet,
            "createMissing": True,
            "imageLevels": ["BIOLOGICAL_SAMPLE"],
        }
        done = await finished(house, token, DESIGN, design, "design")
        assert done["operation"]["state"] == "SUCCEEDED", done
        assert counts(done)["samples"] == LESIONS
        given = {"project": "QIDR8", "sheet": sheet}
        done = await finished(house, token, IMAGES, given, "images")
        assert done["operation"]["state"] == "SUCCEEDED", done
        assert counts(done)["importedFiles"] == LESIONS
        assert counts(done)["images"] == len(rows)
        done = await finished(house, token, OMICS, given, "omics")
        assert done["operation"]["state"] == "SUCCEEDED", done
        nodes = (await house.data(LESION, token))["project"]["samples"]["edges"]
        found = {
            edge["node"]["name"]["value"]: edge["node"]
            for edge in nodes
            if edge["node"]["type"]["code"] == "Q_BIOLOGICAL_SAMPLE"
        }
        assert set(found) == {row["Source Name"] for row in rows}
        for name, lesion in found.items():
            its = [row for row in rows if row["Source Name"] == name]
            assert lesion["imaging"]["status"] == "LINKED"
            assert len(lesion["imaging"]["dataset"]["images"]["edges"]) == len(its)
            assert (
                lesion["outcome"]["value"] == its[0]["Characteristics [Phenotype Outcome]"].upper()
            )
            accessions = {its[0][column] for column in its[0] if column.startswith("Comment [")}
            told = {
                copy["externalCode"]
                for each in lesion["omicsDatasets"]
                for copy in each["contentCopies"]
            }
            assert told <= accessions
        cohort = (await house.data(COHORT, token))["cohort"]
        expected = {
            row["Source Name"]
            for row in rows
            if row["Characteristics [Phenotype Outcome]"] == "Progression"
            and row["Dataset Name"] == "Lung Carcinoma"
        }
        assert cohort["totalCount"] == len(expected)
