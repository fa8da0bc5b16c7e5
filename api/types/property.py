"""Properties of openBIS entities, with what openBIS declares about them.

openBIS sends every value as text; label, data type, number, time and vocabulary term come from the
declared types, which are read once per viewer and remembered for a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import strawberry

from api.edges import Ask, Batched, alone, batched
from api.selection import Info
from api.types.source import openbis
from backends.records import PropertyDefinitionRecord, PropertyRecord
from resolvers import masterdata


@strawberry.type(description="One term of a controlled vocabulary.")
class Term:
    """Backed by `TermRecord`."""

    code: str = openbis("The term's code, as stored.", "VocabularyTerm.code")
    label: str | None = openbis("The term as people read it.", "VocabularyTerm.label")
    description: str | None = openbis("What the term means.", "VocabularyTerm.description")
    ordinal: int = openbis("The term's place in its vocabulary.", "VocabularyTerm.ordinal")
    official: bool = openbis("Whether a curator has approved it.", "VocabularyTerm.official")


@strawberry.type(description="A controlled vocabulary: the values that a property may have.")
class Vocabulary:
    """Backed by `VocabularyRecord`."""

    code: str = openbis("The vocabulary's code.", "Vocabulary.code")
    description: str | None = openbis("What it is for.", "Vocabulary.description")
    terms: list[Term] = openbis("Its terms, in order.", "Vocabulary.terms")


@strawberry.type(description="A property as an entity type declares it.")
class PropertyDefinition:
    """Backed by `PropertyDefinitionRecord`."""

    code: str = openbis("The property's code.", "PropertyType.code")
    label: str | None = openbis("The property as people read it.", "PropertyType.label")
    description: str | None = openbis("What it holds.", "PropertyType.description")
    data_type: str = openbis(
        "How openBIS types it: VARCHAR, REAL, CONTROLLEDVOCABULARY and so on.",
        "PropertyType.dataType",
    )
    mandatory: bool = openbis("Whether it must be set.", "PropertyAssignment.mandatory")
    multi_valued: bool = openbis("Whether it may hold several values.", "PropertyType.multiValue")
    section: str | None = openbis("Its section in forms.", "PropertyAssignment.section")
    vocabulary: Vocabulary | None = openbis(
        "The vocabulary its values are from.", "PropertyType.vocabulary"
    )


def declared(read: Callable[[PropertyDefinitionRecord | None, PropertyRecord], Any]) -> Batched:
    """How a field is answered that needs what openBIS declares about the property."""

    async def many(rows: Sequence[PropertyRecord], ask: Ask) -> list[Any]:
        known = await masterdata.definitions(ask.context)
        return [read(known.get(row.code), row) for row in rows]

    return Batched(many)


LABEL = declared(lambda definition, _property: definition.label if definition else None)
DATA_TYPE = declared(lambda definition, _property: definition.data_type if definition else None)
NUMBER = declared(masterdata.number)
TIMESTAMP = declared(masterdata.timestamp)
TERM = declared(masterdata.term)


@batched(LABEL)
async def resolve_label(root: strawberry.Parent[PropertyRecord], info: Info) -> str | None:
    """Return the declared label."""
    return await alone(LABEL, root, info)


@batched(DATA_TYPE)
async def resolve_data_type(root: strawberry.Parent[PropertyRecord], info: Info) -> str | None:
    """Return the declared data type."""
    return await alone(DATA_TYPE, root, info)


@batched(NUMBER)
async def resolve_number(root: strawberry.Parent[PropertyRecord], info: Info) -> float | None:
    """Return a numeric value."""
    return await alone(NUMBER, root, info)


@batched(TIMESTAMP)
async def resolve_timestamp(root: strawberry.Parent[PropertyRecord], info: Info) -> datetime | None:
    """Return a date value."""
    return await alone(TIMESTAMP, root, info)


@batched(TERM)
async def resolve_term(root: strawberry.Parent[PropertyRecord], info: Info) -> Term | None:
    """Return the vocabulary term."""
    return await alone(TERM, root, info)


@strawberry.type(description="One property of one openBIS entity, with its value.")
class Property:
    """Backed by `PropertyRecord`."""

    code: str = openbis("The property's code.", "PropertyType.code")
    value: str | None = openbis("The value as openBIS stores it: text.", "properties")
    values: list[str] = openbis("All values, where a property holds several.", "properties")
    label: str | None = openbis(
        "The property as people read it.", "PropertyType.label", resolve_label
    )
    data_type: str | None = openbis(
        "How openBIS types it.", "PropertyType.dataType", resolve_data_type
    )
    number: float | None = openbis(
        "The value of an INTEGER or REAL property as a number.", "properties", resolve_number
    )
    timestamp: datetime | None = openbis(
        "The value of a DATE or TIMESTAMP property.", "properties", resolve_timestamp
    )
    term: Term | None = openbis(
        "The vocabulary term that the value names.", "VocabularyTerm", resolve_term
    )
