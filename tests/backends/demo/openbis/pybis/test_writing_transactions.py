"""pybis' transactions: many entities of a kind in one call, all or none of them."""

from __future__ import annotations

from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import Installation, saved


@pytest.fixture(scope="module", autouse=True)
def space(w: Openbis) -> str:
    return str(saved(w.new_space(code="BATCH")).code)


def new(w: Openbis, code: str, **props: Any) -> Any:
    return w.new_sample("Q_BIOLOGICAL_SAMPLE", code=code, space="BATCH", props=props)


def test_many_samples_in_one_call(w: Openbis, writing: Installation, space: str) -> None:
    samples = [new(w, f"MANY_{number}", q_secondary_name=str(number)) for number in range(25)]
    transaction = w.new_transaction(*samples)
    calls = writing.calls(transaction.commit)
    assert calls.count("createSamples") == 1
    assert len(calls) <= 2
    assert [each.is_new for each in samples] == [False] * 25
    assert len({each.permId for each in samples}) == 25
    found = w.get_samples(space=space, props=["Q_SECONDARY_NAME"], where={"Q_SECONDARY_NAME": "*"})
    names = dict(zip(found.df["permId"], found.df["Q_SECONDARY_NAME"], strict=True))
    assert {
        each.permId: str(number) for number, each in enumerate(samples)
    }.items() <= names.items()


def test_relatives_in_one_call(w: Openbis) -> None:
    parent, child = saved(new(w, "PARENT")), saved(new(w, "CHILD"))
    between = [new(w, "BETWEEN_1"), new(w, "BETWEEN_2")]
    for each in between:
        each.parents = parent.identifier
        each.children = [child]
    w.new_transaction(*between).commit()
    wanted = {each.permId for each in between}
    assert set(w.get_samples(withParents=parent.identifier).df["permId"]) == wanted
    assert set(w.get_samples(withChildren=child.identifier).df["permId"]) == wanted


def test_one_wrong_sample_spoils_the_call(w: Openbis, space: str) -> None:
    new(w, "TAKEN").save()
    before = w.get_samples(space=space).totalCount
    transaction = w.new_transaction(new(w, "GOOD"), new(w, "TAKEN"), new(w, "ALSO_GOOD"))
    with pytest.raises(ValueError, match="already exists"):
        transaction.commit()
    assert w.get_samples(space=space).totalCount == before
    assert w.get_samples(code=["GOOD", "ALSO_GOOD"]).totalCount == 0


def test_changes_and_deletions_in_one_commit(w: Openbis, writing: Installation) -> None:
    changed, doomed = saved(new(w, "CHANGED")), saved(new(w, "DOOMED"))
    changed.props.q_secondary_name = "new words"
    doomed.mark_to_be_deleted()
    transaction = w.new_transaction(changed, doomed, new(w, "BORN"))
    transaction.reason = "tidy up"
    calls = writing.calls(transaction.commit)
    assert sorted(set(calls) - {"getServerInformation"}) == [
        "createSamples",
        "deleteSamples",
        "updateSamples",
    ]
    assert w.get_sample(changed.permId).props.q_secondary_name == "new words"
    assert w.get_samples(code=["BORN", "DOOMED"]).df["identifier"].tolist() == ["/BATCH/BORN"]


def test_several_kinds_are_several_calls(w: Openbis, space: str) -> None:
    """Not one transaction on the server: what came first stays, whatever comes then."""
    project = saved(w.new_project(space, "OF_BATCH"))
    experiment = w.new_experiment("UNKNOWN", "E1", project)
    transaction = w.new_transaction(experiment, new(w, "TAKEN"))
    with pytest.raises(ValueError, match="already exists"):
        transaction.commit()
    assert w.get_experiments(project=project.identifier).totalCount == 1


def test_new_data_sets_are_refused_by_pybis(w: Openbis) -> None:
    sample = saved(new(w, "WITH_DATA"))
    data_set = w.new_dataset("RAW_DATA", kind="CONTAINER", sample=sample)
    with pytest.raises(ValueError, match="does not support transactions for new dataSets"):
        w.new_transaction(data_set)
