"""What the doctor sees of healthy and of sick servers, and that it keeps secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.findings import Finding, State
from backends.openbis.doctor import Credentials, examine
from backends.openbis.transport import HttpTransport
from tests.backends.openbis.wire_faults import answering, response, self_signed, wrecked
from tests.serving import serve

PASSWORD = SecretStr("demo")
OK, WARNING, PROBLEM, SKIPPED = State.OK, State.WARNING, State.PROBLEM, State.SKIPPED


@pytest.fixture(scope="module")
def embedded() -> Starlette:
    return create_openbis_server(build_world().openbis)


@pytest.fixture(scope="module")
def base(embedded: Starlette) -> Iterator[str]:
    with serve(embedded) as address:
        yield address


async def look(
    address: str, credentials: Credentials | None = None, **options: Any
) -> dict[str, Finding]:
    transport = HttpTransport(address, connect_timeout=2, read_timeout=5, **options)
    try:
        findings = await examine(transport, credentials)
    finally:
        await transport.aclose()
    assert len({finding.check for finding in findings}) == len(findings)
    for finding in findings:
        assert (finding.state in {WARNING, PROBLEM}) == (finding.advice is not None), finding
    return {finding.check: finding for finding in findings}


def user(name: str) -> Credentials:
    return Credentials(user=name, password=PASSWORD)


async def test_a_healthy_server_and_no_session_left_behind(base: str, embedded: Any) -> None:
    embedded.state.log.clear()
    told = await look(base, user("steward"))
    checks = ["address", "connection", "service", "clock", "login", "version", "project samples"]
    assert list(told) == [*checks, "rights", "sessions", "tokens"]
    assert {finding.state for check, finding in told.items() if check != "tokens"} == {OK}
    assert "steward" in told["login"].found
    assert "20.10" in told["version"].found
    assert "Spaces: 4 (CLINICAL, DEFAULT, HEPATOLOGY, PLANT_BIOLOGY)" in told["rights"].found
    log = embedded.state.log
    assert log.count("login") == log.count("logout") == 2


async def test_without_credentials_only_the_outside_is_seen(base: str) -> None:
    told = await look(base)
    assert list(told) == ["address", "connection", "service", "clock", "login"]
    assert told["login"].state is SKIPPED


async def test_a_wrong_password_ends_the_look_inside(base: str) -> None:
    told = await look(base, Credentials(user="steward", password=SecretStr("wr0ng-one")))
    assert told["login"].state is PROBLEM
    assert "rights" not in told
    assert "wr0ng-one" not in str(told)


@pytest.mark.parametrize("secret", ["steward-1x2", "$pat-steward-240101x00"])
async def test_a_dead_token(base: str, secret: str) -> None:
    told = await look(base, Credentials(token=SecretStr(secret)))
    assert told["login"].state is PROBLEM
    assert secret not in str(told)
    advice = told["login"].advice
    assert advice is not None
    assert "personal access token" in advice


async def test_an_account_without_a_role(base: str) -> None:
    told = await look(base, user("microscopy"))
    assert (told["login"].state, told["rights"].state) == (OK, PROBLEM)
    assert "OBSERVER" in str(told["rights"].advice)


async def test_a_session_is_looked_with_and_not_ended(base: str, embedded: Any) -> None:
    token = SecretStr(embedded.state.api.call("login", ["plant", "demo"]))
    told = await look(base, Credentials(token=token))
    assert told["rights"].state is OK
    assert told["sessions"].state is SKIPPED
    assert embedded.state.api.call("isSessionActive", [token.get_secret_value()]) is True


def around(app: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    """The same server with something done before each request, or to its answers' headers."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        change(scope)

        async def altered(message: Any) -> None:
            change(message)
            await send(message)

        await app(scope, receive, altered)

    return wrapped


async def test_one_session_per_user_is_noticed() -> None:
    embedded = create_openbis_server(build_world().openbis)
    sessions = embedded.state.api.sessions
    opened: list[str] = []
    log = embedded.state.log

    def change(message: dict[str, Any]) -> None:
        # When a second session has just been opened, the first one goes.
        if message["type"] == "http.response.start" and log[-1] == "login":
            live = list(sessions._live)
            for old in [token for token in live if token in opened]:
                del sessions._live[old]
            opened.extend(sessions._live)

    with serve(around(embedded, change)) as address:
        told = await look(address, user("plant"))
    assert told["sessions"].state is WARNING
    assert "max-number-of-sessions-per-user" in str(told["sessions"].advice)


@pytest.mark.parametrize(("date", "word"), [("2020", "behind"), ("2099", "ahead of")])
async def test_a_clock_that_is_wrong(embedded: Starlette, date: str, word: str) -> None:
    def change(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            stamp = f"Wed, 01 Jan {date} 00:00:00 GMT".encode()
            message["headers"] = [*message["headers"], (b"date", stamp)]

    with serve(around(embedded, change), date=False) as address:
        told = await look(address)
    assert told["clock"].state is WARNING
    assert word in told["clock"].found


async def test_a_server_that_tells_no_date(embedded: Starlette) -> None:
    with serve(embedded, date=False) as address:
        assert (await look(address))["clock"].state is SKIPPED


# --- not reached ---------------------------------------------------------------------------------


async def test_a_name_that_nobody_knows() -> None:
    told = await look("https://openbis.invalid", user("plant"))
    assert told["connection"].state is PROBLEM
    assert "openbis.invalid is not known" in told["connection"].found
    assert told["login"].state is SKIPPED


async def test_a_port_where_nobody_answers() -> None:
    told = await look("http://127.0.0.1:9")
    assert "Nobody answers at 127.0.0.1, port 9" in told["connection"].found


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "302 Found"])
async def test_something_else_that_answers(status: str) -> None:
    async with wrecked(
        answering(response(status, b"<html>Welcome to inside.example</html>"))
    ) as it:
        told = await look(it.base)
    assert told["service"].state is PROBLEM
    assert "prefix" in str(told["service"].advice)
    assert "inside.example" not in str(told)


async def test_a_server_that_fails() -> None:
    async with wrecked(answering(response("503 Busy", b""))) as it:
        told = await look(it.base)
    assert told["service"].state is PROBLEM


@pytest.mark.parametrize(
    ("name", "days", "trusted", "said"),
    [
        ("127.0.0.1", 2, False, "an issuer that is not trusted"),
        ("openbis.example", 2, True, "for another name than 127.0.0.1"),
        ("127.0.0.1", -1, True, "certificate is over"),
    ],
)
async def test_certificates_that_are_refused(
    tmp_path: Path, name: str, days: int, trusted: bool, said: str
) -> None:
    made = self_signed(tmp_path, name, days=days)
    with tls_server(made.file, made.key) as address:
        told = await look(address, ca_file=made.file if trusted else None)
    assert told["connection"].state is OK
    assert told["TLS"].state is PROBLEM
    assert said in told["TLS"].found
    assert "service" not in told


async def test_a_certificate_about_to_end_one_that_is_good_and_one_unchecked(
    tmp_path: Path, embedded: Starlette
) -> None:
    made = self_signed(tmp_path, days=5)
    with serve(embedded, certificate=made.file, key=made.key) as address:
        soon = await look(address, ca_file=made.file)
        unchecked = await look(address, verify=False)
    assert soon["TLS"].state is WARNING
    assert "ends in" in soon["TLS"].found
    assert soon["service"].state is OK
    assert unchecked["TLS"].state is WARNING
    assert "not checked" in unchecked["TLS"].found
    made = self_signed(tmp_path, days=300)
    with serve(embedded, certificate=made.file, key=made.key) as address:
        good = await look(address, ca_file=made.file)
    assert good["TLS"].state is OK
    assert "TLSv1.3" in good["TLS"].found


async def test_plain_http_where_tls_is_expected(base: str) -> None:
    told = await look(base.replace("http:", "https:"))
    assert told["TLS"].state is PROBLEM
    assert "does not speak TLS" in told["TLS"].found


@contextmanager
def tls_server(certificate: Path, key: Path) -> Iterator[str]:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("nothing may be said to a server that is not trusted")

    with ExitStack() as stack:
        yield stack.enter_context(serve(app, certificate=certificate, key=key))
