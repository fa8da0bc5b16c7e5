"""Writing a planned study into both sides of the embedded installation, linked.

openBIS gets project, design, subjects, samples and data sets here; OMERO's side is written by
`images.py`. Everything has been checked by then; called by `loader.py` only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

from backends.demo.accounts import READ_ONLY, omero_group, omero_user
from backends.demo.factors import Factor, setup_xml
from backends.demo.image_import import ImageImport
from backends.demo.linkage import link_project
from backends.demo.registration import Registration, epoch_milliseconds
from backends.demo.sheet.images import import_images
from backends.demo.sheet.mapping import StudyMapping
from backends.demo.world import (
    EntityType,
    ExternalDms,
    PropertyType,
    Role,
    Sample,
    Space,
    Term,
    Vocabulary,
    World,
)
from backends.sheets.mapping import Entity, OmicsColumn
from backends.sheets.plan import Plan, PlannedEntity
from backends.sheets.values import Vocabularies


@dataclass(frozen=True, slots=True)
class SheetReport:
    """What was loaded."""

    project: str
    perm_id: str
    space: str
    omero_project: int
    subjects: int
    samples: int
    images: int
    omics: dict[str, int]  # by the label of the mapping


def write_study(
    world: World, mapping: StudyMapping, plan: Plan, vocabularies: Vocabularies
) -> SheetReport:
    """Write a plan and say what was written."""
    _extend_masterdata(world, mapping, vocabularies)
    _open_access(world, mapping)
    study = mapping.study
    registration = Registration(
        world.openbis,
        space=study.space,
        code=study.project,
        description=study.title,
        registrator=study.registrator,
        started=study.registered,
    )
    samples = _register_samples(registration, mapping, plan)
    omics = _register_omics(registration, mapping, plan, samples)
    images = ImageImport(
        world.omero,
        Random(study.project),  # noqa: S311 - repeatable digests, not secret
        owner=omero_user(world.omero, study.registrator),
        group=omero_group(world.omero, study.group),
        started=study.registered,
    )
    project = link_project(world, registration, images)
    if study.key_values:
        images.key_values("Project", [project], list(study.key_values.items()))
    count = import_images(
        world,
        images,
        mapping,
        plan,
        registration=registration,
        project=project,
        samples=samples,
    )
    return SheetReport(
        study.project,
        registration.project.perm_id,
        study.space,
        project,
        len(plan.subjects),
        len(samples),
        count,
        omics,
    )


def _extend_masterdata(world: World, mapping: StudyMapping, vocabularies: Vocabularies) -> None:
    content = world.openbis
    content.vocabularies += [
        Vocabulary(
            code, f"Terms of {mapping.study.project}", [Term(*item) for item in terms.items()]
        )
        for code, terms in vocabularies.added.items()
    ]
    known = {each.code for each in content.property_types}

    def declare(made: PropertyType) -> None:
        if made.code not in known:
            known.add(made.code)
            content.property_types.append(made)

    for new in mapping.new_properties:
        declare(PropertyType(new.code, new.label, new.description, new.data_type))
    for entity, default in _entities(mapping):
        for each in entity.properties:
            vocabulary = None
            if each.data_type == "CONTROLLEDVOCABULARY":
                vocabulary = each.vocabulary or each.code
            label = each.label or each.column
            declare(PropertyType(each.code, label, each.column, each.data_type, vocabulary))
        codes = [*entity.constants, *(each.code for each in entity.properties)]
        _assign(_entity_type(world, "SAMPLE", entity.type or default), codes)
    for column in mapping.omics:
        _assign(_entity_type(world, "DATA_SET", column.type), [column.property, *column.constants])
    systems = {each.code for each in content.external_dms}
    content.external_dms += [
        ExternalDms(each.code, each.label, each.url_template)
        for each in mapping.external_systems
        if each.code not in systems
    ]


def _entities(mapping: StudyMapping) -> list[tuple[Entity, str]]:
    found = [(mapping.sample, "Q_BIOLOGICAL_SAMPLE")]
    if mapping.subject is not None:
        found.append((mapping.subject, "Q_BIOLOGICAL_ENTITY"))
    return found


def _entity_type(world: World, kind: str, code: str) -> EntityType:
    return next(
        each for each in world.openbis.entity_types if (each.kind, each.code) == (kind, code)
    )


def _assign(entity_type: EntityType, codes: list[str]) -> None:
    for code in ["Q_SECONDARY_NAME", *codes]:
        if code not in entity_type.property_codes:
            entity_type.property_codes.append(code)


def _open_access(world: World, mapping: StudyMapping) -> None:
    study = mapping.study
    if all(space.code != study.space for space in world.openbis.spaces):
        registered = epoch_milliseconds(study.registered)
        world.openbis.spaces.append(
            Space(study.space, f"Space of {study.title}", registered, study.registrator)
        )
    role = Role("SPACE", "USER", study.space)
    for person in world.openbis.persons:
        if person.user_id in {study.registrator, *study.openbis_users} and not any(
            held.level == "INSTANCE" or held.scope == study.space for held in person.roles
        ):
            person.roles.append(role)
    groups = {row["name"]: row["id"] for row in world.omero.rows.get("ExperimenterGroup", ())}
    group = groups.get(study.group)
    if group is None:
        permissions: dict[str, Any] = {"details.permissions": READ_ONLY}
        group = world.omero.add(
            "ExperimenterGroup",
            name=study.group,
            description=f"Images of space {study.space}",
            ldap=False,
            **permissions,
        )
    members = {
        row["child"]
        for row in world.omero.rows.get("GroupExperimenterMap", ())
        if row["parent"] == group
    }
    for name in dict.fromkeys((study.registrator, *study.omero_users)):
        user = omero_user(world.omero, name)
        if user not in members:
            world.omero.add("GroupExperimenterMap", parent=group, child=user, owner=False)


def _register_samples(
    registration: Registration, mapping: StudyMapping, plan: Plan
) -> dict[str, Sample]:
    code = registration.project.code
    info = registration.experiment(
        "Q_PROJECT_DETAILS", {"Q_SECONDARY_NAME": mapping.study.title}, code=f"{code}_INFO"
    )
    factors: dict[str, Factor] = {}
    subjects = {}
    if mapping.subject is not None:
        design = registration.experiment("Q_EXPERIMENTAL_DESIGN", {"Q_CURRENT_STATUS": "FINISHED"})
        for number, (name, planned) in enumerate(plan.subjects.items(), start=1):
            subjects[name] = registration.sample(
                mapping.subject.type or "Q_BIOLOGICAL_ENTITY",
                design,
                _properties(name, mapping.subject, planned),
                code=f"{code}ENTITY-{number}",
            )
            _assign_factors(factors, mapping.subject, planned, subjects[name])
    extraction = registration.experiment("Q_SAMPLE_EXTRACTION", {"Q_CURRENT_STATUS": "FINISHED"})
    samples = {}
    for name, planned in plan.samples.items():
        samples[name] = registration.sample(
            mapping.sample.type or "Q_BIOLOGICAL_SAMPLE",
            extraction,
            _properties(name, mapping.sample, planned),
            parents=[subjects[planned.subject]] if planned.subject else [],
        )
        _assign_factors(factors, mapping.sample, planned, samples[name])
    info.properties["Q_EXPERIMENTAL_SETUP"] = setup_xml(
        mapping.study.design,
        {"Imaging": [sample.code for sample in samples.values()]},
        factors.values(),
    )
    return samples


def _properties(name: str, entity: Entity, planned: PlannedEntity) -> dict[str, str]:
    return {"Q_SECONDARY_NAME": name, **entity.constants, **planned.properties}


def _assign_factors(
    factors: dict[str, Factor], entity: Entity, planned: PlannedEntity, sample: Sample
) -> None:
    units = {each.factor: each.unit for each in entity.properties if each.factor}
    for label, value in planned.factors.items():
        factors.setdefault(label, Factor(label, unit=units[label])).assign(value, sample.code)


def _register_omics(
    registration: Registration, mapping: StudyMapping, plan: Plan, samples: dict[str, Sample]
) -> dict[str, int]:
    registration.pause(days=1)
    counts = Counter({column.label: 0 for column in mapping.omics})
    for name, planned in plan.samples.items():
        for place, accession in planned.accessions.items():
            column = mapping.omics[place]
            _register_accession(registration, column, samples[name], accession)
            counts[column.label] += 1
    return dict(counts)


def _register_accession(
    registration: Registration, column: OmicsColumn, sample: Sample, accession: str
) -> None:
    properties = {
        "Q_SECONDARY_NAME": f"{column.label} of {sample.properties['Q_SECONDARY_NAME']}",
        **column.constants,
        column.property: accession,
    }
    if column.kind == "LINK" and column.system is not None:
        registration.linked_data(
            column.type, sample, properties, dms=column.system, external_code=accession
        )
    else:
        registration.stored_data(column.type, sample, properties, size=None, file_format=None)
