from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from api.auth import TokenBox
from api.demonstration import USERS
from api.explorer.questions import saved_question
from tests.house import BOX, House

FOLDER = Path(__file__).parents[2]
LOGIN = "mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { token } }"


async def test_the_saved_queries_answer_in_full(house: House) -> None:
    answers = {}
    for name in ("project", "images", "backwards", "design"):
        answer = await house.ask(saved_question(name).query)
        assert "errors" not in answer, name
        answers[name] = answer["data"]
        assert set(answer["extensions"]["sources"]) == {"openbis", "omero", "linkStore"}
    samples = answers["project"]["project"]["samples"]
    assert samples["totalCount"] == 390
    assert len(samples["edges"]) == 20
    images = answers["images"]["images"]
    assert images["totalCount"] > 10
    for edge in images["edges"]:
        assert edge["node"]["dataset"]["sample"]["project"]["code"] == "QRUP2"
        assert "mCherry" in [channel["name"] for channel in edge["node"]["channels"]]
    (edge,) = answers["backwards"]["images"]["edges"]
    (patient,) = edge["node"]["dataset"]["sample"]["ancestors"]
    assert patient["code"].startswith("QCLINENTITY-")
    assert answers["design"]["project"]["code"] == "QHCC0"


async def test_each_user_sees_what_the_welcome_says(house: House) -> None:
    seen = {}
    query = "{ projects { edges { node { code } } } images(first: 1) { totalCount } }"
    for user in ("steward", "plant", "oncology"):
        answer = await house.ask(LOGIN, u=user, p="demo")
        answer = await house.ask(query, answer["data"]["login"]["token"])
        assert "errors" not in answer
        codes = {edge["node"]["code"] for edge in answer["data"]["projects"]["edges"]}
        seen[user] = (codes & {"QRUP2", "QCLIN", "QHCC0"}, answer["data"]["images"]["totalCount"])
    assert seen["steward"][0] == {"QRUP2", "QCLIN", "QHCC0"}
    assert seen["plant"][0] == {"QRUP2"}
    assert seen["oncology"][0] == {"QCLIN", "QHCC0"}
    assert seen["steward"][1] == seen["plant"][1] + seen["oncology"][1]
    assert set(USERS) == {"steward", "plant", "oncology", "genomics", "microscopy"}


async def test_a_wrong_password_opens_nothing(house: House) -> None:
    answer = await house.ask(LOGIN, u="plant", p="wrong-password")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "wrong-password" not in str(answer)


async def test_a_token_of_another_server_is_refused(house: House) -> None:
    answer = await house.ask(LOGIN, u="plant", p="demo")
    token = answer["data"]["login"]["token"]
    other = TokenBox((b"e" * 32,)).issue_token(BOX.read_token(token))
    response = await house.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"authorization": f"Bearer {other}"}
    )
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("backend", "query"),
    [("omero", saved_question("project").query), ("openbis", saved_question("images").query)],
)
async def test_a_backend_can_be_switched_off_and_recovers(
    house: House, backend: str, query: str
) -> None:
    whole = await house.ask(query)
    switched = {"state": "off", "latency": 0.0, "sessions": 1}
    assert await house.switch(backend, state="off") == (200, switched)
    answer = await house.ask(query)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["extensions"]["source"] == backend.upper()
    assert error["extensions"]["retryable"] is True
    assert answer["extensions"]["sources"][backend] == "UNAVAILABLE"
    assert answer["data"] is not None
    assert (await house.client.get("/readyz")).status_code == 200
    assert await house.switch(backend, state="on", latency=0) == (200, switched | {"state": "on"})
    house.recover()
    again = await house.ask(query)
    assert "errors" not in again
    assert again["data"] == whole["data"]


async def test_starting_without_a_backend_heals_when_it_comes(house: House) -> None:
    await house.switch("omero", state="off")
    answer = await house.ask("{ images { totalCount } }")
    assert answer["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    await house.switch("omero", state="on")
    house.recover()
    answer = await house.ask("{ images { totalCount } }")
    assert answer["data"]["images"]["totalCount"] > 2730


async def test_the_demos_own_sessions_renew_themselves(house: House) -> None:
    query = "{ projects { totalCount } images { totalCount } }"
    before = await house.ask(query)
    for faults in house.built.faults.values():
        faults.expire_sessions()
    after = await house.ask(query)
    assert "errors" not in after
    assert after["data"] == before["data"]


async def test_a_clients_expired_session_is_its_own_business(house: House) -> None:
    token = (await house.ask(LOGIN, u="plant", p="demo"))["data"]["login"]["token"]
    house.built.faults["openbis"].expire_sessions()
    answer = await house.ask("{ projects { totalCount } }", token)
    assert answer["errors"][0]["extensions"]["code"] == "SESSION_EXPIRED"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing", b'{"state": "on"}', 404),
        ("omero", b'{"state": "sideways"}', 400),
        ("omero", b'{"latency": -1}', 400),
        ("omero", b'{"latency": 1e9}', 400),
        ("omero", b'{"other": 1}', 400),
        ("omero", b"\xff", 400),
        ("omero", b" " * 5000, 400),
    ],
)
async def test_the_control_refuses_nonsense(
    house: House, path: str, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    response = await house.client.put(f"/demo/backends/{path}", content=body, headers=headers)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["requestId"]
    simple = await house.client.put("/demo/backends/omero", content=b'{"state": "off"}')
    assert simple.status_code == 400, "only JSON makes a browser ask before it sends"
    assert (await house.client.get("/demo/backends/omero")).json()["state"] == "on"


def omnibis(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", "from api.cli import main; main()", *arguments],
        cwd=FOLDER,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_says_where_and_stops_cleanly(stop: signal.Signals) -> None:
    with omnibis("demo", "--port", "0", "--without", "omero") as process:
        try:
            assert process.stdout
            welcome = ""
            until = time.monotonic() + 60
            while "Stop with Ctrl+C" not in welcome and time.monotonic() < until:
                line = process.stdout.readline()
                assert line, process.stderr.read() if process.stderr else ""
                welcome += line
            found = re.search(r"explorer  (http://127\.0\.0\.1:\d+)/", welcome)
            assert found
            assert all(user in welcome for user in USERS)
            for name in ("project", "images"):
                assert saved_question(name).query.strip() in welcome
            address = found.group(1)
            assert httpx.get(f"{address}/healthz").json() == {"status": "OK"}
            assert "omnibis" in httpx.get(f"{address}/").text
            state = httpx.get(f"{address}/demo/backends/omero").json()
            assert state["state"] == "off"
        finally:
            process.send_signal(stop)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_taken_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with omnibis("demo", "--port", str(port)) as process:
            said, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said == ""
    assert errors.startswith(f"omnibis: Port {port} on 127.0.0.1 is taken")
    assert len(errors.splitlines()) == 1
