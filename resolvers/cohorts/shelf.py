"""The snapshot folder's order: the frozen rows, and the exports that are made from them.

    rows/<SHA-256 of the file>.jsonl     what was frozen; never changes
    <time>-<id>-<digest>/cohort.parquet  an export, made when it is first asked for, then kept
    …/splits/<digest>/cohort.parquet     the same with a split
    ….sha256                             its checksum, as `sha256sum --check` reads it

Exports are made from the frozen rows alone, without asking any backend; the rows are checked
against their digest meanwhile, so that what was tampered with is never handed out. Who may have an
export is decided by `visibility.py`; nothing here knows of viewers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final

import orjson

from backends.folder import FileMissing, Folder, FolderError, HashingFile, StoredFile
from resolvers.cohorts.columns import SPLIT, SPLIT_COLUMN, Column
from resolvers.cohorts.exports import comma_separated, crate, croissant, json_lines, parquet
from resolvers.cohorts.exports.table import Facts, Row, Table
from resolvers.errors import NotInstalled, StorageFailed

KEPT_SPLITS: Final = 20  # of one snapshot; the oldest give way
SPLITS: Final = "splits"


class ExportFormat(StrEnum):
    """The files that a frozen cohort can be had as."""

    PARQUET = "PARQUET"
    CSV = "CSV"
    JSON_LINES = "JSON_LINES"
    CROISSANT = "CROISSANT"
    RO_CRATE = "RO_CRATE"
    COLUMNS = "COLUMNS"


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """What is known of a format: its file's name and media type, and what it is good for.

    `is_table`: it grows with the rows, so that who loses it half-way wants to go on.
    """

    file: str
    media_type: str
    description: str
    needs_arrow: bool = False
    is_table: bool = True


FORMATS: Final[Mapping[ExportFormat, FormatFacts]] = {
    ExportFormat.PARQUET: FormatFacts(
        "cohort.parquet",
        "application/vnd.apache.parquet",
        "The table as Parquet: typed, with units in the columns' metadata.",
        needs_arrow=True,
    ),
    ExportFormat.CSV: FormatFacts(
        "cohort.csv", "text/csv; charset=utf-8", "The table as CSV, safe to open in a spreadsheet."
    ),
    ExportFormat.JSON_LINES: FormatFacts(
        "cohort.jsonl", "application/jsonl; charset=utf-8", "The table as JSON Lines."
    ),
    ExportFormat.CROISSANT: FormatFacts(
        "croissant.json",
        "application/ld+json",
        "A description of the Parquet file in the Croissant format.",
        needs_arrow=True,
        is_table=False,
    ),
    ExportFormat.RO_CRATE: FormatFacts(
        "cohort.crate.zip",
        "application/zip",
        "All files with where they come from, as an RO-Crate.",
        needs_arrow=True,
    ),
    ExportFormat.COLUMNS: FormatFacts(
        "columns.json",
        "application/json",
        "What the columns are: types, units, origins, vocabularies.",
        is_table=False,
    ),
}
CRATED: Final = (
    ExportFormat.PARQUET,
    ExportFormat.CSV,
    ExportFormat.JSON_LINES,
    ExportFormat.CROISSANT,
    ExportFormat.COLUMNS,
)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A snapshot as the shelf needs it.

    Attributes:
        facts: about it.
        rows_sha256: of the file with its rows.
        columns: of the table, without the split.
    """

    facts: Facts
    rows_sha256: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Division:
    """A split as the shelf needs it: the plan as JSON, its parts, and the part of each member."""

    plan: bytes
    names: tuple[str, ...]
    parts: Mapping[str, str]


def is_available(format_: ExportFormat) -> bool:
    """Whether this installation can write a format."""
    return parquet.available() or not FORMATS[format_].needs_arrow


def digest_of(snapshot_digest: str, plan: bytes | None) -> str:
    """The digest of an export: the snapshot's, or of both where there is a split."""
    if plan is None:
        return snapshot_digest
    return hashlib.sha256(snapshot_digest.encode() + b"\0" + plan).hexdigest()


class Shelf:
    """Keeps frozen rows and exports in a folder.

    Args:
        folder: where.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._making: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def keep_rows(self, produce: Callable[[HashingFile], None]) -> str:
        """Write the rows of a snapshot, and return their SHA-256.

        Raises:
            StorageFailed: the folder cannot be written to.
        """
        with _worded():
            stored = await self._folder.write(_rows_path, produce)
        return stored.sha256

    async def rows_are_intact(self, sha256: str) -> bool:
        """Whether the rows are there, byte for byte.

        Raises:
            StorageFailed: the folder cannot be read.
        """

        def digest() -> str | None:
            found = hashlib.sha256()
            try:
                with self._folder.open_now(_rows_path(sha256)) as file:
                    while block := file.read(1024 * 1024):
                        found.update(block)
            except FileMissing:
                return None
            return found.hexdigest()

        with _worded():
            return await asyncio.to_thread(digest) == sha256

    def rows_now(self, sha256: str) -> Iterator[tuple[bytes, Row]]:
        """The frozen rows with their lines, in a thread; checked when the last has been read.

        Raises:
            StorageFailed: they are missing, unreadable, or not what was frozen.
        """
        digest = hashlib.sha256()
        with _worded():
            for line in self._folder.lines_now(_rows_path(sha256)):
                digest.update(line + b"\n")
                yield line, orjson.loads(line)
        if digest.hexdigest() != sha256:
            raise StorageFailed(
                "The frozen rows in the snapshot folder are not those that were frozen; "
                "nothing is handed out. Tell the operator."
            )

    async def export(
        self, frozen: Frozen, format_: ExportFormat, division: Division | None
    ) -> StoredFile:
        """Return an export, made now if it is not there yet.

        Raises:
            NotInstalled: this installation cannot write the format.
            StorageFailed: the folder failed, or the rows are not what was frozen.
        """
        if not is_available(format_):
            raise NotInstalled(
                f"This installation cannot write {format_}, for want of pyarrow; ask its operator "
                "to install omnibis[export], or take CSV or JSON_LINES."
            )
        base = base_of(frozen.facts)
        if division is not None:
            base = f"{base}/{SPLITS}/{digest_of(frozen.facts.digest, division.plan)}"
        path = f"{base}/{FORMATS[format_].file}"
        async with self._alone(path):
            with _worded():
                found = await asyncio.to_thread(self._found, path)
            if found is not None:
                return found
            table = self._table(frozen, division)
            produce = await self._producer(frozen, format_, division, table)
            with _worded():
                stored = await self._folder.write(path, produce)
                await self._folder.write(f"{path}.sha256", partial(_write_checksum, stored))
                await asyncio.to_thread(self._make_room, base_of(frozen.facts))
            return stored

    async def blocks(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes of an export from `start` until before `end`.

        Raises:
            StorageFailed: the folder cannot be read.
        """
        with _worded():
            async for block in self._folder.blocks(path, start, end):
                yield block

    async def has_rows(self, sha256: str) -> bool:
        """Whether the rows are there at all."""
        with _worded():
            return await asyncio.to_thread(self._folder.size_now, _rows_path(sha256)) is not None

    async def discard(self, facts: Facts, rows_sha256: str | None) -> None:
        """Remove a snapshot's exports, and its rows where no other snapshot has the same.

        Raises:
            StorageFailed: the folder cannot be written to.
        """
        with _worded():
            await self._folder.delete(base_of(facts))
            if rows_sha256 is not None:
                await self._folder.delete(_rows_path(rows_sha256))

    async def aclose(self) -> None:
        """Release the folder."""
        await self._folder.aclose()

    @asynccontextmanager
    async def _alone(self, path: str) -> AsyncIterator[None]:
        """One at a time makes an export; the next finds it made."""
        lock = self._making[path]
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._making.pop(path, None)

    def _table(self, frozen: Frozen, division: Division | None) -> Table:
        first, *others = frozen.columns
        plan = None if division is None else division.plan

        def rows() -> Iterator[Row]:
            for _, row in self.rows_now(frozen.rows_sha256):
                if division is not None:
                    row[SPLIT] = division.parts.get(row["member_perm_id"])
                yield row

        return Table(
            facts=frozen.facts,
            digest=digest_of(frozen.facts.digest, plan),
            columns=(first, SPLIT_COLUMN, *others),
            rows=rows,
            parts=() if division is None else division.names,
            split=None if plan is None else plan.decode(),
        )

    async def _producer(
        self, frozen: Frozen, format_: ExportFormat, division: Division | None, table: Table
    ) -> Callable[[HashingFile], None]:
        match format_:
            case ExportFormat.PARQUET:
                return partial(parquet.write, table)
            case ExportFormat.CSV:
                return partial(comma_separated.write, table)
            case ExportFormat.JSON_LINES:
                return partial(json_lines.write, table)
            case ExportFormat.COLUMNS:
                return partial(json_lines.write_columns, table)
            case ExportFormat.CROISSANT:
                of = await self.export(frozen, ExportFormat.PARQUET, division)
                return partial(
                    croissant.write, table, file=_name(of), size=of.size, sha256=of.sha256
                )
            case ExportFormat.RO_CRATE:
                files = [await self._crated(frozen, each, division) for each in CRATED]
                return partial(crate.write, table, files=files)

    async def _crated(
        self, frozen: Frozen, format_: ExportFormat, division: Division | None
    ) -> crate.CrateFile:
        stored = await self.export(frozen, format_, division)
        facts = FORMATS[format_]
        return crate.CrateFile(
            facts.file,
            facts.media_type.split(";")[0],
            facts.description,
            stored.size,
            stored.sha256,
            partial(self._folder.open_now, stored.path),
        )

    def _found(self, path: str) -> StoredFile | None:
        """An export that is there with its checksum; one without was not finished."""
        size = self._folder.size_now(path)
        if size is None:
            return None
        try:
            with self._folder.open_now(f"{path}.sha256") as file:
                return StoredFile(path, size, file.read().decode().split(" ")[0])
        except FileMissing:
            return None

    def _make_room(self, base: str) -> None:
        splits = self._folder.names_now(f"{base}/{SPLITS}")
        for name in splits[: max(0, len(splits) - KEPT_SPLITS)]:
            self._folder.delete_now(f"{base}/{SPLITS}/{name}")


def base_of(facts: Facts) -> str:
    """The folder of a snapshot's exports; no two snapshots have the same, whatever happens."""
    return f"{facts.created_at:%Y%m%dT%H%M%S}-{facts.id}-{facts.digest[:16]}"


def _rows_path(sha256: str) -> str:
    return f"rows/{sha256}.jsonl"


def _name(stored: StoredFile) -> str:
    return stored.path.rsplit("/", 1)[-1]


def _write_checksum(stored: StoredFile, sink: Any) -> None:
    sink.write(f"{stored.sha256}  {_name(stored)}\n".encode())


@contextlib.contextmanager
def _worded() -> Iterator[None]:
    try:
        yield
    except FileMissing:
        raise StorageFailed(
            "The snapshot's rows are missing from the snapshot folder; ask the operator."
        ) from None
    except FolderError as error:
        raise StorageFailed(str(error)) from error
