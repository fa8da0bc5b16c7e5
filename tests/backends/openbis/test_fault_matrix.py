"""What each mishap on the way to openBIS becomes: for a read, for a login, for a write.

The table is the contract. A row says which error the caller gets, which code the client of omnibis
sees, and how many times openBIS was asked: a read at most twice, anything else exactly once. A
write that was sent and not answered is in doubt, and says so. In no case does a token, a password
or a server's text appear in a message, a log or a printed line.
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
from backends import errors
from backends.errors import BackendError, OutcomeUnknown, Source, TimedOut, Unavailable
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


# One line each: the error of a read or a login, the code, how many times a read asks, and whether a
# write that met the mishap may have been done (it then is OutcomeUnknown, BACKEND_UNAVAILABLE).
TABLE = """
    mishap                 | error          | code                | reads | write
    time-out               | TimedOut       | BACKEND_TIMEOUT     | 1     | in doubt
    slow body              | TimedOut       | BACKEND_TIMEOUT     | 1     | in doubt
    reset mid-body         | Unavailable    | BACKEND_UNAVAILABLE | 2     | in doubt
    closed mid-body        | Unavailable    | BACKEND_UNAVAILABLE | 2     | in doubt
    closed without a word  | Unavailable    | BACKEND_UNAVAILABLE | 2     | in doubt
    no HTTP at all         | Unavailable    | BACKEND_UNAVAILABLE | 2     | in doubt
    500                    | Unavailable    | BACKEND_UNAVAILABLE | 2     | in doubt
    502 HTML               | Unavailable    | BACKEND_UNAVAILABLE | 2     | in doubt
    200 HTML               | ProtocolError  | INTERNAL            | 1     | in doubt
    truncated JSON         | ProtocolError  | INTERNAL            | 1     | in doubt
    body too large         | InvalidRequest | BAD_USER_INPUT      | 1     | in doubt
    session lost           | SessionExpired | SESSION_EXPIRED     | 1     | not done
    PAT expired            | SessionExpired | SESSION_EXPIRED     | 1     | not done
    TLS unknown issuer     | Unavailable    | BACKEND_UNAVAILABLE | 2     | not done
    TLS another host's     | Unavailable    | BACKEND_UNAVAILABLE | 2     | not done
    TLS over               | Unavailable    | BACKEND_UNAVAILABLE | 2     | not done
    DNS gone               | Unavailable    | BACKEND_UNAVAILABLE | 2     | not done
    port closed            | Unavailable    | BACKEND_UNAVAILABLE | 2     | not done
"""
UNAVAILABLE = "BACKEND_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Row:
    """One mishap and what becomes of it."""

    mishap: str
    error: type[BackendError]
    code: str
    reads: int
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Mishap:
    """How it is brought about."""

    server: Respond | None = None
    base: str | None = None
    transport: dict[str, Any] = field(default_factory=dict)
    certificate: tuple[str, int] | None = None  # for whom, for how many days
    trusted: bool = False
    token: SecretStr = SESSION


def row(line: str) -> Row:
    name, error, code, reads, write = (cell.strip() for cell in line.split("|"))
    assert write in {"in doubt", "not done"}
    return Row(name, getattr(errors, error), code, int(reads), write == "in doubt")


HALF = response("200 OK", WHOLE[:20], length=len(WHOLE))
GOOD = answering(response("200 OK", WHOLE))
MATRIX = [row(line) for line in TABLE.strip().splitlines()[1:]]
MISHAPS = {
    "time-out": Mishap(silent, transport={"read_timeout": 0.15}),
    "slow body": Mishap(dripping(response("200 OK", WHOLE), 0.02)),
    "reset mid-body": Mishap(broken_off(HALF, reset=True)),
    "closed mid-body": Mishap(broken_off(HALF, reset=False)),
    "closed without a word": Mishap(broken_off(b"", reset=False)),
    "no HTTP at all": Mishap(answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
    "500": Mishap(answering(response("500 Server Error", HTML))),
    "502 HTML": Mishap(answering(response("502 Bad Gateway", HTML, "Content-Type: text/html"))),
    "200 HTML": Mishap(answering(response("200 OK", HTML, "Content-Type: text/html"))),
    "truncated JSON": Mishap(answering(response("200 OK", WHOLE[:-9]))),
    "body too large": Mishap(
        answering(response("200 OK", WHOLE + b" " * 5000)), transport={"largest": 4096}
    ),
    "session lost": Mishap(answering(response("200 OK", LOST))),
    "PAT expired": Mishap(answering(response("200 OK", OVER)), token=TOKEN),
    "TLS unknown issuer": Mishap(GOOD, certificate=("127.0.0.1", 2)),
    "TLS another host's": Mishap(GOOD, certificate=("openbis.example", 2), trusted=True),
    "TLS over": Mishap(GOOD, certificate=("127.0.0.1", -1), trusted=True),
    "DNS gone": Mishap(base="https://openbis.invalid"),
    "port closed": Mishap(base="http://127.0.0.1:9"),
}

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
        mishap = MISHAPS[row.mishap]
        options: dict[str, Any] = {"trust_env": False, **mishap.transport}
        context: ssl.SSLContext | None = None
        if mishap.certificate is not None:
            made = self_signed(tmp_path, mishap.certificate[0], days=mishap.certificate[1])
            context = made.server
            if mishap.trusted:
                options["ca_file"] = made.file
        server = None
        if mishap.server is not None:
            server = await stack.enter_async_context(wrecked(mishap.server, context))
        base = mishap.base or (server.base if server else "")
        # A lane that never gives up, so that each row is about its own mishap.
        # Only who waits in vain is hurried: a busy machine needs its time for all others.
        seconds = 0.4 if row.error is TimedOut else 20.0
        lane = Lane(Source.OPENBIS, timeout=seconds, threshold=99, pause=0.01)
        client = OpenbisClient(HttpTransport(base, **options), lane)
        stack.push_async_callback(client.aclose)
        with pytest.raises(BackendError) as caught:
            await act(client, mishap.token, call)
    error = caught.value
    in_doubt = act is write and row.in_doubt
    assert type(error) is (OutcomeUnknown if in_doubt else row.error)
    assert error.source is Source.OPENBIS
    assert _code(error) == (UNAVAILABLE if in_doubt else row.code)
    expected = row.reads if act is read else 1
    assert len(call.meter.operations) == expected
    if server is not None and mishap.certificate is None:
        assert server.requests == expected
    if mishap.certificate is not None:
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
