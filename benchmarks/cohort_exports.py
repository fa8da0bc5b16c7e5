"""Exports of a frozen cohort of 20,000 and of 200,000 images: does memory grow with the rows?

Each format is written in a process of its own, first the small table and then the large one; told
is the process's peak after each, their ratio, and the time. The rows are as wide as those of the
demonstration. Run by `make bench`, or with `python -m benchmarks cohort_exports`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import orjson
from pydantic import SecretStr

from backends.folder import Folder, HashingFile
from benchmarks.memory import peak
from resolvers.cohorts.columns import Column, ColumnType, table
from resolvers.cohorts.exports.table import Facts
from resolvers.cohorts.rows import line_of
from resolvers.cohorts.shelf import Division, ExportFormat, Frozen, Shelf

SMALL, LARGE = 20_000, 200_000
FLAT = 1.25  # the peak of the large table over that of the small one, at most
FORMATS = (ExportFormat.PARQUET, ExportFormat.CSV, ExportFormat.JSON_LINES)
PROPERTIES = tuple(
    Column(f"subject_Q_{number}", ColumnType.TEXT, "A property.", source="OPENBIS")
    for number in range(10)
)


def report(small: int = SMALL, large: int = LARGE) -> str:
    """Measure, and return a Markdown table."""
    lines = [
        "### Exports of frozen cohorts",
        "",
        f"| format | peak, {small:,} rows | peak, {large:,} rows | ratio | seconds | size |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory(prefix="omnibis-bench-") as folder:
        frozen = [asyncio.run(_freeze(folder, rows)) for rows in (small, large)]
        for format_ in FORMATS:
            first, second, seconds, size = _apart(folder, frozen, format_)
            ratio = second / first
            assert ratio < FLAT, f"{format_}: memory grew {ratio:.2f} times"
            lines.append(
                f"| {format_} | {first:.0f} MB | {second:.0f} MB | {ratio:.2f} | {seconds:.1f} "
                f"| {size / 1e6:.0f} MB |"
            )
    return "\n".join([*lines, ""])


def _row(number: int) -> dict[str, Any]:
    subject = f"20260101000000000-{number // 20:07d}"
    return {
        "kind": "image",
        "member_perm_id": subject,
        "subject_perm_id": subject,
        "subject_perm_ids": [subject],
        "subject_code": f"QBENCH-{number // 20}",
        "sample_perm_id": f"20260101000000001-{number // 10:07d}",
        "image_id": number + 1,
        "image_name": f"tile {number}.svs",
        "image_dataset_id": number // 10 + 1,
        "size_x": 2048,
        "size_y": 2048,
        "pixel_size_x": 0.25 + number % 7 / 100,
        "acquired_at": "2026-01-01T10:00:00Z",
        "channel_names": ["red", "green", "blue"],
        "tags": ["H&E", "QC passed"],
        "key_names": ["Modality", "Scanner", "Stain", "Organism"],
        "key_values": ["histology", "NanoZoomer", f"H&E {number % 11}", "Homo sapiens"],
        **{column.name: f"value {number % 13}" for column in PROPERTIES},
    }


async def _freeze(folder: str, rows: int) -> Frozen:
    def produce(sink: HashingFile) -> None:
        for start in range(0, rows, 1000):
            sink.write(b"".join(line_of(_row(number)) for number in range(start, start + 1000)))

    shelf = Shelf(Folder(SecretStr(folder)))
    sha256 = await shelf.keep_rows(produce)
    question = orjson.dumps({"unit": "SUBJECT", "version": 1, "where": {}}).decode()
    created = datetime(2026, 1, 1, tzinfo=UTC)
    facts = Facts(
        str(rows), "bench", f"{rows:064d}", question, 1, {}, "ada", created, rows // 20, rows
    )
    return Frozen(facts, sha256, table(PROPERTIES))


def _apart(
    folder: str, frozen: list[Frozen], format_: ExportFormat
) -> tuple[float, float, float, int]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_export, args=(theirs, folder, frozen, format_)
    )
    process.start()
    result: tuple[float, float, float, int] = ours.recv()
    process.join()
    return result


def _export(pipe: Connection, folder: str, frozen: list[Frozen], format_: ExportFormat) -> None:
    peaks = []
    seconds, size = 0.0, 0
    for each in frozen:
        members = (f"20260101000000000-{number:07d}" for number in range(each.facts.members))
        parts = {member: ("train", "test")[len(member) % 2] for member in members}
        started = time.perf_counter()
        shelf = Shelf(Folder(SecretStr(folder)))
        stored = asyncio.run(shelf.export(each, format_, Division(b"{}", ("train", "test"), parts)))
        seconds, size = time.perf_counter() - started, stored.size
        peaks.append(peak())
    pipe.send((*peaks, seconds, size))


if __name__ == "__main__":
    sys.stdout.write(report())
