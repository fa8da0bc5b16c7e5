"""The neighbours of an attack: their latency and the server's memory, before, under and after it.

`omnibis demo` in a process of its own is asked by one well-behaved client, in turns without and
with attackers beside it, in a process of theirs: floods of documents that are refused, logins that
fail, and connections that send a byte now and then. All share this machine. What is told are ratios
of medians within one run, and the growth of the server's resident memory. Run alone with
`python -m benchmarks.attacks [seconds of each turn]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson

from benchmarks.page import Section
from tests.attacks.test_documents import FLOODS

TURNS = 3
ATTACKERS = 32
SLOW = 200
QUESTION = {
    "query": """{ projects(first: 5) { edges { node { code samples(first: 10) { totalCount } } } }
        imageProjects(first: 5) { edges { node { name } } } }"""
}
LOGIN = {"query": 'mutation { login(username: "plant", password: "demo") { token } }'}
BAD_LOGIN = {"query": 'mutation { login(username: "nobody", password: "x") { token } }'}


async def measure(*, quick: bool = False, seconds: float = 6.0) -> Section:
    """Measure in turns; the first attack warms up what refusing needs."""
    seconds = 0.5 if quick else seconds
    calm: list[list[float]] = []
    attacked: list[list[float]] = []
    burnt: list[float] = []
    memory: list[float] = []
    answers: Counter[str] = Counter()
    async with _server() as (address, process), httpx.AsyncClient(base_url=address) as client:
        token = (await client.post("/graphql", json=LOGIN)).json()["data"]["login"]["token"]
        headers = {"authorization": f"Bearer {token}"}

        async def ask() -> None:
            response = await client.post("/graphql", json=QUESTION, headers=headers, timeout=60)
            assert "errors" not in response.json()

        await _for(2.0, ask)
        for turn in range(TURNS + 1):
            start = _cpu(process)
            one = await _for(seconds, ask)
            middle = _cpu(process)
            other = await _under_attack(seconds, address, ask, answers)
            if turn:
                calm.append(one)
                attacked.append(other)
                burnt.append((_cpu(process) - middle) / max(1.0, middle - start))
            memory.append(_resident(process))
    told = ", ".join(f"{count:,} {code}" for code, count in sorted(answers.items()))
    section = Section("attacks", "a neighbour's view of an attack")
    section.notes.append(
        f"{ATTACKERS} attackers and {SLOW} slow connections, {TURNS} turns of {seconds:g} s "
        f"without and with them; {sum(map(len, calm)):,} questions in calm, "
        f"{sum(map(len, attacked)):,} under attack. The attackers were answered: {told}. "
        "What stands below is under attack ÷ in calm."
    )
    for what, of in (("median latency", statistics.median), ("its 95th percentile", _percentile)):
        section.ratio(what, [of(turn) for turn in attacked], [of(turn) for turn in calm], "")
    section.add("processor time of the server", burnt)
    section.add("resident memory after the last attack ÷ after the first", [memory[-1] / memory[0]])
    return section


async def _under_attack(
    seconds: float, address: str, ask: Callable[[], Awaitable[None]], answers: Counter[str]
) -> list[float]:
    attackers = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.attacks", address, str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert attackers.stdout is not None
    await attackers.stdout.readline()  # they have begun
    taken = await _for(seconds, ask)
    told, _ = await attackers.communicate()
    answers.update(orjson.loads(told))
    return taken


async def _attack_for(seconds: float, address: str) -> None:
    """What the attackers' own process does; prints the codes that it was answered."""
    print("begun", flush=True)
    answers: Counter[str] = Counter()
    attackers = [asyncio.ensure_future(_attack(address, answers)) for _ in range(ATTACKERS)]
    attackers += [asyncio.ensure_future(_dawdle(address)) for _ in range(SLOW)]
    await asyncio.sleep(seconds)
    for attacker in attackers:
        attacker.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    print(orjson.dumps(answers).decode())


async def _attack(address: str, answers: Counter[str]) -> None:
    """Send one flood after the other; as each client does, wait for the answer.

    The requests are made beforehand and go over plain sockets, so that the attackers take little of
    the machine that they share with the server.
    """
    bodies = [{"query": query} for name, query in FLOODS.items() if name != "bytes"]
    requests = [_request(orjson.dumps(body)) for body in [*bodies, BAD_LOGIN]]
    host, port = address.removeprefix("http://").split(":")
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                for request in requests:
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"content-length: (\d+)", head)
                    assert length is not None
                    answer = orjson.loads(await reader.readexactly(int(length[1])))
                    answers[answer["errors"][0]["extensions"]["code"]] += 1
            finally:
                writer.close()


def _request(body: bytes) -> bytes:
    head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _dawdle(address: str) -> None:
    """Open a connection and send a byte now and then, for ever."""
    host, port = address.removeprefix("http://").split(":")
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(b"POST /graphql HTTP/1.1\r\n")
                while True:
                    await asyncio.sleep(1.0)
                    writer.write(b"X: y\r\n")
                    await writer.drain()
            finally:
                writer.close()


async def _for(seconds: float, ask: Callable[[], Awaitable[None]]) -> list[float]:
    """Ask again and again; return how long each answer took."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - started)
    return taken


def _percentile(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _cpu(process: int) -> float:
    """The processor time that a process has taken, in ticks."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return float(fields[11]) + float(fields[12])


def _resident(process: int) -> int:
    """The resident memory of a process, in pages."""
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[str, int]]:
    environment = {**os.environ, "OMNIBIS_LIMITS_BODY_SECONDS": "2"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from api.cli import main; main()", "demo", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if found := re.search(rb"API +(http://\S+)/graphql", line):
                yield found[1].decode(), process.pid
                break
    finally:
        process.terminate()
        await process.wait()


def main(arguments: list[str]) -> None:
    """Measure, or be the attackers of a measurement."""
    if len(arguments) > 1:
        asyncio.run(_attack_for(float(arguments[1]), arguments[0]))
    else:
        seconds = float(arguments[0]) if arguments else 6.0
        print(asyncio.run(measure(seconds=seconds)).markdown())


if __name__ == "__main__":
    main(sys.argv[1:])
