"""The tree that an HQL query parses to: frozen dataclasses without behaviour.

`hql_parser.py` builds it, `hql_sql.py` and its siblings read it. Names are kept as written;
nothing here knows the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted path: an alias, a property path, an entity name."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.parts)

    def __truediv__(self, name: str) -> Path:
        return Path((*self.parts, name))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal; `None` is HQL's null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Unary:
    """`not x` or `-x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands: and, or, comparisons, arithmetic, `||`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Like:
    """`x [not] like pattern [escape character]`."""

    operand: Expression
    pattern: Expression
    escape: Expression | None
    negated: bool


@dataclass(frozen=True, slots=True)
class Between:
    """`x [not] between low and high`."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    """`x is [not] null`."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class IsEmpty:
    """`x.collection is [not] empty`."""

    operand: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    """`x [not] in (…)`: a list of expressions, one list parameter, or a subquery."""

    operand: Expression
    choices: tuple[Expression, ...] | Query
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists:
    """`exists (subquery)`."""

    query: Query


@dataclass(frozen=True, slots=True)
class Scalar:
    """A subquery used as a value."""

    query: Query


@dataclass(frozen=True, slots=True)
class Call:
    """A function or aggregate; `distinct` as in `count(distinct x)`, `star` as in `count(*)`."""

    name: str
    arguments: tuple[Expression, ...]
    distinct: bool = False
    star: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """`cast(x as type)`."""

    operand: Expression
    type: str


@dataclass(frozen=True, slots=True)
class Case:
    """`case [subject] when … then … else … end`."""

    subject: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


Expression: TypeAlias = (
    Path
    | Parameter
    | Literal
    | Unary
    | Binary
    | Like
    | Between
    | IsNull
    | IsEmpty
    | In
    | Exists
    | Scalar
    | Call
    | Cast
    | Case
)


@dataclass(frozen=True, slots=True)
class Item:
    """One selected expression with its alias."""

    expression: Expression
    alias: str | None


@dataclass(frozen=True, slots=True)
class Root:
    """An entity (or an outer alias's collection) in the from clause."""

    path: Path
    alias: str | None


@dataclass(frozen=True, slots=True)
class Join:
    """A joined path; `outer` for left joins; `condition` is what stands behind `with`."""

    path: Path
    alias: str | None
    outer: bool
    fetch: bool
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; without select clause `items` is empty; `shape` is None, map or list."""

    items: tuple[Item, ...]
    roots: tuple[Root, ...]
    joins: tuple[Join, ...]
    where: Expression | None
    groups: tuple[Expression, ...]
    having: Expression | None
    orders: tuple[Order, ...]
    distinct: bool
    shape: str | None
