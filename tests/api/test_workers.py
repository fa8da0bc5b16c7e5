from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from backends.demo.faults import Faults
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from tests.command import PATIENCE, served
from tests.serving import serve

UNDER_WAY = "omnibis_requests_under_way"
# Each worker says its number, then waits for the signal that ends it.
SERVING = """
import os, signal, sys
from api.workers import Workers
def serve():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.write(1, b"%d\\n" % os.getpid())  # in one piece: both write at the same time
    while True:
        signal.pause()
sys.exit(Workers(2, serve).run())
"""
FAILING = """
import sys
from api.workers import Workers
sys.exit(Workers(2, lambda: 3).run())
"""


@pytest.fixture
def serving() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", SERVING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.terminate()
    process.communicate(timeout=20)


def worker(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_dies_is_replaced_and_a_signal_ends_all(
    serving: subprocess.Popen[str],
) -> None:
    first, second = worker(serving), worker(serving)
    os.kill(first, signal.SIGKILL)
    third = worker(serving)
    assert len({first, second, third, serving.pid}) == 4
    serving.send_signal(signal.SIGTERM)
    _, told = serving.communicate(timeout=20)
    assert serving.returncode == 0
    assert not any(map(is_there, (second, third)))
    assert f"Worker {first} ended with -9; starting another." in told


def test_workers_end_with_the_process_that_watches_them(serving: subprocess.Popen[str]) -> None:
    for _ in range(2):
        worker(serving)
    serving.kill()
    assert serving.stdout is not None
    assert serving.stdout.read() == ""  # which ends when the last of them has
    serving.wait()


def test_workers_that_do_not_start_end_the_server() -> None:
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "as it started; stopping." in done.stderr


def metric(address: str, name: str, get: Callable[..., httpx.Response] = httpx.get) -> float:
    text = get(f"{address}/metrics", timeout=PATIENCE).text
    found = [line for line in text.splitlines() if line.startswith(name)]
    assert found, text
    return sum(float(line.split()[-1]) for line in found)


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts through /proc")
def test_two_processes_serve_one_port_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.mkdir()
    with (
        serve(create_openbis_server(build_world().openbis)) as openbis,
        served(
            "serve",
            "--workers",
            "2",
            OMNIBIS_OPENBIS_URL=openbis,
            OMNIBIS_DATABASE_URL=f"sqlite:///{tmp_path / 'links.sqlite'}",
            OMNIBIS_SNAPSHOT_URL=str(tmp_path / "snapshots"),
            OMNIBIS_TOKEN_KEY=base64.b64encode(b"w" * 32).decode(),
            OMNIBIS_DRAIN_SECONDS="20",
            PROMETHEUS_MULTIPROC_DIR=str(counts),
        ) as server,
    ):
        pid = server.process.pid
        workers = children(pid)
        assert len(workers) == 2
        token = asked(server.address, LOGIN)["login"]["token"]
        before = {worker: descriptors(worker) for worker in workers}
        held = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(8)]
        until = time.monotonic() + PATIENCE
        while sum(map(descriptors, workers)) < sum(before.values()) + len(held):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert min(descriptors(each) - before[each] for each in workers) >= 2  # shared out
        for each in held:
            each.close()
        # Each connection may come to either: one process' token is as good in the other.
        for _ in range(20):
            told = asked(server.address, "{ projects { totalCount } }", token)
            assert told["projects"]["totalCount"] > 0
        assert metric(server.address, 'omnibis_requests_total{kind="query"') == 20
        killed = min(workers)
        os.kill(killed, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while (
            len(now := children(pid) - {killed}) < 2
            or metric(server.address, "omnibis_start_time_seconds") == 0
        ):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert len(now - workers) == 1
        for _ in range(10):
            told = asked(server.address, "{ projects { totalCount } }", token)
            assert told["projects"]["totalCount"] > 0
        # What the killed one has counted is not lost.
        assert metric(server.address, 'omnibis_requests_total{kind="query"') == 30
        server.process.send_signal(signal.SIGTERM)
        status, errors = server.ended()
        assert status == 0
        assert not any(map(is_there, now))
        assert f"Worker {killed} ended with -9; starting another." in errors
        assert "Traceback" not in errors
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def test_while_they_stop_nobody_is_left_waiting_at_the_port(tmp_path: Path) -> None:
    """The port is closed by all of them: also by the process that only watches over the others."""
    faults = Faults()
    with (
        serve(create_openbis_server(build_world().openbis, faults=faults)) as openbis,
        served(
            "serve",
            "--workers",
            "2",
            OMNIBIS_OPENBIS_URL=openbis,
            OMNIBIS_DATABASE_URL=f"sqlite:///{tmp_path / 'links.sqlite'}",
            OMNIBIS_TOKEN_KEY=base64.b64encode(b"w" * 32).decode(),
            OMNIBIS_DRAIN_SECONDS="30",
        ) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        token = asked(server.address, LOGIN)["login"]["token"]
        faults.latency = 4.0
        running = pool.submit(asked, server.address, "{ projects { totalCount } }", token)
        with ExitStack() as stack:  # each worker tells its own: as many ask as come to both
            clients = [stack.enter_context(httpx.Client()) for _ in range(6)]
            while not any(metric(server.address, UNDER_WAY, client.get) for client in clients):
                time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        refused = False
        while not (refused or running.done()):
            try:
                socket.create_connection(("127.0.0.1", server.port), PATIENCE).close()
            except ConnectionError:  # refused, or reset while it was waiting to be taken
                refused = True
            time.sleep(0.05)  # a port whose backlog is full refuses, too
        assert refused, "before the last request is answered"
        assert running.result()["projects"]["totalCount"] > 0
        assert server.ended()[0] == 0


def descriptors(pid: int) -> int:
    """How many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


LOGIN = 'mutation { login(openbis: {username: "steward", password: "demo"}) { token } }'


def asked(address: str, query: str, token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = httpx.post(
        f"{address}/graphql", json={"query": query}, headers=headers, timeout=PATIENCE
    ).json()
    assert "errors" not in answer, answer
    return answer["data"]
