from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from api.app import Parts
from api.commands.access import Access, with_access
from api.commands.output import AsJson, tell_json
from api.demonstration import Demonstration, demonstration
from api.settings import Settings
from backends.errors import Source
from resolvers import imaging
from resolvers.context import RequestContext
from resolvers.errors import BadInput

app = typer.Typer()


@app.callback()
def _group() -> None:
    """A group, as the real ones are."""


@app.command()
@with_access
def who(
    access: Access,
    greeting: Annotated[str, typer.Argument(help="How to greet.")],
    as_json: AsJson = False,
) -> None:
    """Tell who works."""

    async def work(context: RequestContext) -> Any:
        if greeting == "nothing":
            raise BadInput("Give a greeting.")
        openbis = await context.loaders.identities.load(Source.OPENBIS)
        omero = await imaging.omero_identity(context)
        return [greeting, openbis.user_id, omero.user_name]

    found = access.run(work)
    if as_json:
        tell_json(found)
    else:
        typer.echo(" ".join(found))


def run(*arguments: str, obj: Any = None, **environment: str) -> Result:
    return CliRunner().invoke(app, ["who", *arguments], env=environment, obj=obj)


class Opened:
    """The demonstration in the place of real systems, and what became of it."""

    def __init__(self, *without: str) -> None:
        self.without = without
        self.built: Demonstration | None = None

    def __call__(self, settings: Settings) -> Parts:
        self.built = demonstration(settings, without=self.without)
        return self.built.parts


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_the_options_are_told() -> None:
    told = run("--help").stdout
    for option in ("--user", "--password-file", "--demo", "--json", "How to greet"):
        assert option in told


def test_the_demonstration_needs_no_password() -> None:
    told = run("hello", "--demo", "--json")
    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.split() == ["[", '"hello",', '"steward",', '"steward"', "]"]
    assert run("hello", "--demo", "--user", "plant").stdout == "hello plant plant\n"


def test_a_user_signs_in_with_the_password_of_the_environment() -> None:
    opened = Opened()
    told = run("hello", "--user", "plant", obj=opened, OMNIBIS_PASSWORD="demo")
    assert (told.stdout, told.exit_code) == ("hello plant plant\n", 0)


@pytest.mark.parametrize("text", ["demo", "demo\n", "demo\r\n"])
def test_or_of_a_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(text.encode())
    told = run("hello", "--user", "plant", "--password-file", str(file), obj=Opened())
    assert told.stdout == "hello plant plant\n"


def test_or_of_standard_input() -> None:
    arguments = ["who", "hello", "--user", "plant", "--password-file", "-"]
    told = CliRunner().invoke(app, arguments, input="demo\n", obj=Opened())
    assert told.stdout == "hello plant plant\n"


def test_each_system_may_have_its_own_password() -> None:
    told = run(
        "hello", "--user", "plant", obj=Opened(), OPENBIS_PASSWORD="demo", OMERO_PASSWORD="demo"
    )
    assert told.stdout == "hello plant plant\n"
    refused = run("hello", "--user", "plant", obj=Opened(), OMNIBIS_PASSWORD="x")
    assert refused.exit_code == 2
    assert refused.stdout == ""


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_opened_is_ended(fails: bool) -> None:
    seen: list[RequestContext] = []

    async def work(context: RequestContext) -> None:
        seen.append(context)
        if fails:
            raise BadInput("no")

    access = Access(demo=True)
    if fails:
        with pytest.raises(typer.Exit):
            access.run(work)
    else:
        access.run(work)
    (context,) = seen
    assert {source for source, name in context.call.meter.operations if name == "logout"} == {
        Source.OPENBIS,
        Source.OMERO,
    }


@pytest.mark.parametrize(
    ("arguments", "environment", "advice"),
    [
        (["hello"], {}, "say who you are: give --user"),
        (["hello", "--user", "plant"], {}, "the password of plant is missing: set OMNIBIS_PASS"),
        (["hello", "--user", "plant"], {"OMNIBIS_PASSWORD": "hunter2"}, "password"),
        (["hello", "--user", "plant", "--password-file", "/no/file"], {}, "cannot be read"),
        (["hello"], {"OPENBIS_TOKEN": "hunter2"}, "openBIS"),
        (["nothing", "--demo"], {}, "Give a greeting."),
        (["hello", "--demo"], {"OMNIBIS_PROT": "1"}, "Did you mean OMNIBIS_PORT?"),
    ],
)
def test_what_can_be_mended_is_told_in_one_line(
    arguments: list[str], environment: dict[str, str], advice: str
) -> None:
    obj = None if "--demo" in arguments else Opened()
    stopped = run(*arguments, obj=obj, **environment)
    assert stopped.exit_code == 2
    assert stopped.stderr.startswith("omnibis: ")
    assert len(stopped.stderr.splitlines()) == 1
    assert advice in stopped.stderr
    assert "hunter2" not in stopped.stderr
    assert stopped.stdout == ""


def test_without_other_parts_the_settings_say_where_the_systems_are() -> None:
    stopped = run("hello", "--user", "ada", OMNIBIS_PASSWORD="x")
    assert "OMNIBIS_OPENBIS_URL must be set" in stopped.stderr
    assert stopped.exit_code == 2


def test_a_system_that_is_down_is_told_and_left_out() -> None:
    stopped = run("hello", "--user", "plant", obj=Opened("omero"), OMNIBIS_PASSWORD="demo")
    assert stopped.exit_code == 2
    first, second = stopped.stderr.splitlines()
    assert first.startswith("omnibis: going on without OMERO: ")
    assert second == "omnibis: Sign in to OMERO to see this."
