"""Full-factorial designs: each level of each factor with each of the others, and then less.

A stage says what is varied on one level and how often each combination is made; the samples of a
stage are taken from each sample of the stage before. Cells can be dropped, or be given another
number of replicates. Nothing is asked of openBIS here: `checks.py` does that with the draft.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from resolvers.design.draft import (
    MOST_SAMPLES,
    Draft,
    DraftSample,
    FactorValue,
    refuse_if_too_many,
)
from resolvers.design.levels import LEVELS, Level
from resolvers.errors import BadInput


@dataclass(frozen=True, slots=True)
class DesignFactor:
    """What is varied, and at which values; `property` says where the value is stored as well."""

    label: str
    values: tuple[str, ...]
    unit: str | None = None
    property: str | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One level of a design.

    Attributes:
        level: entities, biological samples or test samples.
        choices: the species, tissues or analytes; several are a factor of their own.
        factors: what else is varied on this level.
        replicates: how often each combination is made.
        properties: what all samples of this level have, by property code.
    """

    level: Level
    choices: tuple[str, ...] = ()
    factors: tuple[DesignFactor, ...] = ()
    replicates: int = 1
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """All combinations with these values, by the factor's label; 0 replicates drop them."""

    where: tuple[tuple[str, str], ...]
    replicates: int = 0


@dataclass(frozen=True, slots=True)
class FactorialDesign:
    """Stages from entities downwards, and the cells that are not as the others."""

    stages: tuple[Stage, ...]
    cells: tuple[Cell, ...] = ()
    study_design: str | None = None
    technologies: tuple[str, ...] = ()


def draft_of(design: FactorialDesign) -> Draft:
    """Multiply a design out.

    Raises:
        BadInput: factors without values, labels or values given twice, levels out of order, or a
            cell that speaks of what is not varied.
        LimitExceeded: it is larger than a project.
    """
    stages = [_with_choices(stage) for stage in design.stages]
    _check(stages, design.cells)
    _refuse_if_endless(stages)
    samples: list[DraftSample] = []
    above: list[DraftSample | None] = [None]
    for stage in stages:
        made = []
        for parent in above:
            made += list(_samples(stage, parent, design.cells))
            refuse_if_too_many(len(made))
        samples += made
        above = [*made]
    if not samples:
        raise BadInput("Every cell of the design is dropped: keep some.")
    return Draft(tuple(samples), design.study_design, design.technologies)


def _with_choices(stage: Stage) -> Stage:
    """Several species (tissues, analytes) are a factor; a single one is a property of all."""
    if not stage.choices:
        return stage
    described = LEVELS[stage.level]
    if len(stage.choices) == 1:
        chosen = ((described.property, stage.choices[0]),)
        return Stage(stage.level, (), stage.factors, stage.replicates, (*stage.properties, *chosen))
    varied = DesignFactor(described.subject, stage.choices, property=described.property)
    return Stage(stage.level, (), (varied, *stage.factors), stage.replicates, stage.properties)


def _check(stages: Sequence[Stage], cells: Sequence[Cell]) -> None:
    if not stages:
        raise BadInput("Say what is to be registered: at least one level.")
    places = [list(Level).index(stage.level) for stage in stages]
    if places != sorted(set(places)):
        raise BadInput("Give each level once: entities, then biological samples, test samples.")
    if any(stage.replicates < 1 for stage in stages):
        raise BadInput("Each combination is made at least once; drop cells to leave some out.")
    values: dict[str, tuple[str, ...]] = {}
    for factor in (factor for stage in stages for factor in stage.factors):
        _check_factor(factor, values)
        values[factor.label.strip()] = factor.values
    for cell in cells:
        _check_cell(cell, values)


def _check_factor(factor: DesignFactor, others: Mapping[str, object]) -> None:
    label = factor.label.strip()
    if not label or not factor.values or not all(each.strip() for each in factor.values):
        raise BadInput("Each factor needs a label and values that are not empty.")
    if label in others:
        raise BadInput(f"The factor {label!r} is given twice.")
    if len(set(factor.values)) < len(factor.values):
        raise BadInput(f"The factor {label!r} has the same value twice.")


def _check_cell(cell: Cell, values: Mapping[str, tuple[str, ...]]) -> None:
    if not cell.where:
        raise BadInput("Say by factors and values which cells are meant.")
    if cell.replicates < 0:
        raise BadInput("A cell cannot have fewer than 0 replicates.")
    for label, value in cell.where:
        if value not in values.get(label, ()):
            raise BadInput(f"No factor {label!r} has the value {value!r}: check the cells.")


def _refuse_if_endless(stages: Sequence[Stage]) -> None:
    """Refuse what would take too long to multiply out, even if most cells are dropped."""
    for stage in stages:
        combinations = prod(len(factor.values) for factor in stage.factors)
        if combinations > MOST_SAMPLES:
            refuse_if_too_many(combinations)


def _samples(
    stage: Stage, parent: DraftSample | None, cells: Sequence[Cell]
) -> Iterator[DraftSample]:
    """The samples of one stage that are taken from one sample of the stage before."""
    inherited = () if parent is None else parent.factors
    described = LEVELS[stage.level]
    unvaried = dict(stage.properties).get(described.property) or described.words[0]
    number = 0
    for combination in itertools.product(*(factor.values for factor in stage.factors)):
        varied = tuple(
            FactorValue(factor.label.strip(), value, factor.unit)
            for factor, value in zip(stage.factors, combination, strict=True)
        )
        factors = (*inherited, *varied)
        count = _replicates(stage, {each.label: each.value for each in factors}, cells)
        stored = {
            factor.property: value
            for factor, value in zip(stage.factors, combination, strict=True)
            if factor.property is not None
        }
        for replicate in range(1, count + 1):
            number += 1
            told = " ; ".join(combination) or unvaried
            told += f" #{replicate}" if count > 1 else ""
            yield DraftSample(
                key=str(number) if parent is None else f"{parent.key}.{number}",
                level=stage.level,
                name=" / ".join(filter(None, ("" if parent is None else parent.name, told))),
                parents=() if parent is None else (parent.key,),
                properties={**dict(stage.properties), **stored},
                factors=factors,
            )


def _replicates(stage: Stage, standing: Mapping[str, str], cells: Sequence[Cell]) -> int:
    """How often a combination is made: as the last cell says that it is in, else as its stage.

    A cell speaks for the lowest level that it names a factor of: there all that it names is known.
    """
    labels = {factor.label.strip() for factor in stage.factors}
    count = stage.replicates
    for cell in cells:
        named = dict(cell.where)
        if named.keys() & labels and named.items() <= standing.items():
            count = cell.replicates
    return count
