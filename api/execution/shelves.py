"""Where plans are kept: by document, and by the variables that `@skip` and `@include` read.

A document that comes once is not worth compiling unless its lists are long, so the first request
of a document plans only these. All of it is bounded: the documents by number, least recently used
ones first to go, and so are the plans of one document by its own size.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
    GraphQLOutputType,
    Node,
    OperationDefinitionNode,
    VariableNode,
)
from graphql.execution.collect_fields import FieldDetails

from api.execution.plans import CollectSubfields, NotPlanned, Plan, make_plan
from api.execution.source import Gates, compile_plan

CAPACITY: Final = 512  # documents, each with one setting of its switches
LONG: Final = 16  # items from which a list is worth a plan at first sight

_LOG: Final = logging.getLogger("omnibis.execution")
Key = tuple[int, ...]

_SWITCHES: Final = {"skip", "include", "defer", "stream"}


class Shelf:
    """The plans of one operation, with one setting of its switches."""

    __slots__ = ("_gates", "_plans", "operation", "uses")

    def __init__(self, operation: OperationDefinitionNode, gates: Gates) -> None:
        self.operation = operation  # kept: plans are found by the identity of its nodes
        self.uses = 0
        self._gates = gates
        self._plans: dict[Key, Plan | None] = {}

    def plan(
        self, type_: GraphQLOutputType, details: list[FieldDetails], collect: CollectSubfields
    ) -> Plan | None:
        """Return the plan of a position, or None where there is none to be had."""
        key = (id(type_), *[id(each.node) for each in details])
        try:
            return self._plans[key]
        except KeyError:
            pass
        try:
            plan = make_plan(type_, details, collect)
            compile_plan(plan, self._gates)
        except NotPlanned:
            plan = None
        except Exception:  # noqa: BLE001 - told, and graphql-core does without
            _LOG.exception("No plan could be made; graphql-core executes it.")
            plan = None
        self._plans[key] = plan
        return plan


class Shelves:
    """The plans of one schema.

    Args:
        capacity: how many operations are remembered.
        eager: plan everything at first sight; for tests.
    """

    def __init__(self, capacity: int = CAPACITY, *, eager: bool = False) -> None:
        self._capacity = capacity
        self.eager = eager
        self._gates = Gates()
        self._switches: OrderedDict[int, tuple[OperationDefinitionNode, tuple[str, ...] | None]] = (
            OrderedDict()
        )
        self._shelves: OrderedDict[tuple[Any, ...], Shelf] = OrderedDict()

    def __len__(self) -> int:
        return len(self._shelves)

    def shelf(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> Shelf | None:
        """Return the plans of an operation, or None if it is not to be planned."""
        switches = self._switches_of(operation, fragments)
        if switches is None:
            return None
        key = (id(operation), *[variables.get(name) for name in switches])
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = self._shelves[key] = Shelf(operation, self._gates)
            if len(self._shelves) > self._capacity:
                self._shelves.popitem(last=False)
        else:
            self._shelves.move_to_end(key)
        shelf.uses += 1
        return shelf

    def _switches_of(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> tuple[str, ...] | None:
        """Return the variables that decide what is selected; None: the document is unusual."""
        known = self._switches.get(id(operation))
        if known is not None:
            self._switches.move_to_end(id(operation))
            return known[1]
        switches: tuple[str, ...] | None
        if any(fragment.variable_definitions for fragment in fragments.values()):
            switches = None  # fragments with variables of their own are still a proposal
        else:
            switches = tuple(sorted(_switches([operation, *fragments.values()])))
        self._switches[id(operation)] = (operation, switches)
        if len(self._switches) > self._capacity:
            self._switches.popitem(last=False)
        return switches


def _switches(nodes: Iterable[Node]) -> set[str]:
    """Return the names of the variables that decide whether a selection counts."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        for directive in getattr(node, "directives", None) or ():
            if directive.name.value in _SWITCHES:
                found |= _variables(directive)
        below = getattr(node, "selection_set", None)
        if below is not None:
            waiting.extend(below.selections)
    return found


def _variables(directive: DirectiveNode) -> set[str]:
    return {
        argument.value.name.value
        for argument in directive.arguments or ()
        if isinstance(argument.value, VariableNode)
    }
