"""The fields that a query selects, as a plain tree: what look-ahead starts from.

Aliases, fragments, `@skip` and `@include` are resolved here, so that `resolvers/lookahead.py` sees
field names only; that a field is given an argument is told below it, in brackets: `(namespace)`.
Called by the resolvers in `api/types`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import strawberry
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionNode,
    VariableNode,
)

from resolvers.context import RequestContext

Info: TypeAlias = strawberry.Info[RequestContext, None]
Tree: TypeAlias = dict[str, Any]


class _Origin(NamedTuple):
    """What a selection refers to."""

    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]


def selection(info: Info) -> Tree:
    """Return the tree of field names below the field that is being resolved."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001 - Strawberry's public form is slower
    # graphql-core's own executor wraps the variables, Strawberry's hands on a plain dict
    variables: Any = getattr(raw.variable_values, "coerced", raw.variable_values)
    return tree_of(raw.field_nodes, raw.fragments, variables)


def tree_of(
    field_nodes: Iterable[FieldNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Tree:
    """Return the tree of field names below a field, outside of its resolver."""
    tree: Tree = {}
    origin = _Origin(fragments, variables)
    for node in field_nodes:
        if node.selection_set is not None:
            _collect(origin, node.selection_set.selections, tree)
    return tree


def nodes(tree: Tree) -> Tree:
    """Return what is selected below the nodes of a connection."""
    found: Tree = tree.get("edges", {}).get("node", {})
    return found


def _collect(origin: _Origin, selections: Iterable[SelectionNode], tree: Tree) -> None:
    for node in selections:
        if not _included(origin, node):
            continue
        if isinstance(node, FieldNode):
            below = tree.setdefault(node.name.value, {})
            for argument in node.arguments or ():
                below[f"({argument.name.value})"] = {}
            if node.selection_set is not None:
                _collect(origin, node.selection_set.selections, below)
        elif isinstance(node, InlineFragmentNode):
            _collect(origin, node.selection_set.selections, tree)
        elif isinstance(node, FragmentSpreadNode):
            fragment = origin.fragments[node.name.value]
            _collect(origin, fragment.selection_set.selections, tree)


def _included(origin: _Origin, node: SelectionNode) -> bool:
    """Whether `@skip` and `@include` leave a selection in; both have one argument, `if`."""
    for directive in node.directives or ():
        name = directive.name.value
        if name in {"skip", "include"} and _truth(origin, directive) is (name == "skip"):
            return False
    return True


def _truth(origin: _Origin, directive: DirectiveNode) -> bool:
    (argument,) = directive.arguments or ()
    if isinstance(argument.value, VariableNode):
        return bool(origin.variables[argument.value.name.value])
    return isinstance(argument.value, BooleanValueNode) and argument.value.value
