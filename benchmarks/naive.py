"""The script one would write instead: pybis for samples, BlitzGateway for their images.

It asks for each sample's parents and data sets, looks the OMERO dataset up by the sample's code,
walks its images, and reads each image's pixels, channels, objective and key-values: the README's
question by hand. Both it and omnibis speak to the embedded servers over their own protocols, each
call of which takes the given latency longer. The script is timed on a few samples and counted up to
all of them, since it needs the same calls for each. `python -m benchmarks naive`, with omero-py.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from typing import Any

import httpx
import orjson

from api.app import create_app
from api.auth import TokenBox
from api.demonstration import Demonstration, demonstration
from api.settings import load_settings
from backends.demo.accounts import DEMO_PASSWORD
from benchmarks.federated_query import PROJECT, QUERY, TYPE
from benchmarks.page import Section

SAMPLES = 390  # all that the demonstration's clinical study has
TRIED = 6  # samples that the script is timed on
LATENCIES = (5, 20)  # milliseconds
TARGETS = {5: "≥ 50", 20: "≥ 100"}


async def measure(*, quick: bool = False) -> Section:
    """Measure both; `quick` with one sample and one latency."""
    section = Section("naive", "(b) The federated question beside a script")
    tried, rounds = (1, 1) if quick else (TRIED, 3)
    settings = load_settings({}, readings_megabytes=0)  # the script reads all anew, too
    built = demonstration(settings, wire=True)
    app = create_app(settings, built.parts, TokenBox((b"b" * 32,)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://bench.test", timeout=600
        ) as client,
    ):
        await _ask(client)
        for latency in LATENCIES[:1] if quick else LATENCIES:
            for faults in built.faults.values():
                faults.latency = latency / 1000
            ratios, ours = [], []
            for _ in range(rounds):
                started = time.perf_counter()
                await _ask(client)
                ours.append(time.perf_counter() - started)
                script = await asyncio.to_thread(_script, built, tried)
                ratios.append(script * SAMPLES / tried / ours[-1])
            section.add(f"{latency} ms: script ÷ omnibis", ratios, target=TARGETS[latency])
            section.add(f"{latency} ms: omnibis", [each * 1000 for each in ours], "ms")
    section.notes.append(
        f"{SAMPLES} samples over both wires; the script is timed on {tried} of them."
    )
    return section


async def _ask(client: httpx.AsyncClient) -> Any:
    variables = {"project": PROJECT, "first": SAMPLES, "type": TYPE}
    body = orjson.dumps({"query": QUERY, "variables": variables})
    headers = {"content-type": "application/json"}
    answer = orjson.loads((await client.post("/graphql", content=body, headers=headers)).content)
    assert "errors" not in answer, answer["errors"]
    return answer


def _script(built: Demonstration, count: int) -> float:
    """Do it by hand for some samples, and return the seconds without signing in."""
    from omero.gateway import BlitzGateway  # noqa: PLC0415 - needs Ice
    from pybis import Openbis  # noqa: PLC0415 - beside it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        openbis = Openbis(
            built.openbis_address,
            verify_certificates=False,
            allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True,
        )
        openbis.login("steward", DEMO_PASSWORD)
        omero = BlitzGateway(
            "steward", DEMO_PASSWORD, host="127.0.0.1", port=built.omero_ports["ssl"], secure=True
        )
        assert omero.connect(), omero.getLastError()
        try:
            omero.SERVICE_OPTS.setOmeroGroup("-1")
            listed = openbis.get_samples(space="CLINICAL", type=TYPE, count=count)
            codes = list(listed.df["identifier"])[:count]
            started = time.perf_counter()
            found = [_one(openbis, omero, code) for code in codes]
            spent = time.perf_counter() - started
        finally:
            omero.close()
            openbis.logout()
    assert any(each["images"] for each in found), found
    return spent


def _one(openbis: Any, omero: Any, identifier: str) -> dict[str, Any]:
    sample = openbis.get_sample(identifier)
    code = sample.code
    answer: dict[str, Any] = {
        "code": code,
        "type": sample.type.code,
        "properties": sample.props.all(),
        "ancestors": [parent.code for parent in sample.get_parents()],
        "datasets": [data_set.type for data_set in sample.get_datasets()],
        "images": [],
    }
    dataset = omero.getObject("Dataset", attributes={"name": code})
    for image in dataset.listChildren() if dataset is not None else ():
        settings = image.getObjectiveSettings()
        objective = settings.getObjective() if settings is not None else None
        answer["images"].append(
            {
                "name": image.getName(),
                "sizeX": image.getSizeX(),
                "pixelSize": image.getPixelSizeX(),
                "channels": [channel.getLabel() for channel in image.getChannels(noRE=True)],
                "magnification": objective.getNominalMagnification() if objective else None,
                "keyValues": [
                    pair
                    for annotation in image.listAnnotations()
                    if annotation.OMERO_TYPE.__name__ == "MapAnnotationI"
                    for pair in annotation.getValue()
                ],
            }
        )
    return answer
