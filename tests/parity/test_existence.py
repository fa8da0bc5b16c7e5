"""That something exists is not to be found out by whom it is hidden from.

What is hidden answers as what is not there: ids, identifiers, pictures, cursors of somebody else,
and numbers, which count what the viewer sees.
"""

from __future__ import annotations

from typing import Any

import pytest

from resolvers.paging import decode_id, encode_id
from tests.parity.conftest import USERS, Installation
from tests.parity.paths import ends
from tests.parity.test_parity import LISTS

VIEWERS = tuple(user for user in USERS if user != "steward")
NOWHERE = {
    "Project": "20991231235959999-999",
    "Experiment": "20991231235959999-998",
    "Sample": "20991231235959999-997",
    "OmicsDataset": "20991231235959999-996",
    "ImageProject": "999999",
    "ImageDataset": "999998",
    "Image": "999997",
    "ProjectLink": "999996",
    "SampleLink": "999995",
}
LOOK_UPS = {
    "Project": "project(identifier: %s) { id }",
    "Experiment": "experiment(identifier: %s) { id }",
    "Sample": "sample(identifier: %s) { id }",
    "OmicsDataset": "omicsDataset(permId: %s) { id }",
    "ImageProject": "imageProject(omeroId: %s) { id }",
    "ImageDataset": "imageDataset(omeroId: %s) { id }",
    "Image": "image(omeroId: %s) { id }",
}


def hidden(installation: Installation, user: str, type_: str) -> str | None:
    """An id that the user may not see, if there is one."""
    for each in installation.all(type_):
        if each not in installation.sees[user][type_]:
            return each
    return None


def told(errors: list[Any], *names: str) -> list[str]:
    """Errors without what differs between any two: request id, place, and the names asked for."""
    found = []
    for error in errors:
        text = str({**error, "locations": None})
        for name in sorted((*names, error["extensions"]["requestId"]), key=len, reverse=True):
            text = text.replace(name, "…")
        found.append(text)
    return sorted(found)


def same(one: Any, other: Any, *names: str) -> None:
    """Assert that two answers are the same, and cost the same."""
    assert one["data"] == other["data"]
    assert told(one.get("errors", []), *names) == told(other.get("errors", []), *names)
    assert one["extensions"]["cost"]["calls"] == other["extensions"]["cost"]["calls"]


@pytest.mark.parametrize("user", VIEWERS)
@pytest.mark.parametrize("type_", NOWHERE)
def test_a_hidden_id_answers_as_one_that_is_not_there(
    installation: Installation, type_: str, user: str
) -> None:
    secret = hidden(installation, user, type_)
    if secret is None:
        pytest.skip("this user sees all of them")
    nowhere = encode_id(type_, NOWHERE[type_])
    natives = (decode_id(secret)[1], NOWHERE[type_])
    # Each in a request of its own: two at once may or may not share a call.
    for root in ("node(id: $id)", "nodes(ids: [$id])"):
        query = f"query ($id: ID!) {{ {root} {{ id }} }}"
        installation.answer(user, query, id=nowhere)  # who the viewer is, is asked for once
        answers = [installation.answer(user, query, id=each) for each in (secret, nowhere)]
        same(*answers, *natives)
        assert list(answers[0]["data"].values()) in ([None], [[None]])


@pytest.mark.parametrize("user", VIEWERS)
@pytest.mark.parametrize("type_", LOOK_UPS)
def test_a_hidden_name_answers_as_one_that_is_not_there(
    installation: Installation, type_: str, user: str
) -> None:
    secret = hidden(installation, user, type_)
    if secret is None:
        pytest.skip("this user sees all of them")
    native = decode_id(secret)[1]
    quote = "%s" if native.isdigit() and type_.startswith("Image") else '"%s"'
    answers = [
        installation.answer(user, "{ %s }" % (LOOK_UPS[type_] % (quote % each)))
        for each in (native, NOWHERE[type_])
    ]
    same(*answers, native, NOWHERE[type_])
    assert set(answers[0]["data"].values()) == {None}


@pytest.mark.parametrize("user", VIEWERS)
@pytest.mark.parametrize("place", ["thumbnail", "viewer"])
def test_a_hidden_picture_answers_as_one_that_is_not_there(
    installation: Installation, place: str, user: str
) -> None:
    secret = hidden(installation, user, "Image")
    if secret is None:
        pytest.skip("this user sees all of them")
    client = installation.clients[user]
    answers = [
        client.get(f"/images/{each}/{place}") for each in (decode_id(secret)[1], NOWHERE["Image"])
    ]
    assert answers[0].status_code == answers[1].status_code
    ignored = {"x-request-id", "date", "etag", "content-length"}
    headers = [
        {name: value for name, value in each.headers.items() if name not in ignored}
        for each in answers
    ]
    assert headers[0] == headers[1]
    if answers[0].headers["content-type"].startswith("application/json"):
        names = (decode_id(secret)[1], NOWHERE["Image"])
        assert told(answers[0].json()["errors"], *names) == told(
            answers[1].json()["errors"], *names
        )
    else:
        assert answers[0].content == answers[1].content


@pytest.mark.parametrize("user", VIEWERS)
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.label)
def test_a_cursor_of_somebody_else_shows_nothing_more(
    installation: Installation, path: Any, user: str
) -> None:
    root = path.names[0]
    query = (
        "query ($after: String) { %s(first: 5, after: $after) { edges { cursor node { id } } } }"
    )
    edges = installation.data("steward", query % root)[root]["edges"]
    for edge in edges:
        data = installation.data(user, query % root, after=edge["cursor"])
        found = set(ends(data, (root, "edges", "node")))
        assert found <= installation.sees[user][path.target]


@pytest.mark.parametrize("user", USERS)
def test_numbers_count_what_the_viewer_sees(installation: Installation, user: str) -> None:
    query = """query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Project {
      code statistics { experiments samples omicsDatasets imageDatasets images }
      experiments(first: 500) { totalCount edges { node { id } } }
      samples(first: 500) { totalCount edges { node { id omicsDatasets { id } } } }
      imageProject {
        imageDatasetCount
        imageDatasets(first: 50) { totalCount edges { node {
          imageCount images(first: 100) { totalCount edges { node { id } } }
        } } }
        images(first: 500) { totalCount edges { node { id } } }
      }
    } } }"""
    ids = sorted(installation.sees[user]["Project"])
    for project in installation.data(user, query, ids=ids)["nodes"] if ids else ():
        told_ = project["statistics"]
        assert told_["experiments"] == len(project["experiments"]["edges"])
        assert told_["samples"] == len(project["samples"]["edges"])
        for each in (project["experiments"], project["samples"]):
            assert each["totalCount"] == len(each["edges"])
        beyond = project["imageProject"]
        if beyond is None:
            continue
        datasets = [edge["node"] for edge in beyond["imageDatasets"]["edges"]]
        assert beyond["imageDatasetCount"] == told_["imageDatasets"] == len(datasets)
        for dataset in datasets:
            shown = dataset["images"]
            assert dataset["imageCount"] == shown["totalCount"] == len(shown["edges"])
        images = {edge["node"]["id"] for each in datasets for edge in each["images"]["edges"]}
        assert {edge["node"]["id"] for edge in beyond["images"]["edges"]} == images
        assert told_["images"] == beyond["images"]["totalCount"] == len(images)


@pytest.mark.parametrize("user", USERS)
def test_links_and_their_audit_name_only_what_the_viewer_sees(
    installation: Installation, user: str
) -> None:
    query = """query ($project: String!) {
      links(project: $project, first: 500) { totalCount edges { node { id } } }
      linkAudit(project: $project) { samples imageDatasets findings { openbisPermIds omeroIds } }
    }"""
    for each in installation.all("Project"):
        perm_id = decode_id(each)[1]
        data = installation.data(user, query, project=perm_id)
        if each not in installation.sees[user]["Project"]:
            assert data == {"links": None, "linkAudit": None}
            continue
        seen = installation.sees[user]
        found = set(ends(data, ("links", "edges", "node")))
        assert found <= seen["ProjectLink"] | seen["SampleLink"]
        assert data["links"]["totalCount"] == len(found)
        if data["linkAudit"] is None:  # one system did not let the viewer in: half would mislead
            continue
        for finding in data["linkAudit"]["findings"]:
            for number in finding["openbisPermIds"]:
                samples = seen["Sample"] | seen["Project"]
                assert (
                    encode_id("Sample", number) in samples
                    or encode_id("Project", number) in samples
                )
