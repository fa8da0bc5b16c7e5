"""The public tools of the GraphQL world that run on Node: installed once into a cache, then run.

`tests/node/package.json` pins them. Where Node or npm is not there, or nothing can be fetched, the
tests that need them are skipped and say why; with `OMNIBIS_TEST_NODE=required` they fail instead.
Several processes of tests share the cache: one installs, and the others wait for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = Path(__file__).parent / "node"
CACHE: Final = Path(__file__).parent.parent / ".cache" / "node"
PATIENCE: Final = 240.0  # seconds to install; it takes some ten
REQUIRED: Final = os.environ.get("OMNIBIS_TEST_NODE") == "required"


def node_modules() -> Path:
    """Return the folder with the tools, installed if need be; skip the test without them."""
    package = (FOLDER / "package.json").read_bytes()
    home = CACHE / hashlib.sha256(package).hexdigest()[:12]
    home.mkdir(parents=True, exist_ok=True)
    with _alone_in(home):
        if not (home / "installed").exists():
            _install(home, package)
        # beside node_modules, where Node looks for imports
        shutil.copytree(FOLDER, home, copy_function=_renew, dirs_exist_ok=True)
    return home


def _install(home: Path, package: bytes) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        _lack("Node and npm are not installed here")
    (home / "package.json").write_bytes(package)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
    try:
        subprocess.run(  # noqa: S603
            [*command, "--ignore-scripts", "--loglevel=error"],
            cwd=home,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        _lack("npm could not install the tools of tests/node/package.json")
    (home / "installed").touch()


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Wait until no other process installs or copies; the lock ends with the process."""
    with (home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _renew(source: str, place: str) -> None:
    """Copy what has changed; what has not may be in use."""
    there = Path(place)
    if not there.exists() or there.read_bytes() != Path(source).read_bytes():
        shutil.copy2(source, place)


def run_node(script: str, *arguments: str) -> Any:
    """Run a script of `tests/node` and return the JSON that it prints."""
    done = call_node(node_modules(), script, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def call_node(home: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the folder with the tools."""
    return subprocess.run(  # noqa: S603
        ["node", script, *arguments],  # noqa: S607
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _lack(reason: str) -> None:
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)
