"""People and groups: openBIS persons, OMERO experimenters and groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry

from api.edges import Ask, Batched, alone, batched
from api.selection import Info
from api.types.scalars import BigInt
from api.types.source import omero, openbis


@strawberry.type(description="A person with an openBIS account.")
class Person:
    """Backed by `PersonRecord`."""

    user_id: str = openbis("The person's user name.", "Person.userId")
    first_name: str | None = openbis("Given name.", "Person.firstName")
    last_name: str | None = openbis("Family name.", "Person.lastName")


@strawberry.type(description="A person with an OMERO account.")
class Experimenter:
    """Backed by `ExperimenterRecord`."""

    omero_id: BigInt = omero("The account's id.", "Experimenter.id")
    user_name: str = omero("The account's user name.", "Experimenter.omeName")
    first_name: str | None = omero("Given name.", "Experimenter.firstName")
    last_name: str | None = omero("Family name.", "Experimenter.lastName")
    institution: str | None = omero("Where the person works.", "Experimenter.institution")


@strawberry.type(description="An OMERO group; its members share what is in it.")
class Group:
    """Backed by `GroupRecord`."""

    omero_id: BigInt = omero("The group's id.", "ExperimenterGroup.id")
    name: str = omero("The group's name.", "ExperimenterGroup.name")
    description: str | None = omero("What the group is for.", "ExperimenterGroup.description")


async def _owners(rows: Sequence[Any], ask: Ask) -> Sequence[Any]:
    found: Sequence[Any] = await ask.context.loaders.experimenters.load_many(
        [row.owner_id for row in rows]
    )
    return found


async def _groups(rows: Sequence[Any], ask: Ask) -> Sequence[Any]:
    found: Sequence[Any] = await ask.context.loaders.groups.load_many(
        [row.group_id for row in rows]
    )
    return found


OWNER = Batched(_owners)
GROUP = Batched(_groups)


@batched(OWNER)
async def resolve_owner(root: strawberry.Parent[Any], info: Info) -> Experimenter | None:
    """Return who owns an image, image dataset or image project."""
    return await alone(OWNER, root, info)


@batched(GROUP)
async def resolve_group(root: strawberry.Parent[Any], info: Info) -> Group | None:
    """Return the group that an image, image dataset or image project is shared in."""
    return await alone(GROUP, root, info)
