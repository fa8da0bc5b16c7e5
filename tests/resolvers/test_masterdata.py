from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from backends.records import (
    EntityTypeRecord,
    Kind,
    PropertyDefinitionRecord,
    PropertyRecord,
    TermRecord,
    VocabularyRecord,
)
from resolvers import masterdata

T = TypeVar("T")
COLOURS = VocabularyRecord("COLOURS", None, (TermRecord("RED", "Red", None, 1, official=True),))


def declared(code: str, data_type: str, vocabulary: Any = None) -> PropertyDefinitionRecord:
    return PropertyDefinitionRecord(
        code,
        None,
        None,
        data_type,
        mandatory=False,
        multi_valued=False,
        section=None,
        vocabulary=vocabulary,
    )


TYPES = {
    Kind.SAMPLE: (
        declared("N", "INTEGER"),
        declared("R", "REAL"),
        declared("T", "VARCHAR"),
        declared("WHEN", "TIMESTAMP"),
        declared("DAY", "DATE"),
        declared("COLOUR", "CONTROLLEDVOCABULARY", COLOURS),
    ),
    Kind.EXPERIMENT: (declared("E", "REAL"),),
    Kind.OMICS_DATASET: (declared("D", "INTEGER"),),
}


class Types:
    async def load(self, kind: Kind) -> dict[str, EntityTypeRecord]:
        return {"ANY": EntityTypeRecord(kind, "ANY", None, None, TYPES[kind])}


CONTEXT: Any = SimpleNamespace(loaders=SimpleNamespace(entity_types=Types()))


async def read(how: Callable[[Any, PropertyRecord], T], property_: PropertyRecord) -> T:
    """Read a property's value with what is declared about it."""
    return how(await masterdata.definition(CONTEXT, property_.code), property_)


@pytest.mark.parametrize(
    ("code", "value", "number"),
    [
        ("N", "42", 42.0),
        ("R", "-1.5e3", -1500.0),
        ("E", "2", 2.0),
        ("D", "3", 3.0),
        ("N", "forty-two", None),
        ("N", "", None),
        ("T", "42", None),
        ("UNKNOWN", "42", None),
    ],
)
async def test_numbers(code: str, value: str, number: float | None) -> None:
    assert await read(masterdata.number, PropertyRecord(code, (value,))) == number


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e999"])
async def test_what_json_cannot_say_is_no_number(value: str) -> None:
    assert await read(masterdata.number, PropertyRecord("R", (value,))) is None


@pytest.mark.parametrize(
    ("code", "value", "time"),
    [
        ("WHEN", "2024-01-31 12:00:05 +0000", datetime(2024, 1, 31, 12, 0, 5, tzinfo=UTC)),
        (
            "WHEN",
            "2024-01-31 12:00:05 +0200",
            datetime(2024, 1, 31, 12, 0, 5, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("WHEN", "2024-01-31 12:00:05", datetime(2024, 1, 31, 12, 0, 5, tzinfo=UTC)),
        ("DAY", "2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
        ("DAY", "31.1.2024", None),
        ("T", "2024-01-31", None),
    ],
)
async def test_times(code: str, value: str, time: datetime | None) -> None:
    assert await read(masterdata.timestamp, PropertyRecord(code, (value,))) == time


async def test_terms() -> None:
    assert await read(masterdata.term, PropertyRecord("COLOUR", ("RED",))) == COLOURS.terms[0]
    assert await read(masterdata.term, PropertyRecord("COLOUR", ("BLUE",))) is None
    assert await read(masterdata.term, PropertyRecord("T", ("RED",))) is None
    assert await masterdata.vocabularies(CONTEXT) == (COLOURS,)


@pytest.mark.parametrize("code", ["N", "WHEN", "COLOUR"])
async def test_a_property_without_values(code: str) -> None:
    empty = PropertyRecord(code, ())
    assert await read(masterdata.number, empty) is None
    assert await read(masterdata.timestamp, empty) is None
    assert await read(masterdata.term, empty) is None
