"""`omnibis register …`: each command a process's worth of its own, over systems that stay."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from api.app import Parts
from api.cli import app
from api.registrations import with_operations
from api.settings import Settings
from backends.demo.study import build_world
from resolvers.workflows.pace import Pace
from tests.institute import Institute, opened

SHEET = """name\tlevel\tparents\tspecies\ttissue\tfactor: sex
P1\tentity\t\tHomo sapiens\t\tfemale
B1\tbiological sample\tP1\t\tLiver\t
B2\tbiological sample\tP1\t\tLiver\t
"""


class Desk:
    """A terminal at the demonstration's institute, without its links; what is written stays."""

    def __init__(self, institute: Institute, folder: Path) -> None:
        self.institute = institute
        self.folder = folder
        self.passed: Callable[[str], None] = lambda _name: None

    def open_parts(self, settings: Settings) -> Parts:
        parts = self.institute.parts(settings)
        services, operations = with_operations(
            parts.services,
            settings,
            parts.database,
            pace=Pace(settle=0.1, poll=0.1),
            pass_point=self.passed,
        )

        async def start() -> None:
            await parts.start()
            await operations.start()

        async def stop() -> None:
            await operations.stop()
            await parts.stop()

        return replace(parts, services=services, start=start, stop=stop)

    def run(self, *arguments: str, user: str = "steward", **environment: str | None) -> Result:
        return CliRunner().invoke(
            app,
            ["register", *arguments, "--user", user],
            env={"OMNIBIS_PASSWORD": "demo", "COLUMNS": "200", **environment},
            obj=self.open_parts,
        )

    def json(self, *arguments: str, code: int = 0) -> Any:
        told = self.run(*arguments, "--json")
        assert told.exit_code == code, told.output
        return orjson.loads(told.stdout)

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def project(self, code: str, *, sheet: str | None = SHEET) -> str:
        """A project with the sheet's samples."""
        made = self.json("project", "CLINICAL", code)
        assert made["operation"]["state"] == "SUCCEEDED"
        if sheet is not None:
            given = self.file(f"{code}.tsv", sheet)
            assert self.json("design", code, "--sheet", given)["preview"]["faults"] == []
        return code

    def contents(self) -> tuple[frozenset[str], ...]:
        """What there is in both systems, by its kind."""
        catalog = self.institute._openbis.state.api.catalog
        tables = (catalog.projects, catalog.experiments, catalog.samples, catalog.data_sets)
        return (*(frozenset(each.rows) for each in tables), frozenset(self.datasets()))

    def datasets(self) -> dict[str, set[int]]:
        """The images in each of OMERO's datasets, by the datasets' names and ids."""

        async def look() -> dict[str, set[int]]:
            async with self.institute.context() as context:
                transport = context.services.omero._transport
                session = context.omero_session()
                names = await transport.projection(
                    session, "select d.id, d.name from Dataset d", {}
                )
                hql = "select l.parent.id, l.child.id from DatasetImageLink l"
                found: dict[int, set[int]] = {number: set() for number, _ in names}
                for dataset, image in await transport.projection(session, hql, {}):
                    found[dataset].add(image)
                return {f"{name} {number}": found[number] for number, name in names}

        return asyncio.run(look())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with opened(build_world(1), folder) as institute:
        yield Desk(institute, folder)


def test_a_project_is_looked_at_registered_and_refused_the_second_time(desk: Desk) -> None:
    before = desk.contents()
    dry = desk.run("project", "CLINICAL", "QREGA", "--description", "Red", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "")
    assert dry.stderr == "omnibis: nothing was written; leave --dry-run out to do it.\n"
    assert desk.contents() == before
    assert desk.json("project", "CLINICAL", "QREGA", "--dry-run") == {
        "preview": None,
        "operation": None,
    }
    done = desk.run("project", "CLINICAL", "QREGA", "--description", "Red", "--key", "red")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.startswith("omnibis: Create project /CLINICAL/QREGA: succeeded (operation ")
    assert len(desk.contents()[0]) == len(before[0]) + 1
    again = desk.json(
        "project", "CLINICAL", "QREGA", "--description", "Red", "--key", "red"
    )  # once
    assert again["operation"]["id"] in done.stderr
    other = desk.run("project", "CLINICAL", "QREGA")
    assert (other.exit_code, other.stdout) == (2, "")
    assert "has a project /CLINICAL/QREGA already" in other.stderr


def test_a_design_is_looked_at_and_registered_once(desk: Desk) -> None:
    project = desk.project("QREGB", sheet=None)
    sheet = desk.file("good.tsv", SHEET)
    command = ("design", project, "--sheet", sheet, "--image-datasets", "biological sample")
    before = desk.contents()
    dry = desk.run(*command, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    assert [line.split()[:2] for line in dry.stdout.splitlines()[1:]] == [
        ["Q_BIOLOGICAL_ENTITY", "1"],
        ["Q_BIOLOGICAL_SAMPLE", "2"],
    ]
    seen = desk.json(*command, "--dry-run")
    assert (seen["operation"], seen["preview"]["imageDatasets"]) == (None, 2)
    assert desk.contents() == before
    done = desk.json(*command, "--key", "b")
    assert done["operation"]["state"] == "SUCCEEDED"
    assert done["operation"]["outcome"]["counts"]["samples"] == 3
    after = desk.contents()
    foreseen = {each["code"] for each in seen["preview"]["samples"]}
    catalog = desk.institute._openbis.state.api.catalog
    new = {catalog.samples.rows[perm_id].code for perm_id in after[2] - before[2]}
    assert foreseen <= new  # and what tells of the design itself
    assert len(after[4] - before[4]) == 2
    again = desk.json(*command, "--key", "b")
    assert (again["operation"]["id"], again["preview"]) == (done["operation"]["id"], None)
    assert desk.contents() == after
    changed = desk.run("design", project, "--sheet", sheet, "--key", "b")
    assert changed.exit_code == 2
    assert "key was used for another request" in changed.stderr


def test_every_fault_of_a_sheet_is_told_with_its_place_and_nothing_is_written(desk: Desk) -> None:
    project = desk.project("QREGC", sheet=None)
    rows = ("B3\tbiological sample\tP9\t\tLiverr\t", "B1\ttest sampel\t\t\t\t", "\tentity\t\t\t\t")
    sheet = desk.file("bad.tsv", SHEET.replace("Homo sapiens", "Homo sapien") + "\n".join(rows))
    places = [(2, "species"), (5, "parents"), (5, "tissue"), (6, "level"), (7, "name")]
    before = desk.contents()
    for dry in ((), ("--dry-run",)):
        told = desk.json("design", project, "--sheet", sheet, *dry, code=1)
        assert told["operation"] is None
        faults = told["preview"]["faults"]
        assert [(each["line"], each["column"]) for each in faults] == places
        assert all(each["message"] for each in faults)
    text = desk.run("design", project, "--sheet", sheet)
    assert text.exit_code == 1
    lines = text.stdout.splitlines()
    listed = lines[next(n for n, line in enumerate(lines) if line.split()[:1] == ["line"]) + 1 :]
    assert [(int(line.split()[0]), line.split()[1]) for line in listed] == places
    assert "'Homo sapien' is no term of" in text.stderr
    assert "Homo sapiens" in text.stderr
    assert desk.contents() == before


def test_images_by_their_ids(desk: Desk) -> None:
    project = desk.project("QREGD")
    sheet = desk.file("images.csv", "sample,image id,tags,Stain\nB1,1,new,H&E\nB1,2,,\nB2,3,,\n")
    before, seen = desk.contents(), desk.datasets()
    dry = desk.run("images", project, "--sheet", sheet, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    assert dry.stdout.splitlines()[1].split() == ["3", "0", "2", "2", "run-sample"]
    assert "nothing was written" in dry.stderr
    assert (desk.contents(), desk.datasets()) == (before, seen)
    done = desk.json("images", project, "--sheet", sheet)
    assert done["preview"]["newImageDatasets"] == 2
    counts = done["operation"]["outcome"]["counts"]
    assert (counts["images"], counts["records"], counts["tags"]) == (3, 2, 1)
    new = {name: ids for name, ids in desk.datasets().items() if name not in seen}
    assert sorted(map(sorted, new.values())) == [[1, 2], [3]]
    bad = desk.file("bad.csv", "sample,image id\nB9,1\nB1,999999\nB2,one\n")
    before = desk.contents()
    told = desk.json("images", project, "--sheet", bad, code=1)
    places = [(each["line"], each["column"]) for each in told["preview"]["faults"]]
    assert places == [(2, "sample"), (3, "image id"), (4, "image id")]
    assert desk.contents() == before


def test_omics_data_with_their_lineage(desk: Desk) -> None:
    project = desk.project("QREGE")
    head = "sample,type,system,external code,name,parents\n"
    rows = "B1,Q_NGS_RAW_DATA,OMERO,raw,Reads,\nB1,Q_NGS_RAW_DATA,OMERO,made,Result,raw\n"
    sheet = desk.file("omics.csv", head + rows)
    before = desk.contents()
    dry = desk.run("omics", project, "--sheet", sheet, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    assert dry.stdout.splitlines()[1].split() == ["2", "1", "1"]
    assert desk.contents() == before
    done = desk.json("omics", project, "--sheet", sheet)
    assert done["operation"]["state"] == "SUCCEEDED"
    after = desk.contents()
    catalog = desk.institute._openbis.state.api.catalog
    made = [catalog.data_sets.rows[each] for each in after[3] - before[3]]
    assert sorted(len(each.parents) for each in made) == [0, 1]
    bad = desk.file("bad omics.csv", head + "B9,Q_NGS_RAW_DATA,OMERO,x,,\nB1,Q_NGS,OMERRO,y,,z\n")
    told = desk.json("omics", project, "--sheet", bad, code=1)
    places = {(each["line"], each["column"]) for each in told["preview"]["faults"]}
    assert places >= {(2, "sample"), (3, "type"), (3, "system"), (3, "parents")}
    assert desk.contents() == after


def test_an_interrupted_command_goes_on_with_the_same_key(desk: Desk) -> None:
    def interrupt(name: str) -> None:
        if name == "REGISTER_DESIGN/samples 1/begin":
            signal.raise_signal(signal.SIGINT)

    project = desk.project("QREGF", sheet=None)
    command = ("design", project, "--sheet", desk.file("f.tsv", SHEET), "--key", "f")
    desk.passed = interrupt
    # As at a terminal: a run in the background ignores Ctrl+C from its start.
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cut = desk.run(*command)
    finally:
        signal.signal(signal.SIGINT, found)
        desk.passed = lambda _name: None
    assert cut.exit_code not in {0, 2}
    assert "Traceback" not in cut.output
    before = len(desk.contents()[2])
    done = desk.json(*command)
    assert done["operation"]["state"] == "SUCCEEDED"
    assert done["operation"]["outcome"]["counts"]["samples"] == 3
    assert 3 <= len(desk.contents()[2]) - before <= 4  # with the design's own


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["project", "NOSPACE", "QREGZ"], "may not create projects in this space"),
        (["project", "CLINICAL", "no code"], "project's code has 1 to 60"),
        (["design", "QNONE", "--sheet", "{sheet}"], "There is no such project"),
        (
            ["design", "QCLIN", "--sheet", "{sheet}", "--image-datasets", "cell"],
            "'cell' is no level",
        ),
        (["design", "QCLIN", "--sheet", "{sheet}", "--mapping", "{latin}"], "is not UTF-8"),
        (["images", "QNONE", "--sheet", "{images}"], "There is no such project"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    desk: Desk, arguments: list[str], advice: str
) -> None:
    files = {
        "sheet": desk.file("good.tsv", SHEET),
        "images": desk.file("one.csv", "sample,image id\nB1,1\n"),
        "latin": str(desk.folder / "latin.toml"),
    }
    Path(files["latin"]).write_bytes("# Größe".encode("latin-1"))
    stopped = desk.run(*(each.format(**files) for each in arguments))
    assert (stopped.exit_code, stopped.stdout) == (2, ""), stopped.output
    assert stopped.stderr.startswith("omnibis: ")
    assert len(stopped.stderr.splitlines()) == 1
    assert advice in stopped.stderr


@pytest.mark.parametrize(
    ("kind", "header"),
    [("images", "sample,image id"), ("omics", "sample,type,system,external code")],
)
def test_a_sheet_without_rows_is_a_fault(desk: Desk, kind: str, header: str) -> None:
    told = desk.json(kind, "QCLIN", "--sheet", desk.file("none.csv", header + "\n"), code=1)
    assert told["operation"] is None
    (fault,) = told["preview"]["faults"]
    assert "no rows" in fault["message"]


def test_without_a_password_or_a_sheet_nothing_is_begun(desk: Desk) -> None:
    stopped = desk.run("project", "CLINICAL", "QREGZ", OMNIBIS_PASSWORD=None)
    assert (stopped.exit_code, stopped.stdout) == (2, "")
    assert stopped.stderr == (
        "omnibis: the password of steward is missing: set OMNIBIS_PASSWORD, "
        "or give --password-file.\n"
    )
    wrong = desk.run("project", "CLINICAL", "QREGZ", OMNIBIS_PASSWORD="hunter2")
    assert (wrong.exit_code, len(wrong.stderr.splitlines())) == (2, 1)
    assert "hunter2" not in wrong.output
    missing = desk.run("design", "QCLIN", "--sheet", str(desk.folder / "absent.csv"))
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr


def test_who_may_not_write_is_told_so(desk: Desk) -> None:
    sheet = desk.file("good.tsv", SHEET)
    before = desk.contents()
    stopped = desk.run("design", "QCLIN", "--sheet", sheet, user="plant")
    assert (stopped.exit_code, len(stopped.stderr.splitlines())) == (2, 1)
    assert desk.contents() == before


def test_a_system_that_is_down_ends_a_command_with_a_sentence(desk: Desk) -> None:
    desk.institute.faults["openbis"].off = True
    try:
        stopped = desk.run("project", "CLINICAL", "QREGZ")
    finally:
        desk.institute.faults["openbis"].off = False
    assert stopped.exit_code == 2
    assert "openBIS" in stopped.stderr
    assert "Traceback" not in stopped.output
