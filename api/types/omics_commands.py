"""Registering omics data sets as metadata, as a mutation."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from api.selection import Info
from api.types.design_commands import DesignPropertyInput, SheetInput, previewed
from api.types.design_preview import SheetFault
from api.types.operation import Operation
from api.types.operation_commands import DryRun, Key, Seconds
from api.types.source import own
from api.types.user_error import UserError
from backends.sheets.faults import Fault
from resolvers.errors import BadInput
from resolvers.omics_registration.request import OmicsRow, WorkflowRun
from resolvers.omics_registration.source import read_omics
from resolvers.workflows.register_omics import OmicsRequest, register_omics


@strawberry.input(description="A parameter that an analysis was run with.")
class WorkflowParameterInput:
    """Becomes a pair."""

    name: str = strawberry.field(description="Its name.")
    value: str = strawberry.field(description="Its value.")


@strawberry.input(description="The analysis that a result came from, such as nf-core/rnaseq.")
class WorkflowRunInput:
    """Becomes a `WorkflowRun`."""

    name: str = strawberry.field(description="The workflow.")
    version: str | None = strawberry.field(description="Its version.", default=None)
    parameters: list[WorkflowParameterInput] | None = strawberry.field(
        description="What it was run with.", default=None
    )


@strawberry.input(description="A data set whose content lies in another system.")
class OmicsDatasetInput:
    """Becomes an `OmicsRow`."""

    sample: str = strawberry.field(description="The sample's code, or its submitter's name for it.")
    type: str = strawberry.field(description="Its openBIS type, such as Q_NGS_RAW_DATA.")
    system: str = strawberry.field(description="The external system, by its code in openBIS.")
    external_code: str = strawberry.field(
        description="What that system knows it by: an accession, a path, an address."
    )
    name: str | None = strawberry.field(description="What people call it.", default=None)
    properties: list[DesignPropertyInput] | None = strawberry.field(
        description="Further properties.", default=None
    )
    parents: list[str] | None = strawberry.field(
        description="What it was made of: codes in openBIS, or external codes of this request.",
        default=None,
    )
    workflow: WorkflowRunInput | None = strawberry.field(
        description="The analysis that made it.", default=None
    )

    def to_row(self) -> OmicsRow:
        """Return the row."""
        workflow = None
        if self.workflow is not None:
            pairs = tuple((each.name, each.value) for each in self.workflow.parameters or ())
            workflow = WorkflowRun(self.workflow.name, self.workflow.version, pairs)
        return OmicsRow(
            self.sample,
            self.type.upper(),
            self.system.upper(),
            self.external_code,
            self.name,
            {each.code.upper(): each.value for each in self.properties or ()},
            tuple(self.parents or ()),
            workflow,
        )


@strawberry.input(description="Data sets to be registered: `omicsDatasets`, or a `sheet` of them.")
class RegisterOmicsDatasetInput:
    """Becomes an `OmicsRequest`."""

    project: str = strawberry.field(description="The project's identifier, permId or code.")
    omics_datasets: list[OmicsDatasetInput] | None = strawberry.field(
        description="The data sets.", default=None
    )
    sheet: SheetInput | None = strawberry.field(
        description=(
            "A table with the columns sample, type, system, external code, name, parents, "
            "workflow, workflow version, `parameter: name`, and properties under their codes. "
            "With a mapping, its accessions."
        ),
        default=None,
    )


@strawberry.type(description="What registering data sets would do.")
class OmicsPreview:
    """Backed by an `OmicsPreview` of the workflow."""

    omics_datasets: int = own("Data sets in all.")
    samples: int = own("Samples that they are of.")
    transactions: int = own("How many transactions of openBIS it takes.")
    faults: list[SheetFault] = own("All that is wrong; with a fault, nothing is registered.")


@strawberry.type(description="What became of data sets.")
class OmicsDatasetPayload:
    """The preview, and the operation."""

    preview: OmicsPreview | None = own(
        "What it is; none when the same request had been accepted before."
    )
    operation: Operation | None = own("The operation; none for a dry run, or with faults.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


@strawberry.type(description="Omics data sets.")
class OmicsCommands:
    """The part of `Mutation` that registers omics data sets."""

    @strawberry.mutation(
        description=(
            "Register omics data sets as metadata: where the content lies, the data sets it was "
            "made of, and the workflow with its version and parameters. Look first with "
            "`dryRun: true`."
        )
    )
    async def register_omics_dataset(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            RegisterOmicsDatasetInput, strawberry.argument(description="What is to be registered.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> OmicsDatasetPayload:
        """Register data sets."""
        context = info.context
        faults: list[Fault] = []
        if (input.omics_datasets is None) == (input.sheet is None):
            raise BadInput("Give either `omicsDatasets` or `sheet`.")
        if input.sheet is not None:
            rows = read_omics(input.sheet.to_source(), faults)
        else:
            rows = tuple(each.to_row() for each in input.omics_datasets or ())
        work = register_omics(
            context,
            OmicsRequest(input.project, rows),
            faults=faults,
            key=idempotency_key,
            dry_run=dry_run,
        )
        return _payload(*await previewed(context, work, wait))


def _payload(preview: Any, record: Any, errors: list[UserError]) -> OmicsDatasetPayload:
    """Records stand where the types name what they become, as in all of `api.types`."""
    return OmicsDatasetPayload(preview=preview, operation=record, user_errors=errors)
