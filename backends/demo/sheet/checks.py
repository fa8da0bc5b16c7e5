"""Whether a mapping fits the sheet's columns and the world it is to be loaded into.

Each check appends faults and changes nothing. Called by `loader.py` before it plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from backends.demo.sheet.mapping import StudyMapping
from backends.demo.world import OpenbisContent, World
from backends.sheets.faults import Fault
from backends.sheets.table import Table
from backends.sheets.values import typed_value

UNITS = frozenset({"MILLIMETER", "MICROMETER", "NANOMETER", "ANGSTROM", "CENTIMETER", "PIXEL"})


def check_columns(mapping: StudyMapping, table: Table, faults: list[Fault]) -> None:
    """Check that every column the mapping names is there."""
    faults += [
        Fault(1, column, f"the sheet has no such column; {setting} of the mapping names it")
        for column, setting in dict(mapping.columns()).items()
        if column not in table.columns
    ]


def check_world(mapping: StudyMapping, world: World, faults: list[Fault]) -> None:
    """Check that the study can go into this world."""
    problems = chain(
        _study(mapping, world),
        _properties(mapping, world.openbis),
        _constants(mapping, world.openbis),
        _images(mapping),
        _omics(mapping, world.openbis),
    )
    faults += [Fault(None, setting, f"mapping: {message}") for setting, message in problems]


def _study(mapping: StudyMapping, world: World) -> Iterator[tuple[str, str]]:
    study = mapping.study
    if any(project.code == study.project for project in world.openbis.projects):
        yield "study.project", f"a project {study.project} is there already"
    persons = {person.user_id for person in world.openbis.persons}
    users = {row["omeName"] for row in world.omero.rows.get("Experimenter", ())}
    for user in (study.registrator, *study.openbis_users):
        if user not in persons:
            yield "study", f"openBIS knows no user {user}"
    for user in (study.registrator, *study.omero_users):
        if user not in users:
            yield "study", f"OMERO knows no user {user}"


def _properties(mapping: StudyMapping, content: OpenbisContent) -> Iterator[tuple[str, str]]:
    known = dict(declared_types(content))
    codes = {(each.kind, each.code) for each in content.entity_types}
    for new in mapping.new_properties:
        if known.setdefault(new.code, (new.data_type, None)) != (new.data_type, None):
            yield "new_properties", f"{new.code} is there already, with another data type"
    for path, entity in (("sample", mapping.sample), ("subject", mapping.subject)):
        if entity is None:
            continue
        if entity.type and ("SAMPLE", entity.type) not in codes:
            yield f"{path}.type", f"there is no sample type {entity.type}"
        used = set(entity.constants)
        for each in entity.properties:
            controlled = each.data_type == "CONTROLLEDVOCABULARY"
            if not controlled and (each.vocabulary or each.terms):
                yield f"{path}.properties", f"{each.code} has terms but is {each.data_type}"
            if each.code in used:
                yield f"{path}.properties", f"{each.code} is filled twice"
            used.add(each.code)
            expected = (each.data_type, (each.vocabulary or each.code) if controlled else None)
            declared = known.setdefault(each.code, expected)
            if declared != expected:
                kind = " ".join(filter(None, declared))
                yield f"{path}.properties", f"{each.code} is there already, as {kind}"


def _constants(mapping: StudyMapping, content: OpenbisContent) -> Iterator[tuple[str, str]]:
    """Constants must be of known property types and of their data type."""
    known = dict(declared_types(content))
    known |= {new.code: (new.data_type, None) for new in mapping.new_properties}
    terms = {each.code: {term.code for term in each.terms} for each in content.vocabularies}
    constants = [("sample.constants", mapping.sample.constants)]
    if mapping.subject is not None:
        constants.append(("subject.constants", mapping.subject.constants))
    constants += [("omics.constants", each.constants) for each in mapping.omics]
    for path, values in constants:
        for code, value in values.items():
            data_type, vocabulary = known.get(code, (None, None))
            if data_type is None:
                yield path, f"there is no property type {code}: add it to new_properties"
            elif vocabulary is not None and value not in terms.get(vocabulary, ()):
                yield path, f"{value!r} is not a term code of {vocabulary}"
            else:
                try:
                    typed_value(data_type, value)
                except ValueError as error:
                    yield path, f"{code}: {error}"


def _images(mapping: StudyMapping) -> Iterator[tuple[str, str]]:
    for name, kind in mapping.images.kinds.items():
        if kind.acquisition not in mapping.acquisitions:
            yield f"images.kinds.{name}", f"there is no acquisition {kind.acquisition!r}"
    for name, acquisition in mapping.acquisitions.items():
        if acquisition.pixel_unit not in UNITS:
            yield f"acquisitions.{name}.pixel_unit", f"use one of {', '.join(sorted(UNITS))}"
        if not acquisition.channels:
            yield f"acquisitions.{name}.channels", "name at least one channel"


def _omics(mapping: StudyMapping, content: OpenbisContent) -> Iterator[tuple[str, str]]:
    codes = {(each.kind, each.code) for each in content.entity_types}
    known = dict(declared_types(content))
    known |= {new.code: (new.data_type, None) for new in mapping.new_properties}
    systems = {each.code: each.url_template for each in content.external_dms}
    for system in mapping.external_systems:
        if systems.setdefault(system.code, system.url_template) != system.url_template:
            yield "external_systems", f"{system.code} is there already, with another address"
    for each in mapping.omics:
        if ("DATA_SET", each.type) not in codes:
            yield "omics.type", f"there is no data set type {each.type}"
        if known.get(each.property, ("", None))[0] not in {"VARCHAR", "MULTILINE_VARCHAR"}:
            yield "omics.property", f"{each.property} is no text property: add it to new_properties"
        if each.property in each.constants:
            yield "omics.constants", f"{each.property} holds the accession"
        if each.kind == "LINK" and each.system not in systems:
            yield "omics.system", f"{each.label} is of kind LINK and needs an external system"


def declared_types(content: OpenbisContent) -> Mapping[str, tuple[str, str | None]]:
    """Return data type and vocabulary of each property type that is there."""
    return {each.code: (each.data_type, each.vocabulary) for each in content.property_types}
