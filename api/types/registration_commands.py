"""Registering, changing and deleting projects and samples in both systems, as mutations."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from api.selection import Info
from api.types.operation import Operation
from api.types.operation_commands import DryRun, Key, Seconds, registered
from api.types.project import Project
from api.types.scalars import BigInt
from api.types.source import own
from api.types.user_error import UserError
from backends.fetch import Fetch
from backends.records import Kind
from link_store.operation_records import OperationRecord, OperationState
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.workflows.create_project import NewProjectRequest, create_project


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


@strawberry.type(description="What became of a project.")
class ProjectPayload:
    """The project after it."""

    project: Project | None = own("The project, once it is there.")
    operation: Operation | None = own("The operation; none for a dry run.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


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
        request = NewProjectRequest(
            input.space,
            input.code,
            input.description,
            imaging=input.imaging is not False,
            image_group=input.image_group,
        )
        work = create_project(context, request, key=idempotency_key, dry_run=dry_run)
        record, errors = await registered(context, work, wait)
        return _payload(await _project(context, record), record, errors)


def _payload(project: Any, record: Any, errors: list[UserError]) -> ProjectPayload:
    """Records stand where the types name what they become, as in all of `api.types`."""
    return ProjectPayload(project=project, operation=record, user_errors=errors)


async def _project(context: RequestContext, record: OperationRecord | None) -> Project | None:
    """The project that an operation has made or changed."""
    if record is None or record.state is not OperationState.SUCCEEDED:
        return None
    perm_id = (record.outcome or {}).get("project")
    if perm_id is None:
        return None
    return await catalog.find(context, Kind.PROJECT, perm_id, Fetch())
