from __future__ import annotations

from typing import Any

import pytest

from backends.demo.studies import hcc
from tests.house import House

LOGIN = """mutation ($u: String, $p: String, $openbis: CredentialsInput, $omero: CredentialsInput) {
    login(username: $u, password: $p, openbis: $openbis, omero: $omero) {
        token openbis omero userErrors { code message field source } } }"""
WHO = "{ viewer { user openbis { userId } omero { userName } } }"
RIGHT = {"u": "plant", "p": "demo"}


def pair(user: str, password: str = "demo") -> dict[str, str]:  # noqa: S107 - it is public
    return {"username": user, "password": password}


async def opened(house: House, **variables: Any) -> Any:
    return (await house.data(LOGIN, **variables))["login"]


async def refused(house: House, **variables: Any) -> Any:
    answer = await house.ask(LOGIN, **variables)
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert "demo" not in error["message"]
    return error["extensions"]


async def who(house: House, token: str) -> Any:
    return (await house.data(WHO, token))["viewer"]


@pytest.mark.asyncio(loop_scope="module")
async def test_one_pair_opens_both_systems(open_door: House) -> None:
    login = await opened(open_door, **RIGHT)
    assert (login["openbis"], login["omero"], login["userErrors"]) == (True, True, [])
    assert await who(open_door, login["token"]) == {
        "user": "plant",
        "openbis": {"userId": "plant"},
        "omero": {"userName": "plant"},
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_two_pairs_open_each_its_own(open_door: House) -> None:
    login = await opened(open_door, openbis=pair("oncology"), omero=pair("microscopy"))
    assert await who(open_door, login["token"]) == {
        "user": "oncology",
        "openbis": {"userId": "oncology"},
        "omero": {"userName": "microscopy"},
    }


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pair_of_its_own_goes_before_the_shared_one(open_door: House) -> None:
    login = await opened(open_door, **RIGHT, omero=pair("microscopy"))
    viewer = await who(open_door, login["token"])
    assert viewer["openbis"] == {"userId": "plant"}
    assert viewer["omero"] == {"userName": "microscopy"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"openbis": pair("plant", "no"), "omero": pair("plant")}, "OPENBIS"),
        ({"openbis": pair("plant"), "omero": pair("plant", "no")}, "OMERO"),
        ({**RIGHT, "omero": pair("nobody")}, "OMERO"),
    ],
)
async def test_one_wrong_pair_opens_the_other_system(
    open_door: House, given: Any, wrong: str
) -> None:
    login = await opened(open_door, **given)
    (error,) = login["userErrors"]
    assert error["code"] == "UNAUTHENTICATED"
    assert error["source"] == wrong
    assert error["message"].endswith(".")
    assert (login["openbis"], login["omero"]) == (wrong != "OPENBIS", wrong != "OMERO")
    viewer = await who(open_door, login["token"])
    assert (viewer["openbis"] is None, viewer["omero"] is None) == (
        wrong == "OPENBIS",
        wrong == "OMERO",
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_one_system_alone(open_door: House) -> None:
    login = await opened(open_door, omero=pair("microscopy"))
    assert (login["openbis"], login["omero"], login["userErrors"]) == (False, True, [])
    answer = await open_door.ask(
        "{ images(first: 1) { totalCount } projects { totalCount } }", login["token"]
    )
    assert answer["data"]["images"]["totalCount"] > 0
    assert answer["data"]["projects"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["extensions"]["source"] == "OPENBIS"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "given",
    [
        {"u": "plant", "p": "no"},
        {"u": "nobody", "p": "demo"},
        {"u": "", "p": ""},
        {"openbis": pair("plant", "x"), "omero": pair("plant", "y")},
        {"u": "plant'; drop table", "p": "demo"},
    ],
)
async def test_both_wrong_opens_nothing(open_door: House, given: Any) -> None:
    assert (await refused(open_door, **given))["code"] == "UNAUTHENTICATED"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("given", [{}, {"u": "plant"}, {"p": "demo"}])
async def test_half_a_pair_is_no_login(open_door: House, given: Any) -> None:
    assert (await refused(open_door, **given))["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("off", ["openbis", "omero"])
async def test_with_one_backend_off_the_other_is_opened(house: House, off: str) -> None:
    await house.switch(off, state="off")
    login = await opened(house, **RIGHT)
    assert login[off] is False
    (error,) = login["userErrors"]
    assert error["code"] == "BACKEND_UNAVAILABLE"
    assert error["source"] == off.upper()
    viewer = await who(house, login["token"])
    assert (viewer["openbis"] is None, viewer["omero"] is None) == (
        off == "openbis",
        off == "omero",
    )


async def test_a_dead_system_is_told_before_a_wrong_password(house: House) -> None:
    await house.switch("omero", state="off")
    extensions = await refused(house, u="plant", p="no")
    assert extensions["code"] == "BACKEND_UNAVAILABLE"
    assert extensions["retryable"] is True
    await house.switch("openbis", state="off")
    assert (await refused(house, **RIGHT))["code"] == "BACKEND_UNAVAILABLE"


async def test_a_logout_ends_both_sessions(house: House) -> None:
    token = (await opened(house, u="oncology", p="demo"))["token"]
    other = (await opened(house, u="oncology", p="demo"))["token"]
    query = (
        f'{{ project(identifier: "{hcc.PROJECT}") {{ code }} images(first: 1) {{ totalCount }} }}'
    )
    assert (await house.data(query, token))["project"] == {"code": hcc.PROJECT}
    data = await house.data("mutation { logout { ok } }", token)
    assert data == {"logout": {"ok": True}}
    answer = await house.ask(query, token)
    assert answer["data"] == {"project": None, "images": None}
    ended = {
        error["path"][0]: (error["extensions"]["source"], error["extensions"]["code"])
        for error in answer["errors"]
    }
    assert ended == {
        "project": ("OPENBIS", "SESSION_EXPIRED"),
        "images": ("OMERO", "SESSION_EXPIRED"),
    }
    assert answer["extensions"]["sources"]["openbis"] == "SESSION_EXPIRED"
    assert answer["extensions"]["sources"]["omero"] == "SESSION_EXPIRED"
    viewer = await house.ask(WHO, token)  # not remembered either
    assert viewer["data"]["viewer"] == {"user": "oncology", "openbis": None, "omero": None}
    assert (await house.data(query, other))["project"] == {"code": hcc.PROJECT}


async def test_a_second_logout_says_that_it_is_over(house: House) -> None:
    token = (await opened(house, **RIGHT))["token"]
    await house.data("mutation { logout { ok } }", token)
    answer = await house.ask("mutation { logout { ok } }", token)
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    assert codes <= {"SESSION_EXPIRED", "UNAUTHENTICATED"}


async def test_a_logout_of_a_dead_system_still_ends_the_other(house: House) -> None:
    token = (await opened(house, **RIGHT))["token"]
    await house.switch("openbis", state="off")
    answer = await house.ask("mutation { logout { ok } }", token)
    assert answer["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    images = await house.ask("{ images(first: 1) { totalCount } }", token)
    assert images["errors"][0]["extensions"]["code"] == "SESSION_EXPIRED"


async def test_in_the_demonstration_a_logout_without_token_renews_by_itself(house: House) -> None:
    assert (await house.data(WHO))["viewer"]["user"] == "steward"
    await house.data("mutation { logout { ok } }")
    assert (await house.data("{ images(first: 1) { totalCount } }"))["images"]["totalCount"] > 0


async def test_sessions_that_expire_by_themselves_are_told(house: House) -> None:
    token = (await opened(house, **RIGHT))["token"]
    for faults in house.built.faults.values():
        faults.expire_sessions()
    answer = await house.ask("{ projects { totalCount } images(first: 1) { totalCount } }", token)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"SESSION_EXPIRED"}
    assert len(answer["errors"]) == 2
