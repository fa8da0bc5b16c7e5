"""What N samples cost in calls, by the server's own request log: the adapter's, and pybis'.

The adapter's number does not depend on N. That of pybis does, wherever it builds objects or walks
from one table to another; the figures are pinned, for they are why the adapter exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pybis import Openbis
from pydantic import SecretStr
from starlette.applications import Starlette

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.demo.world import OpenbisContent, Sample
from backends.errors import Source
from backends.fetch import Fetch
from backends.filters import PageRequest, Sort
from backends.lane import Call, Lane
from backends.openbis.client import Get, OpenbisClient, Search
from backends.openbis.transport import HttpTransport
from backends.records import Kind
from tests.serving import serve

EVERYTHING = Fetch.of(
    "type",
    "properties",
    "project",
    "experiment",
    "registrator",
    parents=Fetch.of("type", "properties"),
    children=Fetch.of("type"),
    omics_datasets=Fetch.of("type", "properties", "location"),
)


@pytest.fixture(scope="module")
def content() -> OpenbisContent:
    return build_world().openbis


@pytest.fixture(scope="module")
def app(content: OpenbisContent) -> Starlette:
    return create_openbis_server(content)


@pytest.fixture(scope="module")
def url(app: Starlette) -> Iterator[str]:
    with serve(app) as address:
        yield address


@pytest.fixture
async def client(url: str) -> AsyncIterator[OpenbisClient]:
    opened = OpenbisClient(HttpTransport(url), Lane(Source.OPENBIS))
    yield opened
    await opened.aclose()


def samples(content: OpenbisContent, number: int) -> list[Sample]:
    """The first N samples of the clinical study: patients, biopsies, extracts and runs mixed."""
    found = [row for row in content.samples if row.space == "CLINICAL"][:number]
    assert len(found) == number
    return found


@pytest.mark.parametrize("number", [1, 100, 1000])
async def test_samples_by_their_ids_cost_one_call(
    client: OpenbisClient, app: Starlette, content: OpenbisContent, number: int
) -> None:
    wanted = samples(content, number)
    token = await client.login("steward", SecretStr(DEMO_PASSWORD), Call())
    app.state.log.clear()
    ids = tuple(row.perm_id for row in wanted)
    (found,) = await client.execute(token, [Get(Kind.SAMPLE, ids, EVERYTHING)], Call())
    assert len(app.state.log) == 1
    assert {key: record.code for key, record in found.items()} == {
        row.perm_id: row.code for row in wanted
    }
    parents = {key: {each.perm_id for each in record.parents} for key, record in found.items()}
    assert parents == {row.perm_id: set(row.parents) for row in wanted}


@pytest.mark.parametrize("number", [1, 100, 1000])
async def test_a_page_of_samples_costs_one_call(
    client: OpenbisClient, app: Starlette, content: OpenbisContent, number: int
) -> None:
    token = await client.login("steward", SecretStr(DEMO_PASSWORD), Call())
    app.state.log.clear()
    page = PageRequest(number, Sort("perm_id"), count=True)
    (found,) = await client.execute(token, [Search(Kind.SAMPLE, None, page, EVERYTHING)], Call())
    assert app.state.log == ["searchSamples"]
    assert (len(found.items), found.total) == (number, len(content.samples))
    by_id = {row.perm_id: row for row in content.samples}
    for record in found.items:
        assert {each.code: each.value for each in record.properties} == by_id[
            record.perm_id
        ].properties


@pytest.fixture
def o(url: str, app: Starlette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Openbis:
    monkeypatch.setenv("HOME", str(tmp_path))  # pybis looks for a token in ~/.pybis
    client = Openbis(
        url, allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True
    )
    client.login("steward", DEMO_PASSWORD)
    app.state.log.clear()
    return client


Action = Callable[[Openbis, list[str]], Any]

# What is done with N samples, and how many calls it costs for N = 1, 10, 100. `objects` pays for
# types, vocabularies and experiments; a second page of the same kind is cheaper by what is cached.
TABLE: dict[str, tuple[Action, tuple[int, int, int]]] = {
    "a table": (lambda o, codes: o.get_samples(code=codes, props="*").df, (2, 2, 2)),
    "a table with parents and data sets": (
        lambda o, codes: o.get_samples(code=codes, attrs=["parents", "dataSets"]).df,
        (2, 2, 2),
    ),
    "objects": (lambda o, codes: o.get_samples(code=codes).objects, (18, 36, 36)),
    "one by one": (
        lambda o, codes: [o.get_sample(f"/CLINICAL/{code}") for code in codes],
        (18, 45, 135),
    ),
    "the parents of a table": (
        lambda o, codes: o.get_samples(code=codes).get_parents().df,
        (3, 12, 102),
    ),
    "the data sets of a table": (
        lambda o, codes: o.get_samples(code=codes).get_datasets().df,
        (3, 12, 102),
    ),
    "the parents of objects": (
        lambda o, codes: [each.get_parents() for each in o.get_samples(code=codes)],
        (19, 53, 211),
    ),
}


@pytest.mark.parametrize("action", TABLE)
def test_what_pybis_costs(o: Openbis, app: Starlette, content: OpenbisContent, action: str) -> None:
    act, wanted = TABLE[action]
    costs = []
    for number in (1, 10, 100):
        o.clear_cache()
        o.server_information = None
        app.state.log.clear()
        act(o, [row.code for row in samples(content, number)])
        costs.append(len(app.state.log))
    assert tuple(costs) == wanted


def test_what_objects_cost_beyond_their_table(
    o: Openbis, app: Starlette, content: OpenbisContent
) -> None:
    """Each type, each controlled property with its vocabulary and terms, each experiment."""
    wanted = samples(content, 100)
    experiments = {row.perm_id: row for row in content.experiments}
    used = {row.experiment or "" for row in wanted}
    types = {("SAMPLE", row.type) for row in wanted}
    types |= {("EXPERIMENT", experiments[key].type) for key in used}
    codes = {
        code
        for row in content.entity_types
        if (row.kind, row.code) in types
        for code in row.property_codes
    }
    vocabularies = {
        row.vocabulary for row in content.property_types if row.code in codes and row.vocabulary
    }
    controlled = [row for row in content.property_types if row.code in codes and row.vocabulary]
    _ = o.get_samples(code=[row.code for row in wanted]).objects
    assert Counter(app.state.log) == {
        "getServerInformation": 1,
        "searchSamples": 1,
        "getSampleTypes": sum(kind == "SAMPLE" for kind, _ in types),
        "getExperiments": len(used),
        "getExperimentTypes": sum(kind == "EXPERIMENT" for kind, _ in types),
        "getProjects": 1,
        "getPropertyTypes": len(controlled),
        "getVocabularies": len(vocabularies),
        "searchVocabularyTerms": len(vocabularies),
    }
