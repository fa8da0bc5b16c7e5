"""`CohortSnapshot` and the mutations of cohorts, through the whole application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.frozen import FREEZE, PART, QCLIN, READ, SPLIT, USERS, frozen, get
from tests.house import House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(shared: House) -> dict[str, str]:
    return {user: await shared.login(user) for user in USERS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def snapshot(shared: House, tokens: dict[str, str]) -> dict[str, Any]:
    return await frozen(shared, tokens["oncology"])


@pytest_asyncio.fixture(loop_scope="module")
async def house_on_fire() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


async def test_all_that_is_told_of_a_snapshot(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    split = {**SPLIT, "stratifyBy": "Q_DIAGNOSIS", "salt": "s"}
    answer = await shared.data(READ, tokens["oncology"], id=snapshot["id"], split=split)
    told = answer["cohortSnapshot"]
    women = [
        sample
        for sample in shared.world.openbis.samples
        if sample.properties.get("Q_GENDER") == "FEMALE" and sample.code.startswith("QCLIN")
    ]
    assert told["memberCount"] == snapshot["memberCount"] == len(women)
    assert told["rowCount"] == 23 * len(women)  # one CT, twice ten tiles, two genomes
    assert (told["author"], told["mine"], told["whole"]) == ("oncology", True, True)
    assert told["members"]["totalCount"] == len(women)
    assert [edge["node"]["position"] for edge in told["members"]["edges"]] == [1, 2, 3]
    assert told["members"]["edges"][0]["node"]["sample"]["type"]["code"] == "Q_BIOLOGICAL_ENTITY"
    columns = {column["name"]: column for column in told["columns"]}
    assert columns["pixel_size_x"]["unit"] == "MICROMETER"
    assert columns["subject_Q_AGE_AT_DIAGNOSIS"]["type"] == "INTEGER"
    assert columns["subject_Q_GENDER"]["terms"][0]["code"] == "FEMALE"
    parts = told["split"]["parts"]
    assert sum(part["subjects"] for part in parts) == len(women)
    assert sum(part["rows"] for part in parts) == told["rowCount"]
    assert told["split"]["leakage"]["clean"] is True
    assert told["verification"] == {"intact": True, "membersIntact": True, "rowsIntact": True}
    assert told["changes"]["unchanged"] is True
    assert told["changes"]["membersNow"] == len(women)
    assert orjson.loads(told["question"])["unit"] == "SUBJECT"
    assert {each["format"] for each in told["exports"]} == {
        "PARQUET", "CSV", "JSON_LINES", "CROISSANT", "RO_CRATE", "COLUMNS",
    }  # fmt: skip


async def test_members_are_paged_both_ways(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    query = """query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
      cohortSnapshot(id: $id) { members(first: $first, after: $after, last: $last, before: $before)
        { pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
          edges { node { position } } } } }"""

    async def page(**window: Any) -> Any:
        answer = await shared.data(query, tokens["oncology"], id=snapshot["id"], **window)
        return answer["cohortSnapshot"]["members"]

    count = snapshot["memberCount"]
    seen: list[int] = []
    window: dict[str, Any] = {"first": 17}
    while True:
        found = await page(**window)
        seen += [edge["node"]["position"] for edge in found["edges"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        window["after"] = found["pageInfo"]["endCursor"]
    assert seen == list(range(1, count + 1))
    window = {"last": 5}
    found = await page(last=5)
    assert [edge["node"]["position"] for edge in found["edges"]] == list(
        range(count - 4, count + 1)
    )
    found = await page(last=5, before=found["pageInfo"]["startCursor"])
    assert [edge["node"]["position"] for edge in found["edges"]] == list(
        range(count - 9, count - 4)
    )


# genomics sees all members, but not their images; the others see nothing of it
@pytest.mark.parametrize("user", ["genomics", "plant", "microscopy"])
async def test_to_who_does_not_see_all_of_it_it_is_as_if_it_were_not_there(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any], user: str
) -> None:
    token = tokens[user]
    answers = []
    for id_ in (snapshot["id"], "Q29ob3J0U25hcHNob3Q6OTk5"):
        answer = await shared.ask(PART, token, id=id_)
        deleted = await shared.ask(
            "mutation ($id: ID!) { deleteCohortSnapshot(id: $id) { deletedId } }", token, id=id_
        )
        for each in (answer, deleted):
            each["errors"][0]["extensions"].pop("requestId")
        answers.append((answer["data"], answer["errors"], deleted["errors"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == {"cohortSnapshot": None}
    texts = []
    for number in (snapshot["number"], 999):
        refused = await get(shared, f"/cohorts/{number}/cohort.csv", token)
        assert refused.status_code == 404
        texts.append(refused.json()["errors"][0]["message"])
    assert texts[0] == texts[1]
    assert snapshot["name"] not in str(answers)


async def test_nobody_lists_anothers(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    query = "{ cohortSnapshots { totalCount edges { node { number name } } } }"
    for user in ("genomics", "steward", "plant"):
        answer = await shared.data(query, tokens[user])
        assert answer["cohortSnapshots"] == {"totalCount": 0, "edges": []}
    mine = (await shared.data(query, tokens["oncology"]))["cohortSnapshots"]
    assert snapshot["number"] in [edge["node"]["number"] for edge in mine["edges"]]


async def test_who_sees_all_of_it_but_is_neither_author_nor_administrator_deletes_nothing(
    shared: House, tokens: dict[str, str]
) -> None:
    where = {**QCLIN, "has": {"omics": {"type": {"eq": "Q_NGS_RAW_DATA"}}}}
    made = await shared.data(FREEZE, tokens["oncology"], where=where, name="genomes")
    id_ = made["freezeCohort"]["snapshot"]["id"]
    told = (await shared.data(PART, tokens["genomics"], id=id_))["cohortSnapshot"]
    assert (told["mine"], told["whole"], told["name"]) == (False, True, "genomes")
    delete = """mutation ($id: ID!) {
      deleteCohortSnapshot(id: $id) { deletedId userErrors { code } } }"""
    answer = await shared.data(delete, tokens["genomics"], id=id_)
    assert answer["deleteCohortSnapshot"] == {
        "deletedId": None,
        "userErrors": [{"code": "FORBIDDEN"}],
    }


@pytest.mark.parametrize(
    ("name", "where", "code"),
    [
        ("  ", QCLIN, "BAD_USER_INPUT"),
        ("x", {"project": {"code": {"eq": "NOWHERE"}}}, "BAD_USER_INPUT"),
        ("x", {"has": {"atLeast": 0}}, "BAD_USER_INPUT"),
    ],
)
async def test_a_freezing_that_cannot_be_is_a_users_error(
    shared: House, tokens: dict[str, str], name: str, where: Any, code: str
) -> None:
    answer = await shared.data(FREEZE, tokens["oncology"], where=where, name=name)
    payload = answer["freezeCohort"]
    assert payload["snapshot"] is None
    assert [error["code"] for error in payload["userErrors"]] == [code]


async def test_a_dry_run_tells_the_numbers(shared: House, tokens: dict[str, str]) -> None:
    answer = await shared.data(FREEZE, tokens["oncology"], where=QCLIN, name="x", dry=True)
    payload = answer["freezeCohort"]
    assert payload["snapshot"] is None
    assert payload["rowCount"] == 23 * payload["memberCount"] > 0


async def test_a_freezing_is_refused_while_omero_is_down(house_on_fire: House) -> None:
    token = await house_on_fire.login("oncology")
    await house_on_fire.switch("omero", state="off")
    answer = await house_on_fire.ask(FREEZE, token, where=QCLIN, name="x")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["extensions"]["source"] == "OMERO"
    assert answer["data"] is None
