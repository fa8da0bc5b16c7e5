"""`make bench`, or `python -m benchmarks [NAME …]`: run benchmarks and print one page.

    python -m benchmarks                        all of them, as Markdown
    python -m benchmarks bulk --json page.json  one of them, and the figures as JSON, too
    python -m benchmarks bulk --quick           small, to see that it runs; its figures say nothing

A benchmark is a module here with `measure(quick=…)`, which returns a `Section`, or with `report()`,
which returns Markdown; either may be asynchronous. What is not there, or cannot run here, is told.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import platform
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from benchmarks.page import Section

# Each name with what it answers; a module that is named but missing has not been written yet.
BENCHMARKS = {
    "bulk": "(a) bulk selection from records to bytes, beside stock Strawberry and Node",
    "gateways": "(b, g) the federated question over the wire, beside federation gateways",
    "servers": "uvicorn beside granian below the same application",
    "naive": "(b) the federated question beside a script over pybis and BlitzGateway",
    "cohorts": "(c) cohorts",
    "cohort_exports": "(c) exports of frozen cohorts: memory",
    "links": "(d) the link store",
    "registration": "(e) registration",
    "growth": "(f) growth from 390 to a million samples",
    "federated_query": "the federated question in process, beside its bare backend calls",
    "soak": "100,000 mixed requests with faults: leaks and wrong answers",
    "attacks": "a neighbour's view of an attack",
    "openbis_decoding": "reading openBIS's answers",
    "openbis_memory": "memory of openBIS's answers",
    "omero_decoding": "reading OMERO's answers over Ice",
}
NEED_ICE = {"omero_decoding", "naive"}


def main(arguments: list[str] | None = None) -> int:
    """Run what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print one page.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    given = parser.parse_args(arguments)
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"There is no benchmark {', '.join(sorted(unknown))}: {', '.join(BENCHMARKS)}."
        )
    print(f"# omnibis, measured\n\nPython {platform.python_version()}, {platform.machine()}.\n")
    sections = []
    for name in given.names or BENCHMARKS:
        section = run(name, quick=given.quick)
        sections.append(section)
        print(section.markdown(), flush=True)
    if given.json is not None:
        page = {"python": platform.python_version(), "sections": [each.json() for each in sections]}
        given.json.write_bytes(orjson.dumps(page, option=orjson.OPT_INDENT_2))
    return 0


def run(name: str, *, quick: bool) -> Section:
    """Run one benchmark; what cannot be run is a section that says why."""
    title = BENCHMARKS[name]
    if find_spec(f"benchmarks.{name}") is None:
        return Section(name, title, ["There is no such benchmark here yet."])
    if name in NEED_ICE and find_spec("omero") is None:
        return Section(name, title, ["Not measured: the extra omnibis[omero] is not installed."])
    module = import_module(f"benchmarks.{name}")
    measure: Any = getattr(module, "measure", None)
    result: Any = module.report() if measure is None else measure(quick=quick)
    if inspect.isawaitable(result):
        result = asyncio.run(_awaited(result))
    return result if isinstance(result, Section) else Section(name, title, [str(result)])


async def _awaited(result: Any) -> Any:
    return await result


if __name__ == "__main__":
    sys.exit(main())
