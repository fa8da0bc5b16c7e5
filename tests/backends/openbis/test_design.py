"""Experimental designs: both formats, leniently, and never an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.demo.world import OpenbisContent
from backends.openbis.design import (
    SAMPLE_PROPERTY,
    SETUP_PROPERTY,
    Characteristic,
    Design,
    Factor,
    FactorLevel,
    Technology,
    UnreadableDesign,
    gathered,
    read_design,
    read_sample,
)

CURRENT = (
    "<qexperiment><study_design>Perturbation Design</study_design>"
    '<technology_type name="Imaging"><entity_id>QABCD002A8</entity_id></technology_type>'
    '<qfactors><qcategorical label="phenotype"><qcatlevel value="disease">'
    "<entity_id>QABCD002A8</entity_id><entity_id>qabcd003ag </entity_id></qcatlevel>"
    '<qcatlevel value="control"/></qcategorical>'
    '<qcontinuous label="dose" unit="mg"><qcontlevel value="10"><entity_id>QABCD002A8</entity_id>'
    "</qcontlevel></qcontinuous></qfactors>"
    '<qproperty entity_id="QABCD002A8" label="age" value="61" unit="d"/></qexperiment>'
)
LEGACY = (
    '<qproperties><qfactors><qcategorical label="genotype" value="mutant"/>'
    '<qcontinous label="time" unit="h" value="4"/></qfactors>'
    '<qproperty label="age" value="61" unit="\u00b5g"/></qproperties>'
)


def test_the_current_format() -> None:
    assert read_design(CURRENT) == Design(
        study_design="Perturbation Design",
        technologies=(Technology("Imaging", ("QABCD002A8",)),),
        factors=(
            Factor(
                "phenotype",
                None,
                (FactorLevel("disease", ("QABCD002A8", "QABCD003AG")), FactorLevel("control", ())),
            ),
            Factor("dose", "mg", (FactorLevel("10", ("QABCD002A8",)),)),
        ),
        sample_properties=(Characteristic("age", "61", "d", sample_code="QABCD002A8"),),
    )


def test_the_format_of_single_samples() -> None:
    assert read_sample(LEGACY) == (
        Characteristic("genotype", "mutant", None, factor=True),
        Characteristic("time", "4", "h", factor=True),
        Characteristic("age", "61", "\u03bcg"),
    )


def test_name_spaces_declarations_comments_and_the_other_spelling() -> None:
    xml = (
        '<?xml version="1.0" encoding="UTF-16"?><!-- old --><q:qproperties xmlns:q="urn:q">'
        '<q:qfactors><!-- none --><q:qcontinuous label="time" unit=" " value=" 4 "/></q:qfactors>'
        "</q:qproperties>"
    )
    assert read_sample(xml) == (Characteristic("time", "4", None, factor=True),)


def test_samples_of_the_older_format_make_up_a_design() -> None:
    mutant = Characteristic("genotype", "mutant", None, factor=True)
    wild = Characteristic("genotype", "wild type", None, factor=True)
    age = Characteristic("age", "61", "d")
    assert gathered({"A": (mutant, age), "B": (wild,), "C": (mutant,)}) == Design(
        factors=(
            Factor(
                "genotype",
                None,
                (FactorLevel("mutant", ("A", "C")), FactorLevel("wild type", ("B",))),
            ),
        ),
        sample_properties=(Characteristic("age", "61", "d", sample_code="A"),),
    )


@pytest.mark.parametrize("nothing", [None, "", "  \n"])
def test_no_design_is_an_empty_one(nothing: str | None) -> None:
    assert read_design(nothing) == Design()
    assert read_sample(nothing) == ()


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<qexperiment><qfactors>", "not well-formed"),
        ("no xml at all", "not well-formed"),
        ("<notes/>", "does not begin with qexperiment"),
        ("<!DOCTYPE q SYSTEM 'file:///etc/passwd'><qexperiment/>", "document type"),
        ('<!DOCTYPE q [<!ENTITY a "aa">]><qexperiment>&a;</qexperiment>', "document type"),
        ("<qexperiment>\x00</qexperiment>", "not well-formed"),
        ("<qexperiment>\ud800</qexperiment>", "not well-formed"),
    ],
)
def test_what_cannot_be_read_says_why(xml: str, reason: str) -> None:
    outcome = read_design(xml)
    assert isinstance(outcome, UnreadableDesign)
    assert reason in outcome.reason


@given(st.text(alphabet='<>/="q \u00b5abcfilortuvex&;', max_size=60), st.sampled_from([0, 20, 60]))
def test_damage_is_an_outcome_and_no_exception(noise: str, cut: int) -> None:
    for xml in (noise, CURRENT[:cut] + noise, CURRENT[:cut] + noise + CURRENT[cut:]):
        assert isinstance(read_design(xml), Design | UnreadableDesign)
        assert isinstance(read_sample(xml), tuple | UnreadableDesign)


def test_the_designs_of_the_built_in_studies(content: OpenbisContent) -> None:
    codes = {sample.code for sample in content.samples}
    setups = [each.properties.get(SETUP_PROPERTY) for each in content.experiments]
    designs = [read_design(xml) for xml in setups if xml is not None]
    assert len(designs) == 3
    for design in designs:
        assert isinstance(design, Design)
        assert design.factors
        for factor in design.factors:
            assert {code for level in factor.levels for code in level.sample_codes} <= codes
    single = [sample.properties.get(SAMPLE_PROPERTY) for sample in content.samples]
    described = [read_sample(xml) for xml in single if xml is not None]
    assert described
    assert all(isinstance(each, tuple) and each and each[0].factor for each in described)
