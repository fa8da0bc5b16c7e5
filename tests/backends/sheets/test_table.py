"""The form of a sheet: every fault with line and column, and no sheet too large to be refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from backends.sheets.faults import MOST_FAULTS, Fault
from backends.sheets.table import LARGEST, MOST_ROWS, Table, delimiter_of, parse_table, read_table


def faults_of(data: bytes, delimiter: str = ",") -> list[tuple[int | None, str | None, str]]:
    faults: list[Fault] = []
    parse_table(data, delimiter, faults)
    return [tuple(fault) for fault in faults]


def test_lines_are_those_of_the_file() -> None:
    faults: list[Fault] = []
    table = parse_table(b'\xef\xbb\xbfa,b\n"1\n2",3\n\n4,5\n', ",", faults)
    assert not faults
    assert [(row.line, row.cells) for row in table.rows] == [
        (2, {"a": "1\n2", "b": "3"}),
        (5, {"a": "4", "b": "5"}),
    ]


def test_every_cell_of_another_encoding_is_told() -> None:
    told = faults_of("name,café\nJosé,x\ny,Müller\n".encode("latin-1"))
    advice = "not UTF-8: save the sheet as UTF-8"
    assert told == [
        (1, "caf\ufffd", advice),
        (2, "name", advice),
        (3, "caf\ufffd", advice),
    ]


def test_faults_are_listed_up_to_a_number() -> None:
    told = faults_of(b"a,b\n" + b"1\n" * (3 * MOST_FAULTS))
    assert len(told) == MOST_FAULTS + 1
    assert told[-1] == (None, None, f"there are {MOST_FAULTS} faults or more: mend these first")


def test_too_many_rows() -> None:
    told = faults_of(b"a\n" + b"1\n" * (MOST_ROWS + 1))
    assert told == [(MOST_ROWS + 2, None, f"more than {MOST_ROWS} rows: split the sheet")]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    faults: list[Fault] = []
    assert read_table(tmp_path / "nowhere.csv", ",", faults) == Table((), ())
    assert faults[0].message.startswith("the sheet cannot be read")


READ = """
import sys
from pathlib import Path
from backends.sheets.table import read_table
from benchmarks.memory import peak
before = peak()
faults = []
read_table(Path(sys.argv[1]), ",", faults)
grown = round((peak() - before) * 1024)
print(grown, faults[0].message)
"""


def test_a_sheet_of_200_megabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    sheet = tmp_path / "huge.csv"
    with sheet.open("wb") as file:  # sparse: it costs no disk
        file.write(b"name\n")
        file.truncate(200_000_000)
    told = subprocess.run(  # noqa: S603 - our own interpreter, to measure its memory alone
        [sys.executable, "-c", READ, str(sheet)], check=True, capture_output=True, text=True
    ).stdout
    grown, message = told.split(" ", 1)
    assert message == "the sheet is larger than 16 MB: split it\n"
    assert int(grown) * 1024 < 4 * LARGEST


def test_delimiters() -> None:
    assert [delimiter_of(name) for name in ("a.tsv", "a.TAB", "a.csv", "a")] == [
        "\t",
        "\t",
        ",",
        ",",
    ]
