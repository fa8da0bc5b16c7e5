"""A soak: mixed requests from 32 connections while the backends fail now and then.

`omnibis demo` in a process of its own is asked good questions, bad ones, and those of signed-in
users who come and go, while openBIS and OMERO are switched off and on. Every answer must be right
or an error of the list; after a warm-up the server's resident memory, descriptors and threads must
not grow. Run alone with `python -m benchmarks.soak [requests]`; 100,000 take about ten minutes.
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
from pathlib import Path
from random import Random
from typing import Any

import httpx

from api.types.errors import ErrorCode

CONNECTIONS = 32
WARM_UP = 0.2  # of all requests
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


async def report(requests: int = 100_000) -> str:
    """Send so many requests, and return what came of it as a Markdown table.

    Raises:
        AssertionError: an answer was wrong, or something grew.
    """
    answers: Counter[str] = Counter()
    marks: list[dict[str, int]] = []
    started = time.monotonic()
    async with _server() as (address, process):
        expected = await _truth(address)
        left = iter(range(requests))
        stop = asyncio.Event()
        faults = asyncio.create_task(_trouble(address, stop))
        await asyncio.gather(
            *(_client(address, seed, left, expected, answers) for seed in range(CONNECTIONS)),
            _watch(process.pid, answers, requests, marks),
        )
        stop.set()
        await faults
        await _truth(address)
        marks.append(_state(process.pid))
    first, last = marks[0], marks[-1]
    spent = time.monotonic() - started
    growth = last["memory"] / first["memory"]
    assert answers["wrong"] == 0, answers
    assert growth <= GROWTH, marks
    assert last["descriptors"] <= first["descriptors"] + CONNECTIONS, marks
    assert last["threads"] <= first["threads"] + 8, marks
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(answers.items()))
    return (
        f"{requests:,} requests over {CONNECTIONS} connections in {spent:.0f} s; after the warm-up "
        f"memory x {growth:.3f} ({first['memory']:,} to {last['memory']:,} kB), descriptors "
        f"{first['descriptors']} to {last['descriptors']}, threads {first['threads']} to "
        f"{last['threads']}.\n\n| answer | how often |\n| --- | --- |\n{rows}"
    )


async def _client(
    address: str, seed: int, left: Any, expected: dict[str, Any], answers: Counter[str]
) -> None:
    rng = Random(seed)  # noqa: S311 - repeatable, not secret
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        token = await _signed_in(client)
        for number in left:
            if number % 400 == seed:  # one comes, one goes; while a system is off, nobody comes
                newer = await _signed_in(client)
                await _ask(client, LOGOUT, token if newer else newer)
                token = newer or token
                answers["logins"] += 1
            kind = rng.random()
            query = PAGE if kind < 0.5 else SAMPLE if kind < 0.8 else rng.choice(BAD)  # noqa: PLR2004
            status, answer = await _ask(client, query, token)
            answers[_judged(query, status, answer, expected)] += 1


async def _signed_in(client: httpx.AsyncClient) -> str:
    """A token that holds both sessions, or none."""
    _, answer = await _ask(client, LOGIN, "")
    login = (answer.get("data") or {}).get("login") or {}
    if login.get("openbis") and login.get("omero"):
        return str(login["token"])
    if login.get("token"):
        await _ask(client, LOGOUT, login["token"])
    return ""


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
    pid: int, answers: Counter[str], requests: int, marks: list[dict[str, int]]
) -> None:
    """Note the server's state once after the warm-up."""
    while answers.total() < requests * WARM_UP:  # noqa: ASYNC110 - a counter of plain ints
        await asyncio.sleep(0.2)
    marks.append(_state(pid))


def _state(pid: int) -> dict[str, int]:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {
        "memory": int(re.search(r"VmRSS:\s+(\d+)", status)[1]),  # type: ignore[index]
        "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),  # type: ignore[index]
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - names are enough
    }


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from api.cli import main; main()",
        "demo",
        "--port",
        "0",
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
    print(asyncio.run(report(*map(int, sys.argv[1:2]))))
