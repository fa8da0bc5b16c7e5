"""The unmodified `omero` command line against the embedded OMERO."""

from __future__ import annotations

from collections.abc import Callable

from backends.demo.world import World

Command = Callable[..., str]

NO_OBJECT = 78  # the exit code of `obj get` for an object that is not there


def test_a_query_prints_the_rows_that_are_there(command: Command, world: World) -> None:
    printed = command(
        "hql", "-q", "--all", "--style", "csv", "select p.id, p.name from Project p order by p.id"
    )
    projects = [f"{row['id']},{row['name']}" for row in world.omero.rows["Project"]]
    assert [
        line.partition(",")[2] for line in printed.splitlines() if line[:1].isdigit()
    ] == projects


def test_a_query_prints_whole_objects(command: Command) -> None:
    printed = command(
        "hql", "-q", "--all", "--style", "csv", "select d from Dataset d where d.id = 1"
    )
    assert "DatasetI,1,owner=3;group=3" in printed


def test_objects_are_made_read_changed_linked_and_deleted(command: Command) -> None:
    dataset = command("obj", "new", "Dataset", "name=from the command line").strip()
    assert command("obj", "update", dataset, "description=changed").strip() == dataset
    shown = command("obj", "get", dataset)
    assert "name=from the command line" in shown
    assert "description=changed" in shown
    assert "version=1" in shown
    link = command("obj", "new", "ProjectDatasetLink", "parent=Project:1", f"child={dataset}")
    assert dataset in command("delete", dataset, "--dry-run", "--report")
    report = command("delete", dataset, "--report")
    assert link.strip() in report
    assert dataset in report
    command("obj", "get", dataset, code=NO_OBJECT)


def test_key_values_are_kept_in_their_order(command: Command) -> None:
    annotation = command("obj", "new", "MapAnnotation", "ns=omnibis/test").strip()
    command("obj", "map-set", annotation, "mapValue", "stain", "H&E")
    assert command("obj", "list-get", annotation, "mapValue", "0").strip() == "(stain,H&E)"


def test_users_and_groups_are_listed(command: Command) -> None:
    users = command("user", "list", "--style", "csv")
    assert "2,steward,Dana,Stewart" in users
    groups = command("group", "list", "--style", "csv")
    assert "3,plant-biology,rwr---" in groups
