"""Registering, changing and deleting projects and samples in both systems, as mutations."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import strawberry

from api.selection import Info
from api.types.operation import Operation
from api.types.operation_commands import DryRun, Key, Seconds, registered
from api.types.project import Project
from api.types.sample import Sample
from api.types.scalars import BigInt
from api.types.source import own
from api.types.user_error import UserError
from backends.fetch import Fetch
from backends.records import Kind
from link_store.operation_records import OperationRecord, OperationState
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.workflows.create_project import NewProjectRequest, create_project
from resolvers.workflows.delete import DeletionPolicy
from resolvers.workflows.delete_project import delete_project
from resolvers.workflows.delete_sample import delete_sample
from resolvers.workflows.update_project import update_project
from resolvers.workflows.update_sample import SampleChanges, update_sample

strawberry.enum(
    DeletionPolicy,
    description=(
        "RESTRICT: refuse while there are samples, images or data, saying how many. UNLINK: leave "
        "what is in OMERO, without its link. CASCADE: delete all of it; needs `confirm`."
    ),
)


@strawberry.input(description="A project to be registered.")
class CreateProjectInput:
    """Becomes a `NewProjectRequest`."""

    space: str = strawberry.field(description="The code of the openBIS space.")
    code: str = strawberry.field(description="The project's code, unique in its space.")
    description: str | None = strawberry.field(description="What it is about.", default=None)
    imaging: bool | None = strawberry.field(
        description="Whether it gets an OMERO project too, linked with it.", default=True
    )
    image_group: BigInt | None = strawberry.field(
        description="The OMERO group for its images; else your session's own.", default=None
    )

    def to_request(self) -> NewProjectRequest:
        """Return the request."""
        return NewProjectRequest(
            self.space,
            self.code,
            self.description,
            imaging=self.imaging is not False,
            image_group=self.image_group,
        )


@strawberry.input(description="Another value of a property.")
class PropertyInput:
    """One entry of `SampleChanges.properties`."""

    code: str = strawberry.field(description="The property's code.")
    value: str | None = strawberry.field(
        description="The value, a term by its code; null takes the value away.", default=None
    )
    values: list[str] | None = strawberry.field(
        description="Several values, where the property holds several.", default=None
    )


@strawberry.input(description="What is to be different of a sample; all else stays.")
class UpdateSampleInput:
    """Becomes `SampleChanges`."""

    properties: list[PropertyInput] | None = strawberry.field(
        description="Other values of properties.", default=None
    )
    add_parents: list[str] | None = strawberry.field(
        description="Identifiers or permIds of further parents.", default=None
    )
    remove_parents: list[str] | None = strawberry.field(
        description="Identifiers or permIds of parents that are none.", default=None
    )

    def to_changes(self) -> SampleChanges:
        """Return the changes."""
        values: dict[str, tuple[str, ...]] = {}
        for each in self.properties or ():
            several = tuple(each.values or ())
            values[each.code] = several or (() if each.value is None else (each.value,))
        return SampleChanges(
            values, tuple(self.add_parents or ()), tuple(self.remove_parents or ())
        )


@strawberry.type(description="What became of a project.")
class ProjectPayload:
    """The project after it."""

    project: Project | None = own("The project, once it is there or changed.")
    operation: Operation | None = own("The operation; none for a dry run.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


@strawberry.type(description="What became of a sample.")
class SamplePayload:
    """The sample after it."""

    sample: Sample | None = own("The sample, once it is changed.")
    operation: Operation | None = own("The operation; none for a dry run.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


@strawberry.type(description="What became of a deletion.")
class DeletionPayload:
    """What is no more."""

    deleted_perm_id: str | None = own("The permId of what was deleted, once it is.")
    operation: Operation | None = own("The operation; none for a dry run.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


ProjectName: TypeAlias = Annotated[
    str, strawberry.argument(description="The project's identifier, code or permId.")
]
SampleName: TypeAlias = Annotated[
    str, strawberry.argument(description="The sample's identifier or permId.")
]
Policy: TypeAlias = Annotated[
    DeletionPolicy,
    strawberry.argument(description="What is to happen with what is in it, and in OMERO."),
]
Confirm: TypeAlias = Annotated[
    str | None,
    strawberry.argument(description="For CASCADE: the code of what is deleted, once more."),
]


@strawberry.type(description="Registration.")
class RegistrationCommands:
    """The part of `Mutation` that registers."""

    @strawberry.mutation(
        description=(
            "Register a project in openBIS and, with imaging, in OMERO, and link both: all of it "
            "or nothing."
        )
    )
    async def create_project(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            CreateProjectInput, strawberry.argument(description="What is to be registered.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> ProjectPayload:
        """Register a project."""
        context = info.context
        work = create_project(context, input.to_request(), key=idempotency_key, dry_run=dry_run)
        return await _project_payload(context, *await registered(context, work, wait))

    @strawberry.mutation(
        description=(
            "Change a project's description in openBIS, and in OMERO where it is the same there."
        )
    )
    async def update_project(
        self,
        info: Info,
        project: ProjectName,
        description: Annotated[
            str, strawberry.argument(description="The new one; an empty text takes it away.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> ProjectPayload:
        """Change a project."""
        context = info.context
        work = update_project(context, project, description, key=idempotency_key, dry_run=dry_run)
        return await _project_payload(context, *await registered(context, work, wait))

    @strawberry.mutation(
        description=(
            "Change a sample's properties and parents in openBIS, and the name or description of "
            "its OMERO dataset where that was the old value."
        )
    )
    async def update_sample(
        self,
        info: Info,
        sample: SampleName,
        input: Annotated[  # noqa: A002
            UpdateSampleInput, strawberry.argument(description="What is to be different.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> SamplePayload:
        """Change a sample."""
        context = info.context
        changes = input.to_changes()
        work = update_sample(context, sample, changes, key=idempotency_key, dry_run=dry_run)
        record, errors = await registered(context, work, wait)
        made: Any = await _made(context, record, Kind.SAMPLE, "sample")
        shown: Any = record
        return SamplePayload(sample=made, operation=shown, user_errors=errors)

    @strawberry.mutation(
        description=(
            "Delete a project, its OMERO project and their link; nothing is left without its other "
            "end. It cannot be brought back."
        )
    )
    async def delete_project(
        self,
        info: Info,
        project: ProjectName,
        policy: Policy = DeletionPolicy.RESTRICT,
        confirm: Confirm = None,
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> DeletionPayload:
        """Delete a project."""
        context = info.context
        work = delete_project(
            context, project, policy, confirm=confirm, key=idempotency_key, dry_run=dry_run
        )
        return _deletion_payload(*await registered(context, work, wait), "deletedProject")

    @strawberry.mutation(
        description=(
            "Delete a sample (in openBIS: to the trash), its OMERO dataset and their link; nothing "
            "is left without its other end."
        )
    )
    async def delete_sample(
        self,
        info: Info,
        sample: SampleName,
        policy: Policy = DeletionPolicy.RESTRICT,
        confirm: Confirm = None,
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> DeletionPayload:
        """Delete a sample."""
        context = info.context
        work = delete_sample(
            context, sample, policy, confirm=confirm, key=idempotency_key, dry_run=dry_run
        )
        return _deletion_payload(*await registered(context, work, wait), "deletedSample")


async def _project_payload(
    context: RequestContext, record: OperationRecord | None, errors: list[UserError]
) -> ProjectPayload:
    # Records stand where the types name what they become, as in all of `api.types`.
    project: Any = await _made(context, record, Kind.PROJECT, "project")
    shown: Any = record
    return ProjectPayload(project=project, operation=shown, user_errors=errors)


def _deletion_payload(
    record: OperationRecord | None, errors: list[UserError], name: str
) -> DeletionPayload:
    shown: Any = record
    return DeletionPayload(
        deleted_perm_id=_outcome(record, name), operation=shown, user_errors=errors
    )


async def _made(
    context: RequestContext, record: OperationRecord | None, kind: Kind, name: str
) -> Any:
    """What an operation has made or changed, as it is now."""
    perm_id = _outcome(record, name)
    return None if perm_id is None else await catalog.find(context, kind, perm_id, Fetch())


def _outcome(record: OperationRecord | None, name: str) -> str | None:
    if record is None or record.state is not OperationState.SUCCEEDED:
        return None
    perm_id = (record.outcome or {}).get(name)
    return None if perm_id is None else str(perm_id)
