"""One of several processes that link, unlink and move the same few samples: see test_races.py.

Reads orders from its input, one JSON object per line, and answers each with what was accepted and
what was refused. Acts on what it saw some time ago, as people and replicas do.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

from link_store.database import LinkDatabase
from link_store.errors import LinkConflict, StaleRevision
from link_store.records import LinkKind, LinkRecord, NewSampleLink
from link_store.store import LinkStore

SAMPLES, DATASETS, PROJECTS = 98, 98, 4  # 200 entities
REFUSALS = {LinkConflict: "LINK_CONFLICT", StaleRevision: "STALE_REVISION"}


class Racer:
    """Does one thing after the other, and keeps account of it."""

    def __init__(self, store: LinkStore, name: str, seed: int) -> None:
        self.store, self.name = store, name
        self.chance = random.Random(f"{name} {seed}")  # noqa: S311 - no secret
        self.seen: dict[int, LinkRecord] = {}
        self.accepted: list[list[Any]] = []
        self.refused: Counter[str] = Counter()

    async def look(self) -> None:
        """See what is linked now."""
        found = await self.store.sample_links([f"S-{i}" for i in range(SAMPLES)])
        self.seen = {link.id: link for link in found.values()}

    async def act(self, number: int) -> None:
        """Do one thing, told in the history by its number."""
        try:
            link = await self.choose({"author": self.name, "details": {"act": number}})
        except (LinkConflict, StaleRevision) as error:
            self.refused[REFUSALS[type(error)]] += 1
            return
        if link.ref.kind is LinkKind.SAMPLE:
            self.seen[link.id] = link
        self.accepted.append([number, link.ref.kind, link.id, link.revision, link.state])

    async def choose(self, told: dict[str, Any]) -> LinkRecord:
        """Choose what to do."""
        sample = f"S-{self.chance.randrange(SAMPLES)}"
        dataset = self.chance.randrange(1, DATASETS + 1)
        project = f"P-{self.chance.randrange(PROJECTS)}"
        known = [link for link in self.seen.values() if link.state != "RETIRED"]
        what = self.chance.choice(["link", "link", "unlink", "move", "move", "project"])
        if what == "project":
            found = (await self.store.project_links([project]))[project]
            old = self.chance.randrange(2)  # as it is, or as it was
            expected = {"expected_revision": found.revision - old}
            target = found.omero_id + 100
            return await self.store.move(found.ref, omero_id=target, **expected, **told)
        if what == "link" or not known:
            return await self.store.link_sample(NewSampleLink(sample, project, dataset), **told)
        link = self.chance.choice(known)
        expected = {"expected_revision": link.revision}
        if what == "unlink":
            return await self.store.retire(link.ref, **expected, **told)
        if self.chance.randrange(2) and sample != link.openbis_perm_id:
            return await self.store.move(link.ref, openbis_perm_id=sample, **expected, **told)
        target = dataset if dataset != link.omero_id else dataset % DATASETS + 1
        return await self.store.move(link.ref, omero_id=target, **expected, **told)


async def race(name: str, url: str, seed: int, acts: int) -> dict[str, Any]:
    """Run one race to its end."""
    database = LinkDatabase(url, busy_timeout=60)
    racer = Racer(LinkStore(database), name, seed)
    for number in range(acts):
        if number % 10 == 0:
            await racer.look()
        await racer.act(number)
    await database.dispose()
    return {"name": name, "accepted": racer.accepted, "refused": racer.refused}


def main(name: str) -> None:
    """Answer one order after the other."""
    print("ready", flush=True)  # noqa: T201 - the answer
    for line in sys.stdin:
        print(json.dumps(asyncio.run(race(name, **json.loads(line)))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
