"""Both transports: what arrives, what is sent, and what each mishap becomes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backends.errors import BackendError, ProtocolError, TimedOut, Unavailable
from backends.openbis.address import api_url
from backends.openbis.transport import AsgiTransport, HttpTransport

BODY = b'{"method":"login","params":["anna","s3cret"],"id":"2","jsonrpc":"2.0"}'
PATH = "/openbis/openbis/rmi-application-server-v3.json"
RPC_ERROR = b'{"jsonrpc":"2.0","id":"2","error":{"code":-32601,"message":"method not found"}}'

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def response(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return head, await reader.readexactly(int(fields.get("content-length", "0")))


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[str]:
    """A real socket on the loopback device; yields its address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await respond(reader, writer)
        except asyncio.IncompleteReadError:
            pass  # the client closed a connection that it had kept
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(answer: bytes, seen: list[tuple[str, bytes]] | None = None) -> Respond:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            if seen is not None:
                seen.append(request)
            writer.write(answer)
            await writer.drain()

    return respond


async def post(base: str, **options: Any) -> bytes:
    transport = HttpTransport(base, trust_env=False, **options)
    try:
        return await transport.post(BODY)
    finally:
        await transport.aclose()


async def test_body_goes_out_and_body_comes_back_below_a_prefix() -> None:
    seen: list[tuple[str, bytes]] = []
    async with serving(answering(response("200 OK", b'{"result":1}'), seen)) as base:
        assert await post(f"{base}/lab/two/") == b'{"result":1}'
    ((head, body),) = seen
    assert head.startswith(f"POST /lab/two{PATH} HTTP/1.1\r\n")
    assert body == BODY


async def test_one_connection_serves_many_calls() -> None:
    connections = 0
    repeat = answering(response("200 OK", b"{}"))

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await repeat(reader, writer)

    async with serving(respond) as base:
        transport = HttpTransport(base, trust_env=False)
        for _ in range(5):
            await transport.post(BODY)
        await transport.aclose()
    assert connections == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("500 Internal Server Error", Unavailable),
        ("502 Bad Gateway", Unavailable),
        ("503 Service Unavailable", Unavailable),
        ("429 Too Many Requests", Unavailable),
        ("302 Found", ProtocolError),
        ("401 Unauthorized", ProtocolError),
        ("404 Not Found", ProtocolError),
    ],
)
async def test_statuses(status: str, expected: type[BackendError]) -> None:
    body = b"<html>https://inside.example broke</html>"
    async with serving(answering(response(status, body, "Location: /login"))) as base:
        with pytest.raises(expected) as caught:
            await post(base)
    assert type(caught.value) is expected
    assert "inside" not in caught.value.message
    assert base not in caught.value.message


@pytest.mark.parametrize(
    "status", ["404 Not Found", "500 Internal Server Error", "400 Bad Request"]
)
async def test_an_envelope_is_read_whatever_its_status(status: str) -> None:
    async with serving(answering(response(status, RPC_ERROR))) as base:
        assert await post(base) == RPC_ERROR


async def test_a_connection_that_breaks_is_unavailable() -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

    async with serving(respond) as base:
        with pytest.raises(Unavailable, match="the connection broke"):
            await post(base)


async def test_nobody_listening_is_unavailable() -> None:
    async with serving(answering(b"")) as base:
        pass
    with pytest.raises(Unavailable, match="no connection could be opened"):
        await post(base)


async def test_silence_is_a_time_out() -> None:
    quiet = asyncio.Event()

    async def respond(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await quiet.wait()

    async with serving(respond) as base:
        with pytest.raises(TimedOut):
            await post(base, read_timeout=0.05)
        quiet.set()


async def test_a_body_that_cannot_be_decompressed_is_a_protocol_error() -> None:
    answer = response("200 OK", b"no gzip", "Content-Encoding: gzip")
    async with serving(answering(answer)) as base:
        with pytest.raises(ProtocolError, match="cannot be decompressed"):
            await post(base)


async def test_a_closed_transport_is_unavailable() -> None:
    transport = HttpTransport("http://127.0.0.1:9", trust_env=False)
    await transport.aclose()
    with pytest.raises(Unavailable):
        await transport.post(BODY)


@pytest.mark.parametrize(
    "base",
    ["", "openbis.example", "ftp://a", "https://", "https://u:p@a", "https://a?x=1", "https://a#x"],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(base: str) -> None:
    with pytest.raises(ValueError, match="must be http") as caught:
        api_url(base)
    assert "u:p" not in str(caught.value)


def test_addresses() -> None:
    assert api_url("https://a:8443") == f"https://a:8443{PATH}"
    assert api_url("https://a/x/") == f"https://a/x{PATH}"


@pytest.mark.parametrize("error", [ConnectionError("off"), ConnectionResetError(), OSError("no")])
async def test_an_application_that_is_off_is_unavailable(error: Exception) -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    transport = AsgiTransport(app)
    with pytest.raises(Unavailable):
        await transport.post(BODY)
    await transport.aclose()


async def test_an_application_gets_the_request_as_a_server_would() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(path=scope["path"], method=scope["method"], body=(await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"result":null}'})

    transport = AsgiTransport(app)
    assert await transport.post(BODY) == b'{"result":null}'
    await transport.aclose()
    assert seen == {"path": PATH, "method": "POST", "body": BODY}
