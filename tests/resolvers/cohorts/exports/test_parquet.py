from __future__ import annotations

import io
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings

from resolvers.cohorts.exports import parquet
from resolvers.cohorts.exports.table import BATCH, Row
from tests.resolvers.cohorts.exports.tables import COLUMNS, ROWS, table_of, written


@settings(max_examples=50)
@given(ROWS)
def test_what_is_written_is_read_again(rows: list[Row]) -> None:
    found = pq.read_table(io.BytesIO(written(parquet.write, table_of(rows)))).to_pylist()
    expected = []
    for row in rows:
        typed = {column.name: row.get(column.name) for column in COLUMNS}
        if typed["at"] is not None:
            typed["at"] = datetime.fromisoformat(str(typed["at"]))
        if typed["day"] is not None:
            typed["day"] = date.fromisoformat(str(typed["day"]))
        expected.append(typed)
    assert found == expected


def test_columns_are_typed_and_tell_their_units() -> None:
    schema = pq.read_schema(io.BytesIO(written(parquet.write, table_of([]))))
    assert {name: schema.field(name).type for name in ("number", "length", "at", "day")} == {
        "number": pa.int64(),
        "length": pa.float64(),
        "at": pa.timestamp("us", "UTC"),
        "day": pa.date32(),
    }
    assert schema.field("waves").type == pa.list_(pa.float64())
    length = schema.field("length").metadata
    assert length[b"unit"] == b"MICROMETER"
    assert length[b"source"] == b"OMERO"
    assert length[b"description"] == b"A length."
    assert schema.field("subject_Q_X").metadata[b"terms"] == b'{"A":"alpha"}'


def test_the_file_says_what_it_is() -> None:
    about = pq.read_schema(io.BytesIO(written(parquet.write, table_of([])))).metadata
    assert about[b"omnibis.digest"] == b"cd" * 32
    assert about[b"omnibis.snapshot_digest"] == b"ab" * 32
    assert about[b"omnibis.link_revision"] == b"12"
    assert b'"unit":"SUBJECT"' in about[b"omnibis.question"]
    assert about[b"omnibis.versions"] == b'{"OMERO":"5.6.14","openBIS":"20.10.7"}'


def test_rows_come_in_groups() -> None:
    count = BATCH * parquet.GROUP + 1
    rows: list[Row] = [{"kind": "image", "number": number} for number in range(count)]
    file = pq.ParquetFile(io.BytesIO(written(parquet.write, table_of(rows))))
    assert file.num_row_groups == 2
    assert file.read(["number"])["number"].to_pylist() == list(range(count))
