from __future__ import annotations

import pytest

from tests.atlas import Atlas
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

USERS = ("steward", "plant", "oncology", "genomics", "microscopy")


@pytest.mark.parametrize("user", USERS)
async def test_who_is_asking(open_door: House, user: str) -> None:
    atlas = Atlas(open_door.world)
    query = """{ viewer { user openbis { userId personalAccessToken }
        omero { userId userName isAdmin groupIds } } }"""
    found = (await open_door.data(query, await open_door.login(user)))["viewer"]
    (row,) = [each for each in atlas.rows("Experimenter").values() if each["omeName"] == user]
    groups = {
        each["parent"]
        for each in atlas.rows("GroupExperimenterMap").values()
        if each["child"] == row["id"]
    }
    assert found["user"] == user
    assert found["openbis"] == {"userId": user, "personalAccessToken": False}
    assert set(found["omero"].pop("groupIds")) == groups
    assert found["omero"] == {
        "userId": row["id"],
        "userName": user,
        "isAdmin": user == "steward",
    }


async def test_the_backends_and_their_versions(open_door: House) -> None:
    found = (await open_door.data("{ backends { source available version } }"))["backends"]
    assert [each["source"] for each in found] == ["OPENBIS", "OMERO", "LINK_STORE"]
    assert all(each["available"] for each in found)
    versions = {each["source"]: each["version"] for each in found}
    assert versions["OPENBIS"]
    assert versions["OMERO"].count(".") == 2
    assert versions["LINK_STORE"].startswith("revision ")


async def test_backends_answer_for_whoever_has_no_session(open_door: House) -> None:
    login = 'mutation { login(omero: {username: "microscopy", password: "demo"}) { token } }'
    token = (await open_door.data(login))["login"]["token"]
    found = await open_door.data(
        "{ backends { source available } viewer { openbis { userId } } }", token
    )
    assert [each["available"] for each in found["backends"]] == [True] * 3
    assert found["viewer"] == {"openbis": None}
