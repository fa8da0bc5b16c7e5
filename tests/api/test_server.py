from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from starlette.applications import Starlette

from api.drain import Drain
from api.operations import Wire
from api.server import ServerError, _Server, address_of, run, take_port


@pytest.fixture
def address(
    make_wire: Callable[..., Wire],
    make_app: Callable[..., Starlette],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """A real server on a free loopback port, stopped by the signal handler it would get."""
    servers: list[_Server] = []
    original = _Server.__init__

    def remember(self: _Server, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        servers.append(self)

    monkeypatch.setattr(_Server, "__init__", remember)
    drain = Drain()
    app = make_app(make_wire(), drain)
    listener = take_port("127.0.0.1", 0)
    started = threading.Event()
    thread = threading.Thread(
        target=run,
        args=(app, listener),
        kwargs={"drain": drain, "drain_seconds": 1.0, "on_started": started.set},
    )
    thread.start()
    assert started.wait(10)
    yield address_of(listener).removeprefix("http://")
    servers[0].handle_exit(15, None)
    thread.join(10)
    assert not thread.is_alive()
    assert drain.draining


def ask(address: str, body: bytes, **headers: str) -> tuple[int, Any, dict[str, str]]:
    connection = HTTPConnection(address, timeout=10)
    connection.request("POST", "/graphql", body, {"Content-Type": "application/json"} | headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer, dict(response.getheaders())


def test_answers_over_loopback(address: str) -> None:
    status, answer, headers = ask(address, b'{"query": "{ hello(name: \\"\xc3\x9c\\") }"}')
    assert status == 200
    assert answer["data"] == {"hello": "hello Ü"}
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert "server" not in {name.lower() for name in headers}


def test_a_large_body_is_answered_before_it_is_sent(address: str) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10000000\r\n\r\n" + b'{"query": "'
        )
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


def test_a_taken_port_is_told_with_advice() -> None:
    listener = take_port("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with pytest.raises(ServerError) as stopped:
        take_port("127.0.0.1", port)
    listener.close()
    assert f"Port {port} on 127.0.0.1 is taken" in str(stopped.value)
    assert "--port" in str(stopped.value)


def test_an_odd_host_is_told_with_advice() -> None:
    for host in ("no such host", "192.0.2.1"):
        with pytest.raises(ServerError, match=r"use 127\.0\.0\.1 or 0\.0\.0\.0"):
            take_port(host, 0)
