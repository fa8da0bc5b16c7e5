"""Persons, groups, roles and tags written by pybis."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import Installation, connect, saved

_numbers = count(1)


def roles(holder: Any) -> set[tuple[str, str, str]]:
    table = holder.get_roles().df
    return set(zip(table["role"], table["roleLevel"], table["space"], strict=True))


def test_a_new_person(w: Openbis) -> None:
    made = saved(w.new_person("newcomer", space="CLINICAL"))
    assert (made.userId, made.permId) == ("newcomer", "newcomer")
    found = w.get_person("newcomer")
    assert found.space.code == "CLINICAL"
    assert list(w.get_persons(userId="newcomer").df["space"]) == ["CLINICAL"]
    found.space = "HEPATOLOGY"
    found.save()
    assert w.get_person("newcomer").space.code == "HEPATOLOGY"
    assert w.new_person("newcomer").permId == "newcomer"  # pybis finds the one that exists
    with pytest.raises(ValueError, match="Persons cannot be deleted"):
        found.delete("never")


def test_roles_of_a_person(w: Openbis) -> None:
    person = saved(w.new_person("role_player"))
    assert roles(person) == set()
    person.assign_role("OBSERVER", space="CLINICAL")
    person.assign_role("USER", space="HEPATOLOGY")
    person.assign_role("ADMIN")
    assert roles(person) == {
        ("OBSERVER", "SPACE", "CLINICAL"),
        ("USER", "SPACE", "HEPATOLOGY"),
        ("ADMIN", "INSTANCE", ""),
    }
    person.assign_role("ADMIN")  # "exists" is no error for pybis
    person.revoke_role("ADMIN")
    person.revoke_role("USER", space="HEPATOLOGY")
    assert roles(person) == {("OBSERVER", "SPACE", "CLINICAL")}
    with pytest.raises(ValueError, match="Role should be one of these"):
        person.assign_role("KING")


def test_roles_take_effect_at_once(w: Openbis, writing: Installation) -> None:
    microscopy = connect(writing, "microscopy")
    with pytest.raises(ValueError, match="No role assignments could be found"):
        microscopy.get_spaces()
    person = w.get_person("microscopy")
    project = w.get_project("QRUP2")
    person.assign_role("OBSERVER", project=project)
    assert list(microscopy.get_projects().df["code"]) == ["QRUP2"]
    assert microscopy.get_experiments().totalCount == 4
    table = person.get_roles().df
    assert list(table["project"]) == ["/PLANT_BIOLOGY/QRUP2"]
    person.assign_role("OBSERVER", space="CLINICAL")
    assert sorted(microscopy.get_projects().df["code"]) == ["QCLIN", "QRUP2"]
    for number in person.get_roles().df["techId"]:
        w.get_role_assignment(number).delete("done")
    with pytest.raises(ValueError, match="No role assignments could be found"):
        microscopy.get_spaces()


def test_a_new_group(w: Openbis) -> None:
    made = saved(w.new_group("READERS", description="may read", userIds=["plant", "oncology"]))
    assert (made.code, made.description) == ("READERS", "may read")
    assert set(made.get_members().df["userId"]) == {"plant", "oncology"}
    group = w.get_group("READERS")
    group.add_members(["genomics"])
    group.del_members("plant")
    group.description = "may still read"
    group.save()
    group = w.get_group("READERS")
    assert set(group.get_users().df["userId"]) == {"genomics", "oncology"}
    assert group.description == "may still read"
    (users,) = w.get_groups(code="READERS").df["users"]
    assert sorted(users.split(", ")) == ["genomics", "oncology"]
    assert w.get_groups(userId="plant").totalCount == 0
    assert w.get_groups(userId="genomics").totalCount == 1
    group.delete("no longer needed")
    with pytest.raises(ValueError, match="No group found!"):
        w.get_group("READERS")


def test_roles_of_a_group(w: Openbis, writing: Installation) -> None:
    group = saved(w.new_group("GUESTS", userIds=["microscopy"]))
    group.assign_role("OBSERVER", space="PLANT_BIOLOGY")
    assert roles(group) == {("OBSERVER", "SPACE", "PLANT_BIOLOGY")}
    microscopy = connect(writing, "microscopy")
    assert list(microscopy.get_spaces().df["code"]) == ["PLANT_BIOLOGY"]
    assert roles(w.get_person("microscopy")) == {("OBSERVER", "SPACE", "PLANT_BIOLOGY")}
    group.revoke_role("OBSERVER", space="PLANT_BIOLOGY")
    assert roles(group) == set()
    with pytest.raises(ValueError, match="No role assignments could be found"):
        microscopy.get_spaces()


def test_people_are_for_administrators(writing: Installation) -> None:
    plant = connect(writing, "plant")
    denied = r"[Aa]uthorization failure|Access denied"
    with pytest.raises(ValueError, match=denied):
        plant.new_person("friend").save()
    with pytest.raises(ValueError, match=denied):
        plant.new_group("FRIENDS").save()
    with pytest.raises(ValueError, match=denied):
        plant.assign_role("ADMIN", person="plant")


def test_a_new_tag(w: Openbis) -> None:
    made = saved(w.new_tag("fresh", description="to be looked at"))
    assert (made.permId, made.description, made.owner) == (
        f"/admin/{made.code}",
        "to be looked at",
        "admin",
    )
    assert made.code.upper() == "FRESH"
    found = w.get_tag(made.permId, use_cache=False)
    assert found.permId == made.permId
    assert w.get_tag(made.code, use_cache=False).permId == made.permId
    found.description = "looked at"
    found.save()
    assert w.get_tag(made.permId, use_cache=False).description == "looked at"
    found.delete("done")
    with pytest.raises(ValueError, match="no such tag found"):
        w.get_tag(made.permId, use_cache=False)


def test_tags_on_samples_and_experiments(w: Openbis) -> None:
    tag = saved(w.new_tag("COHORT"))
    other = saved(w.new_tag("EXCLUDED"))
    sample = w.get_sample("/PLANT_BIOLOGY/QRUP2002AR")
    sample.add_tags([tag.code, other.code])
    sample.save()
    assert set(w.get_sample(sample.permId).tags) == {tag.code, other.code}
    experiment = w.get_experiment("/PLANT_BIOLOGY/QRUP2/QRUP2E1")
    experiment.set_tags(tag.code)
    experiment.save()
    assert w.get_experiment(experiment.permId, use_cache=False).tags == [tag.code]
    assert list(w.get_samples(tags=[tag.code]).df["identifier"]) == [sample.identifier]
    assert list(tag.get_samples().df["identifier"]) == [sample.identifier]
    assert list(tag.get_experiments().df["identifier"]) == [experiment.identifier]
    sample = w.get_sample(sample.permId)
    sample.set_tags([other.code])
    sample.save()
    assert w.get_sample(sample.permId).tags == [other.code]
    assert w.get_samples(tags=tag.code).totalCount == 0
    other.delete("done")
    assert w.get_sample(sample.permId).tags == []


def test_a_sample_born_with_a_tag(w: Openbis) -> None:
    tag = saved(w.new_tag("BORN"))
    made = w.new_sample("UNKNOWN", code="TAGGED", space="DEFAULT", tags=[tag.code])
    with pytest.raises(ValueError, match=r"(?i)tag|id|500"):
        # pybis sends {"code", "permId"} without a type here: no openBIS can read that
        made.save()


def test_tags_are_private(w: Openbis, writing: Installation) -> None:
    plant = connect(writing, "plant")
    mine = saved(plant.new_tag("PRIVATE"))
    sample = plant.get_sample("/PLANT_BIOLOGY/QRUP2002AR")
    sample.add_tags("PRIVATE")
    sample.save()
    assert plant.get_sample(sample.permId).tags == ["PRIVATE"]
    assert "PRIVATE" not in w.get_sample(sample.permId).tags
    assert mine.permId not in set(w.get_tags().df["permId"])
    assert list(plant.get_tags().df["permId"]) == [mine.permId]
    again = saved(w.new_tag("PRIVATE"))  # everybody has names of their own
    assert again.permId == "/admin/PRIVATE"
