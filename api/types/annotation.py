"""What people and machines attach to OMERO objects: key-value pairs and tags."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from api.types.scalars import BigInt
from api.types.source import omero
from backends.records import KeyValueRecord

NamespaceArgument = Annotated[
    str | None, strawberry.argument(description="Only pairs of this namespace.")
]


def in_namespace(pairs: tuple[KeyValueRecord, ...], namespace: str | None) -> Any:
    """Keep the pairs of one namespace, or all."""
    return [pair for pair in pairs if namespace in (None, pair.namespace)]


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
