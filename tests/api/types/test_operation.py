"""Operations over GraphQL: one's own only, watched, cancelled, waiting for a login or a system."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from backends.demo.faults import Misbehaviour
from link_store.operation_records import OperationState
from resolvers.context import RequestContext, Viewer
from resolvers.loaders import Loaders
from tests.api.types.test_registration_commands import create
from tests.house import House

OPERATION = """
query ($id: ID!) { operation(id: $id) {
  id state title error { code message source } progress { message done total } left
  steps { name attempts error { code } } project { code } finishedAt
} }
"""
CANCEL = """
mutation ($id: ID!) { cancelOperation(id: $id) {
  operation { state cancellable } userErrors { code message }
} }
"""
RESUME = """
mutation ($id: ID!) { resumeOperation(id: $id) { operation { state } userErrors { code } } }
"""


async def state_of(house: House, id_: str, token: str | None = None) -> Any:
    return (await house.data(OPERATION, token, id=id_))["operation"]


async def until(house: House, id_: str, *states: str, token: str | None = None) -> Any:
    async with asyncio.timeout(30):
        while True:
            told = await state_of(house, id_, token)
            if told["state"] in states:
                return told
            await asyncio.sleep(0.05)


async def test_a_system_that_is_away_is_waited_for(house: House) -> None:
    openbis = house.built.faults["openbis"]
    openbis.plan("executeOperations", Misbehaviour.RESET, 1000)
    made = await create(house, "QNEW1", wait=0)
    id_ = made["operation"]["id"]
    await until(house, id_, "RETRYING")
    await house.switch("omero", state="off")  # away before its turn has come
    openbis.clear()
    async with asyncio.timeout(30):
        while (await state_of(house, id_))["steps"][-1]["name"] != "omero":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    told = await until(house, id_, "RETRYING")
    assert told["error"]["source"] == "OMERO"
    await house.switch("omero", state="on")
    told = await until(house, id_, "SUCCEEDED")
    assert told["project"] == {"code": "QNEW1"}
    assert told["error"] is None


async def test_what_is_retried_says_why(house: House) -> None:
    house.built.faults["openbis"].plan("executeOperations", Misbehaviour.SERVER_ERROR, 2)
    made = await create(house, "QNEW1", wait=0)
    told = await until(house, made["operation"]["id"], "RETRYING")
    assert told["error"]["code"] == "BACKEND_UNAVAILABLE"
    assert told["error"]["source"] == "OPENBIS"
    assert "invalid" not in told["error"]["message"]
    assert (await until(house, made["operation"]["id"], "SUCCEEDED"))["error"] is None


async def test_a_cancelled_operation_is_taken_back(house: House) -> None:
    openbis = house.built.faults["openbis"]
    openbis.plan("executeOperations", Misbehaviour.LOST_ANSWER)  # it is done, and nobody knows
    openbis.plan("executeOperations", Misbehaviour.SERVER_ERROR, 1000)
    made = await create(house, "QNEW1", wait=0)
    id_ = made["operation"]["id"]
    await until(house, id_, "RETRYING")
    payload = (await house.data(CANCEL, id=id_))["cancelOperation"]
    assert payload["userErrors"] == []
    openbis.clear()
    told = await until(house, id_, "CANCELLED", "SUCCEEDED", "FAILED")
    assert (told["state"], told["left"]) == ("CANCELLED", [])
    found = await house.ask('{ project(identifier: "/CLINICAL/QNEW1") { code } }')
    assert found["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    payload = (await house.data(CANCEL, id=id_))["cancelOperation"]
    assert payload["operation"]["state"] == "CANCELLED", "asked for again, it is the same"
    assert (await create(house, "QNEW1"))["operation"]["state"] == "SUCCEEDED", "the code is free"


async def test_it_is_too_late_to_cancel_what_has_ended(house: House) -> None:
    made = await create(house, "QNEW1")
    payload = (await house.data(CANCEL, id=made["operation"]["id"]))["cancelOperation"]
    assert [error["code"] for error in payload["userErrors"]] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("way", ["login", "resume"])
async def test_an_operation_waits_for_a_login_and_goes_on_after_it(house: House, way: str) -> None:
    token = await house.login("steward")
    openbis = house.built.faults["openbis"]
    openbis.plan("executeOperations", Misbehaviour.LOST_SESSIONS)
    made = await create(house, "QNEW1", token, wait=0)
    id_ = made["operation"]["id"]
    fresh = None
    async with asyncio.timeout(30):
        while not await operations(house)._store.anybody_waits():  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)
    if way == "login":
        fresh = await house.login("steward")
    else:
        # Without a login of ours, as with the backends' own sessions in headers: the steward of
        # the demonstration, whom the house logs in again by itself.
        await house.data("{ viewer { openbis { userId } } }")
        await house.data(RESUME, id=id_)
    told = await until(house, id_, "SUCCEEDED", token=fresh)
    assert told["project"] == {"code": "QNEW1"}
    attempts = {step["name"]: step["attempts"] for step in told["steps"]}
    assert attempts["openbis"] > 1


def operations(house: House) -> Any:
    return house.built.parts.services.operations


async def test_operations_are_their_owners_alone(house: House) -> None:
    made = await create(house, "QNEW1")
    id_ = made["operation"]["id"]
    other = await house.login("oncology")
    for query in (OPERATION, CANCEL, RESUME):
        answer = await house.ask(query, other, id=id_)
        found = str(answer)
        assert "QNEW1" not in found
        assert "NOT_FOUND" in found
    mine = (await house.data("{ operations { totalCount edges { node { id } } } }"))["operations"]
    assert (mine["totalCount"], mine["edges"][0]["node"]["id"]) == (1, id_)
    theirs = await house.data("{ operations { totalCount } }", other)
    assert theirs["operations"]["totalCount"] == 0


async def test_operations_are_paged_newest_first(house: House) -> None:
    for number in range(3):
        await create(house, f"QNEW{number}", imaging=False)
    query = """query ($after: String, $states: [OperationState!]) {
      operations(first: 2, after: $after, states: $states) {
        edges { node { title } } pageInfo { hasNextPage endCursor } totalCount } }"""
    page = (await house.data(query))["operations"]
    assert [edge["node"]["title"][-5:] for edge in page["edges"]] == ["QNEW2", "QNEW1"]
    assert (page["pageInfo"]["hasNextPage"], page["totalCount"]) == (True, 3)
    page = (await house.data(query, after=page["pageInfo"]["endCursor"]))["operations"]
    assert [edge["node"]["title"][-5:] for edge in page["edges"]] == ["QNEW0"]
    page = (await house.data(query, states=["FAILED"]))["operations"]
    assert page["totalCount"] == 0
    answer = await house.ask(query, after="nonsense")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_watcher_sees_it_go_on_until_it_ends(house: House) -> None:
    house.built.faults["openbis"].plan("executeOperations", Misbehaviour.SERVER_ERROR)
    services = house.built.parts.services
    made = await create(house, "QNEW1", wait=0)
    native = (await operations(house)._store.of_owner("steward", limit=1)).items[0].id
    nobody = house.built.parts.nobody
    viewer: Viewer = await nobody.viewer(_call())
    context = RequestContext(viewer, services, "test", _call())
    context.loaders = Loaders(context)
    seen = [record.state async for record in operations(house).watch(context, native)]
    assert seen[-1] is OperationState.SUCCEEDED
    assert OperationState.RETRYING in seen
    assert made["operation"]["state"] in {"QUEUED", "RUNNING", "RETRYING"}


def _call() -> Any:
    from backends.lane import Call  # noqa: PLC0415

    return Call()


async def test_sessions_are_never_readable_in_the_database_and_go_at_the_end(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.built.faults["openbis"].plan("executeOperations", Misbehaviour.SERVER_ERROR)
    store = operations(house)._store
    with caplog.at_level(logging.DEBUG, logger="omnibis"):
        made = await create(house, "QNEW1", wait=0)
        (record,) = (await store.of_owner("steward", limit=1)).items
        viewer = await house.built.parts.nobody.viewer(_call())
        secrets = [viewer.openbis.get_secret_value(), viewer.omero.get_secret_value()]  # type: ignore[union-attr]
        assert record.credentials is not None
        assert not [secret for secret in secrets if secret in record.credentials]
        await until(house, made["operation"]["id"], "SUCCEEDED")
    (record,) = (await store.of_owner("steward", limit=1)).items
    assert record.credentials is None
    path = house.built.parts.database._url.database
    for name in (
        "links.db",
        "links.db-wal",
        "links-workflows.sqlite",
        "links-workflows.sqlite-wal",
    ):
        file = path.replace("links.db", name)
        try:
            with open(file, "rb") as opened:  # noqa: ASYNC230, PTH123 - a test, a small file
                content = opened.read()
        except FileNotFoundError:
            continue
        for secret in secrets:
            assert secret.encode() not in content, name
    assert not [secret for secret in secrets if secret in caplog.text]
    assert "console.dbos.dev" not in caplog.text


async def test_progress_is_told_over_server_sent_events(house: House) -> None:
    openbis = house.built.faults["openbis"]
    openbis.plan("executeOperations", Misbehaviour.SERVER_ERROR)
    made = await create(house, "QNEW1", wait=0)
    subscription = "subscription ($id: ID!) { operationProgress(id: $id) { state } }"
    response = await house.client.post(
        "/graphql",
        json={"query": subscription, "variables": {"id": made["operation"]["id"]}},
        headers={"accept": "text/event-stream"},
    )
    assert response.status_code == 200
    assert "SUCCEEDED" in response.text
    assert "event: complete" in response.text
