"""The import command: a list of arguments, below one folder, ended when it takes too long."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from backends.errors import InvalidRequest, OutcomeUnknown, TimedOut, Unavailable
from backends.omero.import_command import ImportCommand, wrong_in

SESSION = SecretStr("9d1c-secret")
TELL = """
import json, os, sys
print("Image:7,8")
with open(sys.argv[1], "w") as told:
    json.dump({"arguments": sys.argv[2:], "session": os.environ["OMERO_IMPORT_SESSION"]}, told)
"""


def command(folder: Path, script: str, *more: str, timeout: float = 20.0) -> ImportCommand:
    arguments = (sys.executable, "-c", script, *more, "{dataset}", "{file}")
    return ImportCommand(arguments, folder, timeout=timeout, address=("omero.test", 4064))


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ((), "must name a program and its arguments"),
        (("", "{file}", "{dataset}"), "must name a program and its arguments"),
        (("import", "{file}"), "must have {dataset} among its arguments"),
        (("import", "{dataset}"), "must have {file} among its arguments"),
    ],
)
def test_what_is_no_command(arguments: tuple[str, ...], wrong: str) -> None:
    assert wrong_in(arguments) == wrong
    with pytest.raises(ValueError, match="the import command"):
        ImportCommand(arguments, Path())


def test_unknown_placeholders_are_named() -> None:
    assert (wrong_in(("i", "{file}", "{dataset}", "{user}")) or "").startswith("knows no {user}")
    assert wrong_in(("i", "-k{session}", "-d{dataset}", "{file}")) is None


async def test_arguments_are_handed_over_as_they_are(tmp_path: Path) -> None:
    name = "a b; $(touch x) \"q\" 'r'.tif"
    (tmp_path / name).write_bytes(b"1")
    told = tmp_path / "told.json"
    runs = command(tmp_path, TELL, str(told), "-s={host}:{port}", "-k={session}")
    file = await runs.look_at(name)
    assert (file.size, file.sha1) == (1, "356a192b7913b04c54574d18c28d46e6395428ab")
    assert await runs.run(file, 5, SESSION) == (7, 8)
    text = told.read_text()
    assert '"-s=omero.test:4064"' in text
    assert '"session": "9d1c-secret"' in text
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "name", ["../outside.tif", "/etc/passwd", "nothing.tif", "", ".", "link.tif", "a\0b"]
)
async def test_nothing_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "outside.tif").write_bytes(b"x")
    (folder / "link.tif").symlink_to(tmp_path / "outside.tif")
    with pytest.raises(InvalidRequest, match="below the import folder"):
        await command(folder, TELL).look_at(name)


async def prepared(tmp_path: Path, script: str, **more: float) -> tuple[ImportCommand, object]:
    (tmp_path / "a.tif").write_bytes(b"1")
    runs = command(tmp_path, script, **more)
    return runs, await runs.look_at("a.tif")


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("import sys; sys.exit(3)", InvalidRequest, "ended with 3"),
        ("print('nothing')", InvalidRequest, "told of no image"),
        ("import sys; print('Image:3'); sys.exit(1)", OutcomeUnknown, "half-way"),
    ],
)
async def test_what_goes_wrong_is_told(
    tmp_path: Path, script: str, error: type[Exception], message: str
) -> None:
    runs, file = await prepared(tmp_path, script)
    with pytest.raises(error, match=message) as caught:
        await runs.run(file, 5, SESSION)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"1")
    runs = ImportCommand((str(tmp_path / "none"), "{dataset}", "{file}"), tmp_path)
    with pytest.raises(Unavailable, match="cannot be started"):
        await runs.run(await runs.look_at("a.tif"), 5, SESSION)


async def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    runs, file = await prepared(tmp_path, script, timeout=3.0)
    with pytest.raises(TimedOut, match="took too long"):
        await runs.run(file, 5, SESSION)  # type: ignore[arg-type]
    child = Path("/proc") / (tmp_path / "pid").read_text()
    for _ in range(100):
        if not child.exists() or "Z" in (child / "stat").read_text().split()[2]:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the child of the command is still there")


async def test_a_cancelled_import_is_ended(tmp_path: Path) -> None:
    runs, file = await prepared(tmp_path, "import time; time.sleep(60)")
    task = asyncio.create_task(runs.run(file, 5, SESSION))  # type: ignore[arg-type]
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)


async def test_much_output_is_not_kept(tmp_path: Path) -> None:
    script = "import sys\nprint('Image:9')\nfor _ in range(3000): sys.stdout.write('x' * 1000)"
    runs, file = await prepared(tmp_path, script)
    assert await runs.run(file, 5, SESSION) == (9,)  # type: ignore[arg-type]
