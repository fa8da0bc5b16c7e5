"""The store against a plain dictionary: any sequence of writes, the same links and refusals."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from link_store.database import LinkDatabase
from link_store.errors import (
    InvalidLink,
    LinkConflict,
    LinkEnd,
    LinkNotFound,
    LinkStoreError,
    StaleRevision,
)
from link_store.records import (
    LinkKind,
    LinkRecord,
    LinkRef,
    LinkState,
    NewSampleLink,
    SampleLinkRecord,
)
from link_store.store import LinkStore

PERM_IDS = st.sampled_from(["A", "B", "C"])
SAMPLE_IDS = st.sampled_from(["s", "t", "u", "v"])
OMERO_IDS = st.integers(1, 4)
LAG = st.sampled_from([0, 0, 0, 0, -1, 1])  # how far off the expected revision is


@dataclass(frozen=True)
class Known:
    """What a link should be."""

    kind: LinkKind
    perm_id: str
    omero_id: int
    state: LinkState
    revision: int = 1
    above: LinkRef | None = None


class LinksAsADictionary(RuleBasedStateMachine):
    """Each rule does the same to the store and to the dictionary, and compares the outcome."""

    links = Bundle("links")
    worlds = itertools.count(1)

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = LinkDatabase(url)
        # other instances in the same database are another world, and cheaper than another database
        world = next(self.worlds)
        self.store = LinkStore(self.database, f"openbis-{world}", f"omero-{world}")
        self.known: dict[LinkRef, Known] = {}
        self.events = 0

    def teardown(self) -> None:
        self.runner.run(self.database.dispose())
        self.runner.close()

    def attempt(self, write: Awaitable[Any]) -> Any:
        async def run() -> Any:
            try:
                return await write
            except LinkStoreError as error:
                return error

        return self.runner.run(run())

    def live(self, kind: LinkKind) -> dict[LinkRef, Known]:
        return {
            ref: link
            for ref, link in self.known.items()
            if link.kind is kind and link.state is not LinkState.RETIRED
        }

    def taken(self, link: Known, but: LinkRef | None = None) -> set[LinkEnd]:
        others = [one for ref, one in self.live(link.kind).items() if ref != but]
        ends = {LinkEnd.OPENBIS} if link.perm_id in {one.perm_id for one in others} else set()
        return ends | (
            {LinkEnd.OMERO} if link.omero_id in {one.omero_id for one in others} else set()
        )

    def project_of(self, perm_id: str) -> LinkRef | None:
        live = self.live(LinkKind.PROJECT)
        return next((ref for ref, link in live.items() if link.perm_id == perm_id), None)

    def made(self, outcome: Any, wanted: Known) -> Any:
        """Compare the outcome of making a link."""
        taken = self.taken(wanted)
        if taken:
            assert isinstance(outcome, LinkConflict)
            assert outcome.end in taken
            return multiple()
        self.known[outcome.ref] = wanted
        self.events += 1
        return outcome.ref

    @initialize(target=links)
    def a_link_nobody_knows(self) -> LinkRef:
        return LinkRef(LinkKind.PROJECT, 2**62)

    @rule(target=links, perm_id=PERM_IDS, omero_id=OMERO_IDS, reserve=st.booleans())
    def link_project(self, perm_id: str, omero_id: int, reserve: bool) -> Any:
        state = LinkState.RESERVED if reserve else LinkState.ACTIVE
        outcome = self.attempt(self.store.link_project(perm_id, omero_id, author="a", state=state))
        return self.made(outcome, Known(LinkKind.PROJECT, perm_id, omero_id, state))

    @rule(target=links, perm_id=SAMPLE_IDS, project=PERM_IDS, omero_id=OMERO_IDS)
    def link_sample(self, perm_id: str, project: str, omero_id: int) -> Any:
        new = NewSampleLink(perm_id, project, omero_id)
        outcome = self.attempt(self.store.link_sample(new, author="a"))
        above = self.project_of(project)
        if above is None:
            assert isinstance(outcome, LinkNotFound)
            return multiple()
        wanted = Known(LinkKind.SAMPLE, perm_id, omero_id, LinkState.ACTIVE, above=above)
        return self.made(outcome, wanted)

    def refused(self, ref: LinkRef, lag: int, outcome: Any) -> bool:
        """Compare the refusals that all changes have in common."""
        if ref not in self.known:
            assert isinstance(outcome, LinkNotFound)
        elif lag:
            assert isinstance(outcome, StaleRevision)
            assert outcome.current == self.known[ref].revision
        else:
            return False
        return True

    def expected(self, ref: LinkRef, lag: int) -> int:
        return (self.known[ref].revision if ref in self.known else 1) + lag

    def changed(self, ref: LinkRef, **values: Any) -> None:
        old = self.known[ref]
        self.known[ref] = replace(old, revision=old.revision + 1, **values)
        self.events += 1

    @rule(ref=links, lag=LAG, broken=st.booleans())
    def activate_or_break(self, ref: LinkRef, lag: int, broken: bool) -> None:
        write = self.store.mark_broken if broken else self.store.activate
        state = LinkState.BROKEN if broken else LinkState.ACTIVE
        outcome = self.attempt(write(ref, expected_revision=self.expected(ref, lag), author="b"))
        if self.refused(ref, lag, outcome):
            return
        if self.known[ref].state is LinkState.RETIRED:
            assert isinstance(outcome, InvalidLink)
        elif self.known[ref].state is not state:
            self.changed(ref, state=state)
            assert outcome.state is state

    @rule(ref=links, lag=LAG, with_samples=st.booleans())
    def retire(self, ref: LinkRef, lag: int, with_samples: bool) -> None:
        outcome = self.attempt(
            self.store.retire(
                ref,
                expected_revision=self.expected(ref, lag),
                author="c",
                with_samples=with_samples,
            )
        )
        if self.refused(ref, lag, outcome) or self.known[ref].state is LinkState.RETIRED:
            return
        below = [one for one, link in self.live(LinkKind.SAMPLE).items() if link.above == ref]
        if below and not with_samples:
            assert isinstance(outcome, LinkConflict)
            assert outcome.end is LinkEnd.SAMPLE_LINKS
            return
        for one in (*below, ref):
            self.changed(one, state=LinkState.RETIRED)
        assert outcome.state is LinkState.RETIRED

    @rule(ref=consumes(links), lag=LAG, omero_id=OMERO_IDS, target=links)
    def move(self, ref: LinkRef, lag: int, omero_id: int) -> LinkRef:
        outcome = self.attempt(
            self.store.move(
                ref, expected_revision=self.expected(ref, lag), author="d", omero_id=omero_id
            )
        )
        if self.refused(ref, lag, outcome):
            return ref
        old = self.known[ref]
        healed = LinkState.ACTIVE if old.state is LinkState.BROKEN else old.state
        if old.state is LinkState.RETIRED or old.omero_id == omero_id:
            assert isinstance(outcome, InvalidLink)
        elif self.taken(replace(old, omero_id=omero_id), ref):
            assert isinstance(outcome, LinkConflict)
            assert outcome.end is LinkEnd.OMERO
        else:
            self.changed(ref, omero_id=omero_id, state=healed)
        return ref

    @rule(ref=links, project=PERM_IDS)
    def move_below(self, ref: LinkRef, project: str) -> None:
        if ref.kind is LinkKind.PROJECT or self.known[ref].state is LinkState.RETIRED:
            return
        outcome = self.attempt(
            self.store.move(
                ref,
                expected_revision=self.known[ref].revision,
                author="e",
                project_perm_id=project,
            )
        )
        above, old = self.project_of(project), self.known[ref]
        if old.above is not None and self.known[old.above].perm_id == project:
            assert isinstance(outcome, InvalidLink)
        elif above is None:
            assert isinstance(outcome, LinkNotFound)
        else:
            healed = LinkState.ACTIVE if old.state is LinkState.BROKEN else old.state
            self.changed(ref, above=above, state=healed)

    @invariant()
    def the_store_holds_what_the_dictionary_holds(self) -> None:
        found = self.runner.run(self.store.links_by_ids(list(self.known)))
        assert {ref: known(link) for ref, link in found.items()} == self.known

    @invariant()
    def look_ups_answer_with_the_live_links(self) -> None:
        by_perm_id = self.runner.run(self.store.project_links(["A", "B", "C"]))
        by_omero = self.runner.run(self.store.sample_links_of_omero(range(1, 5)))
        live_projects, live_samples = self.live(LinkKind.PROJECT), self.live(LinkKind.SAMPLE)
        assert {link.ref for link in by_perm_id.values()} == set(live_projects)
        assert {link.ref for link in by_omero.values()} == set(live_samples)

    @invariant()
    def each_change_is_told_once_in_the_history(self) -> None:
        history = self.runner.run(self.store.history(list(self.known)))
        assert sum(map(len, history.values())) == self.events
        for ref, events in history.items():
            assert [event.revision for event in events] == list(range(1, len(events) + 1))
            assert events[-1].new_state == self.known[ref].state
            states = [event.old_state for event in events[1:]]
            assert states == [event.new_state for event in events[:-1]]

    @invariant()
    def counts_are_those_of_the_dictionary(self) -> None:
        counts = self.runner.run(self.store.counts())
        states = [(link.kind, link.state) for link in self.known.values()]
        for kind, of_kind in counts.items():
            assert of_kind == {state: states.count((kind, state)) for state in LinkState}


def known(link: LinkRecord) -> Known:
    above = (
        LinkRef(LinkKind.PROJECT, link.project_link_id)
        if isinstance(link, SampleLinkRecord)
        else None
    )
    return Known(
        link.ref.kind, link.openbis_perm_id, link.omero_id, link.state, link.revision, above
    )


def test_any_sequence_of_writes_is_what_a_dictionary_says(database_url: str) -> None:
    run_state_machine_as_test(
        lambda: LinksAsADictionary(database_url),
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
