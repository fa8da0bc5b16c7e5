"""Search: from criteria to the set of keys of the visible rows that meet them.

It works on sets, as the server does. Criteria that an index answers give a set at once; the others
test the rows that are left. Two habits of openBIS' own planner are kept, because an adapter must
not rely on better: `negated` turns around only what stands directly in a group of samples or data
sets, never its parent, child or nested groups (those keep their own sign); and several parent
criteria in one group ask for one parent that meets them all, one without any match being skipped.
What a single criterion tests is in `attributes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from backends.demo.openbis.attributes import Attributes
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.data_criteria import Unsupported, has_wildcards, members
from backends.demo.openbis.errors import ServerFailure, invalid_parameters
from backends.demo.openbis.ids import key_of_id
from backends.demo.openbis.kinds import NAMES, TAGGED, TYPE_OF, TYPED_BY, Kind
from backends.demo.openbis.rights import Rights
from backends.demo.openbis.values import exact_string, short_name

Criterion = dict[str, Any]
Within = Collection[str]

_COMPOSITE = frozenset({Kind.EXPERIMENT, Kind.SAMPLE, Kind.DATA_SET})
_RELATED = {
    Kind.SAMPLE: ("SampleParentsSearchCriteria", "SampleChildrenSearchCriteria"),
    Kind.DATA_SET: ("DataSetParentsSearchCriteria", "DataSetChildrenSearchCriteria"),
}
# (kind, criteria about another kind) → (that kind, the index of ours that leads there)
_RELATIONS = {
    (Kind.PROJECT, "SpaceSearchCriteria"): (Kind.SPACE, "space"),
    (Kind.EXPERIMENT, "ProjectSearchCriteria"): (Kind.PROJECT, "project"),
    (Kind.SAMPLE, "SpaceSearchCriteria"): (Kind.SPACE, "space"),
    (Kind.SAMPLE, "ProjectSearchCriteria"): (Kind.PROJECT, "project"),
    (Kind.SAMPLE, "ExperimentSearchCriteria"): (Kind.EXPERIMENT, "experiment"),
    (Kind.DATA_SET, "ExperimentSearchCriteria"): (Kind.EXPERIMENT, "experiment"),
    (Kind.DATA_SET, "SampleSearchCriteria"): (Kind.SAMPLE, "sample"),
    (Kind.SAMPLE, "SampleContainerSearchCriteria"): (Kind.SAMPLE, "container"),
    (Kind.DATA_SET, "DataSetContainerSearchCriteria"): (Kind.DATA_SET, "container"),
    (Kind.AUTHORIZATION_GROUP, "PersonSearchCriteria"): (Kind.PERSON, "user"),
    (Kind.ROLE_ASSIGNMENT, "PersonSearchCriteria"): (Kind.PERSON, "user"),
    (Kind.ROLE_ASSIGNMENT, "AuthorizationGroupSearchCriteria"): (
        Kind.AUTHORIZATION_GROUP,
        "group",
    ),
    (Kind.ROLE_ASSIGNMENT, "SpaceSearchCriteria"): (Kind.SPACE, "space"),
    (Kind.ROLE_ASSIGNMENT, "ProjectSearchCriteria"): (Kind.PROJECT, "project"),
    (Kind.PERSONAL_ACCESS_TOKEN, "PersonalAccessTokenOwnerSearchCriteria"): (
        Kind.PERSON,
        "owner",
    ),
    (Kind.TERM, "VocabularySearchCriteria"): (Kind.VOCABULARY, "vocabulary"),
    (Kind.PROPERTY_TYPE, "VocabularySearchCriteria"): (Kind.VOCABULARY, "vocabulary"),
}
# (kind, criteria about another kind) → (that kind, the key of ours that a row of it names)
_BACK_REFERENCES: dict[tuple[Kind, str], tuple[Kind, Callable[[Catalog, Any], str | None]]] = {
    (Kind.SAMPLE, "DataSetSearchCriteria"): (Kind.DATA_SET, lambda _, row: row.sample),
    (Kind.EXPERIMENT, "SampleSearchCriteria"): (Kind.SAMPLE, lambda _, row: row.experiment),
    (Kind.EXPERIMENT, "DataSetSearchCriteria"): (
        Kind.DATA_SET,
        lambda catalog, row: catalog.experiment_of_data_set(row),
    ),
}
_ACTORS = {"RegistratorSearchCriteria": "registrator", "ModifierSearchCriteria": "modifier"}


class Search:
    """One search of one viewer over the catalog."""

    def __init__(self, catalog: Catalog, rights: Rights) -> None:
        self._catalog = catalog
        self._rights = rights
        self._attributes = Attributes(catalog)

    def select(self, kind: Kind, criteria: Criterion) -> set[str]:
        """The keys of the visible rows of a kind that meet the criteria."""
        try:
            return self._rights.visible(kind, self._matching(kind, criteria))
        except Unsupported as unsupported:
            raise ServerFailure(
                f"Unsupported criterion type: {unsupported} (Context: [])"
            ) from unsupported

    def _matching(self, kind: Kind, criteria: Criterion, within: Within | None = None) -> set[str]:
        """The keys that meet the criteria; with `within`, of the others nothing is promised."""
        items = members(criteria)
        either = _operator(criteria) == "OR"
        negated = bool(criteria.get("negated"))
        if not items:
            return set(self._catalog.table(kind).rows if within is None else within)
        if kind not in _COMPOSITE:
            return self._main(kind, items, within, either=either, negated=negated)
        same = f"{NAMES[kind].bean}SearchCriteria"
        parents_name, children_name = _RELATED.get(kind, ("", ""))
        parents = [item for item in items if short_name(item) == parents_name]
        children = [item for item in items if short_name(item) == children_name]
        nested = [item for item in items if short_name(item) == same]
        apart = [*parents, *children, *(nested if parents_name else [])]
        main = [item for item in items if not any(item is other for other in apart)]
        groups: list[set[str]] = []
        if main:
            groups.append(self._main(kind, main, within, either=either, negated=negated))
        if parents:
            groups.append(self._children_of(kind, self._relatives(kind, parents, either=either)))
        if children:
            groups.append(self._parents_of(kind, self._relatives(kind, children, either=either)))
        for item in sorted(nested, key=_names_rows, reverse=True):
            if groups and not either:  # all must hold: nobody else need be looked at
                within = _merged(groups, either=False)
            groups.append(self._rights.visible(kind, self._matching(kind, item, within)))
        return _merged(groups, either=either)

    def _main(
        self,
        kind: Kind,
        items: list[Criterion],
        within: Within | None,
        *,
        either: bool,
        negated: bool,
    ) -> set[str]:
        rows = self._catalog.table(kind).rows
        scope: Within = rows if within is None else within
        sets: list[set[str]] = []
        tests: list[Callable[[Any], bool]] = []
        for item in items:
            found = self._indexed(kind, item)
            if found is None:
                tests.append(self._attributes.test(kind, item))
            else:
                sets.append(found)
        if either:
            result = set().union(*sets)
            if tests:
                result.update(
                    key
                    for key in scope
                    if key not in result and any(test(rows[key]) for test in tests)
                )
        else:
            left: Iterable[str] = scope
            if sets:
                left = _merged(sets, either=False)
                left = left if within is None else left & set(within)
            for test in tests:
                left = {key for key in left if test(rows[key])}
            result = set(left)
        return set(scope) - result if negated else result

    def _relatives(self, kind: Kind, items: list[Criterion], *, either: bool) -> set[str]:
        found = [self._rights.visible(kind, self._matching(kind, item)) for item in items]
        return _merged([keys for keys in found if keys], either=either)

    def _children_of(self, kind: Kind, parents: set[str]) -> set[str]:
        return self._catalog.table(kind).by_any("parent", parents)

    def _parents_of(self, kind: Kind, children: set[str]) -> set[str]:
        rows = self._catalog.table(kind).rows
        return {parent for key in children for parent in rows[key].parents if parent in rows}

    def _indexed(self, kind: Kind, item: Criterion) -> set[str] | None:
        """The rows of a criterion that needs no scan, or None when it does."""
        name = short_name(item)
        if name == f"{NAMES[kind].bean}SearchCriteria":
            return self._rights.visible(kind, self._matching(kind, item))
        found = self._by_relation(kind, name, item)
        if found is None:
            found = self._by_code(kind, name, item)
        if found is None:
            found = self._by_back_reference(kind, name, item)
        return found

    def _by_relation(self, kind: Kind, name: str, item: Criterion) -> set[str] | None:
        table = self._catalog.table(kind)
        if (kind, name) in _RELATIONS:
            target, index = _RELATIONS[kind, name]
            return table.by_any(index, self.select(target, item))
        type_kind = TYPE_OF.get(kind)
        if type_kind is not None and name in {
            f"{NAMES[type_kind].bean}SearchCriteria",
            "EntityTypeSearchCriteria",
        }:
            return table.by_any("type", self.select(type_kind, item))
        return None

    def _by_code(self, kind: Kind, name: str, item: Criterion) -> set[str] | None:
        table = self._catalog.table(kind)
        if name == "CodesSearchCriteria" and table.has_index("code"):
            return table.by_any("code", item.get("fieldValue") or [])
        exact = exact_string(item.get("fieldValue"), wildcards=has_wildcards(item))
        if name == "CodeSearchCriteria" and exact is not None and table.has_index("code"):
            return set(table.by("code", exact.removeprefix("/")))
        if name == "PermIdSearchCriteria" and exact is not None and kind is not Kind.TERM:
            return {exact} & table.rows.keys()
        if name == "IdSearchCriteria":
            key = key_of_id(self._catalog, kind, item.get("id"), self._rights.person.user_id)
            return set() if key is None else {key}
        return None

    def _by_back_reference(self, kind: Kind, name: str, item: Criterion) -> set[str] | None:
        """The rows that others refer to: samples by their data sets, types by their properties."""
        if name == "PropertyAssignmentSearchCriteria" and kind in TYPED_BY:
            return self._types_with(kind, item)
        if name in _ACTORS:
            persons, attribute = self.select(Kind.PERSON, item), _ACTORS[name]
            rows = self._catalog.table(kind).rows.items()
            return {key for key, row in rows if getattr(row, attribute, None) in persons}
        if name == "TagSearchCriteria" and kind in TYPE_OF:
            return self._tagged(kind, self.select(Kind.TAG, item))
        if (kind, name) not in _BACK_REFERENCES:
            return None
        target, key_of = _BACK_REFERENCES[kind, name]
        others = self._catalog.table(target).rows
        found = {key_of(self._catalog, others[key]) for key in self.select(target, item)}
        return {key for key in found if key is not None}

    def _tagged(self, kind: Kind, tags: set[str]) -> set[str]:
        attribute = TAGGED[kind]
        rows = self._catalog.tags.rows
        found = {key for tag in tags for key in getattr(rows[tag], attribute)}
        return found & self._catalog.table(kind).rows.keys()

    def _types_with(self, kind: Kind, item: Criterion) -> set[str]:
        """The types that have a property type which meets all nested criteria."""
        wanted: set[str] = set(self._catalog.property_types.rows)
        for nested in members(item):
            if short_name(nested) != "PropertyTypeSearchCriteria":
                raise Unsupported(short_name(nested))
            wanted &= self.select(Kind.PROPERTY_TYPE, nested)
        rows = self._catalog.types[kind].rows
        return {key for key, row in rows.items() if wanted.intersection(row.property_codes)}


def _names_rows(criteria: Criterion) -> bool:
    """Whether a group lists rows by their ids, and so is a small one."""
    items = members(criteria)
    return bool(items) and all(short_name(item) == "PermIdSearchCriteria" for item in items)


def _operator(criteria: Criterion) -> str:
    operator = criteria.get("operator") or "AND"
    if operator not in {"AND", "OR"}:
        raise invalid_parameters()
    return str(operator)


def _merged(groups: list[set[str]], *, either: bool) -> set[str]:
    if not groups:
        return set()
    if either:
        return set().union(*groups)
    smallest, *others = sorted(groups, key=len)
    return smallest.intersection(*others)
