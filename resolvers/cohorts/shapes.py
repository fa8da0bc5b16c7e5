"""Predicates taken apart: into clauses, into what openBIS can be asked whole, and into words.

A clause is a part of a conjunction as it was written. Clauses about the candidate alone are one
openBIS filter together; the rest is set algebra, which `evaluation.py` does. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any, Final

from backends.errors import Source
from backends.filters import (
    ContainerFilter,
    ImageFilter,
    KeyValueMatch,
    SampleFilter,
    StringMatch,
)
from backends.records import Quantity
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate

NEVER: Final = StringMatch(one_of=())


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a conjunction.

    Attributes:
        where: a predicate that says just this.
        filter: the same as one openBIS filter on the candidate, where that is possible.
    """

    where: CohortPredicate
    filter: SampleFilter | None

    @property
    def words(self) -> str:
        """The clause in words."""
        return describe(self.where)

    @property
    def source(self) -> Source | None:
        """The one system that answers it; None where several do."""
        sources = set(_sources(self.where))
        return sources.pop() if len(sources) == 1 else None


def clauses(where: CohortPredicate) -> list[Clause]:
    """The clauses of a predicate in the order as written; nested conjunctions are one with it."""
    own = (
        CohortPredicate(project=where.project),
        CohortPredicate(itself=where.itself),
        CohortPredicate(has=where.has),
    )
    found = [_clause(part) for part in own if part != CohortPredicate()]
    for nested in where.all_of:
        found += clauses(nested)
    if where.any_of:
        found.append(_clause(CohortPredicate(any_of=where.any_of)))
    found += [_clause(CohortPredicate(none_of=(each,))) for each in where.none_of]
    return found


def _clause(where: CohortPredicate) -> Clause:
    return Clause(where, as_filter(where))


def as_filter(where: CohortPredicate, *, negated: bool = False) -> SampleFilter | None:
    """A predicate about the candidate alone as one openBIS filter; None where it is not.

    openBIS cannot negate what is asked of parents and children: that stays set algebra.
    """
    if where.has is not None or (negated and _has_family(where.itself)):
        return None
    all_of = [as_filter(each, negated=negated) for each in where.all_of]
    any_of = [as_filter(each, negated=negated) for each in where.any_of]
    none_of = [as_filter(each, negated=True) for each in where.none_of]
    if None in (*all_of, *any_of, *none_of):
        return None
    own = () if where.itself is None else (where.itself,)
    return SampleFilter(
        project=where.project,
        all_of=(*own, *(each for each in all_of if each is not None)),
        any_of=tuple(each for each in any_of if each is not None),
        none_of=tuple(each for each in none_of if each is not None),
    )


def _has_family(filter_: SampleFilter | None) -> bool:
    return filter_ is not None and (
        filter_.parent is not None
        or filter_.child is not None
        or any(map(_has_family, (*filter_.all_of, *filter_.any_of, *filter_.none_of)))
    )


def conditions(where: CohortPredicate) -> Iterator[SpecimenPredicate]:
    """Every `has` of a predicate that is not negated."""
    if where.has is not None:
        yield where.has
    for each in (*where.all_of, *where.any_of):
        yield from conditions(each)


def _sources(where: CohortPredicate) -> Iterator[Source]:
    if where.project is not None or where.itself is not None:
        yield Source.OPENBIS
    if where.has is not None:
        if where.has.sample is not None or where.has.omics is not None or where.has.image is None:
            yield Source.OPENBIS
        if where.has.image is not None:
            yield Source.OMERO
    for each in (*where.all_of, *where.any_of, *where.none_of):
        yield from _sources(each)


# --- Missing values ------------------------------------------------------------------------------


def strict(filter_: ImageFilter) -> ImageFilter:
    """The filter in which `ne` asks that there is a value, as cohorts mean it.

    OMERO's own filters hold `ne` true where there is none; openBIS' do not.
    """
    strict_: ImageFilter = _strict(filter_)
    return strict_


def _strict(value: Any) -> Any:
    if isinstance(value, StringMatch):
        if value.ne is None:
            return value
        return replace(value, exists=True) if value.exists is not False else NEVER
    if isinstance(value, ImageFilter | ContainerFilter | KeyValueMatch):
        changed = {
            each.name: _strict(getattr(value, each.name))
            for each in fields(value)
            if getattr(value, each.name) is not None
        }
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(_strict(each) for each in value)
    return value


# --- Words ---------------------------------------------------------------------------------------

_NAMES = {"itself": "self", "all_of": "and", "any_of": "or", "none_of": "not", "one_of": "in"}


def describe(value: Any) -> str:
    """A part of a predicate in the words of the schema: `has: {sample: {type: {eq: …}}}`."""
    if isinstance(value, Quantity):
        return f"{value.value:g} {value.unit}"
    if is_dataclass(value):
        parts = [
            f"{_name(each.name)}: {_braced(getattr(value, each.name))}"
            for each in fields(value)
            if getattr(value, each.name) is not None and getattr(value, each.name) != each.default
        ]
        return ", ".join(parts)
    if isinstance(value, tuple):
        return ", ".join(_braced(each) for each in value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _braced(value: Any) -> str:
    if isinstance(value, Quantity) or not (is_dataclass(value) or isinstance(value, tuple)):
        return describe(value)
    text = describe(value)
    return f"[{text}]" if isinstance(value, tuple) else f"{{{text}}}"


def _name(field: str) -> str:
    if field in _NAMES:
        return _NAMES[field]
    head, *rest = field.split("_")
    return head + "".join(word.capitalize() for word in rest)
