"""Operations at random over any schema, valid by construction: what executors are compared with.

Aliases, nested fragments of both kinds, `@skip` and `@include` by literal and by variable,
`__typename`, fields selected twice, arguments by literal and by variable.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
# Returns a literal for an argument of a field, or None for leaving it out.
Literal = Callable[[random.Random, str, str], str | None]


@dataclass
class Operation:
    """A document and its variables."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)


class Operations:
    """Makes operations.

    Args:
        schema: the schema.
        roots: the fields of the root that are asked for.
        literal: values for the arguments that need one.
        depth: nested fields at most.
    """

    def __init__(
        self, schema: GraphQLSchema, roots: list[str], literal: Literal, depth: int = 9
    ) -> None:
        self._schema = schema
        self._roots = roots
        self._literal = literal
        self._depth = depth

    def make(self, seed: int) -> Operation:
        """Make the operation of a seed."""
        chance = random.Random(seed)  # noqa: S311 - dice
        return _Making(self._schema, chance, self._literal, self._depth).make(self._roots)


class _Making:
    def __init__(
        self, schema: GraphQLSchema, chance: random.Random, literal: Literal, depth: int
    ) -> None:
        self._schema = schema
        self._chance = chance
        self._literal = literal
        self._depth = depth
        self._declared: list[str] = []
        self._variables: dict[str, Any] = {}
        self._fragments: list[str] = []
        self._budget = 90

    def make(self, roots: list[str]) -> Operation:
        query = self._schema.query_type
        assert query is not None
        chosen = self._chance.sample(roots, self._chance.choice([1, 1, 2]))
        body = " ".join(
            f"r{number}: {self._field(query, name, query.fields[name], 1)}"
            for number, name in enumerate(chosen)
        )
        head = f"query ({', '.join(self._declared)})" if self._declared else "query"
        return Operation(" ".join([head, "{", body, "}", *self._fragments]), self._variables)

    def _field(self, parent: Composite, name: str, definition: GraphQLField, depth: int) -> str:
        text = name + self._arguments(parent, name, definition)
        named = get_named_type(definition.type)
        if not is_leaf_type(named):
            text += " " + self._selection(named, depth + 1)
        return text

    def _arguments(self, parent: Composite, name: str, definition: GraphQLField) -> str:
        given = []
        for argument, declared in definition.args.items():
            literal = self._literal(self._chance, f"{parent.name}.{name}", argument)
            if isinstance(get_named_type(declared.type), GraphQLEnumType) and literal is None:
                enum = get_named_type(declared.type)
                if isinstance(declared.type, GraphQLNonNull) and self._chance.random() < 0.7:
                    literal = self._chance.choice(list(enum.values))
            if literal is not None:
                if literal.isdigit() and self._chance.random() < 0.5:
                    literal = self._variable(str(declared.type), int(literal))
                given.append(f"{argument}: {literal}")
        return f"({', '.join(given)})" if given else ""

    def _variable(self, type_: str, value: Any) -> str:
        name = f"v{len(self._declared)}"
        self._declared.append(f"${name}: {type_}")
        self._variables[name] = value
        return f"${name}"

    def _switch(self) -> str:
        if self._chance.random() < 0.9:
            return ""
        name = self._chance.choice(["skip", "include"])
        value = self._chance.random() < 0.5
        on = str(value).lower()
        if self._chance.random() < 0.6:
            on = self._variable("Boolean!", value)
        return f" @{name}(if: {on})"

    def _selection(self, type_: Composite, depth: int) -> str:
        chance = self._chance
        fields = dict(getattr(type_, "fields", {}))
        leaves = [name for name, each in fields.items() if is_leaf_type(get_named_type(each.type))]
        others = [name for name in fields if name not in leaves]
        parts = [
            self._aliased(type_, name, fields[name], depth)
            for name in chance.sample(leaves, min(len(leaves), chance.randint(1, 4)))
        ]
        # Where a connection has to be walked, walk it: there are the rows.
        for name in ("edges", "node", "dataset"):
            if name in others and depth < self._depth:
                others.remove(name)
                parts.append(self._field(type_, name, fields[name], depth))
        if others and depth < self._depth and self._budget > 0:
            for name in chance.sample(others, min(len(others), chance.choice([0, 1, 1, 2, 3]))):
                self._budget -= 1
                parts.append(self._aliased(type_, name, fields[name], depth))
        if not parts or chance.random() < 0.15:
            parts.append(chance.choice(["__typename", "kind: __typename"]))
        if depth < self._depth:
            parts += self._fragmented(type_, depth)
        chance.shuffle(parts)
        return "{ " + " ".join(parts) + " }"

    def _fragmented(self, type_: Composite, depth: int) -> list[str]:
        """Return selections in fragments: of possible types, unnamed, named."""
        chance, parts = self._chance, []
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            possible = list(self._schema.get_possible_types(type_))
            parts = [
                f"... on {each.name} {self._selection(each, depth + 2)}"
                for each in chance.sample(possible, min(3, len(possible)))
            ]
        if chance.random() < 0.12:
            parts.append(f"...{self._switch()} {self._selection(type_, depth + 2)}")
        if chance.random() < 0.12:
            name, place = f"F{len(self._fragments)}", len(self._fragments)
            self._fragments.append("")
            below = self._selection(type_, depth + 2)
            self._fragments[place] = f"fragment {name} on {type_.name} {below}"
            parts.append(f"...{name}{self._switch()}")
        return parts

    def _aliased(self, type_: Composite, name: str, definition: GraphQLField, depth: int) -> str:
        text = self._field(type_, name, definition, depth)
        at = min(at for at in (text.find(" "), text.find("("), len(text)) if at > 0)
        head, rest = text[:at], text[at:]
        if self._chance.random() < 0.2 or "(" in rest.split("{", maxsplit=1)[0]:
            head = f"a{self._chance.randint(0, 999)}: {head}"
        if is_leaf_type(get_named_type(definition.type)):
            return head + rest + self._switch()
        cut = self._matching(rest)
        return f"{head}{rest[:cut]}{self._switch()} {rest[cut:]}"

    @staticmethod
    def _matching(rest: str) -> int:
        """Return where a field's arguments end."""
        if not rest.startswith("("):
            return 0
        depth = 0
        for at, character in enumerate(rest):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                return at + 1
        return len(rest)
