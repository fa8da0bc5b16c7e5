"""Compares both systems with the links between them: a pure function from facts to findings.

Nothing is read or repaired here; resolvers fetch the facts and show or apply the repairs. The order
of the facts does not matter. Retired links count for nothing; an object is *free* when it stands in
no live link.

ORPHANED_IN_OPENBIS
    The OMERO end of an active or broken link is gone, so the openBIS end stands alone. Where both
    ends are gone, this and the next are both found.
ORPHANED_IN_OMERO
    The openBIS end of an active or broken link is gone, so the OMERO end stands alone.
CROSS_PROJECT
    The two ends of an active or broken sample link are in projects that are not each other's: the
    sample is, by now, in another openBIS project than the link says, or its dataset lies in none of
    the OMERO projects but elsewhere.
AMBIGUOUS_NAME
    The naming convention (OMERO name = openBIS code) points from or to several objects: a free
    OMERO object bears the code of an openBIS object, and another OMERO object does, too, or the
    code belongs to several free openBIS objects. Datasets are compared with samples only below a
    live project link. An OMERO object that bears an annotation is never matched by its name.
UNLINKED_CANDIDATE
    One free openBIS object and one free OMERO object belong together, and with no other: by the
    annotation, or else by the naming convention.
ANNOTATION_DRIFT
    OMERO's `omnibis/link` annotation and the links disagree: it is missing from, or names another
    openBIS object than, an active link, or by an identifier that is no longer its own; or a free
    OMERO object is annotated for an openBIS object that is linked elsewhere, is gone, or is claimed
    by another free one, too.
STUCK_RESERVATION
    A link has been reserved for longer than a registration takes.

What would need a complete view of a side (see `AuditFacts`) is not found without one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

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
from link_store.records import LinkKind, LinkRecord, LinkState, SampleLinkRecord

PATIENCE = timedelta(hours=1)
_WORDS = {
    LinkKind.PROJECT: ("openBIS project", "OMERO project"),
    LinkKind.SAMPLE: ("openBIS sample", "OMERO dataset"),
}
OpenbisFact = OpenbisProjectFact | OpenbisSampleFact
OmeroFact = OmeroProjectFact | OmeroDatasetFact


@dataclass(frozen=True, slots=True)
class _Side:
    """One kind of link with the objects it may connect."""

    kind: LinkKind
    openbis: Mapping[str, OpenbisFact]
    omero: Mapping[int, OmeroFact]
    by_perm_id: Mapping[str, LinkRecord]  # the live links
    by_omero_id: Mapping[int, LinkRecord]

    def openbis_name(self, perm_id: str) -> str:
        """Name an openBIS object in a sentence."""
        fact = self.openbis.get(perm_id)
        return f"{_WORDS[self.kind][0]} {perm_id if fact is None else fact.code}"

    def omero_name(self, omero_id: int) -> str:
        """Name an OMERO object in a sentence."""
        return f"{_WORDS[self.kind][1]} {omero_id}"


def reconcile(
    facts: AuditFacts, *, now: datetime, patience: timedelta = PATIENCE
) -> tuple[LinkFinding, ...]:
    """Compare the facts of both systems with the links, and say what is wrong.

    Args:
        facts: Both systems' contents and the links.
        now: The present, with its zone.
        patience: How long a reservation may last.

    Returns:
        The findings, sorted by kind and by what they concern.
    """
    live = [link for link in facts.links if link.state is not LinkState.RETIRED]
    projects = _side(LinkKind.PROJECT, facts.projects, facts.image_projects, live)
    samples = _side(LinkKind.SAMPLE, facts.samples, facts.image_datasets, live)
    findings: list[LinkFinding] = []
    for side in (projects, samples):
        candidates = dict(_annotated_candidates(side)) if facts.omero_complete else {}
        findings.extend(_orphans(side, facts))
        findings.extend(_drift(side, facts, candidates))
        findings.extend(_stuck(side, now - patience))
        findings.extend(_proposed(side, candidates))
        if facts.openbis_complete and facts.omero_complete:
            pairs = _pairs_by_name(facts, projects, side.kind)
            findings.extend(_by_name(side, pairs, set(candidates.values())))
    findings.extend(_across_projects(projects, samples))
    return tuple(sorted(findings))


def _side(
    kind: LinkKind,
    openbis: Iterable[OpenbisFact],
    omero: Iterable[OmeroFact],
    live: Iterable[LinkRecord],
) -> _Side:
    links = [link for link in live if link.ref.kind is kind]
    return _Side(
        kind,
        {fact.perm_id: fact for fact in openbis},
        {fact.omero_id: fact for fact in omero},
        {link.openbis_perm_id: link for link in links},
        {link.omero_id: link for link in links},
    )


def _about(link: LinkRecord, kind: FindingKind, repair: Repair, sentence: str) -> LinkFinding:
    return LinkFinding(
        kind=kind,
        link_kind=link.ref.kind,
        openbis_perm_ids=(link.openbis_perm_id,),
        omero_ids=(link.omero_id,),
        repair=repair,
        sentence=sentence,
        link=link.ref,
    )


def _settled(side: _Side) -> Iterator[LinkRecord]:
    """The links whose ends must be there: all live ones but reservations."""
    for link in side.by_perm_id.values():
        if link.state is not LinkState.RESERVED:
            yield link


def _orphans(side: _Side, facts: AuditFacts) -> Iterator[LinkFinding]:
    for link in _settled(side):
        here = link.openbis_perm_id in side.openbis or not facts.openbis_complete
        there = link.omero_id in side.omero or not facts.omero_complete
        noted = link.state is LinkState.BROKEN or not (here or there)
        repair = Repair.RETIRE_LINK if noted else Repair.MARK_BROKEN
        ends = (side.openbis_name(link.openbis_perm_id), side.omero_name(link.omero_id))
        if not there:
            sentence = f"{ends[0]} is linked to {ends[1]}, which is gone."
            yield _about(link, FindingKind.ORPHANED_IN_OPENBIS, repair, sentence)
        if not here:
            sentence = f"{ends[1]} is linked to {ends[0]}, which is gone."
            yield _about(link, FindingKind.ORPHANED_IN_OMERO, repair, sentence)


def _stuck(side: _Side, before: datetime) -> Iterator[LinkFinding]:
    for link in side.by_perm_id.values():
        if link.state is LinkState.RESERVED and link.updated_at < before:
            sentence = (
                f"The link of {side.openbis_name(link.openbis_perm_id)} to "
                f"{side.omero_name(link.omero_id)} was reserved and never made active."
            )
            yield _about(link, FindingKind.STUCK_RESERVATION, Repair.RESUME_OR_RETIRE, sentence)


def _across_projects(projects: _Side, samples: _Side) -> Iterator[LinkFinding]:
    for link in _settled(samples):
        if not isinstance(link, SampleLinkRecord):  # pragma: no cover - the side holds no other
            continue
        name = samples.openbis_name(link.openbis_perm_id)
        sample = samples.openbis.get(link.openbis_perm_id)
        if isinstance(sample, OpenbisSampleFact) and sample.project_perm_id != link.project_perm_id:
            sentence = (
                f"{name} stands below the link of "
                f"{projects.openbis_name(link.project_perm_id)}, but is not in that project."
            )
            yield _about(link, FindingKind.CROSS_PROJECT, Repair.MOVE_LINK, sentence)
            continue  # where the dataset should lie is clear only when this is set right
        dataset = samples.omero.get(link.omero_id)
        above = projects.by_perm_id.get(link.project_perm_id)
        if not isinstance(dataset, OmeroDatasetFact) or above is None:
            continue
        if above.omero_id not in dataset.project_ids:
            sentence = (
                f"{name} is linked to {samples.omero_name(link.omero_id)}, which does not lie in "
                f"{projects.omero_name(above.omero_id)}, the one its project is linked to."
            )
            yield _about(link, FindingKind.CROSS_PROJECT, Repair.MOVE_DATASET, sentence)


def _annotated_candidates(side: _Side) -> Iterator[tuple[int, str]]:
    """Free OMERO objects with the free openBIS object that each, and it alone, is annotated for."""
    claims: dict[str, list[int]] = defaultdict(list)
    for omero_id, fact in side.omero.items():
        if fact.annotated_perm_id is not None and omero_id not in side.by_omero_id:
            claims[fact.annotated_perm_id].append(omero_id)
    for perm_id, claimants in claims.items():
        free = perm_id in side.openbis and perm_id not in side.by_perm_id
        if free and len(claimants) == 1:
            yield claimants[0], perm_id


def _drift(side: _Side, facts: AuditFacts, candidates: Mapping[int, str]) -> Iterator[LinkFinding]:
    for omero_id, fact in side.omero.items():
        said, link = fact.annotated_perm_id, side.by_omero_id.get(omero_id)
        name = side.omero_name(omero_id)
        if link is not None:
            wrong = said != link.openbis_perm_id
            if link.state is LinkState.ACTIVE and (wrong or fact.outdated):
                what = "lacks its annotation" if said is None else "is annotated for another object"
                what = what if wrong else "is annotated with what that was called before"
                sentence = f"{name}, linked to {side.openbis_name(link.openbis_perm_id)}, {what}."
                yield _about(link, FindingKind.ANNOTATION_DRIFT, Repair.WRITE_ANNOTATION, sentence)
            continue
        if said is None or omero_id in candidates:
            continue
        why, repair = _why_not(side, facts, said)
        if why is not None:
            yield LinkFinding(
                kind=FindingKind.ANNOTATION_DRIFT,
                link_kind=side.kind,
                openbis_perm_ids=(said,),
                omero_ids=(omero_id,),
                repair=repair,
                sentence=f"{name} is annotated for {side.openbis_name(said)}, which {why}.",
            )


def _why_not(side: _Side, facts: AuditFacts, said: str) -> tuple[str | None, Repair]:
    """Say why the openBIS object that a free OMERO object is annotated for is not its own."""
    if said in side.by_perm_id:
        return "is linked to another object", Repair.REMOVE_ANNOTATION
    if said not in side.openbis:
        return ("is gone" if facts.openbis_complete else None), Repair.REMOVE_ANNOTATION
    if facts.omero_complete:
        return "is claimed by others, too", Repair.LINK_BY_HAND
    return None, Repair.LINK_BY_HAND


def _proposed(side: _Side, candidates: Mapping[int, str]) -> Iterator[LinkFinding]:
    for omero_id, perm_id in candidates.items():
        yield _candidate(side, perm_id, omero_id, "by its annotation")


def _candidate(side: _Side, perm_id: str, omero_id: int, reason: str) -> LinkFinding:
    return LinkFinding(
        kind=FindingKind.UNLINKED_CANDIDATE,
        link_kind=side.kind,
        openbis_perm_ids=(perm_id,),
        omero_ids=(omero_id,),
        repair=Repair.LINK,
        sentence=(
            f"{side.omero_name(omero_id)} belongs to {side.openbis_name(perm_id)} {reason}, "
            "but they are not linked."
        ),
    )


def _pairs_by_name(facts: AuditFacts, projects: _Side, kind: LinkKind) -> Iterator[tuple[str, int]]:
    """All pairs of an openBIS and an OMERO object that the naming convention brings together."""
    if kind is LinkKind.PROJECT:
        named: dict[str, list[int]] = defaultdict(list)
        for project in facts.image_projects:
            named[project.name].append(project.omero_id)
        for openbis in facts.projects:
            for omero_id in named.get(openbis.code, ()):
                yield openbis.perm_id, omero_id
        return
    lying: dict[tuple[int, str], list[int]] = defaultdict(list)
    for dataset in facts.image_datasets:
        for project_id in dataset.project_ids:
            lying[project_id, dataset.name].append(dataset.omero_id)
    for sample in facts.samples:
        above = projects.by_perm_id.get(sample.project_perm_id or "")
        if above is not None:
            for omero_id in lying.get((above.omero_id, sample.code), ()):
                yield sample.perm_id, omero_id


def _by_name(
    side: _Side, pairs: Iterable[tuple[str, int]], proposed: set[str]
) -> Iterator[LinkFinding]:
    """Judge each set of objects that names connect: one clear pair, or several to choose from."""
    for perm_ids, omero_ids in _connected(pairs):
        free_here = sorted(perm_ids - side.by_perm_id.keys() - proposed)
        free_there = sorted(
            one
            for one in omero_ids - side.by_omero_id.keys()
            if side.omero[one].annotated_perm_id is None
        )
        if not free_there:
            continue
        if len(free_here) == len(free_there) == len(omero_ids) == 1:
            yield _candidate(side, free_here[0], free_there[0], "by its name")
        elif free_here or len(omero_ids) > 1:
            name = side.omero[free_there[0]].name
            words = _WORDS[side.kind]
            yield LinkFinding(
                kind=FindingKind.AMBIGUOUS_NAME,
                link_kind=side.kind,
                openbis_perm_ids=tuple(sorted(perm_ids)),
                omero_ids=tuple(sorted(omero_ids)),
                repair=Repair.LINK_BY_HAND,
                sentence=(
                    f"The name {name} does not tell which is which: "
                    f"{len(perm_ids)} {words[0]}(s), {len(omero_ids)} {words[1]}(s)."
                ),
            )


def _connected(pairs: Iterable[tuple[str, int]]) -> Iterator[tuple[set[str], set[int]]]:
    """Gather pairs into sets that share no object with each other."""
    there: dict[str, set[int]] = defaultdict(set)
    here: dict[int, set[str]] = defaultdict(set)
    for perm_id, omero_id in pairs:
        there[perm_id].add(omero_id)
        here[omero_id].add(perm_id)
    seen: set[str] = set()
    for start in there:
        if start in seen:
            continue
        perm_ids, omero_ids, waiting = {start}, set[int](), [start]
        while waiting:
            for omero_id in there[waiting.pop()] - omero_ids:
                omero_ids.add(omero_id)
                waiting.extend(here[omero_id] - perm_ids)
                perm_ids |= here[omero_id]
        seen |= perm_ids
        yield perm_ids, omero_ids
