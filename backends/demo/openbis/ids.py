"""Id objects of the v3 interface: which row they name, and the key they have in a get result.

Each kind takes a permId object, some take an identifier object as well. Ids are not upper-cased,
as over JSON on the real server. Whether the viewer may see the row is asked elsewhere.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.kinds import TYPED_BY, Kind

_PERM_IDS = {
    Kind.SPACE: "as.dto.space.id.SpacePermId",
    Kind.PROJECT: "as.dto.project.id.ProjectPermId",
    Kind.EXPERIMENT: "as.dto.experiment.id.ExperimentPermId",
    Kind.SAMPLE: "as.dto.sample.id.SamplePermId",
    Kind.DATA_SET: "as.dto.dataset.id.DataSetPermId",
    Kind.SAMPLE_TYPE: "as.dto.entitytype.id.EntityTypePermId",
    Kind.EXPERIMENT_TYPE: "as.dto.entitytype.id.EntityTypePermId",
    Kind.DATA_SET_TYPE: "as.dto.entitytype.id.EntityTypePermId",
    Kind.PROPERTY_TYPE: "as.dto.property.id.PropertyTypePermId",
    Kind.VOCABULARY: "as.dto.vocabulary.id.VocabularyPermId",
    Kind.TERM: "as.dto.vocabulary.id.VocabularyTermPermId",
    Kind.PERSON: "as.dto.person.id.PersonPermId",
    Kind.AUTHORIZATION_GROUP: "as.dto.authorizationgroup.id.AuthorizationGroupPermId",
    Kind.ROLE_ASSIGNMENT: "as.dto.roleassignment.id.RoleAssignmentTechId",
    Kind.TAG: "as.dto.tag.id.TagPermId",
    Kind.PERSONAL_ACCESS_TOKEN: "as.dto.pat.id.PersonalAccessTokenPermId",
    Kind.DELETION: "as.dto.deletion.id.DeletionTechId",
    Kind.PLUGIN: "as.dto.plugin.id.PluginPermId",
    Kind.SEMANTIC_ANNOTATION: "as.dto.semanticannotation.id.SemanticAnnotationPermId",
    Kind.EXTERNAL_DMS: "as.dto.externaldms.id.ExternalDmsPermId",
    Kind.DATA_STORE: "as.dto.datastore.id.DataStorePermId",
}
_IDENTIFIERS = {
    Kind.PROJECT: "as.dto.project.id.ProjectIdentifier",
    Kind.EXPERIMENT: "as.dto.experiment.id.ExperimentIdentifier",
    Kind.SAMPLE: "as.dto.sample.id.SampleIdentifier",
}
ME = "as.dto.person.id.Me"
TAG_CODE = "as.dto.tag.id.TagCode"
CREATION_ID = "as.dto.common.id.CreationId"
# Id classes that any kind may be given, and the field of each.
_NAMED_BY = {
    CREATION_ID: "creationId",
    TAG_CODE: "code",
    **dict.fromkeys(_IDENTIFIERS.values(), "identifier"),
}
# Kinds that a database number names; the bean of a deletion has it twice, once as text.
_NUMBERED = frozenset({Kind.ROLE_ASSIGNMENT, Kind.DELETION})


def perm_id_fields(kind: Kind, key: str) -> dict[str, Any]:
    """The fields of the permId bean of a row."""
    fields: dict[str, Any] = {"@type": _PERM_IDS[kind], "@id": None}
    if kind is Kind.TERM:
        code, _, vocabulary = key.removesuffix(")").rpartition(" (")
        return {**fields, "code": code, "vocabularyCode": vocabulary}
    if kind in TYPED_BY:
        return {**fields, "permId": key, "entityKind": TYPED_BY[kind].value}
    if kind in _NUMBERED:
        number = {"techId": int(key)}
        return {**fields, **number, "id": key} if kind is Kind.DELETION else {**fields, **number}
    return {**fields, "permId": key}


def identifier_fields(kind: Kind, identifier: str) -> dict[str, Any]:
    """The fields of the identifier bean of a row."""
    return {"@type": _IDENTIFIERS[kind], "@id": None, "identifier": identifier}


def name_of_id(kind: Kind, given: dict[str, Any]) -> str:
    """What an id is called in the map of a get result."""
    given_type = given.get("@type")
    if given_type == ME:
        return "Me"
    field = _NAMED_BY.get(str(given_type))
    if field is not None:
        return str(given.get(field))
    if kind is Kind.TERM:
        return f"{given.get('code')} ({given.get('vocabularyCode')})"
    if kind in _NUMBERED:
        return str(given.get("techId") or given.get("id"))
    entity_kind = given.get("entityKind") if kind in TYPED_BY else None
    return f"{given.get('permId')} ({entity_kind})" if entity_kind else str(given.get("permId"))


def shown_id(kind: Kind, given: dict[str, Any]) -> str:
    """An id as openBIS' messages show it: `SamplePermId = [2024…-1]`."""
    class_name = str(given.get("@type") or _PERM_IDS[kind]).rpartition(".")[2]
    return f"{class_name} = [{name_of_id(kind, given)}]"


def key_of_id(catalog: Catalog, kind: Kind, given: Any, me: str | None = None) -> str | None:
    """The key of the row that an id names, or None when there is none."""
    if not isinstance(given, dict):
        raise invalid_parameters()
    given_type = given.get("@type")
    if kind is Kind.PERSON and given_type == ME:
        return me
    rows = catalog.table(kind).rows
    if kind is Kind.TAG and given_type == TAG_CODE:
        code = str(given.get("code"))  # pybis puts a whole permId here
        key = code if code.startswith("/") else f"/{me}/{code}"
        return key if key in rows else None
    if given_type == _IDENTIFIERS.get(kind, ""):
        return catalog.key_of_identifier(kind, str(given.get("identifier")))
    if given_type != _PERM_IDS[kind]:
        raise UserFailure.in_operation(
            f"Unsupported object id [{name_of_id(kind, given)}] of type class {given_type}"
        )
    if kind in TYPED_BY and given.get("entityKind") not in {None, TYPED_BY[kind].value}:
        return None
    key = name_of_id(kind, {**given, "entityKind": None})
    return key if key in rows else None
