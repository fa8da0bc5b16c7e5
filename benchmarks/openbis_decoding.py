"""10,000 samples with properties, parents and data sets: our adapter beside pybis and `json.loads`.

One answer of the embedded openBIS, to the very request that pybis makes, is recorded once and then
read by all in turns: no server and no network are in the times. pybis is the unmodified
`get_samples(...)`, with its data frame or its objects; the adapter goes all the way from bytes to
frozen records, lane included. Run by `make bench`, or with `python -m benchmarks.openbis_decoding`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
from pydantic import SecretStr

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.demo.world import DataSet, OpenbisContent, Sample
from backends.errors import Source
from backends.fetch import Fetch
from backends.filters import PageRequest, Sort
from backends.lane import Call, Lane
from backends.openbis.client import OpenbisClient, Search
from backends.openbis.rpc import encode
from backends.openbis.session import OpenbisSession
from backends.openbis.transport import AsgiTransport
from backends.records import Kind

SAMPLES = 10_000
PARENTS = 2_500
ROUNDS = 3
BENCH = "QBNCH"
FETCH = Fetch.of(
    "type",
    "properties",
    "space",
    "registrator",
    parents=Fetch.of(),
    omics_datasets=Fetch.of("type", "properties"),
    experiment=Fetch.of(),
)


class _Recording:
    """Stands where the network would: answers what was recorded, and records what was not."""

    address = "https://recorded.invalid"

    def __init__(self, content: OpenbisContent) -> None:
        self._transport = AsgiTransport(create_openbis_server(content))
        self._answers: dict[bytes, bytes] = {}
        self.search = b""

    def post_for_pybis(self, method: str, params: list[Any]) -> Any:
        """A request of pybis, answered as `requests` would: with the standard library's JSON."""
        body = encode(method, params)
        if body not in self._answers:
            self._answers[body] = asyncio.run(self._transport.post(body))
        if method == "searchSamples":
            self.search = self._answers[body]
        answer = json.loads(self._answers[body])
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def post(self, body: bytes) -> bytes:
        """A request of the adapter, answered with what pybis was told."""
        del body
        return self.search

    async def aclose(self) -> None:
        """Close nothing."""


def report(samples: int = SAMPLES, rounds: int = ROUNDS) -> str:
    """Measure in turns, and return a Markdown table."""
    recording = _Recording(_content(samples))
    session = OpenbisSession(recording.address, recording.post_for_pybis)
    session.set_token(session.login("steward", "demo"))
    attrs = ["parents", "dataSets", "space", "experiment"]

    experiment = session.get_experiments(code=f"{BENCH}E1")[0].identifier

    def pybis() -> Any:
        return session.get_samples(where={}, experiment=experiment, props="*", attrs=list(attrs))

    # Not `asyncio.run`: it would write out the `repr` of the result when it puts its signals back.
    loop = asyncio.new_event_loop()
    client = OpenbisClient(recording, Lane(Source.OPENBIS))
    question = Search(Kind.SAMPLE, None, PageRequest(samples, Sort("code")), FETCH)

    def adapter() -> Any:
        answers = loop.run_until_complete(client.execute(SecretStr("x"), [question], Call()))
        return answers[0].items

    assert len(pybis().objects) == samples
    records = adapter()
    assert len(records) == samples
    assert all(record.parents and record.omics_datasets and record.properties for record in records)
    del records
    works: dict[str, Callable[[], Any]] = {
        "`json.loads`": lambda: json.loads(recording.search),
        "`orjson.loads`": lambda: orjson.loads(recording.search),
        "the adapter": adapter,
        "pybis, `.objects`": lambda: pybis().objects,
        "pybis, `.df`": lambda: pybis().df,
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            gc.collect()
            times[name].append(_timed(work))
    loop.close()
    ours = times["the adapter"]
    lines = [
        "### Reading openBIS: bytes to records",
        "",
        (
            f"{samples} samples with properties, parents and data sets, "
            f"{len(recording.search) / 1e6:.1f} MB; {rounds} rounds in turns."
        ),
        "",
        "| what | median | spread | ÷ adapter |",
        "| --- | --- | --- | --- |",
    ]
    for name, seconds in times.items():
        ratios = [one / other for one, other in zip(seconds, ours, strict=True)]
        lines.append(
            f"| {name} | {statistics.median(seconds) * 1000:.0f} ms "
            f"| {min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f} ms "
            f"| {statistics.median(ratios):.2f} |"
        )
    over_json = [one / other for one, other in zip(ours, times["`json.loads`"], strict=True)]
    lines += ["", f"Adapter ÷ `json.loads`: **{statistics.median(over_json):.2f}**.", ""]
    return "\n".join(lines)


def _content(samples: int) -> OpenbisContent:
    """A project whose test samples have five properties, a parent and a data set each."""
    content = build_world().openbis
    model = next(each for each in content.experiments if each.type == "Q_SAMPLE_PREPARATION")
    owner = next(each for each in content.projects if each.perm_id == model.project)
    project = replace(owner, code=BENCH, perm_id="20240101000000000-900001")
    experiment = replace(
        model,
        code=f"{BENCH}E1",
        perm_id="20240101000000000-900002",
        project=project.perm_id,
    )
    content.projects.append(project)
    content.experiments.append(experiment)
    made = project.registered
    for number in range(PARENTS):
        content.samples.append(
            Sample(
                perm_id=f"20240101000000000-{910000 + number}",
                code=f"{BENCH}P{number:05}",
                type="Q_BIOLOGICAL_SAMPLE",
                space=project.space,
                experiment=model.perm_id,
                properties={"Q_SECONDARY_NAME": f"Liver of patient {number}"},
                parents=[],
                registered=made + number,
                modified=made + number,
                registrator="steward",
            )
        )
    for number in range(samples):
        perm_id = f"20240101000000000-{1000000 + number}"
        content.samples.append(
            Sample(
                perm_id=perm_id,
                code=f"{BENCH}T{number:05}",
                type="Q_TEST_SAMPLE",
                space=project.space,
                experiment=experiment.perm_id,
                properties={
                    "Q_SECONDARY_NAME": f"DNA of patient {number % PARENTS}",
                    "Q_EXTERNALDB_ID": f"LAB-{number}",
                    "Q_SAMPLE_TYPE": "DNA",
                    "Q_ADDITIONAL_INFO": f"Plate {number // 96}, well {number % 96}",
                },
                parents=[f"20240101000000000-{910000 + number % PARENTS}"],
                registered=made + number,
                modified=made + 2 * number,
                registrator="steward",
            )
        )
        content.data_sets.append(
            DataSet(
                code=f"20240102000000000-{2000000 + number}",
                type="Q_NGS_RAW_DATA",
                kind="PHYSICAL",
                experiment=experiment.perm_id,
                sample=perm_id,
                properties={"Q_SECONDARY_NAME": f"Run {number}"},
                registered=made + number,
                modified=made + number,
                registrator="steward",
                size=1000 + number,
                location=f"default/{number}",
                file_format="FASTQ",
            )
        )
    return content


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    kept = work()
    taken = time.perf_counter() - started
    del kept
    return taken


if __name__ == "__main__":
    print(report())
