from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLError

from api.auth import Visitor
from api.proxy import Proxies
from tests.house import House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHO = "{ viewer { user openbis { userId } omero { userName } } }"
PEER = "10.1.2.3"
SETTINGS: dict[str, Any] = {
    "proxy_peers": "10.1.2.0/24, fd00::1",
    "proxy_user_header": "X-Remote-User",
    "proxy_openbis_user": "steward",
    "proxy_openbis_password": "demo",
    "proxy_omero_user": "steward",
    "proxy_omero_password": "demo",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with open_house(**SETTINGS) as opened:
        yield opened


async def ask(house: House, query: str = WHO, peer: str = PEER, **headers: str) -> Any:
    transport = httpx.ASGITransport(app=house.app, client=(peer, 4711))
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://a.test") as client:
        response = await client.post("/graphql", json={"query": query}, headers=given)
    return response.status_code, response.json()


async def test_a_proxy_names_the_user_who_acts_with_sessions_of_his_own(house: House) -> None:
    status, answer = await ask(house, x_remote_user="oncology")
    assert status == 200
    assert answer["data"]["viewer"] == {
        "user": "oncology",
        "openbis": {"userId": "oncology"},
        "omero": {"userName": "oncology"},
    }
    projects = "{ projects { edges { node { code } } } imageProjects { edges { node { name } } } }"
    _, oncology = await ask(house, projects, x_remote_user="oncology")
    _, plant = await ask(house, projects, x_remote_user="plant")
    assert oncology["data"] != plant["data"]
    assert oncology["data"] == await house.data(projects, await house.login("oncology"))
    assert plant["data"] == await house.data(projects, await house.login("plant"))


async def test_sessions_are_opened_once_and_again_when_they_are_over(house: House) -> None:
    await ask(house, x_remote_user="oncology")
    _, answer = await ask(house, x_remote_user="oncology")
    assert answer["data"]["viewer"]["user"] == "oncology"
    for faults in house.built.faults.values():
        faults.expire_sessions()
    codes = "{ projects { edges { node { code } } } }"
    _, answer = await ask(house, codes, x_remote_user="oncology")
    assert "errors" not in answer
    assert answer["data"]["projects"]["edges"]


async def test_after_a_logout_the_next_request_has_new_sessions(house: House) -> None:
    _, answer = await ask(house, "mutation { logout { ok } }", x_remote_user="plant")
    assert answer["data"] == {"logout": {"ok": True}}
    _, answer = await ask(house, "{ projects { totalCount } }", x_remote_user="plant")
    assert "errors" not in answer


@pytest.mark.parametrize("peer", ["10.1.3.3", "127.0.0.1", "::1", "not-an-address"])
async def test_nobody_else_is_believed(house: House, peer: str) -> None:
    status, answer = await ask(house, peer=peer, x_remote_user="steward")
    assert status == 401
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert "believed from this server's proxies only" in error["message"]


@pytest.mark.parametrize("user", ["", "  ", "x" * 200, "a\tb"])
async def test_a_header_that_names_no_user_is_refused(house: House, user: str) -> None:
    status, _ = await ask(house, x_remote_user=user)
    assert status == 401


async def test_an_unknown_user_is_nobody(house: House) -> None:
    _, answer = await ask(house, "{ projects { totalCount } }", x_remote_user="xyzzy")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("backend", "field"), [("openbis", "projects"), ("omero", "images")])
async def test_a_system_that_does_not_answer_is_not_the_users_to_sign_in_to(
    backend: str, field: str
) -> None:
    query = f"{{ {field} {{ totalCount }} }}"
    async with open_house(**SETTINGS) as house:
        await house.switch(backend, state="off")
        _, answer = await ask(house, query, x_remote_user="steward")
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
        assert answer["extensions"]["sources"][backend] == "UNAVAILABLE"
        await house.switch(backend, state="on")
        house.recover()
        _, answer = await ask(house, query, x_remote_user="steward")
        assert "errors" not in answer


async def test_credentials_beside_the_header_are_refused(house: House) -> None:
    token = await house.login("plant")
    status, answer = await ask(house, x_remote_user="oncology", authorization=f"Bearer {token}")
    assert status == 401
    assert "send no credentials" in answer["errors"][0]["message"]


async def test_without_the_setting_the_header_is_nothing() -> None:
    async with open_house() as house:
        status, answer = await ask(house, x_remote_user="plant")
        assert (status, answer["data"]["viewer"]["user"]) == (200, "steward")


async def test_two_headers_name_nobody() -> None:
    believed = Proxies(("10.0.0.1",), "X-User")
    headers: Any = httpx.Headers([("x-user", "ada"), ("x-user", "bob")])
    headers.getlist = headers.get_list
    with pytest.raises(GraphQLError, match="names no user"):
        believed.user(Visitor(headers, peer="10.0.0.1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("203.0.113.7", "6.6.6.6", "203.0.113.7"),
    ],
)
async def test_the_clients_address_is_the_last_that_a_proxy_vouches_for(
    peer: str, forwarded: str, address: str
) -> None:
    visitor = Visitor({"x-forwarded-for": forwarded}, peer=peer)
    assert Proxies(("10.0.0.1",)).address(visitor) == address
