"""HQL text to tree: a LALR parser over `hql.lark`, built when the first query comes.

It knows the grammar and nothing of the model: whether a path exists is decided in `hql_paths.py`.
`hql_sql.py` calls `parse`; syntax errors say where and what was expected.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from backends.demo.omero import hql_tree as tree
from backends.demo.omero.errors import StoreQueryError


def parse(hql: str) -> tree.Query:
    """Parse one HQL query.

    Raises:
        StoreQueryError: it is not HQL; the message quotes the place.
    """
    try:
        query: tree.Query = _parser().parse(hql)  # type: ignore[assignment] # the transformer's
    except UnexpectedInput as error:
        at: Any = error  # lark declares its places as None
        token = getattr(at, "token", None)
        at_end = token is not None and token.type == "$END"
        found = "the end" if at_end else _excerpt(hql, at.pos_in_stream)
        raise StoreQueryError(
            f"Illegal query: unexpected {found} in line {at.line}, column {at.column}"
        ) from error
    except RecursionError as error:
        raise StoreQueryError("Illegal query: nested too deeply") from error
    return query


def _excerpt(hql: str, position: int) -> str:
    return repr(hql[position : position + 30].partition("\n")[0])


@cache
def _parser() -> Lark:
    grammar = resources.files("backends.demo.omero").joinpath("hql.lark").read_text("utf-8")
    return Lark(
        grammar, parser="lalr", lexer="contextual", transformer=_Builder(), maybe_placeholders=True
    )


def _text(token: Token | None) -> str | None:
    return None if token is None else str(token)


def _given(children: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(child for child in children if child is not None)


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds the tree bottom-up; each method is a rule or alias of the grammar."""

    def start(self, query: tree.Query) -> tree.Query:
        return query

    def query(
        self,
        select: tuple[bool, str | None, tuple[tree.Item, ...]] | None,
        sources: tuple[tuple[tree.Root, ...], tuple[tree.Join, ...]],
        where: tree.Expression | None,
        group: tuple[tuple[tree.Expression, ...], tree.Expression | None] | None,
        order: tuple[tree.Order, ...] | None,
    ) -> tree.Query:
        distinct, shape, items = select or (False, None, ())
        groups, having = group or ((), None)
        return tree.Query(
            items, *sources, where, groups, having, order or (), distinct=distinct, shape=shape
        )

    def select_plain(self, distinct: Token | None, items: tuple[tree.Item, ...]) -> Any:
        return distinct is not None, None, items

    def select_map(self, distinct: Token | None, items: tuple[tree.Item, ...]) -> Any:
        return distinct is not None, "map", items

    def select_list(self, distinct: Token | None, items: tuple[tree.Item, ...]) -> Any:
        return distinct is not None, "list", items

    def items(self, *items: tree.Item) -> tuple[tree.Item, ...]:
        return items

    def item(self, expression: tree.Expression, alias: Token | None) -> tree.Item:
        return tree.Item(expression, _text(alias))

    def from_clause(self, *sources: tree.Root | tree.Join) -> Any:
        roots = tuple(source for source in sources if isinstance(source, tree.Root))
        joins = tuple(source for source in sources if isinstance(source, tree.Join))
        return roots, joins

    def root(self, path: tree.Path, alias: Token | None) -> tree.Root:
        return tree.Root(path, _text(alias))

    def joined(
        self,
        outer: bool,
        fetch: Token | None,
        path: tree.Path,
        alias: Token | None,
        condition: tree.Expression | None,
    ) -> tree.Join:
        return tree.Join(path, _text(alias), outer, fetch is not None, condition)

    def join_kind(self, kind: Token) -> bool:
        return kind.type == "LEFT_JOIN"

    def where(self, condition: tree.Expression) -> tree.Expression:
        return condition

    def group(self, *children: Any) -> Any:
        return tuple(children[:-1]), children[-1]

    def order(self, *keys: tree.Order) -> tuple[tree.Order, ...]:
        return keys

    def sort_key(self, expression: tree.Expression, direction: Token | None) -> tree.Order:
        return tree.Order(expression, direction is not None and direction.type == "DESC")

    def disjunction(self, left: tree.Expression, right: tree.Expression) -> tree.Binary:
        return tree.Binary("or", left, right)

    def both(self, left: tree.Expression, right: tree.Expression) -> tree.Binary:
        return tree.Binary("and", left, right)

    def negated(self, operand: tree.Expression) -> tree.Unary:
        return tree.Unary("not", operand)

    def comparison(
        self, left: tree.Expression, operator: Token, right: tree.Expression
    ) -> tree.Binary:
        spelled = "<>" if operator in ("!=", "^=") else str(operator)
        return tree.Binary(spelled, left, right)

    def like(
        self,
        operand: tree.Expression,
        negated: Token | None,
        pattern: tree.Expression,
        escape: tree.Expression | None,
    ) -> tree.Like:
        return tree.Like(operand, pattern, escape, negated is not None)

    def between(
        self,
        operand: tree.Expression,
        negated: Token | None,
        low: tree.Expression,
        high: tree.Expression,
    ) -> tree.Between:
        return tree.Between(operand, low, high, negated is not None)

    def inside(self, operand: tree.Expression, negated: Token | None, choices: Any) -> tree.In:
        given = (choices,) if isinstance(choices, tree.Parameter) else choices
        return tree.In(operand, given, negated is not None)

    def choices(self, *choices: Any) -> Any:
        return choices[0] if isinstance(choices[0], tree.Query) else choices

    def is_null(self, operand: tree.Expression, negated: Token | None) -> tree.IsNull:
        return tree.IsNull(operand, negated is not None)

    def is_empty(self, operand: tree.Expression, negated: Token | None) -> tree.IsEmpty:
        return tree.IsEmpty(operand, negated is not None)

    def exists(self, query: tree.Query) -> tree.Exists:
        return tree.Exists(query)

    def arithmetic(
        self, left: tree.Expression, operator: Token, right: tree.Expression
    ) -> tree.Binary:
        return tree.Binary(str(operator), left, right)

    def signed(self, sign: Token, operand: tree.Expression) -> tree.Unary:
        return tree.Unary(str(sign), operand)

    def cast(self, operand: tree.Expression, kind: Token) -> tree.Cast:
        return tree.Cast(operand, kind.lower())

    def scalar(self, query: tree.Query) -> tree.Scalar:
        return tree.Scalar(query)

    def call(self, name: Token, distinct: Token | None, *arguments: Any) -> tree.Call:
        return tree.Call(name.lower(), _given(arguments), distinct is not None)

    def call_star(self, name: Token) -> tree.Call:
        return tree.Call(name.lower(), (), star=True)

    def case(self, subject: tree.Expression | None, *rest: Any) -> tree.Case:
        return tree.Case(subject, tuple(rest[:-1]), rest[-1])

    def branch(self, when: tree.Expression, then: tree.Expression) -> Any:
        return when, then

    def path(self, *names: Token) -> tree.Path:
        return tree.Path(tuple(str(name) for name in names))

    def parameter(self, token: Token) -> tree.Parameter:
        return tree.Parameter(token[1:])

    def literal(self, token: Token | None = None) -> tree.Literal:
        value: str | int | float | bool | None = None
        if token is not None and token.type == "STRING":
            value = token[1:-1].replace("''", "'")
        elif token is not None and token.type == "NUMBER":
            digits = token.rstrip("LlFfDd")
            value = int(digits) if digits.isdigit() else float(digits)
        elif token is not None:
            value = token.type == "TRUE"
        return tree.Literal(value)
