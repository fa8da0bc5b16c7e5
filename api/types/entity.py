"""Resolvers that experiments, samples and omics datasets share: type, properties, registrator."""

from __future__ import annotations

from typing import Any

import strawberry

from api.selection import Info
from api.types.entity_type import TypeRef
from backends.fetch import Fetch
from backends.records import (
    ExperimentRecord,
    Kind,
    OmicsDatasetRecord,
    PersonRecord,
    PropertyRecord,
    SampleRecord,
)
from resolvers import catalog

Entity = ExperimentRecord | SampleRecord | OmicsDatasetRecord


def kind_of(record: Entity) -> Kind:
    """Return the openBIS kind of a record."""
    if isinstance(record, SampleRecord):
        return Kind.SAMPLE
    return Kind.EXPERIMENT if isinstance(record, ExperimentRecord) else Kind.OMICS_DATASET


async def type_of(record: Any, info: Info) -> TypeRef:
    """Return the record's type."""
    kind = kind_of(record)
    read = await catalog.with_relation(info.context, kind, record, Fetch.of("type"))
    return TypeRef(kind, read.type_code or "UNKNOWN")


async def properties_of(record: Any, info: Info) -> tuple[PropertyRecord, ...]:
    """Return the record's properties, by code."""
    fetch = Fetch.of("properties")
    read = await catalog.with_relation(info.context, kind_of(record), record, fetch)
    return read.properties or ()


async def property_of(record: Any, info: Info, code: str) -> PropertyRecord | None:
    """Return one property by its code, in any case."""
    wanted = code.upper()
    found = await properties_of(record, info)
    return next((property_ for property_ in found if property_.code == wanted), None)


async def registrator_of(record: Any, info: Info) -> PersonRecord | None:
    """Return who registered the record."""
    fetch = Fetch.of("registrator")
    return (await catalog.with_relation(info.context, kind_of(record), record, fetch)).registrator


CODE_ARGUMENT = strawberry.argument(description="The property's code, in any case.")
