"""The predicate of a cohort: a typed tree, and its canonical form for digests and storage.

What the conditions mean, once for both systems (the tests hold the planner to it):

*Who is asked about.* The unit is a subject, which is a sample of a configured type (in a project
that has none, a sample without parents), or any sample. Only what the viewer sees exists: a sample
that is hidden is neither candidate nor specimen, and lineage ends at it.

*`has`.* There is one sample, the candidate itself or a descendant of it, for which all that is set
holds: `sample` on itself, `omics` on a data set of it or of one of its descendants, `image` on an
image of the OMERO dataset that is linked to it. `at_least` counts the images; where no image is
asked for, the data sets; where neither is, the samples of the candidate. A pooled sample is a
descendant of each of its subjects and counts for all of them. Two conditions in one `has` hold
for the same specimen; in two, they may hold for different ones.

*Missing values.* A comparison never holds where there is no value, `ne` included, in openBIS and
in OMERO alike; where there may be many values (tags, channels, pairs), `ne` asks that there are
some and that none equals. `none_of` is the logical opposite, so it does hold there.

*What is unknown.* While a source does not answer, a condition on it is neither true nor false: its
opposite is unknown as well, and what only it could decide makes the answer incomplete.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from backends.filters import ImageFilter, OmicsFilter, ProjectFilter, SampleFilter
from resolvers.errors import BadInput

VERSION: Final = 1
MODALITY_KEY: Final = "Modality"  # the key-value pair that tells an image's modality
MOST_CLAUSES: Final = 60  # of one predicate: each costs calls
DEEPEST: Final = 12
_EXACT: Final = 2.0**53  # below it a float and the whole number it equals are written alike


class Unit(StrEnum):
    """What a cohort is made of."""

    SUBJECT = "SUBJECT"
    SAMPLE = "SAMPLE"


@dataclass(frozen=True, slots=True)
class SpecimenPredicate:
    """One sample, the candidate or a descendant, for which all that is set holds."""

    sample: SampleFilter | None = None
    omics: OmicsFilter | None = None
    image: ImageFilter | None = None
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class CohortPredicate:
    """A condition on a candidate; all that is set must hold.

    Attributes:
        project: on the candidate's project.
        itself: on the candidate.
        has: on one of its specimens.
        all_of: these hold too.
        any_of: one of these holds too; none is no condition.
        none_of: none of these holds.
    """

    project: ProjectFilter | None = None
    itself: SampleFilter | None = None
    has: SpecimenPredicate | None = None
    all_of: tuple[CohortPredicate, ...] = ()
    any_of: tuple[CohortPredicate, ...] = ()
    none_of: tuple[CohortPredicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A unit and a predicate; equal questions have the same canonical form."""

    unit: Unit = Unit.SUBJECT
    where: CohortPredicate = field(default_factory=CohortPredicate)

    def canonical(self) -> bytes:
        """The question as JSON with sorted keys and without what is not set.

        Raises:
            BadInput: a number or a time in it cannot be compared with.
        """
        form = {"version": VERSION, "unit": self.unit, "where": _plain(self.where)}
        return orjson.dumps(form, option=orjson.OPT_SORT_KEYS)

    def digest(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


def read_question(text: str | bytes) -> Question:
    """Read a question from its canonical form.

    Raises:
        BadInput: it is not one, or of another version.
    """
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict) or given.keys() != {"version", "unit", "where"}:
        raise BadInput("This is no predicate of a cohort; use what this server wrote.")
    if given["version"] != VERSION:
        raise BadInput(
            f"This predicate has version {given['version']}; this server reads {VERSION}."
        )
    try:
        question = Question(Unit(given["unit"]), _READER.validate_python(given["where"]))
    except (ValidationError, ValueError):
        raise BadInput("A part of this predicate is not what this server writes.") from None
    # Whatever was not understood would be missing here, and so nothing is ever left out silently.
    if orjson.loads(question.canonical()) != given:
        raise BadInput("A part of this predicate is not known to this server.")
    return question


def checked(question: Question) -> Question:
    """Return the question if it can be answered.

    Raises:
        BadInput: it is too large, or a number in it makes no sense.
    """
    clauses = _count(question.where, 1)
    if clauses > MOST_CLAUSES:
        raise BadInput(f"A cohort has {MOST_CLAUSES} clauses at most; these are {clauses}.")
    question.canonical()
    return question


def _count(where: CohortPredicate, depth: int) -> int:
    if depth > DEEPEST:
        raise BadInput(f"A cohort's clauses nest {DEEPEST} deep at most.")
    if where.has is not None and where.has.at_least < 1:
        raise BadInput(f"`atLeast` must be 1 or more; it is {where.has.at_least}.")
    own = sum(part is not None for part in (where.project, where.itself, where.has))
    nested = (*where.all_of, *where.any_of, *where.none_of)
    return own + sum(_count(part, depth + 1) for part in nested)


def _plain(value: Any) -> Any:
    """A value of the tree as JSON; what is not set, or empty, is left out."""
    if is_dataclass(value):
        named = ((each.name, getattr(value, each.name), each.default) for each in fields(value))
        return {
            name: _plain(part)
            for name, part, default in named
            if part is not None and part != default
        }
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadInput("A time needs its zone: write 2024-01-31T12:00:00Z.")
        try:
            return value.astimezone(UTC).isoformat()
        except OverflowError:
            raise BadInput("A time must lie within the years 1 to 9999 in UTC.") from None
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput("A number to compare with must be finite.")
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    return value


_READER: Final = TypeAdapter(CohortPredicate)
