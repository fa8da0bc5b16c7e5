"""HQL to SQL: one `Statement` per query text, translated once and then reused.

`translate` is called by `store.py`. A statement's SQL does not change with the length of a
list (lists travel as JSON), nor with the user (his groups are parameters); only whether anything
is filtered at all makes a difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from backends.demo.omero import hql_tree as tree
from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_expressions import Expressions
from backends.demo.omero.hql_parser import parse
from backends.demo.omero.hql_paths import Fetched, Scope
from backends.demo.omero.hql_values import NOWHERE, ParameterUse, Value, table_of
from backends.demo.omero.model import omero_model

PERMISSIONS_SUFFIX = "_details_permissions"


@dataclass(frozen=True, slots=True)
class Column:
    """How one selected expression is read from `width` SQL columns.

    `kind` is plain, bool, class, quantity, permissions or entity; `name` is the key in a map;
    `type` is that of the expression (`hql_values.Value.type`), which the wire distinguishes.
    """

    kind: str
    width: int
    name: str | None
    entity: str | None = None
    type: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A translated query; `shape` is None, map or list, as in `select new map(…)`."""

    sql: str
    columns: tuple[Column, ...]
    shape: str | None
    parameters: dict[str, ParameterUse]

    @property
    def is_plain(self) -> bool:
        """Whether rows can be handed on as SQLite returns them."""
        return self.shape is None and all(column.kind == "plain" for column in self.columns)


@lru_cache(maxsize=4096)
def translate(hql: str, filtered: bool) -> Statement:
    """Translate a query, with read conditions on its owned tables if `filtered`.

    Raises:
        StoreQueryError: the query is illegal.
    """
    uses: dict[str, ParameterUse] = {}
    scope = Scope(omero_model(), filtered, itertools.count(1))
    level = _Level(scope, uses)
    query = parse(hql)
    try:
        level.open(query)
        columns, sql = level.outermost(query)
    except RecursionError as error:
        raise StoreQueryError("Illegal query: nested too deeply") from error
    return Statement(sql, tuple(columns), query.shape, uses)


@dataclass(frozen=True, slots=True)
class ObjectStatement:
    """A translated query for whole objects; each row holds ids, one for each of `tables`.

    `tables` maps an SQL alias to the entity that its ids are of, the root first. With
    `is_distinct` each root counts once, which has to be done before rows are limited.
    """

    sql: str
    tables: dict[str, str]
    fetches: tuple[Fetched, ...]
    is_distinct: bool
    parameters: dict[str, ParameterUse]

    @property
    def fetches_collections(self) -> bool:
        """Whether a root may stand in several rows because of what comes along."""
        return any(fetch.collection is not None for fetch in self.fetches)


@lru_cache(maxsize=1024)
def translate_objects(hql: str, filtered: bool) -> ObjectStatement:
    """Translate a query for whole objects, with what it fetches along.

    Raises:
        StoreQueryError: the query is illegal, or selects something else.
    """
    uses: dict[str, ParameterUse] = {}
    scope = Scope(omero_model(), filtered, itertools.count(1))
    level = _Level(scope, uses)
    query = parse(hql)
    try:
        level.open(query)
        return level.objects(query)
    except RecursionError as error:
        raise StoreQueryError("Illegal query: nested too deeply") from error


class _Level:
    """Translates one query level."""

    def __init__(self, scope: Scope, uses: dict[str, ParameterUse]) -> None:
        self.scope = scope
        self.uses = uses
        self.expressions = Expressions(scope, uses, self._subquery)

    def open(self, query: tree.Query) -> None:
        """Read the from clause."""
        for root in query.roots:
            self.scope.add_root(root)
        for join in query.joins:
            self.scope.add_join(join, lambda node: self.expressions.condition(node).sql)

    def outermost(self, query: tree.Query) -> tuple[list[Column], str]:
        """Translate the query as the one whose rows are returned."""
        columns: list[Column] = []
        values: list[Value] = []
        for item in _items(query):
            column, parts = self._selected(item, query.shape)
            columns.append(column)
            values.extend(parts)
        sql = self._assemble(query, values)
        return columns, f"{sql} LIMIT :_limit OFFSET :_offset"

    def objects(self, query: tree.Query) -> ObjectStatement:
        """Translate the query as one whose roots and fetched objects are returned."""
        items = _items(query) if len(query.roots) == 1 or query.items else ()
        if len(items) != 1 or query.shape is not None:
            raise StoreQueryError("Illegal query: select one alias, for whole objects")
        root = self.expressions.value(items[0].expression)
        if root.type != "entity" or root.entity is None:
            raise StoreQueryError("Illegal query: what is selected is no object")
        tables = {table_of(root.sql): root.entity.name}
        values = [root]
        for fetch in self.scope.fetches:
            if fetch.owner not in tables:
                raise StoreQueryError(
                    "Illegal query: the owner of a fetched association must be selected"
                )
            tables[fetch.table] = fetch.entity.name
            values.append(Value(f"{fetch.table}.id", "long"))
        plain = replace(query, distinct=False)  # roots are told apart by whoever reads the rows
        sql = self._assemble(plain, values)
        return ObjectStatement(sql, tables, tuple(self.scope.fetches), query.distinct, self.uses)

    def _selected(self, item: tree.Item, shape: str | None) -> tuple[Column, list[Value]]:
        value = self.expressions.value(item.expression)
        name = item.alias
        if shape == "map" and name is None:
            raise StoreQueryError("Illegal query: each entry of new map(…) needs an alias")
        if value.type == "entity" and name is not None and name.endswith(PERMISSIONS_SUFFIX):
            table = table_of(value.sql)
            parts = [
                Value(sql, "long", frozenset({sql}))
                for sql in (value.sql, f"{table}.details_owner", f"{table}.details_group")
            ]
            return Column("permissions", len(parts), name, type="permissions"), parts
        if value.type == "quantity":
            unit = Value(str(value.unit), "unit", value.columns)
            return Column("quantity", 2, name, type="quantity"), [value, unit]
        if value.type == "pair":
            raise StoreQueryError("Illegal query: select name and value of a pair, not the pair")
        entity = value.entity.name if value.entity is not None else None
        whole = value.type == "entity"
        kind = "entity" if whole else value.type if value.type in ("bool", "class") else "plain"
        return Column(kind, 1, name, entity, value.type), [value]

    def _subquery(self, query: tree.Query, outer: Scope) -> Value:
        """Translate a query in parentheses to one value."""
        inner = _Level(outer.child(), self.uses)
        inner.open(query)
        items = _items(query)
        if len(items) != 1 or query.shape is not None:
            raise StoreQueryError("Illegal query: a subquery selects one value")
        value = inner.expressions.value(items[0].expression)
        sql = inner._assemble(query, [value])
        outside = frozenset(
            column for column in value.columns if not inner.scope.owns(table_of(column))
        )
        return Value(f"({sql})", value.type, outside, entity=value.entity)

    def _assemble(self, query: tree.Query, values: Sequence[Value]) -> str:
        expressions = self.expressions
        where = None if query.where is None else expressions.condition(query.where).sql
        groups = [expressions.value(node) for node in query.groups]
        having = None if query.having is None else expressions.condition(query.having)
        aliases = {item.alias: item for item in query.items if item.alias is not None}
        orders = [self._ordered(order, aliases) for order in query.orders]
        self._check(query, values, groups, [value for value, _ in orders], having)
        # All paths have been resolved by now, so that every implicit join is in the from clause.
        conditions = [*self.scope.conditions, *([] if where is None else [where])]
        clauses = [
            f"SELECT {'DISTINCT ' * query.distinct}{', '.join(value.sql for value in values)}",
            f"FROM {' '.join(self.scope.sources)}",
        ]
        if conditions:
            clauses.append(f"WHERE {' AND '.join(conditions)}")
        if groups:
            clauses.append(f"GROUP BY {', '.join(value.sql for value in groups)}")
        if having is not None:
            clauses.append(f"HAVING {having.sql}")
        if orders:
            clauses.append(f"ORDER BY {', '.join(sql for _, sql in orders)}")
        return " ".join(clauses)

    def _ordered(self, order: tree.Order, aliases: dict[str, tree.Item]) -> tuple[Value, str]:
        node = order.expression
        if isinstance(node, tree.Path) and len(node.parts) == 1 and node.parts[0] in aliases:
            node = aliases[node.parts[0]].expression
        value = self.expressions.value(node)
        # PostgreSQL sorts nulls last, SQLite first.
        direction = "DESC NULLS FIRST" if order.descending else "ASC NULLS LAST"
        if value.sql.endswith(".id"):
            direction = direction.partition(" ")[0] if not self._has_outer_join() else direction
        return value, f"{value.sql} {direction}"

    def _has_outer_join(self) -> bool:
        return any(source.startswith("LEFT") for source in self.scope.sources)

    def _check(
        self,
        query: tree.Query,
        values: Sequence[Value],
        groups: Sequence[Value],
        orders: Sequence[Value],
        having: Value | None,
    ) -> None:
        """Refuse what PostgreSQL refuses and SQLite would answer with some row."""
        selected = {value.sql for value in values}
        if query.distinct and any(order.sql not in selected for order in orders):
            raise StoreQueryError(
                "Illegal query: with select distinct, what is ordered by must be selected"
            )
        aggregated = bool(groups) or having is not None or any(map(_aggregates, values))
        if not aggregated:
            return
        grouped = {group.sql for group in groups}
        columns = NOWHERE.union(*(group.columns for group in groups))
        keys = {table_of(column) for column in columns if column.endswith(".id")}
        for value in (*values, *orders, *([having] if having is not None else [])):
            free = {
                column
                for column in value.columns
                if column not in columns and table_of(column) not in keys
            }
            if value.sql not in grouped and free:
                raise StoreQueryError(
                    "Illegal query: what is selected or ordered by must be grouped by or"
                    " be inside an aggregate"
                )


def _aggregates(value: Value) -> bool:
    return value.sql.startswith(("count(", "sum(", "avg(", "min(", "max("))


def _items(query: tree.Query) -> tuple[tree.Item, ...]:
    """Return what is selected; without select clause, the first entry of the from clause."""
    if query.items:
        return query.items
    first = query.roots[0]
    if first.alias is None:
        raise StoreQueryError(f"Illegal query: give {first.path} an alias")
    return (tree.Item(tree.Path((first.alias,)), None),)
