"""Omics data sets that are to be registered: where their content lies, and what they came from.

They are plain data, so that a workflow can keep them. Rows come from the API, from a plain table
(`read_rows`), or from a table that a mapping explains (`rows_of_plan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backends.sheets.faults import Fault, too_many
from backends.sheets.formulas import check_formulas
from backends.sheets.mapping import Mapping as SheetMapping
from backends.sheets.plan import Plan
from backends.sheets.table import Row, Table

DIVIDER: Final = ";"
REQUIRED: Final = ("sample", "type", "system", "external code")
OPTIONAL: Final = ("name", "parents", "workflow", "workflow version")
PARAMETER: Final = "parameter:"


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """The analysis that a result came from."""

    name: str
    version: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OmicsRow:
    """A data set whose content lies elsewhere.

    Attributes:
        sample: the code of its sample, or the name that its submitter gave it.
        type: its openBIS type, such as Q_NGS_RAW_DATA.
        system: the external system, by its code in openBIS.
        external_code: what that system knows the content by: an accession, an address, a path.
        name: what people call it.
        properties: further values by property code.
        parents: the data sets it was made of: codes of openBIS, or external codes of other rows.
        workflow: the analysis that made it.
        line: where a table says so.
    """

    sample: str
    type: str
    system: str
    external_code: str
    name: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    workflow: WorkflowRun | None = None
    line: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        made = {name: getattr(self, name) for name in self.__slots__}
        made["properties"], made["parents"] = dict(self.properties), list(self.parents)
        if self.workflow is not None:
            parameters = [list(each) for each in self.workflow.parameters]
            made["workflow"] = [self.workflow.name, self.workflow.version, parameters]
        return made

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> OmicsRow:
        """Read plain data again."""
        workflow = data["workflow"]
        if workflow is not None:
            name, version, parameters = workflow
            pairs = tuple((each[0], each[1]) for each in parameters)
            workflow = WorkflowRun(name, version, pairs)
        given = {**data, "parents": tuple(data["parents"]), "workflow": workflow}
        return OmicsRow(**given)


def read_rows(table: Table, faults: list[Fault]) -> tuple[OmicsRow, ...]:
    """Read a plain table.

    Columns: `sample`, `type`, `system`, `external code`; `name`, `parents` (divided by `;`),
    `workflow`, `workflow version`, `parameter: <name>`; properties under their codes.
    """
    check_formulas(table, faults)
    known = {" ".join(each.replace("_", " ").split()).casefold(): each for each in table.columns}
    missing = [name for name in REQUIRED if name not in known]
    faults += [Fault(1, name, "this column is missing") for name in missing]
    columns: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for word, column in known.items():
        if word.startswith(PARAMETER):
            parameters[column] = column.partition(":")[2].strip()
        elif word not in (*REQUIRED, *OPTIONAL):
            code = column.strip().upper()
            if "_" in code and code.replace("_", "").replace("$", "").isalnum():
                columns[column] = code
            else:
                advice = "unknown column: a property stands under its openBIS code"
                faults.append(Fault(1, column, advice))
    if missing:
        return ()
    rows: dict[tuple[str, str], OmicsRow] = {}
    for row in table.rows:
        read = _row(row, known, columns, parameters, faults)
        if read is not None:
            first = rows.setdefault((read.system, read.external_code), read)
            if first is not read:
                message = f"the same data stands in line {first.line}, too"
                faults.append(Fault(row.line, known["external code"], message))
        if too_many(faults):
            break
    return tuple(rows.values())


def _row(
    row: Row,
    known: Mapping[str, str],
    columns: Mapping[str, str],
    parameters: Mapping[str, str],
    faults: list[Fault],
) -> OmicsRow | None:
    cells = row.cells
    empty = [known[name] for name in REQUIRED if not cells[known[name]]]
    faults += [Fault(row.line, column, "must not be empty") for column in empty]

    def cell(name: str) -> str:
        return cells[known[name]] if name in known else ""

    pairs = tuple((name, cells[each]) for each, name in parameters.items() if cells[each])
    if not cell("workflow") and (cell("workflow version") or pairs):
        message = "a version or parameters need the name of the workflow"
        faults.append(Fault(row.line, known.get("workflow", "workflow"), message))
    if empty:
        return None
    workflow = None
    if cell("workflow"):
        workflow = WorkflowRun(cell("workflow"), cell("workflow version") or None, pairs)
    return OmicsRow(
        cell("sample"),
        cell("type").upper(),
        cell("system").upper(),
        cell("external code"),
        cell("name") or None,
        {code: cells[column] for column, code in columns.items() if cells[column]},
        tuple(each.strip() for each in cell("parents").split(DIVIDER) if each.strip()),
        workflow,
        row.line,
    )


def rows_of_plan(plan: Plan, mapping: SheetMapping, faults: list[Fault]) -> tuple[OmicsRow, ...]:
    """Return the accessions that a mapped table tells of, as links into their archives."""
    rows = []
    for each in mapping.omics:
        if each.kind != "LINK" or each.system is None:
            message = f"mapping: {each.label} is PHYSICAL: its files are openBIS' own to register"
            faults.append(Fault(None, each.column, message))
    for name, planned in plan.samples.items():
        for place, accession in planned.accessions.items():
            column = mapping.omics[place]
            rows.append(
                OmicsRow(
                    name,
                    column.type,
                    column.system or "",
                    accession,
                    f"{column.label} of {name}",
                    {**column.constants, column.property: accession},
                    line=planned.line,
                )
            )
    return tuple(rows)
