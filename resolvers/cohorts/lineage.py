"""Which samples were made of which, as far as it has been read and the viewer sees it.

Records come with their ancestors at every depth; what is kept of them is ids. A sample that the
viewer does not see is in no record, and so lineage ends at it. Used by `evaluation.py`.
"""

from __future__ import annotations

from collections.abc import Collection

from backends.records import SampleRecord


class Lineage:
    """Parents by sample, and the way up from each."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, frozenset[str]] = {}

    def add(self, record: SampleRecord) -> None:
        """Take in a sample whose parents were fetched at every depth."""
        waiting = [record]
        while waiting:
            sample = waiting.pop()
            if sample.perm_id not in self._parents:
                parents = sample.parents or ()
                self._parents[sample.perm_id] = tuple(parent.perm_id for parent in parents)
                waiting.extend(parents)

    def __contains__(self, perm_id: str) -> bool:
        return perm_id in self._parents

    def above(self, perm_id: str) -> frozenset[str]:
        """The sample itself and all its ancestors."""
        known = self._above.get(perm_id)
        if known is not None:
            return known
        found: dict[str, None] = {perm_id: None}
        waiting = [perm_id]
        while waiting:
            for parent in self._parents.get(waiting.pop(), ()):
                if parent not in found:
                    found[parent] = None
                    waiting.append(parent)
        above = self._above[perm_id] = frozenset(found)
        return above

    def units_above(self, perm_id: str, units: Collection[str]) -> list[str]:
        """Those of the sample and its ancestors that are units."""
        return [each for each in self.above(perm_id) if each in units]
