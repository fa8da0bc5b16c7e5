"""What is remembered of answers changes none, for whichever viewer and whatever has changed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.house import README_QUERY, House, open_house

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGES = """query ($first: Int!) { images(first: $first) { totalCount edges { node {
  name sizeX channels { name %s } tags { value } keyValues { key value %s } objective { %s }
  dataset { name } sample { code } } } } }"""
SAMPLES = """query ($first: Int!) { samples(first: $first) { totalCount edges { node {
  code properties { code value } parents { code } %s } } } }"""
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    (README_QUERY, {"project": "QCLIN", "type": "Q_BIOLOGICAL_SAMPLE", "first": 60}),
    (README_QUERY, {"project": "QHCC0", "type": "Q_BIOLOGICAL_SAMPLE", "first": 60}),
    (IMAGES % ("", "", "magnification"), {"first": 200}),
    (IMAGES % ("color { red }", "namespace", "model"), {"first": 200}),
    (SAMPLES % "", {"first": 200}),
    (SAMPLES % "omicsDatasets { code }", {"first": 200}),
]
USERS = ("steward", "oncology", "microscopy", "plant")
ANNOTATE = """mutation ($images: [AnnotateImageInput!]!) {
  annotateImages(images: $images, wait: 60) { operation { state } userErrors { message } }
}"""


PAIR = {"key": "seen", "value": "at once"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with open_house(wire=True, readings_megabytes=16) as opened:
        yield opened


async def told(house: House, query: str, token: str, variables: dict[str, Any]) -> Any:
    """The data, and the errors without what differs each time."""
    answer = await house.ask(query, token, **variables)
    return answer["data"], [(each["message"], each["path"]) for each in answer.get("errors", ())]


def kept(house: House) -> tuple[int, int]:
    """How many answers of openBIS and of OMERO are remembered: they share one memory."""
    services = house.built.parts.services
    ours: Any = services.openbis._readings
    transport: Any = services.omero._transport
    assert transport._readings is ours
    answers = [how for _, how in ours._kept]
    return sum(how is not None for how in answers), sum(how is None for how in answers)


async def test_every_viewer_gets_the_answers_that_are_read_anew(house: House) -> None:
    async with open_house(wire=True, readings_megabytes=0) as plain:
        expected = {}
        for user in USERS:
            token = await plain.login(user)
            for number, (query, variables) in enumerate(QUESTIONS):
                expected[user, number] = await told(plain, query, token, variables)
        assert kept(plain) == (0, 0)
    assert len({str(expected[user, 2]) for user in USERS}) > 1  # they do not see the same
    tokens = {user: await house.login(user) for user in USERS}
    steps = [(user, number) for user in USERS for number in range(len(QUESTIONS))] * 3
    random.Random(7).shuffle(steps)  # noqa: S311 - an order, not a secret
    for user, number in steps:
        query, variables = QUESTIONS[number]
        answer = await told(house, query, tokens[user], variables)
        assert answer == expected[user, number], (user, number)
    of_openbis, of_omero = kept(house)
    assert of_openbis > 2
    assert of_omero > 5


async def test_a_change_is_seen_at_once(house: House) -> None:
    token = await house.login("steward")
    query = """query ($first: Int!) { images(first: $first) { edges { node {
        omeroId keyValues { key value } } } } }"""
    for _ in range(3):
        before = await house.data(query, token, first=100)
    number = before["images"]["edges"][40]["node"]["omeroId"]
    change = [{"imageId": number, "keyValues": [PAIR]}]
    done = await house.data(ANNOTATE, token, images=change)
    assert done["annotateImages"]["userErrors"] == []
    for _ in range(3):
        after = await house.data(query, token, first=100)
        for old, new in zip(before["images"]["edges"], after["images"]["edges"], strict=True):
            added = [PAIR] if new["node"]["omeroId"] == number else []
            assert new["node"]["keyValues"] == [*old["node"]["keyValues"], *added]


async def test_a_source_that_is_down_is_not_answered_for(house: House) -> None:
    query, variables = QUESTIONS[3]
    await house.data(query, **variables)
    await house.data(query, **variables)
    try:
        await house.switch("omero", state="off")
        refused = await house.ask(query, **variables)
        assert refused["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    finally:
        await house.switch("omero", state="on")
        house.recover()
