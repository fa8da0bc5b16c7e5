"""Accidents of the backends, and requests that meet: each end is whole, nothing is there twice.

The processes are those of the kill matrix, over HTTP and Ice, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from backends.demo.faults import Misbehaviour
from link_store.operation_records import OperationRecord
from resolvers.workflows.registry import WORKFLOWS
from tests.resolvers.workflows.laboratory import Desk, Laboratory, laboratory
from tests.resolvers.workflows.scenarios import SCENARIOS, Given
from tests.resolvers.workflows.worker import Job, Outcome, Workers

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")

KINDS = [workflow.kind for workflow in WORKFLOWS if workflow.kind in SCENARIOS]
CREATE = "CREATE_PROJECT"
ALL = os.environ.get("OMNIBIS_TEST_KILLS") == "all"
# One of each sort on SQLite and one on PostgreSQL; with OMNIBIS_TEST_KILLS=all, all on both.
SOME = {"sqlite": [CREATE, "UPDATE_SAMPLE", "DELETE_PROJECT", "REGISTER_DESIGN"]}
CASES = [
    (kind, engine)
    for engine in ("sqlite", "postgresql")
    for kind in (KINDS if ALL else SOME.get(engine, [CREATE]))
]
on_cases = pytest.mark.parametrize(("kind", "database_url"), CASES, indirect=["database_url"])
SHORT = 0.7  # seconds that a backend has, where it is to be too slow


@pytest.fixture(scope="module")
def systems() -> Iterator[Laboratory]:
    with laboratory() as opened:
        yield opened


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def _well(systems: Laboratory) -> Iterator[None]:
    yield
    systems.well()


class Bench:
    """Prepares, runs and examines on one database."""

    def __init__(self, systems: Laboratory, workers: Workers, url: str) -> None:
        self.systems, self._workers, self._url = systems, workers, url

    def prepare(self, kind: str) -> Given:
        async def work() -> Given:
            async with Desk(self.systems, self._url) as desk:
                return await SCENARIOS[kind].prepare(desk)

        return asyncio.run(work())

    def run(self, *jobs: Job) -> list[Outcome]:
        outcomes = self._workers.run(self.systems.systems(self._url), *jobs)
        for outcome in outcomes:
            assert "failure" not in outcome.result, outcome.result["failure"]
        return outcomes

    def examine(self, kind: str, given: Given, key: str, owner: str = "steward") -> OperationRecord:
        async def work() -> OperationRecord:
            async with Desk(self.systems, self._url) as desk:
                record = await desk.operations.by_key(owner, key)
                assert record is not None
                assert record.is_final, record
                await SCENARIOS[kind].examine(desk, given, record)
                return record

        return asyncio.run(work())

    def operations(self, *owners: str) -> list[OperationRecord]:
        async def work() -> list[OperationRecord]:
            async with Desk(self.systems, self._url) as desk:
                pages = [await desk.operations.of_owner(owner, limit=99) for owner in owners]
                return [record for page in pages for record in page.items]

        return asyncio.run(work())


@pytest.fixture
def bench(systems: Laboratory, workers: Workers, database_url: str) -> Bench:
    return Bench(systems, workers, database_url)


def accepted(bench: Bench, kind: str, key: str) -> Given:
    """An operation that was accepted with everything on, and whose process has gone since."""
    given = bench.prepare(kind)
    begun = next(each for each in WORKFLOWS if each.kind == kind).steps[0]
    first = f"{begun.name} 1" if begun.parts else begun.name
    (gone,) = bench.run(Job(kind, given, key, die_at=f"{kind}/{first}/begin"))
    assert gone.signal == signal.SIGKILL, gone
    return given


@on_cases
def test_answers_that_are_lost_after_the_write_was_done(bench: Bench, kind: str) -> None:
    given, systems = accepted(bench, kind, "lost"), bench.systems
    systems.faults.plan("executeOperations", Misbehaviour.LOST_ANSWER, 2)
    systems.wire_faults.cut_after.update(saveAndReturnArray=2)
    bench.run(Job())
    record = bench.examine(kind, given, "lost")
    assert record.state == "SUCCEEDED"
    if kind == CREATE:
        kinds = [step["error"]["kind"] for step in record.steps if "error" in step]
        assert kinds == ["OutcomeUnknown", "OutcomeUnknown"], "one in each system"


@on_cases
def test_connections_that_are_lost_before_the_write(bench: Bench, kind: str) -> None:
    given, systems = accepted(bench, kind, "reset"), bench.systems
    systems.faults.plan("executeOperations", Misbehaviour.RESET, 2)
    systems.wire_faults.cut_before.update(saveAndReturnArray=2)
    bench.run(Job())
    assert bench.examine(kind, given, "reset").state == "SUCCEEDED"


@on_cases
@pytest.mark.parametrize("backend", ["openbis", "omero"])
def test_a_backend_that_is_off_for_a_while(bench: Bench, kind: str, backend: str) -> None:
    given, systems = accepted(bench, kind, "off"), bench.systems
    faults = systems.faults if backend == "openbis" else systems.omero_faults
    faults.off = True
    heal = threading.Timer(3.0, systems.well)
    heal.start()
    bench.run(Job())
    heal.join()
    assert bench.examine(kind, given, "off").state == "SUCCEEDED"


@on_cases
def test_a_backend_that_answers_after_the_time_out(bench: Bench, kind: str) -> None:
    given, systems = accepted(bench, kind, "late"), bench.systems
    # Each write is carried out when nobody waits for it any more; look-ups are as quick as ever.
    systems.faults.latency_of["executeOperations"] = 2 * SHORT
    systems.wire_faults.delay["saveAndReturnArray"] = 2 * SHORT
    heal = threading.Timer(3.0, systems.well)
    heal.start()
    bench.run(Job(timeout=SHORT))
    heal.join()
    time.sleep(2 * SHORT)  # until the last of the late ones has come true
    assert bench.examine(kind, given, "late").state == "SUCCEEDED"


def test_the_same_key_sent_twice_at_once_is_one_operation(bench: Bench) -> None:
    given = bench.prepare(CREATE)
    one, other = bench.run(Job(CREATE, given, "same"), Job(CREATE, given, "same"))
    assert one.result["operation"] == other.result["operation"]
    assert {one.result["state"], other.result["state"]} == {"SUCCEEDED"}
    bench.examine(CREATE, given, "same")
    assert len(bench.operations("steward")) == 1
    (again,) = bench.run(Job(CREATE, given, "same"))
    assert again.result["operation"] == one.result["operation"]
    (refused,) = bench.run(Job(CREATE, {**given, "code": bench.systems.code()}, "same"))
    assert refused.result["refused"] == "BadInput"


def test_two_users_who_create_the_same_project_at_once(bench: Bench) -> None:
    given = bench.prepare(CREATE)
    outcomes = bench.run(Job(CREATE, given, "mine", user=0), Job(CREATE, given, "theirs", user=1))
    won = [each for each in outcomes if each.result.get("state") == "SUCCEEDED"]
    lost = [each for each in outcomes if each not in won]
    assert len(won) == 1, outcomes
    assert lost[0].result.get("refused") in {"ClaimTaken", "BadInput", None}
    assert lost[0].result.get("state") in {None, "FAILED"}
    owner, key = [("steward", "mine"), ("admin", "theirs")][outcomes.index(won[0])]
    bench.examine(CREATE, given, key, owner)


def test_several_processes_recover_what_one_has_left(bench: Bench) -> None:
    given = [bench.prepare(CREATE) for _ in range(4)]
    for number, each in enumerate(given):
        bench.run(Job(CREATE, each, f"left {number}", die_at=f"{CREATE}/omero/call 2"))
    bench.run(Job(), Job())
    for number, each in enumerate(given):
        assert bench.examine(CREATE, each, f"left {number}").state == "SUCCEEDED"


def test_a_process_that_is_killed_again_while_it_recovers(bench: Bench) -> None:
    given = bench.prepare(CREATE)
    for point in ("openbis/call 1", "openbis/call 1", "openbis/kept", "omero/call 1", "link/end"):
        job = Job(CREATE, given, "again", die_at=f"{CREATE}/{point}")
        (gone,) = bench.run(
            job
            if point == "openbis/call 1" and not bench.operations("steward")
            else Job(die_at=f"{CREATE}/{point}")
        )
        assert gone.signal == signal.SIGKILL, (point, gone)
    bench.run(Job())
    assert bench.examine(CREATE, given, "again").state == "SUCCEEDED"
