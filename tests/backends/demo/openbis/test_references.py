"""Repeated objects on the wire in the three modes, and references inside requests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.demo.openbis.references import Bean, Mode, write
from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import (
    FETCH,
    PROPERTIES,
    Client,
    by,
    content,
    resolved,
    samples,
)

SORT = {"sortings": [{"field": "CODE", "order": {"asc": True}}]}


async def rich_search(mode: Mode) -> Any:
    client = await Client(create_openbis_server(content(), references=mode)).login()
    person = FETCH["Persons"]()
    nested = {"type": FETCH["SampleTypes"](), "properties": PROPERTIES, "registrator": person}
    fetch = FETCH["Samples"](
        sort=SORT,
        **nested,
        parents=FETCH["Samples"](sort=SORT, **nested),
        dataSets=FETCH["DataSets"](
            sort=SORT, type=FETCH["DataSetTypes"](), experiment=FETCH["Experiments"]()
        ),
        experiment=FETCH["Experiments"](project=FETCH["Projects"](leader=person)),
    )
    return await client.search("Samples", samples(), fetch)


@pytest.mark.parametrize("mode", ["server", "adversarial"])
async def test_all_modes_say_the_same(mode: Mode) -> None:
    assert resolved(await rich_search(mode)) == resolved(await rich_search("none"))


async def test_none_repeats_everything() -> None:
    def integers_at_bean_positions(node: Any) -> bool:
        if isinstance(node, list):
            return any(isinstance(each, int) or integers_at_bean_positions(each) for each in node)
        if isinstance(node, dict):
            keys = ("type", "registrator", "experiment", "project", "space", "parents")
            return any(type(node.get(key)) is int for key in keys) or any(
                map(integers_at_bean_positions, node.values())
            )
        return False

    assert not integers_at_bean_positions(await rich_search("none"))
    assert integers_at_bean_positions(await rich_search("server"))


async def test_the_server_shares_what_was_translated_alike() -> None:
    found = await rich_search("server")
    first, second = found["objects"][:2]
    assert (found["@id"], first["@id"]) == (1, 2)
    assert list(first)[:2] == ["@type", "@id"]
    assert first["code"] == "B-1"
    assert first["type"]["code"] == "EXTRACT"
    # registrator and type come again as integers; permId and fetchOptions do not
    assert second["registrator"] == first["parents"][0]["registrator"]["@id"]
    assert found["objects"][3]["type"] == first["type"]["@id"]
    assert all(isinstance(each["permId"], dict) for each in found["objects"])
    assert all(isinstance(each["fetchOptions"], dict) for each in found["objects"])
    assert isinstance(second["fetchOptions"]["properties"], int)
    # with other options it is another object
    bio = next(each for each in found["objects"] if each["code"] == "BIO-1")
    entity = next(each for each in found["objects"] if each["code"] == "ENT-1")
    assert bio["parents"][0] != entity["@id"]


async def test_adversarial_integers_precede_their_definition() -> None:
    found = await rich_search("adversarial")
    assert isinstance(found["objects"][0]["type"], int)
    assert isinstance(found["objects"][0]["registrator"], int)


async def test_a_whole_ancestry_in_one_call_leaves_integers_in_objects() -> None:
    client = await Client(create_openbis_server(content())).login()
    fetch = FETCH["Samples"](**{"@id": 1, "sort": SORT, "properties": PROPERTIES, "parents": 1})
    descending = {"sortings": [{"field": "CODE", "order": {"asc": False}}]}
    found = await client.search(
        "Samples", samples(by("Code", "*-1")), {**fetch, "sort": descending}
    )
    assert found["totalCount"] == 4
    assert isinstance(found["objects"][2], int) or isinstance(found["objects"][1], int)
    whole = resolved(found)["objects"]
    assert [each["code"] for each in whole] == ["RNA-1", "ENT-1", "BIO-1", "B-1"]
    bio_2, bio_1 = whole[0]["parents"]
    assert [each["code"] for each in bio_2["parents"]] == ["ENT-2", "ENT-1"]
    assert [each["code"] for each in bio_1["parents"]] == ["ENT-1"]
    assert bio_1["parents"][0]["parents"] == []
    assert bio_1["parents"][0]["properties"]["NAME"] == "Patient One"


@pytest.mark.parametrize("mode", ["none", "server", "adversarial"])
async def test_a_cycle_ends_in_an_integer(mode: Mode) -> None:
    client = await Client(create_openbis_server(content(), references=mode)).login()
    fetch = FETCH["Experiments"](**{"@id": 5, "samples": FETCH["Samples"](experiment=5, sort=SORT)})
    ids = [{"@type": "as.dto.experiment.id.ExperimentIdentifier", "identifier": "/B/PB/E2"}]
    found = await client.get("Experiments", ids, fetch)
    experiment = resolved(found)["/B/PB/E2"]
    assert experiment["code"] == "E2"
    assert [each["code"] for each in experiment["samples"]] == ["B-1"]
    assert experiment["samples"][0]["experiment"] == "cycle"


@pytest.mark.parametrize(
    "fetch",
    [
        FETCH["Samples"](parents=7),
        FETCH["Samples"](parents=7, children=FETCH["Samples"](**{"@id": 7})),
        FETCH["Samples"](**{"@id": 1, "children": FETCH["Samples"](**{"@id": 1})}),
    ],
    ids=["unknown", "before its definition", "twice the same id"],
)
async def test_references_that_jackson_refuses(fetch: dict[str, Any]) -> None:
    client = await Client(create_openbis_server(content())).login()
    response = await client.post("searchSamples", client.token, samples(), fetch)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == -32602


async def test_one_parameter_is_one_scope() -> None:
    client = await Client(create_openbis_server(content())).login()
    where = {**samples(), "@id": 1}
    fetch = FETCH["Samples"](**{"@id": 1, "parents": 1})
    assert (await client.search("Samples", where, fetch))["totalCount"] == 9
    # a criterion may be repeated by its number as well
    code = {**by("Code", "BIO-1"), "@id": 3}
    assert await client.codes("Samples", samples(code, samples(3))) == ["BIO-1"]


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Edges of a directed graph over up to eight beans, cycles allowed."""
    size = draw(st.integers(1, 8))
    return [draw(st.lists(st.integers(0, size - 1), max_size=4)) for _ in range(size)]


@given(graphs(), st.sampled_from(["server", "adversarial"]))
def test_any_graph_survives_the_writer(edges: list[list[int]], mode: Mode) -> None:
    """Written and resolved, every bean occurs exactly once and every edge leads where it led."""
    beans = [Bean({"@type": "x", "@id": None, "name": f"bean {at}"}) for at in range(len(edges))]
    for bean, targets in zip(beans, edges, strict=True):
        bean["many"] = [beans[target] for target in targets]
        bean["one"] = beans[targets[0]] if targets else None
        bean["map"] = {str(at): beans[target] for at, target in enumerate(targets)}
    written = write(beans[0], mode)
    defined: dict[int, Any] = {}
    pending = [written]
    while pending:
        node = pending.pop()
        if isinstance(node, Bean):
            assert node["@id"] not in defined
            defined[node["@id"]] = node
        if isinstance(node, dict):
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)

    def name(slot: Any) -> Any:
        return None if slot is None else (slot if isinstance(slot, dict) else defined[slot])["name"]

    reached = {0}
    for _ in edges:
        reached |= {target for at in reached for target in edges[at]}
    assert {node["name"] for node in defined.values()} == {f"bean {at}" for at in reached}
    for node in defined.values():
        targets = edges[int(node["name"].removeprefix("bean "))]
        assert [name(slot) for slot in node["many"]] == [f"bean {at}" for at in targets]
        assert [name(slot) for slot in node["map"].values()] == [f"bean {at}" for at in targets]
        assert name(node["one"]) == (f"bean {targets[0]}" if targets else None)
