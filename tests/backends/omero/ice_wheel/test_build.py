from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from backends.omero.ice_wheel.build import Workshop, run_pip
from backends.omero.ice_wheel.errors import IceBuildError
from backends.omero.ice_wheel.progress import Progress

WHEEL = "zeroc_ice-3.6.5-cp311-cp311-linux_x86_64.whl"
MAKES_A_WHEEL = f"""
import os, pathlib, sys
print("compiled 1 of 2: one.cpp")
print("compiled 2 of 2: two.cpp")
print("flags", os.environ["CXXFLAGS"], os.environ["CPLUS_INCLUDE_PATH"])
output = pathlib.Path(sys.argv[sys.argv.index("-d") + 1])
output.mkdir()
(output / "{WHEEL}").write_text("a wheel")
"""


def workshop(folder: Path, setup: str, *, seconds: float = 60) -> tuple[Workshop, io.StringIO]:
    """A workshop whose downloads are there, with another setup.py than that of Ice."""
    tools = folder / "tools"
    (tools / "distutils").mkdir(parents=True)
    (tools / "setuptools.py").write_text("")
    (tools / "distutils" / "__init__.py").write_text("")
    (tools / "distutils" / "ccompiler.py").write_text("class CCompiler: pass\n")
    (folder / "source").mkdir()
    (folder / "source" / "setup.py").write_text(setup)
    stream = io.StringIO()
    return Workshop(folder, Progress(stream), time.monotonic() + seconds), stream


def test_what_is_there_is_not_fetched_again_and_a_wheel_comes_out(tmp_path: Path) -> None:
    shop, stream = workshop(tmp_path, MAKES_A_WHEEL)
    assert shop.build(jobs=2) == tmp_path / "wheel" / WHEEL
    shown = stream.getvalue()
    assert "fetching" not in shown
    assert "compiling with 2 at a time" in shown
    assert "2 of 2 files compiled" in shown


def test_the_compiler_finds_the_headers_of_this_package(tmp_path: Path) -> None:
    shop, _ = workshop(tmp_path, MAKES_A_WHEEL)
    shop.build(jobs=1)
    include = tmp_path / "include"
    assert {header.name for header in include.iterdir()} == {"eval.h", "removed_from_python.h"}
    flags = next(
        line for line in shop.log.read_text("utf-8").splitlines() if line.startswith("flags")
    )
    assert flags.endswith(f"-include removed_from_python.h {include}")


def test_a_build_that_fails_tells_the_end_of_its_log(tmp_path: Path) -> None:
    shop, _ = workshop(tmp_path, "raise SystemExit('cannot find -lbz2')")
    with pytest.raises(IceBuildError, match=r"(?s)failed; the log .*build\.log ends:.*-lbz2"):
        shop.build(jobs=1)


def test_a_build_over_its_limit_is_ended(tmp_path: Path) -> None:
    shop, _ = workshop(tmp_path, "import time; time.sleep(600)", seconds=0.5)
    started = time.monotonic()
    with pytest.raises(IceBuildError, match="longer than its limit"):
        shop.build(jobs=1)
    assert time.monotonic() - started < 30


def test_a_build_without_a_wheel_is_a_failure(tmp_path: Path) -> None:
    shop, _ = workshop(tmp_path, "")
    with pytest.raises(IceBuildError, match="without a wheel"):
        shop.build(jobs=1)


def test_pip_tells_why_it_failed(tmp_path: Path) -> None:
    absent = tmp_path / "absent.whl"
    with pytest.raises(IceBuildError, match=r"(?s)pip install failed:.*absent"):
        run_pip(["install", "--no-index", str(absent)], deadline=time.monotonic() + 60)


def test_pip_over_the_limit_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(slow))
    with pytest.raises(IceBuildError, match="longer than the limit"):
        run_pip(["download"], deadline=time.monotonic())
