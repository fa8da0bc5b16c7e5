"""What omnibis shows a viewer is what both systems show that viewer, on every path of the schema.

The paths are walked from the schema (`paths.py`), the rights are told by pybis and BlitzGateway
(`conftest.py`). The law of a path: whom the steward, who sees all, finds beyond an object is whom a
viewer finds there, less those that are hidden from the viewer.
"""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType

from api.schema import build_schema
from tests.parity.conftest import OWN, USERS, Installation
from tests.parity.paths import ARGUMENTS, PAGE, Path, ends, entities, paths_from

SCHEMA = build_schema()._schema
ROOT = SCHEMA.query_type
assert ROOT is not None
ROOT_PATHS, ROOT_BLOCKED = paths_from(ROOT)
PATHS = [path for type_ in entities(SCHEMA) for path in paths_from(type_)[0]]
LISTS = [
    path
    for path in ROOT_PATHS
    if path.names[1:] == ("edges", "node") and path.target not in OWN  # those: `test_own.py`
]

# Where what is found depends on what lies between and is hidden, too: only that nothing hidden is
# shown can be said there.
DEPENDS = {
    "subject",  # a pool has none; a viewer who sees one of its two subjects sees that one
    "ancestors",  # lineage ends at the first hidden sample
    "descendants",
    "dataset",  # one of an image's datasets: the first that is seen
    "sample",
    "imageDataset",
    "imaging",
    "images",
    "project",
    "imageProject",
}


def test_every_root_that_leads_to_an_entity_is_looked_at() -> None:
    known = {f"{type_}.{name}" for type_, name in ARGUMENTS}
    known |= {"Query.links", "Query.linkAudit", "Query.cohort"}
    known |= {f"Query.{one}" for one, _ in OWN.values()}
    assert set(ROOT_BLOCKED) - known == set()
    assert {path.target for path in LISTS} >= {"Project", "Sample", "OmicsDataset", "Image"}
    assert len(PATHS) >= 40


def test_every_entity_has_paths_and_none_needs_an_argument() -> None:
    for type_ in entities(SCHEMA):
        _, blocked = paths_from(type_)
        assert blocked == [], "give the argument in ARGUMENTS, so that the path is not left out"


def test_the_witnesses_differ_between_users(installation: Installation) -> None:
    seen = [installation.sees[user] for user in USERS]
    assert len({frozenset(each["Sample"]) for each in seen}) > 2
    assert len({frozenset(each["Image"]) for each in seen}) > 1


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.label)
def test_a_list_is_what_the_system_shows(installation: Installation, path: Path, user: str) -> None:
    data = installation.data(user, f"{{ {path.selection} }}")
    found = ends(data, path.names)
    expected = installation.sees[user][path.target]
    assert len(expected) < PAGE
    assert len(found) == len(set(found))
    assert set(found) == expected
    if data[path.names[0]] is not None:
        counted = installation.data(user, f"{{ {path.names[0]} {{ totalCount }} }}")
        assert counted[path.names[0]]["totalCount"] == len(expected)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("type_", entities(SCHEMA), ids=lambda type_: type_.name)
def test_an_id_opens_what_is_seen_and_nothing_else(
    installation: Installation, type_: GraphQLObjectType, user: str
) -> None:
    if type_.name not in installation.sees[user]:
        pytest.skip("no witness knows this type")
    ids = installation.all(type_.name)
    expected = installation.sees[user][type_.name]
    for root, names in (("nodes(ids: $ids)", "nodes"), (ENTITIES, "_entities")):
        variables: dict[str, Any] = {"ids": ids}
        kind = "ids: [ID!]!"
        if root == ENTITIES:
            variables = {"some": [{"__typename": type_.name, "id": each} for each in ids]}
            kind = "some: [_Any!]!"
        query = f"query (${kind}) {{ {root} {{ ... on {type_.name} {{ id }} }} }}"
        for start in range(0, len(ids), 100):
            chunk = {name: value[start : start + 100] for name, value in variables.items()}
            answer = installation.answer(user, query, **chunk)
            found = [each["id"] for each in (answer["data"] or {})[names] if each is not None]
            assert set(found) == expected & set(ids[start : start + 100])


ENTITIES = "_entities(representations: $some)"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.label)
def test_a_path_shows_whom_both_systems_show(installation: Installation, path: Path) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on %s { %s } } }"
    query %= (path.owner, path.selection)
    if path.owner not in installation.sees["steward"]:
        pytest.skip("no witness knows this type")
    ids = installation.all(path.owner)[:200]
    beyond: dict[str, set[str]] = {}
    for user in USERS:
        visible = [each for each in ids if each in installation.sees[user][path.owner]]
        everything = set().union(*installation.sees[user].values())
        for node in installation.data(user, query, ids=visible)["nodes"] if visible else ():
            assert node is not None
            found = set(ends(node, path.names))
            assert found <= everything, f"{user} is shown what is hidden"
            if user == "steward":
                beyond[node["id"]] = found
            elif not DEPENDS & set(path.names):
                assert found == beyond[node["id"]] & everything, user
