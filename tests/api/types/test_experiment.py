from __future__ import annotations

from typing import Any

import pytest

from backends.demo.world import Experiment
from resolvers.paging import encode_id
from tests.atlas import Atlas, by_code, moment, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = """
  id permId code identifier registeredAt modifiedAt
  registrator { userId firstName lastName } type { code } properties { code value }
  project { permId code identifier }
  samples(first: 3) { totalCount edges { node { code } } }
"""


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def plain(atlas: Atlas, experiment: Experiment) -> dict[str, Any]:
    project = atlas.projects[experiment.project]
    identifier = f"/{project.space}/{project.code}"
    samples = [each.code for each in atlas.openbis.samples if each.experiment == experiment.perm_id]
    return {
        "id": encode_id("Experiment", experiment.perm_id),
        "permId": experiment.perm_id,
        "code": experiment.code,
        "identifier": f"{identifier}/{experiment.code}",
        "registeredAt": moment(experiment.registered),
        "modifiedAt": moment(experiment.modified),
        "registrator": atlas.person(experiment.registrator),
        "type": {"code": experiment.type},
        "properties": experiment.properties,
        "project": {"permId": project.perm_id, "code": project.code, "identifier": identifier},
        "samples": (len(samples), sorted(samples)[:3]),
    }


def comparable(node: dict[str, Any]) -> dict[str, Any]:
    samples = node["samples"]
    return {
        **node,
        "properties": {each["code"]: each["value"] for each in node["properties"]},
        "samples": (samples["totalCount"], [each["code"] for each in nodes(samples)]),
    }


async def test_every_field_of_every_experiment(open_door: House, atlas: Atlas) -> None:
    data = await open_door.data(
        f"{{ experiments(first: 100) {{ totalCount edges {{ node {{ {FIELDS} }} }} }} }}"
    )
    found = {node["permId"]: comparable(node) for node in nodes(data["experiments"])}
    assert found == {
        each.perm_id: plain(atlas, each) for each in by_code(atlas.openbis.experiments)
    }
    assert data["experiments"]["totalCount"] == len(found)


async def test_one_experiment_by_each_of_its_names(open_door: House, atlas: Atlas) -> None:
    known = plain(atlas, atlas.openbis.experiments[-1])
    query = f"""query ($i: String!, $p: String!, $id: ID!, $code: String!) {{
        a: experiment(identifier: $i) {{ {FIELDS} }}
        b: experiment(identifier: $p) {{ {FIELDS} }}
        c: experiment(id: $id) {{ {FIELDS} one: property(code: $code) {{ value }} }}
    }}"""
    code, value = next(iter(known["properties"].items()))
    data = await open_door.data(
        query, i=known["identifier"], p=known["permId"], id=known["id"], code=code.lower()
    )
    assert data["c"].pop("one") == {"value": value}
    for node in data.values():
        assert comparable(node) == known


async def test_samples_of_an_experiment_are_filtered(open_door: House, atlas: Atlas) -> None:
    sample = next(each for each in atlas.openbis.samples if each.experiment)
    query = """query ($i: String!, $c: String!) { experiment(identifier: $i) {
        one: samples(where: {code: {eq: $c}}) { totalCount edges { node { code } } }
        none: samples(where: {not: {code: {exists: true}}}) { totalCount }
    } }"""
    found = await open_door.data(query, i=sample.experiment, c=sample.code)
    assert [node["code"] for node in nodes(found["experiment"]["one"])] == [sample.code]
    assert found["experiment"]["none"]["totalCount"] == 0
