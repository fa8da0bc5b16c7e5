from __future__ import annotations

import hashlib
import io
import zipfile
from functools import partial
from pathlib import Path

from rocrate.rocrate import ROCrate

from resolvers.cohorts.exports import crate
from tests.resolvers.cohorts.exports.tables import table_of, written

CONTENT = b"kind,name\r\nimage,a\r\n" * 50_000


def crated(folder: Path) -> bytes:
    source = folder / "source.csv"
    source.write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    file = crate.CrateFile(
        "cohort.csv", "text/csv", "The table.", len(CONTENT), sha256, partial(source.open, "rb")
    )
    return written(crate.write, table_of([]), files=[file])


def test_the_rocrate_package_reads_it(tmp_path: Path) -> None:
    packed = tmp_path / "crate.zip"
    packed.write_bytes(crated(tmp_path))
    read = ROCrate(str(packed))
    assert read.name == "A cohort"
    assert read.root_dataset["identifier"] == table_of([]).facts.uri
    assert [part.id for part in read.root_dataset["hasPart"]] == ["cohort.csv"]
    assert read.root_dataset["author"]["name"] == "ada"
    file = read.get("cohort.csv")
    assert file.type == "File"
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    action = read.get("#selection")
    assert action["object"]["text"] == table_of([]).facts.question
    assert {each["version"] for each in action["instrument"]} == {"20.10.7", "5.6.14"}
    out = tmp_path / "out"
    read.write(str(out))  # it finds all that it lists
    assert (out / "cohort.csv").read_bytes() == CONTENT


def test_the_files_are_in_it_as_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(crated(tmp_path))) as packed:
        assert packed.namelist() == ["ro-crate-metadata.json", "cohort.csv"]
        assert packed.testzip() is None
        assert packed.read("cohort.csv") == CONTENT
