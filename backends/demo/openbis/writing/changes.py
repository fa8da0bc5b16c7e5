"""Update objects of the v3 interface: single values and lists of actions.

A field that is absent, null or not marked as modified stays as it is. The actions of a list are
applied in their order: add, remove, set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backends.demo.openbis.errors import invalid_parameters

Update = dict[str, Any]


def is_changed(update: Update, field: str) -> bool:
    """Whether a field carries a new value, which may be null."""
    value = update.get(field)
    return isinstance(value, dict) and bool(value.get("isModified"))


def new_value(update: Update, field: str) -> Any:
    """The new value of a field that `is_changed`."""
    return update[field].get("value")


def texts(update: Update, **attributes: str) -> dict[str, Any]:
    """The plain fields that an update changes: `texts(update, description="description")`."""
    return {
        attribute: new_value(update, field)
        for attribute, field in attributes.items()
        if is_changed(update, field)
    }


def has_actions(update: Update, field: str) -> bool:
    """Whether a list is to be changed."""
    value = update.get(field)
    return isinstance(value, dict) and bool(value.get("actions"))


def listed(
    current: Iterable[str], update: Update, field: str, resolve: Callable[[Any], list[str]]
) -> tuple[str, ...]:
    """A list of keys after the actions; `resolve` finds the keys of one action's items."""
    result = dict.fromkeys(current)
    for verb, items in actions(update, field):
        keys = resolve(items)
        if verb == "Set":
            result = dict.fromkeys(keys)
        elif verb == "Add":
            result.update(dict.fromkeys(keys))
        else:
            for key in keys:
                result.pop(key, None)
    return tuple(result)


def actions(update: Update, field: str) -> list[tuple[str, list[Any]]]:
    """The actions of a list update: verb and items."""
    if not has_actions(update, field):
        return []
    found = []
    for action in update[field]["actions"]:
        verb = str(action.get("@type")).rpartition("ListUpdateAction")[2]
        if verb not in {"Add", "Remove", "Set"}:
            raise invalid_parameters()
        items = action.get("items") or []
        found.append((verb, [items] if isinstance(items, dict) else list(items)))
    return found


def mapped(current: dict[str, str], update: Update, field: str) -> dict[str, str]:
    """A map (`metaData`) after the actions: add and set take maps, remove takes keys."""
    result = dict(current)
    for verb, items in actions(update, field):
        if verb == "Set":
            result = {}
        for item in items:
            if verb == "Remove":
                result.pop(str(item), None)
            else:
                result.update(item or {})
    return result
