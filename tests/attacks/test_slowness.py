"""Clients that are slow, that burst, or that leave: over real sockets, with little patience."""

from __future__ import annotations

import gzip
import socket
import time

import httpx
import pytest
from websockets.asyncio.client import connect

HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PATIENCE = 5.0  # seconds after which a test gives up


def dial(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def rest(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    answer = b""
    try:
        while chunk := connection.recv(65_536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer


@pytest.mark.parametrize("first", [b"", b"P", HEAD])
def test_a_head_that_does_not_come_is_not_waited_for(address: str, first: bytes) -> None:
    with dial(address) as connection:
        connection.sendall(first)
        assert rest(connection) == b""


def test_a_head_that_comes_bit_by_bit_gets_no_more_time(address: str) -> None:
    started = time.monotonic()
    with dial(address) as connection:
        try:
            while time.monotonic() < started + PATIENCE:
                connection.sendall(b"X-A: b\r\n" if started + 0.1 < time.monotonic() else HEAD)
                time.sleep(0.05)
        except OSError:
            return
    pytest.fail("the server went on waiting")


def test_a_body_that_does_not_come_is_408(address: str) -> None:
    with dial(address) as connection:
        connection.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"query"')
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"LIMIT_EXCEEDED"' in answer
    assert b"connection: close" in answer.lower()


def test_an_answer_that_is_not_read_is_given_up(address: str) -> None:
    """The client asks for megabytes and reads nothing; its connection is cut."""
    fields = " ".join(
        f"a{n}: subjects(first: 500) {{ edges {{ cursor node {{ id }} }} }}" for n in range(90)
    )
    query = '{"query": "{ project(identifier: \\"/CLINICAL/QCLIN\\") { ' + fields + ' } }"}'
    with dial(address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        requests = HEAD + b"Content-Length: %d\r\n\r\n" % len(query) + query.encode()
        connection.settimeout(0.2)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                connection.sendall(requests)
                time.sleep(0.05)
            except TimeoutError:
                continue
            except OSError:
                return
    pytest.fail("the server kept an answer that nobody reads")


def test_others_are_served_meanwhile(address: str) -> None:
    slow = [dial(address) for _ in range(50)]
    for connection in slow:
        connection.sendall(HEAD)
    answer = httpx.post(f"{address}/graphql", json={"query": "{ __typename }"}, timeout=PATIENCE)
    assert answer.json()["data"] == {"__typename": "Query"}
    for connection in slow:
        connection.close()


@pytest.mark.parametrize(
    "encoding", ["gzip", "zstd", "br", "deflate", "gzip, gzip", "identity, gzip"]
)
def test_a_compressed_body_is_not_opened(address: str, encoding: str) -> None:
    bomb = gzip.compress(b'{"query": "' + b" " * 100_000_000 + b'"}')
    headers = {"content-type": "application/json", "content-encoding": encoding}
    answer = httpx.post(f"{address}/graphql", content=bomb, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_messages_by_websocket_are_not_compressed(address: str) -> None:
    url = address.replace("http", "ws") + "/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"]) as connection:  # type: ignore[list-item]
        assert connection.protocol.extensions == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br"])
def test_answers_are_compressed_for_who_takes_it(address: str, encoding: str) -> None:
    query = {"query": "{ samples(first: 200) { edges { cursor node { id code permId } } } }"}
    plain = httpx.post(f"{address}/graphql", json=query, headers={"accept-encoding": "identity"})
    packed = httpx.post(f"{address}/graphql", json=query, headers={"accept-encoding": encoding})
    assert packed.headers["content-encoding"] == encoding
    assert packed.json()["data"] == plain.json()["data"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
