"""Many writers at once: tasks of one process, and processes on one database."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from link_store.database import LinkDatabase
from link_store.errors import LinkConflict, LinkStoreError, StaleRevision
from link_store.records import LinkChange, LinkRecord, NewSampleLink, ProjectLinkRecord
from link_store.store import LinkStore


async def outcomes(*writes: object) -> tuple[list[LinkRecord], list[LinkStoreError]]:
    done = await asyncio.gather(*writes, return_exceptions=True)  # type: ignore[call-overload]
    won = [one for one in done if not isinstance(one, BaseException)]
    lost = [one for one in done if isinstance(one, LinkStoreError)]
    assert len(won) + len(lost) == len(done), done
    return won, lost


async def test_of_many_tasks_linking_the_same_ends_one_wins(database: LinkDatabase) -> None:
    stores = [LinkStore(database) for _ in range(12)]
    won, lost = await outcomes(
        *(store.link_project("P-1", 7, author=f"task {i}") for i, store in enumerate(stores))
    )
    assert len(won) == 1
    assert all(isinstance(error, LinkConflict) for error in lost)
    assert await stores[0].project_links(["P-1"]) == {"P-1": won[0]}
    assert await stores[0].revision() >= 1


async def test_of_many_tasks_changing_one_link_one_wins(
    store: LinkStore, project: ProjectLinkRecord
) -> None:
    won, lost = await outcomes(
        *(
            store.move(project.ref, expected_revision=1, author=f"task {i}", omero_id=100 + i)
            for i in range(10)
        )
    )
    assert len(won) == 1
    assert all(isinstance(error, StaleRevision) for error in lost)
    history = (await store.history([project.ref]))[project.ref]
    assert [event.change for event in history] == [LinkChange.LINKED, LinkChange.MOVED]


async def test_ending_a_project_link_and_adding_samples_to_it_do_not_cross(
    store: LinkStore, project: ProjectLinkRecord
) -> None:
    won, lost = await outcomes(
        store.retire(project.ref, expected_revision=1, author="a"),
        *(store.link_sample(NewSampleLink(f"S-{i}", "P-1", i), author="a") for i in range(1, 9)),
    )
    samples = (await store.sample_links_of_projects(["P-1"])).get("P-1", ())
    live = await store.project_links(["P-1"])
    assert bool(live) == bool(samples)
    assert len(won) + len(lost) == 9
    assert len(samples) == (len(won) if live else 0)


async def test_readers_see_a_bulk_write_wholly_or_not_at_all(
    store: LinkStore, project: ProjectLinkRecord
) -> None:
    links = [NewSampleLink(f"S-{i}", project.openbis_perm_id, i) for i in range(1, 3001)]
    write = asyncio.create_task(store.link_samples(links, author="a"))
    seen: set[int] = set()
    while not write.done():
        seen.add(len(await store.sample_links_of_omero(range(1, 3001))))
    await write
    seen.add(len(await store.sample_links_of_omero(range(1, 3001))))
    assert seen <= {0, 3000}
    assert 3000 in seen


RACE = """
import asyncio, json, sys
from link_store.database import LinkDatabase
from link_store.errors import LinkConflict
from link_store.records import NewSampleLink
from link_store.store import LinkStore

async def main(url, name):
    database = LinkDatabase(url, busy_timeout=30)
    store = LinkStore(database)
    won = []
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(1, 41):
        try:
            await store.link_sample(NewSampleLink(f"S-{i}", "P-1", i), author=name)
            won.append(i)
        except LinkConflict:
            pass
    try:
        bulk = [NewSampleLink(f"B-{i}", "P-1", 1000 + i) for i in range(500)]
        await store.link_samples(bulk, author=name)
        won.append("bulk")
    except LinkConflict:
        pass
    await database.dispose()
    print(json.dumps(won))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.usefixtures("project")
async def test_of_several_processes_linking_the_same_ends_one_wins_each(
    store: LinkStore, database_url: str
) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", RACE, database_url, f"process {number}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(2)
    ]
    for process in processes:  # all are up before any may begin
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0]
    won = [json.loads(answer[0]) for answer in answers]
    assert sorted(map(str, won[0] + won[1])) == sorted([*map(str, range(1, 41)), "bulk"])
    links = await store.sample_links_of_omero(range(1, 41))
    for number, mine in enumerate(won):
        authors = {links[i].author for i in mine if i != "bulk"}
        assert authors <= {f"process {number}"}
    assert len((await store.sample_links_of_projects(["P-1"]))["P-1"]) == 540
    assert len(await store.events_after(0, 9999)) == 541
