from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.operations import Operations
from api.settings import SettingsError
from api.trusted import TrustedDocuments, load_documents, sha256

HELLO = "{ hello }"
HASH = sha256(HELLO)


async def ask(client: httpx.AsyncClient, **body: Any) -> tuple[int, Any]:
    headers = {"accept": "application/graphql-response+json"}
    response = await client.post("/graphql", json=body, headers=headers)
    return response.status_code, response.json()


def persisted(name: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": name}}


@pytest.mark.parametrize("by", [{"documentId": f"sha256:{HASH}"}, {"extensions": persisted(HASH)}])
async def test_a_document_that_was_sent_once_can_be_named(
    client: httpx.AsyncClient, by: dict[str, Any]
) -> None:
    status, answer = await ask(client, **by)
    assert status == 400
    (error,) = answer["errors"]
    assert (error["message"], error["extensions"]["code"]) == (
        "PersistedQueryNotFound",
        "NOT_FOUND",
    )
    assert (await ask(client, query=HELLO, **by))[1]["data"] == {"hello": "hello world"}
    assert (await ask(client, **by))[1]["data"] == {"hello": "hello world"}


async def test_a_document_can_be_named_by_get(client: httpx.AsyncClient) -> None:
    await ask(client, query=HELLO, extensions=persisted(HASH))
    given = {"extensions": json.dumps(persisted(HASH))}
    response = await client.get("/graphql", params=given)
    assert response.json()["data"] == {"hello": "hello world"}


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ thing { name } }", "extensions": persisted(HASH)},
        {"documentId": HASH},
        {"documentId": "sha256:xyz"},
        {"documentId": 7},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": HASH}}},
        {"extensions": {"persistedQuery": "x"}},
        {"extensions": {"persistedQuery": {"version": 1}}},
    ],
)
async def test_what_names_no_document_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    status, answer = await ask(client, **body)
    assert status == 400
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_document_that_is_not_valid_is_not_remembered(client: httpx.AsyncClient) -> None:
    bad = "{ xyzzy }"
    await ask(client, query=bad, extensions=persisted(sha256(bad)))
    _, answer = await ask(client, extensions=persisted(sha256(bad)))
    assert answer["errors"][0]["message"] == "PersistedQueryNotFound"


async def test_with_a_list_nothing_else_runs(make_wire: Any, connect: Any) -> None:
    client = connect(make_wire(trusted=TrustedDocuments({HASH: HELLO}, only=True)))
    assert (await ask(client, documentId=f"sha256:{HASH}"))[0] == 200
    assert (await ask(client, query=HELLO))[0] == 200, "its text is on the list, too"
    for body in ({"query": "{ thing { name } }"}, {"extensions": persisted("0" * 64)}):
        status, answer = await ask(client, **body)
        assert status == 400
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_documents_are_read_and_checked(make_wire: Any, tmp_path: Path) -> None:
    operations = Operations(make_wire())
    listed = tmp_path / "documents.json"
    listed.write_text(json.dumps({HASH: HELLO}))
    operations.trust(listed, only=True)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "hello.graphql").write_text(HELLO)
    assert load_documents(folder, lambda _text: None) == {HASH: HELLO}
    (folder / "bad.graphql").write_text("{ xyzzy }")
    with pytest.raises(SettingsError, match=r"bad\.graphql: Cannot query field 'xyzzy'"):
        operations.trust(folder, only=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        ('{"0": "{ hello }"}', "0 is not the SHA-256"),
        (json.dumps({HASH: 7}), "is not the SHA-256"),
    ],
)
def test_a_list_that_is_none_stops_the_start(tmp_path: Path, text: str, said: str) -> None:
    listed = tmp_path / "documents.json"
    listed.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_documents(listed, lambda _text: None)
    with pytest.raises(SettingsError, match="must be a JSON object"):
        load_documents(tmp_path / "absent.json", lambda _text: None)
