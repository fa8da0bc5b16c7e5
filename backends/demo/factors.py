"""Experimental designs as QBiC writes them: XML in two formats.

`setup_xml` writes the current one (property Q_EXPERIMENTAL_SETUP of a project's `_INFO`
experiment, factors point to samples by code), `properties_xml` the legacy one (property
Q_PROPERTIES of a single sample). The embedded studies and the sheet loader call this; reading
such XML is the resolvers' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape


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


def _ids(codes: Iterable[str]) -> str:
    return "".join(f"<entity_id>{escape(code)}</entity_id>" for code in codes)


def _attributes(**values: str | None) -> str:
    return "".join(f' {key}="{escape(value)}"' for key, value in values.items() if value)


def _setup_factor(factor: Factor) -> str:
    outer, inner = ("qcontinuous", "qcontlevel") if factor.unit else ("qcategorical", "qcatlevel")
    levels = "".join(
        f"<{inner}{_attributes(value=value)}>{_ids(codes)}</{inner}>"
        for value, codes in factor.levels.items()
    )
    return f"<{outer}{_attributes(label=factor.label, unit=factor.unit)}>{levels}</{outer}>"


def setup_xml(
    design: str,
    technologies: Mapping[str, Sequence[str]],
    factors: Iterable[Factor],
    traits: Iterable[Trait] = (),
) -> str:
    """Write a project's design; `technologies` maps a name to the codes of its samples."""
    parts = [f"<study_design>{escape(design)}</study_design>"]
    parts += [
        f"<technology_type{_attributes(name=name)}>{_ids(codes)}</technology_type>"
        for name, codes in technologies.items()
    ]
    parts.append(f"<qfactors>{''.join(map(_setup_factor, factors))}</qfactors>")
    for trait in traits:
        described = _attributes(
            entity_id=trait.code, label=trait.label, value=trait.value, unit=trait.unit
        )
        parts.append(f"<qproperty{described}/>")
    declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return f"{declaration}<qexperiment>{''.join(parts)}</qexperiment>"


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
