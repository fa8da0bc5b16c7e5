"""From typed filters to v3 search criteria.

A filter becomes a condition (`logic.py`), a condition a list of criteria that must all hold. The
API knows no groups below type, project and space, so that negations and alternatives on those are
lifted to the entity that has them, which means the same, because it has one of each. `paging.py`
adds the position of a page; values and their comparisons are in `values.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from backends.openbis.logic import NEVER, Condition, Every, Json, Leaf, Not, Some, composite, encode
from backends.openbis.names import NAMES
from backends.openbis.values import (
    ANY_CODE,
    CODE,
    MODIFIED,
    NO_CODE,
    PERM_ID,
    PROPERTY_DATE,
    REGISTERED,
    Attribute,
    dates,
    numbers,
    property_boolean,
    property_string,
    texts,
)
from backends.records import Kind

AnyFilter = ProjectFilter | ExperimentFilter | SampleFilter | OmicsFilter
F = TypeVar("F", ProjectFilter, ExperimentFilter, SampleFilter, OmicsFilter)

# Puts criteria of some entity, all or any of which must hold, as a condition of the searched one.
Lift = Callable[[list[Json], str], Condition]

PROJECT = NAMES[Kind.PROJECT].criteria
EXPERIMENT = NAMES[Kind.EXPERIMENT].criteria
SAMPLE = NAMES[Kind.SAMPLE].criteria
SPACE = "as.dto.space.search.SpaceSearchCriteria"
PARENTS = "as.dto.sample.search.SampleParentsSearchCriteria"
CHILDREN = "as.dto.sample.search.SampleChildrenSearchCriteria"
PHYSICAL = "as.dto.dataset.search.PhysicalDataSearchCriteria"
LINKED = "as.dto.dataset.search.LinkedDataSearchCriteria"


def criteria(kind: Kind, predicate: AnyFilter | None) -> list[Json]:
    """The criteria that must all hold for an entity of `kind` to satisfy the predicate.

    Raises:
        InvalidRequest: openBIS cannot be asked that.
    """
    match kind, predicate:
        case _, None:
            return []
        case Kind.SAMPLE, SampleFilter():
            condition = _sample(predicate)
        case Kind.EXPERIMENT, ExperimentFilter():
            condition = _experiment(predicate)
        case Kind.PROJECT, ProjectFilter():
            condition = Every(tuple(_project(predicate, itself)))
        case Kind.OMICS_DATASET, OmicsFilter():
            condition = _omics(predicate)
        case _:
            raise InvalidRequest(Source.OPENBIS, f"{kind} cannot be searched by that filter.")
    return encode(NAMES[kind].criteria, condition, NO_CODE)


# --- one function per kind of filter -------------------------------------------------------------


def _sample(f: SampleFilter) -> Condition:
    parts = [
        *_text(f.code, CODE, itself),
        *_text(f.perm_id, PERM_ID, itself),
        *_text(f.type, CODE, partial(_related, NAMES[Kind.SAMPLE].type_criteria)),
        *_properties(f.properties),
        *map(Leaf, dates(REGISTERED, f.registered)),
        *map(Leaf, dates(MODIFIED, f.modified)),
    ]
    if f.project is not None:
        project = _project(f.project, _project_of_sample)
        if not any(map(_demanding, project)):
            parts.append(_project_of_sample([ANY_CODE], "AND"))  # there must be one at all
        parts += project
    if f.experiment is not None:
        parts.append(_nested(EXPERIMENT, EXPERIMENT, _experiment(f.experiment)))
    if f.parent is not None:
        parts.append(_nested(PARENTS, SAMPLE, _sample(f.parent), family=True))
    if f.child is not None:
        parts.append(_nested(CHILDREN, SAMPLE, _sample(f.child), family=True))
    return Every(tuple(_and_groups(parts, f, _sample)))


def _experiment(f: ExperimentFilter) -> Condition:
    parts = [
        *_text(f.code, CODE, itself),
        *_text(f.perm_id, PERM_ID, itself),
        *_text(f.type, CODE, partial(_related, NAMES[Kind.EXPERIMENT].type_criteria)),
        *_properties(f.properties),
        *map(Leaf, dates(REGISTERED, f.registered)),
        *map(Leaf, dates(MODIFIED, f.modified)),
    ]
    if f.project is not None:
        parts += _project(f.project, partial(_related, PROJECT))
    return Every(tuple(_and_groups(parts, f, _experiment)))


def _omics(f: OmicsFilter) -> Condition:
    parts = [
        *_text(f.code, CODE, itself),
        *_text(f.type, CODE, partial(_related, NAMES[Kind.OMICS_DATASET].type_criteria)),
        *_properties(f.properties),
        *map(Leaf, dates(REGISTERED, f.registered)),
        *map(Leaf, dates(MODIFIED, f.modified)),
    ]
    if f.kind is not None:
        parts.append(_kind(f.kind))
    if f.sample is not None:
        parts.append(_nested(SAMPLE, SAMPLE, _sample(f.sample)))
    if f.experiment is not None:
        parts.append(_nested(EXPERIMENT, EXPERIMENT, _experiment(f.experiment)))
    return Every(tuple(_and_groups(parts, f, _omics)))


def _project(f: ProjectFilter, lift: Lift) -> list[Condition]:
    """Conditions on a project, put as conditions of the entity that has it."""

    def lift_space(conditions: list[Json], operator: str) -> Condition:
        return lift([composite(SPACE, conditions, operator)], "AND")

    parts = [
        *_text(f.code, CODE, lift),
        *_text(f.perm_id, PERM_ID, lift),
        *_text(f.space, CODE, lift_space),
    ]
    return _and_groups(parts, f, lambda each: Every(tuple(_project(each, lift))))


def _and_groups(
    parts: list[Condition], f: F, condition: Callable[[F], Condition]
) -> list[Condition]:
    """What is set in a filter, and then its nested filters, each a group of its own."""
    parts += [condition(each) for each in f.all_of]
    if f.any_of:
        parts.append(Some(tuple(condition(each) for each in f.any_of)))
    parts += [Not(condition(each)) for each in f.none_of]
    return parts


# --- ways to put criteria ------------------------------------------------------------------------


def itself(conditions: list[Json], operator: str) -> Condition:
    """Criteria of the searched entity itself."""
    leaves = tuple(Leaf(each) for each in conditions)
    if len(leaves) == 1:
        return leaves[0]
    return Every(leaves) if operator == "AND" else Some(leaves)


def _related(relation: str, conditions: list[Json], operator: str) -> Condition:
    return Leaf(composite(relation, conditions, operator))


def _project_of_sample(conditions: list[Json], operator: str) -> Condition:
    """QBiC samples belong to a space; their project is the one of their experiment."""
    project = composite(PROJECT, conditions, operator)
    return Some((Leaf(composite(EXPERIMENT, [project])), Leaf(project)))


def _demanding(condition: Condition) -> bool:
    """Whether a condition on a related entity can hold only where there is one."""
    match condition:
        case Leaf():
            return True
        case Not():
            return False
        case Every(parts):
            return any(map(_demanding, parts))
        case Some(parts):
            return all(map(_demanding, parts))


def _nested(relation: str, owner: str, condition: Condition, *, family: bool = False) -> Condition:
    """A related entity that must exist and satisfy a condition; openBIS skips some empty ones."""
    return Leaf(composite(relation, encode(owner, condition, NO_CODE) or [ANY_CODE]), family)


def _kind(kind: str) -> Condition:
    physical, linked = Leaf(composite(PHYSICAL, [])), Leaf(composite(LINKED, []))
    if kind == "PHYSICAL":
        return physical
    if kind == "LINK":
        return linked
    if kind == "CONTAINER":
        return Not(Some((physical, linked)))
    raise InvalidRequest(Source.OPENBIS, "The kind of a data set is PHYSICAL, LINK or CONTAINER.")


def _properties(matches: tuple[PropertyMatch, ...]) -> list[Condition]:
    parts: list[Condition] = []
    for match in matches:
        code = match.code.upper()
        parts += _text(match.string, property_string(code), itself)
        parts += map(Leaf, numbers(code, match.number))
        parts += map(Leaf, dates(PROPERTY_DATE, match.date, code))
        if match.boolean is not None:
            parts.append(Leaf(property_boolean(code, value=match.boolean)))
    return parts


def _text(match: StringMatch | None, attribute: Attribute, lift: Lift) -> list[Condition]:
    if match is None:
        return []
    plain = texts(match, attribute)
    parts: list[Condition] = []
    if match.one_of is not None:
        if not match.one_of:
            parts.append(NEVER)
        elif attribute.plural is None:
            parts.append(lift([attribute.equal(each) for each in match.one_of], "OR"))
    if match.ne is not None:
        parts.append(Not(lift([attribute.equal(match.ne)], "AND")))
    if attribute.optional and (match.exists or match.ne is not None):
        plain.append(attribute.any())  # as in SQL, what has no value is not different from one
    if match.exists is False:
        parts.append(Not(lift([attribute.any()], "AND")) if attribute.optional else NEVER)
    # What is asked of one related entity stands in one criterion.
    if plain and lift is itself:
        return [*map(Leaf, plain), *parts]
    return [lift(plain, "AND"), *parts] if plain else parts
