"""What is hidden from a user might as well not be there: no answer to that user would differ.

Each question is put to two houses: one over the whole installation, one over the same without what
pybis and the gateway do not show to the user. Data, errors, who answered, and what it cost must be
the same: facets, counts, cohorts, thumbnails and exports, with nothing left to compare or to guess.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pyarrow.parquet as pq
import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from api.app import create_app
from api.auth import TokenBox
from api.demonstration import demonstration
from api.explorer.questions import load_questions
from api.settings import load_settings
from backends.demo.world import World
from resolvers.paging import decode_id, encode_id
from tests.parity.absence import purge
from tests.parity.conftest import NO_LONGER, OWN, USERS, Installation
from tests.parity.paths import Path, entities, is_entity
from tests.parity.test_parity import ROOT_PATHS, SCHEMA
from tests.resolvers.cohorts.worlds import make_land
from tests.serving import serve

VIEWERS = tuple(user for user in USERS if user != "steward")
LIMITS = {"calls": 1_000_000, "nodes": 1_000_000_000, "fields": 1_000_000, "tokens": 100_000,
          "depth": 60, "calls_made": 1_000_000, "login_failures": 100}  # fmt: skip
LOGIN = 'mutation ($u: String!) { login(username: $u, password: "demo") { token } }'
# What travels together depends on when OMERO's threads are done, so the same question has one of a
# few costs in either house: they are asked until both have told the same.
TIMES = 30
# What tells the time, or which of two link stores it is: not compared.
OF_THE_HOUSE = {
    "requestId", "milliseconds", "createdAt", "updatedAt", "at", "revision", "linkRevision",
    "version", "digest",
}  # fmt: skip
LINK_IDS = {"ProjectLink", "SampleLink"}


@dataclass
class Twins:
    """One user's clients of both houses: with what is hidden, and without."""

    user: str
    whole: httpx.Client
    without: httpx.Client
    ids: list[str]  # of all there is, whoever sees it

    def same(self, query: str, **variables: Any) -> Any:
        """Ask both; assert that they say the same, and return it."""
        body = {"query": query, "variables": variables}
        costs: tuple[list[Any], list[Any]] = ([], [])
        for _ in range(TIMES):
            answers = [each.post("/graphql", json=body) for each in (self.whole, self.without)]
            assert answers[0].status_code == answers[1].status_code == 200, answers[0].text
            told = [scrubbed(each.json()) for each in answers]
            for each, answer in zip(costs, told, strict=True):
                each.append(answer["extensions"].pop("cost", None))
            assert not list(differences(*told)), query
            if any(cost in costs[1] for cost in costs[0]):
                return answers[0].json()
        raise AssertionError((costs, query))

    def same_file(self, path: str, *ignored: str) -> httpx.Response:
        """Fetch from both; assert that they hand out the same, and return it."""
        answers = [each.get(path) for each in (self.whole, self.without)]
        heads = [
            {
                name: value
                for name, value in each.headers.items()
                if name not in {"x-request-id", "date", *ignored}
            }
            for each in answers
        ]
        assert heads[0] == heads[1], path
        assert answers[0].status_code == answers[1].status_code
        if answers[0].status_code == 200:
            assert answers[0].content == answers[1].content, path
        else:
            assert not list(differences(*(scrubbed(each.json()) for each in answers))), path
        return answers[0]


def scrubbed(value: Any) -> Any:
    """An answer without what differs between any two houses."""
    if isinstance(value, dict):
        return {key: scrubbed(each) for key, each in value.items() if key not in OF_THE_HOUSE}
    if isinstance(value, list):
        return [scrubbed(each) for each in value]
    if isinstance(value, str) and re.fullmatch(r"[\w-]{12,}={0,2}", value):
        try:
            kind = decode_id(value)[0]
        except Exception:  # noqa: BLE001 - it is no id
            return value
        return kind if kind in LINK_IDS else value
    return value


def differences(one: Any, other: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two answers differ, and in what."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from differences(one.get(key), other.get(key), f"{place}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif one != other:
        yield place, one, other


@pytest.fixture(scope="module", params=VIEWERS)
def twins(installation: Installation, request: pytest.FixtureRequest) -> Iterator[Twins]:
    user = request.param
    all_, seen = installation.sees["steward"], installation.sees[user]
    whole, without = make_land(installation.seed).world, make_land(installation.seed).world
    purge(without, all_, seen)
    ids = sorted(each for type_ in all_ if type_ not in LINK_IDS for each in all_[type_])
    with ExitStack() as stack:
        clients = [stack.enter_context(client_of(world, user)) for world in (whole, without)]
        yield Twins(user, *clients, ids)


@contextmanager
def client_of(world: World, user: str) -> Iterator[httpx.Client]:
    """A signed-in client of a house over a world."""
    settings = load_settings({}, introspection=True, limits=LIMITS)
    built = demonstration(settings, world=world)
    app = create_app(settings, built.parts, TokenBox((b"p" * 32,)))
    with (
        serve(app, lifespan=True) as address,
        httpx.Client(base_url=address, timeout=60, limits=NO_LONGER) as client,
    ):
        told = client.post("/graphql", json={"query": LOGIN, "variables": {"u": user}}).json()
        client.headers["authorization"] = f"Bearer {told['data']['login']['token']}"
        yield client


def fields_of(type_: Any, deep: int, left_out: frozenset[str] = frozenset()) -> str:
    """Every field that needs no argument, down to entities `deep` steps away."""
    if isinstance(type_, GraphQLUnionType):
        return " ".join(f"... on {e.name} {{ {fields_of(e, deep)} }}" for e in type_.types)
    found = ["__typename"]
    for name, field in type_.fields.items():
        if name.startswith("_") or name in left_out:
            continue
        if any(map(is_required_argument, field.args.values())):
            continue
        target: Any = get_named_type(field.type)
        arguments = "(first: 100)" if "first" in field.args else ""
        if is_leaf_type(target):
            found.append(name)
        elif is_entity(target):
            found.append(f"{name} {{ {fields_of(target, deep - 1) if deep else '__typename'} }}")
        elif deep >= 0 and target.name not in left_out:
            below = fields_of(target, deep, left_out | {target.name})
            found.append(f"{name}{arguments} {{ {below} }}")
    return " ".join(found)


@pytest.mark.parametrize("type_", entities(SCHEMA), ids=lambda type_: type_.name)
def test_the_nodes_of_all_ids_are_the_same(twins: Twins, type_: GraphQLObjectType) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on %s { %s } } }"
    told = twins.same(query % (type_.name, fields_of(type_, 1)), ids=twins.ids)
    assert len(told["data"]["nodes"]) == len(twins.ids)


LISTS = [path for path in ROOT_PATHS if path.target not in OWN and len(path.names) > 1]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.label)
def test_every_list_is_the_same(twins: Twins, path: Path) -> None:
    root = path.names[0]
    field = SCHEMA.query_type.fields[root]  # type: ignore[union-attr]
    selected = fields_of(get_named_type(field.type), 1)
    twins.same(f"{{ {root}(first: 100) {{ {selected} }} }}")
    twins.same(f"{{ {root}(first: 3) {{ {selected} }} }}")
    twins.same(f"{{ {root}(last: 3) {{ totalCount {selected} }} }}")


NOWHERE_PAIR = [{"key": "Modality", "value": {"eq": "CT"}}]
CLAUSES: dict[str, Any] = {
    "all": {},
    "project": {"project": {"code": {"eq": "P1"}}},
    "not a project": {"not": {"project": {"code": {"eq": "P2"}}}},
    "type": {"self": {"type": {"eq": "Q_BIOLOGICAL_SAMPLE"}}},
    "property": {"self": {"property": [{"code": "Q_GENDER", "string": {"eq": "FEMALE"}}]}},
    "omics": {"has": {"omics": {"type": {"eq": "Q_NGS_RAW_DATA"}}}},
    "images": {"has": {"image": {}}},
    "a modality": {"has": {"image": {"keyValue": NOWHERE_PAIR}}},
    "two images": {"has": {"image": {"channel": {"eq": "DAPI"}}, "atLeast": 2}},
    "no images": {"not": {"has": {"image": {}}}},
    "either": {"or": [{"has": {"image": {"tag": {"eq": "usable"}}}}, {"has": {"omics": {}}}]},
    "all of it": {
        "and": [
            {"has": {"sample": {"type": {"eq": "Q_TEST_SAMPLE"}}}},
            {"not": {"has": {"image": {"tag": {"eq": "H&E"}}}}},
        ]
    },
}
FACETS = """facets(by: [{property: "Q_GENDER"} {property: "Q_AGE_AT_DIAGNOSIS", buckets: 3}
    {property: "Q_PRIMARY_TISSUE", of: SAMPLES} {keyValue: "Modality"} {keyValue: "Grade"}
    {attribute: TYPE, of: SAMPLES} {attribute: OMICS_TYPE} {attribute: REGISTERED, buckets: 4}
    ]) { name kind missing others complete buckets { label count low high since before } }"""
COHORT = """query ($unit: CohortUnit!, $where: CohortFilter!) { cohort(unit: $unit, where: $where) {
    totalCount completeness { complete atMost gaps { code clause message source } }
    funnel { clause source subjects samples complete }
    explain { steps { how estimate calls { total } } estimatedCalls { openbis omero linkStore } }
    availability(first: 100) { totalCount edges { cursor node {
      subject { id } cells { modality { kind name } presence count }
      samples { sample { id } cells { modality { kind name } presence count } } } } }
    members(first: 100) { totalCount pageInfo { hasNextPage } edges { cursor node {
      subject { id } images { id } omicsDatasets { id }
      specimens { imaging sample { id code } images { id name } omicsDatasets { id } } } } }
    """
COHORT += FACETS + "} }"


@pytest.mark.parametrize("unit", ["SUBJECT", "SAMPLE"])
@pytest.mark.parametrize("clause", CLAUSES)
def test_every_cohort_is_the_same(twins: Twins, clause: str, unit: str) -> None:
    told = twins.same(COHORT, unit=unit, where=CLAUSES[clause])
    assert "errors" not in told or twins.user in {"genomics", "microscopy"}


def test_links_and_their_audit_are_the_same(twins: Twins) -> None:
    query = """query ($p: String!) { links(project: $p, first: 100) { totalCount edges { node { id
          ... on SampleLink { state sample { id } imageDataset { id } } } } }
        linkAudit(project: $p) { samples imageDatasets links counts { kind count }
          findings { kind sentence repair openbisPermIds omeroIds } } }"""
    for project in ("P1", "P2", "P3", "P4"):
        twins.same(query, p=project)


def test_every_picture_is_the_same(twins: Twins) -> None:
    statuses = set()
    for each in [*twins.ids, encode_id("Image", 999_999)]:
        type_, native = decode_id(each)
        if type_ == "Image":
            for place in ("thumbnail?size=64", "thumbnail", "viewer"):
                statuses.add(twins.same_file(f"/images/{native}/{place}").status_code)
    assert 404 in statuses


def test_saved_questions_are_the_same(twins: Twins) -> None:
    for question in load_questions():
        twins.same(question.query, **orjson.loads(question.variables or "{}"))


FREEZE = """mutation ($where: CohortFilter!, $unit: CohortUnit!) {
  freezeCohort(name: "mine", where: $where, unit: $unit) {
    snapshot { id number memberCount rowCount whole columns { name many terms { code } }
      exports { file url } members(first: 100) { totalCount edges { node { position permId } } }
      verification { intact } changes { unchanged }
      split(plan: {parts: [{name: "a", fraction: 0.5} {name: "b", fraction: 0.5}]}) {
        parts { subjects members rows } leakage { clean counts { bond count } leaks { through } } }
    }
    memberCount rowCount userErrors { code message }
  }
}"""


@pytest.mark.parametrize("unit", ["SUBJECT", "SAMPLE"])
@pytest.mark.parametrize("clause", ["all", "omics", "images"])
def test_what_is_frozen_and_handed_out_is_the_same(twins: Twins, clause: str, unit: str) -> None:
    told = twins.same(FREEZE, where=CLAUSES[clause], unit=unit)
    snapshot = ((told["data"] or {}).get("freezeCohort") or {}).get("snapshot")
    if snapshot is None:  # there is nothing for this user, in either house
        return
    place = f"/cohorts/{snapshot['number']}"
    for file in ("cohort.csv", "cohort.jsonl"):
        assert twins.same_file(f"{place}/{file}", "etag").status_code == 200
    tables = [  # its metadata name the digest
        pq.read_table(io.BytesIO(each.get(f"{place}/cohort.parquet").content)).to_pylist()
        for each in (twins.whole, twins.without)
    ]
    assert tables[0] == tables[1]


def test_the_second_house_holds_what_the_witnesses_show_and_nothing_else(
    twins: Twins, installation: Installation
) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    asked = {"query": LOGIN, "variables": {"u": "steward"}}
    token = twins.without.post("/graphql", json=asked).json()["data"]["login"]["token"]
    told = twins.without.post(
        "/graphql",
        json={"query": query, "variables": {"ids": twins.ids}},
        headers={"authorization": f"Bearer {token}"},
    ).json()
    found = {each["id"] for each in told["data"]["nodes"] if each is not None}
    seen = installation.sees[twins.user]
    assert found == {each for type_, ids in seen.items() if type_ not in LINK_IDS for each in ids}
    assert len(found) < len(twins.ids)
