"""What belongs to one viewer alone: operations and frozen cohorts are nobody else's to find.

A frozen cohort is there for its author and for whom both systems show all of it; to anybody else it
answers as one that is not there, wherever its id, its number or a cursor of it is tried.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from resolvers.cohorts.shelf import FORMATS
from resolvers.paging import decode_id, encode_id
from tests.parity.conftest import OWN, USERS, Installation
from tests.parity.test_existence import same, told
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


OTHERS = tuple(user for user in USERS if user != "steward")


@pytest.mark.parametrize("user", OTHERS)
@pytest.mark.parametrize("type_", OWN)
def test_anothers_answers_as_none(
    installation: Installation,
    belongings: dict[str, dict[str, str]],
    type_: str,
    user: str,
) -> None:
    secret, nowhere = belongings["steward"][type_], encode_id(type_, NOWHERE[type_])
    natives = (secret, nowhere, decode_id(secret)[1], decode_id(nowhere)[1])
    entity = f'{{__typename: "{type_}", id: $id}}'
    ways = [
        f"{OWN[type_][0]}(id: $id) {{ id }}",
        "node(id: $id) { id }",
        "nodes(ids: [$id]) { id }",
        f"_entities(representations: [{entity}]) {{ __typename }}",
    ]
    for way in ways:
        query = f"query ($id: ID!) {{ {way} }}"
        installation.answer(user, query, id=nowhere)  # who the viewer is, is asked for once
        answers = [installation.answer(user, query, id=each) for each in (secret, nowhere)]
        same(*answers, *natives)
        assert answers[0]["extensions"]["sources"] == answers[1]["extensions"]["sources"]
        assert list((answers[0]["data"] or {}).values()) in ([], [None], [[None]])


@pytest.mark.parametrize("user", OTHERS)
def test_anothers_operation_is_not_there_to_change(
    installation: Installation, belongings: dict[str, dict[str, str]], user: str
) -> None:
    secret, nowhere = belongings["steward"]["Operation"], encode_id("Operation", NO_OPERATION)
    for name in ("cancelOperation", "resumeOperation"):
        query = f"mutation ($id: ID!) {{ {name}(id: $id) {{ operation {{ id }} }} }}"
        installation.answer(user, query, id=nowhere)
        answers = [installation.answer(user, query, id=each) for each in (secret, nowhere)]
        same(*answers, secret, nowhere, decode_id(secret)[1], NO_OPERATION)


@pytest.mark.parametrize("user", OTHERS)
def test_anothers_operation_is_not_there_to_follow(
    installation: Installation, belongings: dict[str, dict[str, str]], user: str
) -> None:
    secret, nowhere = belongings["steward"]["Operation"], encode_id("Operation", NO_OPERATION)
    query = "subscription ($id: ID!) { operationProgress(id: $id) { state } }"
    streams = []
    for each in (nowhere, secret, nowhere):
        answer = installation.clients[user].post(
            "/graphql",
            json={"query": query, "variables": {"id": each}},
            headers={"accept": "text/event-stream"},
        )
        assert answer.status_code == 200
        lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
        bodies = [json.loads(line) for line in lines]
        names = (each, decode_id(each)[1])
        streams.append([told(body["errors"], *names) for body in bodies])
    assert streams[1] == streams[2] != []


@pytest.mark.parametrize("user", OTHERS)
def test_anothers_frozen_cohort_is_not_there_to_delete_or_to_download(
    installation: Installation, belongings: dict[str, dict[str, str]], user: str
) -> None:
    secret = belongings["steward"]["CohortSnapshot"]
    number, none = decode_id(secret)[1], NOWHERE["CohortSnapshot"]
    query = "mutation ($id: ID!) { deleteCohortSnapshot(id: $id) { deletedId } }"
    ids = (secret, encode_id("CohortSnapshot", none))
    installation.answer(user, query, id=ids[1])
    answers = [installation.answer(user, query, id=each) for each in ids]
    same(*answers, *ids, number, none)
    client = installation.clients[user]
    for file in [*(facts.file for facts in FORMATS.values()), "cohort.xlsx"]:
        for way in ("", "?split=train:0.5,test:0.5", "?split=a:1&stratifyBy=Q_GENDER", "?split=x"):
            for method in ("GET", "HEAD"):
                answered = [
                    client.request(
                        method,
                        f"/cohorts/{each}/{file}{way}",
                        headers={"range": "bytes=0-9", "if-none-match": "*"},
                    )
                    for each in (number, none)
                ]
                assert answered[0].status_code == answered[1].status_code in {400, 404}
                left_out = {"x-request-id", "date", "content-length"}
                heads = [
                    {name: text for name, text in each.headers.items() if name not in left_out}
                    for each in answered
                ]
                assert heads[0] == heads[1]
                if method == "GET":
                    errors = [each.json()["errors"] for each in answered]
                    assert told(errors[0]) == told(errors[1])


@pytest.mark.parametrize("user", OTHERS)
@pytest.mark.parametrize("type_", OWN)
def test_a_cursor_of_anothers_list_leads_to_ones_own_alone(
    installation: Installation, belongings: dict[str, dict[str, str]], type_: str, user: str
) -> None:
    root = OWN[type_][1]
    query = f"{{ {root} {{ edges {{ cursor }} }} }}"
    cursors = [each["cursor"] for each in installation.data("steward", query)[root]["edges"]]
    assert cursors
    own = belongings.get(user, {}).get(type_)
    for cursor in cursors:
        for window in ("first: 5, after: $at", "last: 5, before: $at"):
            query = "query ($at: String) { %s(%s) { totalCount edges { node { id } } } }"
            told_ = installation.data(user, query % (root, window), at=cursor)[root]
            assert told_["totalCount"] == (0 if own is None else 1)
            assert {edge["node"]["id"] for edge in told_["edges"]} <= {own}


def test_whom_both_systems_show_all_of_it_reads_it(
    installation: Installation, belongings: dict[str, dict[str, str]]
) -> None:
    query = """query ($id: ID!) { cohortSnapshot(id: $id) { name mine whole memberCount
      members(first: 500) { totalCount } exports { url } } }"""
    told_ = installation.data("steward", query, id=belongings["oncology"]["CohortSnapshot"])
    snapshot = told_["cohortSnapshot"]
    assert (snapshot["name"], snapshot["mine"], snapshot["whole"]) == ("of oncology", False, True)
    assert snapshot["members"]["totalCount"] == snapshot["memberCount"]
    answer = installation.clients["steward"].get(snapshot["exports"][0]["url"])
    assert answer.status_code == 200


NO_OPERATION = "00000000-0000-4000-8000-000000000000"
NOWHERE = {"Operation": NO_OPERATION, "CohortSnapshot": "999999"}
