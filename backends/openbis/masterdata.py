"""Adding to openBIS' master data: vocabularies, property types, their assignment, external systems.

Only administrators of the installation may. All but the systems is one transaction; nothing that is
there is changed or taken away. The registration of a sheet whose mapping brings properties along
calls this, when it is told to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from backends.lane import Call
from backends.openbis.logic import Json
from backends.openbis.names import NAMES
from backends.openbis.results import SYNCHRONOUSLY
from backends.openbis.wire import Wire
from backends.records import Kind

_ENTITY_KINDS: Final = {
    Kind.SAMPLE: "SAMPLE",
    Kind.EXPERIMENT: "EXPERIMENT",
    Kind.OMICS_DATASET: "DATA_SET",
}


@dataclass(frozen=True, slots=True)
class NewVocabulary:
    """A vocabulary with its terms as pairs of code and label."""

    code: str
    description: str
    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NewPropertyType:
    """A property type; `vocabulary` is the code of the one that a controlled property is of."""

    code: str
    label: str
    description: str
    data_type: str = "VARCHAR"
    vocabulary: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A property that a type is to have."""

    kind: Kind
    type: str
    property: str


@dataclass(frozen=True, slots=True)
class NewExternalSystem:
    """A system that linked data sets point into; `${code}` stands for the external code."""

    code: str
    label: str
    url_template: str


@dataclass(frozen=True, slots=True)
class Additions:
    """All that is to be added."""

    vocabularies: tuple[NewVocabulary, ...] = ()
    property_types: tuple[NewPropertyType, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    systems: tuple[NewExternalSystem, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.vocabularies or self.property_types or self.assignments or self.systems)


class Extending:
    """The part of `OpenbisClient` that adds to the master data."""

    _wire: Wire

    async def extend_masterdata(self, token: SecretStr, new: Additions, call: Call) -> None:
        """Add to the master data.

        Raises:
            AccessDenied: the viewer is no administrator of the installation.
            InvalidRequest: something of it is there already.
            OutcomeUnknown: it was sent, and no answer tells whether it was done.
        """
        secret = token.get_secret_value()
        if wanted := operations(new):
            await self._wire.write("executeOperations", [secret, wanted, SYNCHRONOUSLY], call)
        if new.systems:
            systems = [
                {
                    "@type": "as.dto.externaldms.create.ExternalDmsCreation",
                    "code": each.code,
                    "label": each.label,
                    "addressType": "URL",
                    "address": each.url_template,
                }
                for each in new.systems
            ]
            await self._wire.write("createExternalDataManagementSystems", [secret, systems], call)

    async def data_store(self, token: SecretStr, call: Call) -> str | None:
        """The code of the data store that new data sets belong to: the first by its code."""
        criteria = {"@type": "as.dto.datastore.search.DataStoreSearchCriteria"}
        options = {"@type": "as.dto.datastore.fetchoptions.DataStoreFetchOptions"}
        params = [token.get_secret_value(), criteria, options]
        answer = await self._wire.call("searchDataStores", params, call)
        found = answer.get("objects", ()) if isinstance(answer, dict) else ()
        return min((each["code"] for each in found if isinstance(each, dict)), default=None)

    async def external_systems(self, token: SecretStr, call: Call) -> frozenset[str]:
        """The codes of the external systems that openBIS knows."""
        criteria = {"@type": "as.dto.externaldms.search.ExternalDmsSearchCriteria"}
        options = {"@type": "as.dto.externaldms.fetchoptions.ExternalDmsFetchOptions"}
        params = [token.get_secret_value(), criteria, options]
        answer = await self._wire.call("searchExternalDataManagementSystems", params, call)
        found = answer.get("objects", ()) if isinstance(answer, dict) else ()
        return frozenset(each["code"] for each in found if isinstance(each, dict))


def operations(new: Additions) -> list[Json]:
    """The v3 operations that add it; openBIS does creations before updates."""
    made: list[Json] = []
    if new.vocabularies:
        creations = [_vocabulary(each) for each in new.vocabularies]
        made.append(_operation("vocabulary.create.CreateVocabularies", "creations", creations))
    if new.property_types:
        creations = [_property_type(each) for each in new.property_types]
        made.append(_operation("property.create.CreatePropertyTypes", "creations", creations))
    for kind in _ENTITY_KINDS:
        types: dict[str, list[str]] = {}
        for each in new.assignments:
            if each.kind is kind:
                types.setdefault(each.type, []).append(each.property)
        if types:
            names = NAMES[kind]
            updates = [_type_update(kind, code, its) for code, its in types.items()]
            name = f"{names.package}.update.Update{names.entity}Types"
            made.append(_operation(name, "updates", updates))
    return made


def _operation(name: str, field: str, items: list[Json]) -> Json:
    return {"@type": f"as.dto.{name}Operation", field: items}


def _vocabulary(new: NewVocabulary) -> Json:
    return {
        "@type": "as.dto.vocabulary.create.VocabularyCreation",
        "code": new.code,
        "description": new.description,
        "managedInternally": False,
        "chosenFromList": True,
        "terms": [
            {
                "@type": "as.dto.vocabulary.create.VocabularyTermCreation",
                "code": code,
                "label": label,
            }
            for code, label in new.terms
        ],
    }


def _property_type(new: NewPropertyType) -> Json:
    made: Json = {
        "@type": "as.dto.property.create.PropertyTypeCreation",
        "code": new.code,
        "label": new.label,
        "description": new.description,
        "dataType": new.data_type,
    }
    if new.vocabulary is not None:
        name = "as.dto.vocabulary.id.VocabularyPermId"
        made["vocabularyId"] = {"@type": name, "permId": new.vocabulary}
    return made


def _type_update(kind: Kind, code: str, properties: list[str]) -> Json:
    names = NAMES[kind]
    items: list[Any] = [
        {
            "@type": "as.dto.property.create.PropertyAssignmentCreation",
            "propertyTypeId": {"@type": "as.dto.property.id.PropertyTypePermId", "permId": each},
            "mandatory": False,
        }
        for each in properties
    ]
    return {
        "@type": f"as.dto.{names.package}.update.{names.entity}TypeUpdate",
        "typeId": {
            "@type": "as.dto.entitytype.id.EntityTypePermId",
            "permId": code,
            "entityKind": _ENTITY_KINDS[kind],
        },
        "propertyAssignments": {
            "@type": "as.dto.entitytype.update.PropertyAssignmentListUpdateValue",
            "actions": [{"@type": "as.dto.common.update.ListUpdateActionAdd", "items": items}],
        },
    }
