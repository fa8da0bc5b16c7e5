"""A real process that is told to stop while it is at work."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.command import PATIENCE, Served, served

SLOW = "{ projects { totalCount } }"
SUBSCRIPTION = "subscription { linkChanges { __typename } }"
LATENCY = 3.0  # of each call to openBIS, while the server is told to stop


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as opened:
        yield opened


def ask(address: str, query: str = SLOW) -> httpx.Response:
    return httpx.post(f"{address}/graphql", json={"query": query}, timeout=PATIENCE)


def gauge(address: str, name: str) -> float:
    """One of the numbers that an operator sees."""
    text = httpx.get(f"{address}/metrics", timeout=PATIENCE).text
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))


def eventually(address: str, name: str, value: float) -> None:
    until = time.monotonic() + PATIENCE
    while gauge(address, name) != value:
        assert time.monotonic() < until, name
        time.sleep(0.02)


def listen(address: str) -> str:
    """Follow a subscription by server-sent events to its end, and return what came."""
    body, headers = {"query": SUBSCRIPTION}, {"accept": "text/event-stream"}
    text = ""
    with httpx.stream(
        "POST", f"{address}/graphql", json=body, headers=headers, timeout=PATIENCE
    ) as response:
        assert response.status_code == 200
        for chunk in response.iter_text():
            text += chunk
    return text


def follow(address: str) -> int:
    """Follow a subscription over WebSocket to its end, and return with which code it was closed."""
    place = address.replace("http", "ws") + "/graphql"
    with connect(place, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        connection.send(json.dumps({"type": "connection_init"}))
        assert json.loads(connection.recv(PATIENCE))["type"] == "connection_ack"
        message = {"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}}
        connection.send(json.dumps(message))
        with pytest.raises(ConnectionClosed) as closed:
            all(iter(lambda: connection.recv(PATIENCE), None))
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def slowed(served_: Served, pool: ThreadPoolExecutor, seconds: float) -> Future[httpx.Response]:
    """Have a request under way that takes so long."""
    assert ask(served_.address).status_code == 200  # signed in, so that one call is left
    place = f"{served_.address}/demo/backends/openbis"
    assert httpx.put(place, json={"latency": seconds}, timeout=PATIENCE).status_code == 200
    running = pool.submit(ask, served_.address)
    eventually(served_.address, "omnibis_requests_under_way", 1)
    return running


def late(connection: socket.socket) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Send a request over a connection that is open already; what is answered, if anything."""
    body = json.dumps({"query": SLOW}).encode()
    answer = b""
    try:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        while chunk := connection.recv(65_536):
            answer += chunk
    except ConnectionError:
        return b"", {}, b""
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    return first, dict(line.lower().split(b": ", 1) for line in rest), content


def test_what_is_begun_is_answered_and_what_is_new_is_sent_elsewhere(
    pool: ThreadPoolExecutor,
) -> None:
    with served("demo", OMNIBIS_DRAIN_SECONDS="20") as server:
        events = pool.submit(listen, server.address)
        messages = pool.submit(follow, server.address)
        eventually(server.address, "omnibis_streams", 2)
        running = slowed(server, pool, LATENCY)
        waiting = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in "ab"]
        server.process.send_signal(signal.SIGTERM)
        assert messages.result(PATIENCE) == 1012, "come again"
        # It has begun to stop: who comes now is told so.
        for connection in waiting:
            with connection:
                first, headers, content = late(connection)
            assert first == b"HTTP/1.1 503 Service Unavailable"
            assert headers[b"retry-after"] == b"1"
            (error,) = json.loads(content)["errors"]
            assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
            assert error["extensions"]["retryable"] is True
        answer = running.result(PATIENCE)
        assert (answer.status_code, "errors" in answer.json()) == (200, False)
        assert answer.json()["data"]["projects"]["totalCount"] > 0
        assert "event: complete" not in events.result(PATIENCE), "it has not ended, it is cut"
        status, errors = server.ended()
        assert status == 0
        assert "Traceback" not in errors
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
        outcomes = [each["outcome"] for each in lines if each.get("method") == "POST"]
        assert outcomes.count("refused") == 2
        assert "aborted" not in outcomes


def test_what_outlives_the_deadline_is_cut_off_and_told_so(pool: ThreadPoolExecutor) -> None:
    with served("demo", OMNIBIS_DRAIN_SECONDS="2") as server:
        running = slowed(server, pool, 50)
        server.process.send_signal(signal.SIGTERM)
        answer = running.result(PATIENCE)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
        status, errors = server.ended()
        assert status == 0
        assert "Traceback" not in errors


def test_a_second_signal_ends_it_at_once(pool: ThreadPoolExecutor) -> None:
    with served("demo", OMNIBIS_DRAIN_SECONDS="600") as server:
        running: Future[Any] = slowed(server, pool, 50)
        server.process.send_signal(signal.SIGTERM)
        while httpx.get(f"{server.address}/readyz", timeout=PATIENCE).status_code != 503:
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        status, _ = server.ended()
        assert status == 0
        assert running.exception(PATIENCE) is not None or running.result().status_code == 503
