"""What a machine must have before Ice can be compiled, and how Debian calls it.

Everything is looked for at once, before anything is downloaded, so that one message names all that
is missing. Installing it is done only when asked, by root, through apt-get. Called by the command.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.omero.ice_wheel.errors import IceBuildError

PYTHON_HEADER = "Python.h"
PROBE_SECONDS = 60
APT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Need:
    """Something the compilation needs."""

    what: str
    package: str  # Debian's name of it
    header: str | None = None  # a file the compiler must find; None for the compiler itself


def needs() -> tuple[Need, ...]:
    """All needs, the compiler first."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        Need("a C++ compiler", "g++"),
        Need("the headers of OpenSSL", "libssl-dev", "openssl/ssl.h"),
        Need("the headers of bzip2", "libbz2-dev", "bzlib.h"),
        Need(f"the headers of Python {python}", f"python{python}-dev", PYTHON_HEADER),
    )


def compiler() -> str:
    """The C++ compiler that setuptools will take: $CXX, or the one Python was built with."""
    told = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "g++"
    return shlex.split(told)[0]


def missing(command: str | None = None) -> tuple[Need, ...]:
    """What this machine lacks. Only a compiler finds the headers of libraries: without one, all.

    Args:
        command: the compiler; the one setuptools will take, unless told.
    """
    tool, *headers = needs()
    found = shutil.which(command or compiler())
    lacking = () if found else (tool,)
    return (*lacking, *(need for need in headers if not _finds(found, need.header)))


def advice(lacking: Sequence[Need]) -> str:
    """One message that names what is missing and what to type on Debian."""
    packages = " ".join(need.package for need in lacking)
    return (
        f"Ice cannot be compiled here; missing: {', '.join(need.what for need in lacking)}.\n"
        f"On Debian or Ubuntu, as root: apt-get install {packages}\n"
        "or let this command do it, as root: python -m backends.omero.ice_wheel --install-packages"
    )


def install_packages(lacking: Sequence[Need]) -> None:
    """Install what is missing through apt-get; raise with advice where that cannot be done."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise IceBuildError(advice(lacking))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = [need.package for need in lacking]
    for command in (
        [apt, "update", "-q"],
        [apt, "install", "-y", "-q", "--no-install-recommends", *packages],
    ):
        try:
            subprocess.run(  # noqa: S603 - our own arguments, no shell
                command,
                check=True,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=APT_SECONDS,
            )
        except subprocess.CalledProcessError as error:
            last = "\n".join(error.stdout.splitlines()[-5:])
            raise IceBuildError(f"{' '.join(command)} failed:\n{last}") from error
        except subprocess.TimeoutExpired as error:
            raise IceBuildError(f"{' '.join(command)} took over {APT_SECONDS} s") from error


def _finds(command: str | None, header: str | None) -> bool:
    if header == PYTHON_HEADER:  # its place is known, and setuptools tells it to the compiler
        return Path(sysconfig.get_path("include"), header).exists()
    if command is None:
        return False
    probe = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [command, "-E", "-x", "c++", "-"],
        check=False,
        input=f"#include <{header}>\n",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=PROBE_SECONDS,
    )
    return probe.returncode == 0
