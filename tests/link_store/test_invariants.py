"""The four invariants, attacked with raw SQL: the database itself must refuse, not Python."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import IntegrityError

from link_store.database import LinkDatabase
from link_store.dialects import violated
from link_store.records import LinkKind, LinkRef, LinkState, NewSampleLink, ProjectLinkRecord
from link_store.store import LinkStore

Attack = Callable[..., Awaitable[None]]

LINK = (
    "insert into {table} (openbis_instance, openbis_perm_id, omero_instance, omero_id, state,"
    " evidence, revision, author, created_at, updated_at{more}) values"
    " ({openbis_instance}, {perm_id}, {omero_instance}, {omero_id}, {state}, {evidence},"
    " {revision}, {author}, '2026-01-01 00:00:00', '2026-01-01 00:00:00'{values})"
)
CHANGE = "update {table} set {change} where id = {id}"
REPLACED_EVENT = (
    "insert or replace into link_event (id, project_link_id, change, new_state, revision, author,"
    " at, details) values ({id}, {link}, 'LINKED', 'ACTIVE', {revision}, 'mallory',"
    " '2026-01-01 00:00:00', '')"
)
GOOD = {
    "openbis_instance": "'openbis'",
    "perm_id": "'X'",
    "omero_instance": "'omero'",
    "omero_id": "99",
    "state": "'ACTIVE'",
    "evidence": "'NAME'",
    "revision": "1",
    "author": "'mallory'",
}


def project_row(**changed: str) -> str:
    return LINK.format(table="project_link", more="", values="", **{**GOOD, **changed})


def sample_row(above: int, project_perm_id: str, **changed: str) -> str:
    return LINK.format(
        table="sample_link",
        more=", project_link_id, project_perm_id",
        values=f", {above}, '{project_perm_id}'",
        **{**GOOD, **changed},
    )


async def refused_by(attack: Attack, *statements: str) -> str | None:
    with pytest.raises(IntegrityError) as caught:
        await attack(*statements)
    return violated(caught.value)


async def test_a_good_row_passes_so_that_the_refusals_below_mean_something(
    attack: Attack, store: LinkStore
) -> None:
    await attack(project_row())
    assert (await store.project_links(["X"]))["X"].omero_id == 99


@pytest.mark.usefixtures("project")
async def test_a_live_openbis_id_stands_in_one_live_link(attack: Attack) -> None:
    assert await refused_by(attack, project_row(perm_id="'P-1'")) == "uq_project_link_live_openbis"
    for state in ("'RESERVED'", "'BROKEN'"):
        row = project_row(perm_id="'P-1'", state=state)
        assert await refused_by(attack, row) == "uq_project_link_live_openbis"


@pytest.mark.usefixtures("project")
async def test_a_live_omero_id_stands_in_one_live_link(attack: Attack) -> None:
    assert await refused_by(attack, project_row(omero_id="7")) == "uq_project_link_live_omero"


@pytest.mark.usefixtures("project")
async def test_the_same_id_of_another_instance_is_another_object(attack: Attack) -> None:
    await attack(
        project_row(perm_id="'P-1'", openbis_instance="'openbis-2'"),
        project_row(omero_id="7", omero_instance="'omero-2'"),
    )


async def test_a_retired_link_frees_both_ends(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    await store.retire(project.ref, expected_revision=1, author="steward")
    again = await store.link_project("P-1", 7, author="steward")
    assert again.id != project.id
    row = project_row(perm_id="'P-1'", omero_id="7", state="'RETIRED'")
    await attack(row, row)


async def test_samples_too_stand_in_one_live_link(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="steward")
    row = sample_row(project.id, "P-1", perm_id="'S-1'")
    assert await refused_by(attack, row) == "uq_sample_link_live_openbis"
    row = sample_row(project.id, "P-1", omero_id="1001")
    assert await refused_by(attack, row) == "uq_sample_link_live_omero"


async def test_a_sample_cannot_stand_below_another_projects_link(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    other = await store.link_project("P-2", 8, author="steward")
    foreign_key = {"foreign_key", "fk_sample_link_project_link"}
    assert await refused_by(attack, sample_row(other.id, "P-1")) in foreign_key
    assert await refused_by(attack, sample_row(12345, "P-1")) in foreign_key
    row = sample_row(project.id, "P-1", openbis_instance="'openbis-2'")
    assert await refused_by(attack, row) in foreign_key
    row = sample_row(project.id, "P-1", omero_instance="'omero-2'")
    assert await refused_by(attack, row) in foreign_key
    made = await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="steward")
    change = f"project_link_id = {other.id}, revision = 2"
    moved = CHANGE.format(table="sample_link", change=change, id=made.id)
    assert await refused_by(attack, moved) in foreign_key


async def test_a_project_link_with_live_samples_neither_ends_nor_changes_its_openbis_end(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="steward")
    end = CHANGE.format(
        table="project_link", change="state = 'RETIRED', revision = 2", id=project.id
    )
    assert await refused_by(attack, end) == "project_link_has_samples"
    rename = CHANGE.format(
        table="project_link", change="openbis_perm_id = 'Y', revision = 2", id=project.id
    )
    assert await refused_by(attack, rename) in {"foreign_key", "fk_sample_link_project_link"}


async def test_no_live_sample_below_a_retired_project_link(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    await store.retire(project.ref, expected_revision=1, author="steward")
    row = sample_row(project.id, "P-1")
    assert await refused_by(attack, row) == "sample_link_project_retired"


@pytest.mark.parametrize(
    "statement",
    [
        "update link_event set author = 'mallory'",
        "update link_event set id = id + 1",
        "delete from link_event",
        "delete from link_event where id = 1",
    ],
)
@pytest.mark.usefixtures("project")
async def test_history_is_never_updated_or_deleted(attack: Attack, statement: str) -> None:
    assert await refused_by(attack, statement) == "link_event_append_only"


@pytest.mark.parametrize("target", ["id", "revision"])
async def test_history_is_not_replaced_either(
    attack: Attack,
    store: LinkStore,
    database: LinkDatabase,
    project: ProjectLinkRecord,
    target: str,
) -> None:
    number = "1" if target == "id" else "null"
    revision = "9" if target == "id" else "1"
    if database.dialect == "sqlite":
        replace = REPLACED_EVENT.format(id=number, link=project.id, revision=revision)
        assert await refused_by(attack, replace) == "link_event_append_only"
    history = await store.history([project.ref])
    assert [event.author for event in history[project.ref]] == ["steward"]


async def test_links_are_never_deleted_or_replaced(
    attack: Attack, database: LinkDatabase, project: ProjectLinkRecord
) -> None:
    assert await refused_by(attack, "delete from project_link") == "link_kept"
    if database.dialect == "sqlite":
        row = project_row(perm_id="'Z'").replace("insert", "insert or replace")
        row = row.replace("(openbis_instance,", "(id, openbis_instance,")
        row = row.replace("values (", f"values ({project.id}, ")
        assert await refused_by(attack, row) == "link_kept"
    else:
        statement = "truncate project_link, sample_link, link_event"
        assert await refused_by(attack, statement) in {"link_kept", "link_event_append_only"}


@pytest.mark.parametrize("revision", ["revision", "revision + 2", "1", "revision - 1", "0"])
async def test_a_writer_with_an_old_revision_is_refused(
    attack: Attack, project: ProjectLinkRecord, revision: str
) -> None:
    change = f"omero_id = 8, revision = {revision}"
    statement = CHANGE.format(table="project_link", change=change, id=project.id)
    assert await refused_by(attack, statement) == "link_revision"


@pytest.mark.usefixtures("project")
async def test_a_change_without_a_new_revision_is_refused(attack: Attack) -> None:
    assert await refused_by(attack, "update project_link set omero_id = 8") == "link_revision"


@pytest.mark.parametrize(
    "change", ["state = 'ACTIVE'", "omero_id = 8", "author = 'mallory'", "evidence = 'NAME'"]
)
async def test_a_retired_link_never_changes(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord, change: str
) -> None:
    await store.retire(project.ref, expected_revision=1, author="steward")
    change = f"{change}, revision = revision + 1"
    statement = CHANGE.format(table="project_link", change=change, id=project.id)
    assert await refused_by(attack, statement) == "link_retired"


@pytest.mark.usefixtures("project")
async def test_nothing_becomes_reserved_again(attack: Attack) -> None:
    statement = "update project_link set state = 'RESERVED', revision = 2"
    assert await refused_by(attack, statement) == "link_state"


@pytest.mark.parametrize(
    "change", ["id = id + 100", "created_at = '2020-01-01 00:00:00'"], ids=["id", "created_at"]
)
async def test_a_link_keeps_its_identity(
    attack: Attack, project: ProjectLinkRecord, change: str
) -> None:
    change = f"{change}, revision = 2"
    statement = CHANGE.format(table="project_link", change=change, id=project.id)
    assert await refused_by(attack, statement) == "link_identity"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"state": "'DELETED'"}, "state"),
        ({"state": "''"}, "state"),
        ({"openbis_instance": "''"}, "openbis_instance"),
        ({"perm_id": "''"}, "openbis_perm_id"),
        ({"perm_id": "'   '"}, "openbis_perm_id"),
        ({"omero_instance": "' '"}, "omero_instance"),
        ({"omero_id": "0"}, "omero_id"),
        ({"omero_id": "-1"}, "omero_id"),
        ({"evidence": "''"}, "evidence"),
        ({"author": "''"}, "author"),
        ({"revision": "0"}, "revision"),
    ],
)
async def test_each_value_is_whole(
    attack: Attack, project: ProjectLinkRecord, changed: dict[str, str], rule: str
) -> None:
    assert await refused_by(attack, project_row(**changed)) == f"ck_project_link_{rule}"
    row = sample_row(project.id, "P-1", **changed)
    # an unknown instance breaks the foreign key too; which of the two speaks first is no matter
    assert await refused_by(attack, row) in {f"ck_sample_link_{rule}", "foreign_key"}


@pytest.mark.parametrize("number", ["'abc'", "1.5", "x'07'"])
async def test_sqlite_takes_nothing_but_whole_numbers_for_omero_ids(
    attack: Attack, database: LinkDatabase, number: str
) -> None:
    if database.dialect == "sqlite":
        row = project_row(omero_id=number)
        assert await refused_by(attack, row) == "ck_project_link_omero_id"


async def test_an_event_belongs_to_exactly_one_link(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    made = await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="steward")
    event = (
        "insert into link_event (project_link_id, sample_link_id, change, new_state, revision,"
        " author, at, details) values ({}, {}, 'LINKED', 'ACTIVE', 5, 'm',"
        " '2026-01-01 00:00:00', '')"
    )
    assert await refused_by(attack, event.format("null", "null")) == "ck_link_event_one_link"
    both = event.format(project.id, made.id)
    assert await refused_by(attack, both) == "ck_link_event_one_link"
    unknown = await refused_by(attack, event.format(12345, "null"))
    assert unknown in {"foreign_key", "fk_link_event_project_link"}


async def test_a_refused_write_leaves_nothing_behind(
    attack: Attack, store: LinkStore, project: ProjectLinkRecord
) -> None:
    before = await store.revision()
    await refused_by(attack, project_row(perm_id="'Q-1'"), project_row(perm_id="'P-1'"))
    assert await store.project_links(["Q-1"]) == {}
    assert await store.revision() == before
    again = await store.links_by_ids([project.ref, LinkRef(LinkKind.PROJECT, project.id + 1)])
    assert again == {project.ref: project}
    assert project.state is LinkState.ACTIVE
