"""When anything of a kind was last changed."""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import Client, content
from tests.backends.demo.openbis.requests import Writer, update

_SEARCH = "as.dto.objectkindmodification.search"
FETCH = {"@type": "as.dto.objectkindmodification.fetchoptions.ObjectKindModificationFetchOptions"}


def wanted(kinds: list[str] | None = None, operations: list[str] | None = None) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if kinds is not None:
        parts.append({"@type": f"{_SEARCH}.ObjectKindCriteria", "objectKinds": kinds})
    if operations is not None:
        parts.append({"@type": f"{_SEARCH}.OperationKindCriteria", "operationKinds": operations})
    name = f"{_SEARCH}.ObjectKindModificationSearchCriteria"
    return {"@type": name, "criteria": parts}


async def stamps(writer: Writer, *parts: Any) -> dict[tuple[str, str], int]:
    found = await writer.client.call(
        "searchObjectKindModifications", writer.client.token, wanted(*parts), FETCH
    )
    assert found["totalCount"] == len(found["objects"])
    return {
        (each["objectKind"], each["operationKind"]): each["lastModificationTimeStamp"]
        for each in found["objects"]
    }


async def test_a_change_stamps_its_kinds_only() -> None:
    now = [1_000.0]
    app = create_openbis_server(content(), clock=lambda: now[0])
    admin = Writer(await Client(app).login())
    before = await stamps(admin)
    assert set(before.values()) == {1_000_000}
    assert ("METAPROJECT", "UPDATE") in before
    now[0] = 2_000.0
    await admin.update("Sample", update("Sample", "sampleId", "s-1", properties={"NAME": "x"}))
    assert await stamps(admin, ["SAMPLE", "PROJECT"]) == {
        ("SAMPLE", "CREATE_OR_DELETE"): 1_000_000,
        ("SAMPLE", "UPDATE"): 2_000_000,
        ("PROJECT", "CREATE_OR_DELETE"): 1_000_000,
        ("PROJECT", "UPDATE"): 1_000_000,
    }
    now[0] = 3_000.0
    await admin.delete("Sample", "s-6")
    changed = await stamps(admin, None, ["CREATE_OR_DELETE"])
    latest = {kind for (kind, _), moment in changed.items() if moment == 3_000_000}
    assert latest == {"SAMPLE", "DELETION"}
    now[0] = 4_000.0
    assert "already exists" in await admin.refused("Space", code="A")
    assert 4_000_000 not in (await stamps(admin)).values()
    said = await admin.refusal("searchObjectKindModifications", None, FETCH)
    assert said == "Criteria cannot be null. (Context: [])"
