from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pytest

from api.commands.output import WIDE, printable, progress, tell_json, tell_table


def test_a_table_in_a_pipe_is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    tell_table(["code", "dataset"], [["QRUP2001A2", 7], ["x" * 300, None]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["code", "dataset"],
        ["QRUP2001A2", "7"],
        ["x" * 300],
    ]
    assert all(len(line) < WIDE for line in lines)


def test_an_empty_table_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell_table(["code"], [])
    assert capsys.readouterr().out == ""


def test_a_name_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell_table(["name"], [["[bold]a[/bold]\x1b[31mred\nline"]])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]a[/bold]\\x1b[31mred\\nline" in out
    assert printable(None) == ""


@dataclass
class Found:
    code: str
    at: datetime


def test_json_understands_records(capsys: pytest.CaptureFixture[str]) -> None:
    tell_json({"found": [Found("A", datetime(2026, 1, 2, tzinfo=UTC))], 1: 2})
    body = orjson.loads(capsys.readouterr().out)
    assert body == {"found": [{"code": "A", "at": "2026-01-02T00:00:00+00:00"}], "1": 2}


def test_bars_are_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as advance:
        advance("samples", 1, 10)
        advance("samples", 10, 10)
    assert capsys.readouterr() == ("", "")
