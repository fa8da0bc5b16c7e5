"""Creations, updates and ids as clients write them, in short."""

from __future__ import annotations

from typing import Any

from tests.backends.demo.openbis.installation import FETCH, PROPERTIES, Client

_PACKAGES = {
    "Space": "space",
    "Project": "project",
    "Experiment": "experiment",
    "ExperimentType": "experiment",
    "Sample": "sample",
    "SampleType": "sample",
    "DataSet": "dataset",
    "DataSetType": "dataset",
    "PropertyType": "property",
    "PropertyAssignment": "property",
    "Vocabulary": "vocabulary",
    "VocabularyTerm": "vocabulary",
    "Person": "person",
    "Tag": "tag",
    "AuthorizationGroup": "authorizationgroup",
    "RoleAssignment": "roleassignment",
    "ExternalDms": "externaldms",
    "PersonalAccessToken": "pat",
    "DataStore": "datastore",
}
_PLURALS = {
    "Vocabulary": "Vocabularies",
    "ExternalDms": "ExternalDataManagementSystems",
}
_KINDS = {"SampleType": "SAMPLE", "ExperimentType": "EXPERIMENT", "DataSetType": "DATA_SET"}


def plural(entity: str) -> str:
    return _PLURALS.get(entity, f"{entity}s")


def an_id(entity: str, text: str) -> dict[str, Any]:
    """An id by permId, by identifier (with a slash), or by creation id (`#x`)."""
    if text.startswith("#"):
        return {"@type": "as.dto.common.id.CreationId", "creationId": text[1:]}
    package = _PACKAGES[entity]
    if entity in _KINDS:
        return {
            "@type": "as.dto.entitytype.id.EntityTypePermId",
            "permId": text,
            "entityKind": _KINDS[entity],
        }
    if entity == "VocabularyTerm":
        vocabulary, _, code = text.partition(".")
        return {
            "@type": "as.dto.vocabulary.id.VocabularyTermPermId",
            "code": code,
            "vocabularyCode": vocabulary,
        }
    if entity == "RoleAssignment":
        return {"@type": "as.dto.roleassignment.id.RoleAssignmentTechId", "techId": text}
    if text.startswith("/") and entity != "Tag":
        return {"@type": f"as.dto.{package}.id.{entity}Identifier", "identifier": text}
    return {"@type": f"as.dto.{package}.id.{entity}PermId", "permId": text}


def ids(entity: str, *texts: str) -> list[dict[str, Any]]:
    return [an_id(entity, text) for text in texts]


_REFERENCES = {
    "space": ("spaceId", "Space"),
    "project": ("projectId", "Project"),
    "experiment": ("experimentId", "Experiment"),
    "sample": ("sampleId", "Sample"),
    "container": ("containerId", None),
    "vocabulary": ("vocabularyId", "Vocabulary"),
    "store": ("dataStoreId", "DataStore"),
}
_LISTS = {
    "parents": ("parentIds", None),
    "children": ("childIds", None),
    "components": ("componentIds", None),
    "containers": ("containerIds", None),
    "tags": ("tagIds", "Tag"),
    "samples": ("sampleIds", "Sample"),
    "experiments": ("experimentIds", "Experiment"),
    "data_sets": ("dataSetIds", "DataSet"),
    "users": ("userIds", "Person"),
}


def creation(entity: str, *, named: str | None = None, **fields: Any) -> dict[str, Any]:
    """A creation; references by text, see `an_id`."""
    made: dict[str, Any] = {"@type": f"as.dto.{_PACKAGES[entity]}.create.{entity}Creation"}
    if named is not None:
        made["creationId"] = an_id(entity, f"#{named}")
    for field, value in fields.items():
        if field == "type":
            made["typeId"] = an_id(f"{entity}Type", value)
        elif field in _REFERENCES and isinstance(value, str):
            key, other = _REFERENCES[field]
            made[key] = an_id(other or entity, value)
        elif field in _LISTS:
            key, other = _LISTS[field]
            made[key] = ids(other or entity, *value)
        else:
            made[field] = value
    return made


def changed(value: Any) -> dict[str, Any]:
    return {"@type": "as.dto.common.update.FieldUpdateValue", "isModified": True, "value": value}


def action(verb: str, *items: Any) -> dict[str, Any]:
    return {"@type": f"as.dto.common.update.ListUpdateAction{verb}", "items": list(items)}


def listed(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"@type": "as.dto.common.update.IdListUpdateValue", "actions": list(actions)}


def update(entity: str, field: str, text: str, **fields: Any) -> dict[str, Any]:
    made = {"@type": f"as.dto.{_PACKAGES[entity]}.update.{entity}Update"}
    return {**made, field: an_id(entity, text), **fields}


def deletion(entity: str, reason: str | None = "test") -> dict[str, Any]:
    return {
        "@type": f"as.dto.{_PACKAGES[entity]}.delete.{entity}DeletionOptions",
        "reason": reason,
    }


def operation(verb: str, entity: str, **fields: Any) -> dict[str, Any]:
    package = _PACKAGES[entity]
    return {
        "@type": f"as.dto.{package}.{verb.lower()}.{verb}{plural(entity)}Operation",
        **fields,
    }


SYNCHRONOUS = {"@type": "as.dto.operation.SynchronousOperationExecutionOptions"}


class Writer:
    """A logged-in client that writes."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def create(self, entity: str, *creations: dict[str, Any]) -> list[str]:
        """Create; returns permIds."""
        method = f"create{plural(entity)}"
        made = await self.client.call(method, self.client.token, list(creations))
        return [each.get("permId") or str(each.get("techId") or each["code"]) for each in made]

    async def make(self, entity: str, **fields: Any) -> str:
        """Create one; returns its permId."""
        return (await self.create(entity, creation(entity, **fields)))[0]

    async def update(self, entity: str, *updates: dict[str, Any]) -> Any:
        return await self.client.call(f"update{plural(entity)}", self.client.token, list(updates))

    async def delete(self, entity: str, *texts: str) -> Any:
        method = f"delete{plural(entity)}"
        return await self.client.call(
            method, self.client.token, ids(entity, *texts), deletion(entity)
        )

    async def refusal(self, method: str, *parameters: Any) -> str:
        return await self.client.error(method, self.client.token, *parameters)

    async def refused(self, entity: str, **fields: Any) -> str:
        """The message of a creation that fails."""
        return await self.refusal(f"create{plural(entity)}", [creation(entity, **fields)])

    async def execute(self, *operations: dict[str, Any], **options: Any) -> list[Any]:
        answer = await self.client.call(
            "executeOperations", self.client.token, list(operations), {**SYNCHRONOUS, **options}
        )
        found: list[Any] = answer["results"]
        return found

    async def one(self, entity: str, text: str, **relations: Any) -> dict[str, Any]:
        """One entity with its properties, by id."""
        fetch = FETCH[plural(entity)](**relations)
        if entity in {"Sample", "Experiment", "DataSet"}:
            fetch = {"properties": PROPERTIES, **fetch}
        found = await self.client.get(plural(entity), ids(entity, text), fetch)
        assert len(found) == 1, f"{entity} {text} is not there"
        entity_found: dict[str, Any] = next(iter(found.values()))
        return entity_found

    async def gone(self, entity: str, text: str) -> bool:
        return not await self.client.get(plural(entity), ids(entity, text))
