"""Writing a project's experimental design, in the current one of QBiC's two formats.

The counterpart of `design.py`, over the same records: what is written here is read there. Written
by the registration of designs, and by the embedded studies.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from backends.openbis.design import Characteristic, Design, Factor, FactorLevel, Technology

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def write_design(design: Design) -> str:
    """Write a design as a `Q_EXPERIMENTAL_SETUP` document."""
    root = Element("qexperiment")
    SubElement(root, "study_design").text = design.study_design or ""
    for technology in design.technologies:
        _add_codes(SubElement(root, "technology_type", name=technology.name), technology)
    factors = SubElement(root, "qfactors")
    for factor in design.factors:
        _add_factor(factors, factor)
    for each in design.sample_properties:
        SubElement(
            root,
            "qproperty",
            _attributes(
                entity_id=each.sample_code, label=each.label, value=each.value, unit=each.unit
            ),
        )
    return _DECLARATION + tostring(root, encoding="unicode", short_empty_elements=True)


def merge_designs(old: Design, new: Design) -> Design:
    """Add a design to the one that a project has: samples join the levels that are there.

    Nothing that is there is lost, and merging the same design again changes nothing. The kind of
    study stays as it is unless there was none.
    """
    return Design(
        study_design=old.study_design or new.study_design,
        technologies=_merged_technologies((*old.technologies, *new.technologies)),
        factors=_merged_factors((*old.factors, *new.factors)),
        sample_properties=_merged_properties((*old.sample_properties, *new.sample_properties)),
    )


def _merged_technologies(every: Iterable[Technology]) -> tuple[Technology, ...]:
    codes: dict[str, dict[str, None]] = {}
    for each in every:
        codes.setdefault(each.name, {}).update(dict.fromkeys(each.sample_codes))
    return tuple(Technology(name, tuple(known)) for name, known in codes.items())


def _merged_factors(every: Iterable[Factor]) -> tuple[Factor, ...]:
    found: dict[tuple[str, str | None], dict[str, dict[str, None]]] = {}
    for factor in every:
        levels = found.setdefault((factor.label, factor.unit), {})
        for level in factor.levels:
            levels.setdefault(level.value, {}).update(dict.fromkeys(level.sample_codes))
    return tuple(
        Factor(label, unit, tuple(FactorLevel(value, tuple(codes)) for value, codes in has.items()))
        for (label, unit), has in found.items()
    )


def _merged_properties(every: Iterable[Characteristic]) -> tuple[Characteristic, ...]:
    """One value for each label of a sample: the last, as it was registered last."""
    return tuple({(each.sample_code, each.label): each for each in every}.values())


def _add_factor(parent: Element, factor: Factor) -> None:
    outer, inner = ("qcontinuous", "qcontlevel") if factor.unit else ("qcategorical", "qcatlevel")
    element = SubElement(parent, outer, _attributes(label=factor.label, unit=factor.unit))
    for level in factor.levels:
        _add_codes(SubElement(element, inner, value=level.value), level)


def _add_codes(parent: Element, has: FactorLevel | Technology) -> None:
    for code in has.sample_codes:
        SubElement(parent, "entity_id").text = code


def _attributes(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}
