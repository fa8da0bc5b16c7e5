from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.cohorts.columns import ColumnType
from resolvers.cohorts.exports import comma_separated
from resolvers.cohorts.exports.comma_separated import defused, restored
from resolvers.cohorts.exports.table import Row
from tests.resolvers.cohorts.exports.tables import COLUMNS, ROWS, table_of, written


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


@given(ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    found = read(written(comma_separated.write, table_of(rows)))
    assert len(found) == len(rows)
    for cells, row in zip(found, rows, strict=True):
        for column in COLUMNS:
            value: Any = row.get(column.name)
            cell = cells[column.name]
            if value is None:
                assert cell == ""
            elif column.many:
                assert orjson.loads(cell) == value
            elif column.type is ColumnType.TEXT:
                assert restored(cell) == value
            elif column.type is ColumnType.REAL:
                assert float(cell) == value
            elif column.type is ColumnType.BOOLEAN:
                assert cell == ("true" if value else "false")
            else:
                assert cell == str(value)


@given(st.text())
def test_a_defused_text_is_no_formula_and_is_restored(text: str) -> None:
    cell = defused(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert restored(cell) == text


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"]
)
def test_formulas_are_texts(text: str) -> None:
    found = read(written(comma_separated.write, table_of([{"kind": "image", "name": text}])))
    assert found[0]["name"] == f"'{text}"


def test_negative_numbers_stay_numbers() -> None:
    rows: list[Row] = [{"kind": "image", "number": -5, "length": -0.5}]
    (found,) = read(written(comma_separated.write, table_of(rows)))
    assert (found["number"], found["length"]) == ("-5", "-0.5")


def test_a_table_without_rows_has_its_header() -> None:
    content = written(comma_separated.write, table_of([]))
    assert content.decode() == ",".join(column.name for column in COLUMNS) + "\r\n"
