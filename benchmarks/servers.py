"""uvicorn beside granian below the same application: which of them carries omnibis better.

A small query, where the server's own work shows, and the federated question for 50 samples, each
from 1, 16 and 64 clients; one process each, in turns. granian is no dependency of ours: install it
to measure (`pip install granian`). `python -m benchmarks servers` prints it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import orjson

from api.server import take_port
from benchmarks import load
from benchmarks.federated_query import PROJECT, QUERY, TYPE
from benchmarks.gateways import Server, answers_at
from benchmarks.page import Section

SMALL = '{ project(identifier: "QCLIN") { permId code description registeredAt } }'
CLIENTS = (1, 16, 64)


def measure(*, quick: bool = False) -> Section:
    """Measure it; `quick` only sees that it runs."""
    section = Section("servers", "uvicorn and granian below omnibis")
    if find_spec("granian") is None:
        section.notes.append("Not measured: granian is not installed.")
        return section
    rounds, requests = (1, 64) if quick else (7, 400)
    federated = {"project": PROJECT, "first": 50, "type": TYPE}
    questions = {
        "a small query": orjson.dumps({"query": SMALL}),
        "the federated question, 50 samples": orjson.dumps(
            {"query": QUERY, "variables": federated}
        ),
    }
    with ExitStack() as stack:
        urls = {
            "uvicorn": stack.enter_context(Server("omnibis")).url,
            "granian": stack.enter_context(_granian()),
        }
        for what, body in questions.items():
            for url in urls.values():
                load.run(url, body, clients=8, requests=32)
            for clients in CLIENTS:
                found: dict[str, list[load.Load]] = {name: [] for name in urls}
                for number in range(rounds):
                    for name in sorted(urls, reverse=bool(number % 2)):
                        run = load.run(urls[name], body, clients=clients, requests=requests)
                        found[name].append(run)
                ours, theirs = found["uvicorn"], found["granian"]
                section.ratio(
                    f"{what}, {clients} clients: throughput of uvicorn ÷ granian",
                    [each.throughput for each in ours],
                    [each.throughput for each in theirs],
                    "",
                )
                section.ratio(
                    f"{what}, {clients} clients: p99 of uvicorn ÷ granian",
                    [each.p99 for each in ours],
                    [each.p99 for each in theirs],
                    "",
                )
        section.notes.append(f"{rounds} rounds of {requests} requests each, in turns.")
    return section


@contextmanager
def _granian() -> Iterator[str]:
    with take_port("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own application
        [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--loop", "uvloop", "--no-log", "benchmarks.served:replayed"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/graphql"
        answers_at(url)
        yield url
    finally:
        process.terminate()
        process.wait()
