"""Which samples were made of which, as far as it has been read and the viewer sees it.

What is kept of records is ids. A sample that the viewer does not see is in no record, and so
lineage ends at it. One `Lineage` is filled either with samples and all their ancestors, or with
candidates and all their descendants; on the way up from what it was filled with it is complete.
Used by `evaluation.py` and `members.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

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

    def add_tree(self, root: SampleRecord) -> set[str]:
        """Take in a sample whose children were fetched at every depth; return all of their ids."""
        self._above.clear()
        self._parents.setdefault(root.perm_id, ())
        found = {root.perm_id}
        waiting = [root]
        while waiting:
            sample = waiting.pop()
            for child in sample.children or ():
                known = self._parents.get(child.perm_id, ())
                if sample.perm_id not in known:
                    self._parents[child.perm_id] = (*known, sample.perm_id)
                if child.perm_id not in found:
                    found.add(child.perm_id)
                    waiting.append(child)
        return found

    def __contains__(self, perm_id: str) -> bool:
        return perm_id in self._parents

    def generations(self, perm_id: str) -> Iterator[list[str]]:
        """The sample, its parents, their parents; each sample once."""
        seen = {perm_id}
        generation = [perm_id]
        while generation:
            yield generation
            above = dict.fromkeys(
                parent for one in generation for parent in self._parents.get(one, ())
            )
            generation = [each for each in above if each not in seen]
            seen.update(generation)

    def above(self, perm_id: str) -> frozenset[str]:
        """The sample itself and all its ancestors."""
        known = self._above.get(perm_id)
        if known is None:
            line = (each for generation in self.generations(perm_id) for each in generation)
            known = self._above[perm_id] = frozenset(line)
        return known

    def units_above(self, perm_id: str, units: Collection[str]) -> list[str]:
        """Those of the sample and its ancestors that are units."""
        return [each for each in self.above(perm_id) if each in units]
