"""What belongs to one viewer alone: operations and frozen cohorts are nobody else's to find."""

from __future__ import annotations

from typing import Any

import pytest

from resolvers.paging import encode_id
from tests.parity.conftest import OWN, USERS, Installation
from tests.parity.test_existence import same
from tests.parity.test_parity import ROOT_PATHS

CREATE = """mutation ($code: String!) {
  createProject(input: {space: "CLINICAL", code: $code, imaging: false}) {
    operation { id } userErrors { code message }
  }
}"""
FREEZE = """mutation ($name: String!) {
  freezeCohort(name: $name, where: {}) { snapshot { id } userErrors { code message } }
}"""


def test_every_type_without_a_witness_is_somebodys_own() -> None:
    witnessed = {"Project", "Experiment", "Sample", "OmicsDataset", "ImageProject", "ImageDataset"}
    witnessed |= {"Image", "ProjectLink", "SampleLink", "Link"}
    assert {path.target for path in ROOT_PATHS} - witnessed == set(OWN)


def created(installation: Installation, user: str) -> str:
    made = installation.data(user, CREATE, code="QPARITY")["createProject"]
    assert made["userErrors"] == []
    return str(made["operation"]["id"])


def frozen(installation: Installation, user: str) -> str:
    made = installation.data(user, FREEZE, name=f"of {user}")["freezeCohort"]
    assert made["userErrors"] == []
    return str(made["snapshot"]["id"])


def listed(installation: Installation, user: str, root: str) -> list[str]:
    data: Any = installation.data(user, f"{{ {root} {{ edges {{ node {{ id }} }} }} }}")
    return [edge["node"]["id"] for edge in data[root]["edges"]]


@pytest.fixture(scope="module")
def belongings(installation: Installation) -> dict[str, dict[str, str]]:
    return {
        "steward": {
            "Operation": created(installation, "steward"),
            "CohortSnapshot": frozen(installation, "steward"),
        },
        "oncology": {"CohortSnapshot": frozen(installation, "oncology")},
    }


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("type_", OWN)
def test_a_list_holds_ones_own(
    installation: Installation,
    belongings: dict[str, dict[str, str]],
    type_: str,
    user: str,
) -> None:
    own = belongings.get(user, {}).get(type_)
    assert listed(installation, user, OWN[type_][1]) == ([] if own is None else [own])


@pytest.mark.parametrize("user", [user for user in USERS if user != "steward"])
@pytest.mark.parametrize("type_", ["Operation"])
def test_anothers_answers_as_none(
    installation: Installation,
    belongings: dict[str, dict[str, str]],
    type_: str,
    user: str,
) -> None:
    secret, nowhere = belongings["steward"][type_], encode_id(type_, NOWHERE[type_])
    for root in ("node", OWN[type_][0]):
        query = f"query ($id: ID!) {{ {root}(id: $id) {{ id }} }}"
        installation.answer(user, query, id=nowhere)  # who the viewer is, is asked for once
        answers = [installation.answer(user, query, id=each) for each in (secret, nowhere)]
        same(*answers, secret, nowhere)
        assert answers[0]["data"] == {root: None}


NOWHERE = {"Operation": "00000000-0000-4000-8000-000000000000", "CohortSnapshot": "999999"}
