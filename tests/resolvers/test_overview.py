"""A world with what the built-in one lacks: pools, derived datasets, old and broken designs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from backends.demo.studies import rup2, synthetic
from backends.demo.study import build_world
from backends.demo.world import World
from tests.atlas import Atlas, nodes
from tests.house import House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETUP = "Q_EXPERIMENTAL_SETUP"
POOL, OWN_POOL = "POOL-OF-TWO", "POOL-OF-ONE"
DERIVED = 620  # more than a page holds


def amended() -> World:
    """The built-in world with more in it."""
    world = build_world(1)
    atlas = Atlas(world)
    first, second = atlas.samples_of(synthetic.PROJECT, "Q_TEST_SAMPLE")[:3:2]
    tissue, *_ = atlas.samples_of(synthetic.PROJECT, "Q_BIOLOGICAL_SAMPLE")
    sibling = atlas.children[tissue.parents[0]][1]
    for number, (code, parents) in enumerate(
        {POOL: [first, second], OWN_POOL: [tissue, sibling]}.items(), start=1
    ):
        world.openbis.samples.append(
            replace(
                first,
                perm_id=f"20260101000000000-{number}",
                code=code,
                parents=[each.perm_id for each in parents],
            )
        )
    raw = world.openbis.data_sets[0]
    for number in range(DERIVED):
        world.openbis.data_sets.append(
            replace(
                raw,
                code=f"20260102000000000-{number}",
                sample=tissue.perm_id,
                parents=[raw.code],
            )
        )
    designs = {each.project: each for each in world.openbis.experiments if SETUP in each.properties}
    del designs[atlas.project(rup2.PROJECT).perm_id].properties[SETUP]
    designs[atlas.project(synthetic.PROJECT).perm_id].properties[SETUP] = "<not><xml>"
    return world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other_house() -> AsyncIterator[House]:
    async with open_house(world=amended()) as opened:
        yield opened


async def test_a_pool_has_all_its_ancestors_once_and_no_subject(other_house: House) -> None:
    atlas = Atlas(other_house.world)
    query = """query ($c: String!) { samples(where: {code: {eq: $c}}) { edges { node {
        parents { code } ancestors { code } subject { code }
        entities: ancestors(type: "Q_BIOLOGICAL_ENTITY") { code } } } } }"""
    (pool,) = nodes((await other_house.data(query, c=POOL))["samples"])
    sample = atlas.sample(POOL)
    above = {each.code for each in atlas.above(sample)}
    assert {each["code"] for each in pool["parents"]} == {
        atlas.samples[up].code for up in sample.parents
    }
    assert {each["code"] for each in pool["ancestors"]} == above
    assert len(pool["ancestors"]) == len(above)
    entities = {each["code"] for each in pool["entities"]}
    assert len(entities) == (2 if pool["subject"] is None else 1)
    (own,) = nodes((await other_house.data(query, c=OWN_POOL))["samples"])
    assert len(own["parents"]) == 2
    assert len(own["entities"]) == 1
    assert own["subject"] == own["entities"][0]


async def test_both_parents_of_a_pool_have_it_as_descendant(other_house: House) -> None:
    atlas = Atlas(other_house.world)
    query = "query ($i: String!) { sample(identifier: $i) { descendants { code } } }"
    for parent in atlas.sample(POOL).parents:
        found = (await other_house.data(query, i=parent))["sample"]["descendants"]
        assert POOL in {each["code"] for each in found}


async def test_datasets_know_what_they_were_derived_from(other_house: House) -> None:
    raw = other_house.world.openbis.data_sets[0]
    query = """query ($p: String!) { omicsDataset(permId: $p) {
        children { permId parents { permId } } } }"""
    children = (await other_house.data(query, p=raw.code))["omicsDataset"]["children"]
    assert len(children) == DERIVED
    assert {each["parents"][0]["permId"] for each in children} == {raw.code}


async def test_no_omics_dataset_of_a_sample_is_left_out(other_house: House) -> None:
    """More than a page holds: a list without pages is read to its end."""
    raw = other_house.world.openbis.data_sets[-1]
    query = """query ($i: String!) { sample(identifier: $i) {
        all: omicsDatasets { permId } physical: omicsDatasets(where: {kind: PHYSICAL}) { permId }
    } }"""
    found = (await other_house.data(query, i=raw.sample))["sample"]
    for each in ("all", "physical"):
        assert len({row["permId"] for row in found[each]}) == DERIVED


async def test_a_design_is_gathered_from_its_samples_where_the_project_has_none(
    other_house: House,
) -> None:
    query = """query ($p: String!) { project(identifier: $p) { design { problem
        factors { label levels { value sampleCodes } }
        characteristics { label value sampleCode } } } }"""
    found = (await other_house.data(query, p=rup2.PROJECT))["project"]["design"]
    atlas = Atlas(other_house.world)
    legacy = {
        each.code: each.properties["Q_PROPERTIES"]
        for each in atlas.samples_of(rup2.PROJECT)
        if "Q_PROPERTIES" in each.properties
    }
    assert legacy
    assert found["problem"] is None
    levels = [level for factor in found["factors"] for level in factor["levels"]]
    told = {code for level in levels for code in level["sampleCodes"]}
    told |= {each["sampleCode"] for each in found["characteristics"]}
    assert told == set(legacy)
    for level in levels:
        assert all(level["value"] in legacy[code] for code in level["sampleCodes"])


async def test_a_design_that_cannot_be_read_says_so(other_house: House) -> None:
    query = """query ($p: String!) { project(identifier: $p) { design { problem studyDesign
        technologies { name } factors { label } characteristics { label } } } }"""
    found = (await other_house.data(query, p=synthetic.PROJECT))["project"]["design"]
    assert found.pop("problem")
    assert found == {
        "studyDesign": None,
        "technologies": [],
        "factors": [],
        "characteristics": [],
    }
