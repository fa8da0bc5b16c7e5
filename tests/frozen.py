"""Freezing the demonstration's women of QCLIN, and asking for what was frozen."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.house import House

FREEZE: Final = """mutation ($where: CohortFilter!, $name: String!, $dry: Boolean = false) {
  freezeCohort(name: $name, where: $where, description: "secret plan", dryRun: $dry) {
    snapshot { id number name digest memberCount rowCount whole mine }
    memberCount rowCount userErrors { code message field }
  }
}"""
SPLIT: Final = {"parts": [{"name": "train", "fraction": 0.75}, {"name": "test", "fraction": 0.25}]}
READ: Final = """query ($id: ID!, $split: CohortSplitInput!) { cohortSnapshot(id: $id) {
  name author mine whole unit description question digest linkRevision memberCount rowCount
  versions { system version }
  columns { name type unit many source terms { code label } }
  members(first: 3) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { position permId sample { code type { code } } } } }
  split(plan: $split) { parts { name fraction subjects members rows }
    leakage { clean subjects counts { bond count } leaks { bond through } } }
  exports(split: $split) { format file mediaType available digest url }
  verification { intact membersIntact rowsIntact }
  changes { unchanged membersBefore membersNow counts { reason count } changes { id } }
} }"""
PART: Final = """query ($id: ID!) { cohortSnapshot(id: $id) {
  name mine whole description question digest memberCount rowCount columns { name }
  exports { url } members(first: 500) { totalCount edges { node { permId } } }
} }"""
QCLIN: Final = {"project": {"code": {"eq": "QCLIN"}}, "self": {"property": [
    {"code": "Q_GENDER", "string": {"eq": "FEMALE"}}]}}  # fmt: skip


USERS: Final = ("steward", "oncology", "genomics", "plant", "microscopy")


async def frozen(house: House, token: str, name: str = "women") -> dict[str, Any]:
    """Freeze them and return the snapshot."""
    answer = (await house.data(FREEZE, token, where=QCLIN, name=name))["freezeCohort"]
    assert answer["userErrors"] == []
    made: dict[str, Any] = answer["snapshot"]
    return made


async def get(house: House, url: str, token: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await house.client.get(url, headers={"authorization": f"Bearer {token}", **named})


def url_of(snapshot: dict[str, Any], file: str, query: str = "") -> str:
    return f"/cohorts/{snapshot['number']}/{file}{query}"
