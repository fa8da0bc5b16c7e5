from __future__ import annotations

from typing import Any

import pytest

from backends.records import PropertyDefinitionRecord, PropertyRecord
from resolvers.cohorts.columns import BEFORE, Column, property_column, property_value, table


def declared(data_type: str, *, many: bool = False) -> PropertyDefinitionRecord:
    return PropertyDefinitionRecord("Q_X", "X", None, data_type, False, many, None, None)


@pytest.mark.parametrize(
    ("data_type", "stored", "value"),
    [
        ("VARCHAR", "=1+1", "=1+1"),
        ("INTEGER", "12", 12),
        ("INTEGER", "-9223372036854775808", -(2**63)),
        ("INTEGER", "9223372036854775808", None),
        ("INTEGER", "twelve", None),
        ("REAL", "0.1", 0.1),
        ("REAL", "NaN", None),
        ("REAL", "1e999", None),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "FALSE", False),
        ("BOOLEAN", "perhaps", None),
        ("TIMESTAMP", "2024-01-01 10:00:00 +0100", "2024-01-01T09:00:00Z"),
        ("TIMESTAMP", "2024-01-01 10:00:00", "2024-01-01T10:00:00Z"),
        ("TIMESTAMP", "yesterday", None),
        ("DATE", "2024-02-29", "2024-02-29"),
        ("DATE", "2023-02-29", None),
        ("CONTROLLEDVOCABULARY", "FEMALE", "FEMALE"),
    ],
)
def test_a_property_has_the_type_that_is_declared(data_type: str, stored: str, value: Any) -> None:
    column = property_column("subject", declared(data_type), ())
    assert column.name == "subject_Q_X"
    found = property_value(column, PropertyRecord("Q_X", (stored,)))
    assert found == value
    assert type(found) is type(value)


def test_a_property_of_several_values_is_a_list() -> None:
    for column in (
        property_column("sample", declared("INTEGER", many=True), ()),
        property_column("sample", declared("ARRAY_INTEGER"), ()),
    ):
        assert column.many
        assert property_value(column, PropertyRecord("Q_X", ("1", "x", "3"))) == [1, 3]


def test_a_column_is_read_again_as_it_was_written() -> None:
    own = property_column("omics", declared("REAL"), [("A", "a")])
    for column in (*BEFORE, own):
        assert Column.from_json(column.as_json()) == column


def test_the_names_of_a_table_are_unique_and_ordered_by_owner() -> None:
    properties = [property_column(owner, declared("REAL"), ()) for owner in ("omics", "subject")]
    names = [column.name for column in table(properties)]
    assert len(set(names)) == len(names)
    assert names[-2:] == ["subject_Q_X", "omics_Q_X"]
    assert all(name.islower() for name in names[:-2])  # properties' codes are upper case
