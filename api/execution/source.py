"""Python code for a plan: one function that builds the nested answer of a record, by reading it.

The functions are optimistic. They read attributes, call plain functions, and test that each value
is just what its GraphQL type expects; at anything else they raise, and whoever called them turns
to graphql-core. Fields that have to wait leave (record, answer) in their bucket and a null in the
answer. The text is made from numbers and names of the schema; nothing of what a client sent comes
in.

For `{ name pixelSize { x { value } } }` of an image it looks like this:

    def s0(v):
        if type(v) not in c0: c1(v)            # an ImageRecord, as seen before
        v0 = v.name
        if type(v0) is not str: v0 = c2(v0)
        v1 = r0(v)                              # the resolver of pixelSize
        if v1 is not None:
            …
            v1 = c3(v2)                         # an answer with the field x
        return c4(v0, v1)                       # one with the fields name and pixelSize
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLNonNull, GraphQLOutputType, is_leaf_type
from graphql.pyutils import is_awaitable

from api.edges import LATER
from api.execution.answers import answer_class
from api.execution.leaves import GiveUp, leaf_lines
from api.execution.plans import FieldPlan, Kind, ObjectPlan, Plan, item_type

DEEPEST = 9  # blocks within one function; CPython allows 20 loops within each other


def compile_plan(plan: Plan, gates: Gates) -> None:
    """Make the plan's code.

    `plan.bind(buckets, calls)` returns its functions: that of the position itself first, then one
    for each numbered field, None where there is none. `buckets[n]` is the list that late rows of
    the field with number n are put in, `calls[n]` answers it for one record.
    """
    writer = _Writer(gates)
    writer.function("s", plan.type, plan.root, nullable=False)
    for each in plan.numbered:
        if each.kind is Kind.BATCHED:
            type_ = each.definition.type
            writer.function(f"s{each.number}", type_, each.selected, nullable=True)
    names = (f"s{each.number}" if each.kind is Kind.BATCHED else "None" for each in plan.numbered)
    plan.bind = writer.build(plan.numbered, f"(s, {''.join(f'{name}, ' for name in names)})")


class Gates:
    """The classes whose instances were found to be objects of a GraphQL type.

    Whether a value belongs to a type is decided by its class in this house (`backed_by`, and what
    Strawberry makes itself), so one look per class is enough.
    """

    def __init__(self) -> None:
        self._passed: dict[str, set[type]] = {}

    def of(self, plan: ObjectPlan) -> tuple[set[type], Callable[[Any], None]]:
        """Return the classes seen so far, and the check for another."""
        passed = self._passed.setdefault(plan.type.name, set())
        is_type_of = plan.type.is_type_of

        def check(value: Any) -> None:
            if value is None or isinstance(value, Exception) or is_awaitable(value):
                raise GiveUp
            info: Any = None
            if is_type_of is not None and is_type_of(value, info) is not True:
                raise GiveUp
            passed.add(type(value))

        return passed, check


class _Writer:
    """Collects the functions of one plan, and the constants that they use."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._constants: dict[str, Any] = {"GiveUp": GiveUp, "LATER": LATER}
        self._known: dict[int, str] = {}
        self._functions: list[str] = []
        self._variables = 0
        self._starts: list[str] = []  # what the function that is being written begins with
        self._loops = 0  # around what is being written, within the function

    def constant(self, _kind: str, value: Any) -> str:
        """Return the name of a constant."""
        name = self._known.get(id(value))
        if name is None:
            name = f"c{len(self._constants)}"
            self._constants[name] = value
            self._known[id(value)] = name  # the constant itself keeps the id from being reused
        return name

    def function(
        self, name: str, type_: GraphQLOutputType, selected: ObjectPlan | None, *, nullable: bool
    ) -> None:
        """Write a function that completes a value of a type.

        Args:
            name: its name.
            type_: the type.
            selected: what is selected of its objects, if it has any.
            nullable: whether the type itself says if None is an answer; else None never is.
        """
        outer, self._starts = self._starts, []
        loops, self._loops = self._loops, 0
        body: list[str] = []
        if nullable:
            self._complete(body, type_, "v", selected, 1)
        else:
            inner = type_ if isinstance(type_, GraphQLNonNull) else GraphQLNonNull(type_)
            self._complete(body, inner, "v", selected, 1)
        self._functions += [f"def {name}(v):", *self._starts, *body, "    return v"]
        self._starts, self._loops = outer, loops

    def build(self, numbered: list[FieldPlan], result: str) -> Callable[..., Any]:
        """Compile what was written into `bind`."""
        names = list(self._constants)
        lines = [f"def make({', '.join(names)}):", "    def bind(buckets, calls):"]
        for each in numbered:
            if each.is_late:
                lines.append(f"        b{each.number} = buckets[{each.number}].append")
            if each.kind is not Kind.FOREIGN:
                lines.append(f"        r{each.number} = calls[{each.number}]")
        lines += [f"        {line}" for line in self._functions]
        lines += [f"        return {result}", "    return bind"]
        space: dict[str, Any] = {}
        exec(compile("\n".join(lines), "<plan>", "exec"), {}, space)  # noqa: S102 - our own text
        bind: Callable[..., Any] = space["make"](**self._constants)
        return bind

    def _fresh(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _complete(
        self,
        lines: list[str],
        type_: GraphQLOutputType,
        v: str,
        selected: ObjectPlan | None,
        depth: int,
    ) -> None:
        """Write the statements that complete variable `v` in place."""
        nullable = not isinstance(type_, GraphQLNonNull)
        inner: Any = type_ if nullable else type_.of_type  # type: ignore[union-attr]
        pad = "    " * depth
        if is_leaf_type(inner):
            written = leaf_lines(inner, v, nullable=nullable, constant=self.constant)
            lines += [pad + line for line in written]
            return
        if nullable:
            lines.append(f"{pad}if {v} is not None:")
            depth += 1
            pad = "    " * depth
        of = item_type(inner)
        if of is not None:
            items, item = self._fresh(), self._fresh()
            lines += [
                f"{pad}if type({v}) is not tuple and type({v}) is not list: raise GiveUp",
                f"{pad}{items} = []",
                f"{pad}for {item} in {v}:",
            ]
            self._loops += 1
            self._complete(lines, of, item, selected, depth + 1)
            self._loops -= 1
            lines += [f"{pad}    {items}.append({item})", f"{pad}{v} = {items}"]
            return
        assert selected is not None  # noqa: S101 - every object has a selection
        if depth > DEEPEST:
            name = f"f{self._variables}"
            self.function(name, inner, selected, nullable=False)
            lines.append(f"{pad}{v} = {name}({v})")
            return
        self._object(lines, v, selected, depth)

    def _object(self, lines: list[str], v: str, plan: ObjectPlan, depth: int) -> None:
        pad = "    " * depth
        passed, check = self._gates.of(plan)
        gate = self.constant("gate", passed)
        looks = f"if type({v}) not in {gate}: {self.constant('check', check)}({v})"
        if self._loops:  # all are of one class, as a rule: it is looked up for the first one
            last = self._fresh()
            self._starts.append(f"    {last} = None")
            lines += [
                f"{pad}if type({v}) is not {last}:",
                f"{pad}    {looks}",
                f"{pad}    {last} = type({v})",
            ]
        else:
            lines.append(pad + looks)
        late: list[str] = []
        self._sight(lines, v, plan, depth)
        values = [self._field(lines, v, each, late, depth) for each in plan.fields.values()]
        made = self.constant("class", answer_class(tuple(plan.fields)))
        if not late:
            lines.append(f"{pad}{v} = {made}({', '.join(values)})")
            return
        answer = self._fresh()
        lines.append(f"{pad}{answer} = {made}({', '.join(values)})")
        lines += [pad + line.format(pair=f"({v}, {answer})") for line in late]
        lines.append(f"{pad}{v} = {answer}")

    def _field(self, lines: list[str], v: str, plan: FieldPlan, late: list[str], depth: int) -> str:
        """Write what makes the value of a field, and return the expression for it."""
        pad = "    " * depth
        if plan.kind is Kind.NAME:
            return self.constant("name", plan.parent.name)
        if plan.kind is Kind.FOREIGN or (plan.how is not None and plan.how.ready is None):
            late.append(f"b{plan.number}({{pair}})")
            return "None"
        value = self._fresh()
        if plan.attribute is not None:
            self._attribute(lines, v, value, plan, late, depth)
            return value
        if plan.kind is Kind.READ:
            assert plan.strawberry is not None  # noqa: S101 - read from its definition
            name = plan.strawberry.python_name
            if not name.isidentifier():
                raise ValueError(name)
            lines.append(f"{pad}{value} = {v}.{name}")
            self._complete(lines, plan.definition.type, value, plan.selected, depth)
            return value
        lines.append(f"{pad}{value} = r{plan.number}({v})")
        if plan.kind is Kind.CALL:
            self._complete(lines, plan.definition.type, value, plan.selected, depth)
            return value
        waits = f"w{plan.number}"
        lines += [
            f"{pad}{waits} = {value} is LATER",
            f"{pad}{value} = None if {waits} else s{plan.number}({value})",
        ]
        late.append(f"if {waits}: b{plan.number}({{pair}})")
        return value

    def _sight(self, lines: list[str], v: str, plan: ObjectPlan, depth: int) -> None:
        """Write which attributes have to wait; looked at again where other things were fetched."""
        attributes = [each for each in plan.fields.values() if each.attribute is not None]
        if not attributes:
            return
        pad, seen = "    " * depth, self._fresh()
        self._starts.append(f"    {seen} = None")
        lines += [f"{pad}if {v}.fetched is not {seen}:", f"{pad}    {seen} = {v}.fetched"]
        lines += [f"{pad}    w{each.number} = not r{each.number} <= {seen}" for each in attributes]

    def _attribute(
        self,
        lines: list[str],
        v: str,
        value: str,
        plan: FieldPlan,
        late: list[str],
        depth: int,
    ) -> None:
        """Write the reading of an attribute that was fetched along, or has to wait."""
        attribute = plan.attribute
        assert attribute is not None  # noqa: S101 - the caller has looked
        if not attribute.name.isidentifier():
            raise ValueError(attribute.name)
        pad, waits = "    " * depth, f"w{plan.number}"
        empty = " or ()" if attribute.or_empty else ""
        lines += [
            f"{pad}if {waits}: {value} = None",
            f"{pad}else:",
            f"{pad}    {value} = {v}.{attribute.name}{empty}",
        ]
        self._complete(lines, plan.definition.type, value, plan.selected, depth + 1)
        late.append(f"if {waits}: b{plan.number}({{pair}})")
