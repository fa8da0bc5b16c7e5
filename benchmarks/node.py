"""The peers that run in Node: installed through npm into a cache folder, driven over pipes.

`peers/package.json` names them with their version ranges; nothing else of them is kept here.
Where Node is missing, `available` says why, and the benchmarks say what they skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

PEERS = Path(__file__).parent / "peers"
PACKAGES = PEERS / "package.json"


def cache() -> Path:
    """Return the folder that peers are installed in."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "omnibis" / "peers"


def available() -> str | None:
    """Install the peers if need be; return why there are none, or None."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "Node and npm are not installed: what runs in them is skipped."
    folder = cache()
    installed = folder / "installed.json"
    if not installed.exists() or installed.read_text() != PACKAGES.read_text():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGES, folder / "package.json")
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        done = subprocess.run(  # noqa: S603 - our own words
            [*command, "--loglevel=error"], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"npm could not install the peers: {done.stderr.strip()[:300]}"
        shutil.copy(PACKAGES, installed)
    for script in PEERS.glob("*.mjs"):
        shutil.copy(script, folder / script.name)
    return None


class Node:
    """A script of `peers/` as a process that answers each line with a line.

    Args:
        script: its file name.
        arguments: for the script.
    """

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [shutil.which("node") or "node", str(cache() / script), *arguments],
            cwd=cache(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> str:
        """Send a line and return the answer's."""
        stdin = self._process.stdin
        assert stdin is not None  # a pipe
        stdin.write(line + "\n")
        stdin.flush()
        return self.read()

    def read(self) -> str:
        """Return the next line."""
        stdout = self._process.stdout
        assert stdout is not None  # a pipe
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"The peer ended with {self._process.wait()}.")
        return answer.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
