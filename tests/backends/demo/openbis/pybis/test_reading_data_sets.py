"""Data sets as pybis finds them, physical and linked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pybis import Openbis

from backends.demo.world import DataSet
from tests.backends.demo.openbis.pybis.installation import (
    FILTERED,
    Installation,
    Rows,
    connect,
    records,
    shown,
)

GENOME = "20210429073031480-853"
LINK = "20180428080005080-1499"


def test_the_table_of_data_sets(o: Openbis, rows: Rows) -> None:
    found = o.get_datasets(type="Q_NMR_RAW_DATA")
    wanted = [row for row in rows.content.data_sets if row.type == "Q_NMR_RAW_DATA"]
    assert found.totalCount == len(wanted) == 32
    assert records(found) == {
        row.code: {
            "permId": row.code,
            "type": "Q_NMR_RAW_DATA",
            "experiment": rows.experiment_of(row),
            "sample": rows.of_sample(rows.samples[row.sample or ""]),
            "registrationDate": shown(row.registered),
            "modificationDate": shown(row.modified),
            "location": row.location,
            "status": "AVAILABLE",
            "presentInArchive": False,
            "size": row.size,
        }
        for row in wanted
    }


FILTERS: list[tuple[dict[str, Any], Callable[[Rows, DataSet], bool]]] = [
    ({"code": GENOME}, lambda _, row: row.code == GENOME),
    ({"permId": [GENOME, LINK, "20000101000000000-1"]}, lambda _, row: row.code in {GENOME, LINK}),
    ({"type": "q_bmi_imaging_data"}, lambda _, row: row.type == "Q_BMI_IMAGING_DATA"),
    ({"project": "QHCC0"}, lambda rows, row: _project(rows, row) == "QHCC0"),
    ({"project": "/CLINICAL/QCLIN"}, lambda rows, row: _project(rows, row) == "QCLIN"),
    ({"space": "HEPATOLOGY"}, lambda rows, row: _project(rows, row) == "QHCC0"),
    ({"experiment": "/CLINICAL/QCLIN/QCLINE4"}, lambda _, row: row.experiment == _EXPERIMENT),
    ({"collection": "QCLINE4"}, lambda _, row: row.experiment == _EXPERIMENT),
    ({"experiment": "20210429073031400-851"}, lambda _, row: row.experiment == _EXPERIMENT),
    ({"sample": "20210429073031440-852"}, lambda _, row: row.code == GENOME),
    ({"sample": "/CLINICAL/NGSQCLIN392AR"}, lambda _, row: row.code == GENOME),
    ({"sample": "NGSQCLIN392AR"}, lambda _, row: row.code == GENOME),
    ({"object": "NGSQCLIN392AR"}, lambda *_: False),  # pybis takes it for a property as well
    (
        {"sample": ["20210429073031440-852", "20180428080005040-1498"]},
        lambda _, row: row.code in {GENOME, LINK},
    ),
    ({"status": "available"}, lambda _, row: row.kind == "PHYSICAL"),
    ({"status": "ARCHIVED"}, lambda *_: False),
    (
        {"where": {"Q_SEQUENCING_TYPE": "WHOLE_GENOME"}},
        lambda _, row: row.properties.get("Q_SEQUENCING_TYPE") == "WHOLE_GENOME",
    ),
    (
        {"where": {"Q_READS_COUNT": ">=400000000"}},
        lambda _, row: int(row.properties.get("Q_READS_COUNT", 0)) >= 400_000_000,
    ),
    (
        {"q_secondary_name": "FDG PET*", "type": "Q_BMI_IMAGING_DATA"},
        lambda _, row: row.properties["Q_SECONDARY_NAME"].startswith("FDG PET"),
    ),
    ({"withParents": GENOME}, lambda *_: False),
    ({"withChildren": GENOME}, lambda *_: False),
    ({"tags": ["NO_SUCH_TAG"]}, lambda *_: False),
    ({"raw_response": "true"}, lambda *_: False),  # unknown keywords are properties
]
_EXPERIMENT = "20210429073031400-851"


def _project(rows: Rows, row: DataSet) -> str:
    return rows.experiment_of(row).split("/")[2]


@FILTERED
@pytest.mark.parametrize(("filters", "wanted"), FILTERS, ids=[str(each) for each, _ in FILTERS])
def test_data_sets_by(
    o: Openbis, rows: Rows, filters: dict[str, Any], wanted: Callable[[Rows, DataSet], bool]
) -> None:
    found = o.get_datasets(**filters)
    expected = {row.code for row in rows.content.data_sets if wanted(rows, row)}
    assert set(found.df["permId"]) == expected
    assert found.totalCount == len(expected) == len(found)


def test_the_filters_are_not_all_empty(rows: Rows) -> None:
    empty = [
        filters
        for filters, wanted in FILTERS
        if not any(wanted(rows, row) for row in rows.content.data_sets)
    ]
    assert len(empty) == 6, empty


@FILTERED
def test_pages_cover_all_data_sets_once(o: Openbis, rows: Rows) -> None:
    pages = [o.get_datasets(start_with=at, count=100) for at in (0, 100, 200, 300)]
    assert [page.totalCount for page in pages] == [361] * 4
    assert [len(page) for page in pages] == [100, 100, 100, 61]
    found = [code for page in pages for code in page.df["permId"]]
    assert sorted(found) == sorted(row.code for row in rows.content.data_sets)


def test_properties_and_places_as_columns(o: Openbis, rows: Rows) -> None:
    attributes = ["project", "space", "sample.code", "experiment.code", "type.code"]
    found = records(
        o.get_datasets(sample="/CLINICAL/NGSQCLIN392AR", attrs=attributes, props=["Q_READS_COUNT"])
    )[GENOME]
    row = next(row for row in rows.content.data_sets if row.code == GENOME)
    assert found["project"] == "/CLINICAL/QCLIN"
    assert found["space"] == "CLINICAL"
    assert found["sample.code"] == "NGSQCLIN392AR"
    assert found["experiment.code"] == "QCLINE4"
    assert found["Q_READS_COUNT"] == row.properties["Q_READS_COUNT"]
    every = o.get_datasets(code=GENOME, props="*").df
    assert {code: every[code][0] for code in row.properties} == row.properties


def test_one_physical_data_set(reading: Installation, rows: Rows) -> None:
    data_set = connect(reading, "admin").get_dataset(GENOME)
    row = next(row for row in rows.content.data_sets if row.code == GENOME)
    assert data_set.attrs.all() == {
        "code": GENOME,
        "permId": GENOME,
        "type": "Q_NGS_RAW_DATA",
        "kind": "PHYSICAL",
        "experiment": "/CLINICAL/QCLIN/QCLINE4",
        "sample": "/CLINICAL/NGSQCLIN392AR",
        "parents": [],
        "children": [],
        "components": [],
        "containers": [],
        "tags": [],
        "accessDate": shown(row.modified),
        "dataProducer": "",
        "dataProductionDate": "",
        "registrator": "oncology",
        "registrationDate": shown(row.registered),
        "modifier": "oncology",
        "modificationDate": shown(row.modified),
        "dataStore": "DSS1",
        "measured": False,
        "postRegistered": True,
        "frozen": False,
        "frozenForChildren": False,
        "frozenForParents": False,
        "frozenForComponents": False,
        "frozenForContainers": False,
    }
    assert data_set.props.all_nonempty() == {
        code.lower(): value for code, value in row.properties.items()
    }
    physical = data_set.physicalData
    assert (physical.size, physical.location, physical.status, physical.complete) == (
        row.size,
        row.location,
        "AVAILABLE",
        "YES",
    )
    assert data_set.sample.code == "NGSQCLIN392AR"
    assert data_set.experiment.code == "QCLINE4"
    assert data_set.data["linkedData"] is None


def test_one_linked_data_set(reading: Installation, rows: Rows) -> None:
    data_set = connect(reading, "admin").get_dataset(LINK)
    row = next(row for row in rows.content.data_sets if row.code == LINK)
    assert (data_set.kind, data_set.data["physicalData"]) == ("LINK", None)
    linked = data_set.data["linkedData"]
    (copy,) = linked["contentCopies"]
    assert copy["externalCode"] == row.external_code
    (system,) = rows.content.external_dms
    assert linked["externalDms"]["code"] == system.code
    assert linked["externalDms"]["urlTemplate"] == system.url_template
    if reading.references == "none":
        assert copy["externalDms"]["code"] == system.code


def test_several_data_sets(o: Openbis) -> None:
    assert set(o.get_dataset([GENOME, LINK]).df["permId"]) == {GENOME, LINK}
    with pytest.raises(ValueError, match="no such dataset found: 20000101000000000-1"):
        o.get_dataset("20000101000000000-1")


def test_data_sets_of_samples_and_experiments(o: Openbis, rows: Rows) -> None:
    sample = o.get_sample("/CLINICAL/NGSQCLIN392AR")
    assert list(sample.get_datasets().df["permId"]) == [GENOME]
    experiment = o.get_experiment("/CLINICAL/QCLIN/QCLINE4")
    wanted = {row.code for row in rows.content.data_sets if row.experiment == _EXPERIMENT}
    assert set(experiment.get_datasets().df["permId"]) == wanted
    of_all = o.get_samples(code=["NGSQCLIN392AR", "QCLIN392AR"]).get_datasets()
    assert list(of_all.df["permId"]) == [GENOME]


def test_the_store_and_the_external_system(o: Openbis, rows: Rows) -> None:
    assert o.get_datastores().to_dict("records") == [
        {
            "code": "DSS1",
            "downloadUrl": "https://localhost:444",
            "remoteUrl": "https://localhost:444",
        }
    ]
    (system,) = rows.content.external_dms
    (record,) = o.get_external_data_management_systems().df.to_dict("records")
    assert record["code"] == system.code
    assert record["addressType"] == "URL"
    found = o.get_external_data_management_system(system.code)
    assert (found.label, found.urlTemplate) == (system.label, system.url_template)
    with pytest.raises(ValueError, match="no such external DMS found: NONE"):
        o.get_external_data_management_system("NONE")
