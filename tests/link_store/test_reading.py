"""Look-ups, pages, counts and history, and what each costs in statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text

from link_store.database import LinkDatabase
from link_store.reading import LinkReader, possible_perm_id
from link_store.records import (
    LIVE_STATES,
    LinkChange,
    LinkKind,
    LinkPage,
    LinkRef,
    LinkState,
    NewSampleLink,
    ProjectLinkRecord,
    SampleLinkRecord,
)
from link_store.store import LinkStore

Samples = Callable[[int], list[NewSampleLink]]
ALL = tuple(LinkState)


@pytest.fixture
def statements(database: LinkDatabase) -> Iterator[list[str]]:
    """What is sent to the database, but for the beginning of transactions."""
    sent: list[str] = []

    def remember(*arguments: object) -> None:
        if not str(arguments[2]).startswith(("BEGIN", "SET TRANSACTION")):
            sent.append(str(arguments[2]))

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", remember)
    yield sent
    event.remove(engine, "before_cursor_execute", remember)


@pytest.mark.usefixtures("project")
async def test_both_directions_answer_with_the_same_record(store: LinkStore) -> None:
    made = await store.link_sample(
        NewSampleLink("S-1", "P-1", 1001), author="steward", evidence="NAME"
    )
    assert await store.sample_links(["S-1", "S-2"]) == {"S-1": made}
    assert await store.sample_links_of_omero([1001, 1002]) == {1001: made}
    assert (made.state, made.evidence, made.revision) == (LinkState.ACTIVE, "NAME", 1)
    assert (made.project_perm_id, made.author) == ("P-1", "steward")
    assert made.created_at == made.updated_at
    assert made.created_at.utcoffset() is not None


async def test_projects_in_both_directions(store: LinkStore, project: ProjectLinkRecord) -> None:
    assert await store.project_links(["P-1", "P-1", "P-2"]) == {"P-1": project}
    assert await store.project_links_of_omero(range(1, 20)) == {7: project}


async def test_kinds_do_not_mix(store: LinkStore, project: ProjectLinkRecord) -> None:
    assert await store.sample_links([project.openbis_perm_id]) == {}
    assert await store.sample_links_of_omero([project.omero_id]) == {}


@pytest.mark.usefixtures("project")
async def test_ten_thousand_ids_are_one_statement(
    store: LinkStore, statements: list[str], samples: Samples
) -> None:
    made = await store.link_samples(samples(10_000), author="steward")
    statements.clear()
    found = await store.sample_links([f"S-{i}" for i in range(20_000)])
    assert len(statements) == 1
    assert found == {link.openbis_perm_id: link for link in made}
    back = await store.sample_links_of_omero(range(1, 30_000))
    assert len(statements) == 2
    assert back == {link.omero_id: link for link in made}


async def test_no_ids_are_no_statement(store: LinkStore, statements: list[str]) -> None:
    assert await store.project_links([]) == {}
    assert await store.sample_links_of_omero([]) == {}
    assert await store.links_by_ids([]) == {}
    assert await store.history([]) == {}
    assert await store.sample_links_of_projects([]) == {}
    assert statements == []


@pytest.mark.usefixtures("project")
async def test_ids_that_cannot_be_are_simply_not_linked(store: LinkStore) -> None:
    odd = ["", " ", "P-1\x00", "\ud800", "P" * 256, "P-1' or 1=1 --", "P-1 ", "p-1", '["P-1"]']
    assert await store.project_links(odd) == {}
    assert await store.project_links_of_omero([0, -7, 2**63, 2**80]) == {}
    assert await store.links_by_ids([LinkRef(LinkKind.PROJECT, 2**63)]) == {}


@given(st.text())
def test_possible_perm_ids_travel_as_utf8(perm_id: str) -> None:
    if possible_perm_id(perm_id):
        assert perm_id.encode().decode() == perm_id
        assert "\x00" not in perm_id


@pytest.mark.usefixtures("project")
async def test_look_ups_see_live_links_only_and_each_tells_its_state(
    store: LinkStore, samples: Samples
) -> None:
    first, second, third, fourth = await store.link_samples(samples(4), author="a")
    await store.mark_broken(second.ref, expected_revision=1, author="a")
    await store.retire(third.ref, expected_revision=1, author="a")
    reserved = await store.link_sample(
        NewSampleLink("S-9", "P-1", 1009), author="a", state=LinkState.RESERVED
    )
    found = await store.sample_links([f"S-{i}" for i in range(10)])
    assert {perm_id: link.state for perm_id, link in found.items()} == {
        "S-1": LinkState.ACTIVE,
        "S-2": LinkState.BROKEN,
        "S-4": LinkState.ACTIVE,
        "S-9": LinkState.RESERVED,
    }
    assert set(await store.sample_links_of_omero([1001, 1002, 1003, 1004])) == {1001, 1002, 1004}
    by_id = await store.links_by_ids([third.ref, first.ref, fourth.ref, reserved.ref])
    assert by_id[third.ref].state is LinkState.RETIRED
    assert by_id[first.ref] == first
    assert len(by_id) == 4


async def test_a_store_sees_only_its_own_instances(
    database: LinkDatabase, store: LinkStore, project: ProjectLinkRecord
) -> None:
    other = LinkStore(database, "openbis-2", "omero-2")
    twin = await other.link_project("P-1", 7, author="steward")
    assert await store.project_links(["P-1"]) == {"P-1": project}
    assert await other.project_links(["P-1"]) == {"P-1": twin}
    assert await store.links_by_ids([twin.ref]) == {}
    assert (await store.search(limit=9, count=True)).items == (project,)
    assert (await store.counts())[LinkKind.PROJECT][LinkState.ACTIVE] == 1


async def test_samples_of_projects(store: LinkStore, samples: Samples) -> None:
    for number, perm_id in ((7, "P-1"), (8, "P-2"), (9, "P-3")):
        await store.link_project(perm_id, number, author="a")
    made = await store.link_samples(samples(3), author="a")
    more = await store.link_samples([NewSampleLink("T-1", "P-2", 2001)], author="a")
    await store.retire(made[1].ref, expected_revision=1, author="a")
    found = await store.sample_links_of_projects(["P-1", "P-2", "P-3", "P-4"])
    assert found == {"P-1": (made[0], made[2]), "P-2": more}


async def test_history_of_many_links_at_once(
    store: LinkStore, project: ProjectLinkRecord, samples: Samples, statements: list[str]
) -> None:
    first, second = await store.link_samples(samples(2), author="anna", details={"run": 3})
    await store.mark_broken(first.ref, expected_revision=1, author="ben")
    await store.move(first.ref, expected_revision=2, author="cleo", omero_id=1009)
    statements.clear()
    history = await store.history([project.ref, first.ref, second.ref])
    assert len(statements) == 2
    told = [(e.change, e.old_state, e.new_state, e.revision, e.author) for e in history[first.ref]]
    assert told == [
        (LinkChange.LINKED, None, LinkState.ACTIVE, 1, "anna"),
        (LinkChange.BROKEN, LinkState.ACTIVE, LinkState.BROKEN, 2, "ben"),
        (LinkChange.MOVED, LinkState.BROKEN, LinkState.ACTIVE, 3, "cleo"),
    ]
    assert history[first.ref][0].details == '{"run":3}'
    assert history[first.ref][2].details == '{"from":{"omero_id":1001}}'
    assert [e.change for e in history[second.ref]] == [LinkChange.LINKED]
    assert history[project.ref][0].link == project.ref
    ids = [e.id for events in history.values() for e in events]
    assert len(set(ids)) == len(ids)


async def test_events_after_a_revision_are_what_changed_since(
    store: LinkStore, project: ProjectLinkRecord, samples: Samples
) -> None:
    seen = await store.revision()
    made = await store.link_samples(samples(3), author="a")
    assert [e.link for e in await store.events_after(seen, 10)] == [link.ref for link in made]
    assert [e.link for e in await store.events_after(0, 2)] == [project.ref, made[0].ref]
    assert await store.events_after(await store.revision(), 10) == ()


async def test_the_revision_grows_with_each_change_and_with_nothing_else(
    store: LinkStore, samples: Samples
) -> None:
    assert await store.revision() == 0
    await store.link_project("P-1", 7, author="a")
    one = await store.revision()
    await store.project_links(["P-1"])
    await store.search(limit=5, count=True)
    assert await store.revision() == one > 0
    await store.link_samples(samples(5), author="a")
    assert await store.revision() >= one + 5


async def walk(store: LinkReader, limit: int, *, backward: bool) -> list[LinkRef]:
    """Follow the pages to the end; the links in the order in which they were met."""
    met: list[LinkRef] = []
    key: LinkRef | None = None
    while True:
        page = await store.search(limit=limit, states=ALL, key=key, backward=backward, count=True)
        assert page.keys == tuple(link.ref for link in page.items)
        assert list(page.keys) == sorted(page.keys)
        assert page.total == 13
        met = [*page.keys, *met] if backward else [*met, *page.keys]
        if not page.has_more:
            return met
        assert len(page.items) == limit
        key = page.keys[0] if backward else page.keys[-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 12, 13, 14])
async def test_pages_meet_each_link_once_in_both_directions(
    store: LinkStore, samples: Samples, limit: int
) -> None:
    for number in range(1, 4):
        await store.link_project(f"P-{number}", number, author="a")
    await store.link_samples(samples(10), author="a")
    wanted = [LinkRef(LinkKind.PROJECT, i) for i in (1, 2, 3)]
    wanted += [LinkRef(LinkKind.SAMPLE, i) for i in range(1, 11)]
    assert await walk(store, limit, backward=False) == wanted
    assert await walk(store, limit, backward=True) == wanted


async def test_search_filters(
    store: LinkStore, project: ProjectLinkRecord, samples: Samples
) -> None:
    other = await store.link_project("P-2", 8, author="a")
    first, second, third = await store.link_samples(samples(3), author="a")
    stray = await store.link_sample(NewSampleLink("T-1", "P-2", 2001), author="a")
    broken = await store.mark_broken(second.ref, expected_revision=1, author="a")
    retired = await store.retire(third.ref, expected_revision=1, author="a")

    async def found(**filters: object) -> tuple[object, ...]:
        page = await store.search(limit=20, count=True, **filters)  # type: ignore[arg-type]
        assert page.total == len(page.items)
        return page.items

    assert await found() == (project, other, first, broken, stray)
    assert await found(states=ALL) == (project, other, first, broken, retired, stray)
    assert await found(kind=LinkKind.PROJECT) == (project, other)
    assert await found(kind=LinkKind.SAMPLE, states=[LinkState.BROKEN]) == (broken,)
    assert await found(project_perm_id="P-1") == (project, first, broken)
    assert await found(project_perm_id="P-2", kind=LinkKind.SAMPLE) == (stray,)
    assert await found(project_perm_id="P-3") == ()
    assert await found(states=[]) == ()


async def test_counts_name_every_state(
    store: LinkStore, samples: Samples, statements: list[str]
) -> None:
    nothing = dict.fromkeys(LinkState, 0)
    assert await store.counts() == {LinkKind.PROJECT: nothing, LinkKind.SAMPLE: nothing}
    await store.link_project("P-1", 7, author="a")
    await store.link_project("P-2", 8, author="a", state=LinkState.RESERVED)
    made = await store.link_samples(samples(4), author="a")
    await store.retire(made[0].ref, expected_revision=1, author="a")
    statements.clear()
    assert await store.counts() == {
        LinkKind.PROJECT: {**nothing, LinkState.ACTIVE: 1, LinkState.RESERVED: 1},
        LinkKind.SAMPLE: {**nothing, LinkState.ACTIVE: 3, LinkState.RETIRED: 1},
    }
    assert len(statements) == 1
    of_second = await store.counts("P-2")
    assert of_second == {
        LinkKind.PROJECT: {**nothing, LinkState.RESERVED: 1},
        LinkKind.SAMPLE: nothing,
    }


async def test_a_page_of_search_costs_two_statements_and_one_for_the_total(
    store: LinkStore, statements: list[str]
) -> None:
    assert await store.search(limit=5) == LinkPage((), (), has_more=False)
    assert len(statements) == 2
    await store.search(limit=5, count=True, kind=LinkKind.SAMPLE)
    assert len(statements) == 4


async def test_the_observer_is_told_each_call_once(database: LinkDatabase) -> None:
    told: list[tuple[str, float]] = []
    store = LinkStore(database, observe=lambda name, seconds: told.append((name, seconds)))
    await store.link_project("P-1", 7, author="a")
    await store.project_links(["P-1"])
    await store.search(limit=3, count=True)
    await store.revision()
    assert [name for name, _ in told] == ["link_project", "project_links", "search", "revision"]
    assert all(0 < seconds < 60 for _, seconds in told)


async def test_times_are_stored_in_utc_and_come_back_with_their_zone(
    store: LinkStore, database: LinkDatabase, project: ProjectLinkRecord
) -> None:
    found = (await store.project_links(["P-1"]))["P-1"]
    assert found.created_at == project.created_at
    if database.dialect == "sqlite":
        async with database.read() as connection:
            stored = await connection.execute(text("select created_at from project_link"))
            written = found.created_at.strftime("%Y-%m-%d %H:%M:%S.%f")
            assert stored.scalar_one() == written


def test_records_are_frozen_and_of_their_kind(project: ProjectLinkRecord) -> None:
    assert project.ref == (LinkKind.PROJECT, 1)
    with pytest.raises(AttributeError):
        project.omero_id = 8  # type: ignore[misc]
    assert LinkState.RETIRED not in LIVE_STATES
    assert SampleLinkRecord.__struct_fields__[-2:] == ("project_link_id", "project_perm_id")
