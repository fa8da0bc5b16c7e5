"""Operations across stops and starts of their process, without killing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.demonstration import Demonstration, demonstration
from api.registrations import with_operations
from api.settings import Settings, load_settings
from backends.demo.faults import Misbehaviour
from backends.lane import Call
from link_store.operation_records import OperationRecord, OperationState
from resolvers.context import RequestContext, Viewer
from resolvers.errors import Busy, Missing
from resolvers.loaders import Loaders
from resolvers.workflows.create_project import NewProjectRequest, create_project
from resolvers.workflows.engine import Engine
from resolvers.workflows.operations import Operations
from resolvers.workflows.pace import Pace

PACE = Pace(first=0.05, longest=0.2, settle=0.05, poll=0.1)
GROUP = 4


def settings(key: str = "A") -> Settings:
    return load_settings({}, token_key=SecretStr(key * 43 + "="))


@pytest.fixture
async def built() -> AsyncIterator[Demonstration]:
    made = demonstration(settings())
    await made.parts.start()
    assert made.parts.services.operations is not None
    await made.parts.services.operations.stop()  # the tests have their own
    yield made
    await made.parts.stop()


@asynccontextmanager
async def process(
    built: Demonstration, key: str = "A", user: str = "steward"
) -> AsyncIterator[tuple[Operations, RequestContext]]:
    """Operations as another process over the same databases has them, and a request there."""
    services, operations = with_operations(
        replace(built.parts.services, operations=None),
        settings(key),
        built.parts.database,
        pace=PACE,
        lease=timedelta(seconds=0.6),
    )
    openbis = await services.openbis.login(user, SecretStr("demo"), Call())
    omero = await services.omero.login(user, SecretStr("demo"), Call())
    context = RequestContext(Viewer(f"{user}-{key}", user, openbis, omero), services, "test")
    context.loaders = Loaders(context)
    await operations.start()
    yield operations, context
    await operations.stop()


async def asked(context: RequestContext, code: str, key: str = "key") -> OperationRecord:
    request = NewProjectRequest("CLINICAL", code, image_group=GROUP)
    record = await create_project(context, request, key=key)
    assert record is not None
    return record


async def until(operations: Operations, id_: str, *states: OperationState) -> OperationRecord:
    async with asyncio.timeout(30):
        while True:
            record = await operations._store.get(id_)
            assert record is not None
            if record.state in states:
                return record
            await asyncio.sleep(0.05)


async def interrupted(built: Demonstration) -> OperationRecord:
    """An operation whose process was stopped while openBIS refused to write."""
    built.faults["openbis"].plan("executeOperations", Misbehaviour.SERVER_ERROR, 1000)
    async with process(built) as (operations, context):
        record = await asked(context, "QST1")
        await until(operations, record.id, OperationState.RETRYING)
    built.faults["openbis"].clear()
    left = await operations._store.get(record.id)
    assert left is not None
    assert (left.lease_until, left.is_final) == (None, False), "left to others, at once"
    return left


async def test_what_is_interrupted_by_a_stop_goes_on_after_the_next_start(
    built: Demonstration,
) -> None:
    record = await interrupted(built)
    async with process(built) as (operations, _):
        ended = await until(operations, record.id, OperationState.SUCCEEDED)
        assert ended.credentials is None
        assert ended.steps[0]["attempts"] > 1


async def test_sessions_that_cannot_be_read_any_more_are_asked_for(built: Demonstration) -> None:
    record = await interrupted(built)
    async with process(built, key="B") as (operations, context):
        await until(operations, record.id, OperationState.NEEDS_LOGIN)
        assert await operations.resume_all(context) == 1
        await until(operations, record.id, OperationState.SUCCEEDED)


async def test_only_one_application_of_a_process_registers_at_a_time(built: Demonstration) -> None:
    async with process(built) as (_, context):
        record = await asked(context, "QST1")
        async with process(built, user="oncology") as (others, other):
            with pytest.raises(Missing):
                await others.get(other, record.id)
            with pytest.raises(Busy):
                await others._engine.start("anything")


async def test_a_stop_during_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    async def execute(_operation_id: str) -> None:
        raise AssertionError

    engine = Engine(f"sqlite:///{tmp_path / 'engine.sqlite'}", "runner", execute)
    resuming = asyncio.create_task(engine.resume("nothing"))
    while Engine._running is None:  # noqa: ASYNC110 - another thread sets it, in mid-start
        await asyncio.sleep(0)
    resuming.cancel()  # as the sweeper is, when a short command ends
    await engine.stop()
    assert Engine._running is None
    assert engine._thread is None


async def test_a_bug_in_a_step_is_told_as_ours_and_undone(
    built: Demonstration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret detail")

    async with process(built) as (operations, context):
        monkeypatch.setattr(type(built.parts.services.omero), "create_image_project", broken)
        record = await asked(context, "QST1")
        ended = await until(operations, record.id, OperationState.FAILED)
        assert ended.error is not None
        assert ended.error["kind"] == "Internal"
        assert "secret" not in str(ended.error)
        assert ended.outcome is None, "all of it was taken back"
        assert "ZeroDivisionError" in caplog.text
        monkeypatch.undo()
        again = await asked(context, "QST1", key="again")
        await until(operations, again.id, OperationState.SUCCEEDED)
