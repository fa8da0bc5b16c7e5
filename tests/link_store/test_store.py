"""The writes: what each changes, what it refuses, and in which words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from link_store.errors import (
    InvalidLink,
    LinkConflict,
    LinkEnd,
    LinkNotFound,
    LinkStoreError,
    StaleRevision,
)
from link_store.records import (
    Evidence,
    LinkChange,
    LinkKind,
    LinkRef,
    LinkState,
    NewSampleLink,
    ProjectLinkRecord,
    SampleLinkRecord,
)
from link_store.store import LinkStore

Samples = Callable[[int], list[NewSampleLink]]


@pytest.fixture
async def sample(store: LinkStore, project: ProjectLinkRecord) -> SampleLinkRecord:
    assert project.openbis_perm_id == "P-1"
    return await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="steward")


async def test_a_reservation_becomes_active(store: LinkStore) -> None:
    reserved = await store.link_project(
        "P-1", 7, author="anna", evidence=Evidence.REGISTERED, state=LinkState.RESERVED
    )
    active = await store.activate(reserved.ref, expected_revision=1, author="ben")
    assert (active.state, active.revision, active.author) == (LinkState.ACTIVE, 2, "ben")
    assert active.evidence == "REGISTERED"
    assert active.created_at == reserved.created_at <= active.updated_at
    history = (await store.history([active.ref]))[active.ref]
    assert [event.change for event in history] == [LinkChange.RESERVED, LinkChange.ACTIVATED]


@pytest.mark.usefixtures("project")
async def test_a_project_conflict_names_the_end_that_is_taken(store: LinkStore) -> None:
    with pytest.raises(LinkConflict, match=r"openBIS object .*\(P-1\)") as caught:
        await store.link_project("P-1", 8, author="a")
    assert (caught.value.end, caught.value.taken) == (LinkEnd.OPENBIS, ("P-1",))
    with pytest.raises(LinkConflict, match=r"OMERO object .*\(7\)") as caught:
        await store.link_project("P-2", 7, author="a")
    assert (caught.value.end, caught.value.taken) == (LinkEnd.OMERO, (7,))


async def test_a_bulk_conflict_names_what_is_taken_and_links_nothing(
    store: LinkStore, project: ProjectLinkRecord, samples: Samples
) -> None:
    await store.link_samples(samples(8), author="a")
    before = await store.revision()
    new = [NewSampleLink(f"N-{i}", "P-1", 1000 + i) for i in range(2, 2000)]
    with pytest.raises(
        LinkConflict, match=r"\(1002, 1003, 1004, 1005, 1006 and 2 more\)"
    ) as caught:
        await store.link_samples(new, author="a")
    assert caught.value.taken == tuple(range(1002, 1009))
    assert await store.revision() == before
    assert len((await store.sample_links_of_projects(["P-1"]))["P-1"]) == 8
    assert project.state is LinkState.ACTIVE


async def test_samples_of_several_projects_in_one_call(store: LinkStore) -> None:
    first = await store.link_project("P-1", 7, author="a")
    second = await store.link_project("P-2", 8, author="a")
    made = await store.link_samples(
        [
            NewSampleLink("T-1", "P-2", 12),
            NewSampleLink("S-1", "P-1", 11),
            NewSampleLink("T-2", "P-2", 10),
        ],
        author="a",
    )
    assert [link.openbis_perm_id for link in made] == ["T-1", "S-1", "T-2"]
    assert [link.project_link_id for link in made] == [second.id, first.id, second.id]


@pytest.mark.usefixtures("project")
async def test_a_sample_needs_the_live_link_of_its_project(store: LinkStore) -> None:
    links = [NewSampleLink("S-1", "P-1", 11), NewSampleLink("T-1", "P-9", 12)]
    with pytest.raises(LinkNotFound, match="openBIS project P-9 has no live link"):
        await store.link_samples(links, author="a")
    assert await store.sample_links(["S-1"]) == {}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda s: s.link_project("", 8, author="a"), "permId"),
        (lambda s: s.link_project("P\x002", 8, author="a"), "permId"),
        (lambda s: s.link_project("\ud800", 8, author="a"), "permId"),
        (lambda s: s.link_project("P" * 256, 8, author="a"), "permId"),
        (lambda s: s.link_project("P-2", 0, author="a"), "positive number"),
        (lambda s: s.link_project("P-2", 2**63, author="a"), "positive number"),
        (lambda s: s.link_project("P-2", 8, author=" "), "author and evidence"),
        (lambda s: s.link_project("P-2", 8, author="a\x00"), "author and evidence"),
        (lambda s: s.link_project("P-2", 8, author="a", evidence=""), "author and evidence"),
        (lambda s: s.link_project("P-2", 8, author="a", state=LinkState.RETIRED), "or reserved"),
        (lambda s: s.link_sample(NewSampleLink("S-1", "", 8), author="a"), "permId"),
        (
            lambda s: s.link_samples(
                [NewSampleLink("S-1", "P-1", 1), NewSampleLink("S-1", "P-1", 2)], author="a"
            ),
            "only once",
        ),
        (
            lambda s: s.link_samples(
                [NewSampleLink("S-1", "P-1", 1), NewSampleLink("S-2", "P-1", 1)], author="a"
            ),
            "only once",
        ),
    ],
)
async def test_what_cannot_be_a_link_is_refused(
    store: LinkStore, write: Callable[[LinkStore], Awaitable[object]], words: str
) -> None:
    before = await store.revision()
    with pytest.raises(InvalidLink, match=words):
        await write(store)
    assert await store.revision() == before


async def test_no_links_are_made_of_nothing(store: LinkStore) -> None:
    assert await store.link_samples([], author="a") == ()


Change = Callable[[LinkStore, LinkRef, int], Awaitable[object]]
CHANGES: dict[str, Change] = {
    "activate": lambda s, ref, n: s.activate(ref, expected_revision=n, author="a"),
    "mark_broken": lambda s, ref, n: s.mark_broken(ref, expected_revision=n, author="a"),
    "retire": lambda s, ref, n: s.retire(ref, expected_revision=n, author="a"),
    "move": lambda s, ref, n: s.move(ref, expected_revision=n, author="a", omero_id=77),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_each_change_needs_the_present_revision_of_a_known_link(
    store: LinkStore, sample: SampleLinkRecord, change: Change
) -> None:
    await store.mark_broken(sample.ref, expected_revision=1, author="a")
    for stale in (0, 1, 3):
        with pytest.raises(StaleRevision, match="read it again") as caught:
            await change(store, sample.ref, stale)
        assert caught.value.current == 2
    for unknown in (999, 0, 2**70):
        with pytest.raises(LinkNotFound):
            await change(store, LinkRef(LinkKind.SAMPLE, unknown), 1)
    assert (await store.sample_links(["S-1"]))["S-1"].revision == 2


async def test_what_is_so_already_is_no_change(store: LinkStore, sample: SampleLinkRecord) -> None:
    before = await store.revision()
    assert await store.activate(sample.ref, expected_revision=1, author="b") == sample
    assert await store.revision() == before
    broken = await store.mark_broken(sample.ref, expected_revision=1, author="b")
    assert await store.mark_broken(sample.ref, expected_revision=2, author="c") == broken
    retired = await store.retire(sample.ref, expected_revision=2, author="b")
    assert await store.retire(sample.ref, expected_revision=3, author="c") == retired
    assert await store.revision() == before + 2


async def test_a_retired_link_refuses_to_change(store: LinkStore, sample: SampleLinkRecord) -> None:
    await store.retire(sample.ref, expected_revision=1, author="a")
    for name in ("activate", "mark_broken", "move"):
        with pytest.raises(InvalidLink, match="retired link never changes"):
            await CHANGES[name](store, sample.ref, 2)


async def test_a_project_link_ends_with_its_samples_or_not_at_all(
    store: LinkStore, project: ProjectLinkRecord, samples: Samples
) -> None:
    first, second, third = await store.link_samples(samples(3), author="a")
    await store.mark_broken(second.ref, expected_revision=1, author="a")
    await store.retire(third.ref, expected_revision=1, author="a")
    with pytest.raises(LinkConflict, match="sample links live below") as caught:
        await store.retire(project.ref, expected_revision=1, author="b")
    assert caught.value.end is LinkEnd.SAMPLE_LINKS
    await store.retire(
        project.ref, expected_revision=1, author="b", with_samples=True, details={"why": "moved"}
    )
    assert await store.sample_links_of_projects(["P-1"]) == {}
    links = await store.links_by_ids([first.ref, second.ref, third.ref])
    assert [links[ref].revision for ref in (first.ref, second.ref, third.ref)] == [2, 3, 2]
    history = await store.history([second.ref, third.ref])
    last = history[second.ref][-1]
    assert (last.change, last.old_state, last.revision) == (LinkChange.RETIRED, "BROKEN", 3)
    assert (last.author, last.details) == ("b", '{"why":"moved"}')
    assert len(history[third.ref]) == 2
    again = await store.link_project("P-1", 7, author="a")
    with pytest.raises(InvalidLink):
        await store.move(first.ref, expected_revision=2, author="a", project_perm_id="P-1")
    assert again.revision == 1


async def test_moving_gives_another_end_and_heals(
    store: LinkStore, sample: SampleLinkRecord
) -> None:
    await store.mark_broken(sample.ref, expected_revision=1, author="a")
    moved = await store.move(sample.ref, expected_revision=2, author="b", omero_id=1002)
    assert (moved.omero_id, moved.state, moved.revision) == (1002, LinkState.ACTIVE, 3)
    assert set(await store.sample_links_of_omero([1001, 1002])) == {1002}
    with pytest.raises(InvalidLink, match="these ends already"):
        await store.move(sample.ref, expected_revision=3, author="b", omero_id=1002)
    with pytest.raises(InvalidLink, match="these ends already"):
        await store.move(sample.ref, expected_revision=3, author="b")


async def test_moving_a_reservation_keeps_it_reserved(store: LinkStore) -> None:
    link = await store.link_project("P-1", 7, author="a", state=LinkState.RESERVED)
    moved = await store.move(link.ref, expected_revision=1, author="a", openbis_perm_id="P-2")
    assert (moved.openbis_perm_id, moved.state) == ("P-2", LinkState.RESERVED)


async def test_a_sample_moves_below_another_project(
    store: LinkStore, sample: SampleLinkRecord
) -> None:
    other = await store.link_project("P-2", 8, author="a")
    moved = await store.move(sample.ref, expected_revision=1, author="a", project_perm_id="P-2")
    assert isinstance(moved, SampleLinkRecord)
    assert (moved.project_perm_id, moved.project_link_id) == ("P-2", other.id)
    with pytest.raises(LinkNotFound, match="P-3"):
        await store.move(sample.ref, expected_revision=2, author="a", project_perm_id="P-3")


async def test_moving_onto_a_taken_end_is_a_conflict(
    store: LinkStore, sample: SampleLinkRecord
) -> None:
    await store.link_sample(NewSampleLink("S-2", "P-1", 1002), author="a")
    with pytest.raises(LinkConflict) as caught:
        await store.move(sample.ref, expected_revision=1, author="a", omero_id=1002)
    assert caught.value.end is LinkEnd.OMERO
    with pytest.raises(LinkConflict) as caught:
        await store.move(sample.ref, expected_revision=1, author="a", openbis_perm_id="S-2")
    assert caught.value.end is LinkEnd.OPENBIS


async def test_a_project_link_with_samples_keeps_its_openbis_end(
    store: LinkStore, project: ProjectLinkRecord, sample: SampleLinkRecord
) -> None:
    with pytest.raises(LinkConflict, match="retire it, and link anew") as caught:
        await store.move(project.ref, expected_revision=1, author="a", openbis_perm_id="P-2")
    assert caught.value.end is LinkEnd.SAMPLE_LINKS
    with pytest.raises(InvalidLink, match="below no project"):
        await store.move(project.ref, expected_revision=1, author="a", project_perm_id="P-2")
    moved = await store.move(project.ref, expected_revision=1, author="a", omero_id=9)
    assert moved.omero_id == 9
    assert sample.project_link_id == moved.id


async def test_no_refusal_shows_sql_or_tables(store: LinkStore, sample: SampleLinkRecord) -> None:
    refused: list[LinkStoreError] = []
    for write in (
        store.link_project("P-1", 8, author="a"),
        store.link_project("P-2", 7, author="a"),
        store.link_sample(NewSampleLink("S-1", "P-1", 5), author="a"),
        store.retire(LinkRef(LinkKind.PROJECT, 1), expected_revision=1, author="a"),
        store.move(sample.ref, expected_revision=9, author="a", omero_id=4),
        store.move(sample.ref, expected_revision=1, author="\x00", omero_id=4),
        store.move(
            LinkRef(LinkKind.PROJECT, 1), expected_revision=1, author="a", openbis_perm_id="Z"
        ),
    ):
        with pytest.raises(LinkStoreError) as caught:
            await write
        refused.append(caught.value)
    for error in refused:
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None
        shown = f"{error} {error.message}".lower()
        for word in ("select", "insert", "update ", "constraint", "_link", "sqlite", "unique"):
            assert word not in shown
