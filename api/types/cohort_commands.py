"""Mutations of cohorts: freezing one, deleting a frozen one."""

from __future__ import annotations

from typing import Annotated, Any, Final

import strawberry

from api.selection import Info
from api.types.cohort_filters import CohortWhere, UnitArgument
from api.types.cohort_snapshot import CohortSnapshot
from api.types.entities import read_node
from api.types.errors import code_of
from api.types.source import Source, own
from api.types.user_error import UserError
from backends.errors import BackendError, ChangedMeanwhile
from resolvers.cohorts import snapshots
from resolvers.cohorts.predicates import Question, Unit, checked
from resolvers.errors import BadInput, NotAllowed, ResolverError

ERRORS: Final = "Why nothing was done."


@strawberry.type(description="What a freezing came to.")
class FreezeCohortPayload:
    """Made by `freeze_cohort`."""

    snapshot: CohortSnapshot | None = own("The frozen cohort; none in a dry run.")
    member_count: int | None = own("How many members were frozen, or would be.")
    row_count: int | None = own("How many images and omics datasets were frozen, or would be.")
    user_errors: list[UserError] = own(ERRORS)


@strawberry.type(description="What became of a frozen cohort.")
class DeleteCohortSnapshotPayload:
    """Made by `delete_cohort_snapshot`."""

    deleted_id: strawberry.ID | None = own("The id of the snapshot that is no more.")
    user_errors: list[UserError] = own(ERRORS)


@strawberry.type(description="Freezing cohorts.")
class CohortCommands:
    """The part of `Mutation` that is about cohorts."""

    @strawberry.mutation(
        description=(
            "Answer a question and freeze the answer for good, with your rights: its members, what "
            "belongs to them, and one row of values for each of their images and omics datasets. "
            "Nothing is frozen while a system does not answer, or if something changes meanwhile. "
            "Where the filter asks for images or omics datasets, those that match are frozen; "
            "where it asks for none, all of them. Large cohorts take longer than a request may: "
            "use `omnibis cohort freeze`."
        )
    )
    async def freeze_cohort(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="What people call it.")],
        where: CohortWhere,
        unit: UnitArgument = Unit.SUBJECT,
        description: Annotated[
            str, strawberry.argument(description="Whatever else is to be known of it.")
        ] = "",
        dry_run: Annotated[
            bool,
            strawberry.argument(description="Read it all, tell the numbers, keep nothing."),
        ] = False,
    ) -> FreezeCohortPayload:
        """Freeze a cohort."""
        try:
            question = checked(Question(unit, where.to_predicate()))
            done = await snapshots.freeze(
                info.context, question, name, description, dry_run=dry_run
            )
        except (BadInput, ChangedMeanwhile) as error:
            return FreezeCohortPayload(
                snapshot=None, member_count=None, row_count=None, user_errors=[told(error)]
            )
        snapshot: Any = done.snapshot
        return FreezeCohortPayload(
            snapshot=snapshot, member_count=done.members, row_count=done.rows, user_errors=[]
        )

    @strawberry.mutation(
        description=(
            "Delete a frozen cohort with its rows and exports; only its author or an administrator "
            "of OMERO may. That it was there, its digest, and who deleted it, stay known."
        )
    )
    async def delete_cohort_snapshot(
        self,
        info: Info,
        id: Annotated[  # noqa: A002 - the schema's word
            strawberry.ID, strawberry.argument(description="The snapshot's id.")
        ],
    ) -> DeleteCohortSnapshotPayload:
        """Delete a snapshot."""
        record = await read_node(info.context, id, {}, expected="CohortSnapshot")
        try:
            await snapshots.delete(info.context, record)
        except NotAllowed as error:
            return DeleteCohortSnapshotPayload(deleted_id=None, user_errors=[told(error)])
        return DeleteCohortSnapshotPayload(deleted_id=id, user_errors=[])


def told(error: BackendError | ResolverError) -> UserError:
    """Return what a payload says of an error."""
    source = error.source
    return UserError(
        code=code_of(error),
        message=error.message,
        field=None,
        source=None if source is None else Source(source.value),
    )
