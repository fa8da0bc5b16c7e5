"""A soak: mixed requests from 32 connections while the backends fail now and then.

`omnibis demo` in a process of its own is asked good questions, bad ones, and those of signed-in
users who come and go, while openBIS and OMERO are switched off and on. Every answer must be right
or an error of the list. Marks are noted on the way, under load: after a warm-up, resident memory,
descriptors and threads must not grow. When everybody has signed out and gone, the sessions of both
backends and the tasks of the event loop must be as many as before anybody came. Run alone with
`python -m benchmarks.soak [requests] [--wire]`; 100,000 take about ten minutes.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.types.errors import ErrorCode

CONNECTIONS = 32
WARM_UP = 0.2  # of all requests
MARKS = 19
GROWTH = 1.05  # of the resident memory after the warm-up
PAGE = (
    "{ projects(first: 3) { totalCount edges { node { code } } } images(first: 5) { totalCount } }"
)
SAMPLE = """{ project(identifier: "QCLIN") { samples(first: 5) { totalCount edges { node {
    code imaging { status dataset { name imageCount } } } } } } }"""
BAD = (
    "{ nothing }",
    '{ project(identifier: "',
    '{ node(id: "x") { id } }',
    "query ($a: Int!) { a }",
)
LOGIN = 'mutation { login(username: "steward", password: "demo") { token openbis omero } }'
LOGOUT = "mutation { logout { ok } }"
LISTED = {code.value for code in ErrorCode} - {"INTERNAL"}


@dataclass(frozen=True, slots=True)
class Mark:
    """The server's state when so many requests had been answered."""

    requests: int
    memory: int  # resident, in kB
    descriptors: int
    threads: int
    tasks: int
    openbis: int  # sessions in the embedded openBIS
    omero: int  # sessions in the embedded OMERO


async def report(requests: int = 100_000, *options: str) -> str:
    """Send so many requests, and return what came of it as a Markdown table.

    Raises:
        AssertionError: an answer was wrong, or something grew.
    """
    answers: Counter[str] = Counter()
    marks: list[Mark] = []
    started = time.monotonic()
    async with _server(*options) as (address, process):
        expected = await _truth(address)
        before = await _mark(address, process.pid, 0)
        left = iter(range(requests))
        stop = asyncio.Event()
        faults = asyncio.create_task(_trouble(address, stop))
        *tokens, _ = await asyncio.gather(
            *(_client(address, seed, left, expected, answers) for seed in range(CONNECTIONS)),
            _watch(address, process.pid, answers, requests, marks),
        )
        stop.set()
        await faults
        await _truth(address)
        await _sign_out(address, [token for some in tokens for token in some])
        after = await _rest(address, process.pid, answers.total(), before)
    assert answers["wrong"] == 0, answers
    first = next(mark for mark in marks if mark.requests >= requests * WARM_UP)
    warm = [*marks[marks.index(first) :], after]
    growth = max(mark.memory for mark in warm) / first.memory
    assert growth <= GROWTH, marks
    assert all(mark.descriptors <= first.descriptors + CONNECTIONS for mark in warm), marks
    assert all(mark.threads <= first.threads + 8 for mark in warm), marks
    assert after.openbis <= before.openbis, (before, after)
    assert after.omero <= before.omero, (before, after)
    assert after.tasks <= before.tasks, (before, after)
    spent = time.monotonic() - started
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(answers.items()))
    names = [each.name for each in fields(Mark)]
    lines = [names, ["---"] * len(names)]
    lines += [[f"{value:,}" for value in astuple(mark)] for mark in (before, *marks, after)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return (
        f"{requests:,} requests over {CONNECTIONS} connections in {spent:.0f} s, with the options "
        f"{' '.join(options) or '(none)'}: {told}. After the warm-up of {first.requests:,} memory "
        f"x {growth:.3f} at most. The first line of the table is before anybody came, the last "
        f"after everybody had gone.\n\n{table}\n"
    )


async def _client(
    address: str, seed: int, left: Any, expected: dict[str, Any], answers: Counter[str]
) -> list[str]:
    """Ask for a share of the requests; return the tokens that may still hold sessions."""
    held: list[str] = []
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        token = await _signed_in(client, held)
        for number in left:
            if number % 400 == seed:  # one comes, one goes; while a system is off, nobody comes
                newer = await _signed_in(client, held)
                if newer:
                    await _signed_out(client, token, held)
                    answers["logins"] += 1
                token = newer or token
            kind = rng.random()
            query = PAGE if kind < 0.5 else SAMPLE if kind < 0.8 else rng.choice(BAD)  # noqa: PLR2004
            status, answer = await _ask(client, query, token)
            answers[_judged(query, status, answer, expected)] += 1
    return [*held, token]


async def _signed_in(client: httpx.AsyncClient, held: list[str]) -> str:
    """A token that holds both sessions, or none."""
    _, answer = await _ask(client, LOGIN, "")
    login = (answer.get("data") or {}).get("login") or {}
    if login.get("openbis") and login.get("omero"):
        return str(login["token"])
    if login.get("token"):
        await _signed_out(client, login["token"], held)
    return ""


async def _signed_out(client: httpx.AsyncClient, token: str, held: list[str]) -> None:
    """End a token's sessions; what could not be ended while a system is off is held for later."""
    if token:
        _, answer = await _ask(client, LOGOUT, token)
        if "errors" in answer:
            held.append(token)


async def _sign_out(address: str, tokens: list[str]) -> None:
    """End all that is left; both systems are on."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        for token in tokens:
            await _signed_out(client, token, [])


async def _ask(client: httpx.AsyncClient, query: str, token: str) -> tuple[int, dict[str, Any]]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = await client.post("/graphql", json={"query": query}, headers=headers)
    return response.status_code, response.json()


def _judged(query: str, status: int, answer: dict[str, Any], expected: dict[str, Any]) -> str:
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    if status >= 500 or not codes <= LISTED:  # noqa: PLR2004 - HTTP
        return "wrong"
    if codes:
        return min(codes)
    degraded = set(answer["extensions"]["sources"].values()) - {"OK", "NOT_ASKED"}
    if query in expected and not degraded and answer["data"] != expected[query]:
        return "wrong"
    return "degraded" if degraded else "right"


async def _truth(address: str) -> dict[str, Any]:
    """The answers while both backends are on."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        for name in ("openbis", "omero"):
            await client.put(f"/demo/backends/{name}", json={"state": "on"})
        found: dict[str, Any] = {}
        for query in (PAGE, SAMPLE):
            for _ in range(100):  # a breaker probes after a while
                answer = (await client.post("/graphql", json={"query": query})).json()
                if "errors" not in answer:
                    break
                await asyncio.sleep(0.2)
            assert "errors" not in answer, answer
            found[query] = answer["data"]
    return found


async def _trouble(address: str, stop: asyncio.Event) -> None:
    """Switch one backend after the other off and on."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        turn = 0
        while not stop.is_set():
            name = ("openbis", "omero")[turn % 2]
            for state, seconds in (("on", 6.0), ("off", 1.0), ("on", 0.1)):
                await client.put(f"/demo/backends/{name}", json={"state": state})
                try:
                    await asyncio.wait_for(stop.wait(), seconds)
                except TimeoutError:
                    continue
            turn += 1


async def _watch(
    address: str, pid: int, answers: Counter[str], requests: int, marks: list[Mark]
) -> None:
    """Note the server's state on the way."""
    for part in range(1, MARKS + 1):
        while answers.total() < requests * part / (MARKS + 1):  # noqa: ASYNC110 - plain ints
            await asyncio.sleep(0.1)
        marks.append(await _mark(address, pid, answers.total()))


async def _rest(address: str, pid: int, requests: int, before: Mark) -> Mark:
    """The server's state when it has come to rest: what has ended is still being closed a while."""
    mark = await _mark(address, pid, requests)
    for _ in range(100):
        if mark.tasks <= before.tasks:
            break
        await asyncio.sleep(0.2)
        mark = await _mark(address, pid, requests)
    return mark


async def _mark(address: str, pid: int, requests: int) -> Mark:
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        scraped = text_string_to_metric_families((await client.get("/metrics")).text)
        tasks = next(each.samples[0].value for each in scraped if each.name == "omnibis_tasks")
        openbis, omero = [
            (await client.get(f"/demo/backends/{name}")).json()["sessions"]
            for name in ("openbis", "omero")
        ]
    return Mark(
        requests=requests,
        memory=_status(pid, "VmRSS"),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - names are enough
        threads=_status(pid, "Threads"),
        tasks=int(tasks),
        openbis=openbis,
        omero=omero,
    )


def _status(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"{name}:\s+(\d+)", status)[1])  # type: ignore[index]


@asynccontextmanager
async def _server(*options: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from api.cli import main; main()",
        "demo",
        "--port",
        "0",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        while True:
            line = (await process.stdout.readline()).decode()
            assert line, "the server did not start"
            if found := re.search(r"API\s+(http://127\.0\.0\.1:\d+)/graphql", line):
                break
        drain = asyncio.create_task(process.stdout.read())
        yield found[1], process
        process.terminate()
        await process.wait()
        await drain
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    print(asyncio.run(report(*map(int, sys.argv[1:2]), *sys.argv[2:])))
