"""Sessions, rights and failures as the client shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from backends.demo.world import World
from backends.errors import (
    AuthenticationFailed,
    InvalidRequest,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import PageRequest, Sort
from backends.lane import Call
from backends.omero.client import OmeroClient

PAGE = PageRequest(100, Sort("name"))
Login = Callable[[str], Awaitable[SecretStr]]


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("steward", {"plant-biology", "clinical", "hepatology"}),
        ("microscopy", {"plant-biology", "clinical", "hepatology"}),
        ("plant", {"plant-biology"}),
        ("oncology", {"clinical", "hepatology"}),
        ("genomics", set()),
    ],
)
async def test_each_user_sees_what_the_groups_allow(
    client: OmeroClient, login: Login, world: World, user: str, groups: set[str]
) -> None:
    rows, session = world.omero.rows, await login(user)
    readable = {row["id"] for row in rows["ExperimenterGroup"] if row["name"] in groups}

    def visible(entity: str) -> set[int]:
        return {row["id"] for row in rows[entity] if row["details.group"] in readable}

    found = await client.image_projects(session, None, PAGE, NOTHING_MORE, Call())
    assert {project.omero_id for project in found.items} == visible("Project")
    images = visible("Image")
    assert await client.count_images(session, None, Call()) == len(images)
    fetch = Fetch.of("channels", "key_values")
    hidden = [row["id"] for row in rows["Image"] if row["id"] not in images][:5]
    assert await client.images_by_ids(session, hidden, fetch, Call()) == {}
    datasets = [row["id"] for row in rows["Dataset"]]
    pages = await client.images_of_datasets(session, datasets, None, PAGE, fetch, Call())
    seen = {image.omero_id for page in pages.values() for image in page.items}
    assert seen == images & {row["child"] for row in rows["DatasetImageLink"]}


async def test_identity_tells_user_and_groups(client: OmeroClient, login: Login) -> None:
    steward = await client.identity(await login("steward"), Call())
    plant = await client.identity(await login("plant"), Call())
    assert (steward.user_name, steward.is_admin) == ("steward", True)
    assert (plant.user_name, plant.is_admin) == ("plant", False)
    session = await login("plant")
    people = await client.experimenters(session, [plant.user_id], Call())
    assert people[plant.user_id].user_name == "plant"
    assert people[plant.user_id].last_name == "Lantigua"
    groups = await client.groups(session, plant.group_ids, Call())
    assert {group.name for group in groups.values()} >= {"plant-biology"}


async def test_a_wrong_password_is_refused_once_and_tells_nothing(client: OmeroClient) -> None:
    call = Call()
    with pytest.raises(AuthenticationFailed) as refused:
        await client.login("plant", SecretStr("hunter2"), call)
    assert "hunter2" not in str(refused.value)
    assert len(call.meter.operations) == 1


async def test_a_session_is_over_after_logout_which_may_be_repeated(
    client: OmeroClient, login: Login
) -> None:
    session = await login("plant")
    await client.logout(session, Call())
    await client.logout(session, Call())
    with pytest.raises(SessionExpired):
        await client.identity(session, Call())
    with pytest.raises(SessionExpired):
        await client.image_projects(session, None, PAGE, NOTHING_MORE, Call())


async def test_a_dead_server_is_unavailable_for_every_question(kit: SimpleNamespace) -> None:
    async with kit.viewer_of(kit.Gallery((kit.Picture(),)).content()) as viewer:
        viewer.store.faults.off = True
        ask, session = viewer.client, viewer.session
        everything = Fetch.of("channels", "key_values", "tags", "roi_count", "fileset")
        call = Call()
        with pytest.raises(Unavailable) as dead:
            await ask.images_by_ids(session, [1], everything, call)
        assert dead.value.source is Source.OMERO
        with pytest.raises(Unavailable):
            await ask.login("plant", SecretStr("demo"), Call())
        refused = Call()
        with pytest.raises(Unavailable):  # the breaker is open: no call is made any more
            await ask.count_images(session, None, refused)
        assert refused.meter.operations == []


async def test_a_single_failure_is_repeated_for_reads_and_not_for_logins(
    kit: SimpleNamespace,
) -> None:
    async with kit.viewer_of(kit.Gallery((kit.Picture("a"),)).content()) as viewer:
        viewer.store.faults.fail_next["projection"] = 1
        call = Call()
        found = await viewer.client.images_by_ids(viewer.session, [1], NOTHING_MORE, call)
        assert found[1].name == "a"
        assert [name for _, name in call.meter.operations] == ["images", "images"]
        viewer.store.faults.fail_next["login"] = 1
        with pytest.raises(Unavailable):
            await viewer.client.login("plant", SecretStr("demo"), Call())


async def test_a_deadline_ends_all_concurrent_questions(kit: SimpleNamespace) -> None:
    async with kit.viewer_of(kit.Gallery((kit.Picture("a"),)).content()) as viewer:
        viewer.store.faults.latency = 0.2
        late = Call(deadline=asyncio.get_running_loop().time() + 0.02)
        with pytest.raises(TimedOut):
            await viewer.client.images_by_ids(
                viewer.session, [1], Fetch.of("channels", "tags"), late
            )


async def test_an_order_that_there_is_not_is_refused_before_any_call(
    client: OmeroClient, login: Login
) -> None:
    session, call = await login("plant"), Call()
    with pytest.raises(InvalidRequest, match="acquired"):
        await client.images(session, None, PageRequest(5, Sort("size")), NOTHING_MORE, call)
    assert call.meter.operations == []
