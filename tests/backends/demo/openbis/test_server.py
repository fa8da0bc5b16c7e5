"""The envelope, HTTP statuses, sessions, the request log and the faults."""

from __future__ import annotations

import time
from dataclasses import replace

import orjson
import pytest

from backends.demo.faults import Faults
from backends.demo.openbis.server import PATH, create_openbis_server
from tests.backends.demo.openbis.installation import FETCH, Client, by, content, samples


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def now() -> list[float]:
    return [1_700_000_000.0]


@pytest.fixture
def client(faults: Faults, now: list[float]) -> Client:
    return Client(create_openbis_server(content(), faults=faults, clock=lambda: now[0]))


async def test_success_has_no_error_key_and_echoes_the_id(client: Client) -> None:
    response = await client.post("getServerPublicInformation")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json-rpc"
    assert response.headers["x-frame-options"] == "SAMEORIGIN"
    answer = response.json()
    assert list(answer) == ["jsonrpc", "id", "result"]
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == "2"
    assert answer["result"]["authentication-service"] == "file-authentication-service"


@pytest.mark.parametrize("identity", [7, "x", None])
async def test_the_id_is_echoed_as_it_was_sent(client: Client, identity: object) -> None:
    body = {"method": "getServerPublicInformation", "params": [], "id": identity}
    response = await client.http.post(PATH, content=orjson.dumps(body))
    assert response.json()["id"] == identity


async def test_an_unknown_method_is_404(client: Client) -> None:
    response = await client.post("searchUnicorns", "T")
    assert response.status_code == 404
    assert response.json()["error"] == {"code": -32601, "message": "method not found"}


@pytest.mark.parametrize(
    "params",
    [
        ["T"],
        ["T", "criteria", {}],
        [1, {}, {}],
        ["T", {"@type": "as.dto.space.search.SpaceSearchCriteria"}, FETCH["Samples"]()],
        ["T", samples(), FETCH["Samples"](count="ten")],
        ["T", samples(operator="XOR"), FETCH["Samples"]()],
        ["T", samples(3), FETCH["Samples"]()],
        ["T", samples(by("Code", "X")), FETCH["Samples"](sort={"sortings": [1]})],
    ],
)
async def test_parameters_that_do_not_convert_are_500(client: Client, params: list) -> None:
    await client.login()
    params = [client.token if params[0] == "T" else params[0], *params[1:]]
    response = await client.post("searchSamples", *params)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == -32602


@pytest.mark.parametrize("body", [b"{", b'"text"', b'{"params":[]}', b'{"method":"x","params":3}'])
async def test_what_is_no_request_is_400(client: Client, body: bytes) -> None:
    response = await client.http.post(PATH, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] in {-32700, -32600}


async def test_options_is_empty_get_calls_and_others_are_refused(client: Client) -> None:
    options = await client.http.options(PATH)
    assert (options.status_code, options.content) == (200, b"")
    got = await client.http.get(PATH, params={"method": "isSessionActive", "params": '["x"]'})
    assert got.json()["result"] is False
    assert (await client.http.get(PATH)).status_code == 400
    assert (await client.http.put(PATH)).status_code == 405


async def test_a_batch_is_answered_in_order(client: Client) -> None:
    call = {"method": "isSessionActive", "params": ["x"]}
    batch = [{**call, "id": 1}, {"method": "nothing", "id": 2}]
    answers = (await client.http.post(PATH, content=orjson.dumps(batch))).json()
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[0]["result"] is False
    assert answers[1]["error"]["code"] == -32601


async def test_bad_credentials_are_null_and_no_error(client: Client) -> None:
    assert await client.call("login", "admin", "wrong") is None
    assert await client.call("login", "nobody-there", "demo") is None
    assert await client.call("login", None, None) is None


async def test_a_session_lives_from_login_to_logout(client: Client) -> None:
    token = (await client.login("alice")).token
    assert token is not None
    assert token.startswith("alice-231114221320000x")
    assert len(token.partition("x")[2]) == 32
    assert await client.call("isSessionActive", token) is True
    assert await client.call("logout", token) is None
    assert await client.call("isSessionActive", token) is False
    expected = f"Session token '{token}' is invalid: user is not logged in."
    assert await client.error("logout", token) == expected
    assert await client.error("searchSamples", token, samples(), FETCH["Samples"]()) == expected


async def test_an_idle_session_ends_and_looking_does_not_keep_it(
    client: Client, now: list[float]
) -> None:
    await client.login()
    now[0] += 700 * 60
    await client.call("getServerInformation", client.token)
    now[0] += 700 * 60
    assert await client.call("isSessionActive", client.token) is True
    now[0] += 30 * 60
    assert await client.call("isSessionActive", client.token) is False
    assert await client.call("getSessionInformation", client.token) is None
    message = await client.error("getServerInformation", client.token)
    assert message == "Session no longer available. Please login again."
    assert "is invalid" in await client.error("getServerInformation", client.token)


async def test_session_information_names_the_person(client: Client) -> None:
    await client.login("alice")
    session = await client.call("getSessionInformation", client.token)
    assert session["@type"] == "as.dto.session.SessionInformation"
    assert session["userName"] == "alice"
    assert session["sessionToken"] == client.token
    assert session["person"]["lastName"] == "Ice"
    assert session["creatorPerson"] == session["person"]["@id"]
    assert session["personalAccessTokenSession"] is False


async def test_only_an_administrator_logs_in_as_another(client: Client) -> None:
    token = await client.call("loginAs", "admin", "demo", "bob")
    session = await client.call("getSessionInformation", token)
    assert (session["userName"], session["creatorPerson"]["userId"]) == ("bob", "admin")
    assert "not allowed" in await client.error("loginAs", "alice", "demo", "bob")
    assert await client.call("loginAs", "admin", "wrong", "bob") is None


async def test_server_information_is_strings(client: Client) -> None:
    await client.login()
    information = await client.call("getServerInformation", client.token)
    assert information["api-version"] == "3.6"
    assert information["project-samples-enabled"] == "false"
    assert "enabled-technologies" in information
    assert all(isinstance(text, str) for text in information.values())


async def test_null_criteria_and_options_are_named(client: Client) -> None:
    await client.login()
    fetch = FETCH["Samples"]()
    message = await client.error("searchSamples", client.token, None, fetch)
    assert message == "Criteria cannot be null. (Context: [])"
    message = await client.error("searchSamples", client.token, samples(), None)
    assert message == "Fetch options cannot be null. (Context: [])"


async def test_an_error_carries_the_java_exception(client: Client) -> None:
    response = await client.post("getServerInformation", "dead")
    error = response.json()["error"]
    assert error["code"] == 0
    assert error["data"]["exceptionTypeName"].endswith(".InvalidSessionException")
    assert error["data"]["message"] == error["message"]


async def test_the_log_lists_methods_in_order(client: Client) -> None:
    app = client.http._transport.app
    await client.login()
    await client.codes("Samples", samples())
    await client.post("nothing")
    assert app.state.log == ["login", "searchSamples", "nothing"]


async def test_the_log_does_not_grow_for_ever(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.demo.openbis.server.LOG_LENGTH", 10)
    for _ in range(20):
        await client.post("nothing")
    await client.login()
    log = client.http._transport.app.state.log
    assert 5 <= len(log) <= 10
    assert log[-1] == "login"


async def test_sessions_that_were_idle_too_long_are_forgotten(
    client: Client, now: list[float]
) -> None:
    sessions = client.http._transport.app.state.api.sessions
    for _ in range(3):
        await client.login()
    assert len(sessions) == 3
    now[0] += 13 * 3600
    await client.login()
    assert len(sessions) == 1


async def test_a_host_that_is_off_raises_before_any_answer(client: Client, faults: Faults) -> None:
    faults.off = True
    with pytest.raises(ConnectionError):
        await client.post("login", "admin", "demo")
    faults.off = False
    await client.login()


async def test_the_next_calls_fail_with_a_bare_500(client: Client, faults: Faults) -> None:
    await client.login()
    faults.fail_next["searchSamples"] = 1
    response = await client.post("searchSamples", client.token, samples(), FETCH["Samples"]())
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert len(await client.codes("Samples", samples())) == 9


async def test_expired_sessions_need_a_new_login(client: Client, faults: Faults) -> None:
    await client.login()
    faults.expire_sessions()
    assert "is invalid" in await client.error("getServerInformation", client.token)
    await client.login()
    assert len(await client.codes("Samples", samples())) == 9


async def test_latency_is_waited_without_blocking_others(client: Client, faults: Faults) -> None:
    faults.latency = 0.05
    begun = time.perf_counter()
    await client.login()
    assert time.perf_counter() - begun >= 0.05


async def test_too_deep_a_lineage_is_an_error_and_no_crash() -> None:
    deep = content()
    first = deep.samples[0]
    deep.samples = [
        replace(
            first, perm_id=f"s-{at}", code=f"S{at}", parents=[f"s-{at + 1}"] if at < 600 else []
        )
        for at in range(601)
    ]
    client = await Client(create_openbis_server(deep)).login()
    fetch = FETCH["Samples"](**{"@id": 1, "parents": 1})
    said = await client.error("searchSamples", client.token, samples(by("Code", "S0")), fetch)
    assert "StackOverflowError" in said
