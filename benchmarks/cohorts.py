"""The paper's question at 390, 10,000 and 200,000 samples, and beside today's script at 390.

The embedded backends run in the same process and the same time is theirs too: most of it, in fact.
Each answer is compared with the one known from the generator before any figure is told. Beside it
stands a question that openBIS alone decides: its count reads nothing. Listing means every member
with its specimens, omics datasets and images, in pages of 500 of one answer. Run by `make bench`,
or alone with `python -m benchmarks.cohorts [samples …]`; 200,000 take some minutes.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from api.demonstration import demonstration
from api.settings import load_settings
from backends.demo.accounts import DEMO_PASSWORD
from backends.errors import Source
from backends.filters import (
    ImageFilter,
    KeyValueMatch,
    OmicsFilter,
    PageRequest,
    ProjectFilter,
    PropertyMatch,
    QuantityMatch,
    SampleFilter,
    StringMatch,
)
from backends.lane import Call
from backends.records import Quantity
from benchmarks.clinic import build, served
from benchmarks.page import Section
from benchmarks.todays_script import USER, patients
from resolvers.cohorts.answer import MEMBER_ORDER, CohortAnswer
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit
from resolvers.context import RequestContext, Services, Viewer
from resolvers.loaders import Loaders

T = TypeVar("T")

SIZES = (390, 10_000, 200_000)
QUICK = (390, 4_000)
PAGE = 500
ROUNDS = 3
LEAST_OVER_LISTING = 10
LEAST_OVER_SCRIPT = 50


def _having(code: str, value: str) -> SampleFilter:
    return SampleFilter(properties=(PropertyMatch(code, string=StringMatch(eq=value)),))


_MALIGNANT = _having("Q_DIGNITY", "MALIGNANT")
_CT = KeyValueMatch("Modality", value=StringMatch(eq="CT"))
_FINE = QuantityMatch(between=(Quantity(0.25, "MICROMETER"), Quantity(0.6, "MICROMETER")))
QUESTION = CohortPredicate(
    all_of=tuple(
        CohortPredicate(has=has)
        for has in (
            SpecimenPredicate(
                sample=_having("Q_PRIMARY_TISSUE", "ABDOMEN"), image=ImageFilter(key_values=(_CT,))
            ),
            SpecimenPredicate(
                sample=_MALIGNANT,
                image=ImageFilter(tag=StringMatch(eq="H&E"), pixel_size=_FINE),
                at_least=5,
            ),
            SpecimenPredicate(
                sample=_MALIGNANT, omics=OmicsFilter(type=StringMatch(eq="Q_NGS_RAW_DATA"))
            ),
        )
    )
)
WOMEN = CohortPredicate(itself=_having("Q_GENDER", "FEMALE"))


@dataclass(slots=True)
class Figures:
    """What was measured at one size."""

    samples: int
    images: int
    members: int
    calls: dict[Source, int]
    count_seconds: float
    list_seconds: float
    count_megabytes: float
    list_megabytes: float
    women: int
    women_count_seconds: float
    women_list_seconds: float

    @property
    def ratio(self) -> float:
        """How much dearer listing is than counting, where openBIS alone decides."""
        return self.women_list_seconds / self.women_count_seconds


async def figures_of(samples: int) -> Figures:
    """Ask at one size, and check the answer."""
    clinic = build(samples)
    expected, images = sorted(clinic.answer), clinic.images
    async with served(clinic.world) as services:
        del clinic
        rounds = ROUNDS if samples < SIZES[-1] else 1
        counted: list[float] = []
        with _memory() as count_memory:
            for _ in range(rounds):
                context = await _request(services)
                answer, seconds = await _timed(
                    lambda c=context: evaluate(c, Unit.SUBJECT, QUESTION)
                )
                counted.append(seconds)
                assert list(answer.member_ids) == expected, "a figure of a wrong answer is none"
        calls = dict(context.call.meter.calls)
        with _memory() as list_memory:
            seen, list_seconds = await _timed(lambda: _listed(answer))
        assert seen == expected
        women, women_count = await _timed(lambda: _counted(services, WOMEN))
        listed, women_list = await _timed(lambda: _evaluated_and_listed(services, WOMEN))
        assert len(listed) == women
    return Figures(
        samples,
        images,
        len(expected),
        calls,
        statistics.median(counted),
        list_seconds,
        count_memory[0],
        list_memory[0],
        women,
        women_count,
        women_list,
    )


async def _evaluated_and_listed(services: Services, where: CohortPredicate) -> list[str]:
    return await _listed(await evaluate(await _request(services), Unit.SUBJECT, where))


async def _listed(answer: CohortAnswer) -> list[str]:
    """Read all members as a client does: page by page, each with a request of its own."""
    seen: list[str] = []
    page = PageRequest(PAGE, MEMBER_ORDER)
    while True:
        rows = await answer.members(page)
        seen += [member.subject.perm_id for member in rows.items]
        if not rows.has_more:
            return seen
        page = page.beyond(rows.keys[-1])


async def _counted(services: Services, where: CohortPredicate) -> int:
    from resolvers.cohorts.cohort import Cohort  # noqa: PLC0415 - one use

    context = await _request(services)
    total = await Cohort(context, Unit.SUBJECT, where, {"totalCount"}, ()).total()
    return total or 0


async def _request(services: Services) -> RequestContext:
    password = SecretStr(DEMO_PASSWORD)
    openbis = await services.openbis.login(USER, password, Call())
    omero = await services.omero.login(USER, password, Call())
    context = RequestContext(Viewer(USER, USER, openbis, omero), services, "bench")
    Loaders(context)
    return context


async def _timed(work: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    started = time.perf_counter()
    return await work(), time.perf_counter() - started


@contextmanager
def _memory() -> Iterator[list[float]]:
    """Megabytes that the process grew by at most meanwhile, looked at twenty times a second."""
    grown = [0.0]
    before = _resident()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            grown[0] = max(grown[0], _resident() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield grown
    finally:
        over.set()
        watcher.join()
        grown[0] = max(grown[0], _resident() - before)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Today's script and omnibis over the same wires."""

    found: int
    script_seconds: float
    ours_seconds: list[float]

    @property
    def ratio(self) -> float:
        """How much longer the script takes."""
        return self.script_seconds / statistics.median(self.ours_seconds)


@asynccontextmanager
async def _over_wires() -> AsyncIterator[tuple[Services, str, int]]:
    built = demonstration(load_settings({}, readings_megabytes=0), wire=True)
    await built.parts.start()
    try:
        yield built.parts.services, str(built.openbis_address), built.omero_ports["ssl"]
    finally:
        await built.parts.stop()


async def compare() -> Comparison:
    """Ask both for the paper's question over the demonstration's study of 390 samples."""
    project = ProjectFilter(code=StringMatch(eq="QCLIN"))
    where = replace(QUESTION, project=project)
    ours: list[float] = []
    async with _over_wires() as (services, address, port):
        for _ in range(ROUNDS):
            answer, seconds = await _timed(lambda: _asked(services, where))
            ours.append(seconds)
        script = lambda: asyncio.to_thread(patients, address, port)  # noqa: E731 - named for its sake
        found, script_seconds = await _timed(script)
        for _ in range(ROUNDS):
            answer, seconds = await _timed(lambda: _asked(services, where))
            ours.append(seconds)
    assert list(answer.member_ids) == found, "both must find the same patients"
    return Comparison(len(found), script_seconds, ours)


async def _asked(services: Services, where: CohortPredicate) -> CohortAnswer:
    return await evaluate(await _request(services), Unit.SUBJECT, where)


async def report(sizes: tuple[int, ...] = SIZES) -> str:
    """Measure, and return Markdown tables."""
    figures = [await figures_of(size) for size in sizes]
    lines = [
        "### The paper's question as a cohort, in process, over the embedded backends",
        "",
        (
            "| samples | images | members | calls (openBIS, OMERO, links) | count | growth "
            "| reading all members | growth |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in figures:
        calls = ", ".join(str(each.calls.get(source, 0)) for source in Source)
        lines.append(
            f"| {each.samples:,} | {each.images:,} | {each.members:,} | {calls} "
            f"| {each.count_seconds:.2f} s | {each.count_megabytes:.0f} MB "
            f"| {each.list_seconds:.2f} s | {each.list_megabytes:.0f} MB |"
        )
    lines += [
        "",
        "### Women, which openBIS alone decides: counted, and listed with all their data",
        "",
        "| samples | members | count | listing | **listing ÷ count** |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {each.samples:,} | {each.women:,} | {each.women_count_seconds * 1000:.0f} ms "
        f"| {each.women_list_seconds:.2f} s | **{each.ratio:.0f}** |"
        for each in figures
    ]
    assert figures[-1].ratio >= LEAST_OVER_LISTING, figures[-1]
    lines.append("")
    if find_spec("omero") is None:
        lines.append("Today's script is not measured: the extra omnibis[omero] is not installed.")
        return "\n".join(lines)
    beside = await compare()
    lines += [
        "### Beside the script people write today (pybis and BlitzGateway), over the same wires",
        "",
        "| 390 samples, 2,730 images | seconds |",
        "| --- | --- |",
        f"| the script, once | {beside.script_seconds:.1f} |",
        (
            f"| omnibis, median of {len(beside.ours_seconds)} "
            f"| {statistics.median(beside.ours_seconds):.2f} |"
        ),
        f"| **script ÷ omnibis** (both find {beside.found} patients) | **{beside.ratio:.0f}** |",
        "",
    ]
    assert beside.ratio >= LEAST_OVER_SCRIPT, beside
    return "\n".join(lines)


async def measure(*, quick: bool = False) -> Section:
    """Measure for the one page of all benchmarks."""
    return Section("cohorts", "(c) cohorts", [await report(QUICK if quick else SIZES)])


if __name__ == "__main__":
    print(asyncio.run(report(tuple(map(int, sys.argv[1:])) or SIZES)))
