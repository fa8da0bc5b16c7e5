"""Deleting through pybis: into the trash and out again, or for good."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import Installation, connect, saved

_numbers = count(1)


@pytest.fixture(scope="module", autouse=True)
def project(w: Openbis) -> Any:
    w.new_space(code="TRASHED").save()
    return saved(w.new_project("TRASHED", "TRASHED"))


def sample(w: Openbis, **more: Any) -> Any:
    return saved(w.new_sample("UNKNOWN", code=f"T{next(_numbers)}", space="TRASHED", **more))


def in_trash(w: Openbis, perm_id: str) -> list[dict[str, Any]]:
    table = w.get_deletions()
    return [] if len(table) == 0 else table[table["permId"] == perm_id].to_dict("records")


def test_into_the_trash_and_back(w: Openbis) -> None:
    made = sample(w, props={"$name": "kept"})
    made.delete("by mistake")
    with pytest.raises(ValueError, match="no such sample found"):
        w.get_sample(made.permId)
    assert w.get_samples(code=made.code).totalCount == 0
    (deletion,) = in_trash(w, made.permId)
    assert deletion["reason"] == "by mistake"
    assert deletion["type"] == "as.dto.sample.id.SamplePermId"
    w.revert_deletions([deletion["deletionId"]])
    again = w.get_sample(made.permId)
    assert (again.identifier, again.props["$name"]) == (made.identifier, "kept")
    assert in_trash(w, made.permId) == []


def test_out_of_the_trash_for_good(w: Openbis) -> None:
    made = sample(w)
    made.delete("enough")
    (deletion,) = in_trash(w, made.permId)
    w.confirm_deletions([deletion["deletionId"]])
    assert in_trash(w, made.permId) == []
    with pytest.raises(ValueError, match=r"not been found|not found|does not exist"):
        w.revert_deletions([deletion["deletionId"]])
    with pytest.raises(ValueError, match="no such sample found"):
        w.get_sample(made.permId)


def test_permanently_at_once(w: Openbis) -> None:
    made = sample(w)
    made.delete("enough", permanently=True)
    assert in_trash(w, made.permId) == []
    again = saved(w.new_sample("UNKNOWN", code=made.code, space="TRASHED"))  # the code is free
    assert again.permId != made.permId


def test_lineage_comes_back_with_the_sample(w: Openbis) -> None:
    parent, child = sample(w), sample(w)
    middle = sample(w, parents=[parent], children=[child])
    middle.delete("by mistake")
    assert w.get_sample(parent.permId).children == []
    assert w.get_sample(child.permId).parents == []
    (deletion,) = in_trash(w, middle.permId)
    w.revert_deletions([deletion["deletionId"]])
    assert w.get_sample(parent.permId).children == [middle.identifier]
    assert w.get_sample(child.permId).parents == [middle.identifier]


def test_an_experiment_takes_its_samples_along(w: Openbis, project: Any) -> None:
    experiment = saved(w.new_experiment("UNKNOWN", f"E{next(_numbers)}", project))
    inside = sample(w, experiment=experiment)
    experiment.delete("all of it")
    with pytest.raises(ValueError, match="no such sample found"):
        w.get_sample(inside.permId)
    with pytest.raises(ValueError, match="No such experiment"):
        w.get_experiment(experiment.permId, use_cache=False)
    raw = w._post_request(
        w.as_v3,
        {
            "method": "searchDeletions",
            "params": [
                w.token,
                {"@type": "as.dto.deletion.search.DeletionSearchCriteria"},
                {
                    "@type": "as.dto.deletion.fetchoptions.DeletionFetchOptions",
                    "deletedObjects": {
                        "@type": "as.dto.deletion.fetchoptions.DeletedObjectFetchOptions"
                    },
                },
            ],
        },
    )  # get_deletions() breaks where one deletion holds several objects
    (deletion,) = [each for each in raw["objects"] if each["reason"] == "all of it"]
    deleted = {each["id"]["permId"] for each in deletion["deletedObjects"]}
    assert deleted >= {experiment.permId}
    w.revert_deletions([deletion["id"]["id"]])
    assert w.get_experiment(experiment.permId, use_cache=False).code == experiment.code
    assert w.get_sample(inside.permId).experiment.code == experiment.code


def test_a_reason_is_needed(w: Openbis) -> None:
    made = sample(w)
    with pytest.raises(ValueError, match=r"[Rr]eason"):
        made.delete(None)
    assert w.get_sample(made.permId).code == made.code


def test_a_data_set_into_the_trash_and_back(w: Openbis) -> None:
    run = w.get_sample("/CLINICAL/NGSQCLIN392AR")
    (data_set,) = run.get_datasets().df["permId"]
    data_set = w.get_dataset(data_set)
    data_set.delete("by mistake")
    assert run.get_datasets().totalCount == 0
    (deletion,) = in_trash(w, data_set.permId)
    w.revert_deletions([deletion["deletionId"]])
    assert list(run.get_datasets().df["permId"]) == [data_set.permId]


def test_who_may_not_delete(w: Openbis, writing: Installation) -> None:
    made = sample(w)
    w.get_person("plant").assign_role("USER", space="TRASHED")
    plant = connect(writing, "plant")
    with pytest.raises(ValueError, match=r"[Aa]uthorization failure|Access denied"):
        plant.get_sample(made.permId).delete("not mine")  # SPACE_POWER_USER may
    assert w.get_sample(made.permId).code == made.code
