"""The fields that a query selects, as a plain tree: what look-ahead starts from.

Aliases, fragments, `@skip` and `@include` are resolved here, so that `resolvers/lookahead.py` sees
field names only. Called by the resolvers in `api/types`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import strawberry
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionNode,
    VariableNode,
)

from resolvers.context import RequestContext

Info: TypeAlias = strawberry.Info[RequestContext, None]
Tree: TypeAlias = dict[str, Any]


def selection(info: Info) -> Tree:
    """Return the tree of field names below the field that is being resolved."""
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001 - Strawberry's public form is slower
    tree: Tree = {}
    for node in raw.field_nodes:
        if node.selection_set is not None:
            _collect(raw, node.selection_set.selections, tree)
    return tree


def nodes(tree: Tree) -> Tree:
    """Return what is selected below the nodes of a connection."""
    found: Tree = tree.get("edges", {}).get("node", {})
    return found


def _collect(raw: GraphQLResolveInfo[Any], selections: Iterable[SelectionNode], tree: Tree) -> None:
    for node in selections:
        if not _included(raw, node):
            continue
        if isinstance(node, FieldNode):
            below = tree.setdefault(node.name.value, {})
            if node.selection_set is not None:
                _collect(raw, node.selection_set.selections, below)
        elif isinstance(node, InlineFragmentNode):
            _collect(raw, node.selection_set.selections, tree)
        elif isinstance(node, FragmentSpreadNode):
            fragment = raw.fragments[node.name.value]
            _collect(raw, fragment.selection_set.selections, tree)


def _included(raw: GraphQLResolveInfo[Any], node: SelectionNode) -> bool:
    """Whether `@skip` and `@include` leave a selection in; both have one argument, `if`."""
    for directive in node.directives or ():
        name = directive.name.value
        if name in {"skip", "include"} and _truth(raw, directive) is (name == "skip"):
            return False
    return True


def _truth(raw: GraphQLResolveInfo[Any], directive: DirectiveNode) -> bool:
    (argument,) = directive.arguments or ()
    if isinstance(argument.value, VariableNode):
        # graphql-core's own executor wraps the variables, Strawberry's hands on a plain dict
        values: Any = getattr(raw.variable_values, "coerced", raw.variable_values)
        return bool(values[argument.value.name.value])
    return isinstance(argument.value, BooleanValueNode) and argument.value.value
