"""JSON Lines: one object a row, every column in every object, typed; lists as they are."""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from resolvers.cohorts.exports.table import Table


class Sink(Protocol):
    """What can be written to."""

    def write(self, data: Any, /) -> int:
        """Write bytes."""
        ...


def write(table: Table, sink: Sink) -> None:
    """Write a table as JSON Lines."""
    names = [column.name for column in table.columns]
    for batch in table.batches():
        lines = [
            orjson.dumps({name: row.get(name) for name in names}, option=orjson.OPT_APPEND_NEWLINE)
            for row in batch
        ]
        sink.write(b"".join(lines))


def write_columns(table: Table, sink: Sink) -> None:
    """Write what the columns are: names, types, units, origins, vocabularies."""
    form = {"digest": table.digest, "columns": [column.as_json() for column in table.columns]}
    sink.write(orjson.dumps(form, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
