"""What a mapping brings along that openBIS has not: vocabularies, properties, external systems.

Adding to the master data is for administrators and has to be asked for; otherwise each of these is
a fault that says so. Compared by `preparation.py`, written by the registration before all else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backends.openbis.masterdata import (
    Additions,
    Assignment,
    NewExternalSystem,
    NewPropertyType,
    NewVocabulary,
)
from backends.records import EntityTypeRecord, Kind
from backends.sheets.faults import Fault
from backends.sheets.mapping import Entity, PropertyColumn
from backends.sheets.mapping import Mapping as SheetMapping
from resolvers.design.levels import LEVELS, Level

Types = Mapping[Kind, Mapping[str, EntityTypeRecord]]
Declared = dict[str, tuple[str, str | None]]


def additions_of(
    mapping: SheetMapping,
    added: Mapping[str, Mapping[str, str]],
    types: Types,
    systems: frozenset[str],
    faults: list[Fault],
) -> Additions:
    """Return what the mapping needs and openBIS has not.

    Args:
        mapping: what the columns become.
        added: the vocabularies that are not there, with the terms that occur (code → label).
        types: sample and data set types, by kind and code.
        systems: the codes of the external systems that are there.
        faults: is added to where the mapping contradicts what is there.
    """
    known = _declared(types)
    new: dict[str, NewPropertyType] = {}
    for each in mapping.new_properties:
        if each.code not in known:
            new[each.code] = NewPropertyType(
                each.code, each.label, each.description, each.data_type
            )
    assignments: dict[Assignment, None] = {}
    for kind, type_code, code, column in _used(mapping):
        if column is not None:
            vocabulary = _vocabulary(column)
            if code not in known and code not in new:
                label = column.label or column.column
                new[code] = NewPropertyType(
                    code, label, column.column, column.data_type, vocabulary
                )
            elif code in known and known[code] != (column.data_type, vocabulary):
                told = " ".join(filter(None, known[code]))
                faults.append(Fault(None, code, f"mapping: openBIS has it already, as {told}"))
        elif code not in known and code not in new:
            faults.append(Fault(None, code, "mapping: no such property: add it to new_properties"))
        declared = types[kind].get(type_code)
        if declared is None:
            faults.append(Fault(None, "type", f"mapping: openBIS has no type {type_code}"))
        elif all(each.code != code for each in declared.properties):
            assignments[Assignment(kind, type_code, code)] = None
    study = mapping.study.project
    return Additions(
        vocabularies=tuple(
            NewVocabulary(code, f"Terms of {study}", tuple(terms.items()))
            for code, terms in added.items()
        ),
        property_types=tuple(new.values()),
        assignments=tuple(assignments),
        systems=tuple(
            NewExternalSystem(each.code, each.label, each.url_template)
            for each in mapping.external_systems
            if each.code not in systems
        ),
    )


def as_faults(additions: Additions) -> list[Fault]:
    """Tell what is missing, where nobody has asked for it to be added."""
    advice = "is missing in openBIS: let an administrator register with `createMissing`"
    return [
        *(Fault(None, each.code, f"the vocabulary {advice}") for each in additions.vocabularies),
        *(Fault(None, each.code, f"the property {advice}") for each in additions.property_types),
        *(
            Fault(None, each.property, f"{each.type} has no such property; it {advice}")
            for each in additions.assignments
            if all(new.code != each.property for new in additions.property_types)
        ),
        *(Fault(None, each.code, f"the external system {advice}") for each in additions.systems),
    ]


def coming(additions: Additions) -> dict[str, frozenset[str]]:
    """Return the properties that sample types are about to get, by type."""
    found: dict[str, set[str]] = {}
    for each in additions.assignments:
        if each.kind is Kind.SAMPLE:
            found.setdefault(each.type, set()).add(each.property)
    return {code: frozenset(properties) for code, properties in found.items()}


def _declared(types: Types) -> Declared:
    return {
        each.code: (each.data_type, each.vocabulary.code if each.vocabulary else None)
        for by_code in types.values()
        for type_ in by_code.values()
        for each in type_.properties
    }


def _vocabulary(column: PropertyColumn) -> str | None:
    if column.data_type != "CONTROLLEDVOCABULARY":
        return None
    return column.vocabulary or column.code


def _used(mapping: SheetMapping) -> Iterator[tuple[Kind, str, str, PropertyColumn | None]]:
    """Each property that the mapping fills: on which type, and from which column if from one."""
    entities: tuple[tuple[Entity | None, Level], ...] = (
        (mapping.subject, Level.ENTITY),
        (mapping.sample, Level.BIOLOGICAL_SAMPLE),
    )
    for entity, level in entities:
        if entity is not None:
            type_code = entity.type or LEVELS[level].type
            for code in entity.constants:
                yield Kind.SAMPLE, type_code, code, None
            for column in entity.properties:
                yield Kind.SAMPLE, type_code, column.code, column
    for each in mapping.omics:
        for code in (each.property, *each.constants):
            yield Kind.OMICS_DATASET, each.type, code, None
