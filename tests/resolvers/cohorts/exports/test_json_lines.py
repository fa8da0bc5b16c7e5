from __future__ import annotations

import orjson
from hypothesis import given

from resolvers.cohorts.exports import json_lines
from resolvers.cohorts.exports.table import BATCH, Row
from tests.resolvers.cohorts.exports.tables import COLUMNS, ROWS, table_of, written


@given(ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    lines = written(json_lines.write, table_of(rows)).splitlines()
    found = [orjson.loads(line) for line in lines]
    names = [column.name for column in COLUMNS]
    assert [list(row) for row in found] == [names] * len(rows)
    assert [{k: v for k, v in row.items() if v is not None} for row in found] == rows


def test_more_rows_than_a_batch_are_all_written() -> None:
    rows: list[Row] = [{"kind": "image", "number": number} for number in range(2 * BATCH + 1)]
    lines = written(json_lines.write, table_of(rows)).splitlines()
    assert [orjson.loads(line)["number"] for line in lines] == list(range(2 * BATCH + 1))


def test_the_columns_are_told_with_units_and_terms() -> None:
    told = orjson.loads(written(json_lines.write_columns, table_of([])))
    assert told["digest"] == "cd" * 32
    columns = {column["name"]: column for column in told["columns"]}
    assert columns["length"]["unit"] == "MICROMETER"
    assert columns["waves"] | {"many": True} == columns["waves"]
    assert columns["subject_Q_X"]["terms"] == {"A": "alpha"}
