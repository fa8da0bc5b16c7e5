"""What the faults do to an answer: within the process, and on a real socket."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator

import httpx
import orjson
import pytest

from backends.demo.faults import ANY_METHOD, Faults, Misbehaviour
from backends.demo.openbis.server import PATH, create_openbis_server
from tests.backends.demo.openbis.installation import FETCH, Client, content, samples
from tests.serving import serve

BODY = orjson.dumps({"method": "getServerPublicInformation", "params": [], "id": "2"})
METHOD = "getServerPublicInformation"


@pytest.fixture
def faults() -> Faults:
    return Faults(pace=0.01)


@pytest.fixture
def address(faults: Faults) -> Iterator[str]:
    with serve(create_openbis_server(content(), faults=faults)) as url:
        yield url + PATH


@pytest.mark.parametrize(
    ("misbehaviour", "status", "start"),
    [(Misbehaviour.SERVER_ERROR, 500, "<html>"), (Misbehaviour.BAD_GATEWAY, 502, "<html>")],
)
def test_pages_instead_of_envelopes(
    address: str, faults: Faults, misbehaviour: Misbehaviour, status: int, start: str
) -> None:
    faults.plan(METHOD, misbehaviour)
    answer = httpx.post(address, content=BODY)
    assert (answer.status_code, answer.text[: len(start)]) == (status, start)
    assert answer.headers["content-type"].startswith("text/html")
    assert httpx.post(address, content=BODY).status_code == 200


@pytest.mark.parametrize(
    "misbehaviour", [Misbehaviour.RESET, Misbehaviour.LOST_ANSWER, Misbehaviour.TRUNCATED]
)
def test_broken_connections(address: str, faults: Faults, misbehaviour: Misbehaviour) -> None:
    faults.plan(ANY_METHOD, misbehaviour, times=2)
    for _ in range(2):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            httpx.post(address, content=BODY)
    assert httpx.post(address, content=BODY).status_code == 200


def test_a_host_that_is_off_hangs_up(address: str, faults: Faults) -> None:
    faults.off = True
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        httpx.post(address, content=BODY)
    faults.clear()
    assert httpx.post(address, content=BODY).json()["id"] == "2"


def test_json_that_ends_in_the_middle(address: str, faults: Faults) -> None:
    faults.plan(METHOD, Misbehaviour.CUT_JSON)
    answer = httpx.post(address, content=BODY)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        answer.json()


def test_a_slow_body_is_whole(address: str, faults: Faults) -> None:
    faults.pace = 0.02
    faults.plan(METHOD, Misbehaviour.SLOW_BODY)
    begun = time.perf_counter()
    assert "authentication-service" in httpx.post(address, content=BODY).json()["result"]
    assert time.perf_counter() - begun >= 4 * 0.02


def test_latency_of_one_method_only(address: str, faults: Faults) -> None:
    faults.latency_of[METHOD] = 0.1
    begun = time.perf_counter()
    httpx.post(address, content=BODY)
    assert time.perf_counter() - begun >= 0.1
    assert faults.delay("login") == 0.0


@pytest.mark.parametrize(
    "misbehaviour", [Misbehaviour.RESET, Misbehaviour.LOST_ANSWER, Misbehaviour.TRUNCATED]
)
async def test_within_the_process_a_broken_connection_raises(
    faults: Faults, misbehaviour: Misbehaviour
) -> None:
    app = create_openbis_server(content(), faults=faults)
    client = await Client(app).login()
    faults.plan("createPermIdStrings", misbehaviour)
    last = app.state.api.numbering.perm_ids
    with pytest.raises(ConnectionResetError):
        await client.post("createPermIdStrings", client.token, 1)
    executed = app.state.api.numbering.perm_ids - last
    assert executed == (0 if misbehaviour is Misbehaviour.RESET else 1)
    assert app.state.log.counts["createPermIdStrings"] == 1


async def test_lost_sessions(faults: Faults) -> None:
    client = await Client(create_openbis_server(content(), faults=faults)).login()
    faults.plan("searchSamples", Misbehaviour.LOST_SESSIONS)
    said = await client.error("searchSamples", client.token, samples(), FETCH["Samples"]())
    assert said == f"Session token '{client.token}' is invalid: user is not logged in."


async def test_the_log_counts_methods() -> None:
    app = create_openbis_server(content())
    client = await Client(app).login()
    for _ in range(3):
        await client.codes("Samples", samples())
    assert app.state.log.counts == {"login": 1, "searchSamples": 3}


async def test_long_answers_are_compressed_for_those_who_take_it() -> None:
    client = await Client(create_openbis_server(content())).login()
    body = {"method": "searchSamples", "params": [client.token, samples(), FETCH["Samples"]()]}
    request = client.http.build_request("POST", PATH, content=orjson.dumps(body))
    raw = await client.http.send(request, stream=True)
    packed = b"".join([part async for part in raw.aiter_raw()])
    assert raw.headers["content-encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(packed))["result"]["totalCount"] == 9
    request.headers["accept-encoding"] = "identity"
    plain = await client.http.send(request)
    assert "content-encoding" not in plain.headers
    assert plain.json()["result"]["totalCount"] == 9
    short = await client.post("isSessionActive", client.token)
    assert "content-encoding" not in short.headers
