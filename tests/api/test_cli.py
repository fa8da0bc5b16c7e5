from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def omnibis(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment)


@pytest.mark.parametrize("command", ["demo", "serve", "migrate", "schema", "links"])
def test_each_command_explains_itself(command: str) -> None:
    assert command in omnibis("--help").stdout
    explained = omnibis(command, "--help")
    assert explained.exit_code == 0
    assert "Usage" in explained.stdout


def test_help_needs_none_of_the_heavy_parts() -> None:
    heavy = ("resolvers", "strawberry", "pybis", "sqlalchemy", "rich")
    asked = f"import sys, api.cli; print([each for each in {heavy} if each in sys.modules])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True)  # noqa: S603 - our own interpreter
    assert told.stdout == "[]\n"


def test_the_version_is_told() -> None:
    told = omnibis("--version")
    assert told.exit_code == 0
    assert told.stdout.startswith(("omnibis 0.", "omnibis, run from"))


@pytest.mark.parametrize(
    ("arguments", "environment", "advice"),
    [
        (["serve"], {}, "OMNIBIS_TOKEN_KEY or OMNIBIS_TOKEN_KEY_FILE is missing"),
        (["serve"], {"OMNIBIS_PROT": "1"}, "Did you mean OMNIBIS_PORT?"),
        (["serve"], {"OMNIBIS_PORT": "x"}, "OMNIBIS_PORT: the port to listen on"),
        (["demo", "--port", "70000"], {}, "OMNIBIS_PORT: the port to listen on"),
        (["demo"], {"OMNIBIS_HOST": ""}, "OMNIBIS_HOST: the address"),
        (["demo", "--sheet", "a.csv"], {}, "give --sheet and --mapping together"),
        (["demo", "--without", "links"], {}, "--without takes openbis or omero"),
        (["migrate", "--url", "mysql://u:hunter2@h/db"], {}, "must start with sqlite://"),
        (["migrate", "--url", "sqlite:////no/such/folder/links.db"], {}, "link database"),
    ],
)
def test_what_can_be_mended_is_told_in_one_line(
    arguments: list[str], environment: dict[str, str], advice: str
) -> None:
    stopped = omnibis(*arguments, **environment)
    assert stopped.exit_code == 2
    assert advice in stopped.stderr
    assert stopped.stderr.startswith("omnibis: ")
    assert len(stopped.stderr.splitlines()) == 1
    assert "hunter2" not in stopped.stderr
    assert stopped.stdout == ""


def test_serve_needs_a_key_and_an_openbis() -> None:
    stopped = omnibis("serve", OMNIBIS_OPENBIS_URL="https://openbis.example.org")
    assert "OMNIBIS_TOKEN_KEY or OMNIBIS_TOKEN_KEY_FILE is missing" in stopped.stderr
    key = base64.b64encode(bytes(32)).decode()
    stopped = omnibis("serve", OMNIBIS_TOKEN_KEY=key)
    assert stopped.exit_code == 2
    assert "OMNIBIS_OPENBIS_URL must be set" in stopped.stderr
    assert key not in stopped.stderr


def test_migrate_makes_the_tables_and_may_be_repeated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'links.db'}"
    assert omnibis("migrate", "--url", url).exit_code == 0
    again = omnibis("migrate", OMNIBIS_DATABASE_URL=url)
    assert (again.exit_code, again.stdout) == (0, "The link store is at this version.\n")
    assert (tmp_path / "links.db").is_file()


def test_the_schema_is_written_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.schema.sdl", lambda: "type Query {\n  hello: String!\n}\n")
    file = tmp_path / "schema.graphql"
    arguments = ("schema", "--file", str(file))
    assert omnibis(*arguments, "--check").exit_code == 2
    assert omnibis(*arguments).exit_code == 0
    assert file.read_text(encoding="utf-8") == "type Query {\n  hello: String!\n}\n"
    assert omnibis(*arguments, "--check").exit_code == 0
    file.write_text("type Query {\n  goodbye: String!\n}\n", encoding="utf-8")
    drifted = omnibis(*arguments, "--check")
    assert drifted.exit_code == 2
    assert "is out of date; run `omnibis schema`" in drifted.stderr
    assert "goodbye" in file.read_text(encoding="utf-8"), "checking writes nothing"
