"""From the content of a `World` to the rows of the embedded openBIS.

The content is copied: whatever the server changes later, the world that it was started from stays
as it is. Roles and terms, which the world keeps inside persons and vocabularies, become rows of
their own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backends.demo import world
from backends.demo.openbis import rows
from backends.demo.openbis.kinds import Kind

_NOBODY = "system"


def initial_rows(content: world.OpenbisContent) -> Iterator[tuple[Kind, Any]]:
    """All rows with their kinds, in an order in which each refers to earlier ones only."""
    founded = founding(content)
    yield Kind.DATA_STORE, rows.DataStore("DSS1", "https://localhost:444", founded)
    for person in content.persons:
        yield Kind.PERSON, _person(person, founded)
    yield from _masterdata(content, founded)
    for number, space in enumerate(content.spaces, start=1):
        yield (
            Kind.SPACE,
            rows.Space(
                space.code,
                space.description,
                space.registered,
                space.registrator,
                space.registered,
                number,
            ),
        )
    for project in content.projects:
        yield Kind.PROJECT, _project(project)
    yield from _roles(content, founded)
    for experiment in content.experiments:
        yield Kind.EXPERIMENT, _experiment(experiment)
    for sample in content.samples:
        yield Kind.SAMPLE, _sample(sample)
    for system in content.external_dms:
        yield (
            Kind.EXTERNAL_DMS,
            rows.ExternalDms(system.code, system.label, system.url_template, system.address_type),
        )
    for data_set in content.data_sets:
        yield Kind.DATA_SET, _data_set(data_set)


def founding(content: world.OpenbisContent) -> int:
    """When the installation began: what its masterdata are dated with."""
    return min((space.registered for space in content.spaces), default=0)


def _masterdata(content: world.OpenbisContent, founded: int) -> Iterator[tuple[Kind, Any]]:
    for vocabulary in content.vocabularies:
        yield (
            Kind.VOCABULARY,
            rows.Vocabulary(vocabulary.code, vocabulary.description, founded, founded, _NOBODY),
        )
        for ordinal, term in enumerate(vocabulary.terms, start=1):
            yield Kind.TERM, _term(term, vocabulary.code, ordinal, founded)
    for property_type in content.property_types:
        yield Kind.PROPERTY_TYPE, _property_type(property_type, founded)
    for entity_type in content.entity_types:
        yield Kind(f"{entity_type.kind}_TYPE"), _entity_type(entity_type, founded)


def _person(person: world.Person, founded: int) -> rows.Person:
    return rows.Person(
        person.user_id,
        person.first_name,
        person.last_name,
        person.email,
        person.password,
        founded,
        _NOBODY,
    )


def _roles(content: world.OpenbisContent, founded: int) -> Iterator[tuple[Kind, Any]]:
    number = 0
    for person in content.persons:
        for role in person.roles:
            number += 1
            yield (
                Kind.ROLE_ASSIGNMENT,
                rows.RoleAssignment(
                    str(number),
                    role.role,
                    role.level,
                    role.scope,
                    founded,
                    _NOBODY,
                    user=person.user_id,
                ),
            )


def _term(term: world.Term, vocabulary: str, ordinal: int, founded: int) -> rows.Term:
    return rows.Term(
        term.code, vocabulary, ordinal, founded, founded, _NOBODY, term.label, term.description
    )


def _property_type(row: world.PropertyType, founded: int) -> rows.PropertyType:
    return rows.PropertyType(
        row.code,
        row.label,
        row.description,
        row.data_type,
        founded,
        _NOBODY,
        row.vocabulary,
        managed_internally=row.code.startswith("$"),
    )


def _entity_type(row: world.EntityType, founded: int) -> rows.EntityType:
    return rows.EntityType(
        row.kind,
        row.code,
        row.description,
        founded,
        tuple(
            rows.Assignment(code, founded, _NOBODY, ordinal=ordinal)
            for ordinal, code in enumerate(row.property_codes, start=1)
        ),
        row.generated_code_prefix or "S",
    )


def _project(row: world.Project) -> rows.Project:
    return rows.Project(
        row.perm_id,
        row.code,
        row.space,
        row.description,
        row.registered,
        row.modified,
        row.registrator,
        row.registrator,
        row.leader,
    )


def _experiment(row: world.Experiment) -> rows.Experiment:
    return rows.Experiment(
        row.perm_id,
        row.code,
        row.type,
        row.project,
        dict(row.properties),
        row.registered,
        row.modified,
        row.registrator,
        row.registrator,
    )


def _sample(row: world.Sample) -> rows.Sample:
    return rows.Sample(
        row.perm_id,
        row.code,
        row.type,
        row.space or None,
        row.experiment,
        dict(row.properties),
        row.registered,
        row.modified,
        row.registrator,
        row.registrator,
        row.project,
        tuple(row.parents),
    )


def _data_set(row: world.DataSet) -> rows.DataSet:
    copies = (rows.ContentCopy(row.code, row.external_dms, row.external_code),)
    return rows.DataSet(
        row.code,
        row.type,
        row.kind,
        row.experiment,
        row.sample,
        dict(row.properties),
        row.registered,
        row.modified,
        row.registrator,
        row.registrator,
        tuple(row.parents),
        size=row.size,
        location=row.location,
        file_format=row.file_format,
        content_copies=copies if row.kind == "LINK" else (),
    )
