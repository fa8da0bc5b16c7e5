"""Persons, authorization groups, role assignments and external systems: who may use what.

Persons, groups and systems are the instance administrators' business; roles may be given by the
administrators of the space or project they are for. A new person logs in with the password that
all persons of an embedded installation have.
"""

from __future__ import annotations

from typing import Any

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rights import ADMIN
from backends.demo.openbis.rows import ExternalDms, Group, Person, RoleAssignment
from backends.demo.openbis.writing.changes import (
    Update,
    has_actions,
    is_changed,
    listed,
    new_value,
    texts,
)
from backends.demo.openbis.writing.work import Creation, Work, code_of, in_use, not_unique, text_of

_ROLES = frozenset({"ADMIN", "USER", "POWER_USER", "OBSERVER", "ETL_SERVER", "DISABLED"})
_ADDRESS_TYPES = frozenset({"OPENBIS", "URL", "FILE_SYSTEM"})


def create_persons(work: Work, creations: list[Creation]) -> list[str]:
    """Create persons."""
    keys = []
    for creation in creations:
        user_id = text_of(creation.get("userId"))
        if not user_id:
            raise UserFailure.in_operation("User id cannot be empty.")
        row = Person(
            user_id,
            user_id,
            "",
            "",
            DEMO_PASSWORD,
            work.now,
            work.user,
            work.optional_key(Kind.SPACE, creation.get("spaceId")),
        )
        work.require(Kind.PERSON, row, work.rights.registers)
        if user_id in work.catalog.persons.rows:
            raise UserFailure.in_operation(f"Following persons already exist: [{user_id}]")
        keys.append(work.insert(Kind.PERSON, row))
        work.name(creation, Kind.PERSON, user_id)
    return keys


def update_persons(work: Work, updates: list[Update]) -> list[str]:
    """Change home spaces (each his own, too) and whether persons may log in."""
    keys = []
    for update in updates:
        row = work.row(Kind.PERSON, update.get("userId"), "Person id")
        own = row.user_id == work.user and not is_changed(update, "active")
        work.require(Kind.PERSON, row, own or work.rights.registers, update["userId"])
        values: dict[str, Any] = {}
        if is_changed(update, "spaceId"):
            values["space"] = work.optional_key(Kind.SPACE, new_value(update, "spaceId"))
        if is_changed(update, "active"):
            values["active"] = bool(new_value(update, "active"))
        work.change(Kind.PERSON, row, **values)
        keys.append(row.user_id)
    return keys


def delete_person(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete a person who has registered nothing, with roles, tags and tokens."""
    catalog = work.catalog
    row = catalog.persons.rows[key]
    work.require(Kind.PERSON, row, work.rights.registers, given)
    written = (Kind.SPACE, Kind.PROJECT, Kind.EXPERIMENT, Kind.SAMPLE, Kind.DATA_SET)
    if key == work.user or any(
        each.registrator == key for kind in written for each in catalog.table(kind).rows.values()
    ):
        raise in_use("Person", key)
    for kind, index in (
        (Kind.ROLE_ASSIGNMENT, "user"),
        (Kind.TAG, "owner"),
        (Kind.PERSONAL_ACCESS_TOKEN, "owner"),
    ):
        for each in list(catalog.table(kind).by(index, key)):
            work.remove(kind, each)
    for group in list(catalog.groups.by("user", key)):
        users = tuple(user for user in catalog.groups.rows[group].users if user != key)
        work.change(Kind.AUTHORIZATION_GROUP, catalog.groups.rows[group], users=users)
    work.remove(Kind.PERSON, key)


def create_groups(work: Work, creations: list[Creation]) -> list[str]:
    """Create authorization groups."""
    keys = []
    for creation in creations:
        row = Group(
            code_of(creation),
            text_of(creation.get("description")),
            tuple(work.keys(Kind.PERSON, creation.get("userIds"))),
            work.now,
            work.now,
            work.user,
        )
        work.require(Kind.AUTHORIZATION_GROUP, row, work.rights.registers)
        keys.append(work.insert(Kind.AUTHORIZATION_GROUP, row))
        work.name(creation, Kind.AUTHORIZATION_GROUP, row.code)
    return keys


def update_groups(work: Work, updates: list[Update]) -> list[str]:
    """Change descriptions and members of authorization groups."""
    keys = []
    for update in updates:
        given = update.get("authorizationGroupId") or update.get("groupId")  # pybis' spelling
        row = work.row(Kind.AUTHORIZATION_GROUP, given, "Authorization group id")
        work.require(Kind.AUTHORIZATION_GROUP, row, work.rights.registers, given)
        values = texts(update, description="description")
        if has_actions(update, "userIds"):
            values["users"] = listed(
                row.users, update, "userIds", lambda items: work.keys(Kind.PERSON, items)
            )
        work.change(Kind.AUTHORIZATION_GROUP, row, **values)
        keys.append(row.code)
    return keys


def delete_group(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete an authorization group with its roles."""
    catalog = work.catalog
    row = catalog.groups.rows[key]
    work.require(Kind.AUTHORIZATION_GROUP, row, work.rights.registers, given)
    for role in list(catalog.role_assignments.by("group", key)):
        work.remove(Kind.ROLE_ASSIGNMENT, role)
    work.remove(Kind.AUTHORIZATION_GROUP, key)


def create_role_assignments(work: Work, creations: list[Creation]) -> list[str]:
    """Give roles to users or groups."""
    keys = []
    for creation in creations:
        row = _new_role(work, creation)
        _require_administrator(work, row)
        known = work.catalog.role_assignments.rows.values()
        if any(_meaning(each) == _meaning(row) for each in known):
            raise not_unique(Kind.ROLE_ASSIGNMENT)
        keys.append(work.insert(Kind.ROLE_ASSIGNMENT, row))
        work.name(creation, Kind.ROLE_ASSIGNMENT, row.tech_id)
    return keys


def delete_role_assignment(work: Work, key: str, _: dict[str, Any]) -> None:
    """Take a role away; an administrator cannot give up the instance."""
    row = work.catalog.role_assignments.rows[key]
    _require_administrator(work, row)
    if row.user == work.user and (row.level, row.role) == ("INSTANCE", "ADMIN"):
        raise UserFailure.in_operation(
            "For safety reason you cannot give away your own admin power. "
            "Ask instance admin to do that for you."
        )
    work.remove(Kind.ROLE_ASSIGNMENT, key)


def create_external_dms(work: Work, creations: list[Creation]) -> list[str]:
    """Create external data management systems."""
    keys = []
    for creation in creations:
        address_type = creation.get("addressType")
        if address_type is None:
            raise UserFailure.in_operation("Address type cannot be null.")
        if address_type not in _ADDRESS_TYPES:
            raise invalid_parameters()
        address = text_of(creation.get("address"))
        if not address:
            raise UserFailure.in_operation("Address cannot be empty.")
        row = ExternalDms(
            code_of(creation), text_of(creation.get("label")), address, str(address_type)
        )
        work.require(Kind.EXTERNAL_DMS, row, work.rights.registers)
        keys.append(work.insert(Kind.EXTERNAL_DMS, row))
        work.name(creation, Kind.EXTERNAL_DMS, row.code)
    return keys


def update_external_dms(work: Work, updates: list[Update]) -> list[str]:
    """Change labels and addresses of external data management systems."""
    keys = []
    for update in updates:
        row = work.row(
            Kind.EXTERNAL_DMS, update.get("externalDmsId"), "External data management system id"
        )
        work.require(Kind.EXTERNAL_DMS, row, work.rights.registers, update["externalDmsId"])
        work.change(Kind.EXTERNAL_DMS, row, **texts(update, label="label", address="address"))
        keys.append(row.code)
    return keys


def delete_external_dms(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete an external data management system that no data set points into."""
    catalog = work.catalog
    row = catalog.external_dms.rows[key]
    work.require(Kind.EXTERNAL_DMS, row, work.rights.registers, given)
    lost = (each for row in catalog.deletions.rows.values() for each in row.data_sets)
    for data_set in (*catalog.data_sets.rows.values(), *lost):
        if any(copy.external_dms == key for copy in data_set.content_copies):
            raise in_use("External data management system", key)
    work.remove(Kind.EXTERNAL_DMS, key)


def _new_role(work: Work, creation: Creation) -> RoleAssignment:
    role, user, group = (creation.get(f) for f in ("role", "userId", "authorizationGroupId"))
    if role is None:
        raise UserFailure.in_operation("Unspecified role.")
    if role not in _ROLES:
        raise invalid_parameters()
    if user is None and group is None:
        raise UserFailure.in_operation(
            "Either a user or an authorization group has to be specified."
        )
    if user is not None and group is not None:
        raise UserFailure.in_operation("A user and an authorization group have been specified.")
    space, project = creation.get("spaceId"), creation.get("projectId")
    if space is not None and project is not None:
        raise UserFailure.in_operation("A space and a project have been specified.")
    level, scope = "INSTANCE", None
    if space is not None:
        level, scope = "SPACE", work.key(Kind.SPACE, space)
    elif project is not None:
        level, scope = "PROJECT", work.key(Kind.PROJECT, project)
    return RoleAssignment(
        str(work.numbering.tech_id()),
        str(role),
        level,
        scope,
        work.now,
        work.user,
        work.optional_key(Kind.PERSON, user),
        work.optional_key(Kind.AUTHORIZATION_GROUP, group),
    )


def _meaning(row: RoleAssignment) -> tuple[str | None, ...]:
    return (row.role, row.level, row.scope, row.user, row.group)


def _require_administrator(work: Work, row: RoleAssignment) -> None:
    if row.level == "INSTANCE":
        allowed = work.rights.administers
    else:
        kind = Kind.SPACE if row.level == "SPACE" else Kind.PROJECT
        place = work.catalog.table(kind).rows.get(row.scope or "")
        allowed = place is not None and work.rights.may(kind, place, ADMIN)
    work.require(Kind.ROLE_ASSIGNMENT, row, allowed)
