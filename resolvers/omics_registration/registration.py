"""Checking omics rows and writing them to openBIS: at most a thousand a transaction, resumable.

A data set gets a code of its own making from the registration's key, and is found again by it. The
analysis that made a result is kept where the data set's type has properties for it, else as JSON
among its additional information, so that it can always be traced. Parents may be data sets of the
same registration, whatever the order of the rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

import orjson

from backends.openbis.client import Get
from backends.openbis.write import Made, NewContentCopy, NewOmicsDataset
from backends.records import EntityTypeRecord, Kind
from backends.sheets.faults import Fault
from backends.sheets.values import Vocabularies, typed_value
from resolvers.context import RequestContext
from resolvers.design.checks import terms_of
from resolvers.design.levels import NAME_PROPERTY
from resolvers.image_registration.targets import Target
from resolvers.omics_registration.request import OmicsRow, WorkflowRun

ROWS: Final = 1000  # per transaction
WORKFLOW_PROPERTIES: Final = ("Q_WF_NAME", "Q_WF_VERSION", "Q_WF_PARAMETERS")
INFORMATION_PROPERTY: Final = "Q_ADDITIONAL_INFO"


@dataclass(frozen=True, slots=True)
class OmicsTask:
    """A row that has been checked, ready to be written.

    Attributes:
        code: the data set's code and permId.
        sample: the permId of its sample.
        type: its type.
        system: where the content lies.
        external_code: what it is known by there.
        properties: values as openBIS stores them.
        parents: codes of data sets, of openBIS or of this registration.
    """

    code: str
    sample: str
    type: str
    system: str
    external_code: str
    properties: Mapping[str, str]
    parents: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        made = {name: getattr(self, name) for name in self.__slots__}
        return {**made, "properties": dict(self.properties), "parents": list(self.parents)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> OmicsTask:
        """Read plain data again."""
        return OmicsTask(**{**data, "parents": tuple(data["parents"])})


async def check(
    context: RequestContext,
    rows: Sequence[OmicsRow],
    targets: Mapping[str, Target],
    key: str,
    faults: list[Fault],
) -> tuple[OmicsTask, ...]:
    """Turn rows into tasks, parents first, adding to `faults` whatever is wrong with them.

    Args:
        context: the request.
        rows: what was asked for.
        targets: the samples by what the rows call them.
        key: of the registration, which the codes begin with.
        faults: is added to.

    Raises:
        BackendError: openBIS did not answer.
    """
    token, call = context.openbis_token(), context.call
    declared = await context.services.openbis.entity_types(token, Kind.OMICS_DATASET, call)
    types = {each.code: each for each in declared}
    systems = await context.services.openbis.external_systems(token, call)
    own = [f"{key}-{place}".upper() for place in range(1, len(rows) + 1)]
    codes = {row.external_code: code for row, code in zip(rows, own, strict=True)}
    strangers = {each for row in rows for each in row.parents if each not in codes}
    known = await _existing(context, strangers)
    vocabularies = Vocabularies(terms_of(types))
    tasks = []
    for row, code in zip(rows, own, strict=True):
        before = len(faults)
        if row.system not in systems:
            faults.append(_unknown(row, "system", row.system, systems, "external system"))
        if row.type not in types:
            faults.append(_unknown(row, "type", row.type, types, "data set type"))
        faults += [
            Fault(row.line, "parents", f"openBIS has no data set {each!r}")
            for each in row.parents
            if each not in codes and each not in known
        ]
        target = targets.get(row.sample)
        if target is None or len(faults) > before:
            continue  # the sample's fault has been told
        properties = _properties(row, types[row.type], vocabularies, faults)
        parents = tuple(codes.get(each, each) for each in row.parents)
        tasks.append(
            OmicsTask(
                code, target.perm_id, row.type, row.system, row.external_code, properties, parents
            )
        )
    return _ordered(tasks, dict(zip(own, rows, strict=True)), faults)


def _properties(
    row: OmicsRow,
    declared: EntityTypeRecord,
    vocabularies: Vocabularies,
    faults: list[Fault],
) -> dict[str, str]:
    known = {each.code: each for each in declared.properties}
    wanted = dict(row.properties)
    if row.name:
        wanted.setdefault(NAME_PROPERTY, row.name)
    if row.workflow is not None:
        wanted |= _workflow(row.workflow, frozenset(known), wanted)
    stored: dict[str, str] = {}
    for code, value in wanted.items():
        if code not in known:
            near = difflib.get_close_matches(code, known, n=1)
            proposal = f": did you mean {near[0]}?" if near else ""
            faults.append(Fault(row.line, code, f"{row.type} has no property {code}{proposal}"))
            continue
        try:
            vocabulary = known[code].vocabulary
            stored[code] = (
                vocabularies.find(vocabulary.code, value)
                if vocabulary
                else typed_value(known[code].data_type, value)
            )
        except ValueError as error:
            faults.append(Fault(row.line, code, str(error)))
    return stored


def _workflow(run: WorkflowRun, known: frozenset[str], given: Mapping[str, str]) -> dict[str, str]:
    """Where a type keeps the analysis: properties of its own, or its additional information."""
    parameters = orjson.dumps(dict(run.parameters)).decode() if run.parameters else None
    values = (run.name, run.version, parameters)
    wanted = {code: each for code, each in zip(WORKFLOW_PROPERTIES, values, strict=True) if each}
    if wanted.keys() <= known:
        return wanted
    document: dict[str, Any] = {"name": run.name}
    if run.version:
        document["version"] = run.version
    if run.parameters:
        document["parameters"] = dict(run.parameters)
    told: dict[str, Any] = {"workflow": document}
    if given.get(INFORMATION_PROPERTY):
        told["information"] = given[INFORMATION_PROPERTY]
    return {INFORMATION_PROPERTY: orjson.dumps(told).decode()}


def _unknown(
    row: OmicsRow, column: str, value: str, known: Mapping[str, object] | frozenset[str], noun: str
) -> Fault:
    near = difflib.get_close_matches(value, known, n=1)
    proposal = f": did you mean {near[0]}?" if near else ""
    return Fault(row.line, column, f"openBIS has no {noun} {value}{proposal}")


def _ordered(
    tasks: Sequence[OmicsTask], rows: Mapping[str, OmicsRow], faults: list[Fault]
) -> tuple[OmicsTask, ...]:
    """Parents first; going round in a circle is a fault."""
    by_code = {task.code: task for task in tasks}
    graph = {task.code: {each for each in task.parents if each in by_code} for task in tasks}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " ← ".join(rows[code].external_code for code in error.args[1])
        line = rows[error.args[1][0]].line
        faults.append(Fault(line, "parents", f"the parents go round in a circle: {circle}"))
        return ()
    return tuple(by_code[code] for code in order)


async def _existing(context: RequestContext, codes: set[str]) -> frozenset[str]:
    if not codes:
        return frozenset()
    (found,) = await context.services.openbis.execute(
        context.openbis_token(), [Get(Kind.OMICS_DATASET, tuple(codes))], context.call
    )
    return frozenset(found)


def parts(tasks: int) -> int:
    """How many transactions so many data sets need."""
    return -(-tasks // ROWS) or 1


async def write_part(
    context: RequestContext, tasks: Sequence[OmicsTask], number: int
) -> tuple[str, ...]:
    """Register the data sets of one transaction that are not there yet; repeating changes nothing.

    Returns:
        Their permIds.

    Raises:
        BackendError: openBIS did not answer, or refused.
    """
    part = tasks[number * ROWS : (number + 1) * ROWS]
    known = await _existing(context, {task.code for task in part})
    missing = [task for task in part if task.code not in known]
    if missing:
        here = {task.code for task in missing}
        store = await context.services.openbis.data_store(context.openbis_token(), context.call)
        await context.services.openbis.transact(
            context.openbis_token(),
            [
                NewOmicsDataset(
                    task.type,
                    sample=task.sample,
                    code=task.code,
                    copies=[NewContentCopy(task.system, task.external_code)],
                    data_store=store,
                    parents=[Made(each) if each in here else each for each in task.parents],
                    properties=task.properties,
                    mark=task.code,
                )
                for task in missing
            ],
            context.call,
        )
    return tuple(task.code for task in part)
