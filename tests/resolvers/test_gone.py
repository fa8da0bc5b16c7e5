from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from backends.demo import irregularities
from backends.lane import Call
from backends.openbis.write import Removal
from backends.records import Kind
from tests.atlas import Atlas
from tests.house import House

SEEN = """query ($s: String!) { sample(identifier: $s) {
    imaging { status } link { id state revision history { change author } } } }"""
LINK = "query ($id: ID!) { node(id: $id) { ... on SampleLink { state sample { code } } } }"


ORPHAN = f"/PLANT_BIOLOGY/{irregularities.LEAF_WITH_DELETED_DATASET}"


async def seen(house: House, user: str, sample: str) -> Any:
    return (await house.data(SEEN, await house.login(user), s=sample))["sample"]


async def test_who_sees_everything_notices_that_a_dataset_is_gone(house: House) -> None:
    sample = ORPHAN
    before = await seen(house, "plant", sample)
    assert before["imaging"]["status"] == "NOT_PERMITTED", "for this user it may be hidden"
    assert before["link"]["state"] == "ACTIVE"
    assert (await seen(house, "steward", sample))["imaging"]["status"] == "GONE"
    after = await seen(house, "plant", sample)
    assert after["imaging"]["status"] == "GONE", "somebody has found out"
    assert (after["link"]["state"], after["link"]["revision"]) == ("BROKEN", 2)
    assert after["link"]["history"][-1] == {"change": "BROKEN", "author": "steward"}
    await seen(house, "steward", sample)
    again = await seen(house, "steward", sample)
    assert again["link"]["revision"] == 2, "it is noted once"


async def test_opening_a_link_whose_sample_is_gone_breaks_it(house: House) -> None:
    atlas = Atlas(house.world)
    linked = house.world.sample_links[0]
    code = atlas.samples[linked.perm_id].code
    link = (await seen(house, "steward", linked.perm_id))["link"]
    services = house.built.parts.services
    token = await services.openbis.login("steward", SecretStr("demo"), Call())
    opened = await house.data(LINK, id=link["id"])
    assert opened["node"] == {"state": "ACTIVE", "sample": {"code": code}}
    await services.openbis.transact(token, [Removal(Kind.SAMPLE, [linked.perm_id], "t")], Call())
    assert (await house.data(LINK, id=link["id"]))["node"]["sample"] is None
    assert (await house.data(LINK, id=link["id"]))["node"]["state"] == "BROKEN"
