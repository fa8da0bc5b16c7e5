"""`Sample.imaging`: a sample's image dataset, or the reason why there is none to be seen."""

from __future__ import annotations

import strawberry

from api.types.image_dataset import ImageDataset
from api.types.link import SampleLink
from api.types.source import links
from resolvers.imaging import ImagingStatus

strawberry.enum(
    ImagingStatus,
    description=(
        "LINKED: the images are shown. NOT_LINKED: no OMERO dataset belongs to the sample. "
        "NOT_PERMITTED: there is one, but you may not see it. GONE: it was deleted in OMERO. "
        "UNAVAILABLE: OMERO or the link database did not answer; try again."
    ),
)


@strawberry.type(description="A sample's images, or the reason why there are none to be seen.")
class Imaging:
    """Backed by `resolvers.imaging.Imaging`."""

    status: ImagingStatus = links("Whether its images can be shown, else why not.", "sample_link")
    dataset: ImageDataset | None = links(
        "The linked OMERO dataset, when the status is LINKED.", "sample_link.omero_id"
    )
    link: SampleLink | None = links("The link itself, when there is one.", "sample_link")
