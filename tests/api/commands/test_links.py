from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.institute import Institute, Study, add_study, nobody_home, opened


class Desk:
    """A terminal at an institute of two studies that are linked by names."""

    def __init__(self, institute: Institute, study: Study, other: Study) -> None:
        self.institute = institute
        self.study, self.other = study, other

    def omnibis(self, *arguments: str, user: str = "steward") -> Result:
        return CliRunner().invoke(
            app,
            ["links", *arguments, "--user", user],
            env={"OMNIBIS_PASSWORD": "demo", "COLUMNS": "200"},
            obj=self.institute.parts,
        )

    def lines(self, *arguments: str, user: str = "steward") -> tuple[int, list[Any]]:
        told = self.omnibis(*arguments, "--json", user=user)
        assert told.exit_code in {0, 1}, told.stderr
        return told.exit_code, [orjson.loads(line) for line in told.stdout.splitlines()]

    def summary(self, *arguments: str) -> tuple[int, Any]:
        code, lines = self.lines(*arguments)
        return code, lines[-1]

    def forget(self) -> None:
        """Lose the link database."""
        for file in self.institute.database.parent.glob("links.sqlite*"):
            file.unlink()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    world = nobody_home()
    study, other = add_study(world, "QAAAA", 3), add_study(world, "QBBBB", 2)
    with opened(world, tmp_path) as institute:
        yield Desk(institute, study, other)


def test_an_institute_is_adopted_audited_lost_and_rebuilt(desk: Desk) -> None:
    dry = desk.omnibis("discover", "--dry-run")
    assert (dry.exit_code, dry.stderr) == (0, "")
    assert dry.stdout.splitlines()[-1] == "7 would be linked, 0 refused, 0 ambiguous."
    assert desk.summary("discover")[1]["linked"] == 7
    assert desk.summary("discover")[1]["proposed"] == 0
    audit = desk.omnibis("audit")
    assert (audit.exit_code, audit.stdout) == (
        0,
        "Nothing is wrong; looked at 5 samples, 5 datasets, 7 links.\n",
    )
    code, whole = desk.summary("rebuild")
    assert (code, whole["restored"], whole["unchanged"]) == (0, 0, 7 + 5)  # properties, too
    desk.forget()
    assert desk.summary("audit")[0] == 1
    code, whole = desk.summary("rebuild")
    assert (code, whole["restored"], whole["differences"], whole["refused"]) == (0, 7, 0, 0)
    assert desk.omnibis("audit").exit_code == 0


def test_what_differs_is_told_by_rebuild(desk: Desk) -> None:
    desk.lines("discover")
    sample, dataset = desk.study.samples[0], desk.study.datasets[0]
    unlinked = desk.omnibis("unlink", "--sample", sample.perm_id)
    assert (unlinked.exit_code, unlinked.stdout.splitlines()[0]) == (0, "It is unlinked.")
    other = desk.study.samples[1]
    moved = desk.omnibis("move", "--sample", other.perm_id, "--to-image-dataset", str(dataset))
    assert moved.exit_code == 0, moved.stderr
    store = desk.institute.store
    assert store is not None
    code, lines = desk.lines("rebuild")
    assert (code, lines[-1]["differences"]) == (0, 0), "a move moves its notes along"


def test_links_go_out_and_come_back_whole(desk: Desk, tmp_path: Path) -> None:
    desk.lines("discover")
    sample = desk.study.samples[0].perm_id
    desk.omnibis("unlink", "--sample", sample)
    desk.omnibis("link", "--sample", sample, "--image-dataset", str(desk.study.datasets[0]))
    file, again = tmp_path / "links.jsonl", tmp_path / "again.jsonl"
    told = desk.omnibis("export", str(file))
    assert (told.exit_code, told.stderr) == (0, "omnibis: 8 links are written.\n")
    unchanged = desk.omnibis("import", str(file))
    assert unchanged.exit_code == 0, unchanged.stdout
    desk.forget()
    assert desk.omnibis("import", str(file), "--dry-run").stdout.startswith("9 lines good")
    assert desk.omnibis("import", str(file)).stdout.startswith("9 lines written")
    assert desk.omnibis("export", str(again)).exit_code == 0
    first, second = ([*each.read_text().splitlines()] for each in (file, again))
    assert first[1:] == second[1:]
    assert desk.omnibis("audit").exit_code == 0
    to_pipe = desk.omnibis("export")
    assert to_pipe.stdout.splitlines()[1:] == first[1:]
    hidden = desk.omnibis("export", user="oncology")
    assert (hidden.exit_code, hidden.stdout) == (2, "")
    assert "may export all links" in hidden.stderr


def test_a_file_with_faults_is_refused_whole_and_each_line_told(desk: Desk, tmp_path: Path) -> None:
    study, other = desk.study, desk.other

    def project(one: Study) -> dict[str, Any]:
        return {"kind": "PROJECT", "openbisPermId": one.perm_id, "omeroId": one.image_project}

    def sample(one: Study, number: int, **other_: Any) -> dict[str, Any]:
        return {
            "kind": "SAMPLE",
            "openbisPermId": one.samples[number].perm_id,
            "omeroId": one.datasets[number],
            "projectPermId": one.perm_id,
            **other_,
        }

    lines = [
        project(study),
        project(other),
        sample(study, 0),
        sample(study, 1, omeroId=999_999),
        sample(study, 2, openbisPermId="20240101000000000-999"),
        {"kind": "SAMPLE", "openbisPermId": other.samples[0].perm_id},
        sample(other, 1, omeroId=study.datasets[0]),
        sample(study, 0),
        "nonsense",
    ]
    file = tmp_path / "faults.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(line) for line in lines) + b"\n{cut")
    refused = desk.omnibis("import", str(file), "--json")
    assert refused.exit_code == 1
    report = orjson.loads(refused.stdout)
    told: dict[int, set[str]] = {}
    for fault in report["faults"]:
        told.setdefault(fault["line"], set()).add(fault["code"])
    assert not report["written"]
    assert told[4] == {"NOT_FOUND"}
    assert told[5] == {"NOT_FOUND"}
    assert told[6] == {"BAD_LINE"}
    assert "CROSS_PROJECT" in told[7]
    assert "DUPLICATE" in told[8]
    assert told[9] == told[10] == {"BAD_LINE"}
    assert not {1, 2, 3} & told.keys()
    assert desk.summary("discover", "--dry-run")[1]["proposed"] == 7, "nothing is written"
    good = tmp_path / "good.jsonl"
    good.write_bytes(b"\n".join(orjson.dumps(line) for line in lines[:3]))
    plant = desk.omnibis("import", str(good), user="plant")
    assert plant.exit_code == 1
    assert plant.stdout.count("NOT_FOUND") == 6, "neither end of any line is there for this user"
    assert desk.omnibis("import", str(good)).exit_code == 0
    assert desk.omnibis("audit", "--kind", "annotation_drift").exit_code == 0, "and noted"


def test_findings_are_mended_by_their_ids_or_kinds(desk: Desk) -> None:
    desk.lines("discover")
    desk.omnibis("unlink", "--sample", desk.study.samples[0].perm_id)
    desk.omnibis("unlink", "--sample", desk.study.samples[1].perm_id)
    code, lines = desk.lines("audit")
    assert (code, lines[-1]["findings"]) == (1, {"UNLINKED_CANDIDATE": 2})
    first, second = lines[0]["id"], lines[1]["id"]
    dry = desk.omnibis("repair", first, "--dry-run")
    assert (dry.exit_code, dry.stdout.splitlines()[-1]) == (
        0,
        "1 would be mended, 0 left as they are.",
    )
    assert desk.omnibis("repair", first).exit_code == 0
    gone = desk.omnibis("repair", first)
    assert (gone.exit_code, f"there is no finding {first}" in gone.stderr) == (1, True)
    code, lines = desk.lines("audit")
    assert [each["id"] for each in lines[:-1]] == [second]
    assert desk.omnibis("repair", "--kind", "unlinked_candidate").exit_code == 0
    assert desk.omnibis("audit").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["link", "--sample", "/A/B"], "give --sample with --image-dataset"),
        (["link", "--sample", "/A/B", "--image-dataset", "x"], "is no id of a ImageDataset"),
        (["unlink"], "say which link"),
        (["unlink", "--sample", "/A/B"], "There is no such sample"),
        (["unlink", "--link", "nonsense"], "not an id of this server"),
        (["audit", "--project", "QNONE"], "There is no such project"),
        (["audit", "--kind", "ALL"], "ALL is no kind of finding; there are AMBIGUOUS_NAME"),
        (["repair"], "Say what is to be repaired"),
        (["import", "/no/such/file"], "there is no file /no/such/file"),
        (["export", "/no/such/folder/file"], "cannot be written"),
    ],
)
def test_what_can_be_mended_is_told_in_one_line(
    desk: Desk, arguments: list[str], advice: str
) -> None:
    stopped = desk.omnibis(*arguments)
    assert (stopped.exit_code, stopped.stdout) == (2, "")
    assert stopped.stderr.startswith("omnibis: ")
    assert len(stopped.stderr.splitlines()) == 1
    assert advice in stopped.stderr


def test_a_system_that_is_down_ends_a_command_with_a_sentence(desk: Desk) -> None:
    desk.institute.faults["omero"].off = True
    for command in (["discover"], ["audit"], ["rebuild"]):
        stopped = desk.omnibis(*command)
        assert stopped.exit_code == 2
        assert "OMERO" in stopped.stderr
