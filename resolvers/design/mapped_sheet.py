"""A table whose columns a mapping explains: its subjects and samples become a draft.

The mapping is the format of `backends/sheets/mapping.py`, which the demonstration reads as well;
`examples/idr0082.toml` is a commented one. Images and accessions that the same table speaks of are
registered by their own commands.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary

from backends.sheets.faults import Fault
from backends.sheets.formulas import check_formulas
from backends.sheets.mapping import Entity, Mapping
from backends.sheets.plan import Plan, PlannedEntity, plan_rows
from backends.sheets.table import Table
from backends.sheets.values import Vocabularies
from resolvers.design.draft import Draft, DraftSample, FactorValue
from resolvers.design.levels import LEVELS, TYPES, Level


def read_plan(
    table: Table, mapping: Mapping, vocabularies: Vocabularies, faults: list[Fault]
) -> Plan:
    """Fold a table into what it says of subjects and samples; faults have line and column."""
    check_formulas(table, faults)
    missing = [
        Fault(1, column, f"the sheet has no such column; {setting} of the mapping names it")
        for column, setting in dict(mapping.columns()).items()
        if column not in table.columns
    ]
    faults += missing
    return Plan() if missing else plan_rows(table, mapping, vocabularies, faults)


def draft_of(plan: Plan, mapping: Mapping) -> Draft:
    """Return the subjects and samples of a plan, subjects first."""
    samples = []
    if mapping.subject is not None:
        for name, planned in plan.subjects.items():
            samples.append(_sample(name, planned, mapping.subject, Level.ENTITY, ()))
    if mapping.sample is not None:
        for name, planned in plan.samples.items():
            parents = (_key(Level.ENTITY, planned.subject),) if planned.subject else ()
            samples.append(_sample(name, planned, mapping.sample, Level.BIOLOGICAL_SAMPLE, parents))
    technologies = ("Imaging",) if mapping.images is not None else ()
    entities = filter(None, (mapping.subject, mapping.sample))
    columns = {each.code: each.column for entity in entities for each in entity.properties}
    return Draft(tuple(samples), mapping.study.design, technologies, columns)


def _sample(
    name: str, planned: PlannedEntity, entity: Entity, usual: Level, parents: tuple[str, ...]
) -> DraftSample:
    level = TYPES.get(entity.type or "", usual)
    units = {each.factor: each.unit for each in entity.properties if each.factor}
    own_type = None if entity.type in (None, LEVELS[level].type) else entity.type
    return DraftSample(
        key=_key(usual, name),
        level=level,
        name=name,
        parents=parents,
        properties={**entity.constants, **planned.properties},
        factors=_factors(planned.factors, units),
        line=planned.line,
        type=own_type,
    )


def _factors(
    values: Dictionary[str, str], units: Dictionary[str, str | None]
) -> tuple[FactorValue, ...]:
    return tuple(FactorValue(label, value, units[label]) for label, value in values.items())


def _key(level: Level, name: str) -> str:
    """A subject and a sample may have the same name."""
    return f"{level.value}:{name}"
