from __future__ import annotations

from typing import Any

from tests.house import README_QUERY, House

ASK = {"project": "QCLIN", "first": 50, "type": "Q_BIOLOGICAL_SAMPLE"}
FROM_IMAGES = """{ images(first: 3) { totalCount edges { node {
    name dataset { name sample { code } } } } } }"""


def without_imaging(answer: Any) -> Any:
    samples = answer["data"]["project"]["samples"]
    return [
        {field: value for field, value in edge["node"].items() if field != "imaging"}
        for edge in samples["edges"]
    ]


async def test_with_omero_off_openbis_answers_in_full(house: House) -> None:
    before = await house.ask(README_QUERY, **ASK)
    await house.switch("omero", state="off")
    for _ in range(3):  # until the breaker is open, and after
        answer = await house.ask(README_QUERY, **ASK)
        assert without_imaging(answer) == without_imaging(before)
        nodes = [edge["node"] for edge in answer["data"]["project"]["samples"]["edges"]]
        assert {node["imaging"]["status"] for node in nodes} == {"UNAVAILABLE"}
        assert all(node["imaging"]["dataset"] is None for node in nodes)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
        assert error["extensions"]["source"] == "OMERO"
        assert error["extensions"]["retryable"] is True
        assert error["path"][-1] == "imaging"
        sources = answer["extensions"]["sources"]
        assert sources == {"openbis": "OK", "omero": "UNAVAILABLE", "linkStore": "OK"}
    assert answer["extensions"]["cost"]["calls"]["omero"] == 0  # refused at once, not asked
    await house.switch("omero", state="on")
    house.recover()
    assert (await house.ask(README_QUERY, **ASK))["data"] == before["data"]


async def test_with_openbis_off_omero_answers_in_full(house: House) -> None:
    before = await house.data(FROM_IMAGES)
    await house.switch("openbis", state="off")
    answer = await house.ask(FROM_IMAGES)
    images = answer["data"]["images"]
    assert images["totalCount"] == before["images"]["totalCount"]
    for edge, known in zip(images["edges"], before["images"]["edges"], strict=True):
        assert edge["node"]["name"] == known["node"]["name"]
        assert edge["node"]["dataset"]["name"] == known["node"]["dataset"]["name"]
        assert edge["node"]["dataset"]["sample"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert error["extensions"]["source"] == "OPENBIS"
    assert error["extensions"]["occurrences"] == 3
    assert answer["extensions"]["sources"]["openbis"] == "UNAVAILABLE"
    await house.switch("openbis", state="on")
    house.recover()
    assert await house.data(FROM_IMAGES) == before


async def test_one_dead_root_does_not_take_the_other_along(house: House) -> None:
    await house.switch("omero", state="off")
    answer = await house.ask(
        '{ images(first: 1) { totalCount } project(identifier: "QRUP2") { code } }'
    )
    assert answer["data"] == {"images": None, "project": {"code": "QRUP2"}}
    assert [error["path"] for error in answer["errors"]] == [["images"]]


async def test_counts_without_a_source_are_unknown_and_never_smaller(house: House) -> None:
    query = '{ project(identifier: "QCLIN") { statistics { samples imageDatasets images } } }'
    before = await house.data(query)
    assert before["project"]["statistics"]["images"] == 2730
    await house.switch("omero", state="off")
    answer = await house.ask(query)
    assert answer["data"]["project"]["statistics"] == {
        "samples": before["project"]["statistics"]["samples"],
        "imageDatasets": None,
        "images": None,
    }
    (error,) = answer["errors"]
    assert error["extensions"]["source"] == "OMERO"


async def test_a_slow_backend_times_out_and_leaves_the_rest(house: House) -> None:
    lane = house.built.parts.lanes["omero"]
    lane._timeout = 0.05
    house.built.faults["omero"].latency = 5.0
    answer = await house.ask(README_QUERY, **ASK)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_TIMEOUT"
    assert answer["extensions"]["sources"]["omero"] == "TIMEOUT"
    assert len(without_imaging(answer)) == 50


async def test_a_lost_link_store_is_one_more_source_that_is_down(house: House) -> None:
    database = house.built.parts.database
    async with database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE sample_link RENAME TO elsewhere")
    answer = await house.ask(README_QUERY, **ASK)
    (error,) = answer["errors"]
    assert error["extensions"]["source"] == "LINK_STORE"
    assert "sample_link" not in error["message"]
    assert len(without_imaging(answer)) == 50


async def test_the_backends_field_tells_who_is_down(house: House) -> None:
    await house.switch("omero", state="off")
    answer = await house.ask("{ backends { source available } }")
    assert answer["data"]["backends"] == [
        {"source": "OPENBIS", "available": True},
        {"source": "OMERO", "available": False},
        {"source": "LINK_STORE", "available": True},
    ]


async def test_an_audit_of_half_the_facts_is_refused(house: House) -> None:
    await house.switch("omero", state="off")
    answer = await house.ask('{ linkAudit(project: "QRUP2") { samples } }')
    assert answer["data"] == {"linkAudit": None}
    assert answer["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
