"""Reading a delimited text file into lines of cells, with every fault of its form.

UTF-8 with or without byte order mark, quoted cells over several lines, blank lines skipped. Cells
are text and nothing else. Size, rows and faults are bounded, so that a sheet of any size costs
little. The mapping, or the sheet's own header, gives the cells meaning; see `plan.py`.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backends.sheets.faults import Fault, too_many

LARGEST: Final = 16_000_000  # bytes
MOST_ROWS: Final = 100_000
LOST: Final = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Row:
    """One record: the line it begins at, and its cells by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The columns in order, and the rows that have as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(sheet: Path, delimiter: str, faults: list[Fault]) -> Table:
    """Read a sheet, adding to `faults` whatever is wrong with its form.

    No more of a file is read than `LARGEST` bytes, whatever its size.
    """
    try:
        with sheet.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        faults.append(Fault(None, None, f"the sheet cannot be read: {error.strerror}"))
        return Table((), ())
    return parse_table(data, delimiter, faults)


def parse_table(data: bytes, delimiter: str, faults: list[Fault]) -> Table:
    """Read a sheet's bytes, adding to `faults` whatever is wrong with its form."""
    if len(data) > LARGEST:
        size = f"{LARGEST // 1_000_000} MB"
        faults.append(Fault(None, None, f"the sheet is larger than {size}: split it"))
        return Table((), ())
    before = len(faults)
    lines = _split(_decode(data, faults), delimiter, faults)
    if not lines:
        if len(faults) == before:
            faults.append(Fault(1, None, "the sheet is empty: its first line names the columns"))
        return Table((), ())
    (_, header), *records = lines
    columns = tuple(name.strip() for name in header)
    _check_characters(1, columns, header, faults)
    _check_header(columns, faults)
    rows = []
    for line, cells in records:
        _check_characters(line, columns, cells, faults)
        if len(cells) != len(columns):
            faults.append(_miscounted(line, columns, cells))
        else:
            stripped = (cell.strip() for cell in cells)
            rows.append(Row(line, dict(zip(columns, stripped, strict=True))))
        if too_many(faults):
            break
    if not records:
        faults.append(Fault(None, None, "the sheet has no rows below its header"))
    return Table(columns, tuple(rows))


def delimiter_of(name: str) -> str:
    """Return the delimiter that a file's name speaks for: a tab for TSV, else a comma."""
    return "\t" if name.lower().endswith((".tsv", ".tab")) else ","


def _decode(data: bytes, faults: list[Fault]) -> str:
    """Return the text; what is not UTF-8 becomes `LOST`, which is a fault of its cell."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        faults.append(Fault(1, None, "UTF-16: save the sheet as UTF-8"))
        return ""
    return data.decode("utf-8-sig", errors="replace")


def _split(text: str, delimiter: str, faults: list[Fault]) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for cells in reader:
            if len(lines) > MOST_ROWS:
                faults.append(Fault(begins, None, f"more than {MOST_ROWS} rows: split the sheet"))
                return []
            if any(cell.strip() for cell in cells):
                lines.append((begins, cells))
            begins = reader.line_num + 1
    except csv.Error as error:
        faults.append(
            Fault(begins, None, f"cannot be split into cells ({error}): check its quotes")
        )
    return lines


def _check_header(columns: Sequence[str], faults: list[Fault]) -> None:
    for name, count in Counter(columns).items():
        if not name:
            number = columns.index(name) + 1
            faults.append(Fault(1, str(number), "the column has no name"))
        elif count > 1:
            faults.append(Fault(1, name, f"{count} columns have this name"))


def _check_characters(
    line: int, columns: Sequence[str], cells: Sequence[str], faults: list[Fault]
) -> None:
    for number, cell in enumerate(cells):
        if cell.isascii() and cell.isprintable():
            continue
        column = columns[number] if number < len(columns) else str(number + 1)
        if LOST in cell:
            faults.append(Fault(line, column, "not UTF-8: save the sheet as UTF-8"))
        elif any(map(_is_control, cell)):
            faults.append(Fault(line, column, "holds a control character: remove it"))


def _is_control(mark: str) -> bool:
    """Tell whether a character may stand neither in a property nor in a design's XML."""
    return mark in "\ufffe\uffff" or (unicodedata.category(mark) == "Cc" and mark not in "\t\r\n")


def _miscounted(line: int, columns: Sequence[str], cells: Sequence[str]) -> Fault:
    counted = f"{len(cells)} cells where the header has {len(columns)}"
    if len(cells) < len(columns):
        return Fault(line, columns[len(cells)], f"{counted}: this cell and those after are missing")
    return Fault(line, str(len(columns) + 1), f"{counted}: check for a stray delimiter")
