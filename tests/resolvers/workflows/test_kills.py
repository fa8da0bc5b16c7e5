"""`kill -9` at every boundary and inside every step of every workflow, and of its undoing.

The points are those that a run without accidents has passed: before a step, after each call that
it made, before and after its result is kept. At each, a process is killed; then one process
recovers all that were left, and both backends and the link store are looked at. With
OMNIBIS_TEST_KILLS=all the whole matrix runs on both databases (some 20 minutes on two busy cores);
else all points of CREATE_PROJECT on SQLite, and of the others a part.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from resolvers.workflows.registry import WORKFLOWS
from tests.resolvers.workflows.laboratory import Desk, Laboratory, laboratory
from tests.resolvers.workflows.scenarios import SCENARIOS, Given
from tests.resolvers.workflows.worker import Job, Workers

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")

ALL = os.environ.get("OMNIBIS_TEST_KILLS") == "all"
KINDS = [workflow.kind for workflow in WORKFLOWS]
UNDONE = [each.kind for each in WORKFLOWS if any(step.undo for step in each.steps)]
EACH = {"sqlite": 3, "postgresql": 8}  # every so many points, if not all


def sampled(points: list[str], kind: str, url: str) -> list[str]:
    """The points that this run kills at."""
    engine = url.partition(":")[0]
    if ALL or (engine == "sqlite" and kind == "CREATE_PROJECT"):
        return points
    return points[:: EACH[engine]]


@pytest.fixture(scope="module")
def systems() -> Iterator[Laboratory]:
    with laboratory() as opened:
        yield opened


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    started = Workers()
    yield started
    started.stop()


def prepared(systems: Laboratory, url: str, kind: str, count: int) -> list[Given]:
    """So many worlds to begin with."""

    async def prepare() -> list[Given]:
        async with Desk(systems, url) as desk:
            return [await SCENARIOS[kind].prepare(desk) for _ in range(count)]

    return asyncio.run(prepare())


def examined(systems: Laboratory, url: str, kind: str, cases: dict[str, Given]) -> dict[str, str]:
    """Look at the ends; returns the states, by the names of the cases, which are their keys."""

    async def examine() -> dict[str, str]:
        states = {}
        async with Desk(systems, url) as desk:
            for name, given in cases.items():
                record = await desk.operations.by_key("steward", name)
                assert record is not None, f"{name}: accepted"
                assert record.is_final, f"{name}: {record}"
                assert record.credentials is None
                try:
                    await SCENARIOS[kind].examine(desk, given, record)
                except AssertionError as error:
                    raise AssertionError(f"killed at {name}: {error}\n{record}") from error
                states[name] = record.state.value
        return states

    return asyncio.run(examine())


def test_every_workflow_has_its_scenario() -> None:
    assert set(SCENARIOS) == set(KINDS)


def points_of(systems: Laboratory, workers: Workers, url: str, kind: str, **job: Any) -> list[str]:
    """The points that a run without accidents passes."""
    (given,) = prepared(systems, url, kind, 1)
    key = f"clean {job}"
    where = systems.systems(url)
    (clean,) = workers.run(where, Job(kind, given, key, **job))
    assert "failure" not in clean.result, clean.result["failure"]
    assert clean.signal is None
    examined(systems, url, kind, {key: given})
    return clean.points


def killed(
    systems: Laboratory, workers: Workers, url: str, kind: str, points: list[str], **job: Any
) -> dict[str, str]:
    """Kill a process at each point, recover, examine."""
    cases = dict(zip(points, prepared(systems, url, kind, len(points)), strict=True))
    where = systems.systems(url)
    for point, given in cases.items():
        (gone,) = workers.run(where, Job(kind, given, point, die_at=point, **job))
        assert gone.signal == signal.SIGKILL, (point, gone)
    (recovered,) = workers.run(where, Job())
    assert "failure" not in recovered.result, recovered.result["failure"]
    return examined(systems, url, kind, cases)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_anywhere_leaves_everything_or_nothing(
    systems: Laboratory, workers: Workers, database_url: str, kind: str
) -> None:
    points = points_of(systems, workers, database_url, kind)
    assert len(points) == len(set(points))
    some = sampled(points, kind, database_url)
    states = killed(systems, workers, database_url, kind, some)
    assert set(states.values()) == {"SUCCEEDED"}, states


@pytest.mark.parametrize("kind", UNDONE)
def test_a_kill_while_undoing_leaves_nothing(
    systems: Laboratory, workers: Workers, database_url: str, kind: str
) -> None:
    workflow = next(each for each in WORKFLOWS if each.kind == kind)
    names = "|".join(step.name for step in workflow.steps if not step.final)
    late = points_of(systems, workers, database_url, kind)
    # The last moment at which it can be cancelled; steps with parts are numbered.
    kept = re.compile(rf"{kind}/({names})( \d+)?/kept")
    cancel_at = next(point for point in reversed(late) if kept.fullmatch(point))
    passed = points_of(systems, workers, database_url, kind, cancel_at=cancel_at)
    points = [point for point in passed if passed.index(point) >= passed.index(cancel_at)]
    assert any("/undo " in point for point in points)
    some = sampled(points, kind, database_url)
    states = killed(systems, workers, database_url, kind, some, cancel_at=cancel_at)
    assert set(states.values()) == {"CANCELLED"}, states
