"""Persons, groups, roles, external systems, tags and personal access tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import DAY, FETCH, Client, content, criteria
from tests.backends.demo.openbis.installation import by as where
from tests.backends.demo.openbis.requests import (
    Writer,
    action,
    an_id,
    changed,
    creation,
    deletion,
    ids,
    listed,
    update,
)
from tests.backends.demo.openbis.writing.conftest import NOW, Clock

As = Callable[[str], Awaitable[Writer]]


def role(name: str, user: str | None = None, **fields: Any) -> dict[str, Any]:
    given = {} if user is None else {"userId": an_id("Person", user)}
    return creation("RoleAssignment", role=name, **given, **fields)


async def test_a_person_comes_gets_a_role_and_goes(by: As, admin: Writer) -> None:
    await admin.make("Person", userId="carol", space="A")
    found = await admin.one("Person", "carol", space=FETCH["Spaces"]())
    assert (found["userId"], found["space"]["code"], found["active"]) == ("carol", "A", True)
    carol = await by("carol")
    said = await carol.refusal("searchSpaces", criteria("space.Space"), FETCH["Spaces"]())
    assert "No role assignments could be found for user 'carol'" in said
    key = (await admin.create("RoleAssignment", role("OBSERVER", "carol", space="B")))[0]
    assert await carol.client.codes("Spaces", criteria("space.Space")) == ["B"]
    found = await admin.one("RoleAssignment", key, space=FETCH["Spaces"](), user=FETCH["Persons"]())
    assert (found["role"], found["roleLevel"]) == ("OBSERVER", "SPACE")
    assert (found["space"]["code"], found["user"]["userId"]) == ("B", "carol")
    await admin.delete("RoleAssignment", key)
    assert await admin.gone("RoleAssignment", key)
    await admin.delete("Person", "carol")
    assert await admin.gone("Person", "carol")


async def test_persons_are_the_administrators_business(admin: Writer, alice: Writer) -> None:
    said = "Access denied to object with PersonPermId = [carol]. (Context: [])"
    assert await alice.refused("Person", userId="carol") == said
    assert "Following persons already exist: [bob]" in await admin.refused("Person", userId="bob")
    refusal = await admin.refusal("deletePersons", ids("Person", "alice"), deletion("Person"))
    assert refusal.startswith("Person 'alice' is being used.")
    home = update("Person", "userId", "alice", spaceId=changed(an_id("Space", "A")))
    await alice.update("Person", home)
    session = await alice.client.call("getSessionInformation", alice.client.token)
    assert session["homeGroupCode"] == "A"


async def test_who_is_inactive_cannot_log_in(app: Starlette, admin: Writer) -> None:
    await admin.update("Person", update("Person", "userId", "bob", active=changed(False)))
    assert await Client(app).call("login", "bob", "demo") is None
    assert (await admin.one("Person", "bob"))["active"] is False


async def test_a_group_shares_its_roles(by: As, admin: Writer) -> None:
    await admin.make("AuthorizationGroup", code="g", description="d", users=["nobody"])
    await admin.create(
        "RoleAssignment",
        creation(
            "RoleAssignment",
            role="USER",
            authorizationGroupId=an_id("AuthorizationGroup", "G"),
            space="B",
        ),
    )
    nobody = await by("nobody")
    assert await nobody.client.codes("Spaces", criteria("space.Space")) == ["B"]
    assert await nobody.make("Sample", code="X", type="ENTITY", space="B")
    users = listed(
        action("Remove", an_id("Person", "nobody")), action("Add", an_id("Person", "bob"))
    )
    await admin.update(
        "AuthorizationGroup",
        {"authorizationGroupId": an_id("AuthorizationGroup", "G"), "userIds": users},
    )
    found = await admin.one(
        "AuthorizationGroup",
        "G",
        users=FETCH["Persons"](),
        roleAssignments=FETCH["RoleAssignments"](),
    )
    assert [user["userId"] for user in found["users"]] == ["bob"]
    assert [each["role"] for each in found["roleAssignments"]] == ["USER"]
    assert "No role" in await nobody.refusal(
        "searchSpaces", criteria("space.Space"), FETCH["Spaces"]()
    )
    await admin.delete("AuthorizationGroup", "G")
    of_group = criteria(
        "roleassignment.RoleAssignment", criteria("space.Space", where("Code", "B"))
    )
    found = await admin.client.search("RoleAssignments", of_group)
    assert [each["role"] for each in found["objects"]] == ["OBSERVER"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"userId": an_id("Person", "bob")}, "Unspecified role."),
        ({"role": "USER"}, "Either a user or an authorization group has to be specified."),
        (
            {
                "role": "USER",
                "userId": an_id("Person", "bob"),
                "authorizationGroupId": an_id("AuthorizationGroup", "G"),
            },
            "A user and an authorization group have been specified.",
        ),
        (
            {
                "role": "USER",
                "userId": an_id("Person", "bob"),
                "spaceId": an_id("Space", "A"),
                "projectId": an_id("Project", "p-1"),
            },
            "A space and a project have been specified.",
        ),
        (role("OBSERVER", "bob", space="B"), "Role assignment already exists in the database"),
        (role("USER", "zoe"), "Object with PersonPermId = [zoe] has not been found."),
    ],
)
async def test_roles_that_cannot_be(admin: Writer, made: dict[str, Any], said: str) -> None:
    assert (await admin.refusal("createRoleAssignments", [made])).startswith(said)


async def test_a_space_administrator_gives_roles_in_the_space(by: As, admin: Writer) -> None:
    await admin.create("RoleAssignment", role("ADMIN", "alice", space="A"))
    alice = await by("alice")
    assert await alice.create("RoleAssignment", role("USER", "bob", space="A"))
    assert await alice.create("RoleAssignment", role("USER", "bob", project="p-1"))
    for elsewhere in ({"project": "p-2"}, {}, {"space": "B"}):
        refusal = await alice.refusal("createRoleAssignments", [role("USER", "bob", **elsewhere)])
        assert refusal.startswith("Access denied to object with")
    own = await admin.client.search("RoleAssignments", criteria("roleassignment.RoleAssignment"))
    mine = next(
        str(each["id"]["techId"]) for each in own["objects"] if each["roleLevel"] == "INSTANCE"
    )
    refusal = await admin.refusal(
        "deleteRoleAssignments", ids("RoleAssignment", mine), deletion("RoleAssignment")
    )
    assert refusal.startswith("For safety reason you cannot give away your own admin power.")


async def test_an_external_system_comes_changes_and_goes(admin: Writer, alice: Writer) -> None:
    fields = {"code": "git", "label": "Git", "address": "host:/a", "addressType": "FILE_SYSTEM"}
    assert "Access denied" in await alice.refused("ExternalDms", **fields)
    await admin.make("ExternalDms", **fields)
    await admin.update(
        "ExternalDms", update("ExternalDms", "externalDmsId", "GIT", label=changed("g"))
    )
    found = await admin.one("ExternalDms", "GIT")
    assert (found["label"], found["address"], found["addressType"]) == (
        "g",
        "host:/a",
        "FILE_SYSTEM",
    )
    await admin.delete("ExternalDms", "GIT")
    assert await admin.gone("ExternalDms", "GIT")
    refusal = await admin.refusal(
        "deleteExternalDataManagementSystems", ids("ExternalDms", "OMERO"), deletion("ExternalDms")
    )
    assert refusal.startswith("External data management system 'OMERO' is being used.")


async def test_tags_are_their_owners_alone(admin: Writer, alice: Writer) -> None:
    key = await alice.make("Tag", code="Mine", description="d", samples=["s-1"], data_sets=["d-1"])
    assert key == "/alice/Mine"
    found = await alice.one(
        "Tag",
        key,
        samples=FETCH["Samples"](),
        dataSets=FETCH["DataSets"](),
        owner=FETCH["Persons"](),
    )
    assert (found["code"], found["private"], found["owner"]["userId"]) == ("Mine", True, "alice")
    assert [each["code"] for each in (*found["samples"], *found["dataSets"])] == ["ENT-1", "d-1"]
    assert await admin.gone("Tag", key)
    mine = criteria("tag.Tag", where("Code", "Mine"))
    assert (await admin.client.search("Tags", mine))["totalCount"] == 0
    assert (await alice.client.search("Tags", mine))["totalCount"] == 1
    tagged = criteria("sample.Sample", criteria("tag.Tag", where("Code", "Mine")))
    assert await alice.client.codes("Samples", tagged) == ["ENT-1"]
    assert await admin.client.codes("Samples", tagged) == []
    assert (await admin.one("Sample", "s-1", tags=FETCH["Tags"]()))["tags"] == []
    change = update("Tag", "tagId", key, description=changed("x"))
    said = f"Access denied to object with TagPermId = [{key}]. (Context: [])"
    assert await admin.refusal("updateTags", [change]) == said
    assert await admin.refusal("deleteTags", ids("Tag", key), deletion("Tag")) == said
    await alice.delete("Tag", key)
    assert (await alice.one("Sample", "s-1", tags=FETCH["Tags"]()))["tags"] == []


async def test_a_tag_that_is_put_on_something_is_there(alice: Writer) -> None:
    code = {"@type": "as.dto.tag.id.TagCode", "code": "NEW"}
    whole = {"@type": "as.dto.tag.id.TagCode", "code": "/alice/NEW"}  # as pybis asks
    tags = listed(action("Add", code, an_id("Tag", "/alice/OTHER")))
    await alice.update("Sample", update("Sample", "sampleId", "s-1", tagIds=tags))
    found = await alice.one("Sample", "s-1", tags=FETCH["Tags"]())
    assert sorted(tag["permId"]["permId"] for tag in found["tags"]) == [
        "/alice/NEW",
        "/alice/OTHER",
    ]
    assert [*await alice.client.get("Tags", [code, whole])] == ["NEW", "/alice/NEW"]
    keep = listed(action("Set", code))
    await alice.update("Sample", update("Sample", "sampleId", "s-1", tagIds=keep))
    found = await alice.one("Sample", "s-1", tags=FETCH["Tags"]())
    assert [tag["code"] for tag in found["tags"]] == ["NEW"]
    other = listed(action("Add", an_id("Tag", "/bob/THEIRS")))
    said = await alice.refusal("updateSamples", [update("Sample", "sampleId", "s-1", tagIds=other)])
    assert said == "Access denied to object with TagPermId = [/bob/THEIRS]. (Context: [])"
    assert "Tag already exists" in await alice.refused("Tag", code="NEW")
    assert "contains illegal characters" in await alice.refused("Tag", code="a b")


def token(**fields: Any) -> dict[str, Any]:
    whole = {"sessionName": "gw", "validFromDate": NOW, "validToDate": NOW + DAY, **fields}
    return creation("PersonalAccessToken", **whole)


async def test_a_token_does_what_its_owner_may(app: Starlette, alice: Writer, clock: Clock) -> None:
    made = await alice.client.call("createPersonalAccessTokens", alice.client.token, token())
    secret = made[0]["permId"]
    assert secret.startswith("$pat-alice-")
    found = await alice.one("PersonalAccessToken", secret, owner=FETCH["Persons"]())
    assert (found["sessionName"], found["owner"]["userId"]) == ("gw", "alice")
    assert (found["validFromDate"], found["validToDate"]) == (NOW, NOW + DAY)
    gateway = Writer(Client(app))
    gateway.client.token = secret
    assert await gateway.client.call("isSessionActive", secret) is True
    assert await gateway.make("Sample", code="X", type="ENTITY", space="A")
    session = await gateway.client.call("getSessionInformation", secret)
    assert (session["userName"], session["personalAccessTokenSession"]) == ("alice", True)
    assert session["personalAccessTokenSessionName"] == "gw"
    assert (await alice.one("PersonalAccessToken", secret))["accessDate"] == NOW
    assert "is invalid" in await gateway.refusal("logout")
    clock.milliseconds += DAY + 1
    assert await gateway.client.call("isSessionActive", secret) is False
    said = await gateway.refusal("searchSpaces", criteria("space.Space"), FETCH["Spaces"]())
    assert said == "Personal access token is no longer valid."


async def test_a_token_that_is_not_valid_yet(app: Starlette, alice: Writer) -> None:
    secret = (await alice.create("PersonalAccessToken", token(validFromDate=NOW + 1000)))[0]
    assert await Client(app).call("isSessionActive", secret) is False
    said = await Client(app).error("getServerInformation", secret)
    assert said == "Personal access token is not yet valid."


async def test_tokens_of_one_name_share_a_session(app: Starlette, alice: Writer) -> None:
    first, second, other = await alice.create(
        "PersonalAccessToken", token(), token(), token(sessionName="other")
    )
    sessions = [
        (await Client(app).call("getSessionInformation", secret))["sessionToken"]
        for secret in (first, second, other)
    ]
    assert sessions[0] == sessions[1] != sessions[2]


async def test_tokens_manage_neither_tokens_nor_persons(app: Starlette, admin: Writer) -> None:
    secret = (await admin.create("PersonalAccessToken", token()))[0]
    gateway = Writer(Client(app))
    gateway.client.token = secret
    said = "Personal access tokens cannot be used to manage personal access tokens."
    assert await gateway.refusal("createPersonalAccessTokens", [token()]) == said
    tokens = ids("PersonalAccessToken", secret)
    options = deletion("PersonalAccessToken")
    assert await gateway.refusal("deletePersonalAccessTokens", tokens, options) == said
    said = "Personal access tokens cannot be used to manage persons."
    assert await gateway.refusal("createPersons", [creation("Person", userId="x")]) == said
    assert len(await gateway.client.get("PersonalAccessTokens", tokens)) == 1
    await admin.client.call("deletePersonalAccessTokens", admin.client.token, tokens, options)
    assert "is invalid" in await gateway.refusal("getServerInformation")


async def test_tokens_of_others(by: As, admin: Writer, alice: Writer) -> None:
    mine = (await alice.create("PersonalAccessToken", token()))[0]
    for_bob = token(ownerId=an_id("Person", "bob"))
    said = await alice.refusal("createPersonalAccessTokens", [for_bob])
    assert said.startswith(
        "User 'alice' is not allowed to create a personal access token for user 'bob'"
    )
    assert (await admin.create("PersonalAccessToken", for_bob))[0].startswith("$pat-bob-")
    everything = criteria("pat.PersonalAccessToken")
    assert (await alice.client.search("PersonalAccessTokens", everything))["totalCount"] == 1
    assert (await admin.client.search("PersonalAccessTokens", everything))["totalCount"] == 2
    bob = await by("bob")
    assert await bob.gone("PersonalAccessToken", mine)


async def test_a_token_is_not_valid_for_longer_than_the_server_allows(alice: Writer) -> None:
    wish = token(validToDate=NOW + 400 * DAY)
    secret = (await alice.create("PersonalAccessToken", wish))[0]
    found = await alice.one("PersonalAccessToken", secret)
    information = await alice.client.call("getServerInformation", alice.client.token)
    allowed = int(information["personal-access-tokens-max-validity-period"]) * 1000
    assert found["validToDate"] == NOW + allowed


async def test_more_logins_than_allowed_end_the_oldest_session(clock: Clock) -> None:
    app = create_openbis_server(content(), clock=clock, sessions_per_user=1)
    first = await Client(app).login("alice")
    other = await Client(app).login("bob")
    await Client(app).login("alice")
    assert await first.call("isSessionActive", first.token) is False
    assert await other.call("isSessionActive", other.token) is True
