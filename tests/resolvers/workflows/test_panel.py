"""The 1000 Genomes' panel, its process killed in the middle: taken up again, each person once."""

from __future__ import annotations

import asyncio
import csv
import signal
from collections import Counter
from pathlib import Path

import pytest

from backends.fetch import Fetch
from backends.filters import PageRequest, SampleFilter, Sort, StringMatch
from backends.lane import Call
from backends.openbis.client import Search
from backends.records import Kind
from tests.resolvers.workflows.laboratory import Desk, Laboratory, laboratory
from tests.resolvers.workflows.worker import Job, Workers
from tests.resolvers.workflows.worlds import linked_project

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")

FOLDER = Path(__file__).parents[3]
PANEL = FOLDER.parent / "shared" / "data" / "1000genomes-phase3-samples.tsv"
KIND = "REGISTER_DESIGN"
# Between two parts; when openBIS has done the second, and nobody has written that down.
POINTS = (f"{KIND}/samples 1/kept", f"{KIND}/samples 2/end")


@pytest.mark.skipif(not PANEL.exists(), reason="the panel is not beside this checkout")
def test_a_kill_in_the_middle_of_2535_people(database_url: str) -> None:
    workers = Workers()
    try:
        with laboratory() as systems:
            where = systems.systems(database_url)
            for point in POINTS:
                given = asyncio.run(_project(systems, database_url))
                (gone,) = workers.run(where, Job(KIND, given, point, die_at=point))
                assert gone.signal == signal.SIGKILL, gone
                (recovered,) = workers.run(where, Job())
                assert "failure" not in recovered.result, recovered.result["failure"]
                asyncio.run(_examine(systems, database_url, given, point))
    finally:
        workers.stop()


async def _project(systems: Laboratory, url: str) -> dict[str, object]:
    async with Desk(systems, url) as desk:
        given = await linked_project(desk, 0)
    mapping = (FOLDER / "examples" / "1000genomes.toml").read_text()
    return {**given, "sheet": PANEL.read_text(), "mapping": mapping}


async def _examine(systems: Laboratory, url: str, given: dict[str, object], key: str) -> None:
    with PANEL.open(newline="") as file:
        people = [row["sample"] for row in csv.DictReader(file, delimiter="\t")]
    async with Desk(systems, url) as desk:
        record = await desk.operations.by_key("steward", key)
        assert record is not None
        assert record.state.value == "SUCCEEDED", record
        where = SampleFilter(code=StringMatch(starts_with=f"{given['code']}ENTITY-"))
        request = PageRequest(5000, Sort("code"))
        (page,) = await desk.openbis.execute(
            desk.token, [Search(Kind.SAMPLE, where, request, Fetch.of("properties"))], Call()
        )
    names = Counter(
        each.value
        for sample in page.items
        for each in sample.properties or ()
        if each.code == "Q_SECONDARY_NAME"
    )
    assert names == Counter(people), "each person once"
    assert len({sample.code for sample in page.items}) == len(people)
