"""CSV (RFC 4180, UTF-8): texts as they are but for formulas, lists as JSON, true and false.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, whoever wrote it into
a sample's name. Such texts get an apostrophe in front, and so do texts that begin with one, so that
taking one away gives back the original. Numbers are left alone. Types and units stand in
`columns.json`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, Final

import orjson

from resolvers.cohorts.columns import Column, ColumnType
from resolvers.cohorts.exports.json_lines import Sink
from resolvers.cohorts.exports.table import Table

RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(table: Table, sink: Sink) -> None:
    """Write a table as CSV, with a header."""
    cells = [(column.name, _writer(column)) for column in table.columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([defused(name) for name, _ in cells])
    for batch in table.batches():
        for row in batch:
            found = ((row.get(name), cell) for name, cell in cells)
            writer.writerow(["" if value is None else cell(value) for value, cell in found])
        sink.write(text.getvalue().encode("utf-8"))
        text.seek(0)
        text.truncate()
    sink.write(text.getvalue().encode("utf-8"))  # the header, where there are no rows


def defused(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


def restored(cell: str) -> str:
    """Return the text that `defused` was given."""
    return cell.removeprefix("'")


def _writer(column: Column) -> Callable[[Any], str]:
    if column.many:
        return lambda value: orjson.dumps(value).decode()  # begins with a bracket
    if column.type is ColumnType.BOOLEAN:
        return lambda value: "true" if value else "false"
    if column.type is ColumnType.REAL:
        return lambda value: repr(float(value))
    if column.type is ColumnType.TEXT:
        return defused
    return str
