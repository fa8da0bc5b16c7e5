"""Loading a study from a sheet: against answers from the sheet itself, and every kind of fault."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.demo.accounts import add_omero_accounts, add_openbis_accounts
from backends.demo.linkage import LINK_NAMESPACE
from backends.demo.masterdata import add_masterdata
from backends.demo.sheet.loader import SheetError, SheetReport, load_sheet
from backends.demo.study import build_world
from backends.demo.world import Sample, World
from backends.openbis.barcodes import is_barcode

ROOT = Path(__file__).parents[4]
IDR_SHEET = ROOT.parent / "shared" / "data" / "idr0082-experimentA-annotation.csv"
IDR_MAPPING = ROOT / "examples" / "idr0082.toml"

MAPPING = """
[study]
project = "QTEST"
space = "TESTS"
title = "A small study"
group = "tests"
registrator = "oncology"
registered = 2024-02-01T08:00:00Z

[subject]
column = "Patient"

[[subject.properties]]
column = "Sex"
code = "Q_GENDER"
data_type = "CONTROLLEDVOCABULARY"
vocabulary = "Q_GENDERS"

[sample]
column = "Biopsy"
constants = { Q_PRIMARY_TISSUE = "LIVER" }

[[sample.properties]]
column = "Size"
code = "Q_SIZE"
label = "Size"
data_type = "REAL"
factor = "size"
unit = "mm"

[[sample.properties]]
column = "Grade"
code = "Q_GRADE"
data_type = "CONTROLLEDVOCABULARY"
required = true
factor = "grade"

[[sample.properties]]
column = "Count"
code = "Q_CELLS"
data_type = "INTEGER"

[[sample.properties]]
column = "Fixed"
code = "Q_FIXED"
data_type = "BOOLEAN"

[images]
name = "Image"
file = "File"
kind = "Kind"
kinds = { slide = { acquisition = "slide", tags = ["H&E"], key_values = { Modality = "H&E" } } }
key_values = [{ column = "Remark" }]

[acquisitions.slide]
format = "TIFF"
pixel_type = "uint8"
significant_bits = 8
size = [2000, 1000]
channels = "RGB"
pixel_size = 500.0
pixel_unit = "NANOMETER"

[[external_systems]]
code = "ENA"
label = "European Nucleotide Archive"
url_template = "https://archive.example/${code}"

[[omics]]
column = "Reads"
label = "Exome"
type = "Q_NGS_RAW_DATA"
property = "Q_EXTERNALDB_ID"
kind = "LINK"
system = "ENA"
constants = { Q_SEQUENCING_TYPE = "WHOLE_EXOME" }

[[omics]]
column = "Spectrum"
label = "Spectrum"
type = "Q_NMR_RAW_DATA"
property = "Q_ADDITIONAL_INFO"
kind = "PHYSICAL"
"""

HEADER = [
    "Patient",
    "Sex",
    "Biopsy",
    "Size",
    "Grade",
    "Count",
    "Fixed",
    "Image",
    "File",
    "Kind",
    "Remark",
    "Reads",
    "Spectrum",
]
ROWS = [
    ["P1", "female", "B1", "1.5", "low", "7", "TRUE", "a", "f.tif", "slide", "=1+1", "ERR1", ""],
    ["P1", "female", "B1", "1.5", "low", "7", "TRUE", "b", "f.tif", "slide", "", "ERR1", ""],
    ["P1", "female", "B2", "", "high", "", "", "a", "g.tif", "slide", "@x", "", "S1"],
    ["P2", "MALE", "B3", "2e1", "low", "0", "no", "a", "h.tif", "slide", "-2", "ERR3", "S3"],
]

Write = Callable[[Iterable[Iterable[str]]], Path]


def empty_installation() -> World:
    """Types, vocabularies and people, but no study: quick to make and to compare."""
    world = World()
    add_masterdata(world.openbis)
    add_openbis_accounts(world.openbis)
    add_omero_accounts(world.omero)
    return world


@pytest.fixture
def world() -> World:
    return empty_installation()


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def write_sheet(path: Path, lines: Iterable[Iterable[str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    return path


def changed(row: int, column: str, value: str) -> list[list[str]]:
    lines = [HEADER, *(list(each) for each in ROWS)]
    lines[row][HEADER.index(column)] = value
    return lines


def faults_of(world: World, sheet: Path, mapping: Path) -> list[tuple[int | None, str | None, str]]:
    before = deepcopy(world)
    with pytest.raises(SheetError) as caught:
        load_sheet(world, sheet, mapping)
    assert world == before, "nothing is loaded when anything is wrong"
    return [tuple(fault) for fault in caught.value.faults]


def samples_of(world: World, report: SheetReport) -> list[Sample]:
    experiments = {
        each.perm_id for each in world.openbis.experiments if each.project == report.perm_id
    }
    return [each for each in world.openbis.samples if each.experiment in experiments]


def images_by_dataset(world: World, report: SheetReport) -> dict[str, list[dict[str, Any]]]:
    omero = world.omero.rows
    inside = {
        row["child"] for row in omero["ProjectDatasetLink"] if row["parent"] == report.omero_project
    }
    names = {row["id"]: row["name"] for row in omero["Dataset"] if row["id"] in inside}
    images = {row["id"]: row for row in omero["Image"]}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names.values()}
    for link in omero["DatasetImageLink"]:
        if link["parent"] in names:
            found[names[link["parent"]]].append(images[link["child"]])
    return found


def pairs_of(world: World, image: int) -> list[tuple[str, str, str]]:
    maps = {row["id"]: row for row in world.omero.rows["MapAnnotation"]}
    return [
        (maps[link["child"]]["ns"], key, value)
        for link in world.omero.rows["ImageAnnotationLink"]
        if link["parent"] == image and link["child"] in maps
        for key, value in maps[link["child"]]["mapValue"]
    ]


# --- a small study -----------------------------------------------------------------------------


def test_a_small_study_is_loaded_on_both_sides(world: World, mapping: Path, tmp_path: Path) -> None:
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    assert (report.subjects, report.samples, report.images) == (2, 3, 4)
    assert report.omics == {"Exome": 2, "Spectrum": 2}
    samples = {each.properties["Q_SECONDARY_NAME"]: each for each in samples_of(world, report)}
    assert set(samples) == {"P1", "P2", "B1", "B2", "B3"}
    assert samples["P1"].code == "QTESTENTITY-1"
    assert samples["P2"].properties["Q_GENDER"] == "MALE"
    assert samples["B2"].parents == [samples["P1"].perm_id]
    assert all(is_barcode(samples[name].code) for name in ("B1", "B2", "B3"))
    assert samples["B1"].properties == {
        "Q_SECONDARY_NAME": "B1",
        "Q_PRIMARY_TISSUE": "LIVER",
        "Q_SIZE": "1.5",
        "Q_GRADE": "LOW",
        "Q_CELLS": "7",
        "Q_FIXED": "true",
    }
    assert samples["B3"].properties["Q_FIXED"] == "false"
    assert "Q_SIZE" not in samples["B2"].properties
    images = images_by_dataset(world, report)
    assert {name: [row["name"] for row in rows] for name, rows in images.items()} == {
        samples["B1"].code: ["a", "b"],
        samples["B2"].code: ["a"],
        samples["B3"].code: ["a"],
    }


def test_images_of_one_file_are_series_of_one_fileset(
    world: World, mapping: Path, tmp_path: Path
) -> None:
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    first, second = next(
        rows for rows in images_by_dataset(world, report).values() if len(rows) > 1
    )
    assert first["fileset"] == second["fileset"]
    assert (first["series"], second["series"]) == (0, 1)


def test_cells_that_look_like_formulas_are_data(
    world: World, mapping: Path, tmp_path: Path
) -> None:
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    client = "openmicroscopy.org/omero/client/mapAnnotation"
    remarks = {
        value
        for rows in images_by_dataset(world, report).values()
        for row in rows
        for namespace, key, value in pairs_of(world, row["id"])
        if (namespace, key) == (client, "Remark")
    }
    assert remarks == {"=1+1", "@x", "-2"}


def test_accessions_become_data_sets_once(world: World, mapping: Path, tmp_path: Path) -> None:
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    names = {
        each.perm_id: each.properties["Q_SECONDARY_NAME"] for each in samples_of(world, report)
    }
    data = [each for each in world.openbis.data_sets if each.sample in names]
    assert {
        (names[each.sample or ""], each.type, each.kind, each.external_dms, each.external_code)
        for each in data
    } == {
        ("B1", "Q_NGS_RAW_DATA", "LINK", "ENA", "ERR1"),
        ("B3", "Q_NGS_RAW_DATA", "LINK", "ENA", "ERR3"),
        ("B2", "Q_NMR_RAW_DATA", "PHYSICAL", None, None),
        ("B3", "Q_NMR_RAW_DATA", "PHYSICAL", None, None),
    }
    assert len(data) == 4
    exome = next(each for each in data if each.external_code == "ERR1")
    assert exome.properties["Q_EXTERNALDB_ID"] == "ERR1"
    assert exome.properties["Q_SEQUENCING_TYPE"] == "WHOLE_EXOME"
    types = {each.code: each.property_codes for each in world.openbis.entity_types}
    assert "Q_EXTERNALDB_ID" in types["Q_NGS_RAW_DATA"]


def test_factors_reach_the_design(world: World, mapping: Path, tmp_path: Path) -> None:
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    info = next(each for each in world.openbis.experiments if each.code == "QTEST_INFO")
    setup = fromstring(info.properties["Q_EXPERIMENTAL_SETUP"])
    codes = {each.code: each.properties["Q_SECONDARY_NAME"] for each in samples_of(world, report)}
    levels = {
        (factor.tag, factor.attrib["label"], level.attrib["value"]): {
            codes[each.text or ""] for each in level
        }
        for factor in setup.find("qfactors")
        for level in factor
    }
    assert levels == {
        ("qcategorical", "grade", "low"): {"B1", "B3"},
        ("qcategorical", "grade", "high"): {"B2"},
        ("qcontinuous", "size", "1.5"): {"B1"},
        ("qcontinuous", "size", "2e1"): {"B3"},
    }


def test_the_registrator_may_see_the_new_study_and_others_may_not(
    world: World, mapping: Path, tmp_path: Path
) -> None:
    load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    seeing = {
        each.user_id
        for each in world.openbis.persons
        if any(role.scope == "TESTS" for role in each.roles)
    }
    assert seeing == {"oncology"}
    omero = world.omero.rows
    group = next(row["id"] for row in omero["ExperimenterGroup"] if row["name"] == "tests")
    names = {row["id"]: row["omeName"] for row in omero["Experimenter"]}
    members = {
        names[row["child"]] for row in omero["GroupExperimenterMap"] if row["parent"] == group
    }
    assert members == {"oncology"}


def test_pixel_units_are_kept(world: World, mapping: Path, tmp_path: Path) -> None:
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    mine = {row["id"] for rows in images_by_dataset(world, report).values() for row in rows}
    sizes = {row["physicalSizeX"] for row in world.omero.rows["Pixels"] if row["image"] in mine}
    assert sizes == {(500.0, "NANOMETER")}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with byte order mark"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_forms_of_a_sheet_give_the_same_world(
    mapping: Path, tmp_path: Path, mark: bytes, suffix: str
) -> None:
    expected, loaded = empty_installation(), empty_installation()
    load_sheet(expected, write_sheet(tmp_path / "plain.csv", [HEADER, *ROWS]), mapping)
    sheet = tmp_path / f"other{suffix}"
    write_sheet(sheet, [HEADER, *ROWS, []], "\t" if suffix == ".tsv" else ",")
    sheet.write_bytes(mark + sheet.read_bytes())
    load_sheet(loaded, sheet, mapping)
    assert loaded == expected


def test_the_same_project_is_not_loaded_twice(world: World, mapping: Path, tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "s.csv", [HEADER, *ROWS])
    load_sheet(world, sheet, mapping)
    assert faults_of(world, sheet, mapping) == [
        (None, "study.project", "mapping: a project QTEST is there already")
    ]


# --- faults of the sheet -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (3, "Size", "wide", "'wide' is not a number"),
        (3, "Size", "nan", "'nan' is not a number"),
        (3, "Size", "1_0", "'1_0' is not a number"),
        (3, "Size", "1e999", "'1e999' is not a number"),
        (3, "Count", "1.5", "'1.5' is not a whole number"),
        (3, "Fixed", "maybe", "'maybe' is neither TRUE nor FALSE"),
        (3, "Grade", "", "must not be empty"),
        (3, "Grade", "+", "no term code can be made of '+': name one in `terms`"),
        (4, "Sex", "f", "'f' is not a term of Q_GENDERS"),
        (3, "Biopsy", "", "must not be empty"),
        (4, "Patient", "", "must not be empty"),
        (3, "Image", "", "must not be empty"),
        (3, "File", "", "must not be empty"),
        (3, "Kind", "", "must not be empty"),
        (3, "Kind", "scan", "'scan' is not among images.kinds of the mapping"),
        (2, "Image", "a", "the sample has an image 'a' already, in line 2"),
        (2, "Size", "1.6", "B1 has '1.6' here, but '1.5' in line 2: make them agree"),
        (2, "Size", "", "B1 has '' here, but '1.5' in line 2: make them agree"),
        (2, "Reads", "ERR2", "B1 has 'ERR2' here, but 'ERR1' in line 2: make them agree"),
        (3, "Sex", "male", "P1 has 'male' here, but 'female' in line 2: make them agree"),
        (2, "Patient", "P2", "B1 has 'P2' here, but 'P1' in line 2: make them agree"),
        (3, "Remark", "a\x00b", "holds a control character: remove it"),
        (3, "Remark", "a\x1bb", "holds a control character: remove it"),
        (3, "Remark", "a\ufffeb", "holds a control character: remove it"),
    ],
)
def test_a_wrong_cell_is_named(
    world: World, mapping: Path, tmp_path: Path, *, row: int, column: str, value: str, message: str
) -> None:
    sheet = write_sheet(tmp_path / "s.csv", changed(row, column, value))
    assert (row + 1, column, message) in faults_of(world, sheet, mapping)


def test_two_spellings_of_one_term_are_a_fault(world: World, mapping: Path, tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "s.csv", changed(4, "Grade", "Low"))
    message = "'Low' and 'low' give the same term: name them in `terms`"
    assert faults_of(world, sheet, mapping) == [(5, "Grade", message)]


def test_missing_and_surplus_cells(world: World, mapping: Path, tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "s.csv", [HEADER, ROWS[0][:-2], [*ROWS[1], "more"], *ROWS[2:]])
    missing = "11 cells where the header has 13: this cell and those after are missing"
    surplus = "14 cells where the header has 13: check for a stray delimiter"
    assert faults_of(world, sheet, mapping) == [(2, "Reads", missing), (3, "14", surplus)]


def test_missing_double_and_nameless_columns(world: World, mapping: Path, tmp_path: Path) -> None:
    header = ["" if name == "Reads" else "Count" if name == "Size" else name for name in HEADER]
    sheet = write_sheet(tmp_path / "s.csv", [header, *ROWS])
    setting = "the sheet has no such column; {} of the mapping names it"
    assert faults_of(world, sheet, mapping) == [
        (1, "12", "the column has no name"),
        (1, "Count", "2 columns have this name"),
        (1, "Reads", setting.format("omics")),
        (1, "Size", setting.format("sample.properties")),
    ]


def test_faults_are_told_all_at_once(world: World, mapping: Path, tmp_path: Path) -> None:
    lines = changed(1, "Count", "x")
    lines[1][HEADER.index("Size")] = "y"
    lines[4][HEADER.index("Kind")] = "z"
    lines.insert(3, ["short"])
    mapping.write_text(MAPPING.replace('"oncology"', '"nobody"'), encoding="utf-8")
    found = faults_of(world, write_sheet(tmp_path / "s.csv", lines), mapping)
    places = [(line, column) for line, column, _ in found]
    assert places == [
        (None, "study"),
        (None, "study"),
        (2, "Count"),
        (2, "Size"),
        (3, "Count"),
        (3, "Size"),
        (4, "Sex"),
        (6, "Kind"),
    ]


def test_the_line_is_the_line_of_the_file(world: World, mapping: Path, tmp_path: Path) -> None:
    lines = changed(3, "Size", "wide")
    lines[1][HEADER.index("Remark")] = "over\nthree\nlines"
    lines.insert(2, [])
    sheet = write_sheet(tmp_path / "s.csv", lines)
    assert [line for line, _, _ in faults_of(world, sheet, mapping)] == [7]


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"", (1, None), "the sheet is empty: its first line names the columns"),
        (b"\n \n", (1, None), "the sheet is empty: its first line names the columns"),
        (b"Patient\nJos\xe9\n", (2, "Patient"), "not UTF-8: save the sheet as UTF-8"),
        ("Patient\n".encode("utf-16"), (1, None), "UTF-16: save the sheet as UTF-8"),
        (",".join(HEADER).encode(), (None, None), "the sheet has no rows below its header"),
    ],
    ids=["empty", "blank", "latin-1", "utf-16", "header only"],
)
def test_unreadable_sheets(
    world: World,
    mapping: Path,
    tmp_path: Path,
    *,
    content: bytes,
    place: tuple[int | None, str | None],
    message: str,
) -> None:
    sheet = tmp_path / "s.csv"
    sheet.write_bytes(content)
    assert (*place, message) in faults_of(world, sheet, mapping)


def test_an_open_quote_is_a_fault(world: World, mapping: Path, tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "s.csv", [HEADER, *ROWS])
    sheet.write_text(sheet.read_text("utf-8") + '"P9,female\n', encoding="utf-8")
    ((line, column, message),) = faults_of(world, sheet, mapping)
    assert (line, column) == (6, None)
    assert message.startswith("cannot be split into cells")


def test_absent_files_are_faults(world: World, tmp_path: Path) -> None:
    assert faults_of(world, tmp_path / "none.csv", tmp_path / "none.toml") == [
        (None, None, "the mapping cannot be read: No such file or directory"),
        (None, None, "the sheet cannot be read: No such file or directory"),
    ]


# --- faults of the mapping ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "setting"),
    [
        ('title = "A small study"', 'titel = "A small study"', "study.titel"),
        ('project = "QTEST"', 'project = "TEST"', "study.project"),
        ('project = "QTEST"', 'project = "QTESY"', "study.project"),
        ('project = "QTEST"', 'project = "QSHCC"\nextra = 1', "study.extra"),
        ("size = [2000, 1000]", 'size = ["a", 1000]', "acquisitions.slide.size.0"),
        ("size = [2000, 1000]", "size = [0, 1000]", "acquisitions.slide.size.0"),
        ('pixel_type = "uint8"', 'pixel_type = "uint7"', "acquisitions.slide.pixel_type"),
        ("pixel_size = 500.0", "pixel_size = inf", "acquisitions.slide.pixel_size"),
        ('kind = "PHYSICAL"', 'kind = "COPY"', "omics.1.kind"),
        (
            "registered = 2024-02-01T08:00:00Z",
            "registered = 2024-02-01T08:00:00",
            "study.registered",
        ),
        ('data_type = "INTEGER"', 'data_type = "NUMBER"', "sample.properties.2.data_type"),
        (
            'data_type = "INTEGER"',
            'data_type = "INTEGER"\nterms = { a = "A" }',
            "sample.properties",
        ),
        ('code = "Q_SIZE"', 'code = "Q_PRIMARY_TISSUE"', "sample.properties"),
        ('code = "Q_SIZE"', 'code = "Q_TISSUE_DETAILED"', "sample.properties"),
        ('acquisition = "slide"', 'acquisition = "scan"', "images.kinds.slide"),
        ('pixel_unit = "NANOMETER"', 'pixel_unit = "NANOMETRE"', "acquisitions.slide.pixel_unit"),
        ('channels = "RGB"', "channels = []", "acquisitions.slide.channels"),
        ('system = "ENA"', "", "omics.system"),
        ('type = "Q_NMR_RAW_DATA"', 'type = "Q_NMR_RAW"', "omics.type"),
        ('property = "Q_ADDITIONAL_INFO"', 'property = "Q_NONE"', "omics.property"),
        ('"WHOLE_EXOME"', '"EXOME"', "omics.constants"),
        ('Q_PRIMARY_TISSUE = "LIVER"', 'Q_NONE = "LIVER"', "sample.constants"),
        ('column = "Biopsy"', 'column = "Biopsy"\ntype = "Q_NONE"', "sample.type"),
        ('group = "tests"', 'group = "tests"\nomero_users = ["nobody"]', "study"),
        ("[sample]", "[sample", None),
    ],
)
def test_a_wrong_setting_is_named(
    world: World, mapping: Path, tmp_path: Path, *, old: str, new: str, setting: str | None
) -> None:
    assert old in MAPPING
    mapping.write_text(MAPPING.replace(old, new, 1), encoding="utf-8")
    sheet = write_sheet(tmp_path / "s.csv", [HEADER, *ROWS])
    assert setting in {column for line, column, _ in faults_of(world, sheet, mapping) if not line}


def test_terms_of_the_mapping_are_used_and_closed(
    world: World, mapping: Path, tmp_path: Path
) -> None:
    terms = 'required = true\nterms = { low = "G1", high = "G3" }'
    mapping.write_text(MAPPING.replace("required = true", terms), encoding="utf-8")
    wrong = write_sheet(tmp_path / "w.csv", changed(4, "Grade", "medium"))
    message = "'medium' is not among the terms of the mapping"
    assert faults_of(world, wrong, mapping) == [(5, "Grade", message)]
    report = load_sheet(world, write_sheet(tmp_path / "s.csv", [HEADER, *ROWS]), mapping)
    grades = Counter(each.properties.get("Q_GRADE") for each in samples_of(world, report))
    assert grades == {"G1": 2, "G3": 1, None: 2}


def any_row() -> st.SearchStrategy[list[str]]:
    """A row of arbitrary cells, among them cells that are right."""
    return st.tuples(*(st.one_of(st.just(cell), st.text(max_size=9)) for cell in ROWS[3])).map(list)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cells=any_row())
def test_any_row_is_either_loaded_or_refused_whole(
    mapping: Path, tmp_path: Path, cells: list[str]
) -> None:
    """Whatever text the cells hold, there is a report or a `SheetError`, never anything else."""
    sheet, world = tmp_path / "fuzz.csv", empty_installation()
    with sheet.open("w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([HEADER, *ROWS[:3], cells])
    try:
        report = load_sheet(world, sheet, mapping)
    except SheetError:
        assert world == empty_installation()
    else:
        assert len(samples_of(world, report)) == report.samples + report.subjects
        info = next(each for each in world.openbis.experiments if each.code == "QTEST_INFO")
        fromstring(info.properties["Q_EXPERIMENTAL_SETUP"])


# --- the real study ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def idr_rows() -> list[dict[str, str]]:
    if not IDR_SHEET.exists():
        pytest.skip(f"{IDR_SHEET} is not there: it is not part of the project")
    with IDR_SHEET.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def idr(idr_rows: list[dict[str, str]]) -> tuple[World, SheetReport]:
    assert idr_rows
    world = build_world()
    return world, load_sheet(world, IDR_SHEET, IDR_MAPPING)


ACCESSIONS = {
    "Gene expression, CIS region": "Comment [Gene Expression CIS Region]",
    "Gene expression, stromal region": "Comment [Gene Expression Stromal Region]",
    "Methylation": "Comment [Methylation]",
    "Whole genome": "Comment [Whole Genome Sequencing]",
}


def test_idr0082_counts_are_those_of_the_table(
    idr: tuple[World, SheetReport], idr_rows: list[dict[str, str]]
) -> None:
    world, report = idr
    assert (report.samples, report.images, report.subjects) == (112, 336, 0)
    assert report.omics == {
        label: len({(row["Source Name"], row[column]) for row in idr_rows if row[column]})
        for label, column in ACCESSIONS.items()
    }
    assert report.omics["Methylation"] == 36
    images = images_by_dataset(world, report)
    codes = {each.code: each.properties["Q_SECONDARY_NAME"] for each in samples_of(world, report)}
    assert all(is_barcode(code) for code in codes)
    assert {(codes[code], row["name"]) for code, rows in images.items() for row in rows} == {
        (row["Source Name"], row["Image Name"]) for row in idr_rows
    }


def test_idr0082_answers_its_cohort_question(
    idr: tuple[World, SheetReport], idr_rows: list[dict[str, str]]
) -> None:
    """Lesions that progressed, with methylation data and an H&E image."""
    world, report = idr
    expected = {
        row["Source Name"]
        for row in idr_rows
        if row["Characteristics [Phenotype Outcome]"] == "Progression"
        and row["Comment [Methylation]"]
        and row["Dataset Name"] == "Lung Carcinoma"
    }
    methylated = {
        each.sample
        for each in world.openbis.data_sets
        if each.properties.get("Q_ASSAY") == "methylation"
    }
    tags = {row["id"]: row["textValue"] for row in world.omero.rows["TagAnnotation"]}
    stained = {
        link["parent"]
        for link in world.omero.rows["ImageAnnotationLink"]
        if tags.get(link["child"]) == "H&E"
    }
    images = images_by_dataset(world, report)
    found = {
        each.properties["Q_SECONDARY_NAME"]
        for each in samples_of(world, report)
        if each.properties["Q_OUTCOME"] == "PROGRESSION"
        and each.perm_id in methylated
        and any(row["id"] in stained for row in images[each.code])
    }
    assert found == expected
    assert len(found) > 10


def test_idr0082_properties_are_those_of_the_table(
    idr: tuple[World, SheetReport], idr_rows: list[dict[str, str]]
) -> None:
    world, report = idr
    table = {row["Source Name"]: row for row in idr_rows}
    for sample in samples_of(world, report):
        row, properties = table[sample.properties["Q_SECONDARY_NAME"]], sample.properties
        assert properties.get("Q_PACK_YEARS", "") == row["Characteristics [Pack Years]"]
        assert properties["Q_GENDER"] == row["Characteristics [Sex]"].upper()
        assert properties["Q_CIS_AREA"] == row["CIS - Area"]
        assert properties["Q_PRIMARY_TISSUE"] == "LUNG"
        told = row["Characteristics [Previous Lung Cancer]"].lower()
        assert properties["Q_PREVIOUS_LUNG_CANCER"] == told


def test_idr0082_is_linked_and_says_where_its_metadata_is_from(
    idr: tuple[World, SheetReport],
) -> None:
    world, report = idr
    mine = [each for each in world.sample_links if each.project_perm_id == report.perm_id]
    assert len(mine) == 112
    image = world.omero.rows["Image"][-1]["id"]
    namespaces = {namespace for namespace, _, _ in pairs_of(world, image)}
    assert {"omnibis/sheet", "openmicroscopy.org/mapr/organism"} <= namespaces
    maps = {row["id"]: row for row in world.omero.rows["MapAnnotation"]}
    told = {
        maps[link["child"]]["ns"]: dict(maps[link["child"]]["mapValue"])
        for link in world.omero.rows["ProjectAnnotationLink"]
        if link["parent"] == report.omero_project
    }
    assert told[LINK_NAMESPACE]["openBIS permId"] == report.perm_id
    licence = told["openmicroscopy.org/omero/client/mapAnnotation"]
    assert licence["License"] == "CC BY 4.0"
    assert licence["Publication DOI"] == "10.1158/2159-8290.CD-19-1366"
