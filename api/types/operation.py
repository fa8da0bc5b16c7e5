"""`Operation`: a durable registration, how far it is, what it made or why it failed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.selection import Info, selection
from api.types.errors import code_of_kind
from api.types.node import Node, global_id
from api.types.scalars import BigInt
from api.types.source import Source, links, own
from backends.records import Kind
from link_store.operation_records import OperationRecord, OperationState
from resolvers import catalog, lookahead
from resolvers.loaders import Member

if TYPE_CHECKING:
    from api.types.image_dataset import ImageDataset
    from api.types.image_project import ImageProject
    from api.types.project import Project
    from api.types.sample import Sample

strawberry.enum(
    OperationState,
    description=(
        "QUEUED: accepted. RUNNING: at work. RETRYING: a system does not answer, tried again by "
        "itself. NEEDS_LOGIN: a session has ended, goes on when you log in. UNDOING: failed or "
        "cancelled, what was done is being taken back. SUCCEEDED, FAILED, CANCELLED: ended."
    ),
)


@strawberry.type(description="Why an operation failed, or what it is waiting for.")
class OperationError:
    """Made of the error that was kept."""

    code: str = own("The kind of error, as in `extensions.code`.")
    message: str = own("What to do.")
    source: Source | None = own("The system that refused or does not answer, if it is one.")


@strawberry.type(description="One thing that an operation does, and what came of it.")
class OperationStep:
    """Made of an entry of the operation's history."""

    name: str = own("Its short name.")
    title: str = own("What it does.")
    attempts: int = own("How often it has been begun.")
    started_at: datetime = own("When it was begun first.")
    finished_at: datetime | None = own("When it was over.")
    error: OperationError | None = own("What went wrong with the last attempt that failed.")


@strawberry.type(description="How far an operation's present step is.")
class OperationProgress:
    """Made of the operation's row."""

    done: BigInt | None = own("How much of the step is done, where that can be said.")
    total: BigInt | None = own("Of how much.")
    message: str | None = own("What it is doing.")


@strawberry.type(description="How many of something an operation made.")
class OperationCount:
    """Made of the operation's outcome."""

    name: str = own("What was made, such as `samples`.")
    count: BigInt = own("How many.")


def _error(kept: dict[str, Any] | None) -> OperationError | None:
    if kept is None:
        return None
    source = kept.get("source")
    return OperationError(
        code=code_of_kind(str(kept.get("kind"))),
        message=str(kept.get("message")),
        source=None if source is None else Source(source),
    )


def resolve_error(root: strawberry.Parent[OperationRecord]) -> OperationError | None:
    """Return the error of the operation."""
    return _error(root.error)


def resolve_steps(root: strawberry.Parent[OperationRecord]) -> list[OperationStep]:
    """Return what has happened so far."""
    return [
        OperationStep(
            name=entry["name"],
            title=entry["title"],
            attempts=entry["attempts"],
            started_at=datetime.fromisoformat(entry["begun"]),
            finished_at=datetime.fromisoformat(entry["ended"]) if entry.get("ended") else None,
            error=_error(entry.get("error")),
        )
        for entry in root.steps
    ]


def resolve_progress(root: strawberry.Parent[OperationRecord]) -> OperationProgress:
    """Return how far it is."""
    done, total = (None if each is None else BigInt(each) for each in (root.done, root.total))
    return OperationProgress(done=done, total=total, message=root.message)


def resolve_counts(root: strawberry.Parent[OperationRecord]) -> list[OperationCount]:
    """Return how many of everything it made."""
    counts = (root.outcome or {}).get("counts") or {}
    return [OperationCount(name=name, count=BigInt(number)) for name, number in counts.items()]


def resolve_left(root: strawberry.Parent[OperationRecord]) -> list[str]:
    """Return what could not be taken back."""
    return list((root.outcome or {}).get("left") or ())


def resolve_cancellable(root: strawberry.Parent[OperationRecord]) -> bool:
    """Return whether it is not too late to cancel it."""
    return not (root.is_final or root.committed or root.cancelled)


def _made(root: OperationRecord, name: str) -> Any:
    return (root.outcome or {}).get(name)


async def resolve_project(
    root: strawberry.Parent[OperationRecord], info: Info
) -> Annotated[Project, strawberry.lazy("api.types.project")] | None:
    """Return the project that was made or changed."""
    perm_id = _made(root, "project")
    if perm_id is None:
        return None
    fetch = lookahead.project_fetch(selection(info))
    return await catalog.find(info.context, Kind.PROJECT, perm_id, fetch)


async def resolve_sample(
    root: strawberry.Parent[OperationRecord], info: Info
) -> Annotated[Sample, strawberry.lazy("api.types.sample")] | None:
    """Return the sample that was changed."""
    perm_id = _made(root, "sample")
    if perm_id is None:
        return None
    fetch = lookahead.sample_fetch(selection(info))
    return await catalog.find(info.context, Kind.SAMPLE, perm_id, fetch)


async def resolve_image_project(
    root: strawberry.Parent[OperationRecord], info: Info
) -> Annotated[ImageProject, strawberry.lazy("api.types.image_project")] | None:
    """Return the OMERO project that was made or changed."""
    omero_id = _made(root, "imageProject")
    if omero_id is None:
        return None
    key = Member(omero_id, lookahead.image_project_fetch(selection(info)))
    return await info.context.loaders.image_projects.load(key)


async def resolve_image_dataset(
    root: strawberry.Parent[OperationRecord], info: Info
) -> Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")] | None:
    """Return the OMERO dataset that was made or changed."""
    omero_id = _made(root, "imageDataset")
    if omero_id is None:
        return None
    key = Member(omero_id, lookahead.image_dataset_fetch(selection(info)))
    return await info.context.loaders.image_datasets.load(key)


@strawberry.federation.type(
    keys=["id"],
    description=(
        "A registration in both systems. It goes on whatever is switched off or killed meanwhile, "
        "and ends with everything done or nothing."
    ),
)
class Operation(Node):
    """Backed by `OperationRecord`."""

    backed_by: ClassVar[type] = OperationRecord

    id: strawberry.ID = global_id("Operation", "id")
    kind: str = links("What kind of registration it is, such as CREATE_PROJECT.", "operation.kind")
    title: str = links("What it does, in a sentence.", "operation.title")
    state: OperationState = links("Where it stands.", "operation.state")
    key: str = links("The idempotency key that it was asked for with.", "operation.key")
    steps: list[OperationStep] = links(
        "What has happened so far, oldest first.", "operation.steps", resolve_steps
    )
    progress: OperationProgress = links(
        "How far the present step is.", "operation.done, total, message", resolve_progress
    )
    error: OperationError | None = links(
        "Why it failed, or what it waits for.", "operation.error", resolve_error
    )
    cancellable: bool = links(
        "Whether it is not too late to cancel it.",
        "operation.committed, cancelled",
        resolve_cancellable,
    )
    left: list[str] = links(
        "What could not be taken back, in sentences.", "operation.outcome.left", resolve_left
    )
    counts: list[OperationCount] = links(
        "How many of what it made.", "operation.outcome.counts", resolve_counts
    )
    project: Annotated[Project, strawberry.lazy("api.types.project")] | None = links(
        "The project that it made or changed, once it has.",
        "operation.outcome.project",
        resolve_project,
    )
    sample: Annotated[Sample, strawberry.lazy("api.types.sample")] | None = links(
        "The sample that it changed, once it has.", "operation.outcome.sample", resolve_sample
    )
    image_project: Annotated[ImageProject, strawberry.lazy("api.types.image_project")] | None = (
        links(
            "The OMERO project that it made or changed, once it has.",
            "operation.outcome.imageProject",
            resolve_image_project,
        )
    )
    image_dataset: Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")] | None = (
        links(
            "The OMERO dataset that it made or changed, once it has.",
            "operation.outcome.imageDataset",
            resolve_image_dataset,
        )
    )
    created_at: datetime = links("When it was asked for.", "operation.created_at")
    updated_at: datetime = links("When it last changed.", "operation.updated_at")
    finished_at: datetime | None = links("When it ended.", "operation.finished_at")
