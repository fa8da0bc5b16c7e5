"""Parquet, through pyarrow, which is the extra `omnibis[export]`.

Columns are typed; unit, description, origin and vocabulary of each stand in its field's metadata,
predicate and digest in the file's. A row group is a batch, so memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import orjson

from resolvers.cohorts.columns import Column, ColumnType
from resolvers.cohorts.exports.json_lines import Sink
from resolvers.cohorts.exports.table import Row, Table

if TYPE_CHECKING:
    import pyarrow as pa

GROUP: Final = 5  # batches in a row group


def available() -> bool:
    """Whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def write(table: Table, sink: Sink) -> None:
    """Write a table as Parquet."""
    # Heavy, and not everywhere there: `shelf.py` says so before it calls this.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = arrow_schema(table)
    readers = [(column.name, _reader(column)) for column in table.columns]
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        held: list[Any] = []
        for batch in table.batches():
            held.append(_record_batch(batch, readers, schema))
            if len(held) == GROUP:
                writer.write_table(pa.Table.from_batches(held))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held))


def arrow_schema(table: Table) -> pa.Schema:
    """Return the columns as an Arrow schema, with what is known of each in its metadata."""
    import pyarrow as pa  # noqa: PLC0415

    types = {
        ColumnType.TEXT: pa.string(),
        ColumnType.INTEGER: pa.int64(),
        ColumnType.REAL: pa.float64(),
        ColumnType.BOOLEAN: pa.bool_(),
        ColumnType.TIME: pa.timestamp("us", tz="UTC"),
        ColumnType.DATE: pa.date32(),
    }
    fields = []
    for column in table.columns:
        type_ = pa.list_(types[column.type]) if column.many else types[column.type]
        about = {
            key: value if isinstance(value, str) else orjson.dumps(value).decode()
            for key, value in column.as_json().items()
            if key not in {"name", "type", "many"}
        }
        fields.append(pa.field(column.name, type_, metadata=about))
    facts = table.facts
    about = {
        "omnibis.digest": table.digest,
        "omnibis.snapshot": facts.id,
        "omnibis.snapshot_digest": facts.digest,
        "omnibis.question": facts.question,
        "omnibis.link_revision": str(facts.link_revision),
        "omnibis.versions": orjson.dumps(
            dict(facts.versions), option=orjson.OPT_SORT_KEYS
        ).decode(),
    }
    if table.split is not None:
        about["omnibis.split"] = table.split
    return pa.schema(fields, metadata=about)


def _record_batch(
    rows: list[Row], readers: list[tuple[str, Callable[[Any], Any]]], schema: pa.Schema
) -> pa.RecordBatch:
    import pyarrow as pa  # noqa: PLC0415

    arrays = []
    for (name, read), type_ in zip(readers, schema.types, strict=True):
        values = (row.get(name) for row in rows)
        arrays.append(pa.array([None if value is None else read(value) for value in values], type_))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _reader(column: Column) -> Callable[[Any], Any]:
    """What makes Arrow's value of a JSON one."""
    one = _READERS.get(column.type)
    if one is None:
        return lambda value: value
    if column.many:
        return lambda values: [None if value is None else one(value) for value in values]
    return one


_READERS: Final[dict[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.TIME: datetime.fromisoformat,
    ColumnType.DATE: date.fromisoformat,
    ColumnType.REAL: float,
}
