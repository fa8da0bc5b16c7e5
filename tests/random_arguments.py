"""A visitor that gives the arguments of a random document a meaning, or an extreme value.

`Meant` goes through a valid document with the schema beside it. It puts what there is, or what
nobody expects, in the place of what a generator made up; leaves out arguments that exclude each
other, which a generator gives all at once; asks for more fields, so that deep places are reached;
and sends some arguments as variables. `tests/test_random_queries.py` uses it.
"""

from __future__ import annotations

import random
from math import isfinite
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    FloatValueNode,
    GraphQLNamedType,
    GraphQLObjectType,
    InlineFragmentNode,
    IntValueNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    ValueNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    parse,
    parse_value,
    value_from_ast_untyped,
)
from hypothesis_graphql import nodes

from tests.argument_values import (
    EXTREME_BIG_INTS,
    EXTREME_FLOATS,
    EXTREME_INTS,
    EXTREME_TEXTS,
    EXTREME_TIMES,
    ID_TYPES,
    INPUTS,
    LENGTHS,
    ONE_OF,
    Reality,
)

ROOTS = {"Query", "Mutation"}
WHOLE = 0.7  # of the inputs that could mean something
MOST_ADDED = 60  # fields


class Meant(Visitor):
    """Puts real and extreme values in the place of those that were made up.

    Args:
        types: kept beside the visitor by `TypeInfoVisitor`.
        reality: what there is.
        chance: decides.
        strange: how often a value is an extreme one, from 0 to 1.
        made_up: how often it stays as it was.
        apart: how often an argument is sent as a variable.
        more: how often an object is asked for more of its fields.
    """

    def __init__(
        self,
        types: TypeInfo,
        reality: Reality,
        chance: random.Random,
        *,
        strange: float,
        made_up: float,
        apart: float,
        more: float,
    ) -> None:
        super().__init__()
        self._types, self._reality, self._chance = types, reality, chance
        self._strange, self._made_up, self._apart = strange, made_up, apart
        self._more = more
        self.variables: dict[str, Any] = {}
        self._declared: dict[str, str] = {}
        self._whole = False  # whether the argument around is one that means something
        self._added = 0

    def enter_field(self, node: FieldNode, *_rest: Any) -> FieldNode | None:
        """Leave out what excludes each other; most filters, too, so that something is found."""
        if not node.arguments:
            return None
        kept = self._compatible({each.name.value: each for each in node.arguments})
        return FieldNode(
            name=node.name,
            alias=node.alias,
            arguments=tuple(kept.values()),
            directives=node.directives,
            selection_set=node.selection_set,
        )

    def enter_object_value(self, node: ObjectValueNode, *_rest: Any) -> ObjectValueNode | None:
        """Leave out what excludes each other."""
        if self._named() == "_Any":
            return self._representation()
        if self._whole:
            return None
        kept = self._compatible({each.name.value: each for each in node.fields})
        return ObjectValueNode(fields=tuple(kept.values()))

    def leave_string_value(self, _node: StringValueNode, *rest: Any) -> ValueNode | None:
        """Replace a text, an id or a time."""
        return self._value((*rest[-1], rest[1]))

    def leave_int_value(self, _node: IntValueNode, *rest: Any) -> ValueNode | None:
        """Replace a whole number, or an id."""
        return self._value((*rest[-1], rest[1]))

    def leave_float_value(self, _node: FloatValueNode, *rest: Any) -> ValueNode | None:
        """Replace a number."""
        return self._value((*rest[-1], rest[1]))

    def enter_argument(self, node: ArgumentNode, *_rest: Any) -> ArgumentNode | None:
        """Give some inputs a meaning as a whole."""
        argument = self._types.get_argument()
        meaning = INPUTS.get("" if argument is None else get_named_type(argument.type).name)
        self._whole = meaning is not None and self._chance.random() < WHOLE
        if meaning is None or not self._whole:
            return None
        text = self._chance.choice(meaning)
        for name, value in (
            ("{sample}", self._chance.choice(self._reality.names["Sample"])),
            ("{image}", str(self._chance.choice(self._reality.numbers["Image"]))),
            ("{number}", str(self._chance.randrange(10**6))),
        ):
            text = text.replace(name, value)
        return ArgumentNode(name=node.name, value=parse_value(text))

    def leave_argument(self, node: ArgumentNode, *_rest: Any) -> ArgumentNode | None:
        """Send some as variables."""
        argument, self._whole = self._types.get_argument(), False
        if argument is None or self._chance.random() >= self._apart:
            return None
        value = value_from_ast_untyped(node.value)
        if not _finite(value):
            return None
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        self._declared[name] = str(argument.type)
        return ArgumentNode(name=node.name, value=VariableNode(name=NameNode(value=name)))

    def enter_selection_set(self, node: SelectionSetNode, *rest: Any) -> SelectionSetNode | None:
        """Ask for more, but not where other types have fields of the same names."""
        parent = self._types.get_parent_type()
        depth = 0 if self._chance.random() > self._more else self._chance.randint(1, 5)
        if isinstance(rest[1], InlineFragmentNode) or depth == 0:
            return None
        if not isinstance(parent, GraphQLObjectType) or parent.name in ROOTS:
            return None
        asked = {
            (each.alias or each.name).value
            for each in node.selections
            if isinstance(each, FieldNode)
        }
        more = [each for each in self._grown(parent, depth) if each.name.value not in asked]
        return SelectionSetNode(selections=(*node.selections, *more))

    def _grown(self, parent: GraphQLObjectType, depth: int) -> list[FieldNode]:
        """Fields that need no arguments, and what is below them."""
        grown = []
        for name, each in parent.fields.items():
            target = get_named_type(each.type)
            leaf = is_leaf_type(target)
            wanted = 0.5 if leaf else 0.9 if name in {"edges", "node"} else 0.25
            if self._added > MOST_ADDED or self._chance.random() > wanted:
                continue
            if any(is_required_argument(argument) for argument in each.args.values()):
                continue
            below: list[FieldNode] = []
            if not leaf:
                below = (
                    self._grown(target, depth - 1)
                    if isinstance(target, GraphQLObjectType) and depth
                    else []
                )
                if not below:
                    continue
            self._added += 1
            few = [_number("first", 2)] if "first" in each.args else []
            grown.append(
                FieldNode(
                    name=NameNode(value=name),
                    arguments=tuple(few),
                    directives=(),
                    selection_set=SelectionSetNode(selections=tuple(below)) if below else None,
                )
            )
        return grown

    def leave_selection_set(self, node: SelectionSetNode, *_rest: Any) -> SelectionSetNode | None:
        """Let what may be of several types say of which it is."""
        if not is_abstract_type(self._types.get_parent_type()):
            return None
        typename = FieldNode(name=NameNode(value="__typename"), arguments=(), directives=())
        return SelectionSetNode(selections=(*node.selections, typename))

    def leave_operation_definition(
        self, node: OperationDefinitionNode, *_rest: Any
    ) -> OperationDefinitionNode | None:
        """Declare the variables."""
        declared = " ".join(f"${name}: {kind}" for name, kind in self._declared.items())
        if not declared:
            return None
        parsed = parse(f"{node.operation.value} ({declared}) {{ __typename }}").definitions[0]
        assert isinstance(parsed, OperationDefinitionNode)
        return OperationDefinitionNode(
            operation=node.operation,
            name=node.name,
            variable_definitions=parsed.variable_definitions,
            directives=node.directives,
            selection_set=node.selection_set,
        )

    def _compatible(self, given: dict[str, Any]) -> dict[str, Any]:
        if self._chance.random() < self._strange / 4:
            return given
        if "first" in given and "after" in given:
            forwards = self._chance.random() < 0.7
            drop = ["last", "before"] if forwards else ["first", "after"]
            drop += [name for name in ("after", "before") if self._chance.random() < 0.7]
            for name in drop:
                given.pop(name, None)
        if "where" in given and self._chance.random() < 0.6 and "unit" not in given:
            del given["where"]
        for names in ONE_OF:
            present = [name for name in names if name in given]
            if len(present) > 1:
                told = [n for n in present if not isinstance(given[n].value, NullValueNode)]
                keep = self._chance.choice(told or present)
                given = {n: v for n, v in given.items() if n not in present or n == keep}
        return given

    def _value(self, ancestors: Any) -> ValueNode | None:
        name, kind = _name_of(ancestors), self._named()
        roll = self._chance.random()
        if name == "wait":  # the answer would wait as long, at most until the deadline
            return nodes.Float(self._chance.choice((0.0, 0.0, 0.2, -1.0)))
        if self._whole:
            return self._extreme(kind) if roll < self._strange / 4 else None
        if roll < self._strange:
            return self._extreme(kind)
        if roll < self._strange + self._made_up and kind != "ID":
            return None
        return self._real(name, kind)

    def _extreme(self, kind: str) -> ValueNode | None:
        pick = self._chance.choice
        match kind:
            case "Int":
                return nodes.Int(pick(EXTREME_INTS))
            case "BigInt":
                return nodes.Int(pick(EXTREME_BIG_INTS))
            case "Float":
                return FloatValueNode(value=pick(EXTREME_FLOATS))
            case "DateTime":
                return nodes.String(pick(EXTREME_TIMES))
            case "String" | "ID":
                return nodes.String(pick(EXTREME_TEXTS))
        return None

    def _real(self, name: str, kind: str) -> ValueNode | None:  # noqa: PLR0911 - one a kind
        pick, there = self._chance.choice, self._reality
        around = self._root()
        if kind == "ID":
            own = ID_TYPES.get(name) or ID_TYPES.get(around)
            if own is None or self._chance.random() < 0.05:
                own = pick(sorted(there.ids))
            return nodes.String(pick(there.ids[own]))
        if kind == "Int" and name in {"first", "last"}:
            return nodes.Int(pick(LENGTHS))
        if kind == "Int":
            return nodes.Int(pick((1, 2, 5, 64, 100)))
        if kind == "BigInt":
            own = ID_TYPES.get(around, "Image")
            return nodes.Int(pick(there.numbers[own] or there.numbers["Image"]))
        if kind == "Float":
            return nodes.Float(pick((0.5, 1.0, 20.0, 512.0, 0.25)))
        if kind == "DateTime":
            year, month = self._chance.randint(2010, 2026), self._chance.randint(1, 9)
            return nodes.String(f"{year}-0{month}-07T08:00:00Z")
        if kind == "String":
            return nodes.String(self._text(name, around))
        return None

    def _text(self, name: str, around: str) -> str:  # noqa: PLR0911 - one a name
        pick, there = self._chance.choice, self._reality
        entity = ID_TYPES.get(around, "Sample")
        match name:
            case "after" | "before":
                return pick(there.cursors[around] or ["none"])
            case "identifier" | "sample":
                kind = "Sample" if name == "sample" else entity
                return pick(there.names[kind])
            case "project":
                return pick(there.names["Project"])
            case "permId":
                return pick(there.names[f"{entity}PermId"] or there.names["OmicsDatasetPermId"])
            case "type":
                return pick(there.names["SampleType"] + there.names["OmicsDatasetType"])
            case "key" | "keyValue":
                return pick(there.names["Key"])
            case "property" | "stratifyBy":
                return pick(there.names["Property"])
            case "code":
                return pick(there.names["Property"] + there.names["Sample"])
        return pick(
            (pick(there.words), pick(pick([some for some in there.names.values() if some])))
        )

    def _representation(self) -> ObjectValueNode:
        """An entity as a gateway names it."""
        kind = self._chance.choice(sorted(self._reality.ids))
        wanted = self._chance.choice(self._reality.ids[kind])
        if self._chance.random() < self._strange:
            wanted = self._chance.choice(EXTREME_TEXTS)
        return nodes.Object([_pair("__typename", kind), _pair("id", wanted)])

    def _named(self) -> str:
        given = self._types.get_input_type()
        named: GraphQLNamedType | None = None if given is None else get_named_type(given)
        return "" if named is None else named.name

    def _root(self) -> str:
        """The field whose argument it is."""
        definition, parent = self._types.get_field_def(), self._types.get_parent_type()
        if definition is None or parent is None:
            return ""
        fields = getattr(parent, "fields", {})
        return next((name for name, each in fields.items() if each is definition), "")


def _number(name: str, value: int) -> ArgumentNode:
    return ArgumentNode(name=NameNode(value=name), value=nodes.Int(value))


def _pair(name: str, value: str) -> ObjectFieldNode:
    return ObjectFieldNode(name=NameNode(value=name), value=nodes.String(value))


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _name_of(ancestors: Any) -> str:
    """The innermost argument or input field around a value."""
    for each in reversed(ancestors):
        if isinstance(each, ArgumentNode | ObjectFieldNode):
            return each.name.value
    return ""
