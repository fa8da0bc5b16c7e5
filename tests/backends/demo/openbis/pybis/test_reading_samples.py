"""Samples as pybis finds them: filters, tables, objects, pages, lineage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pybis import Openbis

from backends.demo.world import Sample
from tests.backends.demo.openbis.pybis.installation import (
    FILTERED,
    Installation,
    Rows,
    connect,
    records,
    shown,
)

LEAF = "/PLANT_BIOLOGY/QRUP2002AR"
PLANT = "/PLANT_BIOLOGY/QRUP2ENTITY-1"


def day(year: int, month: int, number: int) -> int:
    return round(datetime(year, month, number, tzinfo=UTC).timestamp() * 1000)


def test_the_table_of_samples(o: Openbis, rows: Rows) -> None:
    samples = o.get_samples(space="PLANT_BIOLOGY")
    assert samples.totalCount == 57
    assert records(samples) == {
        rows.of_sample(row): {
            "identifier": rows.of_sample(row),
            "permId": row.perm_id,
            "type": row.type,
            "registrator": row.registrator,
            "registrationDate": shown(row.registered),
            "modifier": row.registrator,
            "modificationDate": shown(row.modified),
        }
        for row in rows.content.samples
        if row.space == "PLANT_BIOLOGY"
    }


FILTERS: list[tuple[dict[str, Any], Callable[[Rows, Sample], bool]]] = [
    ({"space": "HEPATOLOGY"}, lambda _, row: row.space == "HEPATOLOGY"),
    ({"type": "Q_TEST_SAMPLE"}, lambda _, row: row.type == "Q_TEST_SAMPLE"),
    (
        {"space": "CLINICAL", "type": "q_biological_entity"},
        lambda _, row: row.space == "CLINICAL" and row.type == "Q_BIOLOGICAL_ENTITY",
    ),
    (
        {"experiment": "/PLANT_BIOLOGY/QRUP2/QRUP2E1"},
        lambda rows, row: rows.experiment_of(row) == "/PLANT_BIOLOGY/QRUP2/QRUP2E1",
    ),
    (
        {"experiment": "QCLINE1"},
        lambda rows, row: rows.experiment_of(row) == "/CLINICAL/QCLIN/QCLINE1",
    ),
    (
        {"collection": ["/PLANT_BIOLOGY/QRUP2/QRUP2E1", "/CLINICAL/QCLIN/QCLINE1"]},
        lambda rows, row: rows.experiment_of(row).endswith(("/QRUP2E1", "/QCLINE1")),
    ),
    ({"identifier": LEAF}, lambda rows, row: rows.of_sample(row) == LEAF),
    ({"code": "QRUP2002AR"}, lambda _, row: row.code == "QRUP2002AR"),
    (
        {"code": ["QRUP2002AR", "QCLINENTITY-7", "NONE"]},
        lambda _, row: row.code in {"QRUP2002AR", "QCLINENTITY-7"},
    ),
    ({"permId": "20190603070000200-9"}, lambda _, row: row.perm_id == "20190603070000200-9"),
    (
        {"permId": ["20190603070000200-9", "20190603070000240-10"]},
        lambda _, row: row.perm_id in {"20190603070000200-9", "20190603070000240-10"},
    ),
    (
        {"where": {"Q_NCBI_ORGANISM": "4100"}},
        lambda _, row: _text(row, "Q_NCBI_ORGANISM") == "4100",
    ),
    ({"q_ncbi_organism": "9606"}, lambda _, row: _text(row, "Q_NCBI_ORGANISM") == "9606"),
    (
        {"where": {"Q_SECONDARY_NAME": "RUP1-GFP*"}},
        lambda _, row: _text(row, "Q_SECONDARY_NAME").startswith("RUP1-GFP"),
    ),
    (
        {"where": {"Q_SECONDARY_NAME": "*patient*"}},
        lambda _, row: "patient" in _text(row, "Q_SECONDARY_NAME").lower(),
    ),
    ({"where": {"Q_SECONDARY_NAME": "rup1-gfp"}}, lambda *_: False),
    ({"where": {"Q_AGE_AT_DIAGNOSIS": ">70"}}, lambda _, row: _age(row) > 70),
    ({"where": {"Q_AGE_AT_DIAGNOSIS": ">=70"}}, lambda _, row: _age(row) >= 70),
    ({"where": {"Q_AGE_AT_DIAGNOSIS": "<40"}}, lambda _, row: 0 <= _age(row) < 40),
    ({"where": {"Q_AGE_AT_DIAGNOSIS": "=61"}}, lambda _, row: _age(row) == 61),
    (
        {"where": {"Q_RNA_INTEGRITY_NUMBER": "<=8.5"}},
        lambda _, row: float(row.properties.get("Q_RNA_INTEGRITY_NUMBER", "9")) <= 8.5,
    ),
    (
        {"where": {"Q_IS_METASTASIS": "true"}},
        lambda _, row: _text(row, "Q_IS_METASTASIS") == "true",
    ),
    (
        {"where": {"Q_PRIMARY_TISSUE": "LIVER", "Q_DIGNITY": "MALIGNANT"}},
        lambda _, row: (
            _text(row, "Q_PRIMARY_TISSUE") == "LIVER" and _text(row, "Q_DIGNITY") == "MALIGNANT"
        ),
    ),
    ({"registrationDate": ">2021-01-01"}, lambda _, row: row.registered >= day(2021, 1, 1)),
    ({"modificationDate": "<=2018-12-31"}, lambda _, row: row.modified < day(2019, 1, 1)),
    (
        {"where": {"registrationDate": "2019-06-03"}},
        lambda _, row: day(2019, 6, 3) <= row.registered < day(2019, 6, 4),
    ),
    ({"tags": "NO_SUCH_TAG"}, lambda *_: False),
    ({"withParents": PLANT}, lambda rows, row: PLANT in rows.parents(row)),
    ({"withParents": "QRUP2ENTITY-1"}, lambda rows, row: PLANT in rows.parents(row)),
    ({"withParents": "20190603070000160-8"}, lambda rows, row: PLANT in rows.parents(row)),
    ({"withChildren": LEAF}, lambda rows, row: LEAF in rows.children(row)),
    (
        {"withParents": [PLANT, "/PLANT_BIOLOGY/QRUP2ENTITY-2"]},
        lambda rows, row: bool(rows.parents(row) & {PLANT, "/PLANT_BIOLOGY/QRUP2ENTITY-2"}),
    ),
    (
        {"parent_q_ncbi_organism": "4100"},
        lambda rows, row: any(
            _text(rows.samples[parent], "Q_NCBI_ORGANISM") == "4100" for parent in row.parents
        ),
    ),
    ({"parent": "*"}, lambda _, row: bool(row.parents)),
    ({"child": "QRUP2002AR"}, lambda rows, row: LEAF in rows.children(row)),
    ({"space": "NOWHERE"}, lambda *_: False),
    ({"no_such_property": "x"}, lambda *_: False),
    ({"where": {"container": "*"}}, lambda *_: False),
]


def _text(row: Sample, code: str) -> str:
    return row.properties.get(code, "")


def _age(row: Sample) -> int:
    return int(row.properties.get("Q_AGE_AT_DIAGNOSIS", "-1"))


@FILTERED
@pytest.mark.parametrize(("filters", "wanted"), FILTERS, ids=[str(each) for each, _ in FILTERS])
def test_samples_by(
    o: Openbis, rows: Rows, filters: dict[str, Any], wanted: Callable[[Rows, Sample], bool]
) -> None:
    found = o.get_samples(**filters)
    expected = {row.perm_id for row in rows.content.samples if wanted(rows, row)}
    assert set(found.df["permId"]) == expected
    assert found.totalCount == len(expected) == len(found)


def test_the_filters_are_not_all_empty(rows: Rows) -> None:
    """The expectations above find something, but for the five that are made to find nothing."""
    empty = [
        filters
        for filters, wanted in FILTERS
        if not any(wanted(rows, row) for row in rows.content.samples)
    ]
    assert len(empty) == 5, empty


@FILTERED
def test_pages_cover_all_samples_once(o: Openbis, rows: Rows) -> None:
    pages = [
        o.get_samples(space="HEPATOLOGY", start_with=at, count=150) for at in (0, 150, 300, 450)
    ]
    assert [page.totalCount for page in pages] == [402] * 4
    assert [len(page) for page in pages] == [150, 150, 102, 0]
    found = [perm_id for page in pages for perm_id in page.df["permId"]]
    assert sorted(found) == sorted(
        row.perm_id for row in rows.content.samples if row.space == "HEPATOLOGY"
    )


def test_a_page_of_none_counts(o: Openbis) -> None:
    page = o.get_samples(count=0)
    assert (len(page), page.totalCount) == (0, 1500)


def test_properties_as_columns(o: Openbis, rows: Rows) -> None:
    wanted = ["Q_SECONDARY_NAME", "q_gender", "Q_AGE_AT_DIAGNOSIS"]
    found = records(o.get_samples(space="CLINICAL", type="Q_BIOLOGICAL_ENTITY", props=wanted))
    assert len(found) == 130
    for identifier, record in found.items():
        properties = rows.sample(identifier.rpartition("/")[2]).properties
        assert {code: record[code.upper()] for code in wanted} == {
            code: properties.get(code.upper(), "") for code in wanted
        }


def test_all_properties_as_columns(o: Openbis, rows: Rows) -> None:
    found = o.get_samples(space="PLANT_BIOLOGY", props="*").df.fillna("")
    codes = {
        code
        for row in rows.content.samples
        if row.space == "PLANT_BIOLOGY"
        for code in row.properties
    }
    assert codes <= set(found.columns)
    for record in found.to_dict("records"):
        properties = rows.samples[record["permId"]].properties
        assert {code: record[code] for code in codes} == {
            code: properties.get(code, "") for code in codes
        }


def test_related_entities_as_columns(reading: Installation, rows: Rows) -> None:
    o = connect(reading, "admin")
    attributes = ["space", "experiment", "parents", "children", "type.code", "registrator.email"]
    found = records(o.get_samples(withParents=PLANT, attrs=attributes))
    assert len(found) == 2
    for identifier, record in found.items():
        row = rows.sample(identifier.rpartition("/")[2])
        assert record["space"] == "PLANT_BIOLOGY"
        assert record["experiment"] == rows.experiment_of(row)
        assert record["type.code"] == row.type
        assert record["registrator.email"] == "plant@lab.example"
        assert set(record["parents"]) == rows.parents(row)
        assert set(record["children"]) == rows.children(row)


def test_data_sets_as_a_column(o: Openbis, rows: Rows) -> None:
    sequenced = [row for row in rows.content.data_sets if row.type == "Q_NMR_RAW_DATA"][:3]
    codes = [rows.samples[row.sample or ""].code for row in sequenced]
    found = records(o.get_samples(code=codes, attrs=["dataSets"]))
    assert {identifier: record["dataSets"] for identifier, record in found.items()} == {
        rows.of_sample(rows.samples[row.sample or ""]): [row.code] for row in sequenced
    }


@pytest.mark.parametrize("name", [LEAF, "PLANT_BIOLOGY/QRUP2002AR", "20190603070000200-9"])
def test_one_sample(reading: Installation, rows: Rows, name: str) -> None:
    sample = connect(reading, "admin").get_sample(name)
    row = rows.sample("QRUP2002AR")
    assert sample.attrs.all() == {
        "code": "QRUP2002AR",
        "permId": row.perm_id,
        "identifier": LEAF,
        "type": "Q_BIOLOGICAL_SAMPLE",
        "project": "/PLANT_BIOLOGY/QRUP2",  # the experiment's: pybis puts it there itself
        "parents": [PLANT],
        "children": list(rows.children(row)),
        "components": [],
        "space": "PLANT_BIOLOGY",
        "experiment": rows.experiment_of(row),
        "tags": [],
        "registrator": "plant",
        "registrationDate": shown(row.registered),
        "modifier": "plant",
        "modificationDate": shown(row.modified),
        "container": None,
        "frozen": False,
        "frozenForComponents": False,
        "frozenForChildren": False,
        "frozenForParents": False,
        "frozenForDataSets": False,
    }
    assert sample.props.all_nonempty() == {
        code.lower(): value for code, value in row.properties.items()
    }
    assert sample.props["q_primary_tissue"] == "LEAF"
    assert sample.space.code == "PLANT_BIOLOGY"
    assert sample.experiment.identifier == rows.experiment_of(row)
    assert sample.experiment.project.identifier == "/PLANT_BIOLOGY/QRUP2"
    assert sample.type.code == "Q_BIOLOGICAL_SAMPLE"


def test_several_samples_by_perm_id_and_identifier(o: Openbis, rows: Rows) -> None:
    found = records(o.get_sample([LEAF, "20190603070000240-10"], props=["Q_SECONDARY_NAME"]))
    assert {identifier: record["Q_SECONDARY_NAME"] for identifier, record in found.items()} == {
        rows.of_sample(row): row.properties["Q_SECONDARY_NAME"]
        for row in map(rows.sample, ("QRUP2002AR", "QRUP2003A1"))
    }


@pytest.mark.parametrize("name", ["/PLANT_BIOLOGY/NONE", "QRUP2002AR", "20190603070000200-999"])
def test_samples_that_do_not_exist(o: Openbis, name: str) -> None:
    with pytest.raises(ValueError, match=f"no such sample found: {name}"):  # nor are codes ids
        o.get_sample(name)


def test_parents_and_children_of_one_sample(o: Openbis, rows: Rows) -> None:
    leaf = o.get_sample(LEAF)
    assert list(leaf.get_parents().df["identifier"]) == [PLANT]
    plant = o.get_sample(PLANT)
    assert set(plant.children) == rows.children(rows.sample("QRUP2ENTITY-1"))
    assert set(plant.get_children().df["identifier"]) == set(plant.children)
    assert plant.get_parents() == []


def test_lineage_step_by_step(o: Openbis, rows: Rows) -> None:
    """From a patient down to the sequencing runs and back."""
    patient = rows.sample("QCLINENTITY-1")
    level, below = {patient.perm_id}, o.get_samples(code="QCLINENTITY-1")
    while level := {row.perm_id for row in rows.content.samples if level & set(row.parents)}:
        below = below.get_children()
        assert set(below.df["permId"]) == level
    assert set(below.df["type"]) == {"Q_NGS_SINGLE_SAMPLE_RUN"}
    above = below
    for _ in range(3):
        above = above.get_parents()
    assert set(above.df["identifier"]) == {"/CLINICAL/QCLINENTITY-1"}


def test_objects_carry_checked_properties(reading: Installation, rows: Rows) -> None:
    o = connect(reading, "admin")
    found = o.get_samples(type="Q_BIOLOGICAL_ENTITY", space="HEPATOLOGY")
    assert len(found.objects) == 16
    for sample in found:
        row = rows.sample(sample.code)
        assert sample.permId == row.perm_id
        assert sample.props.all_nonempty() == {
            code.lower(): value for code, value in row.properties.items()
        }
        assert sample.parents == "--NOT FETCHED--"
    assert found[0].code == found.objects[0].code
    assert found["/HEPATOLOGY/QHCC0ENTITY-1"].code == "QHCC0ENTITY-1"
    genders = found.objects[0].props.q_gender_  # pybis fetched the vocabulary of the property
    assert set(genders.df["code"]) == {
        term.code
        for vocabulary in rows.content.vocabularies
        if vocabulary.code == "Q_GENDERS"
        for term in vocabulary.terms
    }


def test_raw_answers(o: Openbis) -> None:
    raw = o.get_samples(code="QRUP2002AR", raw_response=True)
    (sample,) = raw["objects"]
    assert sample["identifier"]["identifier"] == LEAF
    assert sample["fetchOptions"]["parents"] is None


def test_parents_of_samples_that_are_in_the_answer_themselves(
    reading: Installation, rows: Rows
) -> None:
    """Here pybis loses lineage: it does not resolve references to objects of the list itself.

    A parent is fetched with fewer options than the list has, so that the server shares nothing
    between the two, and nothing is lost unless the caller fetches alike.
    """
    found = records(connect(reading, "admin").get_samples(space="PLANT_BIOLOGY", attrs=["parents"]))
    assert {identifier: set(record["parents"]) for identifier, record in found.items()} == {
        rows.of_sample(row): rows.parents(row)
        for row in rows.content.samples
        if row.space == "PLANT_BIOLOGY"
    }
