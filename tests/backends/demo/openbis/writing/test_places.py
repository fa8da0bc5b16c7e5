"""Spaces and projects."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from tests.backends.demo.openbis.installation import FETCH
from tests.backends.demo.openbis.requests import Writer, an_id, changed, creation, update


async def test_a_space_comes_changes_and_goes(admin: Writer) -> None:
    assert await admin.make("Space", code="lab", description="d") == "LAB"
    space = await admin.one("Space", "LAB", registrator=FETCH["Persons"]())
    assert (space["code"], space["description"]) == ("LAB", "d")
    assert space["registrator"]["userId"] == "admin"
    assert space["id"]["techId"] > (await admin.one("Space", "A"))["id"]["techId"]
    assert (
        await admin.update("Space", update("Space", "spaceId", "LAB", description=changed("e")))
        is None
    )
    assert (await admin.one("Space", "LAB"))["description"] == "e"
    assert await admin.delete("Space", "LAB") is None
    assert await admin.gone("Space", "LAB")


async def test_what_is_not_marked_as_modified_stays(admin: Writer) -> None:
    unmarked = {**changed("x"), "isModified": False}
    await admin.update("Space", update("Space", "spaceId", "A", description=unmarked))
    assert (await admin.one("Space", "A"))["description"] == "first"
    await admin.update("Space", update("Space", "spaceId", "A", description=changed(None)))
    assert (await admin.one("Space", "A"))["description"] is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("A", "Space already exists in the database and needs to be unique. (Context: [])"),
        ("a", "Space already exists in the database and needs to be unique. (Context: [])"),
        ("?!*", "The code '?!*' contains illegal characters"),
        ("", "Code cannot be empty."),
        (None, "Code cannot be empty."),
    ],
)
async def test_spaces_that_cannot_be(admin: Writer, code: str | None, said: str) -> None:
    assert (await admin.refused("Space", code=code)).startswith(said)


async def test_a_space_with_something_in_it_stays(admin: Writer) -> None:
    options = {"@type": "as.dto.space.delete.SpaceDeletionOptions", "reason": "x"}
    said = await admin.refusal("deleteSpaces", [an_id("Space", "A")], options)
    assert said == "Space 'A' is being used. Delete all connected data  first. (Context: [])"
    await admin.make("Space", code="TRASHY")
    key = await admin.make("Sample", type="ENTITY", code="X", space="TRASHY")
    await admin.delete("Sample", key)
    said = await admin.refusal("deleteSpaces", [an_id("Space", "TRASHY")], options)
    assert said.startswith("Space 'TRASHY' is being used.")


async def test_a_project_comes_changes_moves_and_goes(admin: Writer) -> None:
    key = await admin.make("Project", code="PX", space="A", description="d")
    assert re.fullmatch(r"[0-9]{17}-[0-9]+", key)
    project = await admin.one("Project", "/A/PX", space=FETCH["Spaces"]())
    assert project["permId"]["permId"] == key
    assert project["space"]["code"] == "A"
    await admin.update(
        "Project",
        update(
            "Project",
            "projectId",
            key,
            description=changed("e"),
            spaceId=changed(an_id("Space", "B")),
        ),
    )
    moved = await admin.one("Project", "/B/PX")
    assert (moved["description"], moved["permId"]["permId"]) == ("e", key)
    assert await admin.gone("Project", "/A/PX")
    assert await admin.delete("Project", key) is None
    assert await admin.gone("Project", key)


async def test_a_project_takes_its_samples_to_another_space(admin: Writer) -> None:
    move = update("Project", "projectId", "/A/PA", spaceId=changed(an_id("Space", "B")))
    await admin.update("Project", move)
    for key in ("s-1", "s-6"):
        sample = await admin.one("Sample", key, space=FETCH["Spaces"]())
        assert sample["space"]["code"] == "B"
        assert sample["identifier"]["identifier"].startswith("/B/")


async def test_a_code_is_unique_within_its_space(admin: Writer) -> None:
    said = "Project already exists in the database and needs to be unique. (Context: [])"
    assert await admin.refused("Project", code="PA", space="A") == said
    await admin.make("Project", code="PA", space="B")
    move = update("Project", "projectId", "/B/PA", spaceId=changed(an_id("Space", "A")))
    assert await admin.refusal("updateProjects", [move]) == said


async def test_projects_need_a_space_that_is_there(admin: Writer) -> None:
    assert await admin.refused("Project", code="PX") == "Space id cannot be null. (Context: [])"
    said = await admin.refused("Project", code="PX", space="NOWHERE")
    assert said == "Object with SpacePermId = [NOWHERE] has not been found. (Context: [])"
    nothing = {"@type": "as.dto.project.update.ProjectUpdate"}
    assert "Project id cannot be null." in await admin.refusal("updateProjects", [nothing])


async def test_a_project_with_something_in_it_stays(admin: Writer) -> None:
    options = {"@type": "as.dto.project.delete.ProjectDeletionOptions", "reason": "x"}
    said = await admin.refusal("deleteProjects", [an_id("Project", "/A/PA")], options)
    assert said.startswith("Project 'PA' is being used.")


async def test_what_is_not_there_needs_no_deletion(admin: Writer) -> None:
    assert await admin.delete("Project", "/A/NONE") is None


async def test_who_may_write_places(
    by: Callable[[str], Awaitable[Writer]], admin: Writer, alice: Writer
) -> None:
    said = "Access denied to object with SpacePermId = [NEW]. (Context: [])"
    assert await alice.refused("Space", code="NEW") == said
    said = "Access denied to object with ProjectIdentifier = [/A/PX]. (Context: [])"
    assert await alice.refused("Project", code="PX", space="A") == said
    role = {
        "@type": "as.dto.roleassignment.create.RoleAssignmentCreation",
        "role": "POWER_USER",
        "userId": an_id("Person", "alice"),
        "spaceId": an_id("Space", "A"),
    }
    await admin.create("RoleAssignment", role)
    assert await alice.make("Project", code="PX", space="A")
    bob = await by("bob")
    change = update("Project", "projectId", "/B/PB", description=changed("x"))
    said = await bob.refusal("updateProjects", [change])
    assert said == "Access denied to object with ProjectIdentifier = [/B/PB]. (Context: [])"
    unseen = update("Project", "projectId", "/A/PA", description=changed("x"))
    assert "Access denied to object" in await bob.refusal("updateProjects", [unseen])


async def test_a_project_is_led_by_somebody(admin: Writer) -> None:
    key = (
        await admin.create(
            "Project",
            {
                **creation("Project", code="PX", space="A"),
                "leaderId": an_id("Person", "bob"),
            },
        )
    )[0]
    project = await admin.one("Project", key, leader=FETCH["Persons"]())
    assert project["leader"]["userId"] == "bob"
