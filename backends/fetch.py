"""What to load along with an entity: the look-ahead of a query, in the adapters' words.

Resolvers build a `Fetch` from the fields that a query selects; the adapters translate it to fetch
options (openBIS) or to joins and follow-up projections (OMERO). It is hashable, so that loaders can
group by it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Fetch(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Relation names with what to fetch beyond each.

    On openBIS: `type properties space project experiment parents children ancestors descendants
    omics_datasets sample registrator leader location content_copies`; `ancestors` and `descendants`
    load `parents` and `children` at every depth with the same options. On OMERO images: `channels
    objective instrument key_values tags roi_count fileset`; on containers `image_count` and
    `image_dataset_count`.
    """

    relations: tuple[tuple[str, Fetch], ...] = ()

    @staticmethod
    def of(*names: str, **nested: Fetch) -> Fetch:
        """Build from plain names and from names with a further fetch; order does not matter."""
        merged = {name: Fetch() for name in names} | nested
        return Fetch(tuple(sorted(merged.items())))

    def names(self) -> frozenset[str]:
        """The names of the relations at this level."""
        return frozenset(name for name, _ in self.relations)

    def get(self, name: str) -> Fetch | None:
        """What to fetch beyond a relation, or None when it is not wanted."""
        return next((fetch for known, fetch in self.relations if known == name), None)

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in self.relations)

    def __or__(self, other: Fetch) -> Fetch:
        """The union of both, merged at every level."""
        merged = dict(self.relations)
        for name, fetch in other.relations:
            merged[name] = merged[name] | fetch if name in merged else fetch
        return Fetch(tuple(sorted(merged.items())))

    @staticmethod
    def union(fetches: Iterable[Fetch]) -> Fetch:
        """The union of many."""
        result = Fetch()
        for fetch in fetches:
            result = result | fetch
        return result


NOTHING_MORE = Fetch()
