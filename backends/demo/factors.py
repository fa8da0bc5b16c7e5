"""Experimental designs as QBiC writes them: XML in two formats.

`setup_xml` gathers what the current one holds (property Q_EXPERIMENTAL_SETUP of a project's `_INFO`
experiment, factors point to samples by code), which the openBIS adapter writes; `properties_xml`
writes the legacy one (property Q_PROPERTIES of a single sample), which only the embedded studies
still do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from backends.openbis import design as records
from backends.openbis.design import Characteristic, Design, FactorLevel, Technology
from backends.openbis.design_document import write_design


@dataclass(slots=True)
class Factor:
    """An experimental factor; with a unit it is continuous, without one categorical."""

    label: str
    levels: dict[str, list[str]] = field(default_factory=dict)  # value → codes of its samples
    unit: str | None = None

    def assign(self, value: str, code: str) -> None:
        """Give one sample a level of this factor."""
        self.levels.setdefault(value, []).append(code)


@dataclass(frozen=True, slots=True)
class Trait:
    """A free property of one sample: label, value and perhaps a unit."""

    code: str
    label: str
    value: str
    unit: str | None = None


def _attributes(**values: str | None) -> str:
    return "".join(f' {key}="{escape(value)}"' for key, value in values.items() if value)


def setup_xml(
    design: str,
    technologies: Mapping[str, Sequence[str]],
    factors: Iterable[Factor],
    traits: Iterable[Trait] = (),
) -> str:
    """Write a project's design; `technologies` maps a name to the codes of its samples."""
    return write_design(
        Design(
            design,
            tuple(Technology(name, tuple(codes)) for name, codes in technologies.items()),
            tuple(
                records.Factor(
                    factor.label,
                    factor.unit,
                    tuple(
                        FactorLevel(value, tuple(codes)) for value, codes in factor.levels.items()
                    ),
                )
                for factor in factors
            ),
            tuple(
                Characteristic(each.label, each.value, each.unit, sample_code=each.code)
                for each in traits
            ),
        )
    )


def properties_xml(
    factors: Iterable[tuple[str, str, str | None]],
    traits: Iterable[tuple[str, str, str | None]] = (),
) -> str:
    """Write one sample's factors and properties as (label, value, unit), the legacy way.

    The element really is spelled `qcontinous` in this format.
    """
    written = "".join(
        f"<{'qcontinous' if unit else 'qcategorical'}"
        f"{_attributes(label=label, unit=unit, value=value)}/>"
        for label, value, unit in factors
    )
    free = "".join(
        f"<qproperty{_attributes(label=label, value=value, unit=unit)}/>"
        for label, value, unit in traits
    )
    return f"<qproperties><qfactors>{written}</qfactors>{free}</qproperties>"
