"""`omnibis cohort …` from freezing to deleting, each command a process's worth of its own."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from api.app import Parts
from api.cli import app
from api.demonstration import demonstration, seed_links
from api.settings import Settings
from backends.folder import Folder
from link_store.database import LinkDatabase
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf

WOMEN = """{project: {code: {eq: "QCLIN"}},
  self: {property: [{code: "Q_GENDER", string: {eq: "FEMALE"}}]}}"""


class Desk:
    """Runs commands over systems that are new each time, and a database and a folder that stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.without: tuple[str, ...] = ()

    def open_parts(self, settings: Settings) -> Parts:
        built = demonstration(settings, without=self.without)
        database = LinkDatabase(f"sqlite:///{self.folder / 'links.sqlite'}")
        links = LinkStore(database)
        shelf = Shelf(Folder(SecretStr(str(self.folder / "snapshots"))))
        services = replace(
            built.parts.services, links=links, snapshots=SnapshotStore(database), shelf=shelf
        )

        async def start() -> None:
            await database.migrate()
            if await links.revision() == 0:
                await seed_links(links, built.world)

        async def stop() -> None:
            await built.parts.services.openbis.aclose()
            await built.parts.services.omero.aclose()
            await built.parts.database.dispose()
            await database.dispose()

        return replace(built.parts, services=services, start=start, stop=stop)

    def run(self, *arguments: str, user: str = "oncology", stdin: str | None = None) -> Result:
        given = ["cohort", *arguments, "--user", user]
        environment = {"OMNIBIS_PASSWORD": "demo"}
        return CliRunner().invoke(app, given, env=environment, obj=self.open_parts, input=stdin)

    def json(self, *arguments: str, user: str = "oncology", code: int = 0) -> Any:
        result = self.run(*arguments, "--json", user=user)
        assert result.exit_code == code, result.output
        return orjson.loads(result.stdout)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def frozen(desk: Desk) -> dict[str, Any]:
    made = desk.json("freeze", WOMEN, "--name", "women", "--description", "for a test")
    snapshot: dict[str, Any] = made["snapshot"]
    assert made["rows"] == 23 * made["members"] == snapshot["rows"]
    return snapshot


def test_members_are_counted(desk: Desk, frozen: dict[str, Any]) -> None:
    result = desk.run("count", WOMEN)
    assert (result.exit_code, result.stdout) == (0, f"{frozen['members']}\n")
    assert desk.json("count", WOMEN, "--unit", "sample")["complete"] is True


def test_a_filter_comes_from_a_file_or_from_standard_input(
    desk: Desk, frozen: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "women.graphql"
    file.write_text(WOMEN, encoding="utf-8")
    assert desk.run("count", f"@{file}").stdout == f"{frozen['members']}\n"
    assert desk.run("count", "-", stdin=frozen["question"]).stdout == f"{frozen['members']}\n"


def test_what_was_frozen_is_listed(desk: Desk, frozen: dict[str, Any]) -> None:
    (listed,) = desk.json("list", "--name", "women")
    assert listed == frozen
    assert desk.json("list", user="steward") == []
    table = desk.run("list").stdout
    assert frozen["digest"] in table


def test_what_was_frozen_is_verified_and_unchanged(desk: Desk, frozen: dict[str, Any]) -> None:
    number = str(frozen["number"])
    assert desk.json("verify", number) == {
        "digest": frozen["digest"],
        "intact": True,
        "members": True,
        "rows": True,
    }
    found = desk.json("diff", number)
    assert (found["changes"], found["counts"]) == ([], {})
    assert found["membersBefore"] == found["membersNow"] == frozen["members"]


def test_rows_that_are_not_as_frozen_end_with_1(desk: Desk, frozen: dict[str, Any]) -> None:
    (rows,) = (desk.folder / "snapshots" / "rows").iterdir()
    content = rows.read_bytes()
    rows.write_bytes(content.replace(b"FEMALE", b"MALE", 1))
    try:
        result = desk.run("verify", str(frozen["number"]))
        assert result.exit_code == 1
        assert "NOT as frozen" in result.stdout
        refused = desk.run("export", str(frozen["number"]), "--to", str(desk.folder))
        assert refused.exit_code == 2
        assert "not those that were frozen" in refused.stderr
        assert not (desk.folder / "cohort.parquet").exists()
    finally:
        rows.write_bytes(content)


@pytest.mark.parametrize("format_", ["parquet", "csv", "json_lines", "croissant", "ro-crate"])
def test_each_format_is_written_whole(
    desk: Desk, frozen: dict[str, Any], tmp_path: Path, format_: str
) -> None:
    given = ("--format", format_, "--to", str(tmp_path), "--part", "train:0.8", "--part", "test:.2")
    written = desk.json("export", str(frozen["number"]), *given)
    assert len(written) == len(list(tmp_path.iterdir())) == (2 if format_ == "croissant" else 1)
    for each in written:
        content = Path(each["file"]).read_bytes()
        assert len(content) == each["bytes"]
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
    if format_ == "csv":
        text = (tmp_path / "cohort.csv").read_bytes().decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == frozen["rows"]
        assert {row["split"] for row in rows} == {"train", "test"}
    if format_ == "parquet":
        assert pq.read_metadata(tmp_path / "cohort.parquet").num_rows == frozen["rows"]


def test_a_split_is_told_with_each_members_part(desk: Desk, frozen: dict[str, Any]) -> None:
    parts = ("--part", "train:0.5", "--part", "test:0.5", "--stratify-by", "Q_DIAGNOSIS")
    told = desk.json("split", str(frozen["number"]), *parts)
    assert len(told["assigned"]) == frozen["members"]
    sizes = [part["subjects"] for part in told["parts"]]
    assert sum(sizes) == frozen["members"]
    assert abs(sizes[0] - sizes[1]) <= 3  # three diagnoses
    assert desk.json("split", str(frozen["number"]), *parts) == told
    other = desk.json("split", str(frozen["number"]), *parts, "--salt", "x")
    assert other["assigned"] != told["assigned"]
    assert "train" in desk.run("split", str(frozen["number"]), *parts).stdout


def test_a_dry_run_keeps_nothing(desk: Desk) -> None:
    made = desk.json("freeze", WOMEN, "--name", "dry", "--dry-run")
    assert made["snapshot"] is None
    assert desk.json("list", "--name", "dry") == []


def test_nothing_is_frozen_while_omero_is_down(desk: Desk) -> None:
    desk.without = ("omero",)
    try:
        result = desk.run("freeze", WOMEN, "--name", "half")
        assert result.exit_code == 2
        assert "OMERO" in result.stderr
        count = desk.run("count", '{project: {code: {eq: "QCLIN"}}, has: {image: {}}}')
        assert count.exit_code == 1
        assert "incomplete" in count.stderr
    finally:
        desk.without = ()
    assert desk.json("list", "--name", "half") == []


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("count", "{projekt: {}}"), "Did you mean 'project'?"),
        (("count", "{project: {code: {eq: 5}}}"), "project.code.eq: String cannot represent"),
        (("count", '{"project": '), "neither a GraphQL value nor JSON"),
        (("count", "null"), "Give a filter"),
        (("count", "@/no/such/file"), "cannot be read"),
        (("count", "{}", "--unit", "PLANET"), "--unit takes SUBJECT, SAMPLE"),
        (("freeze", '{project: {code: {eq: "X"}}}', "--name", "x"), "No member matches"),
        (("export", "1", "--format", "xlsx"), "--format takes PARQUET"),
        (("export", "1", "--to", "/no/such/folder"), "there is no folder"),
        (("export", "999"), "no such cohort snapshot"),
        (("export", "1", "--part", "train:2"), "at most 1"),
        (("split", "1"), "--part train:0.8"),
        (("split", "1", "--part", "a:1", "--stratify-by", "Q_NOPE"), "Q_GENDER"),
        (("delete", "1"), "give --yes"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_sentence(
    desk: Desk, frozen: dict[str, Any], arguments: tuple[str, ...], advice: str
) -> None:
    assert frozen["number"] == 1
    result = desk.run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("omnibis: ")
    assert advice in result.stderr
    assert "Traceback" not in result.stderr


def test_others_get_nothing(desk: Desk, frozen: dict[str, Any]) -> None:
    number = str(frozen["number"])
    for user, advice in (("plant", "no such cohort snapshot"), ("genomics", "may not see all")):
        for command in ("export", "verify", "diff"):
            result = desk.run(command, number, user=user)
            assert (result.exit_code, result.stdout) == (2, "")
            assert advice in result.stderr


def test_what_was_frozen_is_deleted_with_its_files(desk: Desk) -> None:
    number = str(desk.json("freeze", WOMEN, "--name", "short-lived")["snapshot"]["number"])
    refused = desk.run("delete", number, "--yes", user="genomics")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert desk.run("delete", number, "--yes").exit_code == 0
    assert desk.json("list", "--name", "short-lived") == []
    assert desk.json("verify", "1")["intact"] is True  # the same rows, frozen by another name
