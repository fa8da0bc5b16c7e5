"""Who is who, over Ice: `ISession` and `IAdmin` of the embedded OMERO.

Sessions for others (sudo) and second own sessions are opened here; users and groups are read, not
managed. Entities are loaded through `ice_entities.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import omero
import omero.model
from omero import rtypes

from backends.demo.omero.ice_errors import denied, invalid, misused
from backends.demo.omero.ice_query import Finder
from backends.demo.omero.ice_servant import Call
from backends.demo.omero.rights import SYSTEM_GROUP, USER_GROUP
from backends.demo.omero.sessions import IDLE_SECONDS, SessionInfo

GONE = -2
MOST_IDLE = 6_000.0  # seconds a second own session may ask for
PRIVILEGES = (
    "ChangeGroup",
    "ChangeOwner",
    "Chown",
    "DeleteFile",
    "DeleteManagedRepo",
    "DeleteOwned",
    "DeleteScriptRepo",
    "ModifyGroup",
    "ModifyGroupMembership",
    "ModifyUser",
    "ReadSession",
    "Sudo",
    "WriteFile",
    "WriteManagedRepo",
    "WriteOwned",
    "WriteScriptRepo",
)


def session_object(info: SessionInfo) -> Any:
    """Return a session as an object of the model; it has no row in the store."""
    made = omero.model.SessionI()
    made.setId(rtypes.rlong(info.number))
    made.setUuid(rtypes.rstring(info.uuid))
    made.setTimeToIdle(rtypes.rlong(int(info.time_to_idle * 1000)))
    made.setTimeToLive(rtypes.rlong(int(info.time_to_live * 1000)))
    made.setDefaultEventType(rtypes.rstring("User"))
    made.setOwner(omero.model.ExperimenterI(info.user_id, loaded=False))
    if info.sudoer_id is not None:
        made.setSudoer(omero.model.ExperimenterI(info.sudoer_id, loaded=False))
    made.getDetails().setGroup(omero.model.ExperimenterGroupI(info.group_id, loaded=False))
    made.getDetails().setOwner(omero.model.ExperimenterI(info.user_id, loaded=False))
    made.unloadCollections()
    return made


class Sessions:
    """`ISession`."""

    def getSession(self, call: Call, uuid: str) -> Any:
        """Return one of the caller's sessions, or anybody's to an administrator."""
        own = call.store.session(call.session)
        found = own if uuid == own.uuid else call.store.session(uuid)
        if found.user_id != own.user_id and not own.is_admin:
            raise denied("the session is somebody else's")
        return session_object(found)

    def getReferenceCount(self, call: Call, uuid: str) -> int:
        """Return how many clients a session has."""
        return call.store.sessions.references(uuid)

    def closeSession(self, call: Call, session: Any) -> int:
        """Give up one reference; the last ends the session. -2: it is gone."""
        uuid = rtypes.unwrap(session.getUuid())
        left = call.store.sessions.release(uuid)
        if left == GONE:
            return GONE
        if left <= 0:
            call.store.sessions.close(uuid)
            return GONE
        return left

    def createSessionWithTimeout(self, call: Call, principal: Any, ttl: int) -> Any:
        """Open a session for somebody else, with a life span and no idle time."""
        return self.createSessionWithTimeouts(call, principal, ttl, 0)

    def createSessionWithTimeouts(self, call: Call, principal: Any, ttl: int, tti: int) -> Any:
        """Open a session for somebody else, with a life span and an idle time (ms, 0: none)."""
        if not principal.name:
            raise misused("the principal has no name")
        info = call.store.sudo(
            call.session, principal.name, principal.group or None, ttl / 1000, tti / 1000
        )
        return session_object(info)

    def createUserSession(self, call: Call, ttl: int, tti: int, group: str) -> Any:
        """Open a second session of the caller's own."""
        own = call.store.session(call.session)
        idle = min(tti / 1000 or IDLE_SECONDS, MOST_IDLE)
        opened = call.store.sessions.open(replace(own, time_to_live=ttl / 1000, time_to_idle=idle))
        if group:
            call.store.enter_group(opened.uuid, group)
        return session_object(call.store.session(opened.uuid))

    def getMyOpenSessions(self, call: Call) -> list[Any]:
        """Return the caller's sessions."""
        own = call.store.session(call.session)
        return [session_object(info) for info in call.store.sessions.owned_by(own.user_id)]


class Admin:
    """`IAdmin`, as far as it reads."""

    def __init__(self, finder: Finder) -> None:
        self._load = finder.objects

    def getEventContext(self, call: Call) -> Any:
        """Return who the caller is and in which group."""
        info = call.store.session(call.session)
        groups = call.store.groups()
        context = omero.sys.EventContext()
        context.shareId = -1
        context.sessionId = info.number
        context.sessionUuid = info.uuid
        context.userId = info.user_id
        context.userName = info.user_name
        if info.sudoer_id is not None:
            context.sudoerId = rtypes.rlong(info.sudoer_id)
        chosen = call.group
        group = groups.get(info.group_id if chosen is None or chosen < 0 else chosen)
        if group is None:
            raise denied(f"no group {chosen}")
        context.groupId = group.id
        context.groupName = group.name
        context.groupPermissions = omero.model.PermissionsI(group.permissions)
        context.isAdmin = info.is_admin
        context.adminPrivileges = list(PRIVILEGES) if info.is_admin else []
        context.eventId = -1
        context.eventType = "User"
        context.memberOfGroups = list(info.group_ids)
        context.leaderOfGroups = list(info.leader_of)
        return context

    def getSecurityRoles(self, call: Call) -> Any:
        """Return the names and ids that have a meaning of their own."""
        roles = omero.sys.Roles()
        groups = {group.name: group.id for group in call.store.groups().values()}
        roles.rootId, roles.rootName = 0, "root"
        roles.guestId, roles.guestName, roles.guestGroupName = 1, "guest", "guest"
        roles.guestGroupId = groups.get("guest", 2)
        roles.systemGroupName, roles.userGroupName = SYSTEM_GROUP, USER_GROUP
        roles.systemGroupId = groups.get(SYSTEM_GROUP, 0)
        roles.userGroupId = groups.get(USER_GROUP, 1)
        return roles

    def getCurrentAdminPrivileges(self, call: Call) -> list[Any]:
        """Return the privileges of the caller."""
        return self.getAdminPrivileges(call, None)

    def getAdminPrivileges(self, call: Call, user: Any) -> list[Any]:
        """Return the privileges of a user: an administrator has all."""
        info = call.store.session(call.session)
        privileges = PRIVILEGES if info.is_admin else ()
        made = []
        for number, name in enumerate(privileges, 1):
            privilege = omero.model.AdminPrivilegeI(number, loaded=True)
            privilege.setValue(rtypes.rstring(name))
            made.append(privilege)
        return made

    def getMemberOfGroupIds(self, call: Call, user: Any) -> list[int]:
        """Return the groups that a user is in."""
        return [
            group.id.val for group in self._groups(call, "m.child.id = :id", {"id": user.id.val})
        ]

    def getLeaderOfGroupIds(self, call: Call, user: Any) -> list[int]:
        """Return the groups that a user leads."""
        condition = "m.child.id = :id and m.owner = true"
        return [group.id.val for group in self._groups(call, condition, {"id": user.id.val})]

    def getGroup(self, call: Call, number: int) -> Any:
        """Return a group with its members."""
        return _only(self._groups(call, "g.id = :id", {"id": number}), "group", number)

    def lookupGroup(self, call: Call, name: str) -> Any:
        """Return a group by name, with its members."""
        return _only(self._groups(call, "g.name = :name", {"name": name}), "group", name)

    def lookupGroups(self, call: Call) -> list[Any]:
        """Return all groups with their members."""
        return self._groups(call, "g.id is not null", {})

    def containedGroups(self, call: Call, user: int) -> list[Any]:
        """Return the groups of a user."""
        return self._groups(call, "m.child.id = :id", {"id": user})

    def getExperimenter(self, call: Call, number: int) -> Any:
        """Return a user with his groups."""
        return _only(self._users(call, "e.id = :id", {"id": number}), "experimenter", number)

    def lookupExperimenter(self, call: Call, name: str) -> Any:
        """Return a user by name, with his groups."""
        return _only(self._users(call, "e.omeName = :name", {"name": name}), "experimenter", name)

    def lookupExperimenters(self, call: Call) -> list[Any]:
        """Return all users with their groups."""
        return self._users(call, "e.id is not null", {})

    def containedExperimenters(self, call: Call, group: int) -> list[Any]:
        """Return the members of a group."""
        return self._users(call, "m.parent.id = :id", {"id": group})

    def getDefaultGroup(self, call: Call, user: int) -> Any:
        """Return the first group of a user that is more than `user` or `system`."""
        groups = self._groups(call, "m.child.id = :id", {"id": user})
        chosen = [group for group in groups if group.name.val not in (USER_GROUP, SYSTEM_GROUP)]
        return _only(chosen[:1] or groups[:1], "group of experimenter", user)

    def _groups(self, call: Call, condition: str, values: dict[str, object]) -> list[Any]:
        hql = (  # the conditions are those above
            "select distinct g from ExperimenterGroup g left outer join g.groupExperimenterMap m"
            " left outer join fetch g.groupExperimenterMap a left outer join fetch a.child"
            f" where {condition} order by g.id"
        )
        return self._load(call, hql, values)

    def _users(self, call: Call, condition: str, values: dict[str, object]) -> list[Any]:
        hql = (
            "select distinct e from Experimenter e left outer join e.groupExperimenterMap m"
            " left outer join fetch e.groupExperimenterMap a left outer join fetch a.parent"
            f" where {condition} order by e.id"
        )
        return self._load(call, hql, values)


def _only(found: list[Any], what: str, name: object) -> Any:
    if not found:
        raise invalid(f"no {what} {name!r}")
    return found[0]
