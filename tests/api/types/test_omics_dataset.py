from __future__ import annotations

from typing import Any

import pytest

from backends.demo.studies import hcc
from backends.demo.world import DataSet
from resolvers.paging import encode_id
from tests.atlas import Atlas, moment, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = """
  id permId code registeredAt modifiedAt registrator { userId firstName lastName }
  type { code } kind properties { code value }
  size format location status
  contentCopies { externalCode path systemCode systemLabel urlTemplate }
  sample { permId code } experiment { permId code }
  parents { permId } children { permId }
"""


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def plain(atlas: Atlas, data_set: DataSet) -> dict[str, Any]:
    sample = atlas.samples[data_set.sample or ""]
    experiment = atlas.experiments[data_set.experiment or ""]
    stores = {each.code: each for each in atlas.openbis.external_dms}
    copies = []
    if data_set.external_dms is not None:
        store = stores[data_set.external_dms]
        copies.append((data_set.external_code, store.code, store.label, store.url_template))
    return {
        "id": encode_id("OmicsDataset", data_set.code),
        "permId": data_set.code,
        "code": data_set.code,
        "registeredAt": moment(data_set.registered),
        "modifiedAt": moment(data_set.modified),
        "registrator": atlas.person(data_set.registrator),
        "type": {"code": data_set.type},
        "kind": data_set.kind,
        "properties": data_set.properties,
        "size": data_set.size,
        "format": data_set.file_format,
        "location": data_set.location,
        "status": "AVAILABLE" if data_set.kind == "PHYSICAL" else None,
        "contentCopies": copies,
        "sample": {"permId": sample.perm_id, "code": sample.code},
        "experiment": {"permId": experiment.perm_id, "code": experiment.code},
        "parents": [{"permId": up} for up in data_set.parents],
        "children": [
            {"permId": each.code}
            for each in atlas.openbis.data_sets
            if data_set.code in each.parents
        ],
    }


def comparable(node: dict[str, Any]) -> dict[str, Any]:
    return {
        **node,
        "properties": {each["code"]: each["value"] for each in node["properties"]},
        "contentCopies": [
            (each["externalCode"], each["systemCode"], each["systemLabel"], each["urlTemplate"])
            for each in node["contentCopies"]
        ],
    }


async def test_every_field_of_every_omics_dataset(open_door: House, atlas: Atlas) -> None:
    data = await open_door.data(
        f"{{ omicsDatasets(first: 500) {{ totalCount edges {{ node {{ {FIELDS} }} }} }} }}"
    )
    found = {node["permId"]: comparable(node) for node in nodes(data["omicsDatasets"])}
    known = {each.code: plain(atlas, each) for each in atlas.openbis.data_sets}
    assert data["omicsDatasets"]["totalCount"] == len(known)
    assert found == known
    assert any(each["size"] and each["size"] > 2**31 for each in found.values())


async def test_one_omics_dataset_by_each_of_its_names(open_door: House, atlas: Atlas) -> None:
    known = plain(atlas, atlas.openbis.data_sets[0])
    query = f"""query ($p: String!, $id: ID!) {{
        a: omicsDataset(permId: $p) {{ {FIELDS} }}
        b: omicsDataset(id: $id) {{ {FIELDS} }}
    }}"""
    data = await open_door.data(query, p=known["permId"], id=known["id"])
    assert comparable(data["a"]) == comparable(data["b"]) == known


async def test_what_a_link_dataset_points_to_is_an_image(open_door: House, atlas: Atlas) -> None:
    query = """{ omicsDatasets(where: {kind: LINK}) { totalCount edges { node {
        kind size location contentCopies { externalCode systemCode }
        sample { code parents { code } } } } } }"""
    found = (await open_door.data(query))["omicsDatasets"]
    assert found["totalCount"] == len(hcc.LINKED_DATA_PATIENTS)
    for node in nodes(found):
        assert (node["kind"], node["size"], node["location"]) == ("LINK", None, None)
        (copy,) = node["contentCopies"]
        assert copy["systemCode"] == hcc.OMERO_DMS
        (region,) = node["sample"]["parents"]
        (dataset,) = atlas.datasets_of[int(copy["externalCode"])]
        assert atlas.sample_of_dataset[dataset].code == region["code"]
