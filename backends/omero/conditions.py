"""Conditions as HQL text with bound parameters, and the logic that joins them.

A clause is HQL text, or True or False where it is already decided: those fold away, so that no
query asks what is known. Every text clause is two-valued (never null), which makes `not` the
logical negation even where values are missing. `predicates.py` and `keyset.py` build on this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import TypeAlias

from backends.errors import InvalidRequest, Source
from backends.filters import DateMatch, NumberMatch, StringMatch
from backends.omero.transport import HqlValue, RInt, RTime
from backends.omero.units import exact

Clause: TypeAlias = str | bool

# pgjdbc binds at most 32,767 values per statement; this leaves room for everything else.
MOST_IDS = 20_000
_LIST_SIZES = (10, 100, 500)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 2**31 - 1
_ESCAPES = str.maketrans({"!": "!!", "%": "!%", "_": "!_"})


def both(clauses: Iterable[Clause]) -> Clause:
    """All of the clauses; True for none."""
    texts = []
    for clause in clauses:
        if clause is False:
            return False
        if isinstance(clause, str):
            texts.append(clause)
    return " and ".join(texts) if texts else True


def either(clauses: Iterable[Clause]) -> Clause:
    """One of the clauses at least; False for none."""
    texts = []
    for clause in clauses:
        if clause is True:
            return True
        if isinstance(clause, str):
            texts.append(f"({clause})")
    if not texts:
        return False
    return texts[0] if len(texts) == 1 else f"({' or '.join(texts)})"


def negated(clause: Clause) -> Clause:
    """The opposite of a clause."""
    return f"not ({clause})" if isinstance(clause, str) else not clause


def padded(ids: Sequence[int], sizes: Sequence[int] = _LIST_SIZES) -> tuple[int, ...]:
    """The ids, the last one repeated up to the next fixed size.

    Every length of a list is a query of its own to parse and cache on the server.
    """
    size = next((size for size in sizes if size >= len(ids)), len(ids))
    return (*ids, *(ids[-1],) * (size - len(ids)))


def split(ids: Iterable[int], size: int) -> tuple[tuple[int, ...], ...]:
    """The distinct ids in padded lists of at most `size`; no list is empty."""
    distinct = tuple(dict.fromkeys(ids))
    sizes = (*(length for length in _LIST_SIZES if length < size), size)
    return tuple(
        padded(distinct[start : start + size], sizes) for start in range(0, len(distinct), size)
    )


def milliseconds(moment: datetime) -> int:
    """A time as epoch milliseconds, rounded up: an integer `t` is `>= moment` iff `>=` this.

    Raises:
        InvalidRequest: the time has no zone.
    """
    if moment.tzinfo is None:
        raise InvalidRequest(Source.OMERO, "A date needs a time zone, such as Z or +02:00.")
    return -((_EPOCH - moment) // timedelta(milliseconds=1))


@dataclass(slots=True)
class Parameters:
    """Collects what a query binds, and hands out aliases that no other part of it uses."""

    values: dict[str, HqlValue] = field(default_factory=dict)
    _aliases: int = 0

    def bind(self, value: HqlValue) -> str:
        """Bind a value and return its placeholder.

        Raises:
            InvalidRequest: a text that no database stores.
        """
        if isinstance(value, str) and not _storable(value):
            raise InvalidRequest(Source.OMERO, "A text holds characters that cannot be stored.")
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def alias(self, stem: str) -> str:
        """An alias for a joined entity, new in this query."""
        self._aliases += 1
        return f"{stem}{self._aliases}"

    def id_in(self, path: str, ids: Iterable[int]) -> Clause:
        """The path is one of the ids.

        Raises:
            InvalidRequest: more ids than one query can carry.
        """
        lists = split(ids, _LIST_SIZES[-1])
        if len(lists) * _LIST_SIZES[-1] > MOST_IDS:
            raise InvalidRequest(Source.OMERO, f"A filter can list {MOST_IDS} ids at most.")
        return either(f"{path} in ({self.bind(chunk)})" for chunk in lists)

    def text(self, path: str, match: StringMatch) -> Clause:
        """The text at the path fulfils the positive part of a match; null does not.

        `ne` and `exists: false` are negations: see `predicates.matching`. Case is folded by the
        database on both sides, never here, since the two would disagree on some letters.
        """
        clauses: list[Clause] = []
        if match.eq is not None:
            clauses.append(f"{path} = {self.bind(match.eq)}")
        if match.one_of is not None:
            texts = tuple(dict.fromkeys(match.one_of))
            if not all(_storable(text) for text in texts):
                raise InvalidRequest(Source.OMERO, "A text holds characters that cannot be stored.")
            clauses.append(f"{path} in ({self.bind(texts)})" if texts else False)
        if match.contains is not None:
            clauses.append(self._like(path, f"%{match.contains.translate(_ESCAPES)}%"))
        if match.starts_with is not None:
            clauses.append(self._like(path, f"{match.starts_with.translate(_ESCAPES)}%"))
        if match.exists:
            clauses.append(f"{path} is not null")
        return both(clauses)

    def _like(self, path: str, pattern: str) -> str:
        return f"lower({path}) like lower({self.bind(pattern)}) escape '!'"

    def integer(self, path: str, match: NumberMatch) -> Clause:
        """The 32-bit integer at the path lies within the bounds; null does not.

        A bound becomes an integer, for the server binds it as the column's type and nothing else.
        """
        least, most = -_MOST - 1, _MOST
        for value in _given(match.ge, match.eq):
            least = max(least, ceil(exact(value)))
        for value in _given(match.le, match.eq):
            most = min(most, floor(exact(value)))
        for value in _given(match.gt):
            least = max(least, floor(exact(value)) + 1)
        for value in _given(match.lt):
            most = min(most, ceil(exact(value)) - 1)
        if match.between is not None:
            least = max(least, ceil(exact(match.between[0])))
            most = min(most, floor(exact(match.between[1])))
        if least > most:
            return False
        if least == most:
            return f"{path} = {self.bind(RInt(least))}"
        bounds = []
        if least >= -_MOST:
            bounds.append(f"{path} >= {self.bind(RInt(least))}")
        if most < _MOST:
            bounds.append(f"{path} <= {self.bind(RInt(most))}")
        return both(bounds or [f"{path} is not null"])

    def number(self, path: str, match: NumberMatch) -> Clause:
        """The floating-point number at the path lies within the bounds; null does not."""
        bounds = [
            ("=", match.eq),
            ("<", match.lt),
            ("<=", match.le),
            (">", match.gt),
            (">=", match.ge),
        ]
        if match.between is not None:
            bounds += [(">=", match.between[0]), ("<=", match.between[1])]
        return both(
            f"{path} {sign} {self.bind(float(exact(value)))}"
            for sign, value in bounds
            if value is not None
        )

    def time(self, path: str, match: DateMatch) -> Clause:
        """The time at the path lies within the bounds; null does not."""
        bounds: list[Clause] = []
        if match.since is not None:
            bounds.append(f"{path} >= {self.bind(RTime(milliseconds(match.since)))}")
        if match.before is not None:
            bounds.append(f"{path} < {self.bind(RTime(milliseconds(match.before)))}")
        return both([f"{path} is not null", *bounds]) if bounds else True


def _given(*values: float | None) -> list[float]:
    return [value for value in values if value is not None]


def _storable(text: str) -> bool:
    """PostgreSQL stores no NUL, and lone surrogates have no UTF-8."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)
