"""What each mishap on the way to openBIS becomes: for a read, for a login, for a write.

The table is the contract. A row says which error the caller gets, which code the client of omnibis
sees, and how many times openBIS was asked: a read at most twice, anything else exactly once. In no
case does a token, a password or a server's text appear in a message, a log or a printed line.
"""

import asyncio
import logging
import ssl
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from graphql import GraphQLError
from pydantic import SecretStr

from api.types.errors import format_error
from backends.errors import (
    BackendError,
    InvalidRequest,
    ProtocolError,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from backends.lane import Call, Lane
from backends.openbis.client import Count, OpenbisClient
from backends.openbis.transport import HttpTransport
from backends.records import Kind
from tests.backends.openbis.wire_faults import (
    Respond,
    answering,
    broken_off,
    dripping,
    response,
    self_signed,
    silent,
    wrecked,
)

USER, PASSWORD = "anna.matrix", SecretStr("pa55word-of-anna")
SESSION = SecretStr("anna-241101120000000x0123456789ABCDEF0123456789ABCDEF")
TOKEN = SecretStr("$pat-anna-241101120000000xFEDCBA9876543210FEDCBA9876543210")
INSIDE = "db-17.inside.example"  # what a server's text may name
SECRETS = [PASSWORD.get_secret_value(), SESSION.get_secret_value(), TOKEN.get_secret_value()]


def envelope(message: str) -> bytes:
    error = {"code": 0, "message": f"{message} at {INSIDE}", "data": {"exceptionTypeName": "x.Y"}}
    return orjson.dumps({"jsonrpc": "2.0", "id": "2", "error": error})


WHOLE = b'{"jsonrpc":"2.0","id":"2","result":{"objects":[],"totalCount":0}}'
HTML = f"<html><body><h1>Proxy Error</h1>{INSIDE}</body></html>".encode()
LOST = envelope(f"Session token '{SESSION.get_secret_value()}' is invalid: user is not logged in.")
OVER = envelope(f"Personal access token '{TOKEN.get_secret_value()}' has expired.")


@dataclass(frozen=True, slots=True)
class Row:
    """One mishap and what becomes of it."""

    mishap: str
    server: Respond | None
    error: type[BackendError]
    code: str
    reads: int  # attempts of a read; a login and a write have one, always
    token: SecretStr = SESSION
    transport: dict[str, Any] = field(default_factory=dict)
    certificate: tuple[str, int] | None = None  # for whom, for how many days
    trusted: bool = False
    base: str | None = None


UNAVAILABLE, TIMEOUT, EXPIRED = "BACKEND_UNAVAILABLE", "BACKEND_TIMEOUT", "SESSION_EXPIRED"
QUICK = {"read_timeout": 0.15}
MATRIX = [
    # mishap, server, error, code, attempts of a read
    Row("time-out", silent, TimedOut, TIMEOUT, 1, transport=QUICK),
    Row(
        "reset mid-body",
        broken_off(response("200 OK", WHOLE[:20], length=len(WHOLE)), reset=True),
        Unavailable,
        UNAVAILABLE,
        2,
    ),
    Row(
        "closed mid-body",
        broken_off(response("200 OK", WHOLE[:20], length=len(WHOLE)), reset=False),
        Unavailable,
        UNAVAILABLE,
        2,
    ),
    Row("closed without a word", broken_off(b"", reset=False), Unavailable, UNAVAILABLE, 2),
    Row(
        "500",
        answering(response("500 Server Error", HTML)),
        Unavailable,
        UNAVAILABLE,
        2,
    ),
    Row(
        "502 HTML",
        answering(response("502 Bad Gateway", HTML, "Content-Type: text/html")),
        Unavailable,
        UNAVAILABLE,
        2,
    ),
    Row(
        "200 HTML",
        answering(response("200 OK", HTML, "Content-Type: text/html")),
        ProtocolError,
        "INTERNAL",
        1,
    ),
    Row("truncated JSON", answering(response("200 OK", WHOLE[:-9])), ProtocolError, "INTERNAL", 1),
    Row("no HTTP at all", answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Unavailable, UNAVAILABLE, 2),
    Row("session lost", answering(response("200 OK", LOST)), SessionExpired, EXPIRED, 1),
    Row(
        "PAT expired",
        answering(response("200 OK", OVER)),
        SessionExpired,
        EXPIRED,
        1,
        token=TOKEN,
    ),
    Row(
        "TLS: unknown issuer",
        answering(response("200 OK", WHOLE)),
        Unavailable,
        UNAVAILABLE,
        2,
        certificate=("127.0.0.1", 2),
    ),
    Row(
        "TLS: another host's certificate",
        answering(response("200 OK", WHOLE)),
        Unavailable,
        UNAVAILABLE,
        2,
        certificate=("openbis.example", 2),
        trusted=True,
    ),
    Row(
        "TLS: certificate over",
        answering(response("200 OK", WHOLE)),
        Unavailable,
        UNAVAILABLE,
        2,
        certificate=("127.0.0.1", -1),
        trusted=True,
    ),
    Row("DNS gone", None, Unavailable, UNAVAILABLE, 2, base="https://openbis.invalid"),
    Row("port closed", None, Unavailable, UNAVAILABLE, 2, base="http://127.0.0.1:9"),
    Row(
        "slow body",
        dripping(response("200 OK", WHOLE), 0.02),
        TimedOut,
        TIMEOUT,
        1,
        transport={"read_timeout": 5.0},
    ),
    Row(
        "body too large",
        answering(response("200 OK", WHOLE + b" " * 5000)),
        InvalidRequest,
        "BAD_USER_INPUT",
        1,
        transport={"largest": 4096},
    ),
]

Act = Callable[[OpenbisClient, SecretStr, Call], Any]


async def read(client: OpenbisClient, token: SecretStr, call: Call) -> Any:
    return await client.execute(token, [Count(Kind.SAMPLE)], call)


async def write(client: OpenbisClient, token: SecretStr, call: Call) -> Any:
    creation = {"@type": "as.dto.space.create.SpaceCreation", "code": "NEW"}
    operation = {"@type": "as.dto.space.create.CreateSpacesOperation", "creations": [creation]}
    return await client.perform(token, [operation], call)


async def login(client: OpenbisClient, _token: SecretStr, call: Call) -> Any:
    return await client.login(USER, PASSWORD, call)


async def logout(client: OpenbisClient, _token: SecretStr, call: Call) -> Any:
    return await client.logout(SESSION, call)


@pytest.mark.parametrize("act", [read, write, login], ids=lambda act: act.__name__)
@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.mishap)
async def test_each_mishap(
    row: Row,
    act: Act,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    call = Call()
    async with AsyncExitStack() as stack:
        options: dict[str, Any] = {"trust_env": False, **row.transport}
        context: ssl.SSLContext | None = None
        if row.certificate is not None:
            made = self_signed(tmp_path, row.certificate[0], days=row.certificate[1])
            context = made.server
            if row.trusted:
                options["ca_file"] = made.file
        server = None
        if row.server is not None:
            server = await stack.enter_async_context(wrecked(row.server, context))
        base = row.base or (server.base if server else "")
        # A lane that never gives up, so that each row is about its own mishap.
        lane = Lane(Source.OPENBIS, timeout=0.4, threshold=99, pause=0.01)
        client = OpenbisClient(HttpTransport(base, **options), lane)
        stack.push_async_callback(client.aclose)
        with pytest.raises(row.error) as caught:
            await act(client, row.token, call)
    error = caught.value
    assert type(error) is row.error
    assert error.source is Source.OPENBIS
    assert _code(error) == row.code
    expected = row.reads if act is read else 1
    assert len(call.meter.operations) == expected
    if server is not None and row.certificate is None:
        assert server.requests == expected
    if row.certificate is not None:
        assert "certificate is not trusted" in error.message
        assert server is not None
        assert server.requests == 0, "nothing is said to whom we do not trust"
    told = [
        str(error),
        repr(error),
        "".join(traceback.format_exception(error)),
        caplog.text,
        *capfd.readouterr(),
    ]
    for secret in [*SECRETS, INSIDE]:
        assert not [text for text in told if secret in text]
    assert base.partition("//")[2] not in error.message


def _code(error: BackendError) -> str:
    wrapped = GraphQLError(error.message, original_error=error)
    code: str = format_error(wrapped, "request")["extensions"]["code"]
    return code


async def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    made = self_signed(tmp_path)
    async with wrecked(answering(response("200 OK", WHOLE)), made.server) as server:
        for options in ({"ca_file": made.file}, {"verify": False}):
            client = _client(server.base, **options)
            assert await read(client, SESSION, Call()) == [0]
            await client.aclose()
    assert server.requests == 2


async def test_a_read_survives_one_mishap() -> None:
    answers = iter([response("503 Busy", b""), response("200 OK", WHOLE)])

    async def respond(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(answers))

    async with wrecked(respond) as server:
        client = _client(server.base)
        assert await read(client, SESSION, Call()) == [0]
        await client.aclose()
    assert server.requests == 2


async def test_a_logout_of_a_dead_session_is_no_error_but_a_dead_server_is() -> None:
    async with wrecked(answering(response("200 OK", LOST))) as server:
        client = _client(server.base)
        await logout(client, SESSION, Call())
        await client.aclose()
    client = _client(server.base)
    with pytest.raises(Unavailable):
        await logout(client, SESSION, Call())
    await client.aclose()


async def test_the_breaker_opens_for_all_viewers_and_spares_the_server() -> None:
    async with wrecked(answering(response("502 Bad Gateway", HTML))) as server:
        lane = Lane(Source.OPENBIS, threshold=3, recovery=60, pause=0.01)
        client = OpenbisClient(HttpTransport(server.base, trust_env=False), lane)
        for _ in range(20):
            with pytest.raises(Unavailable):
                await read(client, SESSION, Call())
        await client.aclose()
    assert server.requests == 3


def _client(base: str, **options: Any) -> OpenbisClient:
    lane = Lane(Source.OPENBIS, timeout=2.0, pause=0.01)
    return OpenbisClient(HttpTransport(base, trust_env=False, **options), lane)
