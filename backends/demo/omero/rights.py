"""Who may read which rows of the embedded OMERO: groups, permissions and the call context.

`scope_of` turns a member and a group context (a group id, or -1 for all) into a `ReadScope`, whose
`predicate` is the condition that `hql_paths.py` puts on every owned table of a query. Enumerations,
users, groups and events are global and never filtered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.demo.omero.errors import StoreSecurityViolation

ALL_GROUPS = -1
SYSTEM_GROUP = "system"
USER_GROUP = "user"


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its permissions, such as `rwr---`."""

    id: int
    name: str
    permissions: str

    @property
    def is_private(self) -> bool:
        """Whether members see their own rows only."""
        return self.permissions[2] != "r"

    @property
    def is_public(self) -> bool:
        """Whether every user may read."""
        return self.permissions[4] == "r"


@dataclass(frozen=True, slots=True)
class Member:
    """A user as rights see him."""

    user_id: int
    is_admin: bool
    group_ids: tuple[int, ...]
    leader_of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReadScope:
    """What one call may read: whole groups, and own rows (`own_group` None: anywhere)."""

    user_id: int
    unlimited: bool
    groups: tuple[int, ...]
    own_group: int | None

    def bindings(self) -> dict[str, Any]:
        """Return the parameters of `predicate`; none where nothing is filtered."""
        if self.unlimited:
            return {}
        return {"_groups": json.dumps(self.groups), "_me": self.user_id, "_own": self.own_group}


def predicate(alias: str) -> str:
    """Return the SQL condition under which a row of an owned table may be read."""
    return (  # the alias is ours, all values are bound
        f"({alias}.details_group IN (SELECT value FROM json_each(:_groups))"  # noqa: S608 - an alias
        f" OR ({alias}.details_owner = :_me"
        f" AND {alias}.details_group = ifnull(:_own, {alias}.details_group)))"
    )


def scope_of(member: Member, groups: Mapping[int, Group], context: int) -> ReadScope:
    """Return what a member may read in a group context.

    Raises:
        StoreSecurityViolation: the context names a group that the member may not read.
    """
    shared = tuple(group.id for group in groups.values() if group.name == USER_GROUP)
    if context == ALL_GROUPS:
        readable = {
            group.id
            for group in groups.values()
            if group.is_public
            or (group.id in member.group_ids and not group.is_private)
            or group.id in member.leader_of
        }
        listed = tuple(sorted({*readable, *shared}))
        return ReadScope(member.user_id, member.is_admin, listed, None)
    group = groups.get(context)
    if group is None or not (member.is_admin or group.id in member.group_ids or group.is_public):
        raise StoreSecurityViolation(f"user {member.user_id} is not in group {context}")
    whole = not group.is_private or member.is_admin or group.id in member.leader_of
    listed = (group.id, *shared) if whole else shared
    return ReadScope(member.user_id, unlimited=False, groups=listed, own_group=group.id)


def permissions_of(member: Member, owner: int | None, group: Group | None) -> dict[str, Any]:
    """Return what `new map(x as x_details_permissions)` tells about one row."""
    permissions = group.permissions if group is not None else "rw----"
    leads = group is not None and group.id in member.leader_of
    belongs = group is not None and group.id in member.group_ids
    strong = member.is_admin or leads or owner == member.user_id
    edits = strong or (belongs and permissions[3] == "w")
    return {
        "perm": permissions,
        "canEdit": edits,
        "canAnnotate": edits or (belongs and permissions[3] == "a"),
        "canDelete": edits,
        "canLink": edits,
        "canChgrp": member.is_admin or owner == member.user_id,
        "canChown": member.is_admin or leads,
    }
