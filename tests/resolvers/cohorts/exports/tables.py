"""Tables of random rows, for the writers."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from resolvers.cohorts.columns import SPLIT_COLUMN, Column, ColumnType
from resolvers.cohorts.exports.table import Facts, Row, Table

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
REALS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001

COLUMNS = (
    Column("kind", ColumnType.TEXT, "What."),
    SPLIT_COLUMN,
    Column("name", ColumnType.TEXT, "A name.", source="OMERO"),
    Column("number", ColumnType.INTEGER, "A number.", "PIXEL", "OMERO"),
    Column("length", ColumnType.REAL, "A length.", "MICROMETER", "OMERO"),
    Column("good", ColumnType.BOOLEAN, "Whether."),
    Column("at", ColumnType.TIME, "When."),
    Column("day", ColumnType.DATE, "Which day."),
    Column("tags", ColumnType.TEXT, "Tags.", many=True),
    Column("waves", ColumnType.REAL, "Waves.", "NANOMETER", many=True),
    Column("subject_Q_X", ColumnType.TEXT, "X.", source="OPENBIS", terms=(("A", "alpha"),)),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXTS,
    "number": INTEGERS,
    "length": REALS,
    "good": st.booleans(),
    "at": TIMES.map(lambda at: at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")),
    "day": st.dates().map(lambda day: day.isoformat()),
    "tags": st.lists(TEXTS, min_size=1, max_size=3),
    "waves": st.lists(st.none() | REALS, min_size=1, max_size=3),
    "subject_Q_X": TEXTS,
}
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(("image", "omics")), "split": st.sampled_from(("train", "test"))},
        optional=VALUES,
    ),
    max_size=8,
)


def table_of(rows: list[Row], *, parts: tuple[str, ...] = ("train", "test")) -> Table:
    facts = Facts(
        "7",
        "A cohort",
        "ab" * 32,
        '{"unit":"SUBJECT","version":1,"where":{}}',
        12,
        {"openBIS": "20.10.7", "OMERO": "5.6.14"},
        "ada",
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        3,
        len(rows),
    )
    return Table(facts, "cd" * 32, COLUMNS, lambda: iter(rows), parts, "{}" if parts else None)


class Sink:
    """A file that can only be written, as the snapshot folder's."""

    closed = False

    def __init__(self) -> None:
        self._bytes = io.BytesIO()

    def write(self, data: Any, /) -> int:
        return self._bytes.write(data)

    def flush(self) -> None:
        pass

    def tell(self) -> int:
        return self._bytes.tell()

    def seekable(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        pass

    @property
    def content(self) -> bytes:
        return self._bytes.getvalue()


def written(write: Callable[..., None], table: Table, **given: Any) -> bytes:
    """What a writer makes of a table; the same each time."""
    sinks = Sink(), Sink()
    for sink in sinks:
        write(table, sink, **given)
    assert sinks[0].content == sinks[1].content
    return sinks[0].content
