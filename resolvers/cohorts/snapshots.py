"""Frozen cohorts: freeze, list, read, delete.

A snapshot holds which members a cohort had, what belonged to each, and one row of values for each
of their images and omics datasets, as their author saw them. The members stand in the link
database, which lets nobody change them; the rows lie in the snapshot folder, and their SHA-256
stands under the snapshot's digest. Nothing is frozen while a source is missing.

A snapshot is its author's. Others may read it by its id while both systems show them all that is in
it: `visibility.py` decides. `comparison.py` says what has changed since, `division.py` splits.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import IO, Any, Final, NoReturn, cast

import orjson

from backends.errors import (
    AuthenticationFailed,
    BackendError,
    ChangedMeanwhile,
    SessionExpired,
    Source,
    Unavailable,
)
from backends.folder import HashingFile
from link_store.errors import InvalidSnapshot, SnapshotNotFound
from link_store.snapshot_records import CohortUnit, NewMember, SnapshotPage, SnapshotRecord
from resolvers import identity
from resolvers.cohorts.answer import Gap
from resolvers.cohorts.columns import Column, table
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.exports.table import Facts
from resolvers.cohorts.predicates import Question, read_question
from resolvers.cohorts.rows import Reader
from resolvers.cohorts.shelf import Frozen
from resolvers.context import RequestContext
from resolvers.errors import BadInput, NotAllowed, NotSignedIn

LONGEST_DESCRIPTION: Final = 4000
_IN_MEMORY: Final = 8 * 1024 * 1024  # bytes of rows; more are spooled to a temporary file
_BLOCK: Final = 1024 * 1024
_NAMES: Final = {Source.OPENBIS: "openBIS", Source.OMERO: "OMERO"}
NO_SUCH: Final = "There is no such cohort snapshot, or you may not see all of it."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is said of a snapshot's rows, beside its members."""

    rows: int
    rows_sha256: str
    columns: tuple[Column, ...]

    def as_json(self) -> dict[str, Any]:
        """The manifest as it is frozen."""
        return {
            "complete": True,
            "rows": self.rows,
            "rowsSha256": self.rows_sha256,
            "columns": [column.as_json() for column in self.columns],
        }


def manifest_of(record: SnapshotRecord) -> Manifest:
    """Read what `freeze` wrote."""
    form = orjson.loads(record.completeness)
    columns = tuple(map(Column.from_json, form["columns"]))
    return Manifest(form["rows"], form["rowsSha256"], columns)


def question_of(record: SnapshotRecord) -> Question:
    """The question that a snapshot answers."""
    return read_question(record.predicate)


def frozen_of(record: SnapshotRecord) -> Frozen:
    """A snapshot as exports need it."""
    manifest = manifest_of(record)
    facts = Facts(
        id=str(record.id),
        name=record.name,
        digest=record.digest,
        question=record.predicate,
        link_revision=record.link_revision,
        versions=versions_of(record),
        author=record.author,
        created_at=record.created_at,
        members=record.member_count,
        rows=manifest.rows,
    )
    return Frozen(facts, manifest.rows_sha256, manifest.columns)


def versions_of(record: SnapshotRecord) -> dict[str, str]:
    """The versions of the systems that answered, by their names."""
    return cast("dict[str, str]", orjson.loads(record.backend_versions))


async def author_of(context: RequestContext) -> str:
    """Whom the viewer's snapshots belong to: the user of the openBIS session.

    Raises:
        NotSignedIn: there is none.
    """
    return (await identity.openbis(context)).user_id


@dataclass(frozen=True, slots=True)
class Freezing:
    """What a freezing came to; in a dry run there is no snapshot."""

    members: int
    rows: int
    snapshot: SnapshotRecord | None


async def freeze(
    context: RequestContext,
    question: Question,
    name: str,
    description: str = "",
    *,
    dry_run: bool = False,
) -> Freezing:
    """Answer a question and freeze the answer: all of it, or nothing.

    Args:
        context: the request.
        question: what is asked.
        name: what people call it.
        description: whatever else is to be known.
        dry_run: whether only to read what would be frozen.

    Raises:
        BadInput: name or description cannot be, or nothing matches.
        BackendError: a source did not answer, or something changed meanwhile.
        StorageFailed: the snapshot folder did not take the rows.
    """
    if len(description) > LONGEST_DESCRIPTION:
        raise BadInput(f"A description has {LONGEST_DESCRIPTION} characters at most.")
    author = await author_of(context)
    versions = await _versions(context)
    revision = await context.ask_links("revision", context.services.links.revision())
    answer = await evaluate(context, question.unit, question.where)
    if not answer.completeness.complete:
        refuse_incomplete(answer.completeness.gaps, "frozen")
    if not answer.member_ids:
        raise BadInput("No member matches, so there is nothing to freeze; look at the funnel.")
    reader = Reader(context, answer.member_ids)
    members: list[NewMember] = []
    rows = 0
    linked: dict[str, int | None] = {}
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        async for page in reader.pages(answer):
            for content in page:
                members.append(NewMember(content.perm_id, content.details))
                rows += len(content.rows)
                for specimen in content.details["specimens"]:
                    linked[specimen["permId"]] = specimen["imageDataset"]
            await asyncio.to_thread(spool.write, b"".join(content.lines for content in page))
        await _check_links(context, revision, linked)
        if dry_run:
            return Freezing(len(members), rows, None)
        shelf = context.services.shelf
        sha256 = await shelf.keep_rows(lambda sink: _copy(spool, sink))
        manifest = Manifest(rows, sha256, table(reader.columns()))
        try:
            record = await context.ask_links(
                "freeze",
                context.services.snapshots.freeze(
                    name,
                    members,
                    unit=CohortUnit(question.unit.value),
                    predicate=orjson.loads(question.canonical()),
                    link_revision=revision,
                    backend_versions=versions,
                    author=author,
                    description=description,
                    completeness=manifest.as_json(),
                ),
            )
        except InvalidSnapshot as error:
            raise BadInput(_sentence(error.message)) from error
        # Who deleted a snapshot with the same rows just now may have taken them along.
        if not await shelf.has_rows(sha256):
            await shelf.keep_rows(lambda sink: _copy(spool, sink))
    return Freezing(len(members), rows, record)


async def find(context: RequestContext, number: int) -> SnapshotRecord | None:
    """Return a snapshot by its id, whoever asks, a deleted one too; `visibility.py` says whose."""
    try:
        return await context.ask_links("snapshot", context.services.snapshots.snapshot(number))
    except SnapshotNotFound:
        return None


async def list_own(
    context: RequestContext,
    *,
    limit: int,
    name: str | None = None,
    key: int | None = None,
    backward: bool = False,
    count: bool = False,
) -> SnapshotPage:
    """Return one page of the viewer's own snapshots, newest first."""
    return await context.ask_links(
        "searchSnapshots",
        context.services.snapshots.search(
            limit=limit,
            author=await author_of(context),
            name=name,
            key=key,
            backward=backward,
            count=count,
        ),
    )


async def delete(context: RequestContext, record: SnapshotRecord) -> SnapshotRecord:
    """Delete a snapshot with its rows and exports; who may read it must be checked before.

    Raises:
        NotAllowed: the viewer is neither its author nor an administrator of a system.
    """
    author = await author_of(context)
    # Only administrators see all of OMERO; of openBIS, observers do, too.
    if author != record.author and not await sees_all_of(context, Source.OMERO):
        raise NotAllowed("Only its author, or an administrator, may delete a snapshot.")
    store = context.services.snapshots
    gone = await context.ask_links("delete", store.delete(record.id, author=author))
    sha256 = manifest_of(record).rows_sha256
    shared = await _is_kept_elsewhere(context, sha256)
    await context.services.shelf.discard(frozen_of(record).facts, None if shared else sha256)
    return gone


async def sees_all_of(context: RequestContext, source: Source) -> bool:
    """Whether a system hides nothing from the viewer; not, where it does not answer."""
    try:
        return bool(await context.loaders.oversight.load(source))
    except (BackendError, NotSignedIn):
        return False


async def _versions(context: RequestContext) -> dict[str, str]:
    """The versions of both systems and of this program.

    Raises:
        Unavailable: one of them does not answer.
    """
    versions = {"omnibis": _own_version()}
    for state in await identity.backends(context):
        name = _NAMES.get(state.source)
        if name is None:
            continue
        if not state.available:
            raise Unavailable(
                state.source, f"{name} does not answer, so nothing can be frozen; try again soon."
            )
        versions[name] = state.version or "unknown"
    return versions


def _own_version() -> str:
    try:
        return version("omnibis")
    except PackageNotFoundError:
        return "unknown"


def refuse_incomplete(gaps: Iterable[Gap], purpose: str) -> NoReturn:
    """Say that a cohort cannot be frozen or compared while something about it is unknown.

    Raises:
        BackendError: a source did not answer, or the viewer has no session there.
    """
    gaps = tuple(gaps)
    first = next((gap.failure for gap in gaps), None)
    if isinstance(first, AuthenticationFailed | SessionExpired):
        raise first
    clauses = "; ".join(dict.fromkeys(gap.clause for gap in gaps)) or "a part of it"
    raise Unavailable(
        Source.OPENBIS if first is None else first.source,
        f"The cohort is incomplete, so it is not {purpose}: {clauses} could not be decided. "
        "Try again when all systems answer.",
    )


async def _check_links(
    context: RequestContext, revision: int, linked: Mapping[str, int | None]
) -> None:
    """Make sure that the links are still those that were read, if any has changed meanwhile."""
    links = context.services.links
    if await context.ask_links("revision", links.revision()) == revision:
        return
    now = await context.ask_links("sampleLinks", links.sample_links(list(linked)))
    for perm_id, dataset in linked.items():
        link = now.get(perm_id)
        if dataset is not None and (link is None or link.omero_id != dataset):
            raise ChangedMeanwhile(
                Source.LINK_STORE, "Links changed while the cohort was read; try again."
            )


async def _is_kept_elsewhere(context: RequestContext, rows_sha256: str) -> bool:
    """Whether another snapshot, of whomever, has the very same rows."""
    key: int | None = None
    while True:
        page = await context.ask_links(
            "searchSnapshots", context.services.snapshots.search(limit=500, key=key)
        )
        if any(manifest_of(each).rows_sha256 == rows_sha256 for each in page.items):
            return True
        if not page.has_more:
            return False
        key = page.items[-1].id


def _copy(spool: IO[bytes], sink: HashingFile) -> None:
    spool.seek(0)
    while block := spool.read(_BLOCK):
        sink.write(block)


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
