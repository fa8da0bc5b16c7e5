from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.house import House, open_house

WHO = {"query": "{ viewer { user } }"}
CSRF = {"x-omnibis-csrf": "1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with a cookie jar of its own, signed in as `plant`."""
    token = await house.login("plant")
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        signed = await client.post(
            "/explorer/session", headers={"authorization": f"Bearer {token}", **CSRF}
        )
        assert signed.status_code == 204
        yield client


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(house: House) -> None:
    token = await house.login("plant")
    headers = {"authorization": f"Bearer {token}", **CSRF}
    signed = await house.client.post("/explorer/session", headers=headers)
    told = {part.strip().lower() for part in signed.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/", "secure"} <= told
    assert "domain" not in signed.headers["set-cookie"].lower()


async def test_the_cookie_signs_in_together_with_the_header(page: httpx.AsyncClient) -> None:
    answer = (await page.post("/graphql", json=WHO, headers=CSRF)).json()
    assert answer["data"]["viewer"]["user"] == "plant"


@pytest.mark.parametrize("headers", [{}, {**CSRF, "sec-fetch-site": "cross-site"}])
async def test_the_cookie_alone_signs_nobody_in(
    page: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = (await page.post("/graphql", json=WHO, headers=headers)).json()
    assert answer["data"]["viewer"]["user"] == "steward", "who the demonstration's nobody is"


async def test_pictures_take_the_cookie_alone(page: httpx.AsyncClient, house: House) -> None:
    images = "{ images(first: 1) { edges { node { omeroId thumbnailUrl } } } }"
    seen = await house.data(images, await house.login("plant"))
    hidden = await house.data(images, await house.login("oncology"))
    for data, status in ((seen, 200), (hidden, 404)):
        (edge,) = data["images"]["edges"]
        assert (await page.get(edge["node"]["thumbnailUrl"])).status_code == status


async def test_a_forged_token_makes_no_cookie(house: House) -> None:
    for token in ("", "xyzzy", "a.b.c.d.e"):
        headers = {"authorization": f"Bearer {token}", **CSRF}
        refused = await house.client.post("/explorer/session", headers=headers)
        assert refused.status_code == 401
        assert "set-cookie" not in refused.headers
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_without_the_header_no_cookie_is_made_or_taken(page: httpx.AsyncClient) -> None:
    for method in ("POST", "DELETE"):
        refused = await page.request(method, "/explorer/session")
        assert refused.status_code == 403
    assert (await page.delete("/explorer/session", headers=CSRF)).status_code == 204
    answer = (await page.post("/graphql", json=WHO, headers=CSRF)).json()
    assert answer["data"]["viewer"]["user"] == "steward"


async def test_without_the_explorer_there_are_no_cookies(house: House) -> None:
    token = await house.login("plant")
    async with open_house(explorer=False) as bare:
        assert (await bare.client.post("/explorer/session", headers=CSRF)).status_code == 404
        headers = {"cookie": f"omnibis_session={token}", **CSRF}
        answer: Any = (await bare.client.post("/graphql", json=WHO, headers=headers)).json()
        assert answer["data"]["viewer"]["user"] == "steward"
