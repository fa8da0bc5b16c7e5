"""From typed filters to v3 search criteria.

A filter becomes a list of criteria that must all hold. Groups (`or`, `not`) are criteria of the
searched class nested in itself. The API knows no groups below type, project and space, so that
negations and alternatives on those are lifted to the entity that has them, which means the same,
because it has one of each. Exact matches are sent without wildcards. `paging.py` adds the position
of a page; values and their comparisons are in `values.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from backends.errors import InvalidRequest, Source
from backends.filters import (
    ExperimentFilter,
    OmicsFilter,
    ProjectFilter,
    PropertyMatch,
    SampleFilter,
    StringMatch,
)
from backends.openbis.names import NAMES
from backends.openbis.values import (
    ANY_CODE,
    CODE,
    NO_CODE,
    PERM_ID,
    Attribute,
    Json,
    dates,
    numbers,
    property_boolean,
    property_string,
    texts,
)
from backends.records import Kind

AnyFilter = ProjectFilter | ExperimentFilter | SampleFilter | OmicsFilter
F = TypeVar("F", ProjectFilter, ExperimentFilter, SampleFilter, OmicsFilter)
Wrap = Callable[[list[Json], str], Json]

PARENTS = "as.dto.sample.search.SampleParentsSearchCriteria"
CHILDREN = "as.dto.sample.search.SampleChildrenSearchCriteria"
PHYSICAL = "as.dto.dataset.search.PhysicalDataSearchCriteria"
LINKED = "as.dto.dataset.search.LinkedDataSearchCriteria"
SPACE = "as.dto.space.search.SpaceSearchCriteria"
REGISTERED = "as.dto.common.search.RegistrationDateSearchCriteria"
MODIFIED = "as.dto.common.search.ModificationDateSearchCriteria"


def composite(type_name: str, criteria: list[Json], operator: str = "AND") -> Json:
    """Criteria of a class, or of a relation, all or any of which must hold."""
    return {"@type": type_name, "operator": operator, "criteria": criteria}


@dataclass(frozen=True, slots=True)
class Scope:
    """Where conditions stand: the class that can group them, and how one on the target is put.

    For the searched entity itself, `relation` is None. For its type, project or space it wraps the
    conditions into the relation, as the owner's own condition.
    """

    owner: str
    relation: Wrap | None = None

    def put(self, criteria: list[Json], operator: str = "AND") -> Json:
        """One criterion of the owner that holds if all, or any, of these hold for the target."""
        if self.relation is not None:
            return self.relation(criteria, operator)
        return criteria[0] if len(criteria) == 1 else composite(self.owner, criteria, operator)

    def none_of(self, criteria: list[Json]) -> Json:
        """One criterion that holds if not all of these criteria of the owner hold."""
        return composite(self.owner, criteria) | {"negated": True}

    def groups(self, f: F, conditions: Callable[[F, Scope], list[Json]]) -> list[Json]:
        """The nested predicates of a filter, each a group of its own.

        Never merged into the level above: openBIS would intersect two conditions on parents there.
        An empty predicate holds for everything, while an empty group would depend on the server.
        """
        every = [conditions(each, self) for each in f.all_of]
        some = [conditions(each, self) for each in f.any_of]
        result = [composite(self.owner, each) for each in every if each]
        if some and all(some):
            result.append(
                composite(self.owner, [composite(self.owner, each) for each in some], "OR")
            )
        negated = [conditions(each, self) for each in f.none_of]
        return result + [self.none_of(each) if each else self.put([NO_CODE]) for each in negated]

    def within(self, relation: Wrap) -> Scope:
        """The scope of a related entity, seen through this one."""
        return Scope(
            self.owner, lambda criteria, operator: self.put([relation(criteria, operator)])
        )


def criteria(kind: Kind, predicate: AnyFilter | None) -> list[Json]:
    """The criteria that must all hold for an entity of `kind` to satisfy the predicate.

    Raises:
        InvalidRequest: openBIS cannot be asked that.
    """
    if predicate is None:
        return []
    scope = Scope(NAMES[kind].criteria)
    if isinstance(predicate, SampleFilter) and kind is Kind.SAMPLE:
        return _sample(predicate, scope)
    if isinstance(predicate, ExperimentFilter) and kind is Kind.EXPERIMENT:
        return _experiment(predicate, scope)
    if isinstance(predicate, ProjectFilter) and kind is Kind.PROJECT:
        return _project(predicate, scope)
    if isinstance(predicate, OmicsFilter) and kind is Kind.OMICS_DATASET:
        return _omics(predicate, scope)
    raise InvalidRequest(Source.OPENBIS, f"{kind} cannot be searched by that filter.")


def _sample(f: SampleFilter, scope: Scope) -> list[Json]:
    names = NAMES[Kind.SAMPLE]
    result = [
        *_text(f.code, CODE, scope),
        *_text(f.perm_id, PERM_ID, scope),
        *_text(f.type, CODE, scope.within(_relation(names.type_criteria))),
        *_properties(f.properties, scope),
        *dates(REGISTERED, f.registered),
        *dates(MODIFIED, f.modified),
    ]
    if f.project is not None:
        result += _project(f.project, scope.within(_project_of_sample))
    if f.experiment is not None:
        result.append(_to(NAMES[Kind.EXPERIMENT].criteria, _nested_experiment(f.experiment)))
    # One criterion per relation: a second one would be intersected with the first's relatives.
    if f.parent is not None:
        result.append(_to(PARENTS, _nested_sample(f.parent)))
    if f.child is not None:
        result.append(_to(CHILDREN, _nested_sample(f.child)))
    return result + scope.groups(f, _sample)


def _experiment(f: ExperimentFilter, scope: Scope) -> list[Json]:
    names = NAMES[Kind.EXPERIMENT]
    result = [
        *_text(f.code, CODE, scope),
        *_text(f.perm_id, PERM_ID, scope),
        *_text(f.type, CODE, scope.within(_relation(names.type_criteria))),
        *_properties(f.properties, scope),
        *dates(REGISTERED, f.registered),
        *dates(MODIFIED, f.modified),
    ]
    if f.project is not None:
        result += _project(f.project, scope.within(_relation(NAMES[Kind.PROJECT].criteria)))
    return result + scope.groups(f, _experiment)


def _omics(f: OmicsFilter, scope: Scope) -> list[Json]:
    names = NAMES[Kind.OMICS_DATASET]
    result = [
        *_text(f.code, CODE, scope),
        *_text(f.type, CODE, scope.within(_relation(names.type_criteria))),
        *_properties(f.properties, scope),
        *dates(REGISTERED, f.registered),
        *dates(MODIFIED, f.modified),
    ]
    if f.kind is not None:
        result.append(_kind(f.kind, scope))
    if f.sample is not None:
        result.append(_to(NAMES[Kind.SAMPLE].criteria, _nested_sample(f.sample)))
    if f.experiment is not None:
        result.append(_to(NAMES[Kind.EXPERIMENT].criteria, _nested_experiment(f.experiment)))
    return result + scope.groups(f, _omics)


def _project(f: ProjectFilter, scope: Scope) -> list[Json]:
    """Conditions on a project, put as conditions of the scope's owner."""
    result = [
        *_text(f.code, CODE, scope),
        *_text(f.perm_id, PERM_ID, scope),
        *_text(f.space, CODE, scope.within(_relation(SPACE))),
    ]
    if scope.relation is not None and not result:
        result.append(scope.put([ANY_CODE]))  # there must be a project for anything to hold for it
    return result + scope.groups(f, _project)


def _project_of_sample(conditions: list[Json], operator: str) -> Json:
    project = composite(NAMES[Kind.PROJECT].criteria, conditions, operator)
    through = composite(NAMES[Kind.EXPERIMENT].criteria, [project])
    return composite(NAMES[Kind.SAMPLE].criteria, [through, project], "OR")


def _nested_sample(f: SampleFilter) -> list[Json]:
    return _sample(f, Scope(NAMES[Kind.SAMPLE].criteria))


def _nested_experiment(f: ExperimentFilter) -> list[Json]:
    return _experiment(f, Scope(NAMES[Kind.EXPERIMENT].criteria))


def _to(relation: str, conditions: list[Json]) -> Json:
    """A relation that must exist and satisfy the conditions; openBIS skips some empty ones."""
    return composite(relation, conditions or [ANY_CODE])


def _relation(type_name: str) -> Wrap:
    return lambda conditions, operator: composite(type_name, conditions, operator)


def _kind(kind: str, scope: Scope) -> Json:
    physical, linked = composite(PHYSICAL, []), composite(LINKED, [])
    if kind == "PHYSICAL":
        return physical
    if kind == "LINK":
        return linked
    if kind == "CONTAINER":
        return scope.none_of([composite(scope.owner, [physical, linked], "OR")])
    raise InvalidRequest(Source.OPENBIS, "The kind of a data set is PHYSICAL, LINK or CONTAINER.")


def _properties(matches: tuple[PropertyMatch, ...], scope: Scope) -> list[Json]:
    result: list[Json] = []
    for match in matches:
        code = match.code.upper()
        result += _text(match.string, property_string(code), scope)
        result += numbers(code, match.number)
        result += dates("as.dto.common.search.DatePropertySearchCriteria", match.date, code)
        if match.boolean is not None:
            result.append(property_boolean(code, value=match.boolean))
    return result


def _text(match: StringMatch | None, attribute: Attribute, scope: Scope) -> list[Json]:
    """Conditions on a text; `ne` and `exists: false` need a negated group of the owner."""
    if match is None:
        return []
    result: list[Json] = []
    plain = texts(match, attribute)
    if match.one_of is not None and attribute.plural is None:
        if match.one_of:
            result.append(scope.put([attribute.equal(each) for each in match.one_of], "OR"))
        else:
            plain.append(NO_CODE)
    if match.ne is not None:
        # As in SQL, what has no value is not different from one.
        plain += [attribute.any()] if attribute.optional else []
        result.append(scope.none_of([scope.put([attribute.equal(match.ne)])]))
    if match.exists is False:
        if attribute.optional:
            result.append(scope.none_of([scope.put([attribute.any()])]))
        else:
            plain.append(NO_CODE)
    elif match.exists and attribute.optional:
        plain.append(attribute.any())
    if not plain:
        return result
    # The searched entity's conditions stand side by side, a related one's share one relation.
    return [*plain, *result] if scope.relation is None else [scope.put(plain), *result]
