from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.house import House, open_house


async def scrape(house: House) -> dict[str, float]:
    response = await house.client.get("/metrics")
    assert response.status_code == 200
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": (
            sample.value
        )
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_requests_calls_and_errors_are_counted() -> None:
    async with open_house() as house:
        await house.data("query Private { projects(first: 3) { edges { node { code } } } }")
        await house.ask("{ xyzzy }")
        await house.switch("omero", state="off")
        for _ in range(4):
            await house.ask("{ images { totalCount } }")
        found = await scrape(house)
    assert found["omnibis_requests_total{kind=query,outcome=ok,status=200}"] == 1
    assert found["omnibis_requests_total{kind=query,outcome=partial,status=200}"] == 4
    assert found["omnibis_requests_total{kind=other,outcome=refused,status=200}"] == 1
    assert found["omnibis_errors_total{code=BACKEND_UNAVAILABLE}"] == 4
    assert found["omnibis_errors_total{code=BAD_USER_INPUT}"] == 1
    assert found["omnibis_backend_calls_total{source=openbis}"] >= 1
    assert found["omnibis_backend_up{source=openbis}"] == 1
    assert found["omnibis_backend_up{source=omero}"] == 0
    assert found["omnibis_request_seconds_count{kind=query}"] == 5
    assert found["omnibis_nodes_total{}"] == 3
    assert found["omnibis_requests_under_way{}"] == 0
    assert found["omnibis_tasks{}"] >= 1
    assert found["process_resident_memory_bytes{}"] > 1e7
    assert found["process_open_fds{}"] > 3
    assert not any("Private" in name for name in found), "no series is named by a client"


async def test_sessions_of_omero_are_counted_until_they_end() -> None:
    async with open_house() as house:
        assert (await scrape(house))["omnibis_omero_sessions{}"] == 0
        token = await house.login("plant")
        await house.login("oncology")
        assert (await scrape(house))["omnibis_omero_sessions{}"] == 3, "and the demo's nobody's"
        await house.data("mutation { logout { ok } }", token)
        assert (await scrape(house))["omnibis_omero_sessions{}"] == 2


async def test_metrics_can_be_switched_off() -> None:
    async with open_house(metrics=False) as house:
        assert (await house.client.get("/metrics")).status_code == 404


def test_several_processes_answer_for_each_other(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from tests.house import open_house
async def main():
    async with open_house() as house:
        await house.data("{ __typename }")
        print((await house.client.get("/metrics")).text)
asyncio.run(main())
"""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": "."}
    for count in ("1.0", "2.0"):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", script],
            env=environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert (
            f'omnibis_requests_total{{kind="query",outcome="ok",status="200"}} {count}'
            in done.stdout
        )
        assert 'omnibis_backend_up{source="openbis"} 1.0' in done.stdout
