"""A design before it has codes: samples by name, with parents, properties and factors.

`factorial.py` makes drafts of factors, `sample_sheet.py` and `mapped_sheet.py` of tables; the
checks, the preview and the registration read them. A draft is plain data, so that a workflow can
keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from backends.openbis.barcodes import LAST_COUNTER, LETTERS
from backends.openbis.design import Design, Factor, FactorLevel, Technology
from resolvers.design.levels import LEVELS, Level
from resolvers.errors import LimitExceeded

MOST_SAMPLES: Final = LAST_COUNTER * len(LETTERS) - 1  # a project's barcodes; 001A is never given


@dataclass(frozen=True, slots=True)
class FactorValue:
    """What one sample has of a factor; with a unit it is continuous."""

    label: str
    value: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class DraftSample:
    """A sample to be registered.

    Attributes:
        key: tells the samples of one draft apart.
        level: where in the chain it stands.
        name: what its submitter calls it; stored beside the code.
        parents: keys of samples of the draft that it is taken from.
        registered_parents: codes of samples that openBIS has already.
        properties: values by property code, as openBIS stores them.
        factors: what was varied, as this sample has it.
        line: where a sheet says so.
        type: its type, where it is not the level's usual one.
    """

    key: str
    level: Level
    name: str
    parents: tuple[str, ...] = ()
    registered_parents: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    factors: tuple[FactorValue, ...] = ()
    line: int | None = None
    type: str | None = None

    @property
    def type_code(self) -> str:
        """The openBIS type."""
        return self.type or LEVELS[self.level].type


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole design to be registered, parents before their children."""

    samples: tuple[DraftSample, ...] = ()
    study_design: str | None = None
    technologies: tuple[str, ...] = ()  # used on the samples of the lowest level
    columns: Mapping[str, str] = field(default_factory=dict)  # of a sheet, by property code

    def counts(self) -> dict[Level, int]:
        """How many samples of each level there are."""
        found = Counter(sample.level for sample in self.samples)
        return {level: found[level] for level in Level}


def refuse_if_too_many(count: int) -> None:
    """Refuse a design that a project's codes do not suffice for.

    Raises:
        LimitExceeded: that many samples do not fit.
    """
    if count > MOST_SAMPLES:
        raise LimitExceeded(
            f"A project has {MOST_SAMPLES} sample codes, and this design asks for {count}: "
            "drop cells, or divide it among projects."
        )


def design_of(draft: Draft, codes: Mapping[str, str]) -> Design:
    """Return the design as it is stored, in which samples are named by their codes.

    Args:
        draft: the samples with their factors.
        codes: the code of each sample, by its key.
    """
    lowest = [level for level in Level if draft.counts()[level]][-1:]
    measured = tuple(codes[each.key] for each in draft.samples if each.level in lowest)
    return Design(
        study_design=draft.study_design,
        technologies=tuple(Technology(name, measured) for name in draft.technologies),
        factors=_factors(
            (value, codes[sample.key]) for sample in draft.samples for value in sample.factors
        ),
    )


def _factors(values: Iterable[tuple[FactorValue, str]]) -> tuple[Factor, ...]:
    found: dict[tuple[str, str | None], dict[str, dict[str, None]]] = {}
    for has, code in values:
        found.setdefault((has.label, has.unit), {}).setdefault(has.value, {})[code] = None
    return tuple(
        Factor(label, unit, tuple(FactorLevel(value, tuple(codes)) for value, codes in has.items()))
        for (label, unit), has in found.items()
    )
