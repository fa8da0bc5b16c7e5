from __future__ import annotations

import io

import pytest

from backends.omero.ice_wheel.progress import Compiled, Progress, read


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_of_the_build_is_read() -> None:
    line = "compiled 12 of 224: src/ice/cpp/src/Ice/Proxy.cpp\n"
    assert read(line) == Compiled(12, 224, "src/ice/cpp/src/Ice/Proxy.cpp")


@pytest.mark.parametrize(
    "line", ["", "building 'IcePy' extension\n", "g++ -O1 -c compiled 1 of 2: x\n", "compiled: x"]
)
def test_other_lines_tell_no_progress(line: str) -> None:
    assert read(line) is None


def test_a_terminal_shows_every_file_in_place_and_steps_below() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock)
    progress.compiled(Compiled(1, 3, "a"))
    clock.now += 75
    progress.compiled(Compiled(2, 3, "b"))
    progress.step("ready")
    assert stream.getvalue() == (
        "\rice: 1 of 3 files compiled, 0:00\rice: 2 of 3 files compiled, 1:15\nice: ready\n"
    )


def test_a_log_shows_the_first_the_last_and_one_in_fifteen_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock)
    for done in range(1, 11):
        progress.compiled(Compiled(done, 10, "file"))
        clock.now += 4
    shown = [int(line.split()[1]) for line in stream.getvalue().splitlines()]
    assert shown == [1, 5, 9, 10]
