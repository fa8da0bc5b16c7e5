"""Bearer tokens that were tampered with, made elsewhere, replayed, or sent where none belongs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc import jwe, jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from api.auth import Credentials, TokenBox
from tests.house import BOX, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHO = "{ viewer { user openbis { userId } } }"
FORGED_CLAIMS = {"aud": "omnibis", "exp": 4e9, "sub": "steward", "openbis": "x", "omero": "y"}


async def status_and_code(house: House, token: str, query: str = WHO) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {token}"}
    response = await house.client.post("/graphql", json={"query": query}, headers=headers)
    answer = response.json()
    code = answer["errors"][0]["extensions"]["code"] if "errors" in answer else "OK"
    return response.status_code, code


async def test_every_change_of_a_token_spoils_it(fortress: House) -> None:
    token = await fortress.login("plant")
    assert await status_and_code(fortress, token) == (200, "OK")
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        changed = token[:place] + other + token[place + 1 :]
        assert await status_and_code(fortress, changed) == (401, "UNAUTHENTICATED"), place
    for spoilt in (token[:-1], token + "A", token + ".", token.replace(".", "..", 1), token * 2):
        assert await status_and_code(fortress, spoilt) == (401, "UNAUTHENTICATED")


async def test_tokens_of_other_keys_and_kinds_are_no_tokens(fortress: House) -> None:
    key = OctKey.import_key(b"e" * 32)
    forged = [
        TokenBox((b"e" * 32,)).issue_token(Credentials("steward", SecretStr("x"), None)),
        jwt.encode({"alg": "HS256"}, FORGED_CLAIMS, key),
        jwe.encrypt_compact({"alg": "A256KW", "enc": "A256GCM"}, json.dumps(FORGED_CLAIMS), key),
        _unsigned(),
        "null",
        "e30.e30.e30.e30.e30",
    ]
    for token in forged:
        assert await status_and_code(fortress, token) == (401, "UNAUTHENTICATED"), token


def _unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, FORGED_CLAIMS)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return ".".join(part.decode() for part in encoded) + "."


async def test_a_token_that_has_expired_says_so(fortress: House) -> None:
    old = BOX.issue_token(Credentials("plant", SecretStr("x"), None), now=1000.0)
    assert await status_and_code(fortress, old) == (401, "SESSION_EXPIRED")


async def test_a_token_is_useless_after_logout(fortress: House) -> None:
    token, kept = await fortress.login("plant"), await fortress.login("plant")
    question = "{ projects { totalCount } imageProjects { totalCount } }"
    assert (await fortress.ask(question, token))["data"]["projects"]["totalCount"] == 1
    await fortress.data("mutation { logout { ok } }", token)
    answer = await fortress.ask(question, token)
    assert answer["data"] == {"projects": None, "imageProjects": None}
    told = {
        (error["extensions"]["source"], error["extensions"]["code"]) for error in answer["errors"]
    }
    assert told == {("OPENBIS", "SESSION_EXPIRED"), ("OMERO", "SESSION_EXPIRED")}
    thumbnails = {"authorization": f"Bearer {token}"}
    picture = await fortress.client.get("/images/1/thumbnail", headers=thumbnails)
    assert picture.status_code in {401, 404}
    assert "errors" not in await fortress.ask(question, kept), "the other login goes on"


async def test_a_token_elsewhere_is_none(fortress: House) -> None:
    token = await fortress.login("plant")
    given: Any = {"query": WHO, "authorization": f"Bearer {token}", "access_token": token}
    response = await fortress.client.get("/graphql", params=given)
    assert response.json()["data"]["viewer"]["user"] != "plant"
    both = {"authorization": f"Bearer {token}", "x-openbis-token": "x"}
    refused = await fortress.client.post("/graphql", json={"query": WHO}, headers=both)
    assert refused.status_code == 401


async def test_one_side_that_ends_takes_only_itself_down(fortress: House) -> None:
    token = await fortress.login("plant")
    fortress.built.faults["omero"].expire_sessions()
    answer = await fortress.ask("{ projects { totalCount } imageProjects { totalCount } }", token)
    assert answer["data"]["projects"]["totalCount"] == 1
    (error,) = answer["errors"]
    assert (error["extensions"]["source"], error["extensions"]["code"]) == (
        "OMERO",
        "SESSION_EXPIRED",
    )
    assert answer["extensions"]["sources"]["openbis"] == "OK"
    assert answer["extensions"]["sources"]["omero"] == "SESSION_EXPIRED"
