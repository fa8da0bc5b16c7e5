from __future__ import annotations

from typing import Any

import pytest

from backends.demo import irregularities
from backends.demo.studies import hcc, rup2, synthetic
from link_store.records import LinkKind, LinkRef
from resolvers.paging import decode_id, encode_id
from tests.atlas import Atlas, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

AUDIT = """query ($p: String!) { linkAudit(project: $p) {
    samples imageDatasets links
    counts { kind count }
    findings { kind linkKind repair sentence openbisPermIds omeroIds linkId }
} }"""
LINKS = """query ($p: String!, $kind: LinkKind, $states: [LinkState!], $first: Int) {
    links(project: $p, kind: $kind, states: $states, first: $first) { totalCount edges { node {
        __typename id openbisPermId omeroId state evidence revision createdBy
        history { change oldState newState revision author }
        ... on ProjectLink { project { code } imageProject { omeroId name } }
        ... on SampleLink { sample { code } imageDataset { omeroId name } }
    } } } }"""
HISTORY = [
    {
        "change": "LINKED",
        "oldState": None,
        "newState": "ACTIVE",
        "revision": 1,
        "author": "steward",
    }
]


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


def links_of(atlas: Atlas, project: str) -> list[Any]:
    perm_id = atlas.project(project).perm_id
    return [each for each in atlas.world.sample_links if each.project_perm_id == perm_id]


@pytest.mark.parametrize("project", [rup2.PROJECT, hcc.PROJECT, synthetic.PROJECT])
async def test_the_links_of_a_project(open_door: House, atlas: Atlas, project: str) -> None:
    found = (await open_door.data(LINKS, p=project, first=500))["links"]
    own, *samples = nodes(found)
    perm_id = atlas.project(project).perm_id
    omero_id = atlas.image_project(project)
    assert decode_id(own.pop("id"))[0] == "ProjectLink"
    assert own == {
        "__typename": "ProjectLink",
        "openbisPermId": perm_id,
        "omeroId": omero_id,
        "state": "ACTIVE",
        "evidence": "DECLARED",
        "revision": 1,
        "createdBy": "steward",
        "history": HISTORY,
        "project": {"code": project},
        "imageProject": {"omeroId": omero_id, "name": project},
    }
    known = {each.perm_id: each.omero_id for each in links_of(atlas, project)}
    assert found["totalCount"] == len(known) + 1
    assert {each["openbisPermId"]: each["omeroId"] for each in samples} == known
    for each in samples:
        assert each["sample"] == {"code": atlas.samples[each["openbisPermId"]].code}
        assert each["history"][:1] == HISTORY
        row = atlas.rows("Dataset").get(each["omeroId"])
        if row is None:
            assert each["sample"]["code"] == irregularities.LEAF_WITH_DELETED_DATASET
            assert each["imageDataset"] is None
            # That it is gone, this very question writes down; maybe before it reads the history.
            assert [event["change"] for event in each["history"][1:]] in ([], ["BROKEN"])
        else:
            assert each["history"] == HISTORY
            assert each["imageDataset"] == {"omeroId": row["id"], "name": row["name"]}


async def test_links_are_chosen_by_kind_and_state(open_door: House, atlas: Atlas) -> None:
    number = len(links_of(atlas, hcc.PROJECT))
    for given, total in (
        ({"kind": "PROJECT"}, 1),
        ({"kind": "SAMPLE"}, number),
        ({"states": ["ACTIVE"]}, number + 1),
        ({"states": ["BROKEN", "RESERVED"]}, 0),
        ({"states": ["RETIRED"]}, 0),
        ({"states": []}, 0),
    ):
        found = await open_door.data(LINKS, p=hcc.PROJECT, first=1, **given)
        assert found["links"]["totalCount"] == total, given


async def test_the_audit_of_the_plant_study_tells_what_is_wrong_with_it(
    open_door: House, atlas: Atlas
) -> None:
    audit = (await open_door.data(AUDIT, p=rup2.PROJECT))["linkAudit"]
    project = atlas.image_project(rup2.PROJECT)
    assert audit["samples"] == len(atlas.samples_of(rup2.PROJECT))
    assert audit["imageDatasets"] == len(atlas.datasets_in[project])
    assert audit["links"] == len(links_of(atlas, rup2.PROJECT)) + 1
    gone = atlas.sample(irregularities.LEAF_WITH_DELETED_DATASET)
    (orphan,) = [each for each in audit["findings"] if each["kind"] == "ORPHANED_IN_OPENBIS"]
    (link,) = [each for each in links_of(atlas, rup2.PROJECT) if each.perm_id == gone.perm_id]
    assert orphan["openbisPermIds"] == [gone.perm_id]
    assert orphan["omeroIds"] == [link.omero_id]
    assert orphan["linkKind"] == "SAMPLE"
    assert orphan["repair"] in {"MARK_BROKEN", "RETIRE_LINK"}
    assert gone.code in orphan["sentence"]
    query = "query ($id: ID!) { node(id: $id) { ... on SampleLink { sample { code } omeroId } } }"
    node = (await open_door.data(query, id=orphan["linkId"]))["node"]
    assert node == {"sample": {"code": gone.code}, "omeroId": link.omero_id}
    (twin,) = [each for each in audit["findings"] if each["kind"] == "AMBIGUOUS_NAME"]
    twins = [
        row["id"]
        for row in atlas.rows("Dataset").values()
        if row["name"] == irregularities.DATASET_WITH_DUPLICATE_NAME
    ]
    assert len(twins) == 2
    assert set(twin["omeroIds"]) <= set(twins)
    assert set(twin["omeroIds"]) - set(atlas.sample_of_dataset)  # the one that is not linked
    assert irregularities.DATASET_WITH_DUPLICATE_NAME in twin["sentence"]
    assert twin["repair"] == "LINK_BY_HAND"
    assert len(audit["findings"]) == 2
    counts = {each["kind"]: each["count"] for each in audit["counts"]}
    assert {kind: count for kind, count in counts.items() if count} == {
        "ORPHANED_IN_OPENBIS": 1,
        "AMBIGUOUS_NAME": 1,
    }
    assert len(counts) == 7


async def test_the_audit_of_the_trial_proposes_the_link_that_is_missing(
    open_door: House, atlas: Atlas
) -> None:
    audit = (await open_door.data(AUDIT, p=hcc.PROJECT))["linkAudit"]
    (finding,) = audit["findings"]
    linked = set(atlas.sample_of_dataset)
    (dataset,) = [
        number
        for number in atlas.datasets_in[atlas.image_project(hcc.PROJECT)]
        if number not in linked
    ]
    sample = atlas.sample(atlas.rows("Dataset")[dataset]["name"])
    assert finding["kind"] == "UNLINKED_CANDIDATE"
    assert finding["repair"] == "LINK"
    assert finding["openbisPermIds"] == [sample.perm_id]
    assert finding["omeroIds"] == [dataset]
    assert finding["linkId"] is None


async def test_the_audit_of_a_clean_study_finds_nothing(open_door: House, atlas: Atlas) -> None:
    audit = (await open_door.data(AUDIT, p=synthetic.PROJECT))["linkAudit"]
    assert audit["findings"] == []
    assert audit["samples"] == len(atlas.samples_of(synthetic.PROJECT))
    assert audit["imageDatasets"] == 3 * synthetic.PATIENTS
    assert audit["links"] == 3 * synthetic.PATIENTS + 1


async def test_nobody_who_does_not_see_all_is_told_that_something_is_gone(
    open_door: House,
) -> None:
    """An incomplete side proves nothing: `plant` may not see every dataset there is."""
    audit = await open_door.data(AUDIT, await open_door.login("plant"), p=rup2.PROJECT)
    assert {each["kind"] for each in audit["linkAudit"]["findings"]} <= {"STUCK_RESERVATION"}


async def test_a_link_found_from_omero_is_shown_to_who_sees_its_sample(
    open_door: House, atlas: Atlas
) -> None:
    project = atlas.image_project(hcc.PROJECT)
    dataset = next(each for each in atlas.datasets_in[project] if each in atlas.sample_of_dataset)
    query = """query ($p: BigInt!, $d: BigInt!) {
        imageProject(omeroId: $p) { link { id openbisPermId } project { code } }
        imageDataset(omeroId: $d) { link { id openbisPermId } sample { code } }
    }"""
    found = await open_door.data(query, await open_door.login("oncology"), p=project, d=dataset)
    sample = atlas.sample_of_dataset[dataset]
    assert found["imageProject"]["link"]["openbisPermId"] == atlas.project(hcc.PROJECT).perm_id
    assert found["imageDataset"]["link"]["openbisPermId"] == sample.perm_id
    assert found["imageDataset"]["sample"] == {"code": sample.code}
    token = await open_door.login("microscopy")  # sees images, but nothing in openBIS
    hidden = await open_door.data(query, token, p=project, d=dataset)
    assert hidden == {
        "imageProject": {"link": None, "project": None},
        "imageDataset": {"link": None, "sample": None},
    }


@pytest.mark.parametrize("user", ["oncology", "genomics", "plant", "microscopy"])
async def test_links_per_viewer(open_door: House, user: str) -> None:
    token = await open_door.login(user)
    answer = await open_door.ask(LINKS, token, p=hcc.PROJECT, first=5)
    if user in {"plant", "microscopy"}:
        assert answer["data"] == {"links": None}
        code = "NOT_FOUND" if user == "plant" else "FORBIDDEN"
        assert [each["extensions"]["code"] for each in answer["errors"]] == [code]
        return
    assert "errors" not in answer
    own, *samples = nodes(answer["data"]["links"])
    assert own["project"] == {"code": hcc.PROJECT}
    assert all(each["sample"] for each in samples)
    sees_images = user == "oncology"
    assert (own["imageProject"] is not None) is sees_images
    assert [each["imageDataset"] is not None for each in samples] == [sees_images] * 4


async def test_a_link_without_a_place_is_not_found(open_door: House) -> None:
    query = "query ($id: ID!) { node(id: $id) { id } }"
    for kind in ("ProjectLink", "SampleLink"):
        answer = await open_door.ask(query, id=encode_id(kind, 10**6))
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"
        assert error["extensions"]["source"] == "LINK_STORE"
    (error,) = (await open_door.ask(query, id=encode_id("SampleLink", "x1")))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_history_and_states_after_changes(house: House) -> None:
    """The read side shows what the store was told: broken, retired, made anew."""
    atlas = Atlas(house.world)
    store = house.built.parts.services.links
    project = rup2.PROJECT
    first, second = [
        each for each in links_of(atlas, project) if each.omero_id in atlas.rows("Dataset")
    ][:2]
    records = await store.sample_links([first.perm_id, second.perm_id])
    one, two = records[first.perm_id], records[second.perm_id]
    await store.mark_broken(one.ref, expected_revision=one.revision, author="auditor")
    await store.retire(two.ref, expected_revision=two.revision, author="plant")
    query = """query ($s: String!) { sample(identifier: $s) {
        imaging { status dataset { omeroId } } imageDataset { omeroId }
        link { state revision history { change oldState newState revision author } }
    } }"""
    broken = (await house.data(query, s=first.perm_id))["sample"]
    assert broken["imaging"] == {"status": "GONE", "dataset": None}
    assert broken["imageDataset"] is None
    assert broken["link"]["state"] == "BROKEN"
    assert broken["link"]["revision"] == 2
    assert broken["link"]["history"][1] == {
        "change": "BROKEN",
        "oldState": "ACTIVE",
        "newState": "BROKEN",
        "revision": 2,
        "author": "auditor",
    }
    retired = (await house.data(query, s=second.perm_id))["sample"]
    assert retired == {
        "imaging": {"status": "NOT_LINKED", "dataset": None},
        "imageDataset": None,
        "link": None,
    }
    back = (
        """query ($d: BigInt!) { imageDataset(omeroId: $d) { sample { code } link { state } } }"""
    )
    assert (await house.data(back, d=first.omero_id))["imageDataset"] == {
        "sample": None,
        "link": {"state": "BROKEN"},
    }
    assert (await house.data(back, d=second.omero_id))["imageDataset"]["link"] is None
    found = (await house.data(LINKS, p=project, states=["RETIRED"], first=5))["links"]
    (over,) = nodes(found)
    assert over["id"] == encode_id("SampleLink", LinkRef(LinkKind.SAMPLE, two.id).id)
    assert [each["change"] for each in over["history"]] == ["LINKED", "RETIRED"]
    live = (await house.data(LINKS, p=project, first=1))["links"]
    assert live["totalCount"] == len(links_of(atlas, project))
