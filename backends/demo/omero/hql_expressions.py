"""From HQL expressions to SQL: operators, functions, case, casts, subqueries as values.

An `Expressions` belongs to one query level and resolves paths through its `Scope`; the subqueries
it meets are handed back to `hql_sql.py`. Types are checked as PostgreSQL would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.demo.omero import hql_tree as tree
from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_paths import Scope
from backends.demo.omero.hql_values import NOWHERE, ParameterUse, Value, bound, unify

CASTS = {
    "string": "TEXT",
    "text": "TEXT",
    "long": "INTEGER",
    "integer": "INTEGER",
    "int": "INTEGER",
    "double": "REAL",
    "float": "REAL",
}
# name → (SQL, least and most arguments, type of the result; None: that of the first argument)
FUNCTIONS: dict[str, tuple[str, int, int, str | None]] = {
    "lower": ("hql_lower", 1, 1, "string"),
    "upper": ("hql_upper", 1, 1, "string"),
    "trim": ("trim", 1, 1, "string"),
    "length": ("length", 1, 1, "long"),
    "substring": ("substr", 2, 3, "string"),
    "abs": ("abs", 1, 1, None),
    "coalesce": ("coalesce", 2, 99, None),
    "nullif": ("nullif", 2, 2, None),
}
TEXT_ARGUMENTS = frozenset({"lower", "upper", "trim", "length", "substring"})
AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})
COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})

Subquery = Callable[[tree.Query, Scope], Value]


@dataclass(slots=True)
class Expressions:
    """Translates the expressions of one query level."""

    scope: Scope
    uses: dict[str, ParameterUse]
    subquery: Subquery

    def condition(self, node: tree.Expression) -> Value:
        """Translate a condition."""
        value = self.value(node)
        if value.type not in ("bool", "any", "parameter"):
            raise StoreQueryError("Illegal query: a condition must be true or false")
        if value.parameter is not None:
            self.uses[value.parameter].categories.add("boolean")
        return value

    def value(self, node: tree.Expression) -> Value:  # noqa: C901, PLR0911, PLR0912 - one table
        """Translate any expression."""
        match node:
            case tree.Path():
                return self.scope.resolve(node)
            case tree.Literal():
                return _literal(node.value)
            case tree.Parameter():
                return self._parameter(node)
            case tree.Unary():
                return self._unary(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Like():
                return self._like(node)
            case tree.Between():
                return self._between(node)
            case tree.IsNull():
                value = self.value(node.operand)
                return _bool(f"{value.sql} IS {'NOT ' * node.negated}NULL", value)
            case tree.IsEmpty():
                return self._is_empty(node)
            case tree.In():
                return self._in(node)
            case tree.Exists():
                value = self.subquery(node.query, self.scope)
                return Value(f"EXISTS {value.sql}", "bool", value.columns)
            case tree.Scalar():
                return self.subquery(node.query, self.scope)
            case tree.Call():
                return self._call(node)
            case tree.Cast():
                return self._cast(node)
            case tree.Case():
                return self._case(node)

    def _parameter(self, node: tree.Parameter) -> Value:
        use = self.uses.setdefault(node.name, ParameterUse())
        use.occurrences += 1
        use.as_scalar = True
        return Value(bound(node.name), "parameter", parameter=node.name)

    def _unary(self, node: tree.Unary) -> Value:
        if node.operator == "not":
            condition = self.condition(node.operand)
            return Value(f"NOT ({condition.sql})", "bool", condition.columns)
        value = self._typed(node.operand, "number", f"the sign {node.operator}")
        return Value(f"({node.operator}{value.sql})", value.type, value.columns)

    def _typed(self, node: tree.Expression, category: str, place: str) -> Value:
        value = self.value(node)
        if value.parameter is not None:
            self.uses[value.parameter].categories.add(category)
        elif value.category not in (None, category) and {value.category, category} != {
            "unit",
            "text",
        }:
            raise StoreQueryError(f"Illegal query: {place} takes a {category}, not a {value.type}")
        return value

    def _binary(self, node: tree.Binary) -> Value:
        operator = node.operator
        if operator in ("and", "or"):
            left, right = self.condition(node.left), self.condition(node.right)
            return Value(
                f"({left.sql} {operator.upper()} {right.sql})", "bool", left.columns | right.columns
            )
        if operator in COMPARISONS:
            left, right = self._comparable(node.left, node.right, operator)
            return _bool(f"{left.sql} {operator} {right.sql}", left, right)
        category = "text" if operator == "||" else "number"
        left = self._typed(node.left, category, operator)
        right = self._typed(node.right, category, operator)
        kind = "double" if "double" in (left.type, right.type) else "long"
        return Value(
            f"({left.sql} {operator} {right.sql})",
            "string" if operator == "||" else kind,
            left.columns | right.columns,
        )

    def _comparable(
        self, left_node: tree.Expression, right_node: tree.Expression, operator: str
    ) -> tuple[Value, Value]:
        """Translate both sides of a comparison; a class is compared with an entity's name."""
        if self._is_class(left_node):
            left, right = self.value(left_node), self._class_name(right_node)
        elif self._is_class(right_node):
            left, right = self._class_name(left_node), self.value(right_node)
        else:
            left, right = self.value(left_node), self.value(right_node)
        unify(left, right, self.uses, f"'{operator}'")
        return self._unit_literal(left, right), self._unit_literal(right, left)

    def _is_class(self, node: tree.Expression) -> bool:
        if isinstance(node, tree.Call) and node.name == "type":
            return True
        return isinstance(node, tree.Path) and len(node.parts) > 1 and node.parts[-1] == "class"

    def _class_name(self, node: tree.Expression) -> Value:
        if isinstance(node, tree.Path) and not self._is_class(node):
            return Value(f"'{self.scope.entity(node).name}'", "class")
        return self.value(node)

    def _unit_literal(self, value: Value, other: Value) -> Value:
        """Let a unit be compared with its name or with its symbol."""
        if other.type != "unit" or value.literal is None:
            return value
        symbols = self.scope.model.symbols
        names = [value.literal] if value.literal in symbols else []
        names += [name for name, symbol in symbols.items() if symbol == value.literal]
        if not names:
            raise StoreQueryError(f"Illegal query: {value.literal!r} is no unit")
        return Value(f"'{names[0]}'", "unit")

    def _like(self, node: tree.Like) -> Value:
        operand = self._typed(node.operand, "text", "like")
        pattern = self._typed(node.pattern, "text", "like")
        # PostgreSQL escapes with a backslash unless told otherwise; SQLite with nothing.
        escape = "'\\'" if node.escape is None else self.value(node.escape).sql
        negation = "NOT " * node.negated
        return _bool(
            f"{operand.sql} {negation}LIKE {pattern.sql} ESCAPE {escape}", operand, pattern
        )

    def _between(self, node: tree.Between) -> Value:
        operand = self.value(node.operand)
        low, high = self.value(node.low), self.value(node.high)
        unify(operand, low, self.uses, "between")
        unify(operand, high, self.uses, "between")
        negation = "NOT " * node.negated
        return _bool(
            f"{operand.sql} {negation}BETWEEN {low.sql} AND {high.sql}", operand, low, high
        )

    def _is_empty(self, node: tree.IsEmpty) -> Value:
        if not isinstance(node.operand, tree.Path):
            raise StoreQueryError("Illegal query: only a collection can be empty")
        sql = self._over_collection(node.operand, "1")
        return Value(f"{'' if node.negated else 'NOT '}EXISTS {sql}", "bool")

    def _over_collection(self, path: tree.Path, selected: str) -> str:
        binding, condition = self.scope.collection(path)
        readable = self.scope.readable(binding)
        table = f'"{binding.source}" AS {binding.table}'
        what = selected.format(table=binding.table, position=f"{binding.table}.{binding.position}")
        return f"(SELECT {what} FROM {table} WHERE {condition}{readable})"  # noqa: S608 - no input

    def _in(self, node: tree.In) -> Value:
        negation = "NOT " * node.negated
        if isinstance(node.choices, tree.Query):
            operand = self.value(node.operand)
            chosen = self.subquery(node.choices, self.scope)
            unify(operand, chosen, self.uses, "in")
            return _bool(f"{operand.sql} {negation}IN {chosen.sql}", operand, chosen)
        if len(node.choices) == 1 and isinstance(node.choices[0], tree.Parameter):
            operand = self.value(node.operand)
            name = node.choices[0].name
            use = self.uses.setdefault(name, ParameterUse())
            use.occurrences += 1
            use.as_list = True
            if operand.category is not None:
                use.categories.add(operand.category)
            listed = f"(SELECT value FROM json_each({bound(name)}))"  # noqa: S608 - a placeholder
            return _bool(f"{operand.sql} {negation}IN {listed}", operand)
        pairs = [self._comparable(node.operand, choice, "in") for choice in node.choices]
        listed = ", ".join(choice.sql for _, choice in pairs)
        return _bool(
            f"{pairs[0][0].sql} {negation}IN ({listed})", pairs[0][0], *(c for _, c in pairs)
        )

    def _call(self, node: tree.Call) -> Value:
        name = node.name
        if name in AGGREGATES:
            return self._aggregate(node)
        if name in ("size", "index", "type", "minindex", "maxindex", "concat"):
            return self._special(node)
        if name not in FUNCTIONS or node.distinct or node.star:
            raise StoreQueryError(f"Illegal query: unknown function {name!r}")
        sql, least, most, kind = FUNCTIONS[name]
        if not least <= len(node.arguments) <= most:
            raise StoreQueryError(f"Illegal query: wrong number of arguments for {name}()")
        arguments = [self.value(argument) for argument in node.arguments]
        if name in TEXT_ARGUMENTS:
            arguments[0] = self._typed(node.arguments[0], "text", f"{name}()")
        for argument in arguments[1:] if kind is None else ():
            unify(arguments[0], argument, self.uses, f"{name}()")
        columns = NOWHERE.union(*(argument.columns for argument in arguments))
        types = [
            argument.type for argument in arguments if argument.type not in ("null", "parameter")
        ]
        result = kind or (types[0] if types else "any")
        return Value(f"{sql}({', '.join(argument.sql for argument in arguments)})", result, columns)

    def _aggregate(self, node: tree.Call) -> Value:
        if node.star:
            return Value("count(*)", "long")
        if len(node.arguments) != 1:
            raise StoreQueryError(f"Illegal query: {node.name}() takes one argument")
        value = self.value(node.arguments[0])
        kind = {"count": "long", "avg": "double"}.get(node.name, value.type)
        if node.name in ("sum", "avg") and value.category not in ("number", None):
            raise StoreQueryError(f"Illegal query: {node.name}() of a {value.type}")
        if node.name == "sum" and kind == "int":
            kind = "long"
        return Value(f"{node.name}({'DISTINCT ' * node.distinct}{value.sql})", kind)

    def _special(self, node: tree.Call) -> Value:
        """Translate the functions that HQL has and SQL has not."""
        argument = node.arguments[0] if node.arguments else None
        if node.name == "concat":
            parts = [self._typed(part, "text", "concat()") for part in node.arguments]
            columns = NOWHERE.union(*(part.columns for part in parts))
            return Value(f"({' || '.join(part.sql for part in parts)})", "string", columns)
        if not isinstance(argument, tree.Path) or len(node.arguments) != 1:
            raise StoreQueryError(f"Illegal query: {node.name}() takes one alias or path")
        if node.name == "size":
            return Value(self._over_collection(argument, "count(*)"), "long")
        if node.name == "type":
            is_class = argument.parts[-1] == "class"
            return self.scope.resolve(argument if is_class else argument / "class")
        ordering = {"minindex": "min", "maxindex": "max"}.get(node.name)
        if ordering is not None and len(argument.parts) > 1:
            return Value(self._over_collection(argument, ordering + "({position})"), "int")
        position = self.scope.resolve(argument).position
        if position is None:
            raise StoreQueryError(f"Illegal query: {argument} is no element of a list: no index()")
        if ordering is not None:
            return Value(f"{ordering}({position})", "int")
        return Value(position, "int", frozenset({position}))

    def _cast(self, node: tree.Cast) -> Value:
        value = self.value(node.operand)
        if node.type not in CASTS:
            raise StoreQueryError(f"Illegal query: cannot cast to {node.type!r}")
        kind = {"TEXT": "string", "INTEGER": "long", "REAL": "double"}[CASTS[node.type]]
        sql = f"CAST({value.sql} AS {CASTS[node.type]})"
        if kind == "string" and value.type == "unit":
            sql = f"(SELECT symbol FROM hql_units WHERE unit = {value.sql})"  # noqa: S608 - a column
        elif kind == "string" and value.type == "double":
            sql = f"CASE WHEN {value.sql} IS NOT NULL THEN printf('%.15g', {value.sql}) END"
        elif kind == "string" and value.type == "bool":
            sql = f"CASE {value.sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        return Value(sql, kind, value.columns)

    def _case(self, node: tree.Case) -> Value:
        sql = ["CASE"]
        columns: set[str] = set()
        results: list[Value] = []
        for when, then in node.branches:
            if node.subject is None:
                condition = self.condition(when)
                sql.append(f"WHEN {condition.sql}")
                columns |= condition.columns
            else:
                subject, choice = self._comparable(node.subject, when, "case")
                sql.append(f"WHEN {subject.sql} = {choice.sql}")
                columns |= subject.columns | choice.columns
            results.append(self.value(then))
            sql.append(f"THEN {results[-1].sql}")
        if node.otherwise is not None:
            results.append(self.value(node.otherwise))
            sql.append(f"ELSE {results[-1].sql}")
        for result in results:
            columns |= result.columns
        types = [result.type for result in results if result.type not in ("null", "parameter")]
        kind = "double" if "double" in types else (types[0] if types else "any")
        return Value(f"{' '.join(sql)} END", kind, frozenset(columns))


def _literal(value: object) -> Value:
    if value is None:
        return Value("NULL", "null")
    if isinstance(value, bool):
        return Value(str(int(value)), "bool")
    if isinstance(value, str):
        return Value("'" + value.replace("'", "''") + "'", "string", literal=value)
    return Value(repr(value), "double" if isinstance(value, float) else "long")


def _bool(sql: str, *operands: Value) -> Value:
    return Value(f"({sql})", "bool", NOWHERE.union(*(operand.columns for operand in operands)))
