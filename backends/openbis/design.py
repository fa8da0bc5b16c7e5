"""Experimental designs, which QBiC keeps as XML in properties: read leniently into frozen records.

Two formats: the design of a whole project (`Q_EXPERIMENTAL_SETUP` of its `_INFO` experiment, which
points to samples by code), and the older one of a single sample (`Q_PROPERTIES`). The XML is the
work of others: what cannot be read becomes an `UnreadableDesign` that says why, never an exception.
Resolvers fetch the properties and decide how long to keep what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
from defusedxml.ElementTree import fromstring

SETUP_PROPERTY = "Q_EXPERIMENTAL_SETUP"
SAMPLE_PROPERTY = "Q_PROPERTIES"
LARGEST = 16_000_000  # characters; the design of some 100 000 samples

# The older format spells one of them without its second u.
FACTORS = frozenset({"qcategorical", "qcontinuous", "qcontinous"})
LEVELS = frozenset({"qcatlevel", "qcontlevel"})
LOOK_ALIKES = {0x00B5: 0x03BC, 0x2126: 0x03A9}  # micro and ohm sign → Greek letters


@dataclass(frozen=True, slots=True)
class FactorLevel:
    """One value of a factor, with the codes of the samples that have it."""

    value: str
    sample_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that was varied; with a unit it is continuous, without one categorical."""

    label: str
    unit: str | None
    levels: tuple[FactorLevel, ...]


@dataclass(frozen=True, slots=True)
class Characteristic:
    """What one sample is described by: the level of a factor, or a property of its own.

    The unit stands as it was written. Some old programs wrote `g` for hours.
    """

    label: str
    value: str
    unit: str | None
    factor: bool = False
    sample_code: str | None = None


@dataclass(frozen=True, slots=True)
class Technology:
    """A measurement technology with the codes of the samples it was used on."""

    name: str
    sample_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """The experimental design of a project."""

    study_design: str | None = None
    technologies: tuple[Technology, ...] = ()
    factors: tuple[Factor, ...] = ()
    sample_properties: tuple[Characteristic, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableDesign:
    """There is a design, but it cannot be read; `reason` is a sentence for the user."""

    reason: str


def read_design(xml: str | None) -> Design | UnreadableDesign:
    """Read the design of a project; none at all is an empty design."""
    root = _parsed(xml, "qexperiment")
    if not isinstance(root, Element):
        return Design() if root is None else root
    study = next((_content(each) for each in _children(root, {"study_design"})), None)
    technologies = [
        Technology(_attribute(each, "name") or "", _codes(each))
        for each in _children(root, {"technology_type"})
    ]
    factors = [
        (_attribute(each, "label") or "", _unit(each), _attribute(level, "value") or "", code)
        for group in _children(root, {"qfactors"})
        for each in _children(group, FACTORS)
        for level in _children(each, LEVELS)
        for code in _codes(level) or [None]
    ]
    properties = [_characteristic(each) for each in _children(root, {"qproperty"})]
    return Design(study or None, tuple(technologies), _factors(factors), tuple(properties))


def read_sample(xml: str | None) -> tuple[Characteristic, ...] | UnreadableDesign:
    """Read what the older format says of one sample; nothing at all is an empty tuple."""
    root = _parsed(xml, "qproperties")
    if not isinstance(root, Element):
        return () if root is None else root
    factors = [
        _characteristic(each, factor=True)
        for group in _children(root, {"qfactors"})
        for each in _children(group, FACTORS)
    ]
    return (*factors, *(_characteristic(each) for each in _children(root, {"qproperty"})))


def gathered(samples: Mapping[str, Iterable[Characteristic]]) -> Design:
    """The design that the older format's samples, by code, make up together."""
    every = [(code, each) for code, described in samples.items() for each in described]
    return Design(
        factors=_factors(
            [(each.label, each.unit, each.value, code) for code, each in every if each.factor]
        ),
        sample_properties=tuple(
            Characteristic(each.label, each.value, each.unit, sample_code=code)
            for code, each in every
            if not each.factor
        ),
    )


def _characteristic(element: Element, *, factor: bool = False) -> Characteristic:
    return Characteristic(
        label=_attribute(element, "label") or "",
        value=_attribute(element, "value") or "",
        unit=_unit(element),
        factor=factor,
        sample_code=_code(_attribute(element, "entity_id")),
    )


def _factors(rows: Iterable[tuple[str, str | None, str, str | None]]) -> tuple[Factor, ...]:
    """Factors from (label, unit, value, sample code), in the order they first occur."""
    found: dict[tuple[str, str | None], dict[str, dict[str, None]]] = {}
    for label, unit, value, code in rows:
        codes = found.setdefault((label, unit), {}).setdefault(value, {})
        if code is not None:
            codes[code] = None
    return tuple(
        Factor(label, unit, tuple(FactorLevel(value, tuple(codes)) for value, codes in has.items()))
        for (label, unit), has in found.items()
    )


def _parsed(xml: str | None, expected: str) -> Element | UnreadableDesign | None:
    if xml is None or not xml.strip():
        return None
    if len(xml) > LARGEST:
        return UnreadableDesign("The experimental design is too large to be read.")
    try:
        root = fromstring(xml.strip(), forbid_dtd=True)
    except (DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden):
        return UnreadableDesign("The experimental design holds a document type, which is refused.")
    except (ParseError, ValueError):
        return UnreadableDesign("The experimental design is not well-formed XML.")
    if not isinstance(root, Element) or _name(root) != expected:
        return UnreadableDesign(f"The experimental design does not begin with {expected}.")
    return root


def _children(element: Element, names: Iterable[str]) -> list[Element]:
    return [each for each in element if _name(each) in names]


def _name(element: Element) -> str:
    """The tag without its name space, in lower case; comments have none."""
    tag: object = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _codes(element: Element) -> tuple[str, ...]:
    codes = (_code(_content(each)) for each in _children(element, {"entity_id"}))
    return tuple(code for code in codes if code is not None)


def _code(text: str | None) -> str | None:
    return text.upper() if text else None


def _content(element: Element) -> str:
    return (element.text or "").strip()


def _attribute(element: Element, name: str) -> str | None:
    value = element.get(name)
    return None if value is None else value.strip() or None


def _unit(element: Element) -> str | None:
    """The unit; signs that look alike, as micro and ohm in two code points each, become one."""
    unit = _attribute(element, "unit")
    return None if unit is None else unit.translate(LOOK_ALIKES)
