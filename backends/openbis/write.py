"""What is to be changed in openBIS, as records, and how they become one `executeOperations`.

A transaction is a sequence of changes that come true together or not at all. A change speaks of
entities that exist by permanent id or identifier, and of what another change of the same sequence
makes by `Made`, which openBIS calls a creation id. Updates say only what is to be different: what
they leave out stays as it is. `changes.py` has the client's own words and sends them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from backends.errors import InvalidRequest, Source
from backends.openbis.logic import Json
from backends.openbis.names import NAMES
from backends.openbis.operations import canonical
from backends.records import Kind

CHANGES_AT_MOST = 5_000  # per transaction; a server holds its locks, and its memory, for as long


@dataclass(frozen=True, slots=True)
class Made:
    """What the change with this mark makes, wherever it stands in the same transaction."""

    mark: str


# A permanent id, an identifier (`/SPACE/PROJECT`), or what the same transaction makes.
Reference: TypeAlias = str | Made
# Values by property code, as text; several where the property holds several.
Values: TypeAlias = Mapping[str, str | Sequence[str]]
# None takes a property's value away.
Delta: TypeAlias = Mapping[str, str | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project in a space, which is named by its code."""

    space: str
    code: str
    description: str | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class NewExperiment:
    """An experiment (collection) in a project."""

    type: str
    project: Reference
    code: str
    properties: Values = field(default_factory=dict)
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class NewSample:
    """A sample of a space, in an experiment or in none.

    `project` is for servers where samples may belong to a project without an experiment; a sample
    of an experiment needs none. Without a code the server makes one from its type's prefix.
    """

    type: str
    space: str
    code: str | None = None
    experiment: Reference | None = None
    project: Reference | None = None
    parents: Sequence[Reference] = ()
    properties: Values = field(default_factory=dict)
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class NewContentCopy:
    """Where the content of a linked data set lies: in a system that openBIS knows by its code."""

    system: str
    external_code: str


@dataclass(frozen=True, slots=True)
class NewOmicsDataset:
    """A data set that is metadata only: a container, or a link to where its content lies.

    It belongs to a sample or to an experiment. Give it a code, which is its permanent id as well,
    and it can be found again; without one the server makes one.
    """

    type: str
    sample: Reference | None = None
    experiment: Reference | None = None
    code: str | None = None
    copies: Sequence[NewContentCopy] = ()  # some: a link; none: a container
    data_store: str | None = None
    parents: Sequence[Reference] = ()
    properties: Values = field(default_factory=dict)
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectUpdate:
    """Another description of a project; None takes it away."""

    id: str
    description: str | None


@dataclass(frozen=True, slots=True)
class ExperimentUpdate:
    """Other property values of an experiment."""

    id: str
    properties: Delta


@dataclass(frozen=True, slots=True)
class SampleUpdate:
    """Other property values, parents or experiment of a sample."""

    id: str
    properties: Delta = field(default_factory=dict)
    add_parents: Sequence[Reference] = ()
    remove_parents: Sequence[str] = ()
    experiment: Reference | None = None  # None: stays where it is


@dataclass(frozen=True, slots=True)
class OmicsDatasetUpdate:
    """Other property values or parents of a data set."""

    id: str
    properties: Delta = field(default_factory=dict)
    add_parents: Sequence[Reference] = ()
    remove_parents: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """Entities that go: samples, experiments and data sets to the trash, with what hangs on them.

    A project has no trash: it goes at once, and only when nothing is left in it, not even in the
    trash. What does not exist is passed over. `reason` is kept by openBIS beside the deletion.
    """

    kind: Kind
    ids: Sequence[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Emptying:
    """Deletions of the trash that become permanent; an administrator of the space may do that."""

    deletions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Restoring:
    """Deletions of the trash that are taken back."""

    deletions: Sequence[str]


Creation: TypeAlias = NewProject | NewExperiment | NewSample | NewOmicsDataset
Alteration: TypeAlias = ProjectUpdate | ExperimentUpdate | SampleUpdate | OmicsDatasetUpdate
Change: TypeAlias = Creation | Alteration | Removal | Emptying | Restoring

CREATIONS = (NewProject, NewExperiment, NewSample, NewOmicsDataset)
_CREATED: dict[type, Kind] = {
    NewProject: Kind.PROJECT,
    NewExperiment: Kind.EXPERIMENT,
    NewSample: Kind.SAMPLE,
    NewOmicsDataset: Kind.OMICS_DATASET,
}
_UPDATED: dict[type, tuple[Kind, str]] = {
    ProjectUpdate: (Kind.PROJECT, "projectId"),
    ExperimentUpdate: (Kind.EXPERIMENT, "experimentId"),
    SampleUpdate: (Kind.SAMPLE, "sampleId"),
    OmicsDatasetUpdate: (Kind.OMICS_DATASET, "dataSetId"),
}


def verify(changes: Sequence[Change]) -> None:
    """Refuse what openBIS would not take, before anything is sent.

    Raises:
        InvalidRequest: too many changes, two with one mark, or a reference to none of them.
    """
    if len(changes) > CHANGES_AT_MOST:
        raise _invalid(f"One transaction may hold {CHANGES_AT_MOST} changes; send fewer at a time.")
    made: set[str] = set()
    for change in changes:
        mark = getattr(change, "mark", None)
        if mark is not None:
            if mark in made:
                raise _invalid("Two changes of one transaction have the same mark.")
            made.add(mark)
    for change in changes:
        for reference in _references(change):
            if isinstance(reference, Made) and reference.mark not in made:
                raise _invalid("A change refers to something that the transaction does not make.")


def operations(changes: Sequence[Change]) -> tuple[list[Json], list[tuple[int, int]]]:
    """The v3 operations of a transaction, neighbours of one sort together.

    Returns:
        The operations, and for each change which of them it went into and where it stands there.
    """
    made: list[Json] = []
    places: list[tuple[int, int]] = []
    for change in changes:
        if isinstance(change, Removal | Emptying | Restoring):
            made.append(_ending(change))
            places.append((len(made) - 1, 0))
            continue
        name, items, bean = _item(change)
        if not made or made[-1]["@type"] != name:
            made.append({"@type": name, items: []})
        made[-1][items].append(bean)
        places.append((len(made) - 1, len(made[-1][items]) - 1))
    return made, places


def _ending(change: Removal | Emptying | Restoring) -> Json:
    """The operation that deletes, for the time being or for good, or takes that back."""
    if not isinstance(change, Removal):
        verb, name = (
            ("confirm", "Confirm") if isinstance(change, Emptying) else ("revert", "Revert")
        )
        ids = [_deletion_id(each) for each in change.deletions]
        return {"@type": f"as.dto.deletion.{verb}.{name}DeletionsOperation", "deletionIds": ids}
    naming = NAMES[change.kind]
    options = f"as.dto.{naming.package}.delete.{naming.entity}DeletionOptions"
    return {
        "@type": naming.operation("delete"),
        "objectIds": [identify(change.kind, each) for each in change.ids],
        "options": {"@type": options, "reason": change.reason},
    }


def _item(change: Creation | Alteration) -> tuple[str, str, Json]:
    """The operation that a change belongs to, the name of its list, and what goes there."""
    if isinstance(change, CREATIONS):
        naming = NAMES[_CREATED[type(change)]]
        bean: Json = {"@type": f"as.dto.{naming.package}.create.{naming.entity}Creation"}
        bean |= _creation(change)
        if change.mark is not None:
            bean["creationId"] = _made(change.mark)
        return naming.operation("create"), "creations", bean
    kind, id_field = _UPDATED[type(change)]
    naming = NAMES[kind]
    bean = {
        "@type": f"as.dto.{naming.package}.update.{naming.entity}Update",
        id_field: identify(kind, change.id),
        **_alteration(change),
    }
    return naming.operation("update"), "updates", bean


def _creation(new: Creation) -> Json:
    match new:
        case NewProject():
            bean: Json = {"code": new.code.upper(), "spaceId": _space(new.space)}
            return bean | ({} if new.description is None else {"description": new.description})
        case NewExperiment():
            return {
                "code": new.code.upper(),
                "typeId": _type(new.type, "EXPERIMENT"),
                "projectId": identify(Kind.PROJECT, new.project),
                "properties": _values(new.properties),
            }
        case NewSample():
            return {
                **_code(new.code),
                "typeId": _type(new.type, "SAMPLE"),
                "spaceId": _space(new.space),
                **_optional("experimentId", Kind.EXPERIMENT, new.experiment),
                **_optional("projectId", Kind.PROJECT, new.project),
                "parentIds": [identify(Kind.SAMPLE, each) for each in new.parents],
                "properties": _values(new.properties),
            }
    store = "as.dto.datastore.id.DataStorePermId"
    return {
        **_code(new.code),
        "typeId": _type(new.type, "DATA_SET"),
        **_optional("sampleId", Kind.SAMPLE, new.sample),
        **_optional("experimentId", Kind.EXPERIMENT, new.experiment),
        **({"dataStoreId": {"@type": store, "permId": new.data_store}} if new.data_store else {}),
        "parentIds": [identify(Kind.OMICS_DATASET, each) for each in new.parents],
        "properties": _values(new.properties),
        "dataSetKind": "LINK" if new.copies else "CONTAINER",
        **({"linkedData": _linked(new.copies)} if new.copies else {}),
    }


def _alteration(update: Alteration) -> Json:
    if isinstance(update, ProjectUpdate):
        return {"description": _field(update.description)}
    bean: Json = {}
    if update.properties:
        bean["properties"] = _values(update.properties)
    if isinstance(update, ExperimentUpdate):
        return bean
    kind = _UPDATED[type(update)][0]
    actions = [
        {
            "@type": f"as.dto.common.update.ListUpdateAction{verb}",
            "items": [identify(kind, each) for each in ids],
        }
        for verb, ids in (("Add", update.add_parents), ("Remove", update.remove_parents))
        if ids
    ]
    if actions:
        bean["parentIds"] = {"@type": "as.dto.common.update.IdListUpdateValue", "actions": actions}
    if isinstance(update, SampleUpdate) and update.experiment is not None:
        bean["experimentId"] = _field(identify(Kind.EXPERIMENT, update.experiment))
    return bean


def identify(kind: Kind, reference: Reference) -> Json:
    """The id of an entity on the wire."""
    if isinstance(reference, Made):
        return _made(reference.mark)
    spelled = canonical(kind, reference)
    if "/" in spelled:
        return {"@type": NAMES[kind].identifier, "identifier": spelled}
    return {"@type": NAMES[kind].perm_id, "permId": spelled}


def _references(change: Change) -> list[Reference]:
    found: list[Reference] = []
    for name in ("project", "experiment", "sample"):
        reference = getattr(change, name, None)
        if reference is not None:
            found.append(reference)
    for name in ("parents", "add_parents"):
        found.extend(getattr(change, name, ()))
    return found


def _optional(name: str, kind: Kind, reference: Reference | None) -> Json:
    return {} if reference is None else {name: identify(kind, reference)}


def _code(code: str | None) -> Json:
    return {"autoGeneratedCode": True} if code is None else {"code": code.upper()}


def _values(properties: Delta) -> Json:
    """Codes are upper-case in openBIS; one value is a text, several are a list."""
    return {
        code.upper(): value if value is None or isinstance(value, str) else list(value)
        for code, value in properties.items()
    }


def _linked(copies: Sequence[NewContentCopy]) -> Json:
    made = [
        {
            "@type": "as.dto.dataset.create.ContentCopyCreation",
            "externalDmsId": {
                "@type": "as.dto.externaldms.id.ExternalDmsPermId",
                "permId": copy.system,
            },
            "externalId": copy.external_code,
        }
        for copy in copies
    ]
    return {"@type": "as.dto.dataset.create.LinkedDataCreation", "contentCopies": made}


def _type(code: str, entity_kind: str) -> Json:
    name = "as.dto.entitytype.id.EntityTypePermId"
    return {"@type": name, "permId": code.upper(), "entityKind": entity_kind}


def _space(code: str) -> Json:
    return {"@type": "as.dto.space.id.SpacePermId", "permId": code.upper()}


def _made(mark: str) -> Json:
    return {"@type": "as.dto.common.id.CreationId", "creationId": mark}


def _field(value: Any) -> Json:
    return {"@type": "as.dto.common.update.FieldUpdateValue", "isModified": True, "value": value}


def _deletion_id(number: str) -> Json:
    return {"@type": "as.dto.deletion.id.DeletionTechId", "techId": int(number)}


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(Source.OPENBIS, message)
