from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from benchmarks import __main__ as runner
from benchmarks.page import TIMES, Section


def test_a_quick_run_prints_one_page_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no Node: nothing is installed from here
    page = tmp_path / "page.json"
    assert runner.main(["bulk", "--quick", "--json", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "| stock Strawberry ÷ ours |" in printed
    assert "Node and npm are not installed" in printed
    (section,) = orjson.loads(page.read_bytes())["sections"]
    assert section["name"] == "bulk"
    assert all(row["low"] <= row["median"] <= row["high"] for row in section["rows"])
    assert len(section["rows"]) >= 6


def test_what_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runner.BENCHMARKS, "nothing", "something to come")
    section = runner.run("nothing", quick=True)
    assert section.notes == ["There is no such benchmark here yet."]


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        runner.main(["speed"])
    assert stopped.value.code == 2
    assert "There is no benchmark speed" in capsys.readouterr().err


def test_quartiles() -> None:
    section = Section("x", "X")
    section.ratio("one ÷ other", [2, 4, 6, 8], [1, 2, 2, 2], "≥ 2")
    (row,) = section.rows
    assert (row.low, row.median, row.high) == (2.0, 2.5, 3.25)
    assert f"| one ÷ other | 2.5 {TIMES} | 2 to 3.25 | ≥ 2 |" in section.markdown()
