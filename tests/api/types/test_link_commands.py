from __future__ import annotations

from typing import Any

import pytest

from backends.demo import irregularities
from resolvers.paging import encode_id
from tests.atlas import Atlas
from tests.house import House

LINK_FIELDS = "id openbisPermId omeroId state revision history { change author }"
LINK_SAMPLE = (
    """mutation ($s: ID!, $d: ID!, $dry: Boolean = false) {
    linkSample(sample: $s, imageDataset: $d, dryRun: $dry) {
        changed link { %s } userErrors { code message field source } } }"""  # noqa: UP031
    % LINK_FIELDS
)
LINK_PROJECT = (
    """mutation ($p: ID!, $i: ID!, $dry: Boolean = false) {
    linkProject(project: $p, imageProject: $i, dryRun: $dry) {
        changed link { %s } userErrors { code message field source } } }"""  # noqa: UP031
    % LINK_FIELDS
)
UNLINK_SAMPLE = (
    """mutation ($l: ID!, $r: Int!, $dry: Boolean = false) {
    unlinkSample(link: $l, expectedRevision: $r, dryRun: $dry) {
        changed link { %s } userErrors { code message field source } } }"""  # noqa: UP031
    % LINK_FIELDS
)
UNLINK_PROJECT = (
    """mutation ($l: ID!, $r: Int!, $with: Boolean = false, $dry: Boolean = false) {
    unlinkProject(link: $l, expectedRevision: $r, withSamples: $with, dryRun: $dry) {
        changed link { %s } userErrors { code message field source } } }"""  # noqa: UP031
    % LINK_FIELDS
)
MOVE = (
    """mutation ($l: ID!, $r: Int!, $s: ID, $d: ID, $p: ID, $i: ID, $dry: Boolean = false) {
    moveLink(link: $l, expectedRevision: $r, sample: $s, imageDataset: $d, project: $p,
             imageProject: $i, dryRun: $dry) {
        changed link { %s } userErrors { code message field source } } }"""  # noqa: UP031
    % LINK_FIELDS
)
SEEN = """query ($s: String!) { sample(identifier: $s) {
    imaging { status dataset { omeroId keyValues { namespace key value } } }
    link { id revision state } property(code: "OMERO_IDS") { value } } }"""
STEWARD, ONCOLOGY = "steward", "oncology"


class Study:
    """What the tests link: a sample and a dataset of QHCC0 that belong together, and others."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.atlas = Atlas(house.world)
        self.links = {each.perm_id: each.omero_id for each in house.world.sample_links}
        self.datasets = {row["name"]: row["id"] for row in house.world.omero.rows["Dataset"]}
        (self.free,) = [
            each
            for each in self.atlas.samples_of("QHCC0", "Q_BIOLOGICAL_SAMPLE")
            if each.code in self.datasets and each.perm_id not in self.links
        ]
        self.dataset = self.datasets[self.free.code]

    async def seen(self, sample: str, token: str | None = None) -> Any:
        return (await self.house.data(SEEN, token, s=sample))["sample"]

    async def events(self) -> int:
        return await self.house.built.parts.services.links.revision()

    async def do(self, mutation: str, token: str | None = None, **variables: Any) -> Any:
        data = await self.house.data(mutation, token, **variables)
        (payload,) = data.values()
        return payload


@pytest.fixture
def study(house: House) -> Study:
    return Study(house)


def codes(payload: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


async def test_a_link_is_made_and_noted_in_both_systems(study: Study) -> None:
    sample = study.free.perm_id
    dry = await study.do(LINK_SAMPLE, s=sample, d=str(study.dataset), dry=True)
    assert (dry["changed"], dry["link"], dry["userErrors"]) == (True, None, [])
    assert (await study.seen(sample))["imaging"]["status"] == "NOT_LINKED"
    made = await study.do(LINK_SAMPLE, s=sample, d=str(study.dataset))
    assert (made["changed"], made["userErrors"]) == (True, [])
    assert made["link"]["history"] == [{"change": "LINKED", "author": STEWARD}]
    seen = await study.seen(sample)
    assert seen["imaging"]["status"] == "LINKED"
    assert {pair["key"]: pair["value"] for pair in seen["imaging"]["dataset"]["keyValues"]} == {
        "openBIS permId": sample,
        "openBIS identifier": f"/HEPATOLOGY/{study.free.code}",
        "openBIS instance": "openbis",
    }
    assert seen["property"] == {"value": str(study.dataset)}
    again = await study.do(
        LINK_SAMPLE,
        s=encode_id("Sample", sample),
        d=encode_id("ImageDataset", study.dataset),
    )
    assert (again["changed"], again["link"], again["userErrors"]) == (False, made["link"], [])


async def test_what_stands_in_a_property_of_others_stays(study: Study) -> None:
    """Two biopsies hold image ids there, as a bridge wrote them."""
    biopsy = next(
        each for each in study.atlas.samples_of("QHCC0") if "OMERO_IDS" in each.properties
    )
    before = await study.seen(biopsy.perm_id)
    link = before["link"]
    await study.do(UNLINK_SAMPLE, l=link["id"], r=link["revision"])
    dataset = str(study.links[biopsy.perm_id])
    made = await study.do(LINK_SAMPLE, s=biopsy.perm_id, d=dataset)
    assert (made["changed"], made["userErrors"]) == (True, [])
    assert (await study.seen(biopsy.perm_id))["property"] == before["property"]


async def test_an_unlinked_pair_leaves_nothing_behind_but_its_history(study: Study) -> None:
    sample = study.free.perm_id
    link = (await study.do(LINK_SAMPLE, s=sample, d=str(study.dataset)))["link"]
    stale = await study.do(UNLINK_SAMPLE, l=link["id"], r=2)
    assert codes(stale) == [("STALE_REVISION", "expectedRevision")]
    assert (await study.do(UNLINK_SAMPLE, l=link["id"], r=1, dry=True))["changed"]
    ended = await study.do(UNLINK_SAMPLE, l=link["id"], r=1)
    assert (ended["link"]["state"], ended["userErrors"]) == ("RETIRED", [])
    seen = await study.seen(sample)
    assert (seen["imaging"]["status"], seen["link"], seen["property"]) == ("NOT_LINKED", None, None)
    query = "query ($d: BigInt!) { imageDataset(omeroId: $d) { keyValues { key } } }"
    assert (await study.house.data(query, d=study.dataset))["imageDataset"]["keyValues"] == []
    over = await study.do(UNLINK_SAMPLE, l=link["id"], r=2)
    assert codes(over) == [("BAD_USER_INPUT", "link")]
    anew = await study.do(LINK_SAMPLE, s=sample, d=str(study.dataset))
    assert anew["link"]["id"] != link["id"]


async def test_bad_pairs_are_refused_and_nothing_is_written(study: Study) -> None:
    sample, dataset = study.free.perm_id, str(study.dataset)
    plant = study.atlas.samples_of("QRUP2", "Q_BIOLOGICAL_SAMPLE")
    leaf = next(each for each in plant if each.code in irregularities.LEAVES_WITHOUT_IMAGES)
    linked = next(each for each in study.atlas.samples_of("QHCC0") if each.perm_id in study.links)
    before = await study.events()
    cases = [
        (sample, "999999", [("NOT_FOUND", "imageDataset")]),
        ("20240101120000000-999", dataset, [("NOT_FOUND", "sample")]),
        ("/NO/SUCH", "999999", [("NOT_FOUND", "sample"), ("NOT_FOUND", "imageDataset")]),
        (leaf.perm_id, dataset, [("CROSS_PROJECT", "imageDataset")]),
        (linked.perm_id, dataset, [("LINK_CONFLICT", "sample")]),
        (sample, str(study.links[linked.perm_id]), [("LINK_CONFLICT", "imageDataset")]),
    ]
    for one, other, expected in cases:
        for dry in (True, False):
            refused = await study.do(LINK_SAMPLE, s=one, d=other, dry=dry)
            assert (codes(refused), refused["changed"], refused["link"]) == (expected, False, None)
            assert all(error["message"].endswith(".") for error in refused["userErrors"])
    assert await study.events() == before


@pytest.mark.parametrize(
    ("sample", "dataset"),
    [
        ("/A/B", "x"),
        ("/A/B", "0"),
        ("/A/B", "-1"),
        ("/A/B", str(2**63)),
        ("/A/B", "٣"),
        ("/A/B", encode_id("Image", 1)),
        (encode_id("Project", "p-1"), "1"),
    ],
)
async def test_half_a_pair_is_no_pair(study: Study, sample: str, dataset: str) -> None:
    answer = await study.house.ask(LINK_SAMPLE, s=sample, d=dataset)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "id" in error["message"]


async def test_only_who_may_change_both_ends_links_them(study: Study) -> None:
    sample, dataset = study.free.perm_id, str(study.dataset)
    expected = {
        "plant": [("NOT_FOUND", "sample"), ("NOT_FOUND", "imageDataset")],
        "genomics": [("NOT_FOUND", "imageDataset")],
        "microscopy": [("NOT_FOUND", "sample"), ("FORBIDDEN", "imageDataset")],
        "oncology": [],
    }
    before = await study.events()
    for user, refusals in expected.items():
        token = await study.house.login(user)
        told = await study.do(LINK_SAMPLE, token, s=sample, d=dataset, dry=True)
        assert codes(told) == refusals, user
        if refusals:
            told = await study.do(LINK_SAMPLE, token, s=sample, d=dataset)
            assert (codes(told), told["link"]) == (refusals, None), user
    assert await study.events() == before
    token = await study.house.login(ONCOLOGY)
    made = await study.do(LINK_SAMPLE, token, s=sample, d=dataset)
    assert made["link"]["history"] == [{"change": "LINKED", "author": ONCOLOGY}]
    for user in ("plant", "genomics", "microscopy"):
        token = await study.house.login(user)
        answer = await study.house.ask(UNLINK_SAMPLE, token, l=made["link"]["id"], r=1)
        told = (answer["data"] or {}).get("unlinkSample")
        assert answer.get("errors") or codes(told), user
    assert (await study.seen(sample))["link"]["revision"] == 1


async def test_projects_are_linked_by_who_may_change_them(study: Study) -> None:
    project = next(each for each in study.house.world.openbis.projects if each.code == "QRUP2")
    (own,) = [x for x in study.house.world.project_links if x.perm_id == project.perm_id]
    query = 'query { project(identifier: "QRUP2") { link { id revision } } }'
    link = (await study.house.data(query))["project"]["link"]
    token = await study.house.login("plant")
    told = await study.do(UNLINK_PROJECT, token, **{"l": link["id"], "r": 1, "with": True})
    assert codes(told) == [("FORBIDDEN", "project")], (
        "a project is its space's power users' to change"
    )
    held = await study.do(UNLINK_PROJECT, l=link["id"], r=1)
    assert codes(held) == [("LINK_CONFLICT", "withSamples")]
    ended = await study.do(UNLINK_PROJECT, **{"l": link["id"], "r": 1, "with": True})
    assert (ended["link"]["state"], ended["userErrors"]) == ("RETIRED", [])
    leaf = next(each for each in study.atlas.samples_of("QRUP2") if each.perm_id in study.links)
    assert (await study.seen(leaf.perm_id))["imaging"]["status"] == "NOT_LINKED"
    orphan = await study.do(LINK_SAMPLE, s=leaf.perm_id, d=str(study.links[leaf.perm_id]))
    assert codes(orphan) == [("BAD_USER_INPUT", "sample")]
    assert "link it first" in orphan["userErrors"][0]["message"]
    other = str(next(x.omero_id for x in study.house.world.project_links if x != own))
    taken = await study.do(LINK_PROJECT, p="/PLANT_BIOLOGY/QRUP2", i=other)
    assert codes(taken) == [("LINK_CONFLICT", "imageProject")]
    made = await study.do(LINK_PROJECT, p="/plant_biology/qrup2", i=str(own.omero_id))
    assert (made["changed"], made["link"]["omeroId"]) == (True, own.omero_id)


async def test_a_link_moves_to_another_dataset_and_to_another_sample(study: Study) -> None:
    linked = next(each for each in study.atlas.samples_of("QHCC0") if each.perm_id in study.links)
    old = study.links[linked.perm_id]
    link = (await study.seen(linked.perm_id))["link"]
    wrong = await study.do(MOVE, l=link["id"], r=9, d=str(study.dataset))
    assert codes(wrong) == [("STALE_REVISION", "expectedRevision")]
    nowhere = await study.do(MOVE, l=link["id"], r=1)
    assert codes(nowhere) == [("BAD_USER_INPUT", None)]
    assert (await study.do(MOVE, l=link["id"], r=1, d=str(study.dataset), dry=True))["changed"]
    moved = await study.do(MOVE, l=link["id"], r=1, d=str(study.dataset))
    assert (moved["link"]["omeroId"], moved["link"]["revision"]) == (study.dataset, 2)
    query = "query ($d: BigInt!) { imageDataset(omeroId: $d) { keyValues { key value } } }"
    left = (await study.house.data(query, d=old))["imageDataset"]["keyValues"]
    assert "openBIS permId" not in {pair["key"] for pair in left}
    taken = next(
        each
        for each in study.atlas.samples_of("QHCC0")
        if each.perm_id in study.links and each is not linked
    )
    refused = await study.do(MOVE, l=link["id"], r=2, s=taken.perm_id)
    assert codes(refused) == [("LINK_CONFLICT", "sample")]
    onward = await study.do(MOVE, l=link["id"], r=2, s=study.free.perm_id)
    assert onward["link"]["openbisPermId"] == study.free.perm_id
    assert [each["change"] for each in onward["link"]["history"]] == ["LINKED", "MOVED", "MOVED"]
    assert (await study.seen(study.free.perm_id))["property"] == {"value": str(study.dataset)}
    seen = await study.seen(study.free.perm_id)
    values = [pair["value"] for pair in seen["imaging"]["dataset"]["keyValues"]]
    assert study.free.perm_id in values
    assert linked.perm_id not in values
    answer = await study.house.ask(MOVE, l=link["id"], r=3, i="1")
    assert "give `sample` or `imageDataset`" in answer["errors"][0]["message"]


async def test_a_note_that_cannot_be_written_does_not_undo_the_link(study: Study) -> None:
    study.house.built.faults["omero"].fail_next["save"] = 1
    sample = study.free.perm_id
    made = await study.do(LINK_SAMPLE, s=sample, d=str(study.dataset))
    assert made["link"]["state"] == "ACTIVE"
    assert codes(made) == [("ANNOTATION_DRIFT", "imageDataset")]
    assert made["userErrors"][0]["source"] == "OMERO"


async def test_with_a_system_down_nothing_is_written(study: Study) -> None:
    before = await study.events()
    for backend in ("omero", "openbis"):
        await study.house.switch(backend, state="off")
        answer = await study.house.ask(LINK_SAMPLE, s=study.free.perm_id, d=str(study.dataset))
        assert answer["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
        await study.house.switch(backend, state="on")
        study.house.recover()
    assert await study.events() == before
