"""What a person sees while Ice is compiled: files done, files in all, time passed.

`parallel_setup.py` prints one line per file; here such lines are told from the rest and shown, in
place on a terminal and now and then in a log. Nothing else of the build is printed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

LOG_SECONDS = 15.0

_COMPILED = re.compile(r"^compiled (\d+) of (\d+): (.+)$")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A file was compiled, `done` of `total` until now."""

    done: int
    total: int
    name: str


def read(line: str) -> Compiled | None:
    """The progress that a line of the build's output tells, if it tells any."""
    told = _COMPILED.match(line.rstrip("\n"))
    return Compiled(int(told[1]), int(told[2]), told[3]) if told else None


class Progress:
    """Writes steps and compiled files to a stream, with the time since it was made."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._shown: float | None = None
        self._open_line = False

    def step(self, text: str) -> None:
        """Tell a step on a line of its own."""
        self._write(("\n" if self._open_line else "") + f"ice: {text}\n")
        self._open_line = False

    def compiled(self, file: Compiled) -> None:
        """Show how far it is: at once on a terminal, else every 15 seconds and at the end."""
        now = self._clock()
        minutes, seconds = divmod(int(now - self._start), 60)
        text = f"ice: {file.done} of {file.total} files compiled, {minutes}:{seconds:02}"
        if self._stream.isatty():
            self._write(f"\r{text}")
            self._open_line = True
        elif file.done == file.total or self._shown is None or now - self._shown >= LOG_SECONDS:
            self._write(f"{text}\n")
            self._shown = now

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
