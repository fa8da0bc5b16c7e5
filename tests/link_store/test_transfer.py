"""Export and import: what goes out comes back the same, and what is wrong is told line by line."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import pytest

from link_store.database import LinkDatabase
from link_store.errors import InvalidLink, LinkConflict, LinkStoreError
from link_store.lines import ImportReport, LineFault, LinkLine, parse_lines
from link_store.records import (
    LinkChange,
    LinkKind,
    LinkRecord,
    LinkRef,
    LinkState,
    NewSampleLink,
    ProjectLinkRecord,
)
from link_store.store import LinkStore
from tests.postgres import PostgresServer

Lines = list[bytes]


@pytest.fixture
async def other(
    database: LinkDatabase,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    postgres_template: str,
) -> AsyncIterator[LinkStore]:
    """An empty store on the other engine."""
    if database.dialect == "sqlite":
        with postgres_server.database(postgres_template) as url:
            opened = LinkDatabase(url)
            yield LinkStore(opened)
            await opened.dispose()
        return
    path = tmp_path_factory.mktemp("other") / "links.db"
    opened = LinkDatabase(f"sqlite:///{path}")
    await opened.migrate()
    yield LinkStore(opened)
    await opened.dispose()


async def live_a_little(store: LinkStore, seed: int, steps: int = 120) -> None:
    """Let a store go through all states, at random; what is refused is refused."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(1, 4):
        await store.link_project(f"P-{number}", number, author="steward")
    for step in range(steps):
        page = await store.search(limit=100, states=tuple(LinkState))
        try:
            await step_on(store, chance, step, chance.choice(page.items))
        except LinkStoreError:
            continue


async def step_on(store: LinkStore, chance: random.Random, step: int, link: LinkRecord) -> None:
    new = NewSampleLink(f"S-{step}", f"P-{chance.randint(1, 3)}", 1000 + step)
    change = {
        "expected_revision": link.revision,
        "author": chance.choice(["anna", "Bén", "cleo / lab 3"]),
    }
    match chance.randrange(9):
        case 0:
            await store.activate(link.ref, **change)
        case 1:
            await store.mark_broken(link.ref, **change)
        case 2:
            await store.retire(link.ref, with_samples=step % 9 == 0, **change)
        case 3:
            await store.move(link.ref, omero_id=5000 + step, **change)
        case 4:
            await store.link_project(f"P-{step % 3 + 1}", 100 + step, author="dora")
        case kind:
            state = LinkState.RESERVED if kind % 2 else LinkState.ACTIVE
            await store.link_sample(new, author="emil", state=state, details={"n": step})


async def exported(store: LinkStore) -> Lines:
    async with aclosing(store.export_lines()) as lines:
        return [line async for line in lines]


def without_time(lines: Lines) -> list[Any]:
    head, *links = (json.loads(line) for line in lines)
    assert datetime.fromisoformat(head.pop("exportedAt")).utcoffset() is not None
    return [head, *links]


async def take_in(store: LinkStore, lines: Iterable[Any], **options: Any) -> ImportReport:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return await store.import_lines(lambda: texts, author="importer", **options)


@pytest.mark.parametrize("seed", range(5))
async def test_what_goes_out_comes_back_the_same_on_the_other_engine(
    store: LinkStore, other: LinkStore, seed: int
) -> None:
    await live_a_little(store, seed)
    lines = await exported(store)
    report = await take_in(other, lines)
    assert (report.faults, report.written, report.lines) == ((), True, len(lines))
    assert report.project_links + report.sample_links == len(lines) - 1
    assert report.events == len(await other.events_after(0, 9999)) > report.sample_links
    assert without_time(await exported(other)) == without_time(lines)
    assert await other.events_after(0, 9999) == await store.events_after(0, 9999)
    assert await other.counts() == await store.counts()
    assert await other.revision() == await store.revision()
    again = await take_in(other, lines)
    assert (again.faults, again.unchanged) == ((), len(lines) - 1)
    assert (again.project_links, again.sample_links, again.events) == (0, 0, 0)
    made = await other.link_project("P-new", 77777, author="a")  # the numbers go on
    assert made.id > max(json.loads(line)["id"] for line in lines[1:] if b"PROJECT" in line[:20])
    assert (await other.history([made.ref]))[made.ref][0].id > report.events


async def test_an_export_is_one_state_of_the_database(
    store: LinkStore, project: ProjectLinkRecord, samples: Callable[[int], list[NewSampleLink]]
) -> None:
    await store.link_samples(samples(2500), author="a")
    async with aclosing(store.export_lines()) as lines:
        head = json.loads(await anext(lines))
        await store.link_sample(NewSampleLink("late", "P-1", 9999), author="b")
        await store.move(project.ref, expected_revision=1, author="b", omero_id=8)
        rest = [json.loads(line) async for line in lines]
    assert (head["projectLinks"], head["sampleLinks"], head["linkRevision"]) == (1, 2500, 2501)
    assert len(rest) == 2501
    assert rest[0]["omeroId"] == 7
    assert rest[0] == {
        "kind": "PROJECT",
        "openbisPermId": "P-1",
        "omeroId": 7,
        "state": "ACTIVE",
        "evidence": "DECLARED",
        "id": 1,
        "revision": 1,
        "author": "steward",
        "createdAt": project.created_at.isoformat(),
        "updatedAt": project.created_at.isoformat(),
        "history": [
            {
                "id": 1,
                "change": "LINKED",
                "oldState": None,
                "newState": "ACTIVE",
                "revision": 1,
                "author": "steward",
                "at": project.created_at.isoformat(),
                "details": {},
            }
        ],
    }


async def test_into_a_store_with_links_others_come_behind_in_their_order(
    store: LinkStore, other: LinkStore
) -> None:
    await live_a_little(store, 7)
    mine = await other.link_project("X-1", 70, author="b")
    await other.link_sample(NewSampleLink("X-2", "X-1", 71), author="b")
    before = await other.events_after(0, 9999)
    report = await take_in(other, await exported(store))
    assert report.written
    events = await other.events_after(0, 9999)
    assert events[:2] == before
    theirs = await store.events_after(0, 9999)
    told = [(event.change, event.author, event.at, event.details) for event in events[2:]]
    assert told == [(event.change, event.author, event.at, event.details) for event in theirs]
    found = await other.project_links(["X-1", "P-1"])
    assert found["X-1"] == mine
    wanted = (await store.project_links(["P-1"]))["P-1"]
    assert found["P-1"].id == wanted.id + 1
    assert found["P-1"].created_at == wanted.created_at


async def test_brief_lines_make_new_links(store: LinkStore) -> None:
    lines = [
        {"kind": "PROJECT", "openbisPermId": "P-1", "omeroId": 7},
        {"kind": "SAMPLE", "openbisPermId": "S-1", "projectPermId": "P-1", "omeroId": 1001},
        b"",
        {
            "kind": "SAMPLE",
            "openbisPermId": "S-2",
            "projectPermId": "P-1",
            "omeroId": 1002,
            "state": "RESERVED",
            "evidence": "NAME",
            "details": {"sheet": 3},
        },
    ]
    report = await take_in(store, lines)
    assert (report.project_links, report.sample_links, report.events) == (1, 2, 3)
    assert (report.faults, report.unchanged, report.written) == ((), 0, True)
    links = await store.sample_links(["S-1", "S-2"])
    assert (links["S-1"].author, links["S-1"].evidence) == ("importer", "DECLARED")
    assert (links["S-2"].state, links["S-2"].evidence) == (LinkState.RESERVED, "NAME")
    history = await store.history([links["S-1"].ref, links["S-2"].ref])
    assert [event.change for event in history[links["S-1"].ref]] == [LinkChange.LINKED]
    (event,) = history[links["S-2"].ref]
    assert (event.change, event.details) == (LinkChange.RESERVED, '{"sheet":3}')
    again = await take_in(store, lines)
    assert (again.unchanged, again.events, again.written) == (3, 0, True)
    more = [{"kind": "SAMPLE", "openbisPermId": "S-3", "projectPermId": "P-1", "omeroId": 9}]
    assert (await take_in(store, more)).sample_links == 1  # its project is linked already
    assert await store.revision() == 4


def sample(perm_id: str = "S-1", omero_id: Any = 1001, **more: Any) -> dict[str, Any]:
    return {
        "kind": "SAMPLE",
        "openbisPermId": perm_id,
        "projectPermId": "P-1",
        "omeroId": omero_id,
        **more,
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "Invalid JSON"),
        (b"nonsense", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        ({}, "kind: Field required; openbisPermId: Field required; omeroId: Field required"),
        ({"kind": "PROJECT", "openbisPermId": "P-9"}, "omeroId: Field required"),
        ({"kind": "PROJECT", "omeroId": 9}, "openbisPermId: Field required"),
        ({"kind": "IMAGE", "openbisPermId": "P-9", "omeroId": 9}, "kind"),
        (sample(omero_id="1001"), "omeroId: Input should be a valid integer"),
        (sample(omero_id=1.5), "omeroId: Input should be a valid integer"),
        (sample(omero_id=0), "omeroId is a positive number"),
        (sample(omero_id=2**63), "omeroId is a positive number"),
        (sample(perm_id=" "), "permId"),
        (sample(perm_id="S\x00"), "permId"),
        (sample(projectPermId=None), "a SAMPLE has a projectPermId"),
        (sample(kind="PROJECT"), "a PROJECT has none"),
        (sample(colour="red"), "colour: Extra inputs are not permitted"),
        (sample(author="x"), "with a history only"),
        (sample(state="RETIRED"), "ACTIVE or RESERVED"),
        (sample(evidence=""), "printable"),
        (sample(history=[]), "has id, revision, author, createdAt, updatedAt"),
    ],
)
def test_a_bad_line_is_told(line: Any, told: str) -> None:
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    good = json.dumps(sample()).encode()
    first, (number, fault), last = parse_lines([good, text, good])
    assert isinstance(fault, LineFault)
    assert (number, fault.line, fault.code) == (2, 2, "BAD_LINE")
    assert told.lower() in fault.message.lower()
    assert isinstance(first[1], LinkLine)
    assert first[1] == last[1]


async def test_every_faulty_line_is_told_at_once(store: LinkStore) -> None:
    await store.link_project("P-1", 7, author="a")
    await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="a")
    lines = [
        sample("S-1", 1001),  # there already: fine
        sample("S-2", 1001),  # OMERO end taken
        sample("S-1", 1002),  # openBIS end taken, and named in line 1
        sample("S-4", 1004),
        sample("S-4", 1005),  # named twice in the file
        sample("S-5", 1004),  # named twice in the file
        sample("S-6", 1006, projectPermId="P-2"),  # its project is linked nowhere
        b"{",
        {"kind": "PROJECT", "openbisPermId": "P-3", "omeroId": 7},
        sample("S-7", 1007),
    ]
    before = await exported(store)
    report = await take_in(store, lines)
    assert [(fault.line, fault.code) for fault in report.faults] == [
        (2, "DUPLICATE"),
        (3, "DUPLICATE"),
        (5, "DUPLICATE"),
        (6, "DUPLICATE"),
        (7, "NO_PROJECT_LINK"),
        (8, "BAD_LINE"),
        (9, "LINK_CONFLICT"),
    ]
    messages = [fault.message for fault in report.faults]
    assert messages[0] == "OMERO dataset 1001 stands in line 1 already"
    assert messages[2] == "openBIS sample S-4 stands in line 4 already"
    assert messages[6] == "OMERO project 7 is linked with P-1 already"
    assert not report.written
    assert without_time(await exported(store)) == without_time(before)
    dry = await take_in(store, lines, dry_run=True)
    assert dry == report


async def test_a_conflict_with_the_database_names_the_other_end(store: LinkStore) -> None:
    await store.link_project("P-1", 7, author="a")
    await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="a")
    report = await take_in(store, [sample("S-1", 1002), sample("S-2", 1001)])
    assert [fault.message for fault in report.faults] == [
        "openBIS sample S-1 is linked with 1001 already",
        "OMERO dataset 1001 is linked with S-1 already",
    ]


async def test_a_dry_run_counts_and_writes_nothing(store: LinkStore) -> None:
    lines = [{"kind": "PROJECT", "openbisPermId": "P-1", "omeroId": 7}, sample()]
    report = await take_in(store, lines, dry_run=True)
    assert (report.project_links, report.sample_links, report.events) == (1, 1, 2)
    assert not report.written
    assert await store.revision() == 0


async def test_faults_that_the_caller_found_count_too(store: LinkStore) -> None:
    lines = [{"kind": "PROJECT", "openbisPermId": "P-1", "omeroId": 7}, sample()]
    found = LineFault(2, "CROSS_PROJECT", "dataset 1001 lies in OMERO project 8, not in 7")
    report = await take_in(store, lines, faults=[found])
    assert (report.faults, report.written) == ((found,), False)
    assert await store.project_links(["P-1"]) == {}


async def test_a_file_of_other_systems_or_without_its_end_is_refused(
    store: LinkStore, other: LinkStore
) -> None:
    await live_a_little(store, 3, steps=20)
    lines = await exported(store)
    short = await take_in(other, lines[:-2])
    assert [fault.code for fault in short.faults] == ["CUT_SHORT"]
    torn = await take_in(other, [*lines[:-1], lines[-1][:40]])
    assert [(fault.line, fault.code) for fault in torn.faults] == [(len(lines), "BAD_LINE")]
    elsewhere = LinkStore(other.database, "openbis", "omero-2")
    report = await take_in(elsewhere, lines)
    assert [(fault.line, fault.code) for fault in report.faults] == [(1, "WRONG_INSTANCE")]
    assert await other.revision() == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"revision": 2}, "each revision once"),
        ({"state": "BROKEN"}, "do not follow"),
        ({"id": 0}, "positive"),
        ({"details": {}}, "no details"),
        ({"createdAt": "2026-01-01T00:00:00"}, "timezone"),
        ({"history": [{}]}, "history.0.id: Field required"),
        ({"projectLinkId": 4}, "a PROJECT has none"),
    ],
)
async def test_a_whole_line_has_to_be_whole(
    store: LinkStore, project: ProjectLinkRecord, change: dict[str, Any], told: str
) -> None:
    assert project.id == 1
    head, line = await exported(store)
    report = await take_in(store, [head, {**json.loads(line), **change}])
    assert {fault.code for fault in report.faults} == {"BAD_LINE"}
    assert told in report.faults[0].message


async def test_a_whole_sample_needs_its_project_before_it(
    store: LinkStore, other: LinkStore, project: ProjectLinkRecord
) -> None:
    await store.link_sample(NewSampleLink("S-1", "P-1", 1001), author="a")
    retired = await store.link_sample(NewSampleLink("S-2", "P-1", 1002), author="a")
    await store.retire(retired.ref, expected_revision=1, author="a")
    head, *lines = await exported(store)
    turned = await take_in(other, [head, *lines[::-1]])
    assert [(one.line, one.code) for one in turned.faults] == [
        (2, "NO_PROJECT_LINK"),
        (3, "NO_PROJECT_LINK"),
    ]
    assert (await take_in(other, [head, *lines])).written
    kept = await other.links_by_ids([LinkRef(LinkKind.SAMPLE, retired.id)])
    assert kept[retired.ref].state is LinkState.RETIRED
    assert kept[retired.ref] == (await store.links_by_ids([retired.ref]))[retired.ref]
    assert (await other.project_links(["P-1"]))["P-1"] == project


async def test_a_history_that_went_on_elsewhere_is_no_second_link(
    store: LinkStore, project: ProjectLinkRecord
) -> None:
    lines = await exported(store)
    await store.move(project.ref, expected_revision=1, author="b", omero_id=8)
    report = await take_in(store, lines)
    assert [fault.code for fault in report.faults] == ["LINK_CONFLICT"]
    assert report.faults[0].message == "openBIS project P-1 is linked with 8 already"


async def test_whoever_links_in_between_wins(store: LinkStore) -> None:
    lines = [json.dumps({"kind": "PROJECT", "openbisPermId": "P-1", "omeroId": 7}).encode()]
    readings = 0

    def read() -> Iterable[bytes]:
        nonlocal readings
        readings += 1
        return lines if readings == 1 else [lines[0].replace(b"P-1", b"P-2")]

    await store.link_project("P-2", 8, author="a")
    with pytest.raises(LinkConflict):
        await store.import_lines(read, author="importer")
    assert set(await store.project_links(["P-1", "P-2"])) == {"P-2"}


async def test_a_file_that_changes_between_the_readings_is_refused(store: LinkStore) -> None:
    texts = iter(
        [[json.dumps({"kind": "PROJECT", "openbisPermId": "P", "omeroId": 7}).encode()], [b"{"]]
    )
    with pytest.raises(InvalidLink, match="changed"):
        await store.import_lines(lambda: next(texts), author="importer")
    assert await store.revision() == 0


async def test_progress_is_told(store: LinkStore) -> None:
    told: list[int] = []
    head: list[Any] = [{"kind": "PROJECT", "openbisPermId": "P-1", "omeroId": 7}]
    lines = head + [sample(f"S-{i}", i) for i in range(1, 12_001)]
    report = await take_in(store, lines, progress=told.append)
    assert (report.sample_links, told) == (12_000, [5000, 10_000, 12_001])
    assert len((await store.sample_links_of_projects(["P-1"]))["P-1"]) == 12_000


async def test_an_author_is_needed(store: LinkStore) -> None:
    with pytest.raises(InvalidLink, match="author"):
        await store.import_lines(list, author=" ")
