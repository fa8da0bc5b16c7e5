"""The demonstration over its own wires: openBIS over HTTP, OMERO over Ice, and the same answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import README_QUERY, House, open_house

IMAGES = """
{ images(first: 40) { totalCount edges { node {
  name acquiredAt pixelSize { x { value unit } } channels { name } tags { value }
  keyValues { key value } dataset { name } sample { code }
} } } }
"""


async def answers(house: House) -> list[Any]:
    project = f"/{house.world.openbis.projects[0].space}/{house.world.openbis.projects[0].code}"
    asked = {"project": project, "first": 20, "type": "Q_TEST_SAMPLE"}
    whole = await house.data(README_QUERY, **asked)
    users = ("plant", "microscopy")
    return [whole, *[await house.data(IMAGES, await house.login(user)) for user in users]]


async def test_the_wires_change_no_answer() -> None:
    pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
    async with open_house() as near:
        expected = await answers(near)
    async with open_house(wire=True) as far:
        assert far.built.omero_ports.keys() == {"tcp", "ssl", "ws", "wss"}
        assert await answers(far) == expected


async def test_a_switched_off_omero_heals_over_the_wire() -> None:
    pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
    names = "{ imageProjects { edges { node { name } } } }"
    async with open_house(wire=True) as house:
        before = await house.data(names)
        await house.switch("omero", state="off")
        refused = await house.ask(names)
        assert refused["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"
        await house.switch("omero", state="on")
        house.recover()
        assert await house.data(names) == before
