"""Processes of omnibis that can be killed: registrations over HTTP and Ice, at a named point.

`Workers` starts one process that has imported everything and forks a child for each job, so that a
job costs what it does and not what it imports. A job asks for one registration, or recovers what
others have left, and is killed by SIGKILL when it passes its point: from the outside, and to
everybody else, a process that is gone. The backends run in the tests' own process.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0  # seconds for a job that is not killed


@dataclass(slots=True)
class Job:
    """What one process does.

    Attributes:
        kind: of the workflow to be asked for; empty to recover only.
        given: what its scenario has prepared.
        key: the idempotency key.
        die_at: the point at which the process is killed.
        cancel_at: the point at which the operation is cancelled.
        timeout: seconds that the backends have for an answer.
        until: whether to wait for the end; else it leaves as soon as the request is accepted.
        user: whose sessions are used, an index of `Systems.sessions`.
    """

    kind: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    die_at: str | None = None
    cancel_at: str | None = None
    timeout: float = 20.0
    until: bool = True
    user: int = 0


@dataclass(slots=True)
class Systems:
    """Where everything is; `sessions` are pairs of openBIS and OMERO sessions with a user name."""

    openbis: str
    omero: int
    database: str
    sessions: list[tuple[str, str, str]]


@dataclass(slots=True)
class Outcome:
    """How a process ended: the signal, or what it returned."""

    signal: int | None
    result: dict[str, Any]

    @property
    def points(self) -> list[str]:
        """The points that it has passed."""
        return list(self.result.get("points", ()))


class Workers:
    """The process that forks the jobs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.resolvers.workflows.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, systems: Systems, *jobs: Job) -> list[Outcome]:
        """Run jobs at once, each in a process of its own, and wait for all of them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"systems": asdict(systems), "jobs": [asdict(job) for job in jobs]}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the worker has died"
        return [Outcome(**each) for each in json.loads(line)]

    def stop(self) -> None:
        """Let it end with its input."""
        self._process.communicate()


# --- in the forking process ---------------------------------------------------------------------


def main() -> None:
    """Fork a child for each job that comes by a line of the input."""
    import dbos  # noqa: F401, PLC0415 - so that no child has to
    import omero  # noqa: F401, PLC0415

    import api.production  # noqa: PLC0415
    import api.registrations  # noqa: F401, PLC0415
    import backends.omero.ice_transport  # noqa: F401, PLC0415
    import tests.resolvers.workflows.scenarios  # noqa: F401, PLC0415

    gc.freeze()  # what is imported is no child's garbage; looking for it would copy every page
    for line in sys.stdin:
        order = json.loads(line)
        systems = Systems(**order["systems"])
        children = [_fork(systems, Job(**job)) for job in order["jobs"]]
        print(json.dumps([_ended(*child) for child in children]), flush=True)  # noqa: T201


def _fork(systems: Systems, job: Job) -> tuple[int, int]:
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    os.close(read)
    signal.alarm(int(PATIENCE) + 10)
    try:
        result = asyncio.run(asyncio.wait_for(_work(systems, job), PATIENCE))
    except BaseException:  # noqa: BLE001 - told to the test
        result = {"failure": traceback.format_exc()}
    with os.fdopen(write, "w") as pipe:
        pipe.write(json.dumps(result))
    os._exit(0)


def _ended(child: int, read: int) -> dict[str, Any]:
    with os.fdopen(read) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    return {"signal": killed, "result": json.loads(told) if told else {}}


# --- in a child ---------------------------------------------------------------------------------


class Points:
    """The points that the process passes: it dies, or has its operation cancelled, at one."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()
        self.passed: list[str] = []
        self.operations: Any = None
        self.operation: str | None = None

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if name == self._job.cancel_at:
            # Such points are passed on the engine's loop: ours is free to cancel meanwhile.
            assert threading.current_thread() is not threading.main_thread()
            work = self.operations._store.cancel(self.operation)
            asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
        if name == self._job.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, operations: Any) -> None:
        """Learn the operation's id before it is begun."""
        self.operations, accept = operations, operations._store.accept

        async def accepted(new: Any, *more: Any) -> Any:
            self.operation = new.id
            return await accept(new, *more)

        operations._store.accept = accepted


async def _work(systems: Systems, job: Job) -> dict[str, Any]:
    """Put omnibis together as `omnibis serve` does, do the job, and take it apart."""
    from api.production import wire_parts  # noqa: PLC0415
    from api.registrations import with_operations  # noqa: PLC0415
    from api.settings import load_settings  # noqa: PLC0415
    from resolvers.workflows.pace import Pace  # noqa: PLC0415

    settings = load_settings(
        {},
        openbis_url=systems.openbis,
        openbis_timeout=job.timeout,
        omero_host="ssl://127.0.0.1",
        omero_port=systems.omero,
        omero_verify=False,
        omero_timeout=job.timeout,
        omero_invocation_timeout=job.timeout,
        database_url=SecretStr(systems.database),
        token_key=SecretStr("A" * 43 + "="),
    )
    parts = wire_parts(settings)
    for lane in parts.lanes.values():
        lane._recovery, lane._pause = 0.1, 0.01
    points = Points(job)
    services, operations = with_operations(
        replace(parts.services, operations=None),
        settings,
        parts.database,
        # Whoever makes the backends too slow does so by less than this.
        pace=Pace(
            first=0.05, longest=0.5, settle=2 * job.timeout if job.timeout < 5 else 0.1, poll=0.1
        ),
        lease=timedelta(seconds=1),
        pass_point=points,
    )
    points.watch(operations)
    try:
        if not job.kind:
            return await _recover(operations)
        return {"points": points.passed, **await _ask(services, systems, job)}
    finally:
        await operations.stop()
        await parts.stop()


async def _ask(services: Any, systems: Systems, job: Job) -> dict[str, Any]:
    """Ask for the registration; how it ended, or why it was refused."""
    from backends.errors import BackendError  # noqa: PLC0415
    from backends.lane import Call  # noqa: PLC0415
    from link_store.errors import LinkStoreError  # noqa: PLC0415
    from resolvers.context import RequestContext, Viewer  # noqa: PLC0415
    from resolvers.errors import ResolverError  # noqa: PLC0415
    from resolvers.loaders import Loaders  # noqa: PLC0415
    from tests.resolvers.workflows.scenarios import SCENARIOS  # noqa: PLC0415

    user, token, session = systems.sessions[job.user]
    viewer = Viewer(f"test-{job.user}", user, SecretStr(token), SecretStr(session))
    context = RequestContext(viewer, services, "test", Call())
    context.loaders = Loaders(context)
    try:
        record = await SCENARIOS[job.kind].ask(context, job.given, job.key or "key")
    except (BackendError, LinkStoreError, ResolverError) as error:
        return {"refused": type(error).__name__, "message": error.message}
    assert record is not None
    if job.until:
        record = await services.operations.wait(context, record.id, PATIENCE)
    return {"operation": record.id, "state": record.state}


async def _recover(operations: Any) -> dict[str, Any]:
    """Wait until nothing is left that has not ended."""
    await operations.start()
    later = datetime.now(UTC) + timedelta(days=1)
    while await operations._store.abandoned(later):  # noqa: ASYNC110 - others change the rows, too
        await asyncio.sleep(0.1)
    return {}


if __name__ == "__main__":
    main()
