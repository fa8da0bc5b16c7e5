"""Who is taken from whom: cycles and impossible parents are faults; parents come first.

Used for sheets, where people write parents down; a factorial design cannot go wrong here.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from backends.sheets.faults import Fault, too_many
from resolvers.design.draft import DraftSample
from resolvers.design.levels import LEVELS

_SHOWN = 6


def check_lineage(
    samples: Sequence[DraftSample], column: str, faults: list[Fault]
) -> tuple[DraftSample, ...]:
    """Return the samples with parents before their children, adding to `faults` what is wrong.

    Levels come in their order, and within one the samples keep the order that they were given in,
    as far as their parents allow.
    """
    known = {sample.key: sample for sample in samples}
    for sample in samples:
        allowed = LEVELS[sample.level].parents
        for key in sample.parents:
            parent = known[key]
            if parent.level not in allowed:
                told = f"{LEVELS[sample.level].words[0]} from {LEVELS[parent.level].words[0]}"
                faults.append(Fault(sample.line, column, f"no {told} ({parent.name}) is possible"))
    order = _order({sample.key: set(sample.parents) for sample in samples}, known, column, faults)
    generation = dict.fromkeys(known, 0)
    for key in order:
        generation[key] = max((generation[each] + 1 for each in known[key].parents), default=0)
    levels = list(LEVELS)
    return tuple(sorted(samples, key=lambda each: (levels.index(each.level), generation[each.key])))


def _order(
    graph: dict[str, set[str]],
    known: dict[str, DraftSample],
    column: str,
    faults: list[Fault],
) -> list[str]:
    """The keys, parents first; each cycle is told at all of its lines, and then taken apart."""
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle: list[str] = error.args[1]
        members = cycle[:-1]
        shown = " ← ".join([*cycle[:_SHOWN], *(["…"] if len(cycle) > _SHOWN else [])])
        for key in members:
            message = f"the parents go round in a circle: {shown}"
            faults.append(Fault(known[key].line, column, message))
            graph[key] = graph[key] - set(members)
        if too_many(faults):
            return []
