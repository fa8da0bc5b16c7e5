"""The `omnibis` command in a process of its own, served on a free port for a `with` block."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1]
READY = re.compile(r"(http://127\.0\.0\.1:\d+)/graphql")
PATIENCE = 60.0  # seconds that anything may take


@dataclass
class Served:
    """A server that says that it is ready."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rsplit(":", 1)[1])

    def ended(self) -> tuple[int, str]:
        """Wait for its end; the exit status, and what it has written to standard error."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@contextmanager
def served(*arguments: str, **environment: str) -> Iterator[Served]:
    """Start the command and wait until it is ready; whatever is left of it is killed."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", "from api.cli import main; main()", *arguments],
        cwd=FOLDER,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMNIBIS_PORT": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its workers are ended with it, whatever went wrong
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := READY.search(line):
                yield Served(process, found[1])
                break
        else:
            raise AssertionError(process.communicate(timeout=PATIENCE)[1])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
