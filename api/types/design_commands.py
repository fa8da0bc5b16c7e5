"""Registering experimental designs, as a mutation: factors or a sheet in, samples out."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Annotated, Any

import strawberry

from api.selection import Info
from api.types.design_preview import DesignPreview, told
from api.types.operation import Operation
from api.types.operation_commands import DryRun, Key, Seconds, attempt, registered
from api.types.source import own
from api.types.user_error import UserError
from backends.sheets.faults import Fault
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.design.factorial import Cell, DesignFactor, FactorialDesign, Stage
from resolvers.design.levels import Level
from resolvers.design.preparation import SheetSource
from resolvers.errors import BadInput
from resolvers.workflows.register_design import DesignRequest, register_design

SHOWN = 1000  # samples of a preview at most


@strawberry.input(description="Something that is varied, and at which values.")
class DesignFactorInput:
    """Becomes a `DesignFactor`."""

    label: str = strawberry.field(description="What is varied, such as genotype.")
    values: list[str] = strawberry.field(description="The values.")
    unit: str | None = strawberry.field(
        description="Its unit; a factor without unit is categorical.", default=None
    )
    property: str | None = strawberry.field(
        description="The openBIS property that the value is stored in as well.", default=None
    )


@strawberry.input(description="A property that all samples of a level have.")
class DesignPropertyInput:
    """Becomes a pair."""

    code: str = strawberry.field(description="Its code.")
    value: str = strawberry.field(description="Its value, or the label or code of a term.")


@strawberry.input(description="One level of a design; its samples come from those of the last.")
class DesignStageInput:
    """Becomes a `Stage`."""

    level: Level = strawberry.field(description="Which level.")
    choices: list[str] | None = strawberry.field(
        description="The species, tissues or analytes; several of them are a factor.",
        default=None,
    )
    factors: list[DesignFactorInput] | None = strawberry.field(
        description="What else is varied on this level.", default=None
    )
    replicates: int | None = strawberry.field(
        description="How often each combination is made.", default=1
    )
    properties: list[DesignPropertyInput] | None = strawberry.field(
        description="What all of them have.", default=None
    )


@strawberry.input(description="A factor with one of its values.")
class FactorValueInput:
    """Becomes a pair."""

    label: str = strawberry.field(description="The factor: species, tissue and analyte are some.")
    value: str = strawberry.field(description="Its value.")


@strawberry.input(description="Combinations that are made more or less often than the others.")
class DesignCellInput:
    """Becomes a `Cell`."""

    where: list[FactorValueInput] = strawberry.field(description="All combinations with these.")
    replicates: int | None = strawberry.field(description="How often; 0 drops them.", default=0)


@strawberry.input(description="A full-factorial design, from entities downwards.")
class FactorialDesignInput:
    """Becomes a `FactorialDesign`."""

    stages: list[DesignStageInput] = strawberry.field(description="Its levels, each once.")
    cells: list[DesignCellInput] | None = strawberry.field(
        description="Combinations that are dropped, or made in another number.",
        default=None,
    )
    study_design: str | None = strawberry.field(description="The kind of study.", default=None)
    technologies: list[str] | None = strawberry.field(
        description="How the samples of the lowest level are measured.", default=None
    )

    def to_source(self) -> FactorialDesign:
        """Return the design."""
        return FactorialDesign(
            tuple(
                Stage(
                    stage.level,
                    tuple(stage.choices or ()),
                    tuple(
                        DesignFactor(
                            each.label, tuple(each.values), each.unit or None, each.property or None
                        )
                        for each in stage.factors or ()
                    ),
                    1 if stage.replicates is None else stage.replicates,
                    tuple((each.code, each.value) for each in stage.properties or ()),
                )
                for stage in self.stages
            ),
            tuple(
                Cell(tuple((each.label, each.value) for each in cell.where), cell.replicates or 0)
                for cell in self.cells or ()
            ),
            self.study_design,
            tuple(self.technologies or ()),
        )


@strawberry.input(description="A table that somebody hands in.")
class SheetInput:
    """Becomes a `SheetSource`."""

    text: str = strawberry.field(description="The whole table as text.")
    delimiter: str | None = strawberry.field(description="What divides its cells.", default="\t")
    mapping: str | None = strawberry.field(
        description="A mapping in TOML that says what the columns are; none for a plain sheet.",
        default=None,
    )

    def to_source(self) -> SheetSource:
        """Return the sheet."""
        delimiter = "\t" if self.delimiter is None else self.delimiter
        if len(delimiter) != 1:
            raise BadInput("A delimiter is a single character, such as a tab or a comma.")
        return SheetSource(self.text.encode(), delimiter, self.mapping or None)


@strawberry.input(description="A design to be registered: either `factorial` or `sheet`.")
class RegisterDesignInput:
    """Becomes a `DesignRequest`."""

    project: str = strawberry.field(description="The project's identifier, permId or code.")
    factorial: FactorialDesignInput | None = strawberry.field(
        description="Factors and levels.", default=None
    )
    sheet: SheetInput | None = strawberry.field(
        description="A sample sheet, or a table with a mapping.", default=None
    )
    image_levels: list[Level] | None = strawberry.field(
        description="The levels whose samples get a dataset in OMERO.", default=None
    )
    create_missing: bool | None = strawberry.field(
        description="Whether master data that a mapping brings along is added; administrators may.",
        default=False,
    )

    def to_request(self) -> DesignRequest:
        """Return the request."""
        given = self.factorial or self.sheet
        if given is None or (self.factorial and self.sheet):
            raise BadInput("Give either `factorial` or `sheet`.")
        return DesignRequest(
            self.project,
            given.to_source(),
            frozenset(self.image_levels or ()),
            self.create_missing is True,
        )


@strawberry.type(description="What became of a design.")
class DesignPayload:
    """The preview, and the operation."""

    preview: DesignPreview | None = own(
        "What it is; none when the same request had been accepted before."
    )
    operation: Operation | None = own("The operation; none for a dry run, or with faults.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


@strawberry.type(description="Designs.")
class DesignCommands:
    """The part of `Mutation` that registers designs."""

    @strawberry.mutation(
        description=(
            "Register an experimental design: entities, biological samples and test samples with "
            "barcodes and factors, and datasets in OMERO for the levels you choose. Look at it "
            "first with `dryRun: true`."
        )
    )
    async def register_design(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            RegisterDesignInput, strawberry.argument(description="What is to be registered.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
        first: Annotated[
            int, strawberry.argument(description="How many samples of the preview to show.")
        ] = 100,
    ) -> DesignPayload:
        """Register a design."""
        context = info.context
        if not 0 <= first <= SHOWN:
            raise BadInput(f"A preview shows 0 to {SHOWN} samples.")
        work = register_design(context, input.to_request(), key=idempotency_key, dry_run=dry_run)
        preview, record, errors = await previewed(context, work, wait)
        return _payload(None if preview is None else told(preview, first), record, errors)


async def previewed(
    context: RequestContext, work: Awaitable[tuple[Any, OperationRecord | None]], wait: float
) -> tuple[Any, OperationRecord | None, list[UserError]]:
    """Await a registration's preview and acceptance and, for a while, its end.

    Returns:
        The preview, if there is one; the operation as it is then, if it was accepted; and what the
        user can mend: why it was refused, the faults of what was handed in, or why it failed.
    """
    answer, errors = await attempt(work)
    if answer is None:
        return None, None, errors
    preview, record = answer
    if record is None:
        return preview, None, [] if preview is None else _fault_errors(preview.faults)
    return preview, *await registered(context, _accepted(record), wait)


async def _accepted(record: OperationRecord) -> OperationRecord:
    """Return an operation that has been accepted, for `registered` to await."""
    return record


def _fault_errors(faults: Sequence[Fault]) -> list[UserError]:
    """Return the faults of what was handed in as user errors."""
    return [
        UserError(code="BAD_USER_INPUT", message=str(fault), field="input", source=None)
        for fault in faults
    ]


def _payload(preview: DesignPreview | None, record: Any, errors: list[UserError]) -> DesignPayload:
    """The record stands where the type names what it becomes, as in all of `api.types`."""
    return DesignPayload(preview=preview, operation=record, user_errors=errors)
