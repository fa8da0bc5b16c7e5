"""Persons, roles, groups, tags, plugins and deletions of an installation nobody wrote to."""

from __future__ import annotations

import pytest
from pybis import Openbis

from tests.backends.demo.openbis.pybis.installation import Rows, records

FOUNDED = "2015-03-02 13:30:00"


def test_the_table_of_persons(o: Openbis, rows: Rows) -> None:
    found = o.get_persons()
    assert found.totalCount == len(rows.content.persons)
    assert records(found) == {
        row.user_id: {
            "permId": row.user_id,
            "userId": row.user_id,
            "firstName": row.first_name,
            "lastName": row.last_name,
            "email": row.email,
            "registrationDate": FOUNDED,
            "active": True,
            "space": "",
        }
        for row in rows.content.persons
    }


@pytest.mark.parametrize(
    "filters",
    [{"userId": "plant"}, {"firstName": "Paula"}, {"lastName": "Lantigua"}, {"email": "plant@*"}],
    ids=str,
)
def test_persons_by(o: Openbis, filters: dict[str, str]) -> None:
    assert list(o.get_persons(**filters).df["userId"]) == ["plant"]


def test_one_person(o: Openbis) -> None:
    person = o.get_person("oncology")
    assert (person.firstName, person.lastName, person.email) == (
        "Otto",
        "Neumann",
        "oncology@lab.example",
    )
    roles = person.get_roles().df
    assert sorted(zip(roles["role"], roles["roleLevel"], roles["space"], strict=True)) == [
        ("USER", "SPACE", "CLINICAL"),
        ("USER", "SPACE", "HEPATOLOGY"),
    ]
    with pytest.raises(ValueError, match="No person found!"):
        o.get_person("nobody")


def test_the_table_of_roles(o: Openbis, rows: Rows) -> None:
    found = o.get_role_assignments()
    table = found.df
    assert sorted(
        zip(table["user"], table["role"], table["roleLevel"], table["space"], strict=True)
    ) == sorted(
        (person.user_id, role.role, role.level, role.scope or "")
        for person in rows.content.persons
        for role in person.roles
    )
    assert len(set(table["techId"])) == len(table) == found.totalCount
    in_clinical = o.get_role_assignments(space="CLINICAL").df
    assert sorted(in_clinical["user"]) == ["genomics", "oncology"]
    of_steward = o.get_role_assignments(person="steward").df
    assert list(of_steward["role"]) == ["ADMIN"]
    number = of_steward["techId"][0]
    assert o.get_role_assignment(number).role == "ADMIN"
    with pytest.raises(ValueError, match="No assigned role found for techId=999999"):
        o.get_role_assignment(999999)


def test_what_nobody_made_is_not_there(o: Openbis) -> None:
    assert (len(o.get_groups()), len(o.get_tags()), len(o.get_deletions())) == (0, 0, 0)
    assert len(o.get_semantic_annotations()) == 0
    with pytest.raises(ValueError, match="No group found!"):
        o.get_group("NONE")
    with pytest.raises(ValueError, match="no such tag found: NONE"):
        o.get_tag("NONE")
    with pytest.raises(ValueError, match="no such plugin found: NONE"):
        o.get_plugin("NONE")


def test_plugins_are_listed(o: Openbis) -> None:
    assert list(o.get_plugins().df.columns)[:3] == ["name", "description", "pluginType"]
