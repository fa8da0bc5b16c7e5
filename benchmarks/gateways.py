"""The README's federated question over the wire, beside JavaScript federation gateways.

omnibis over its three sources, and Hive Gateway and Apollo Gateway over three small subgraphs that
hold the same answer; the sources of all answer from memory after the same latency. A gateway is a
process beside that of its subgraphs; so omnibis, whose sources are within, is measured as one
process and as two, and Hive Gateway with two forks besides. Its sources' answers are read anew each
time; since subgraphs hold what they answer ready, omnibis is measured as well where it may remember
what the same bytes were read to, as it does by default. Eight clients, servers in turns; then
omnibis alone with 1, 16 and 64 clients. `python -m benchmarks gateways`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import orjson

from api.server import take_port
from benchmarks import load
from benchmarks.federated_query import PROJECT, QUERY, TYPE
from benchmarks.node import Node, available, cache
from benchmarks.page import Section

SAMPLES = 390  # all that the demonstration's clinical study has
CLIENTS = 8
PAIR = "omnibis with 2 workers"
KNOWN = "omnibis, answers known"
KNOWN_PAIR = "omnibis with 2 workers, answers known"
STOCK = "stock Strawberry"
KNOWN_STOCK = "stock Strawberry, answers known"
OURS: dict[str, tuple[str, ...]] = {
    "omnibis": (),
    PAIR: ("--workers", "2"),
    KNOWN: ("--readings",),
    KNOWN_PAIR: ("--readings", "--workers", "2"),
}
FORKS = "Hive Gateway with 2 forks"
PEER_QUERY = QUERY.replace(", where: {type: {eq: $type}}", ", type: $type").replace(
    "$type: String!", "$type: String"
)


def measure(*, quick: bool = False) -> Section:
    """Measure all of it; `quick` only sees that it runs."""
    section = Section("gateways", "(b, g) The federated question over the wire")
    rounds, latencies = (1, (0,)) if quick else (3, (0, 5, 20))
    first = 20 if quick else SAMPLES
    variables = {"project": PROJECT, "first": first, "type": TYPE}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        wanted = {**OURS, STOCK: ("--stock",), KNOWN_STOCK: ("--stock", "--readings")}
        delayed: list[Any] = [
            stack.enter_context(Server(name, *arguments)) for name, arguments in wanted.items()
        ]
        body = orjson.dumps({"query": QUERY, "variables": variables})
        servers = {each.name: (each.url, body) for each in delayed}
        answer = _post(servers["omnibis"][0], body)
        why = available()
        if why is None:
            subgraphs = _peers(stack, Path(folder), answer["data"], servers, variables)
            delayed.append(subgraphs)
        else:
            section.notes.append(why)
        for url, asked in servers.values():  # everybody warms up, and says the same
            assert _post(url, asked)["data"] == answer["data"], url
            load.run(url, asked, clients=CLIENTS, requests=CLIENTS if quick else 3 * CLIENTS)
        size = len(orjson.dumps(answer["data"]))
        section.notes.append(
            f"{first} samples, {size / 1e6:.2f} MB; {CLIENTS} clients, servers in turns, "
            f"{rounds} rounds; all sources answer from memory."
        )
        for latency in latencies:
            for each in delayed:
                each.ask(str(latency))
            _compare(section, servers, latency, rounds, 8 if quick else 32)
            print(section.markdown(), file=sys.stderr)  # it takes minutes: what there is so far
        for each in delayed:
            each.ask("0")
        _alone(section, *servers["omnibis"], quick=quick)
    return section


def _compare(
    section: Section,
    servers: dict[str, tuple[str, bytes]],
    latency: int,
    rounds: int,
    requests: int,
) -> None:
    found: dict[str, list[load.Load]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, (url, body) in servers.items():
            count = CLIENTS if name in {STOCK, KNOWN_STOCK} else requests
            found[name].append(load.run(url, body, clients=CLIENTS, requests=count))
    for name in OURS:
        section.add(
            f"{latency} ms: {name}, requests per second",
            [each.throughput for each in found[name]],
            "/s",
        )
        section.add(f"{latency} ms: {name}, p99", [each.p99 * 1000 for each in found[name]], "ms")
    for (one, other), target in TARGETS.items():
        if other not in found:
            continue
        section.ratio(
            f"{latency} ms: throughput of {one} ÷ {other}",
            [each.throughput for each in found[one]],
            [each.throughput for each in found[other]],
            target,
        )
        if target:
            section.ratio(
                f"{latency} ms: p99 of {one} ÷ {other}",
                [each.p99 for each in found[one]],
                [each.p99 for each in found[other]],
                "≤ 1",
            )


TARGETS = {
    ("omnibis", "Hive Gateway"): "≥ 3",
    (PAIR, "Hive Gateway"): "≥ 3",
    (PAIR, FORKS): "≥ 3",
    ("omnibis", "Apollo Gateway"): "≥ 5",
    (PAIR, "Apollo Gateway"): "≥ 5",
    ("omnibis", STOCK): "≥ 15",
    (KNOWN, "omnibis"): "",
    (KNOWN, "Hive Gateway"): "≥ 3",
    (KNOWN, "Apollo Gateway"): "≥ 5",
    (KNOWN_PAIR, "Apollo Gateway"): "≥ 5",
    (KNOWN, KNOWN_STOCK): "≥ 15",
}


def _alone(section: Section, url: str, body: bytes, *, quick: bool) -> None:
    for clients in (1, 16, 64):
        requests = clients if quick else max(40, clients * 2)
        found = load.run(url, body, clients=clients, requests=requests)
        section.add(f"omnibis, {clients} clients: requests per second", [found.throughput], "/s")
        section.add(f"omnibis, {clients} clients: p99", [found.p99 * 1000], "ms")


class Server:
    """`benchmarks.served` as a process."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.served", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = self._line() + "/graphql"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        while line and not line.startswith(("http", "0", "1")):
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} did not start: {self._process.wait()}.")
        return line.strip()

    def ask(self, line: str) -> str:
        """Set the latency."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait()


def _peers(
    stack: ExitStack,
    folder: Path,
    data: Any,
    servers: dict[str, tuple[str, bytes]],
    variables: dict[str, Any],
) -> Node:
    (folder / "data.json").write_bytes(orjson.dumps(data))
    subgraphs = stack.enter_context(Node("subgraphs.mjs", str(folder / "data.json")))
    supergraph = folder / "supergraph.graphql"
    supergraph.write_text(orjson.loads(subgraphs.read())["supergraph"])
    body = orjson.dumps({"query": PEER_QUERY, "variables": variables})
    apollo = stack.enter_context(Node("apollo.mjs", str(supergraph)))
    servers["Apollo Gateway"] = (apollo.read(), body)
    for name, forks in (("Hive Gateway", "1"), (FORKS, "2")):
        servers[name] = (_hive(stack, folder, supergraph, forks), body)
    return subgraphs


def _hive(stack: ExitStack, folder: Path, supergraph: Path, forks: str) -> str:
    with take_port("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    hive = subprocess.Popen(  # noqa: S603 - the peer
        [
            *(shutil.which("node") or "node", str(cache() / "node_modules/.bin/hive-gateway")),
            *("supergraph", str(supergraph), "--port", str(port), "--host", "127.0.0.1"),
            *("--fork", forks),
        ],
        cwd=cache(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "NODE_ENV": "production", "HOME": str(folder)},
    )
    stack.callback(hive.wait)
    stack.callback(hive.kill)  # with forks it does not end when it is asked to
    url = f"http://127.0.0.1:{port}/graphql"
    answers_at(url)
    return url


def answers_at(url: str) -> None:
    """Wait until a server answers, for a minute at most."""
    for _ in range(240):
        try:
            _post(url, b'{"query": "{ __typename }"}')
        except OSError:
            time.sleep(0.25)  # until it listens
        else:
            return
    raise RuntimeError(f"Nobody answers at {url}.")


def _post(url: str, body: bytes) -> Any:
    request = Request(url, body, {"content-type": "application/json"})  # noqa: S310 - loopback
    with urlopen(request, timeout=600) as response:  # noqa: S310 - loopback
        return orjson.loads(response.read())
