"""pybis over our wire: what it may do, what it may not, and what it must never tell."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    InvalidRequest,
    ProtocolError,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from backends.lane import Call, Lane
from backends.openbis.account import is_personal_access_token
from backends.openbis.address import API_PATH
from backends.openbis.client import OpenbisClient
from backends.openbis.session import OpenbisSession
from backends.openbis.transport import HttpTransport
from tests.serving import serve

PASSWORD = SecretStr("s3cret-of-anna")
SESSION = "anna-241101120000000x0123456789ABCDEF0123456789ABCDEF"
PAT = "$pat-anna-241101120000000xFEDCBA9876543210FEDCBA9876543210"
DAY = 86400
INFORMATION = {
    "api-version": "3.6",
    "openbis-version": "20.10.7",
    "project-samples-enabled": "true",
    "enabled-technologies": None,
    "personal-access-tokens-enabled": "true",
    "personal-access-tokens-max-validity-period": str(30 * DAY),
    "personal-access-tokens-validity-warning-period": str(5 * DAY),
    "a-key-of-tomorrow": "x",
}


def milliseconds(days: float) -> int:
    return round((time.time() + days * DAY) * 1000)


def token_bean(perm_id: str, name: str, days: float) -> dict[str, Any]:
    person = {"@type": "as.dto.person.Person", "@id": 9, "userId": "anna", "registrationDate": 1}
    return {
        "@type": "as.dto.pat.PersonalAccessToken",
        "@id": 1,
        "permId": {"@type": "as.dto.pat.id.PersonalAccessTokenPermId", "@id": 2, "permId": perm_id},
        "hash": "h",
        "sessionName": name,
        "validFromDate": milliseconds(-1),
        "validToDate": milliseconds(days),
        "accessDate": milliseconds(0),
        "registrationDate": milliseconds(-1),
        "modificationDate": milliseconds(-1),
        "owner": person,
        "registrator": 9,
        "modifier": 9,
    }


class Scripted:
    """An openBIS of few words: methods with their answers, below a prefix."""

    def __init__(self) -> None:
        self.log: list[tuple[str, list[Any]]] = []
        self.paths: set[str] = set()
        self.clients: set[Any] = set()
        self.tokens: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {
            "login": SESSION,
            "loginAs": "otto-1x2",
            "logout": None,
            "isSessionActive": True,
            "getServerInformation": INFORMATION,
            "searchPersonalAccessTokens": self.search_tokens,
            "getPersonalAccessTokens": self.get_tokens,
            "createPersonalAccessTokens": self.create_token,
        }
        self.before: Callable[[str], Any] = lambda _: None

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.log]

    def search_tokens(self, _token: str, criteria: Any, _options: Any) -> Any:
        prefix = criteria["criteria"][0]["fieldValue"]["value"]
        found = [each for each in self.tokens if each["sessionName"].startswith(prefix)]
        return {"@type": "SearchResult", "@id": 99, "objects": found, "totalCount": len(found)}

    def get_tokens(self, _token: str, ids: Any, _options: Any) -> Any:
        asked = ids[0]["permId"]
        return {each["permId"]["permId"]: each for each in self.tokens if _id(each) == asked}

    def create_token(self, _token: str, creation: Any) -> Any:
        days = creation["validToDate"] / 1000 / DAY - time.time() / DAY
        made = token_bean(f"{PAT}{len(self.tokens)}", creation["sessionName"], days)
        self.tokens.append(made)
        return [made["permId"]]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        self.paths.add(scope["path"])
        self.clients.add(scope["client"])
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        request = orjson.loads(body)
        method, params = request["method"], request["params"]
        self.log.append((method, params))
        self.before(method)
        answer = self.answers[method]
        if isinstance(answer, Exception):
            envelope = {"error": {"code": 0, "message": str(answer)}}
        else:
            envelope = {"result": answer(*params) if callable(answer) else answer}
        content = orjson.dumps({"jsonrpc": "2.0", "id": request["id"], **envelope})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": content})


def _id(bean: dict[str, Any]) -> str:
    perm_id: str = bean["permId"]["permId"]
    return perm_id


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which somebody's pybis has left a session."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".pybis"
    folder.mkdir()
    (folder / "127.0.0.1.token").write_text("stranger-1x2", encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[list[Scripted], str]]:
    """One server for all tests; whoever stands on the stage answers."""
    standing: list[Scripted] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await standing[-1](scope, receive, send)

    with serve(app) as base:
        yield standing, f"{base}/lab/two"


@pytest.fixture
def server(stage: tuple[list[Scripted], str]) -> tuple[Scripted, str]:
    stage[0].append(Scripted())
    return stage[0][-1], stage[1]


@pytest.fixture
async def client(server: Any, home: Path) -> AsyncIterator[OpenbisClient]:
    transport = HttpTransport(server[1], read_timeout=2)
    made = OpenbisClient(transport, Lane(Source.OPENBIS, pause=0.01))
    before = _files(home)
    yield made
    await made.aclose()
    assert _files(home) == before, "nothing is written, and nothing removed, in the home folder"
    assert not [params for _, params in server[0].log if "stranger-1x2" in str(params)]


def _files(home: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in home.rglob("*") if path.is_file()}


# --- what it does --------------------------------------------------------------------------------


async def test_a_session_from_login_to_logout_over_one_connection(
    client: OpenbisClient, server: Any
) -> None:
    call = Call()
    token = await client.login("anna", PASSWORD, call)
    assert token.get_secret_value() == SESSION
    told = await client.server(token, call)
    await client.logout(token, call)
    scripted, _ = server
    assert scripted.log == [
        ("login", ["anna", PASSWORD.get_secret_value()]),
        ("getServerInformation", [SESSION]),
        ("logout", [SESSION]),
    ]
    assert scripted.paths == {f"/lab/two/{API_PATH}"}
    assert len(scripted.clients) == 1
    assert call.meter.operations == [(Source.OPENBIS, method) for method in scripted.methods]
    assert (told.version, told.api_version) == ("20.10.7", "3.6")
    assert told.project_samples_enabled
    assert told.personal_access_tokens_enabled
    assert told.token_validity == timedelta(days=30)
    assert told.token_warning == timedelta(days=5)


async def test_what_an_old_server_does_not_tell(client: OpenbisClient, server: Any) -> None:
    server[0].answers["getServerInformation"] = {"api-version": "3.5"}
    told = await client.server(SecretStr(SESSION), Call())
    assert (told.version, told.api_version) == (None, "3.5")
    assert not told.project_samples_enabled
    assert not told.personal_access_tokens_enabled
    assert told.token_validity is None


async def test_an_administrator_opens_anothers_session(client: OpenbisClient, server: Any) -> None:
    token = await client.login_as("root", PASSWORD, "otto", Call())
    assert token.get_secret_value() == "otto-1x2"
    assert server[0].log == [("loginAs", ["root", PASSWORD.get_secret_value(), "otto"])]


@pytest.mark.parametrize("method", ["login", "loginAs"])
async def test_refused_credentials(client: OpenbisClient, server: Any, method: str) -> None:
    server[0].answers[method] = None
    arguments = {"login": ("anna", PASSWORD), "loginAs": ("anna", PASSWORD, "otto")}[method]
    attempt: Any = {"login": client.login, "loginAs": client.login_as}[method]
    with pytest.raises(AuthenticationFailed):
        await attempt(*arguments, Call())
    assert server[0].methods == [method]


async def test_a_login_that_answers_nonsense(client: OpenbisClient, server: Any) -> None:
    server[0].answers["login"] = {"odd": PASSWORD.get_secret_value()}
    with pytest.raises(ProtocolError, match="no session token") as caught:
        await client.login("anna", PASSWORD, Call())
    assert PASSWORD.get_secret_value() not in str(caught.value)


async def test_server_information_that_pybis_cannot_read(
    client: OpenbisClient, server: Any
) -> None:
    server[0].answers["getServerInformation"] = [SESSION]
    with pytest.raises(ProtocolError, match="pybis cannot read it") as caught:
        await client.server(SecretStr(SESSION), Call())
    assert caught.value.__suppress_context__


# --- personal access tokens ----------------------------------------------------------------------


async def test_a_personal_access_token_is_made_once_and_found_again(
    client: OpenbisClient, server: Any
) -> None:
    session = SecretStr(SESSION)
    made = await client.obtain_token(session, "gateway", Call())
    assert is_personal_access_token(made.secret)
    assert (made.name, made.owner) == ("gateway", "anna")
    now = datetime.now(UTC)
    assert timedelta(days=29.9) < made.valid_to - now <= timedelta(days=30)
    assert made.secret.get_secret_value() not in repr(made)
    again = await client.obtain_token(session, "gateway", Call())
    assert again.secret == made.secret
    assert server[0].methods.count("createPersonalAccessTokens") == 1


async def test_a_token_about_to_end_is_replaced(client: OpenbisClient, server: Any) -> None:
    server[0].tokens.append(token_bean(PAT, "gateway", 4.0))  # the warning period is five days
    made = await client.obtain_token(SecretStr(SESSION), "gateway", Call())
    assert made.secret.get_secret_value() != PAT
    assert "createPersonalAccessTokens" in server[0].methods


async def test_a_token_of_a_longer_name_is_not_taken_for_it(
    client: OpenbisClient, server: Any
) -> None:
    server[0].tokens.append(token_bean(PAT, "gateway-two", 20.0))
    made = await client.obtain_token(SecretStr(SESSION), "gateway", Call())
    assert (made.name, made.secret.get_secret_value() == PAT) == ("gateway", False)


async def test_a_token_cannot_make_another_and_no_file_is_asked(
    client: OpenbisClient, server: Any
) -> None:
    with pytest.raises(AccessDenied):
        await client.obtain_token(SecretStr(PAT), "gateway", Call())
    assert server[0].log == []


async def test_a_server_without_tokens_says_so(client: OpenbisClient, server: Any) -> None:
    server[0].answers["getServerInformation"] = INFORMATION | {
        "personal-access-tokens-enabled": "false"
    }
    with pytest.raises(InvalidRequest, match="personal-access-tokens-enabled"):
        await client.obtain_token(SecretStr(SESSION), "gateway", Call())


async def test_how_long_a_token_is_good_for(client: OpenbisClient, server: Any) -> None:
    server[0].tokens.append(token_bean(PAT, "gateway", 3.0))
    told = await client.describe_token(SecretStr(PAT), Call())
    now = datetime.now(UTC)
    assert told.ends_within(timedelta(days=5), now)
    assert not told.ends_within(timedelta(days=2), now)
    with pytest.raises(InvalidRequest):
        await client.describe_token(SecretStr(SESSION), Call())
    server[0].tokens.clear()
    with pytest.raises(SessionExpired) as caught:
        await client.describe_token(SecretStr(PAT), Call())
    assert PAT not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_token_is_never_logged_out(client: OpenbisClient, server: Any) -> None:
    await client.logout(SecretStr(PAT), Call())
    assert server[0].log == []


# --- failures ------------------------------------------------------------------------------------


async def test_a_failure_that_pybis_swallows_is_told_all_the_same(
    client: OpenbisClient, server: Any
) -> None:
    refusal = ValueError(f"Session token '{SESSION}' is invalid: user is not logged in.")
    server[0].answers["searchPersonalAccessTokens"] = refusal
    with pytest.raises(SessionExpired) as caught:
        await client.obtain_token(SecretStr(SESSION), "gateway", Call())
    assert SESSION not in str(caught.value)


async def test_the_deadline_ends_the_thread_too(client: OpenbisClient, server: Any) -> None:
    release = threading.Event()
    server[0].before = lambda _: release.wait(5)
    started = time.monotonic()
    with pytest.raises(TimedOut):
        await client.login("anna", PASSWORD, Call(deadline=started + 0.1))
    assert time.monotonic() - started < 1
    release.set()
    server[0].before = lambda _: None
    assert (await client.login("anna", PASSWORD, Call())).get_secret_value() == SESSION


async def test_many_logins_at_once_use_few_threads_and_few_connections(
    client: OpenbisClient, server: Any
) -> None:
    await asyncio.gather(*(client.login("anna", PASSWORD, Call()) for _ in range(60)))
    assert len(server[0].log) == 60
    assert sum(each.name.startswith("pybis") for each in threading.enumerate()) <= 8
    assert len(server[0].clients) <= 10


async def test_cancelling_a_login_frees_its_thread(server: Any) -> None:
    release = threading.Event()
    server[0].before = lambda _: release.wait(5)
    client = OpenbisClient(HttpTransport(server[1]), Lane(Source.OPENBIS))
    task = asyncio.create_task(client.login("anna", PASSWORD, Call()))
    await _until(lambda: bool(server[0].log))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.aclose()
    release.set()
    await _until(lambda: not [t for t in threading.enumerate() if t.name.startswith("pybis")])


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - another thread's state has no event here
            await asyncio.sleep(0.01)


async def test_no_secret_is_printed_or_logged(
    client: OpenbisClient,
    server: Any,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server[0].answers["login"] = ValueError(f"no such user with {PASSWORD.get_secret_value()}")
    with pytest.raises(BackendError):
        await client.login("anna", PASSWORD, Call())
    printed = "".join(capfd.readouterr())
    for secret in (PASSWORD.get_secret_value(), SESSION):
        assert secret not in printed + caplog.text


# --- pybis itself --------------------------------------------------------------------------------


def session(post: Callable[[str, list[Any]], Any], token: str | None = SESSION) -> OpenbisSession:
    secret = None if token is None else SecretStr(token)
    return OpenbisSession("https://openbis.example/lab", post, secret)


def test_a_session_shows_no_token_and_writes_none(home: Path) -> None:
    before = _files(home)
    made = session(lambda *_: None)
    assert SESSION not in repr(made) + str(made) + made._repr_html_()
    with pytest.raises(InvalidRequest):
        made.set_token(SESSION, save_token=True)
    with pytest.raises(InvalidRequest):
        made.save_token_on_behalf(str(home))
    assert session(lambda *_: None, None).token is None
    assert _files(home) == before


def test_only_the_application_server_is_spoken_to() -> None:
    sent: list[str] = []
    made = session(lambda method, _: sent.append(method))
    request = {"method": "createReportFromAggregationService", "params": [SESSION]}
    for resource in (made.as_v1, made.reg_v1, made.dss_v3):
        with pytest.raises(InvalidRequest):
            made._post_request(resource, request)
    with pytest.raises(InvalidRequest):
        made._post_request_full_url("https://elsewhere.example" + made.as_v3, request)
    assert sent == []


def test_without_a_session_nothing_is_sent() -> None:
    sent: list[str] = []
    made = session(lambda method, _: sent.append(method), None)
    with pytest.raises(SessionExpired):
        made.get_server_information()
    assert sent == []


def test_a_wire_failure_is_kept_where_pybis_drops_it() -> None:
    def post(_method: str, _params: list[Any]) -> Any:
        raise Unavailable(Source.OPENBIS, "down")

    made = session(post)
    assert made.get_session_info() is None  # pybis' own way
    assert isinstance(made.failure, Unavailable)


def test_importing_the_session_opens_and_writes_nothing(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415 - this test only

    environment = {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import backends.openbis.client"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, cwd=Path.cwd())  # noqa: S603
    assert list(tmp_path.iterdir()) == []
