"""And, or, not over search criteria, written the way openBIS evaluates them.

openBIS lets `negated` turn around only what stands directly in a group, never its nested groups or
its conditions on parents and children; and it intersects several conditions on parents that stand
in one group. So negation is pushed down to single criteria, and a nested group stays a group.
`criteria.py` makes conditions; nothing else needs to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backends.errors import InvalidRequest, Source

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One criterion of the searched entity; `family` marks one on its parents or children."""

    criterion: Json
    family: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """All of these; of none, the condition that always holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these; of none, the condition that never holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Condition


Condition = Leaf | Every | Some | Not

ALWAYS = Every(())
NEVER = Some(())


def composite(type_name: str, criteria: list[Json], operator: str = "AND") -> Json:
    """Criteria of a class, or of a relation, all or any of which must hold."""
    return {"@type": type_name, "operator": operator, "criteria": criteria}


def encode(owner: str, condition: Condition, impossible: Json) -> list[Json]:
    """The criteria, all of which must hold, for a condition on entities of the class `owner`.

    Raises:
        InvalidRequest: a condition on parents or children is negated.
    """
    simple = simplified(condition)
    if simple == NEVER:
        return [impossible]
    if isinstance(simple, Every):
        return [_written(owner, part, negated=False) for part in simple.parts]
    return [_written(owner, simple, negated=False)]


def simplified(condition: Condition) -> Condition:
    """The same condition without parts that always or never hold: openBIS has no word for them."""
    match condition:
        case Leaf():
            return condition
        case Not(part):
            inner = simplified(part)
            if inner == ALWAYS:
                return NEVER
            return ALWAYS if inner == NEVER else Not(inner)
        case Every(parts):
            kept = tuple(part for part in map(simplified, parts) if part != ALWAYS)
            return NEVER if NEVER in kept else Every(kept)
        case Some(parts):
            kept = tuple(part for part in map(simplified, parts) if part != NEVER)
            return ALWAYS if ALWAYS in kept else Some(kept)


def _written(owner: str, condition: Condition, *, negated: bool) -> Json:
    match condition:
        case Not(part):
            return _written(owner, part, negated=not negated)
        case Leaf(criterion, family):
            if not negated:
                return criterion
            if family:
                raise InvalidRequest(
                    Source.OPENBIS,
                    "openBIS cannot be asked for what has no such parent or child; ask for what "
                    "has one and leave those out.",
                )
            return composite(owner, [criterion]) | {"negated": True}
        case Every(parts) | Some(parts):
            conjunction = isinstance(condition, Every)
            plain = [part.criterion for part in parts if isinstance(part, Leaf) and not part.family]
            if negated and len(plain) == len(parts):
                return composite(owner, plain, _operator(conjunction)) | {"negated": True}
            written = [_written(owner, part, negated=negated) for part in parts]
            return composite(owner, written, _operator(conjunction != negated))


def _operator(conjunction: bool) -> str:
    return "AND" if conjunction else "OR"
