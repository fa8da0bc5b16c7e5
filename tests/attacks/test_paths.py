"""Addresses that try to leave their folder: none opens a file, each gets the usual error."""

from __future__ import annotations

import pytest

from tests.house import House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRICKS = (
    "..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cwindows",
    "....//....//etc/passwd",
    "%00",
    "members.csv%00.json",
    "/etc/passwd",
    "file:///etc/passwd",
    "1/../../members.csv",
    "\u2025/etc/passwd",
    "a" * 3000,
)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize(
    "place", ["/cohorts/1/{}", "/cohorts/{}/members.csv", "/images/{}/thumbnail", "/images/1/{}"]
)
async def test_no_path_leads_out(fortress: House, place: str, trick: str) -> None:
    token = await fortress.login("steward")
    headers = {"authorization": f"Bearer {token}"}
    response = await fortress.client.get(place.format(trick), headers=headers)
    assert response.status_code in {400, 404, 405}
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in {"NOT_FOUND", "BAD_USER_INPUT"}
    assert "root:" not in response.text


async def test_the_explorer_serves_files_of_its_list_only() -> None:
    async with open_house() as house:
        for trick in TRICKS[1:]:  # the first one is the explorer's own address
            for place in ("/explorer/{}", "/explorer/static/{}"):
                response = await house.client.get(place.format(trick))
                assert response.status_code in {404, 405}
                assert "root:" not in response.text


@pytest.mark.parametrize("size", ["-1", "0", "1e9", "99999999999999999999", "0x10", "%00", "96;rm"])
async def test_a_size_that_is_none_is_refused(fortress: House, size: str) -> None:
    token = await fortress.login("steward")
    headers = {"authorization": f"Bearer {token}"}
    response = await fortress.client.get(f"/images/1/thumbnail?size={size}", headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
