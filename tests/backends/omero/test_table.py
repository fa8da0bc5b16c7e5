from __future__ import annotations

from typing import Any

from backends.omero.table import MOST, Rows, Table, made


class Counting:
    """Makes something of rows and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, rows: Rows) -> list[Any]:
        self.times += 1
        return [row[0] for row in rows]


def test_of_plain_rows_all_is_made_anew() -> None:
    make, rows = Counting(), [[1], [2]]
    assert [made(rows, "how", make) for _ in range(2)] == [[1, 2]] * 2
    assert make.times == 2


def test_of_a_table_each_thing_is_made_once() -> None:
    make, table = Counting(), Table()
    table += [[1], [2]]
    first = made(table, "how", make)
    assert made(table, "how", make) is first == [1, 2]
    assert made(table, "other", make) is not first
    assert make.times == 2


def test_what_was_made_with_other_parts_is_made_anew() -> None:
    make, table = Counting(), Table()
    one, same, other = {"a": 1}, {"a": 1}, {"b": 2}
    first = made(table, "how", make, (one, None))
    assert made(table, "how", make, (one, None)) is first
    assert made(table, "how", make, (same, None)) is not first  # equal, but not what it was made of
    assert made(table, "how", make, (other, None)) is not first
    assert make.times == 3
    assert len(table.made) == 1


def test_a_table_holds_few_things() -> None:
    make, table = Counting(), Table()
    for number in range(100):
        made(table, number, make)
        assert len(table.made) <= MOST
