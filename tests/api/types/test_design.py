from __future__ import annotations

from collections import defaultdict

import pytest

from backends.demo.studies import hcc, rup2, synthetic
from tests.atlas import Atlas
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUERY = """query ($p: String!) { project(identifier: $p) { design {
    studyDesign problem
    technologies { name sampleCodes }
    factors { label unit levels { value sampleCodes } }
    characteristics { label value unit sampleCode }
} } }"""


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


async def test_the_full_factorial_design_of_the_plant_study(open_door: House, atlas: Atlas) -> None:
    design = (await open_door.data(QUERY, p=rup2.PROJECT))["project"]["design"]
    assert design["studyDesign"] == "Full factorial design"
    assert design["problem"] is None
    leaves = atlas.samples_of(rup2.PROJECT, "Q_BIOLOGICAL_SAMPLE")
    (imaging,) = design["technologies"]
    assert imaging["name"] == "Imaging"
    assert set(imaging["sampleCodes"]) == {leaf.code for leaf in leaves}
    factors = {factor["label"]: factor for factor in design["factors"]}
    known: dict[str, defaultdict[str, set[str]]] = {
        "gfp_fusion": defaultdict(set),
        "mcherry_fusion": defaultdict(set),
        "leaf_position": defaultdict(set),
    }
    for sample in [*leaves, *atlas.samples_of(rup2.PROJECT, "Q_BIOLOGICAL_ENTITY")]:
        green, red, _, *place = sample.properties["Q_SECONDARY_NAME"].split(" ; ")
        known["gfp_fusion"][green].add(sample.code)
        known["mcherry_fusion"][red].add(sample.code)
        for name in place:
            known["leaf_position"][name].add(sample.code)
    for label, levels in known.items():
        told = {each["value"]: set(each["sampleCodes"]) for each in factors[label]["levels"]}
        assert told == levels
        assert factors[label]["unit"] is None
    assert factors["time_after_infiltration"]["unit"] == "h"
    assert {each["value"] for each in factors["time_after_infiltration"]["levels"]} == {"48", "72"}
    assert len(factors) == 4


@pytest.mark.parametrize("project", [synthetic.PROJECT, hcc.PROJECT])
async def test_the_characteristics_of_patients(
    open_door: House, atlas: Atlas, project: str
) -> None:
    design = (await open_door.data(QUERY, p=project))["project"]["design"]
    patients = {each.code: each for each in atlas.samples_of(project, "Q_BIOLOGICAL_ENTITY")}
    told = {each["sampleCode"]: each for each in design["characteristics"]}
    assert set(told) == set(patients)
    for code, each in told.items():
        assert (each["label"], each["unit"]) == ("age", "y")
        age = patients[code].properties.get("Q_AGE_AT_DIAGNOSIS", each["value"])
        assert each["value"] == age
    imaging = next(each for each in design["technologies"] if each["name"] == "Imaging")
    samples = {each.code for each in atlas.samples_of(project, "Q_BIOLOGICAL_SAMPLE")}
    assert set(imaging["sampleCodes"]) <= samples
