"""What people and machines attach to OMERO objects: key-value pairs and tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from api.edges import Ask, Batched
from api.types.scalars import BigInt
from api.types.source import omero
from backends.records import ImagingKind, KeyValueRecord

NamespaceArgument = Annotated[
    str | None, strawberry.argument(description="Only pairs of this namespace.")
]


def in_namespace(pairs: tuple[KeyValueRecord, ...], namespace: str | None) -> Any:
    """Keep the pairs of one namespace, or all."""
    if namespace is None:
        return pairs
    return [pair for pair in pairs if pair.namespace == namespace]


def key_values_of(kind: ImagingKind) -> Batched:
    """How the key-value pairs of image datasets or projects are answered."""

    async def many(rows: Sequence[Any], ask: Ask, namespace: str | None = None) -> list[Any]:
        keys = [(kind, row.omero_id) for row in rows]
        found = await ask.context.loaders.key_values.load_many(keys)
        return [in_namespace(pairs, namespace) for pairs in found]

    return Batched(many)


def tags_of(kind: ImagingKind) -> Batched:
    """How the tags of image datasets or projects are answered."""

    async def many(rows: Sequence[Any], ask: Ask) -> Sequence[Any]:
        keys = [(kind, row.omero_id) for row in rows]
        found: Sequence[Any] = await ask.context.loaders.tags.load_many(keys)
        return found

    return Batched(many)


@strawberry.type(description="One key-value pair; a key may occur more than once.")
class KeyValue:
    """Backed by `KeyValueRecord`."""

    key: str = omero("The key.", "MapAnnotation.mapValue.name")
    value: str = omero("The value.", "MapAnnotation.mapValue.value")
    namespace: str | None = omero(
        "Who keeps the pair: people in OMERO.web, an importer, omnibis.", "MapAnnotation.ns"
    )
    annotation_id: BigInt = omero("The annotation that holds the pair.", "MapAnnotation.id")


@strawberry.type(description="A tag.")
class Tag:
    """Backed by `TagRecord`."""

    omero_id: BigInt = omero("The tag's id.", "TagAnnotation.id")
    value: str = omero("The tag itself.", "TagAnnotation.textValue")
    namespace: str | None = omero("Its namespace.", "TagAnnotation.ns")
    description: str | None = omero("What it stands for.", "TagAnnotation.description")
