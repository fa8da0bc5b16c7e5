from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

# Each worker says its number, then waits for the signal that ends it.
SERVING = """
import os, signal, sys
from api.workers import Workers
def serve():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(os.getpid(), flush=True)
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


def test_workers_that_do_not_start_end_the_server() -> None:
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "as it started; stopping." in done.stderr
