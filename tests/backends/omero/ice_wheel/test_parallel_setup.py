from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from backends.omero.ice_wheel import parallel_setup
from backends.omero.ice_wheel.parallel_setup import compile_in_parallel
from backends.omero.ice_wheel.progress import read


class Compiler:
    """What `distutils.ccompiler.CCompiler` gives the replaced method, without a compiler."""

    def __init__(self, folder: Path, meet: threading.Barrier | None = None) -> None:
        self.folder = folder
        self.meet = meet
        self.compiled: list[str] = []
        self.faulty: set[str] = set()

    def _setup_compile(self, *arguments: Any) -> tuple[Any, ...]:
        sources = arguments[3]
        objects = [str(self.folder / f"{Path(source).stem}.o") for source in sources]
        plan = {name: (source, ".cpp") for name, source in zip(objects, sources, strict=True)}
        return [], objects, ["-w"], ["-Isrc"], plan

    def _get_cc_args(self, options: list[str], *_: Any) -> list[str]:
        return [*options, "-c"]

    def _compile(self, name: str, source: str, *arguments: Any) -> None:
        assert arguments == (".cpp", ["-Isrc", "-c"], ["-w"], ["-Isrc"])
        if self.meet is not None:
            self.meet.wait(timeout=10)
        Path(name).write_text("object of " + source)
        self.compiled.append(source)
        if Path(source).stem in self.faulty:
            raise RuntimeError("the compiler refused " + source)


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Four source files, each larger than the one before."""
    for size, name in enumerate(("a", "b", "c", "d"), start=1):
        (tmp_path / f"{name}.cpp").write_text("x" * size)
    return [str(tmp_path / f"{name}.cpp") for name in ("a", "b", "c", "d")]


def test_every_file_is_compiled_and_told(
    tmp_path: Path, sources: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    compiler = Compiler(tmp_path)
    objects = compile_in_parallel(1)(compiler, sources, extra_postargs=["-w"])
    assert objects == [str(tmp_path / f"{name}.o") for name in ("a", "b", "c", "d")]
    assert [Path(name).read_text() for name in objects] == [f"object of {s}" for s in sources]
    assert compiler.compiled == sources[::-1]  # the largest first
    told = [read(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line.done, line.total) for line in told if line] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_as_many_as_told_are_compiled_at_once(tmp_path: Path, sources: list[str]) -> None:
    # Each waits for the other: one at a time would never come to an end.
    compiler = Compiler(tmp_path, threading.Barrier(2))
    compile_in_parallel(2)(compiler, sources)
    assert sorted(compiler.compiled) == sources


def test_a_build_goes_on_where_it_was_killed(
    tmp_path: Path, sources: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.o").write_text("complete")
    (tmp_path / "c.o.77.part").write_text("cut off")
    compiler = Compiler(tmp_path)
    compile_in_parallel(1)(compiler, sources)
    assert [Path(source).stem for source in compiler.compiled] == ["d", "c", "a"]
    assert (tmp_path / "b.o").read_text() == "complete"
    assert capsys.readouterr().out.startswith("compiled 2 of 4: ")


def test_a_file_that_does_not_compile_leaves_no_object(tmp_path: Path, sources: list[str]) -> None:
    compiler = Compiler(tmp_path)
    compiler.faulty = {"c"}
    with pytest.raises(RuntimeError, match="refused"):
        compile_in_parallel(1)(compiler, sources)
    assert not (tmp_path / "c.o").exists()
    assert (tmp_path / "d.o").exists()


def test_the_build_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    (tmp_path / "setuptools.py").write_text("")
    (tmp_path / "distutils").mkdir()
    (tmp_path / "distutils" / "__init__.py").write_text("")
    (tmp_path / "distutils" / "ccompiler.py").write_text("class CCompiler: pass\n")
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-P", parallel_setup.__file__, "2", "build"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "up\n"
        process.stdin.close()
        assert process.wait(timeout=30) == -signal.SIGKILL
