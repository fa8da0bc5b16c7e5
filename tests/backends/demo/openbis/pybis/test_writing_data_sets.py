"""Data sets that pybis registers through the application server: links and containers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import saved

RUN = "/CLINICAL/NGSQCLIN392AR"


@pytest.fixture(scope="module", autouse=True)
def _repository(w: Openbis) -> None:
    w.create_external_data_management_system(
        "GIT", "A repository", "git.example:/srv/git", "FILE_SYSTEM"
    )


def test_a_new_external_system(w: Openbis) -> None:
    found = w.get_external_data_management_system("GIT")
    assert (found.code, found.label, found.address, found.addressType) == (
        "GIT",
        "A repository",
        "git.example:/srv/git",
        "FILE_SYSTEM",
    )
    assert set(w.get_external_data_management_systems().df["code"]) == {"GIT", "OMERO"}


def linked(w: Openbis, path: str, **more: Any) -> Any:
    return w.new_git_data_set("UNKNOWN", path, "c0ffee", "repository-1", "GIT", **more)


def test_a_linked_data_set(w: Openbis) -> None:
    made = linked(w, "/srv/git/one", sample=RUN, properties={"$NAME": "by link"})
    assert re.fullmatch("[0-9]{17}-[0-9]+", made.permId)
    assert (made.kind, made.type.code, made.sample.identifier) == ("LINK", "UNKNOWN", RUN)
    assert made.props["$name"] == "by link"
    (copy,) = made.data["linkedData"]["contentCopies"]
    assert (copy["path"], copy["gitCommitHash"], copy["gitRepositoryId"]) == (
        "/srv/git/one",
        "c0ffee",
        "repository-1",
    )
    assert made.permId in set(w.get_sample(RUN).get_datasets().df["permId"])


def test_content_copies_come_and_go(w: Openbis) -> None:
    made = linked(w, "/srv/git/two", sample=RUN)
    w.new_content_copy("/mirror/two", "c0ffee", "repository-1", "GIT", made.permId)
    copies = w.get_dataset(made.permId).data["linkedData"]["contentCopies"]
    assert sorted(copy["path"] for copy in copies) == ["/mirror/two", "/srv/git/two"]
    mirror = next(copy for copy in copies if copy["path"] == "/mirror/two")
    mirror["id"].pop("@id")
    w.delete_content_copy(made.permId, mirror)
    copies = w.get_dataset(made.permId).data["linkedData"]["contentCopies"]
    assert [copy["path"] for copy in copies] == ["/srv/git/two"]


def test_parents_of_linked_data_sets(w: Openbis) -> None:
    parent = linked(w, "/srv/git/parent", sample=RUN)
    child = linked(
        w, "/srv/git/child", sample=RUN, parents=[parent.permId], data_set_code="CHILD-1"
    )
    assert child.permId == "CHILD-1"
    assert child.parents == [parent.permId]
    assert list(w.get_datasets(withParents=parent.permId).df["permId"]) == ["CHILD-1"]
    assert w.get_dataset(parent.permId).children == ["CHILD-1"]


def test_a_container(w: Openbis) -> None:
    first, second = linked(w, "/srv/git/a", sample=RUN), linked(w, "/srv/git/b", sample=RUN)
    made = saved(
        w.new_dataset(
            "UNKNOWN",
            kind="CONTAINER",
            sample=RUN,
            components=[first.permId, second.permId],
            props={"$name": "both"},
        )
    )
    found = w.get_dataset(made.permId)
    assert (found.kind, found.props["$name"]) == ("CONTAINER", "both")
    assert set(found.components) == {first.permId, second.permId}
    assert w.get_dataset(first.permId).containers == [made.permId]
    found.set_components([second.permId])
    found.save()
    assert w.get_dataset(made.permId).components == [second.permId]
    assert w.get_dataset(first.permId).containers == []


def test_a_data_set_changes(w: Openbis) -> None:
    made = linked(w, "/srv/git/changing", sample=RUN)
    made.props["$name"] = "new words"
    made.save()
    assert w.get_dataset(made.permId).props["$name"] == "new words"
    made = w.get_dataset(made.permId)
    made.props["$name"] = None
    made.sample = "/CLINICAL/QCLIN392AR"
    made.save()
    again = w.get_dataset(made.permId)
    assert again.props["$name"] is None
    assert again.sample.identifier == "/CLINICAL/QCLIN392AR"


def test_a_data_set_needs_a_place(w: Openbis) -> None:
    with pytest.raises(ValueError, match="must be either connected to a Sample or an Experiment"):
        w.new_dataset("UNKNOWN", kind="CONTAINER").save()
    with pytest.raises(ValueError):  # noqa: PT011 - this time it is the server that says so
        linked(w, "/srv/git/nowhere")
    in_experiment = linked(w, "/srv/git/there", experiment="/CLINICAL/QCLIN/QCLINE4")
    assert in_experiment.experiment.code == "QCLINE4"
    assert in_experiment.sample is None


def test_a_linked_data_set_goes(w: Openbis) -> None:
    made = linked(w, "/srv/git/gone", sample=RUN)
    made.delete("by test", permanently=True)
    with pytest.raises(ValueError, match="no such dataset found"):
        w.get_dataset(made.permId)


def test_archiving_is_refused_rather_than_promised(w: Openbis) -> None:
    data_set = w.get_dataset("20210429073031480-853")
    with pytest.raises(ValueError, match="archives nothing"):
        data_set.request_archiving()
    data_set.revoke_request_archiving()
    physical = w.get_dataset(data_set.permId).physicalData
    assert (physical.status, physical.archivingRequested) == ("AVAILABLE", False)
