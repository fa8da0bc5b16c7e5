"""The properties of experiments, samples and data sets: deltas in, checked values out.

Codes may come in any case. A null or blank value removes the property; what is not named stays.
Mandatory properties are checked at the end of an operation, when all its values are set.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.kinds import TYPE_OF, Kind
from backends.demo.openbis.rows import EntityType
from backends.demo.openbis.writing.property_values import stored_value
from backends.demo.openbis.writing.work import Work


def type_of_creation(work: Work, kind: Kind, creation: dict[str, Any]) -> EntityType:
    """The type that a creation names; it cannot do without."""
    given = creation.get("typeId")
    if given is None:
        raise UserFailure.in_operation("Type id cannot be null.")
    entity_type: EntityType = work.catalog.types[TYPE_OF[kind]].rows[work.key(TYPE_OF[kind], given)]
    return entity_type


def with_delta(
    work: Work, entity_type: EntityType, current: dict[str, str], delta: Any
) -> dict[str, str]:
    """The properties after a delta."""
    if delta is None:
        return current
    if not isinstance(delta, dict):
        raise invalid_parameters()
    properties = dict(current)
    assigned = set(entity_type.property_codes)
    for given, value in delta.items():
        code = str(given).upper()
        if code not in assigned:
            raise UserFailure.in_operation(f"Property type with code '{code}' does not exist")
        stored = stored_value(work, work.catalog.property_types.rows[code], value)
        if stored is None:
            properties.pop(code, None)
        else:
            properties[code] = stored
    return properties


def check_mandatory(work: Work, kind: Kind, row: Any) -> None:
    """Refuse an entity that lacks a mandatory property."""
    for assignment in work.catalog.types[TYPE_OF[kind]].rows[row.type].assignments:
        if assignment.mandatory and assignment.code not in row.properties:
            raise UserFailure.in_operation(
                f"Value of mandatory property '{assignment.code}' not specified."
            )
