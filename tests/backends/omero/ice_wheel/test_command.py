from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from backends.omero.ice_wheel import __main__ as command
from backends.omero.ice_wheel import recipe, toolchain
from backends.omero.ice_wheel.cache import WheelCache
from backends.omero.ice_wheel.errors import IceBuildError

WHEEL = "zeroc_ice-3.6.5-cp311-cp311-linux_x86_64.whl"


class Machine:
    """A machine without Ice: what pip, the compiler and apt-get would do to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.version: str | None = None
        self.lacks: tuple[toolchain.Need, ...] = ()
        self.bad_wheels = 0
        self.built = 0
        self.apt: list[str] = []

    def install(self, arguments: list[str], *, deadline: float) -> None:
        assert deadline > 0
        assert arguments[:2] == ["install", "--no-index"]
        assert Path(arguments[-1]).exists()
        self.bad_wheels -= 1
        self.version = None if self.bad_wheels >= 0 else recipe.VERSION

    def install_packages(self, lacking: tuple[toolchain.Need, ...]) -> None:
        self.apt += [need.package for need in lacking]
        self.lacks = ()

    def run(self, *arguments: str) -> int:
        return command.main(["--cache", str(self.root), *arguments])

    @property
    def cache(self) -> WheelCache:
        return WheelCache(self.root, recipe.key())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)

    class Workshop:
        def __init__(self, folder: Path, *_: object) -> None:
            self.folder = folder

        def build(self, jobs: int) -> Path:
            assert jobs >= 1
            machine.built += 1
            self.folder.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(self.folder / WHEEL, "w") as archive:
                archive.writestr("IcePy.so", "extension")
            return self.folder / WHEEL

    monkeypatch.setattr(command, "Workshop", Workshop)
    monkeypatch.setattr(command, "run_pip", machine.install)
    monkeypatch.setattr(command, "installed_version", lambda: machine.version)
    monkeypatch.setattr(toolchain, "missing", lambda: machine.lacks)
    monkeypatch.setattr(toolchain, "install_packages", machine.install_packages)
    return machine


def test_where_ice_is_installed_nothing_is_done(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.version = "3.6.5"
    assert machine.run() == 0
    assert machine.built == 0
    assert list(machine.root.iterdir()) == []
    assert capsys.readouterr().err == "ice: Ice 3.6.5 is installed\n"


def test_ice_is_built_once_and_then_taken_from_the_cache(machine: Machine) -> None:
    assert machine.run() == 0
    assert machine.version == "3.6.5"
    assert machine.cache.wheel() == machine.cache.wheels / WHEEL
    machine.version = None
    assert machine.run() == 0
    assert machine.version == "3.6.5"
    assert machine.built == 1


def test_a_cached_wheel_needs_no_compiler(machine: Machine) -> None:
    assert machine.run("--build-only") == 0
    assert machine.version is None
    machine.lacks = toolchain.needs()[:1]
    assert machine.run() == 0
    assert machine.version == "3.6.5"


def test_a_machine_without_a_compiler_is_told_what_is_missing(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.lacks = toolchain.needs()[:2]
    assert machine.run() == 1
    assert machine.built == 0
    assert "apt-get install g++ libssl-dev" in capsys.readouterr().err


def test_packages_are_installed_only_when_asked(machine: Machine) -> None:
    machine.lacks = toolchain.needs()[1:3]
    assert machine.run("--install-packages") == 0
    assert machine.apt == ["libssl-dev", "libbz2-dev"]
    assert machine.version == "3.6.5"


def test_a_cached_wheel_that_does_not_import_is_built_again(machine: Machine) -> None:
    assert machine.run("--build-only") == 0
    machine.bad_wheels = 1
    assert machine.run() == 0
    assert machine.built == 2
    assert machine.version == "3.6.5"


def test_a_new_wheel_that_does_not_import_is_an_error_and_not_kept(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.bad_wheels = 1
    assert machine.run() == 1
    assert "does not import" in capsys.readouterr().err
    assert machine.cache.wheel() is None


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where no cache can be made, and an empty `temporary` beside what is in its way."""
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "file" / "cache"


def test_where_no_cache_can_be_written_ice_is_built_and_nothing_kept(
    machine: Machine, unwritable: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--cache", str(unwritable)]) == 0
    assert machine.version == "3.6.5"
    assert list((tmp_path / "temporary").iterdir()) == []
    assert "cannot be written" in capsys.readouterr().err


def test_where_no_cache_can_be_written_nothing_is_built_for_it(
    machine: Machine, unwritable: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--build-only", "--cache", str(unwritable)]) == 0
    assert machine.built == 0
    assert list((tmp_path / "temporary").iterdir()) == []
    assert "nothing is built" in capsys.readouterr().err


def test_other_systems_are_told_to_take_a_wheel(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert machine.run() == 1
    assert "install a wheel of zeroc-ice 3.6.5" in capsys.readouterr().err


def test_an_error_is_a_message_and_no_traceback(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> str:
        raise IceBuildError("say this")

    monkeypatch.setattr(command, "installed_version", refuse)
    assert machine.run() == 1
    assert capsys.readouterr().err == "ice: say this\n"
