"""Property types: only instance administrators make them, and only unused ones are deleted."""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.kinds import TYPED_BY, Kind
from backends.demo.openbis.rows import PropertyType
from backends.demo.openbis.writing.changes import Update, mapped, texts
from backends.demo.openbis.writing.work import Creation, Work, code_of, in_use, text_of, valid_code

DATA_TYPES = frozenset(
    {
        *("INTEGER", "REAL", "VARCHAR", "MULTILINE_VARCHAR", "HYPERLINK", "XML", "JSON"),
        *("TIMESTAMP", "DATE", "BOOLEAN", "CONTROLLEDVOCABULARY", "MATERIAL", "SAMPLE"),
        *("ARRAY_INTEGER", "ARRAY_REAL", "ARRAY_STRING", "ARRAY_TIMESTAMP"),
    }
)
_INTERNAL = "$"


def create_property_types(work: Work, creations: list[Creation]) -> list[str]:
    """Create property types."""
    keys = []
    for creation in creations:
        row = _new_row(work, creation)
        work.require(Kind.PROPERTY_TYPE, row, work.rights.registers)
        key = work.insert(Kind.PROPERTY_TYPE, row)
        work.name(creation, Kind.PROPERTY_TYPE, key)
        keys.append(key)
    return keys


def update_property_types(work: Work, updates: list[Update]) -> list[str]:
    """Change labels, descriptions and what belongs to XML."""
    keys = []
    for update in updates:
        row = work.row(Kind.PROPERTY_TYPE, update.get("typeId"), "Property type id")
        work.require(Kind.PROPERTY_TYPE, row, work.rights.registers, update["typeId"])
        values = texts(
            update,
            label="label",
            description="description",
            schema="schema",
            transformation="transformation",
        )
        for field in ("label", "description"):
            if field in values and not values[field]:
                raise UserFailure.in_operation(f"{field.capitalize()} cannot be empty.")
        values["meta_data"] = mapped(row.meta_data, update, "metaData")
        work.change(Kind.PROPERTY_TYPE, row, **values)
        keys.append(row.code)
    return keys


def delete_property_type(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete a property type that no entity type has."""
    catalog = work.catalog
    row = catalog.property_types.rows[key]
    work.require(Kind.PROPERTY_TYPE, row, work.rights.registers, given)
    types = (each for kind in TYPED_BY for each in catalog.types[kind].rows.values())
    if any(key in each.property_codes for each in types):
        raise in_use("Property Type", key)
    work.remove(Kind.PROPERTY_TYPE, key)


def _new_row(work: Work, creation: Creation) -> PropertyType:
    code, internal = _checked_code(creation)
    label, description = (text_of(creation.get(field)) for field in ("label", "description"))
    if not label:
        raise UserFailure.in_operation("Label cannot be empty.")
    if not description:
        raise UserFailure.in_operation("Description cannot be empty.")
    data_type = _checked_data_type(creation)
    return PropertyType(
        code,
        label,
        description,
        data_type,
        work.now,
        work.user,
        work.optional_key(Kind.VOCABULARY, creation.get("vocabularyId")),
        work.optional_key(Kind.SAMPLE_TYPE, creation.get("sampleTypeId")),
        internal,
        text_of(creation.get("schema")),
        text_of(creation.get("transformation")),
        dict(creation.get("metaData") or {}),
    )


def _checked_code(creation: Creation) -> tuple[str, bool]:
    code = code_of(creation, lambda _: True)
    internal = bool(creation.get("managedInternally"))
    if internal and not code.startswith(_INTERNAL):
        raise UserFailure.in_operation(
            f"Code of an internally managed property type has to start with '{_INTERNAL}' prefix."
        )
    if not internal and code.startswith(_INTERNAL):
        raise UserFailure.in_operation(
            f"'{_INTERNAL}' code prefix can be only used for the internally managed property types."
        )
    valid_code(code.removeprefix(_INTERNAL))
    return code, internal


def _checked_data_type(creation: Creation) -> str:
    data_type = creation.get("dataType")
    if data_type is None:
        raise UserFailure.in_operation("Data type not specified.")
    if data_type not in DATA_TYPES:
        raise invalid_parameters()
    has_vocabulary = creation.get("vocabularyId") is not None
    if data_type == "CONTROLLEDVOCABULARY" and not has_vocabulary:
        raise UserFailure.in_operation(
            "Data type has been specified as CONTROLLEDVOCABULARY but vocabulary id is missing."
        )
    if has_vocabulary and data_type != "CONTROLLEDVOCABULARY":
        raise UserFailure.in_operation(
            f"Vocabulary id has been specified but data type is {data_type}."
        )
    if creation.get("sampleTypeId") is not None and data_type != "SAMPLE":
        raise UserFailure.in_operation(
            f"Sample type id has been specified but data type is {data_type}."
        )
    if creation.get("schema") is not None and data_type != "XML":
        raise UserFailure.in_operation(f"XML schema is specified but data type is {data_type}.")
    return str(data_type)
