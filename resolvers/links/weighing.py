"""From claims to proposals: which of them agree, and what nobody but a person can decide.

Pure functions. Claims that touch each other are weighed together: a sample and a dataset that are
claimed for each other, and by nothing else, are proposed; everything else is ambiguous and reported
whole, never decided by order or by number. An annotation that names its object outright, and that
no other contradicts, comes before what the other conventions suggest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from link_store.records import Evidence
from resolvers.links.conventions import CONFIDENCE, combined


@dataclass(frozen=True, slots=True)
class Claim:
    """Something says that these two belong together."""

    perm_id: str
    omero_id: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two objects that are claimed for each other and for no other; surest evidence first."""

    perm_id: str
    omero_id: int
    evidence: tuple[Evidence, ...]

    @property
    def confidence(self) -> float:
        """How sure the evidence makes one, below 1."""
        return combined(self.evidence)


@dataclass(frozen=True, slots=True)
class Tangle:
    """Objects whose claims contradict each other, or what is linked already."""

    perm_ids: tuple[str, ...]
    omero_ids: tuple[int, ...]
    evidence: tuple[Evidence, ...]


def weigh(
    claims: Iterable[Claim],
    *,
    linked: Collection[str],
    linked_of_omero: Collection[int],
    within: Collection[int],
) -> tuple[list[Agreement], list[Tangle]]:
    """Weigh all claims of one kind of link.

    Args:
        claims: in any order, repeated or not.
        linked: permIds that stand in a live link.
        linked_of_omero: OMERO ids that do.
        within: OMERO ids that may be proposed: others are claimed, but lie elsewhere.

    Returns:
        What can be linked, and what cannot be decided; both in order of permId.
    """
    evidence: dict[tuple[str, int], set[Evidence]] = {}
    for claim in claims:
        evidence.setdefault((claim.perm_id, claim.omero_id), set()).add(claim.evidence)
    settled_here, settled_there = set(linked), set(linked_of_omero)
    agreements: list[Agreement] = []
    for outright_only in (True, False):
        pairs = {
            pair: kinds
            for pair, kinds in evidence.items()
            if not outright_only or Evidence.MAP_ANNOTATION in kinds
        }
        waiting = _open(pairs, settled_here, settled_there)
        decided = [
            Agreement(perm_id, omero_id, ordered(evidence[perm_id, omero_id]))
            for perm_id, omero_id in _alone(waiting)
            if perm_id not in settled_here and omero_id not in settled_there and omero_id in within
        ]
        agreements += decided
        settled_here |= {each.perm_id for each in decided}
        settled_there |= {each.omero_id for each in decided}
        # What an object is annotated for outright is not put in question by its name.
        no_more = {each.omero_id: each.perm_id for each in decided}
        evidence = {
            pair: kinds
            for pair, kinds in evidence.items()
            if no_more.get(pair[1], pair[0]) == pair[0]
        }
    agreements.sort(key=lambda each: each.perm_id)
    return agreements, list(_tangles(_open(evidence, settled_here, settled_there)))


def _open(
    evidence: Mapping[tuple[str, int], set[Evidence]], here: Collection[str], there: Collection[int]
) -> dict[tuple[str, int], set[Evidence]]:
    """Pairs that still say something: not both of their ends are settled."""
    return {
        pair: kinds
        for pair, kinds in evidence.items()
        if pair[0] not in here or pair[1] not in there
    }


def _alone(waiting: Mapping[tuple[str, int], set[Evidence]]) -> list[tuple[str, int]]:
    """Pairs neither of whose ends stands in another pair."""
    here: defaultdict[str, int] = defaultdict(int)
    there: defaultdict[int, int] = defaultdict(int)
    for perm_id, omero_id in waiting:
        here[perm_id] += 1
        there[omero_id] += 1
    return [pair for pair in waiting if here[pair[0]] == there[pair[1]] == 1]


def ordered(kinds: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Evidence with the surest first."""
    return tuple(sorted(set(kinds), key=lambda each: (-CONFIDENCE.get(each, 0.0), each)))


def _tangles(left: Mapping[tuple[str, int], set[Evidence]]) -> Iterator[Tangle]:
    """Gather pairs that share an object, directly or by others."""
    there: defaultdict[str, set[int]] = defaultdict(set)
    here: defaultdict[int, set[str]] = defaultdict(set)
    for perm_id, omero_id in left:
        there[perm_id].add(omero_id)
        here[omero_id].add(perm_id)
    seen: set[str] = set()
    for start in sorted(there):
        if start in seen:
            continue
        perm_ids, omero_ids, waiting = {start}, set[int](), [start]
        while waiting:
            for omero_id in there[waiting.pop()] - omero_ids:
                omero_ids.add(omero_id)
                waiting.extend(here[omero_id] - perm_ids)
                perm_ids |= here[omero_id]
        seen |= perm_ids
        kinds = {
            kind for one in perm_ids for omero_id in there[one] for kind in left[one, omero_id]
        }
        yield Tangle(tuple(sorted(perm_ids)), tuple(sorted(omero_ids)), ordered(kinds))
