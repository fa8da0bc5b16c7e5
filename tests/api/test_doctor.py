"""`omnibis doctor`: what it prints, how it ends, and what it never shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner, Result

from api import doctor as office
from api.cli import app
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from tests.serving import serve


@pytest.fixture(scope="module")
def embedded() -> Starlette:
    return create_openbis_server(build_world().openbis)


@pytest.fixture(scope="module")
def base(embedded: Starlette) -> Iterator[str]:
    with serve(embedded) as address:
        yield address


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (office.TOKEN, office.PASSWORD):
        monkeypatch.delenv(name, raising=False)


def doctor(*arguments: str, given: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], input=given, env=environment)


def test_a_healthy_openbis(base: str) -> None:
    told = doctor("--user", "plant", OMNIBIS_OPENBIS_URL=base, OPENBIS_PASSWORD="demo")
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert lines[0].split() == ["ok", "address", base]
    assert any(line.startswith("ok") and "Spaces: 1 (PLANT_BIOLOGY)" in line for line in lines)
    assert lines[-1].startswith("Problems: 0")


def test_the_password_is_asked_for_and_not_shown(base: str) -> None:
    told = doctor("--url", base, "--user", "plant", given="demo\n")
    assert told.exit_code == 0, told.output
    assert "Password" in told.stderr
    assert "demo" not in told.stdout
    refused = doctor("--url", base, "--user", "plant", given="n0t-the-one\n")
    assert refused.exit_code == 1
    assert "PROBLEM  login" in refused.stdout
    assert "n0t-the-one" not in refused.output


def test_a_token_of_the_environment(base: str, embedded: Starlette) -> None:
    token = embedded.state.api.call("login", ["oncology", "demo"])
    told = doctor("--url", base, "--json", OPENBIS_TOKEN=token)
    assert told.exit_code == 0, told.output
    body = json.loads(told.stdout)
    assert body["ok"] is True
    by_check = {finding["check"]: finding for finding in body["findings"]}
    assert by_check["login"]["found"] == "Logged in as oncology, with a session."
    assert by_check["sessions"]["state"] == "SKIPPED"
    assert token not in told.output


def test_json_of_a_problem(base: str) -> None:
    told = doctor("--url", base, "--json", OPENBIS_TOKEN="$pat-plant-240101x0123456789ABCDEF")
    assert told.exit_code == 1
    body = json.loads(told.stdout)
    assert body["ok"] is False
    (problem,) = (each for each in body["findings"] if each["state"] == "PROBLEM")
    assert problem["check"] == "login"
    assert problem["advice"]
    assert "0123456789ABCDEF" not in told.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "OMNIBIS_OPENBIS_URL must be set"),
        (["--url", "http://openbis.example"], "OMNIBIS_OPENBIS_ALLOW_HTTP"),
        (["--url", "openbis.example"], "OMNIBIS_OPENBIS_URL: where openBIS is"),
    ],
)
def test_what_cannot_be_looked_at(arguments: list[str], said: str) -> None:
    told = doctor(*arguments)
    assert told.exit_code == 2
    assert said in told.stderr
    assert told.stdout == ""


def test_omero_is_looked_at_where_the_settings_name_one(base: str) -> None:
    reason = "the extra omnibis[omero] is not installed"
    ice_server = pytest.importorskip("backends.demo.omero.ice_server", reason=reason)
    with ice_server.OmeroIceServer(build_world().omero, transports=("ssl",)) as omero:
        there = {
            "OMNIBIS_OMERO_HOST": f"ssl://127.0.0.1:{omero.ports['ssl']}",
            "OMNIBIS_OMERO_CA_FILE": str(omero.certificate),
            "OPENBIS_PASSWORD": "demo",
        }
        both = doctor("--user", "plant", OMNIBIS_OPENBIS_URL=base, **there)
        alone = doctor("--user", "plant", **there)
        refused = doctor("--user", "plant", **there, OMERO_PASSWORD="n0t-the-one")
    assert both.exit_code == alone.exit_code == 0, both.output + alone.output
    assert "Spaces: 1 (PLANT_BIOLOGY)" in both.stdout
    for told in (both, alone):
        assert "Groups: 1 (plant-biology)." in told.stdout
        assert "OMERO images" in told.stdout
    assert "openBIS" not in alone.stdout
    assert refused.exit_code == 1
    assert "PROBLEM  OMERO login" in refused.stdout
    assert "n0t-the-one" not in refused.output
