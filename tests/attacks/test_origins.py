"""Pages of other origins and forged headers: nothing is done for them, nothing is echoed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.conftest import PRODUCTION
from tests.house import House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBE = {"query": "{ __typename }"}
EVIL = "https://evil.example"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "")


@pytest.mark.parametrize("media", FORMS)
async def test_what_a_form_can_send_is_not_taken(fortress: House, media: str) -> None:
    body = b'{"query": "mutation { logout { ok } }"}'
    headers = {"origin": EVIL, **({"content-type": media} if media else {})}
    response = await fortress.client.post("/graphql", content=body, headers=headers)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_link_changes_nothing(fortress: House) -> None:
    for query in (
        "mutation { logout { ok } }",
        "mutation A { logout { ok } } query B { __typename }",
    ):
        params = {"query": query, "operationName": "A" if "A" in query else ""}
        response = await fortress.client.get("/graphql", params=params)
        assert response.status_code == 405


async def test_other_origins_are_told_nothing(fortress: House) -> None:
    preflight = await fortress.client.options(
        "/graphql",
        headers={"origin": EVIL, "access-control-request-method": "POST"},
    )
    assert preflight.status_code == 405
    query = {"query": "{ __typename }"}
    answer = await fortress.client.post("/graphql", json=query, headers={"origin": EVIL})
    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_named_origins_may_call_and_no_credentials_go_along() -> None:
    ours = "https://lab.example.org"
    async with open_house(**PRODUCTION, cors_origins=ours) as house:
        wanted = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        allowed = await house.client.options("/graphql", headers={"origin": ours, **wanted})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == ours
        assert "access-control-allow-credentials" not in allowed.headers
        for origin in (EVIL, "null", f"{ours}.evil.example", "http://lab.example.org"):
            refused = await house.client.options("/graphql", headers={"origin": origin, **wanted})
            assert refused.status_code == 400
            assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "value",
    ["a\r\nSet-Cookie: x=1", "a b", "<script>", "x" * 500, "ü", "-a", "${jndi:ldap://x}", ""],
)
async def test_a_forged_request_id_is_not_echoed(fortress: House, value: str) -> None:
    headers: Any = [(b"x-request-id", value.encode())]
    response = await fortress.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers=headers
    )
    assert response.headers["x-request-id"] != value
    assert "set-cookie" not in response.headers
    assert response.json()["extensions"]["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize("name", ["X-openBIS-Token", "X-OMERO-Session"])
@pytest.mark.parametrize("value", ["a\x00b", "x" * 600, "ü", "\x7f", ""])
async def test_a_session_that_is_none_is_refused(fortress: House, name: str, value: str) -> None:
    headers: Any = [(name.encode(), value.encode())]
    response = await fortress.client.post(
        "/graphql", json={"query": "{ __typename }"}, headers=headers
    )
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Remote-User", "X-HTTP-Method-Override", "Host"],
)
async def test_headers_of_proxies_mean_nothing_by_themselves(fortress: House, header: str) -> None:
    query = {"query": "{ viewer { user } images(first: 1) { edges { node { thumbnailUrl } } } }"}
    headers = {header: "steward.evil.example"}
    plain = (await fortress.client.post("/graphql", json=query)).json()
    forged = (await fortress.client.post("/graphql", json=query, headers=headers)).json()
    assert forged["data"] == plain["data"]
