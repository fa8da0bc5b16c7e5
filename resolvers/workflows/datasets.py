"""Taking back the OMERO datasets that a registration has made for samples, and their links."""

from __future__ import annotations

from collections.abc import Sequence

from backends.records import ImagingKind
from link_store.records import LinkState
from resolvers.workflows import ends
from resolvers.workflows.definition import Run

AT_ONCE = 250


async def forget_datasets(run: Run, perm_ids: Sequence[str]) -> None:
    """End the links of samples, and delete the datasets that were made for them.

    What somebody has put into such a dataset meanwhile is not deleted with it.
    """
    links = run.context.services.links
    known = await run.stored("sampleLinks", links.sample_links(perm_ids))
    for link in known.values():
        if link.state is not LinkState.RETIRED:
            await ends.unlink(run, link.ref)
    for start in range(0, len(perm_ids), AT_ONCE):
        chunk = tuple(perm_ids[start : start + AT_ONCE])
        found = await ends.in_omero(run, ImagingKind.IMAGE_DATASET, chunk)
        await ends.forget(run, ImagingKind.IMAGE_DATASET, list(found.values()))
