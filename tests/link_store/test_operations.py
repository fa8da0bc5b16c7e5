"""Operations: accepted once, one runner at a time, ended for good; on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from link_store.database import LinkDatabase
from link_store.errors import ClaimTaken, LostOperation
from link_store.operation_records import NewOperation, OperationRecord, OperationState
from link_store.operations import OperationStore
from tests.link_store.conftest import Attack

LEASE = timedelta(seconds=30)
PAST = timedelta(seconds=-1)


@pytest.fixture
def operations(database: LinkDatabase) -> OperationStore:
    return OperationStore(database, "openbis", "omero")


def new(number: int = 1, **values: Any) -> NewOperation:
    given: dict[str, Any] = {
        "id": f"op-{number}",
        "kind": "CREATE_PROJECT",
        "owner": "steward",
        "key": f"key-{number}",
        "title": "Create project",
        "claims": (f"project /CLINICAL/Q{number}",),
        "input": {"code": f"Q{number}"},
        "credentials": "sealed",
        **values,
    }
    return NewOperation(**given)


async def accepted(operations: OperationStore, number: int = 1, **values: Any) -> OperationRecord:
    made, fresh = await operations.accept(new(number, **values), "here", LEASE)
    assert fresh
    return made


async def test_a_second_request_with_the_same_key_is_the_first(operations: OperationStore) -> None:
    first = await accepted(operations)
    assert (first.state, first.input) == (OperationState.QUEUED, {"code": "Q1"})
    again, fresh = await operations.accept(new(9, key="key-1"), "there", LEASE)
    assert (again, fresh) == (first, False)
    other, fresh = await operations.accept(new(2, key="key-1", owner="plant"), "here", LEASE)
    assert fresh, "keys are each owner's own"
    assert other.id == "op-2"


async def test_of_many_at_once_one_is_accepted(operations: OperationStore) -> None:
    asked = [operations.accept(new(n, key="same", claims=("x",)), "r", LEASE) for n in range(8)]
    answers = await asyncio.gather(*asked)
    assert sum(fresh for _, fresh in answers) == 1
    assert len({record.id for record, _ in answers}) == 1


async def test_a_claim_is_held_until_the_end(operations: OperationStore) -> None:
    await accepted(operations, claims=("a", "b", "a"))
    with pytest.raises(ClaimTaken):
        await operations.accept(new(2, claims=("c", "b")), "here", LEASE)
    assert await operations.get("op-2") is None
    await operations.finish("op-1", "here", OperationState.SUCCEEDED, {"outcome": {"x": 1}})
    assert await accepted(operations, 2, claims=("b",))


async def test_only_its_runner_moves_an_operation_on(operations: OperationStore) -> None:
    await accepted(operations)
    running = {"state": OperationState.RUNNING, "steps": [{"name": "look"}], "done": 1}
    moved = await operations.advance("op-1", "here", running)
    assert (moved.state, moved.steps, moved.done) == (
        OperationState.RUNNING,
        ({"name": "look"},),
        1,
    )
    taken = await operations.take("op-1", "there", LEASE)
    assert taken.runner == "there"
    for stale in (
        operations.advance("op-1", "here", running),
        operations.commit("op-1", "here"),
        operations.finish("op-1", "here", OperationState.FAILED, {}),
    ):
        with pytest.raises(LostOperation):
            await stale


async def test_an_end_is_final_and_keeps_no_sessions(
    operations: OperationStore, attack: Attack
) -> None:
    await accepted(operations)
    assert "sealed" not in repr(await operations.get("op-1"))
    ended = await operations.finish(
        "op-1", "here", OperationState.FAILED, {"error": {"message": "no"}}
    )
    assert ended.is_final
    assert (ended.credentials, ended.runner, ended.lease_until) == (None, None, None)
    assert ended.finished_at is not None
    with pytest.raises(LostOperation):
        await operations.take("op-1", "there", LEASE)
    assert await operations.cancel("op-1") is None
    await operations.renew("op-1", "other", "v")
    with pytest.raises(IntegrityError):
        await attack("update operation set credentials = 'x'")


async def test_an_operation_is_cancelled_or_committed_and_never_both(
    operations: OperationStore,
) -> None:
    for number in range(6):
        await accepted(operations, number)
        cancelled, committed = await asyncio.gather(
            operations.cancel(f"op-{number}"), operations.commit(f"op-{number}", "here")
        )
        record = await operations.get(f"op-{number}")
        assert record is not None
        assert (record.cancelled, record.committed) == (cancelled is not None, committed)
        assert (cancelled is not None) is not committed
        assert await operations.commit(f"op-{number}", "here") is committed, "the same again"


async def test_what_nobody_works_on_is_seized_by_one(operations: OperationStore) -> None:
    await accepted(operations)
    assert await operations.abandoned(datetime.now(UTC)) == ()
    await operations.beat("here", ["op-1"], PAST)
    (lapsed,) = await operations.abandoned(datetime.now(UTC))
    seized = await asyncio.gather(*(operations.seize(lapsed, f"r{n}", LEASE) for n in range(6)))
    assert sum(seized) == 1
    assert await operations.abandoned(datetime.now(UTC)) == ()
    record = await operations.get("op-1")
    assert record is not None
    assert record.runner == f"r{seized.index(True)}"
    await operations.release(str(record.runner))
    (lapsed,) = await operations.abandoned(datetime.now(UTC))
    assert await operations.seize(lapsed, "again", LEASE)


async def test_a_login_renews_what_waits_for_it(operations: OperationStore) -> None:
    for number in (1, 2):
        await accepted(operations, number)
    await accepted(operations, 3, owner="plant")
    for number in (1, 3):
        waits = {"state": OperationState.NEEDS_LOGIN}
        await operations.advance(f"op-{number}", "here", waits)
    (waiting,) = await operations.waiting_for("steward")
    assert waiting.id == "op-1"
    await operations.renew("op-1", "fresh", "viewer")
    record = await operations.get("op-1")
    assert record is not None
    assert (record.credentials, record.viewer) == ("fresh", "viewer")


async def test_an_owner_pages_through_their_own(
    operations: OperationStore, database: LinkDatabase
) -> None:
    for number in range(5):
        await accepted(operations, number)
    await accepted(operations, 7, owner="plant")
    elsewhere = OperationStore(database, "another", "omero")
    assert (await elsewhere.of_owner("steward", limit=9)).items == ()
    assert await elsewhere.get("op-1") is None
    first = await operations.of_owner("steward", limit=2, count=True)
    assert ([each.id for each in first.items], first.has_more, first.total) == (
        ["op-4", "op-3"],
        True,
        5,
    )
    last = first.items[-1]
    rest = await operations.of_owner("steward", limit=9, key=(last.created_at, last.id))
    assert ([each.id for each in rest.items], rest.has_more, rest.total) == (
        ["op-2", "op-1", "op-0"],
        False,
        None,
    )
    back = await operations.of_owner(
        "steward", limit=1, key=(last.created_at, last.id), backward=True
    )
    assert ([each.id for each in back.items], back.has_more) == (["op-4"], False)
    await operations.finish("op-1", "here", OperationState.CANCELLED, {})
    ended = await operations.of_owner("steward", limit=9, states=[OperationState.CANCELLED])
    assert [each.id for each in ended.items] == ["op-1"]
