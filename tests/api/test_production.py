"""`omnibis serve` over a real socket to the embedded openBIS, without OMERO and with one."""

from __future__ import annotations

import base64
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from api.app import create_app
from api.auth import TokenBox
from api.production import openbis_transport, wire_parts
from api.settings import Settings, SettingsError, load_settings
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from tests.serving import serve

BOX = TokenBox((b"p" * 32,))
LOGIN = """mutation ($user: String!) {
  login(username: $user, password: "demo") { token }
}"""
SAMPLES = """query {
  project(identifier: "QHCC0") { code samples(first: 3, where: {type: {eq: "Q_TEST_SAMPLE"}}) {
    totalCount edges { node { code imaging { status } } }
  } }
}"""


@pytest.fixture(scope="module")
def openbis() -> Iterator[tuple[str, Starlette]]:
    """The embedded openBIS on a port, below a prefix, as behind an institute's proxy."""
    app = create_openbis_server(build_world().openbis)
    with serve(Starlette(routes=[Mount("/lab", app)])) as base:
        yield f"{base}/lab", app


@asynccontextmanager
async def opened(settings: Settings, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, wire_parts(settings, **options), BOX)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://production.test") as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, query: str, token: str | None = None, **given: Any) -> Any:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    response = await client.post(
        "/graphql", json={"query": query, "variables": given}, headers=headers
    )
    return response.json()


async def test_a_real_openbis_is_queried_and_the_missing_omero_is_told(openbis: Any) -> None:
    base, embedded = openbis
    settings = load_settings({}, openbis_url=base, database_url="sqlite://")
    async with opened(settings) as client:
        ready = (await client.get("/readyz")).json()
        nobody = await ask(client, SAMPLES)
        token = (await ask(client, LOGIN, user="oncology"))["data"]["login"]["token"]
        embedded.state.log.clear()
        answer = await ask(client, SAMPLES, token)
    assert ready["database"] == "OK"
    assert (ready["openbis"], ready["omero"]) == ("OK", "UNAVAILABLE")
    assert nobody["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert answer["data"]["project"]["code"] == "QHCC0"
    samples = answer["data"]["project"]["samples"]
    assert samples["totalCount"] > 3
    assert [len(edge["node"]["code"]) for edge in samples["edges"]] == [10, 10, 10]
    assert {edge["node"]["imaging"]["status"] for edge in samples["edges"]} == {"NOT_LINKED"}
    assert answer["extensions"]["sources"]["openbis"] == "OK"
    assert set(embedded.state.log) <= {"searchSamples", "searchProjects", "executeOperations"}


async def test_images_without_an_omero_say_so_in_a_sentence(openbis: Any) -> None:
    query = "query { images(first: 1) { edges { node { name } } } }"
    async with opened(
        load_settings({}, openbis_url=openbis[0], database_url="sqlite://")
    ) as client:
        token = (await ask(client, LOGIN, user="oncology"))["data"]["login"]["token"]
        without_session = await ask(client, query, token)
        headers = {"x-omero-session": "whatever"}
        response = await client.post("/graphql", json={"query": query}, headers=headers)
        answer = response.json()
    assert without_session["errors"][0]["extensions"]["source"] == "OMERO"
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["message"].startswith("No OMERO is connected to this server")


@pytest.mark.parametrize(
    ("host", "port", "advice"),
    [
        ("omero host", None, "The address of OMERO is"),
        ("http://omero.example", None, "begins with ssl://, wss://, tcp:// or ws://"),
        ("tcp://omero.example", None, "would send passwords unencrypted; use ssl://"),
        ("ssl://omero.example/path", None, "Only a wss:// or ws:// address"),
        ("omero.example:99999", None, "from 1 to 65535"),
    ],
)
def test_an_address_of_no_use_for_omero_is_told(
    openbis: Any, host: str, port: int | None, advice: str
) -> None:
    settings = load_settings({}, openbis_url=openbis[0], database_url="sqlite://").model_copy(
        update={"omero_host": host, "omero_port": port}
    )
    with pytest.raises(SettingsError, match="OMNIBIS_OMERO_HOST cannot be used") as refused:
        wire_parts(settings)
    assert advice in str(refused.value)


def test_omero_without_its_library_says_how_to_install_it(
    openbis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "backends.omero.ice_transport", None)
    settings = load_settings(
        {}, openbis_url=openbis[0], omero_host="omero.example", database_url="sqlite://"
    )
    with pytest.raises(SettingsError, match="not installed here: run") as refused:
        wire_parts(settings)
    assert "pip install 'omnibis[omero]'" in str(refused.value)
    assert "omero.example" not in str(refused.value)


async def test_an_omero_that_is_not_there_is_told_by_its_images_only(openbis: Any) -> None:
    pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
    settings = load_settings(
        {},
        openbis_url=openbis[0],
        omero_host="tcp://127.0.0.1",
        omero_port=1,
        database_url="sqlite://",
    )
    query = "query { images(first: 1) { edges { node { name } } } }"
    async with opened(settings) as client:
        headers = {"x-omero-session": "8a3b6c1e-0000-4000-8000-000000000000"}
        response = await client.post("/graphql", json={"query": query}, headers=headers)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["extensions"]["source"] == "OMERO"
    assert "127.0.0.1" not in error["message"]


@pytest.mark.parametrize("separate", [False, True])
async def test_a_real_omero_is_reached_over_ice(openbis: Any, separate: bool) -> None:
    reason = "the extra omnibis[omero] is not installed"
    ice_server = pytest.importorskip("backends.demo.omero.ice_server", reason=reason)
    query = """query { images(first: 2, orderBy: ID) {
      totalCount edges { node { omeroId name sizeX channels { name } } } } }"""
    world = build_world()
    with ice_server.OmeroIceServer(world.omero, transports=("ssl",)) as omero:
        settings = load_settings(
            {},
            openbis_url=openbis[0],
            omero_host="127.0.0.1",
            omero_port=omero.ports["ssl"],
            omero_ca_file=omero.certificate,
            omero_separate_clients=separate,
            database_url="sqlite://",
        )
        async with opened(settings) as client:
            assert (await client.get("/readyz")).json()["omero"] == "OK"
            token = (await ask(client, LOGIN, user="oncology"))["data"]["login"]["token"]
            answer = await ask(client, query, token)
            outside = await ask(client, query)
    assert "errors" not in answer, answer
    found = answer["data"]["images"]
    assert found["totalCount"] > 100
    names = {row["id"]: row["name"] for row in world.omero.rows["Image"]}
    for edge in found["edges"]:
        node = edge["node"]
        assert node["name"] == names[int(node["omeroId"])]
        assert node["channels"]
    assert answer["extensions"]["sources"]["omero"] == "OK"
    assert outside["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert omero.log.count("createSession") >= 1


async def test_the_embedded_omero_can_stand_beside_it(openbis: Any) -> None:
    settings = load_settings({}, openbis_url=openbis[0], database_url="sqlite://")
    async with opened(settings, embedded_omero=True) as client:
        token = (await ask(client, LOGIN, user="oncology"))["data"]["login"]["token"]
        answer = await ask(client, "query { images(first: 1) { totalCount } }", token)
        assert answer["data"]["images"]["totalCount"] > 100


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "OMNIBIS_OPENBIS_URL must be set"),
        ({"openbis_url": "http://openbis.example"}, "OMNIBIS_OPENBIS_ALLOW_HTTP=true"),
        ({"openbis_url": "https://a@openbis.example"}, "without user or query"),
        ({"openbis_url": "https://openbis.example:99999"}, "must be http(s)://host"),
        (
            {"openbis_url": "https://openbis.example", "openbis_ca_file": "/no/such.pem"},
            "/no/such.pem cannot be read",
        ),
    ],
)
def test_settings_of_no_use_are_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as stopped:
        openbis_transport(load_settings({}, **given))
    assert told in str(stopped.value)


async def test_each_setting_reaches_the_transport() -> None:
    settings = load_settings(
        {
            "OMNIBIS_OPENBIS_URL": "http://openbis.example/prefix/",
            "OMNIBIS_OPENBIS_ALLOW_HTTP": "true",
            "OMNIBIS_OPENBIS_CONCURRENCY": "3",
            "OMNIBIS_OPENBIS_TIMEOUT": "7",
            "OMNIBIS_OPENBIS_CONNECT_TIMEOUT": "2",
        }
    )
    transport = openbis_transport(settings)
    assert transport.address == "http://openbis.example/prefix"
    timeout = transport._connections._make().timeout
    assert (timeout.read, timeout.connect) == (7, 2)
    await transport.aclose()


def test_the_command_serves_until_it_is_told_to_stop(openbis: Any, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path.cwd()),
        "OMNIBIS_OPENBIS_URL": openbis[0],
        "OMNIBIS_PORT": "0",
        "OMNIBIS_TOKEN_KEY": base64.b64encode(bytes(32)).decode(),
        "OMNIBIS_DATABASE_URL": f"sqlite:///{tmp_path / 'links.db'}",
    }
    command = [sys.executable, "-c", "from api.cli import main; main()", "serve"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            readable, _, _ = select.select([process.stdout], [], [], 30)
            assert readable, "the server did not start"
            found = re.search(r"ready at (http://\S+)/graphql", process.stdout.readline())
            assert found is not None
            answer = httpx.post(
                f"{found[1]}/graphql",
                json={"query": LOGIN, "variables": {"user": "plant"}},
                trust_env=False,
            ).json()
            assert answer["data"]["login"]["token"]
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "demo" not in errors
    assert openbis[0] not in errors
