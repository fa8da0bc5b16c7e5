"""How many nodes an answer holds: the objects with ids of their own that were paid for.

The counterpart of what `api/cost.py` estimates, by the same rule of what a node is. An `Outline` is
made of an operation once and remembered with it: only the fields at or above nodes are in it, so
that counting looks at each node of a page once and at none of its values. Parts that come later
(`@defer`, `@stream`) are counted at the place that they belong to. Called by `api/operations.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from api.cost import Prices
from api.execution.answers import Answer, column, slot

REMEMBERED: Final = 512  # operations


@dataclass(slots=True)
class Outline:
    """One field of an answer, or its root: whether its objects are nodes, and what is below."""

    is_node: bool = False
    below: dict[str, Outline] = field(default_factory=dict)
    slot: str = ""  # where an answer holds it

    def count(self, value: Any) -> int:
        """Count the nodes in what stands at this place."""
        if value is None:
            return 0
        if isinstance(value, list):
            if not self.below:
                return len(value) - sum(each is None for each in value) if self.is_node else 0
            key, below = next(iter(self.below.items()))
            if len(self.below) == 1 and not (self.is_node or below.below):  # edges, mostly
                return len(value) - column(value, key).count(None)
            return sum(map(self.count, value))
        found = int(self.is_node)
        if isinstance(value, Answer):
            for outline in self.below.values():
                found += outline.count(getattr(value, outline.slot, None))
        else:
            for key, outline in self.below.items():
                found += outline.count(value.get(key))
        return found

    def at(self, path: Iterable[str | int]) -> Outline:
        """Return the outline of a place within an answer."""
        outline = self
        for step in path:
            if isinstance(step, str):
                outline = outline.below.get(step, NOTHING)
        return outline


NOTHING: Final = Outline()


class Census:
    """Counts the nodes in the answers of one schema.

    Args:
        prices: says what a node is.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._outlines: LRUCache[int, tuple[OperationDefinitionNode, Outline]] = LRUCache(
            REMEMBERED
        )

    def outline(self, document: DocumentNode, operation: OperationDefinitionNode | None) -> Outline:
        """Return the outline of an operation's answer."""
        if operation is None:
            return NOTHING
        known = self._outlines.get(id(operation))
        if known is not None:  # it is kept beside, so that the number is its own
            return known[1]
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        root = Outline()
        self._add(root, self._prices.root(operation), operation.selection_set, fragments)
        _prune(root)
        self._outlines[id(operation)] = (operation, root)
        return root

    def _add(
        self,
        outline: Outline,
        parent: Any,
        selected: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        for selection in selected.selections:
            if not isinstance(selection, FieldNode):
                fragment: Any = selection
                if isinstance(selection, FragmentSpreadNode):
                    fragment = fragments[selection.name.value]
                condition = fragment.type_condition
                of = parent if condition is None else self._prices.type(condition.name.value)
                self._add(outline, of, fragment.selection_set, fragments)
                continue
            declared = self._prices.field(parent, selection.name.value)
            if declared is None or selection.selection_set is None:
                continue
            type_ = get_named_type(declared.type)
            if not is_composite_type(type_):
                continue
            key = (selection.alias or selection.name).value
            below = outline.below.setdefault(key, Outline(slot=slot(key)))
            below.is_node = below.is_node or self._prices.is_node(type_)
            self._add(below, type_, selection.selection_set, fragments)


def _prune(outline: Outline) -> bool:
    """Leave out what has no nodes; whether anything is left."""
    outline.below = {key: below for key, below in outline.below.items() if _prune(below)}
    return outline.is_node or bool(outline.below)


def in_part(outline: Outline, places: dict[str, Sequence[str | int]], body: dict[str, Any]) -> int:
    """Count the nodes in one part of an answer that comes in parts.

    Args:
        outline: the operation's.
        places: where the parts belong that are announced, by their names; added to here.
        body: the part.
    """
    found = outline.count(body.get("data"))
    for pending in body.get("pending", ()):
        places[pending["id"]] = pending["path"]
    for piece in body.get("incremental", ()):
        place = outline.at([*places.get(piece["id"], ()), *piece.get("subPath", ())])
        fields = piece.get("data")  # further ones of an object that is counted already
        found += place.count(fields) - int(place.is_node and fields is not None)
        found += place.count(piece.get("items"))
    return found
