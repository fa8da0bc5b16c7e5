"""Every path of the schema that leads from an entity, or from a root, to an entity.

Walked from the schema itself: a field that is added tomorrow is a path tomorrow. Between two
entities a path may cross objects that are none (a connection, `Imaging`), each once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
)

PAGE: Final = 500
# Arguments that a field must have, by type and field; a path without an entry here is told.
ARGUMENTS: Final = {
    ("Query", "node"): None,  # asked for by the tests with every id
    ("Query", "nodes"): None,
    ("Query", "_entities"): None,
}


@dataclass(frozen=True, slots=True)
class Path:
    """From `owner`, over the fields `names`, to entities of the type `target`."""

    owner: str
    names: tuple[str, ...]
    target: str
    selection: str  # what is written below the owner

    @property
    def label(self) -> str:
        """`Sample.imaging.dataset`."""
        return ".".join((self.owner, *self.names))


def is_entity(type_: GraphQLNamedType) -> bool:
    """Whether objects of this type have an id of their own."""
    if isinstance(type_, GraphQLInterfaceType):
        return type_.name == "Node" or any(each.name == "Node" for each in type_.interfaces)
    return isinstance(type_, GraphQLObjectType) and any(
        each.name == "Node" for each in type_.interfaces
    )


def entities(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    """The types of the entities."""
    return [
        each
        for each in schema.type_map.values()
        if isinstance(each, GraphQLObjectType) and is_entity(each)
    ]


def paths_from(owner: GraphQLObjectType) -> tuple[list[Path], list[str]]:
    """The paths from a type to the next entities, and the labels of fields that need arguments."""
    found: list[Path] = []
    blocked: list[str] = []
    for names, selection, target in _walk(owner, (owner.name,), blocked):
        found.append(Path(owner.name, names, target, selection))
    return found, blocked


def _walk(
    type_: GraphQLObjectType | GraphQLInterfaceType, above: tuple[str, ...], blocked: list[str]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for name, field in type_.fields.items():
        arguments = _arguments(field)
        target = get_named_type(field.type)
        if not isinstance(target, GraphQLObjectType | GraphQLInterfaceType):
            continue
        if arguments is None:
            leads = target.name not in above and any(_walk(target, (*above, target.name), []))
            if leads or is_entity(target):
                blocked.append(f"{type_.name}.{name}")
            continue
        if is_entity(target):
            yield (name,), f"{name}{arguments} {{ id }}", target.name
        elif target.name not in above and isinstance(target, GraphQLObjectType):
            for names, selection, end in _walk(target, (*above, target.name), blocked):
                yield (name, *names), f"{name}{arguments} {{ {selection} }}", end


def _arguments(field: GraphQLField) -> str | None:
    """What to write for a field's arguments, or None where some are required."""
    if any(is_required_argument(each) for each in field.args.values()):
        return None
    return f"(first: {PAGE})" if "first" in field.args else ""


def ends(value: Any, names: tuple[str, ...]) -> list[str]:
    """The ids at the end of a path through an answer, as often as they stand there."""
    if value is None:
        return []
    if isinstance(value, list):
        return [each for one in value for each in ends(one, names)]
    return ends(value[names[0]], names[1:]) if names else [value["id"]]
