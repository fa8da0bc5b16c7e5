"""Samples and experiments: relations in any order, moves, rules, codes, dates."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import FETCH, T0, Client, content
from tests.backends.demo.openbis.requests import (
    Writer,
    action,
    an_id,
    changed,
    creation,
    ids,
    listed,
    update,
)
from tests.backends.demo.openbis.writing.conftest import NOW, Clock

BARE = FETCH["Samples"]()


def sample(code: str, **fields: Any) -> dict[str, Any]:
    return creation("Sample", code=code, **{"type": "ENTITY", "space": "A", **fields})


def codes(found: list[dict[str, Any]]) -> list[str]:
    return sorted(each["code"] for each in found)


async def relatives(writer: Writer, key: str) -> tuple[list[str], list[str]]:
    found = await writer.one("Sample", key, parents=BARE, children=FETCH["Samples"](count=99))
    return codes(found["parents"]), codes(found["children"])


async def test_a_sample_is_what_was_asked_for(alice: Writer) -> None:
    key = await alice.make(
        "Sample",
        code="new-1",
        type="EXTRACT",
        space="A",
        experiment="/A/PA/E1",
        parents=["/A/ENT-1", "s-2"],
        properties={"name": "fresh", "COUNT": 7, "flag": True, "NOTE": None},
    )
    assert re.fullmatch(r"[0-9]{17}-[0-9]+", key)
    found = await alice.one(
        "Sample",
        "/A/NEW-1",
        type=FETCH["SampleTypes"](),
        experiment=FETCH["Experiments"](),
        registrator=FETCH["Persons"](),
        modifier=FETCH["Persons"](),
        parents=BARE,
    )
    assert found["permId"]["permId"] == key
    assert found["type"]["code"] == "EXTRACT"
    assert found["experiment"]["identifier"]["identifier"] == "/A/PA/E1"
    assert found["properties"] == {"NAME": "fresh", "COUNT": "7", "FLAG": "true"}
    assert codes(found["parents"]) == ["ENT-1", "ENT-2"]
    assert found["registrator"]["userId"] == "alice"
    assert found["modifier"] == found["registrator"]["@id"]
    assert found["registrationDate"] == found["modificationDate"] == NOW


async def test_properties_are_a_delta(alice: Writer) -> None:
    await alice.update(
        "Sample", update("Sample", "sampleId", "s-3", properties={"name": "x", "COUNT": None})
    )
    found = await alice.one("Sample", "s-3")
    assert found["properties"] == {"NAME": "x", "RATIO": "0.5", "FLAG": "true"}


async def test_parents_and_children_in_any_order_of_the_list(alice: Writer) -> None:
    made = await alice.create(
        "Sample",
        sample("C", named="c", parents=["#b"]),
        sample("B", named="b", children=["s-6"]),
        sample("A", children=["#b"]),
    )
    assert await relatives(alice, made[1]) == (["A"], ["C", "RNA-2"])
    late = await alice.create(
        "Sample", sample("D", children=["#e"]), sample("E", named="e", parents=["s-1"])
    )
    assert await relatives(alice, late[1]) == (["D", "ENT-1"], [])
    assert await relatives(alice, "s-6") == (["B", "BIO-1"], [])


@pytest.mark.parametrize(
    ("actions", "parents"),
    [
        ([("Add", "s-1")], ["BIO-1", "BIO-2", "ENT-1"]),
        ([("Add", "s-3")], ["BIO-1", "BIO-2"]),
        ([("Remove", "s-3")], ["BIO-2"]),
        ([("Remove", "s-1")], ["BIO-1", "BIO-2"]),
        ([("Set", "s-1")], ["ENT-1"]),
        ([("Set",)], []),
        ([("Set", "s-1"), ("Add", "s-2"), ("Remove", "s-1")], ["ENT-2"]),
    ],
)
async def test_actions_on_parents(alice: Writer, actions: Any, parents: list[str]) -> None:
    value = listed(*(action(verb, *ids("Sample", *keys)) for verb, *keys in actions))
    await alice.update("Sample", update("Sample", "sampleId", "s-5", parentIds=value))
    assert (await relatives(alice, "s-5"))[0] == parents


async def test_children_are_the_other_direction(alice: Writer) -> None:
    add = listed(action("Add", an_id("Sample", "s-6")))
    await alice.update("Sample", update("Sample", "sampleId", "s-2", childIds=add))
    assert await relatives(alice, "s-6") == (["BIO-1", "ENT-2"], [])
    replace = listed(action("Set", an_id("Sample", "s-5")))
    await alice.update("Sample", update("Sample", "sampleId", "s-3", childIds=replace))
    assert await relatives(alice, "s-6") == (["ENT-2"], [])
    assert (await relatives(alice, "s-5"))[0] == ["BIO-1", "BIO-2"]


async def test_nothing_descends_from_itself(alice: Writer) -> None:
    loop = listed(action("Add", an_id("Sample", "s-5")))
    said = await alice.refusal(
        "updateSamples", [update("Sample", "sampleId", "s-1", parentIds=loop)]
    )
    assert said.startswith("Circular dependency found")
    assert (await relatives(alice, "s-1"))[0] == []
    own = sample("OWN", named="own", parents=["#own"])
    assert "Circular dependency found" in await alice.refusal("createSamples", [own])
    ring = [sample(f"R{at}", named=f"r{at}", parents=[f"#r{(at + 1) % 3}"]) for at in range(3)]
    assert "Circular dependency found" in await alice.refusal("createSamples", ring)
    assert await alice.gone("Sample", "/A/R0")


async def test_containers_and_components(alice: Writer) -> None:
    plate, first, second = await alice.create(
        "Sample",
        sample("PLATE", named="plate", components=["#a1"]),
        sample("A1", named="a1"),
        sample("A2", container="#plate"),
    )
    found = await alice.one("Sample", plate, components=BARE, container=BARE)
    assert codes(found["components"]) == ["A1", "A2"]
    assert found["container"] is None
    well = await alice.one("Sample", "/A/PLATE:A1", container=BARE)
    assert (well["permId"]["permId"], well["container"]["code"]) == (first, "PLATE")
    out = listed(action("Remove", an_id("Sample", first)))
    await alice.update("Sample", update("Sample", "sampleId", plate, componentIds=out))
    assert (await alice.one("Sample", "/A/A1"))["permId"]["permId"] == first
    free = update("Sample", "sampleId", second, containerId=changed(None))
    await alice.update("Sample", free)
    assert codes((await alice.one("Sample", plate, components=BARE))["components"]) == []
    back = update("Sample", "sampleId", plate, containerId=changed(an_id("Sample", plate)))
    said = await alice.refusal("updateSamples", [back])
    assert said == "'/A/PLATE' cannot be it's own container. (Context: [])"


async def test_the_same_code_may_stand_in_two_containers(alice: Writer) -> None:
    await alice.create(
        "Sample",
        sample("P1", named="p1"),
        sample("P2", named="p2"),
        sample("W", container="#p1"),
        sample("W", container="#p2"),
        sample("W"),
    )
    again = sample("W", container="/A/P1")
    assert "already exists" in await alice.refusal("createSamples", [again])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"code": "ENT-1"}, "Insert/Update of sample (code: ENT-1) failed because sample with"),
        ({"code": ""}, "Code cannot be empty for a non auto generated code."),
        ({"code": None}, "Code cannot be empty for a non auto generated code."),
        ({"code": "?!*"}, "The code '?!*' contains illegal characters"),
        ({"code": "X:Y"}, "The code 'X:Y' contains illegal characters"),
        ({"typeId": None}, "Type id cannot be null."),
        (
            {"type": "NONE"},
            "Object with EntityTypePermId = [NONE (SAMPLE)] has not been found.",
        ),
        ({"space": "NONE"}, "Object with SpacePermId = [NONE] has not been found."),
        (
            {"experiment": "/A/PA/NONE"},
            "Object with ExperimentIdentifier = [/A/PA/NONE] has not been found.",
        ),
        ({"parents": ["s-404"]}, "Object with SamplePermId = [s-404] has not been found."),
        ({"parents": ["#x"]}, "Object with CreationId = [x] has not been found."),
        ({"space": "#x"}, "Object with CreationId = [x] has not been found."),
        ({"parents": ["s-7"]}, "Access denied to object with SamplePermId = [s-7]."),
        ({"experiment": "e-2"}, "Access denied to object with ExperimentPermId = [e-2]."),
        ({"properties": {"NONE": "x"}}, "Property type with code 'NONE' does not exist"),
        ({"properties": {"COUNT": "1"}}, "Property type with code 'COUNT' does not exist"),
        (
            {"properties": {"ORGANISM": "4"}},
            (
                "Vocabulary value '4' of property 'ORGANISM' is not valid. It must exist in "
                "'SPECIES' controlled vocabulary [9606, 10090]"
            ),
        ),
    ],
)
async def test_samples_that_cannot_be(
    alice: Writer, app: Any, fields: dict[str, Any], said: str
) -> None:
    before = app.state.api.catalog.image()
    whole = {"code": "X", "type": "ENTITY", "space": "A", **fields}
    assert (await alice.refused("Sample", **whole)).startswith(said)
    assert app.state.api.catalog.image() == before


async def test_a_code_of_the_trash_is_taken(admin: Writer) -> None:
    await admin.delete("Sample", "s-6")
    assert "already exists" in await admin.refused("Sample", code="RNA-2", type="ENTITY", space="A")


async def test_generated_codes_skip_what_is_taken(alice: Writer) -> None:
    await alice.create("Sample", sample("E2"))
    made = await alice.create("Sample", *(sample("", autoGeneratedCode=True) for _ in range(3)))
    found = [(await alice.one("Sample", key))["code"] for key in made]
    assert found == ["E1", "E3", "E4"]


async def test_a_sample_and_its_experiment_share_a_space(admin: Writer) -> None:
    said = await admin.refused("Sample", code="X", type="ENTITY", space="B", experiment="/A/PA/E1")
    assert said == (
        "Sample space must be the same as experiment space. Sample: /B/X, "
        "Experiment: /A/PA/E1 (Context: [])"
    )
    said = await admin.refused("Sample", code="X", type="ENTITY", experiment="/A/PA/E1")
    assert said == (
        "Shared samples cannot be attached to experiments. Sample: /X, "
        "Experiment: /A/PA/E1 (Context: [])"
    )


async def test_shared_samples(admin: Writer, alice: Writer) -> None:
    said = "Access denied to object with SampleIdentifier = [/SHARED]. (Context: [])"
    assert await alice.refused("Sample", code="SHARED", type="ENTITY") == said
    await admin.make("Sample", code="SHARED", type="ENTITY")
    found = await alice.one("Sample", "/SHARED", space=FETCH["Spaces"]())
    assert found["space"] is None
    said = await admin.refused("Sample", code="CHILD", type="ENTITY", parents=["s-1"])
    assert said == (
        "The database instance sample '/CHILD' can not be child of the space sample "
        "'/A/ENT-1'. (Context: [])"
    )
    child = listed(action("Add", an_id("Sample", "/SHARED")))
    said = await admin.refusal(
        "updateSamples", [update("Sample", "sampleId", "s-1", childIds=child)]
    )
    assert "can not be child of the space sample" in said


async def test_a_sample_moves_between_experiments_with_its_data(admin: Writer) -> None:
    await admin.make("Experiment", code="E9", type="DESIGN", project="/A/PA")
    move = changed(an_id("Experiment", "/A/PA/E9"))
    await admin.update("Sample", update("Sample", "sampleId", "s-5", experimentId=move))
    fetch = FETCH["Experiments"]()
    assert (await admin.one("Sample", "s-5", experiment=fetch))["experiment"]["code"] == "E9"
    assert (await admin.one("DataSet", "d-1", experiment=fetch))["experiment"]["code"] == "E9"
    data_sets = FETCH["DataSets"]()
    before = await admin.one("Experiment", "/A/PA/E1", dataSets=data_sets)
    assert codes(before["dataSets"]) == ["d-2"]
    after = await admin.one("Experiment", "/A/PA/E9", dataSets=data_sets)
    assert codes(after["dataSets"]) == ["d-1"]
    leave = update("Sample", "sampleId", "s-6", experimentId=changed(None))
    await admin.update("Sample", leave)
    assert (await admin.one("Sample", "s-6", experiment=fetch))["experiment"] is None


async def test_without_project_samples_a_project_is_the_experiments_or_refused(
    alice: Writer,
) -> None:
    await alice.make("Sample", code="X", type="ENTITY", space="A", experiment="e-1", project="p-1")
    found = await alice.one("Sample", "/A/X", project=FETCH["Projects"]())
    assert found["project"] is None
    said = await alice.refused("Sample", code="Y", type="ENTITY", space="A", project="p-1")
    assert said == (
        "Can not assign sample /A/Y to project /A/PA because project samples are not "
        "enabled. (Context: [])"
    )


async def test_with_project_samples() -> None:
    app = create_openbis_server(content(), project_samples=True)
    admin = Writer(await Client(app).login())
    fetch = {"project": FETCH["Projects"]()}
    await admin.make("Sample", code="X", type="ENTITY", space="A", experiment="e-1")
    assert (await admin.one("Sample", "/A/PA/X", **fetch))["project"]["code"] == "PA"
    await admin.make("Sample", code="X", type="ENTITY", space="A")
    assert (await admin.one("Sample", "/A/X", **fetch))["project"] is None
    await admin.make("Sample", code="Y", type="ENTITY", space="B", project="p-2")
    move = update("Sample", "sampleId", "/B/PB/Y", projectId=changed(an_id("Project", "p-3")))
    await admin.update("Sample", move)
    assert (await admin.one("Sample", "/B/PC/Y", **fetch))["project"]["code"] == "PC"
    leave = update("Sample", "sampleId", "/B/PC/Y", projectId=changed(None))
    await admin.update("Sample", leave)
    assert (await admin.one("Sample", "/B/Y", **fetch))["project"] is None
    said = await admin.refused(
        "Sample", code="Z", type="ENTITY", space="B", experiment="e-2", project="p-3"
    )
    assert said == (
        "Sample project must be the same as experiment project. Sample: /B/PC/Z, "
        "Project: /B/PC, Experiment: /B/PB/E2 (Context: [])"
    )
    said = await admin.refused("Sample", code="Z", type="ENTITY", space="A", project="p-2")
    assert said.startswith("Sample space must be the same as project space.")


async def test_neighbours_count_as_modified(admin: Writer, clock: Clock) -> None:
    await admin.make(
        "Sample", code="X", type="ENTITY", space="A", experiment="e-1", parents=["s-1"]
    )
    assert (await admin.one("Experiment", "e-1"))["modificationDate"] == NOW
    assert (await admin.one("Sample", "s-1"))["modificationDate"] == NOW
    assert (await admin.one("Sample", "s-2"))["modificationDate"] < NOW
    clock.milliseconds += 1000
    await admin.delete("Sample", "/A/X")
    for entity, key in (("Experiment", "e-1"), ("Sample", "s-1")):
        assert (await admin.one(entity, key))["modificationDate"] == NOW + 1000
    assert (await admin.one("Experiment", "e-2"))["modificationDate"] == T0 + 1


async def test_who_may_write_samples(by: Callable[[str], Awaitable[Writer]], alice: Writer) -> None:
    change = update("Sample", "sampleId", "s-7", properties={"NAME": "x"})
    said = "Access denied to object with SamplePermId = [s-7]. (Context: [])"
    assert await alice.refusal("updateSamples", [change]) == said
    bob = await by("bob")  # sees it, as an observer
    assert await bob.refusal("updateSamples", [change]) == said
    said = await alice.refused("Sample", code="X", type="ENTITY", space="B")
    assert said == "Access denied to object with SpacePermId = [B]. (Context: [])"
    said = await bob.refused("Sample", code="X", type="ENTITY", space="B")
    assert said == "Access denied to object with SampleIdentifier = [/B/X]. (Context: [])"


async def test_an_experiment_comes_changes_and_moves(admin: Writer) -> None:
    key = await admin.make(
        "Experiment",
        code="e9",
        type="DESIGN",
        project="/A/PA",
        properties={"name": "n"},
        tags=["/admin/T"],
    )
    found = await admin.one("Experiment", "/A/PA/E9", tags=FETCH["Tags"]())
    assert (found["permId"]["permId"], found["properties"]) == (key, {"NAME": "n"})
    assert [tag["permId"]["permId"] for tag in found["tags"]] == ["/admin/T"]
    await admin.make("Sample", code="X", type="ENTITY", space="A", experiment=key)
    move = update(
        "Experiment",
        "experimentId",
        key,
        projectId=changed(an_id("Project", "/B/PB")),
        properties={"NAME": None},
        tagIds=listed(action("Remove", an_id("Tag", "/admin/T"))),
    )
    await admin.update("Experiment", move)
    found = await admin.one("Experiment", "/B/PB/E9", tags=FETCH["Tags"]())
    assert (found["properties"], found["tags"]) == ({}, [])
    assert await admin.one("Sample", "/B/X")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"code": "E1"}, "Experiment already exists in the database and needs to be unique."),
        ({"typeId": None}, "Type id cannot be null."),
        ({"projectId": None}, "Project id cannot be null."),
        ({"code": None}, "Code cannot be empty."),
        ({"project": "/A/NO"}, "Object with ProjectIdentifier = [/A/NO] has not been found."),
        ({"project": "p-2"}, "Access denied to object with ProjectPermId = [p-2]."),
        ({"properties": {"COUNT": "1"}}, "Property type with code 'COUNT' does not exist"),
    ],
)
async def test_experiments_that_cannot_be(alice: Writer, fields: dict[str, Any], said: str) -> None:
    whole = {"code": "E9", "type": "DESIGN", "project": "/A/PA", **fields}
    assert (await alice.refused("Experiment", **whole)).startswith(said)
