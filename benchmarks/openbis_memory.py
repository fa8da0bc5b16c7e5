"""Ten thousand requests of 200 viewers over HTTP: is memory flat, how many connections are there?

A small server in a process of its own answers each request; counted are this process's resident
memory and its living objects after each thousand. Run by `make bench`, or with
`python -m benchmarks.openbis_memory`.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from multiprocessing.connection import Connection

from pydantic import SecretStr

from backends.errors import Source
from backends.lane import Call, Lane
from backends.openbis.client import Count, OpenbisClient
from backends.openbis.transport import HttpTransport
from backends.records import Kind
from benchmarks.memory import resident

REQUESTS = 10_000
VIEWERS = 200
CONNECTIONS = 8
BODY = b'{"jsonrpc":"2.0","id":"2","result":{"objects":[],"totalCount":7}}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


def report(requests: int = REQUESTS) -> str:
    """Measure, and return a Markdown table."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    server.start()
    try:
        port = ours.recv()
        rows, seconds = asyncio.run(_measure(port, requests))
        ours.send("how many")
        connections = ours.recv()
    finally:
        server.terminate()
        server.join()
    lines = [
        "### Memory over many requests to openBIS",
        "",
        (
            f"{requests} requests of {VIEWERS} viewers in {seconds:.1f} s; "
            f"{connections} connections, {CONNECTIONS} allowed."
        ),
        "",
        "| requests | living objects | resident memory |",
        "| --- | --- | --- |",
        *(f"| {done} | {objects} | {memory:.1f} MB |" for done, objects, memory in rows),
        "",
    ]
    return "\n".join(lines)


async def _measure(port: int, requests: int) -> tuple[list[tuple[int, int, float]], float]:
    transport = HttpTransport(f"http://127.0.0.1:{port}", connections=CONNECTIONS)
    client = OpenbisClient(transport, Lane(Source.OPENBIS, concurrency=CONNECTIONS, timeout=60))
    step = requests // 10
    rows = []
    seconds = 0.0
    for done in range(step, requests + 1, step):
        started = time.perf_counter()
        await asyncio.gather(*(_view(client, number, step // VIEWERS) for number in range(VIEWERS)))
        seconds += time.perf_counter() - started
        gc.collect()
        rows.append((done, len(gc.get_objects()), resident()))
    await client.aclose()
    return rows, seconds


async def _view(client: OpenbisClient, number: int, times: int) -> None:
    token = SecretStr(f"viewer{number}-1x2")
    for _ in range(times):
        assert await client.execute(token, [Count(Kind.SAMPLE)], Call()) == [7]


def _serve(parent: Connection) -> None:
    asyncio.run(_answer(parent))


async def _answer(parent: Connection) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    parent.send(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(parent.recv)
    parent.send(connections)


if __name__ == "__main__":
    print(report())
