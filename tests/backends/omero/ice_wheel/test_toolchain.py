from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from backends.omero.ice_wheel import toolchain
from backends.omero.ice_wheel.errors import IceBuildError


def fake_program(folder: Path, name: str, script: str) -> str:
    """A program that stands for a compiler or for apt-get of a poorer machine."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_without_a_compiler_all_that_debian_must_bring_is_named(tmp_path: Path) -> None:
    lacking = toolchain.missing(str(tmp_path / "g++"))
    assert [need.package for need in lacking] == ["g++", "libssl-dev", "libbz2-dev"]


def test_only_the_header_that_the_compiler_does_not_find_is_missing(tmp_path: Path) -> None:
    without_bzip2 = fake_program(tmp_path, "g++", "if grep -q bzlib.h; then exit 1; fi")
    assert [need.package for need in toolchain.missing(without_bzip2)] == ["libbz2-dev"]


def test_nothing_is_missing_where_every_header_is_found(tmp_path: Path) -> None:
    assert toolchain.missing(fake_program(tmp_path, "g++", "cat > /dev/null")) == ()


@pytest.mark.parametrize("compiler", ["g++", "absent"])
def test_the_headers_of_this_python_are_looked_for_in_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compiler: str
) -> None:
    python = f"python{sys.version_info.major}.{sys.version_info.minor}-dev"
    fake_program(tmp_path, "g++", "cat > /dev/null")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    packages = [need.package for need in toolchain.missing(str(tmp_path / compiler))]
    assert packages[-1] == python
    (tmp_path / "Python.h").write_text("")
    rest = [need.package for need in toolchain.missing(str(tmp_path / compiler))]
    assert rest == packages[:-1]


def test_the_advice_names_what_is_missing_and_what_to_type() -> None:
    advice = toolchain.advice(toolchain.needs()[1:3])
    assert "missing: the headers of OpenSSL, the headers of bzip2" in advice
    assert "apt-get install libssl-dev libbz2-dev" in advice
    assert "--install-packages" in advice


def test_the_compiler_is_the_one_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "clang++ -m64")
    assert toolchain.compiler() == "clang++"


def test_packages_are_installed_by_root_through_apt_get(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "arguments"
    fake_program(tmp_path, "apt-get", f'echo "$DEBIAN_FRONTEND $@" >> {told}')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    toolchain.install_packages(toolchain.needs()[:2])
    assert told.read_text().splitlines() == [
        "noninteractive update -q",
        "noninteractive install -y -q --no-install-recommends g++ libssl-dev",
    ]


def test_a_person_who_is_not_root_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(IceBuildError, match=r"as root: apt-get install g\+\+\n"):
        toolchain.install_packages(toolchain.needs()[:1])


def test_what_apt_get_says_at_last_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_program(tmp_path, "apt-get", "echo E: no network; exit 100")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(IceBuildError, match="failed:\nE: no network"):
        toolchain.install_packages(toolchain.needs()[:1])
