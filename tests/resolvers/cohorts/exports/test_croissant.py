from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import mlcroissant
import orjson
import pytest

from resolvers.cohorts.exports import croissant, parquet
from resolvers.cohorts.exports.table import Row
from tests.resolvers.cohorts.exports.tables import COLUMNS, table_of, written

# What mlcroissant's own dependencies warn of when they are imported or asked.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

ROWS: list[Row] = [
    {
        "kind": "image",
        "split": "train",
        "name": "a",
        "number": 5,
        "length": 0.25,
        "good": True,
        "at": "2024-01-01T10:00:00Z",
        "day": "2024-01-01",
        "tags": ["x", "y"],
        "waves": [488.0],
        "subject_Q_X": "A",
    },
    {"kind": "omics", "split": "test"},
]


def described(folder: Path, parts: tuple[str, ...]) -> mlcroissant.Dataset:
    table = table_of(ROWS, parts=parts)
    content = written(parquet.write, table)
    (folder / "cohort.parquet").write_bytes(content)
    about: dict[str, Any] = {
        "file": "cohort.parquet",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    (folder / "croissant.json").write_bytes(written(croissant.write, table, **about))
    return mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))


def test_mlcroissant_has_nothing_to_say(tmp_path: Path) -> None:
    dataset = described(tmp_path, ("train", "test"))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    assert dataset.metadata.version == "1.0.0+cdcdcdcdcdcd"


def test_mlcroissant_reads_the_rows(tmp_path: Path) -> None:
    first, second = described(tmp_path, ("train", "test")).records("rows")
    assert set(first) == {f"rows/{column.name}" for column in COLUMNS}
    assert first["rows/name"] == b"a"
    assert first["rows/number"] == 5
    assert first["rows/length"] == 0.25
    assert first["rows/good"] is True
    assert first["rows/tags"] == [b"x", b"y"]
    assert second["rows/kind"] == b"omics"
    assert second["rows/name"] is None


def test_the_parts_of_a_split_are_croissants_own(tmp_path: Path) -> None:
    records = list(described(tmp_path, ("train", "test")).records("splits"))
    assert records == [
        {"splits/name": "train", "splits/url": "cr:TrainingSplit"},
        {"splits/name": "test", "splits/url": "cr:TestSplit"},
    ]


def test_parts_of_other_names_are_parts_all_the_same(tmp_path: Path) -> None:
    dataset = described(tmp_path, ("fold1", "fold2"))
    assert dataset.metadata.ctx.issues.errors == set()
    assert list(dataset.records("splits")) == [{"splits/name": "fold1"}, {"splits/name": "fold2"}]


def test_without_a_split_there_are_no_parts(tmp_path: Path) -> None:
    described(tmp_path, ())
    told = orjson.loads((tmp_path / "croissant.json").read_bytes())
    assert [each["@id"] for each in told["recordSet"]] == ["rows"]


def test_units_are_told(tmp_path: Path) -> None:
    described(tmp_path, ())
    told = orjson.loads((tmp_path / "croissant.json").read_bytes())
    fields = {field["name"]: field for field in told["recordSet"][0]["field"]}
    assert fields["length"]["description"] == "A length. In MICROMETER."
