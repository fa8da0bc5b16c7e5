"""Files that become images: looked at, compared with what OMERO has, imported, taken back.

A file is recognised by its checksum, which OMERO keeps of every file it imports. The same file in
the sample's own dataset is not imported again; the same file elsewhere is refused, for then it may
well belong to another sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.errors import NotFound, ProtocolError, Source
from backends.fetch import Fetch
from backends.omero.import_command import ImportCommand, ImportFile
from backends.records import ImagingKind
from resolvers.context import RequestContext
from resolvers.errors import BadInput

CHECKSUM_NAMESPACE: Final = "omnibis/import"
NO_IMPORT: Final = (
    "This server cannot import files: give ids of images, or ask its operator to set "
    "OMNIBIS_IMPORT_COMMAND and OMNIBIS_IMPORT_FOLDER."
)


@dataclass(frozen=True, slots=True)
class FileState:
    """A file before it is imported: its checksum, and the images that had it in the dataset."""

    name: str
    size: int
    sha1: str
    images: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"name": self.name, "size": self.size, "sha1": self.sha1, "images": [*self.images]}


def importer(context: RequestContext) -> ImportCommand:
    """Return the configured import.

    Raises:
        BadInput: there is none.
    """
    found = context.services.importer
    if found is None:
        raise BadInput(NO_IMPORT, Source.OMERO)
    return found


async def look(context: RequestContext, name: str, dataset: int) -> FileState:
    """Read a file's checksum and see whether OMERO has it.

    Raises:
        BadInput: OMERO has it in another dataset.
        InvalidRequest: there is no such file below the import folder.
    """
    file = await importer(context).look_at(name)
    here, elsewhere = await _known(context, file, dataset)
    if elsewhere and not here:
        number, other = elsewhere[0]
        raise BadInput(
            f"OMERO has {name} already, as image {number} of dataset {other}: "
            "register that image by its id, if it is meant.",
            Source.OMERO,
        )
    return FileState(file.name, file.size, file.sha1, tuple(here))


async def bring_in(
    context: RequestContext, state: FileState, dataset: int, *, again: bool
) -> tuple[int, ...]:
    """Import a file, unless that has been done, and see that its images are in the dataset.

    Args:
        context: the request.
        state: the file as it was looked at.
        dataset: where its images go.
        again: whether it may have been imported by an attempt before this.

    Raises:
        BadInput: the file is another one by now.
        BackendError: the import failed.
    """
    if state.images:
        return state.images
    command = importer(context)
    file = await command.look_at(state.name)
    if file.sha1 != state.sha1:
        raise BadInput(f"{state.name} has changed since it was looked at: ask again.")
    here: list[int] = []
    if again:
        here, _ = await _known(context, file, dataset)
    images = tuple(here) or await command.run(file, dataset, context.omero_session())
    await _verify(context, state.name, images, dataset)
    return images


async def take_back(
    context: RequestContext, state: FileState, images: Sequence[int], dataset: int
) -> None:
    """Delete the images that a file was imported as, but none that were there before."""
    ids = set(images)
    known = await context.services.omero.images_by_hash(
        context.omero_session(), [state.sha1], context.call
    )
    places = await context.services.omero.image_datasets_of_images(
        context.omero_session(), known.get(state.sha1, ()), context.call
    )
    ids |= {number for number, its in places.items() if dataset in {each.omero_id for each in its}}
    ids -= set(state.images)
    there = await context.services.omero.images_by_ids(
        context.omero_session(), tuple(ids), Fetch(), context.call
    )
    groups: dict[int, list[int]] = {}
    for number, image in there.items():
        groups.setdefault(image.group_id, []).append(number)
    for group, members in groups.items():
        try:
            await context.services.omero.delete_containers(
                context.omero_session(), ImagingKind.IMAGE, members, group=group, call=context.call
            )
        except NotFound:
            continue  # somebody was quicker


async def _known(
    context: RequestContext, file: ImportFile, dataset: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """Images of the same file: those in the dataset, and others with a dataset of theirs."""
    session, call, omero = context.omero_session(), context.call, context.services.omero
    found = (await omero.images_by_hash(session, [file.sha1], call)).get(file.sha1, ())
    if not found:
        return [], []
    places = await omero.image_datasets_of_images(session, found, call)
    here: list[int] = []
    elsewhere: list[tuple[int, int]] = []
    for number in found:
        ids = [each.omero_id for each in places.get(number, ())]
        if dataset in ids:
            here.append(number)
        else:
            elsewhere += [(number, ids[0])] if ids else []
    return here, elsewhere


async def _verify(context: RequestContext, name: str, images: Sequence[int], dataset: int) -> None:
    session, call, omero = context.omero_session(), context.call, context.services.omero
    there = await omero.images_by_ids(session, images, Fetch(), call)
    if missing := set(images) - there.keys():
        raise ProtocolError(
            Source.OMERO,
            f"The import of {name} told of image {min(missing)}, which OMERO does not show.",
        )
    groups = {image.group_id for image in there.values()}
    await omero.link_images(session, dataset, images, group=min(groups), call=call)
