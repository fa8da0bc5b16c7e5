"""Discovery, audit and repair through GraphQL, over the demonstration and its five users."""

from __future__ import annotations

from typing import Any

import pytest

from backends.demo.studies import hcc, rup2
from tests.atlas import Atlas
from tests.house import House

DISCOVER = """mutation ($p: String, $dry: Boolean, $first: Int) {
    discoverLinks(project: $p, dryRun: $dry, first: $first) {
        proposed linked ambiguous
        proposals { kind permId omeroId evidence confidence linked userErrors { code } }
        ambiguities { kind permIds omeroIds sentence }
        userErrors { code message } } }"""
AUDIT = """query ($p: String, $first: Int) { linkAudit(project: $p, first: $first) {
    findings { id kind repair sentence } counts { kind count } samples imageDatasets links } }"""
REPAIR = """mutation ($p: String, $kinds: [LinkFindingKind!], $ids: [ID!], $dry: Boolean) {
    repairLinks(project: $p, kinds: $kinds, ids: $ids, dryRun: $dry) {
        repaired results { finding { id kind } done userErrors { code field } }
        userErrors { code message field } } }"""
CANDIDATE, ORPHAN, TWIN = "UNLINKED_CANDIDATE", "ORPHANED_IN_OPENBIS", "AMBIGUOUS_NAME"


async def found(house: House, token: str | None = None, **variables: Any) -> dict[str, int]:
    audit = (await house.data(AUDIT, token, **variables))["linkAudit"]
    return {each["kind"]: each["count"] for each in audit["counts"] if each["count"]}


async def test_discovery_takes_over_what_is_beyond_doubt(house: House) -> None:
    dry = (await house.data(DISCOVER, dry=True))["discoverLinks"]
    assert (dry["proposed"], dry["linked"], dry["ambiguous"]) == (1, 0, 1)
    (proposal,) = dry["proposals"]
    assert (proposal["evidence"], proposal["linked"]) == (["Q_OMERO_IDS", "NAME"], False)
    (knot,) = dry["ambiguities"]
    assert "linked already" in knot["sentence"]
    assert await found(house) == {CANDIDATE: 1, ORPHAN: 1, TWIN: 1}
    made = (await house.data(DISCOVER, p=hcc.PROJECT))["discoverLinks"]
    assert (made["proposed"], made["linked"], made["userErrors"]) == (1, 1, [])
    again = (await house.data(DISCOVER, p=hcc.PROJECT))["discoverLinks"]
    assert (again["proposed"], again["linked"]) == (0, 0)
    assert await found(house) == {ORPHAN: 1, TWIN: 1}


async def test_the_whole_installation_is_audited_and_counted(open_door: House) -> None:
    world, atlas = open_door.world, Atlas(open_door.world)
    audit = (await open_door.data(AUDIT, first=1))["linkAudit"]
    assert len(audit["findings"]) == 1
    assert sum(each["count"] for each in audit["counts"]) == 3
    assert audit["samples"] == len(world.openbis.samples)
    assert audit["links"] == len(world.project_links) + len(world.sample_links)
    assert audit["imageDatasets"] == len(atlas.rows("Dataset"))


async def test_a_repair_mends_what_is_named_and_nothing_else(house: House) -> None:
    audit = (await house.data(AUDIT))["linkAudit"]
    ids = {each["kind"]: each["id"] for each in audit["findings"]}
    dry = (await house.data(REPAIR, ids=[ids[CANDIDATE]], dry=True))["repairLinks"]
    assert (dry["repaired"], len(dry["results"])) == (1, 1)
    assert await found(house) == {CANDIDATE: 1, ORPHAN: 1, TWIN: 1}
    done = (await house.data(REPAIR, ids=[ids[CANDIDATE], "0" * 16]))["repairLinks"]
    assert done["repaired"] == 1
    assert [(each["code"], each["field"]) for each in done["userErrors"]] == [("NOT_FOUND", "ids")]
    assert await found(house) == {ORPHAN: 1, TWIN: 1}
    left = (await house.data(REPAIR, kinds=[TWIN]))["repairLinks"]
    assert (left["repaired"], [each["done"] for each in left["results"]]) == (0, [False])
    broken = (await house.data(REPAIR, kinds=[ORPHAN], p=rup2.PROJECT))["repairLinks"]
    assert broken["repaired"] == 1
    over = (await house.data(REPAIR, kinds=[ORPHAN]))["repairLinks"]
    assert over["repaired"] == 1, "what is marked broken is ended by the next repair"
    assert await found(house) == {TWIN: 1}


async def test_a_repair_has_to_say_what(house: House) -> None:
    (error,) = (await house.ask(REPAIR))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    (error,) = (await house.ask(AUDIT, first=501))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("user", "linked"), [("plant", 0), ("genomics", 0), ("microscopy", None), ("oncology", 1)]
)
async def test_each_user_adopts_what_is_theirs(house: House, user: str, linked: int | None) -> None:
    token = await house.login(user)
    before = await house.built.parts.services.links.revision()
    answer = await house.ask(DISCOVER, token)
    if linked is None:
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    else:
        assert answer["data"]["discoverLinks"]["linked"] == linked
    assert await house.built.parts.services.links.revision() == before + (linked or 0)
