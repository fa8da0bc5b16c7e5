"""The audit: each kind of finding by example, and laws over generated installations."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace as with_

from link_store.findings import (
    AuditFacts,
    FindingKind,
    LinkFinding,
    OmeroDatasetFact,
    OmeroProjectFact,
    OpenbisProjectFact,
    OpenbisSampleFact,
    Repair,
)
from link_store.reconcile import PATIENCE, reconcile
from link_store.records import (
    LinkKind,
    LinkRecord,
    LinkRef,
    LinkState,
    ProjectLinkRecord,
    SampleLinkRecord,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
THEN = NOW - timedelta(days=30)


def project_link(number: int, perm_id: str, omero_id: int) -> ProjectLinkRecord:
    return ProjectLinkRecord(
        number, "openbis", perm_id, "omero", omero_id, LinkState.ACTIVE, "NAME", 1, "a", THEN, THEN
    )


def sample_link(number: int, perm_id: str, omero_id: int, above: int = 1) -> SampleLinkRecord:
    return SampleLinkRecord(
        number,
        "openbis",
        perm_id,
        "omero",
        omero_id,
        LinkState.ACTIVE,
        "NAME",
        1,
        "a",
        THEN,
        THEN,
        above,
        f"P-{above}",
    )


def installation(projects: int = 2, samples: int = 2) -> AuditFacts:
    """Build a sound installation: everything linked, annotated and in its place."""
    pairs = [(p, p * 100 + s) for p in range(1, projects + 1) for s in range(1, samples + 1)]
    return AuditFacts(
        projects=tuple(OpenbisProjectFact(f"P-{p}", f"QAAA{p}") for p in range(1, projects + 1)),
        samples=tuple(OpenbisSampleFact(f"S-{s}", f"QAAA{p}{s}", f"P-{p}") for p, s in pairs),
        image_projects=tuple(
            OmeroProjectFact(p, f"QAAA{p}", f"P-{p}") for p in range(1, projects + 1)
        ),
        image_datasets=tuple(OmeroDatasetFact(s, f"QAAA{p}{s}", (p,), f"S-{s}") for p, s in pairs),
        links=(
            *(project_link(p, f"P-{p}", p) for p in range(1, projects + 1)),
            *(sample_link(s, f"S-{s}", s, p) for p, s in pairs),
        ),
    )


SOUND = installation()


def found(facts: AuditFacts) -> list[tuple[FindingKind, Repair]]:
    return [(finding.kind, finding.repair) for finding in reconcile(facts, now=NOW)]


def one(facts: AuditFacts) -> LinkFinding:
    findings = reconcile(facts, now=NOW)
    assert len(findings) == 1, findings
    return findings[0]


def changed(facts: AuditFacts, ref: LinkRef, **values: object) -> AuditFacts:
    links = [with_(link, **values) if link.ref == ref else link for link in facts.links]
    return replace(facts, links=tuple(links))


SAMPLE = LinkRef(LinkKind.SAMPLE, 101)


def without_dataset(facts: AuditFacts, omero_id: int = 101) -> AuditFacts:
    kept = (fact for fact in facts.image_datasets if fact.omero_id != omero_id)
    return replace(facts, image_datasets=tuple(kept))


def without_sample(facts: AuditFacts, perm_id: str = "S-101") -> AuditFacts:
    return replace(facts, samples=tuple(f for f in facts.samples if f.perm_id != perm_id))


def test_a_sound_installation_has_no_findings() -> None:
    assert found(SOUND) == []
    assert found(AuditFacts()) == []


def test_the_omero_end_is_gone() -> None:
    finding = one(without_dataset(SOUND))
    assert finding.kind is FindingKind.ORPHANED_IN_OPENBIS
    assert (finding.repair, finding.link) == (Repair.MARK_BROKEN, SAMPLE)
    assert finding.sentence == (
        "openBIS sample QAAA1101 is linked to OMERO dataset 101, which is gone."
    )
    assert (finding.openbis_perm_ids, finding.omero_ids) == (("S-101",), (101,))


def test_the_openbis_end_is_gone() -> None:
    finding = one(without_sample(SOUND))
    assert finding.kind is FindingKind.ORPHANED_IN_OMERO
    assert finding.sentence == (
        "OMERO dataset 101 is linked to openBIS sample S-101, which is gone."
    )


def test_a_link_already_broken_or_without_both_ends_is_to_be_retired() -> None:
    broken = changed(without_dataset(SOUND), SAMPLE, state=LinkState.BROKEN)
    assert found(broken) == [(FindingKind.ORPHANED_IN_OPENBIS, Repair.RETIRE_LINK)]
    assert sorted(found(without_dataset(without_sample(SOUND)))) == [
        (FindingKind.ORPHANED_IN_OMERO, Repair.RETIRE_LINK),
        (FindingKind.ORPHANED_IN_OPENBIS, Repair.RETIRE_LINK),
    ]


def test_nothing_is_called_gone_by_who_does_not_see_everything() -> None:
    assert found(replace(without_dataset(SOUND), omero_complete=False)) == []
    assert found(replace(without_sample(SOUND), openbis_complete=False)) == []
    nothing = AuditFacts(links=SOUND.links, openbis_complete=False, omero_complete=False)
    assert found(nothing) == []


def test_a_sample_in_another_project() -> None:
    samples = tuple(
        replace(fact, project_perm_id="P-2") if fact.perm_id == "S-101" else fact
        for fact in SOUND.samples
    )
    finding = one(replace(SOUND, samples=samples))
    assert (finding.kind, finding.repair) == (FindingKind.CROSS_PROJECT, Repair.MOVE_LINK)
    assert "stands below the link of openBIS project QAAA1" in finding.sentence


@pytest.mark.parametrize(
    ("project_ids", "wrong"), [((2,), True), ((), True), ((1, 2), False), ((1,), False)]
)
def test_a_dataset_in_another_project(project_ids: tuple[int, ...], wrong: bool) -> None:
    datasets = tuple(
        replace(fact, project_ids=project_ids) if fact.omero_id == 101 else fact
        for fact in SOUND.image_datasets
    )
    wanted = [(FindingKind.CROSS_PROJECT, Repair.MOVE_DATASET)] if wrong else []
    assert found(replace(SOUND, image_datasets=datasets)) == wanted


def test_a_stuck_reservation_is_the_only_thing_said_of_it() -> None:
    reserved = changed(without_dataset(SOUND), SAMPLE, state=LinkState.RESERVED)
    assert found(reserved) == [(FindingKind.STUCK_RESERVATION, Repair.RESUME_OR_RETIRE)]
    recent = changed(reserved, SAMPLE, updated_at=NOW - PATIENCE + timedelta(seconds=1))
    assert found(recent) == []


def test_an_annotation_that_is_missing_or_of_another_object() -> None:
    for said, words in ((None, "lacks its annotation"), ("S-102", "for another object")):
        datasets = tuple(
            replace(fact, annotated_perm_id=said) if fact.omero_id == 101 else fact
            for fact in SOUND.image_datasets
        )
        finding = one(replace(SOUND, image_datasets=datasets))
        assert finding.kind is FindingKind.ANNOTATION_DRIFT
        assert finding.repair is Repair.WRITE_ANNOTATION
        assert words in finding.sentence


def extra_dataset(facts: AuditFacts, fact: OmeroDatasetFact) -> AuditFacts:
    return replace(facts, image_datasets=(*facts.image_datasets, fact))


def extra_sample(facts: AuditFacts, fact: OpenbisSampleFact) -> AuditFacts:
    return replace(facts, samples=(*facts.samples, fact))


@pytest.mark.parametrize("said", ["S-101", "S-999"])
def test_a_free_dataset_annotated_for_what_is_linked_or_gone(said: str) -> None:
    finding = one(extra_dataset(SOUND, OmeroDatasetFact(900, "copy", (1,), said)))
    assert (finding.kind, finding.link) == (FindingKind.ANNOTATION_DRIFT, None)
    assert finding.repair is Repair.REMOVE_ANNOTATION


NEW = OpenbisSampleFact("S-N", "QAAA1NEW", "P-1")


def test_a_candidate_by_its_annotation_wins_over_names() -> None:
    facts = extra_sample(SOUND, NEW)
    facts = extra_dataset(facts, OmeroDatasetFact(900, "anything", (1,), "S-N"))
    facts = extra_dataset(facts, OmeroDatasetFact(901, "QAAA1NEW", (1,)))
    finding = one(facts)
    assert (finding.kind, finding.repair) == (FindingKind.UNLINKED_CANDIDATE, Repair.LINK)
    assert (finding.openbis_perm_ids, finding.omero_ids) == (("S-N",), (900,))


def test_two_datasets_annotated_for_one_sample_are_for_a_person_to_decide() -> None:
    facts = extra_sample(SOUND, NEW)
    for number in (900, 901):
        facts = extra_dataset(facts, OmeroDatasetFact(number, "x", (1,), "S-N"))
    assert found(facts) == [(FindingKind.ANNOTATION_DRIFT, Repair.LINK_BY_HAND)] * 2


def test_a_candidate_by_its_name_below_a_linked_project_only() -> None:
    facts = extra_sample(SOUND, NEW)
    here = extra_dataset(facts, OmeroDatasetFact(900, "QAAA1NEW", (1,)))
    finding = one(here)
    assert (finding.kind, finding.omero_ids) == (FindingKind.UNLINKED_CANDIDATE, (900,))
    assert "by its name" in finding.sentence
    assert found(extra_dataset(facts, OmeroDatasetFact(900, "QAAA1NEW", (2,)))) == []
    assert found(extra_dataset(facts, OmeroDatasetFact(900, "QAAA1NEW", ()))) == []
    assert found(replace(here, omero_complete=False)) == []


def test_two_datasets_of_one_name_are_ambiguous_and_none_is_picked() -> None:
    facts = extra_sample(SOUND, NEW)
    for number in (901, 900):
        facts = extra_dataset(facts, OmeroDatasetFact(number, "QAAA1NEW", (1,)))
    finding = one(facts)
    assert (finding.kind, finding.repair) == (FindingKind.AMBIGUOUS_NAME, Repair.LINK_BY_HAND)
    assert (finding.openbis_perm_ids, finding.omero_ids) == (("S-N",), (900, 901))


def test_a_second_dataset_with_the_name_of_a_linked_one_is_ambiguous() -> None:
    finding = one(extra_dataset(SOUND, OmeroDatasetFact(900, "QAAA1101", (1,))))
    assert finding.kind is FindingKind.AMBIGUOUS_NAME
    assert finding.omero_ids == (101, 900)


def test_a_free_pair_with_a_linked_name_sake_is_ambiguous() -> None:
    renamed = tuple(
        replace(fact, name="QAAA1NEW") if fact.omero_id == 102 else fact
        for fact in SOUND.image_datasets
    )
    facts = extra_sample(replace(SOUND, image_datasets=renamed), NEW)
    finding = one(extra_dataset(facts, OmeroDatasetFact(900, "QAAA1NEW", (1,))))
    assert (finding.kind, finding.omero_ids) == (FindingKind.AMBIGUOUS_NAME, (102, 900))


def test_one_dataset_in_two_projects_with_a_sample_of_its_name_each_is_ambiguous() -> None:
    facts = extra_sample(SOUND, NEW)
    facts = extra_sample(facts, OpenbisSampleFact("S-M", "QAAA1NEW", "P-2"))
    finding = one(extra_dataset(facts, OmeroDatasetFact(900, "QAAA1NEW", (1, 2))))
    assert finding.kind is FindingKind.AMBIGUOUS_NAME
    assert finding.openbis_perm_ids == ("S-M", "S-N")


def test_projects_of_one_code_in_two_spaces() -> None:
    twin = (*SOUND.projects, OpenbisProjectFact("P-9", "QAAA1"))
    assert found(replace(SOUND, projects=twin)) == []  # its name-sake is spoken for
    plain = tuple(replace(fact, annotated_perm_id=None) for fact in SOUND.image_projects[:1])
    facts = AuditFacts(projects=twin, image_projects=plain, links=())
    finding = one(facts)
    assert (finding.kind, finding.openbis_perm_ids) == (FindingKind.AMBIGUOUS_NAME, ("P-1", "P-9"))
    assert finding.link_kind is LinkKind.PROJECT


def test_retired_links_count_for_nothing() -> None:
    gone = tuple(with_(link, state=LinkState.RETIRED) for link in SOUND.links)
    kinds = {kind for kind, _ in found(replace(SOUND, links=gone))}
    assert kinds == {FindingKind.UNLINKED_CANDIDATE}


# --- laws ----------------------------------------------------------------------------------------

CODES = st.sampled_from(["QAAAA", "QBBBB", "QCCCC"])
MAYBE_SAMPLE = st.none() | st.sampled_from(["S-1", "S-2", "S-3", "S-4", "S-9"])


@st.composite
def any_facts(draw: st.DrawFn) -> AuditFacts:
    """Draw a small installation in any disorder that the database allows."""
    projects = [OpenbisProjectFact(f"P-{i}", draw(CODES)) for i in range(draw(st.integers(0, 3)))]
    image_projects = [
        OmeroProjectFact(i, draw(CODES), draw(st.sampled_from([None, "P-0", "P-1", "P-9"])))
        for i in range(1, draw(st.integers(1, 4)))
    ]
    above = st.sampled_from([None, "P-0", "P-1", "P-2"])
    samples = [
        OpenbisSampleFact(f"S-{i}", draw(CODES), draw(above))
        for i in range(1, draw(st.integers(1, 6)))
    ]
    lying = st.lists(st.integers(1, 3), unique=True, max_size=2).map(tuple)
    datasets = [
        OmeroDatasetFact(i, draw(CODES), draw(lying), draw(MAYBE_SAMPLE))
        for i in range(1, draw(st.integers(1, 6)))
    ]
    links: list[LinkRecord] = []
    states = st.sampled_from(LinkState)
    ends = draw(st.permutations([1, 2, 3]))
    for i in range(draw(st.integers(0, 3))):
        link = project_link(i + 1, f"P-{i}", ends[i])
        links.append(with_(link, state=draw(states)))
    live = [link for link in links if link.state is not LinkState.RETIRED]
    sample_ends = draw(st.permutations([1, 2, 3, 4, 5, 6]))
    for i in range(draw(st.integers(0, 5)) if live else 0):
        parent = draw(st.sampled_from(live))
        link = sample_link(i + 1, f"S-{i + 1}", sample_ends[i], parent.id)
        links.append(with_(link, state=draw(states), project_perm_id=parent.openbis_perm_id))
    return AuditFacts(
        tuple(projects),
        tuple(samples),
        tuple(image_projects),
        tuple(datasets),
        tuple(links),
        openbis_complete=draw(st.booleans()),
        omero_complete=draw(st.booleans()),
    )


@given(any_facts(), st.randoms(use_true_random=False))
def test_the_order_of_the_facts_does_not_matter(facts: AuditFacts, dice: random.Random) -> None:
    def shuffled(things: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(dice.sample(things, len(things)))

    mixed = replace(
        facts,
        projects=shuffled(facts.projects),
        samples=shuffled(facts.samples),
        image_projects=shuffled(facts.image_projects),
        image_datasets=shuffled(facts.image_datasets),
        links=shuffled(facts.links),
    )
    assert reconcile(mixed, now=NOW) == reconcile(facts, now=NOW)


@given(any_facts())
def test_candidates_are_free_and_each_object_is_proposed_once(facts: AuditFacts) -> None:
    findings = reconcile(facts, now=NOW)
    for kind in LinkKind:
        live = [
            link
            for link in facts.links
            if link.ref.kind is kind and link.state is not LinkState.RETIRED
        ]
        proposed = [
            finding
            for finding in findings
            if finding.kind is FindingKind.UNLINKED_CANDIDATE and finding.link_kind is kind
        ]
        here = [perm_id for finding in proposed for perm_id in finding.openbis_perm_ids]
        there = [omero_id for finding in proposed for omero_id in finding.omero_ids]
        assert len(set(here)) == len(here) == len(there) == len(set(there))
        assert not set(here) & {link.openbis_perm_id for link in live}
        assert not set(there) & {link.omero_id for link in live}
        ambiguous = {
            omero_id
            for finding in findings
            if finding.kind is FindingKind.AMBIGUOUS_NAME and finding.link_kind is kind
            for omero_id in finding.omero_ids
        }
        by_name = {f.omero_ids[0] for f in proposed if "by its name" in f.sentence}
        assert not ambiguous & by_name


@given(any_facts())
def test_less_sight_never_finds_more_things_gone_or_free(facts: AuditFacts) -> None:
    seeing = replace(facts, openbis_complete=True, omero_complete=True)
    more = {(f.kind, f.openbis_perm_ids, f.omero_ids) for f in reconcile(seeing, now=NOW)}
    less = {(f.kind, f.openbis_perm_ids, f.omero_ids) for f in reconcile(facts, now=NOW)}
    assert less <= more


@given(any_facts())
def test_findings_are_sorted_told_once_and_in_sentences(facts: AuditFacts) -> None:
    findings = reconcile(facts, now=NOW)
    assert list(findings) == sorted(set(findings))
    refs = {link.ref for link in facts.links if link.state is not LinkState.RETIRED}
    for finding in findings:
        assert finding.sentence.endswith(".")
        assert "None" not in finding.sentence
        assert finding.link is None or finding.link in refs
        assert finding.openbis_perm_ids
        assert finding.omero_ids


def repaired(facts: AuditFacts, finding: LinkFinding) -> AuditFacts:
    """Do what a finding's repair says, with plain facts."""
    links = {link.ref: link for link in facts.links}
    omero_id, perm_id = finding.omero_ids[0], finding.openbis_perm_ids[0]
    if finding.repair in {Repair.RETIRE_LINK, Repair.RESUME_OR_RETIRE}:
        assert finding.link is not None
        links[finding.link] = with_(links[finding.link], state=LinkState.RETIRED)
    elif finding.repair is Repair.MARK_BROKEN:
        assert finding.link is not None
        links[finding.link] = with_(links[finding.link], state=LinkState.BROKEN)
    elif finding.repair is Repair.LINK:
        number = max((ref.id for ref in links), default=0) + 1
        new: LinkRecord = project_link(number, perm_id, omero_id)
        if finding.link_kind is LinkKind.SAMPLE:
            sample = next(fact for fact in facts.samples if fact.perm_id == perm_id)
            parents = [
                link
                for link in facts.links
                if isinstance(link, ProjectLinkRecord)
                and link.openbis_perm_id == sample.project_perm_id
                and link.state is not LinkState.RETIRED
            ]
            assume(parents)
            new = with_(
                sample_link(number, perm_id, omero_id, parents[0].id),
                project_perm_id=parents[0].openbis_perm_id,
            )
        links[new.ref] = new
    elif finding.repair in {Repair.WRITE_ANNOTATION, Repair.REMOVE_ANNOTATION}:
        said = perm_id if finding.repair is Repair.WRITE_ANNOTATION else None
        name = "image_projects" if finding.link_kind is LinkKind.PROJECT else "image_datasets"
        things = tuple(
            replace(fact, annotated_perm_id=said) if fact.omero_id == omero_id else fact
            for fact in getattr(facts, name)
        )
        return replace(facts, **{name: things})
    return replace(facts, links=tuple(links.values()))


@given(any_facts())
def test_a_repair_makes_its_finding_go_away(facts: AuditFacts) -> None:
    facts = replace(facts, openbis_complete=True, omero_complete=True)
    by_hand = {Repair.LINK_BY_HAND, Repair.MOVE_DATASET, Repair.MOVE_LINK}
    for finding in reconcile(facts, now=NOW):
        if finding.repair not in by_hand:
            assert finding not in reconcile(repaired(facts, finding), now=NOW)
