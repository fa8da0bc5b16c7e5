"""How much a request may ask: the check of a document and of its variables against the limits.

`limit_errors` measures a parsed document in one pass over its nodes, before the specification's
validation rules run, because some of those are quadratic in what is measured here. Fragments are
measured once and multiplied by their spreads, so that a short document which expands to millions of
fields is refused without expanding it. The table itself is in `api/limits.py`; what a document
would cost is in `api/cost.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
)

from api.limits import Limits, limit_error

# A token, roughly: strings and comments whole, names and numbers, and each punctuator.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*'
    r"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\w+|\.\.\.|[^\s\w,\ufeff]",
    re.DOTALL,
)


def scan_error(query: str, limits: Limits) -> GraphQLError | None:
    """Refuse a text that is too long, or has too many tokens or directives, before it is parsed.

    The parser would refuse it too, but takes some ten times as long for each token.
    """
    if len(query) > limits.document_bytes or len(query.encode()) > limits.document_bytes:
        return limit_error("bytes in its document", limits.document_bytes)
    tokens = _TOKEN.findall(query)
    comments = sum(token.startswith("#") for token in tokens)
    if max(comments, len(tokens) - comments) > limits.tokens:
        return limit_error("tokens or comments in its document", limits.tokens)
    if tokens.count("@") > limits.directives:
        return limit_error("directives", limits.directives)
    return None


@dataclass(slots=True)
class _Measure:
    """What one definition holds itself, and which fragments it spreads at which depth."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    spreads: list[tuple[str, int]] = field(default_factory=list)  # (fragment, fields around it)

    def add(self, other: _Measure, around: int) -> None:
        """Add a spread fragment's measure, with `around` fields around the spread."""
        self.depth = max(self.depth, around + other.depth)
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        if around == 0:
            self.root_fields += other.root_fields


def limit_errors(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """Measure every operation of a document; one error for each limit passed."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    measured: dict[str, _Measure] = {}
    for name in _innermost_first(fragments, measured):
        _close(measured[name], measured, until=name)
    errors: list[GraphQLError] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            measure = _own(definition)
            _close(measure, measured)
            errors += _compare(measure, limits, definition)
    return errors


def _compare(
    measure: _Measure, limits: Limits, operation: OperationDefinitionNode
) -> Iterator[GraphQLError]:
    for value, limit, what in (
        (measure.depth, limits.depth, "levels of nested fields"),
        (measure.fields, limits.fields, "fields"),
        (measure.root_fields, limits.root_fields, "fields at the root"),
        (measure.aliases, limits.aliases, "aliases"),
        (measure.directives, limits.directives, "directives"),
    ):
        if value > limit:
            yield limit_error(what, limit, operation)


def _own(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Measure:
    """Measure one definition without what it spreads; a stack instead of recursion."""
    measure = _Measure(directives=len(definition.directives or ()))
    stack: list[tuple[SelectionSetNode, int]] = [(definition.selection_set, 0)]
    while stack:
        selections, around = stack.pop()
        for selection in selections.selections:
            measure.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                measure.fields += 1
                measure.aliases += selection.alias is not None
                measure.root_fields += around == 0
                measure.depth = max(measure.depth, around + 1)
                if selection.selection_set:
                    stack.append((selection.selection_set, around + 1))
            elif isinstance(selection, FragmentSpreadNode):
                measure.spreads.append((selection.name.value, around))
            elif isinstance(selection, InlineFragmentNode):
                stack.append((selection.selection_set, around))
    return measure


def _innermost_first(
    fragments: dict[str, FragmentDefinitionNode], measured: dict[str, _Measure]
) -> Iterator[str]:
    """Yield fragment names so that what one spreads comes before it; cycles end where they close.

    A fragment's own measure is put into `measured` before its name is yielded.
    """
    for start in fragments:
        path: list[tuple[str, Iterator[tuple[str, int]]]] = []
        pending = [start]
        while pending or path:
            if pending:
                name = pending.pop()
                if name in fragments and name not in measured:
                    measured[name] = _own(fragments[name])
                    path.append((name, iter(measured[name].spreads)))
                continue
            name, spreads = path[-1]
            following = next(spreads, None)
            if following is None:
                path.pop()
                yield name
            else:
                pending.append(following[0])


def _close(measure: _Measure, measured: dict[str, _Measure], until: str | None = None) -> None:
    """Add what a definition spreads; the fragment itself (a cycle) is left to validation."""
    for name, around in measure.spreads:
        if name != until and (inner := measured.get(name)) is not None:
            measure.add(inner, around)


def variable_errors(variables: object, limits: Limits) -> list[GraphQLError]:
    """Check how deep and how many the values of a request's variables are."""
    count = 0
    stack: list[tuple[Any, int]] = [(variables, 0)]
    while stack:
        value, depth = stack.pop()
        count += 1
        if depth > limits.variable_depth:
            return [limit_error("levels in its variables", limits.variable_depth)]
        if count > limits.variable_values:
            return [limit_error("values in its variables", limits.variable_values)]
        if isinstance(value, dict):
            stack.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            stack.extend((inner, depth + 1) for inner in value)
    return []


class NoIntrospection(ValidationRule):
    """Refuse `__schema` and `__type` where the operator has switched introspection off."""

    def enter_field(self, node: FieldNode, *_args: object) -> None:
        """Report a root introspection field; `__typename` stays allowed."""
        if node.name.value in {"__schema", "__type"}:
            self.report_error(
                GraphQLError(
                    "Introspection is switched off on this server. "
                    "Its schema is published as api/schema.graphql.",
                    node,
                    extensions={"code": "FORBIDDEN", "retryable": False},
                )
            )
