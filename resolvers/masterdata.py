"""What openBIS declares about its entities: types, property definitions, vocabularies.

One call per kind reads all of it; it is remembered per viewer for a minute. Properties find their
label, data type and terms here, because openBIS sends every value as bare text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import cast

from backends.records import (
    EntityTypeRecord,
    Kind,
    PropertyDefinitionRecord,
    PropertyRecord,
    TermRecord,
    VocabularyRecord,
)
from resolvers.context import RequestContext

_NUMERIC = {"INTEGER", "REAL"}
_TEMPORAL = {"TIMESTAMP", "DATE"}
_TYPED_KINDS = (Kind.SAMPLE, Kind.EXPERIMENT, Kind.OMICS_DATASET)


async def entity_types(context: RequestContext, kind: Kind) -> dict[str, EntityTypeRecord]:
    """Return all types of a kind by code."""
    return cast("dict[str, EntityTypeRecord]", await context.loaders.entity_types.load(kind))


async def entity_type(context: RequestContext, kind: Kind, code: str) -> EntityTypeRecord | None:
    """Return one type by code, or None where openBIS declares no such type."""
    return (await entity_types(context, kind)).get(code)


async def definition(context: RequestContext, code: str) -> PropertyDefinitionRecord | None:
    """Return what openBIS declares about a property.

    A property code means the same on every entity of one openBIS, so the first declaration serves;
    sample types are looked at first because nearly all properties stand there.
    """
    return (await definitions(context)).get(code)


async def definitions(context: RequestContext) -> dict[str, PropertyDefinitionRecord]:
    """Return what openBIS declares about all properties, by their code; see `definition`."""
    found: dict[str, PropertyDefinitionRecord] = {}
    for kind in _TYPED_KINDS:
        for type_ in (await entity_types(context, kind)).values():
            for declared in type_.properties:
                found.setdefault(declared.code, declared)
    return found


async def vocabularies(context: RequestContext) -> tuple[VocabularyRecord, ...]:
    """Return the vocabularies that any property uses, by code."""
    found: dict[str, VocabularyRecord] = {}
    for kind in _TYPED_KINDS:
        for type_ in (await entity_types(context, kind)).values():
            for declared in type_.properties:
                if declared.vocabulary is not None:
                    found[declared.vocabulary.code] = declared.vocabulary
    return tuple(found[code] for code in sorted(found))


def term(declared: PropertyDefinitionRecord | None, property_: PropertyRecord) -> TermRecord | None:
    """Return the vocabulary term that a property's value names, if it is one."""
    if declared is None or declared.vocabulary is None or not property_.values:
        return None
    value = property_.values[0]
    return next((term for term in declared.vocabulary.terms if term.code == value), None)


def number(declared: PropertyDefinitionRecord | None, property_: PropertyRecord) -> float | None:
    """Return a numeric property's value; None for other types and for what JSON cannot say."""
    if declared is None or declared.data_type not in _NUMERIC or not property_.values:
        return None
    try:
        read = float(property_.values[0])
    except ValueError:
        return None
    return read if isfinite(read) else None


def timestamp(
    declared: PropertyDefinitionRecord | None, property_: PropertyRecord
) -> datetime | None:
    """Return a date property's value with its zone (UTC where openBIS names none)."""
    if declared is None or declared.data_type not in _TEMPORAL or not property_.values:
        return None
    for form in ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            read = datetime.strptime(property_.values[0], form)  # noqa: DTZ007 - zone set below
        except ValueError:
            continue
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    return None
