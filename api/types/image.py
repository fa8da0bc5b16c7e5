"""`Image`: an OMERO image with its acquisition metadata, annotations, addresses, and its sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import strawberry

from api.edges import LATER, Answer, Ask, Attribute, Batched, alone, batched
from api.selection import Info
from api.types.acquisition import Channel, Fileset, Instrument, Objective, PixelSize
from api.types.annotation import KeyValue, NamespaceArgument, Tag, in_namespace
from api.types.node import Node, global_id
from api.types.person import Experimenter, Group, resolve_group, resolve_owner
from api.types.scalars import BigInt
from api.types.source import links, omero
from backends.fetch import Fetch
from backends.records import ImageRecord
from resolvers import addresses, crossing, imaging, lookahead

if TYPE_CHECKING:
    from api.types.image_dataset import ImageDataset
    from api.types.sample import Sample


def resolve_pixel_size(root: strawberry.Parent[ImageRecord]) -> PixelSize | None:
    """Return the pixel sizes, if any is known."""
    known = (
        root.pixel_size_x is not None
        or root.pixel_size_y is not None
        or root.pixel_size_z is not None
    )
    return root if known else None


NO_ARGUMENTS: Final[Mapping[str, Any]] = {}


def facet(
    field: str,
    name: str,
    read: Callable[..., Any],
    *,
    or_empty: bool = False,
    plain: bool = True,
) -> Batched:
    """How a facet of images is answered, which mostly came with them.

    `read` without arguments returns the attribute of the name, or an empty list with `or_empty`;
    if it does not, it is not `plain`. With arguments, and where what is selected needs it, the
    whole facet has to be fetched.
    """
    whole = frozenset({name})

    def needed(ask: Ask, arguments: Mapping[str, Any] = NO_ARGUMENTS) -> frozenset[str]:
        if any(value is not None for value in arguments.values()):
            return whole
        return frozenset({lookahead.image_facet(field, ask.tree)})

    def ready(ask: Ask, **arguments: Any) -> Answer:
        wanted = needed(ask, arguments)
        return lambda image: read(image, **arguments) if wanted <= image.fetched else LATER

    async def many(images: Sequence[ImageRecord], ask: Ask, **arguments: Any) -> list[Any]:
        found = await imaging.with_facets(ask.context, images, Fetch.of(*needed(ask, arguments)))
        return [each if isinstance(each, Exception) else read(each, **arguments) for each in found]

    attribute = Attribute(name, needed, or_empty=or_empty) if plain else None
    return Batched(many, ready, attribute)


def _pairs(image: ImageRecord, namespace: str | None = None) -> Any:
    return in_namespace(image.key_values or (), namespace)


def _ids(images: Sequence[ImageRecord]) -> list[int]:
    return [image.omero_id for image in images]


async def _datasets(images: Sequence[ImageRecord], ask: Ask) -> Sequence[Any]:
    found: Sequence[Any] = await ask.context.loaders.image_datasets_of_images.load_many(
        _ids(images)
    )
    return found


async def _dataset(images: Sequence[ImageRecord], ask: Ask) -> Sequence[Any]:
    return await crossing.image_datasets_of_images(ask.context, _ids(images))


async def _sample(images: Sequence[ImageRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.sample_fetch(ask.tree)
    return await crossing.samples_of_images(ask.context, _ids(images), fetch)


async def _subject(images: Sequence[ImageRecord], ask: Ask) -> Sequence[Any]:
    fetch = lookahead.subject_fetch(ask.tree)
    return await crossing.subjects_of_images(ask.context, _ids(images), fetch)


def _address(make: Callable[..., str | None]) -> Batched:
    """How an address in OMERO.web is answered: at once."""

    def ready(ask: Ask, **arguments: Any) -> Answer:
        return lambda image: make(ask.context, image.omero_id, **arguments)

    return Batched(ready=ready)


CHANNELS = facet("channels", "channels", lambda image: image.channels or (), or_empty=True)
OBJECTIVE = facet("objective", "objective", lambda image: image.objective)
INSTRUMENT = facet("instrument", "instrument", lambda image: image.instrument)
KEY_VALUES = facet("keyValues", "key_values", _pairs, or_empty=True)
TAGS = facet("tags", "tags", lambda image: image.tags or (), or_empty=True)
ROI_COUNT = facet("roiCount", "roi_count", lambda image: image.roi_count or 0, plain=False)
FILESET = facet("fileset", "fileset", lambda image: image.fileset)
DATASETS = Batched(_datasets)
DATASET = Batched(_dataset)
SAMPLE = Batched(_sample)
SUBJECT = Batched(_subject)
VIEWER_URL = _address(addresses.viewer)
IVIEWER_URL = _address(addresses.iviewer)
DOWNLOAD_URL = _address(addresses.download)


@batched(CHANNELS)
async def resolve_channels(
    root: strawberry.Parent[ImageRecord], info: Info
) -> list[Channel] | None:
    """Return the channels in order."""
    return await alone(CHANNELS, root, info)


@batched(OBJECTIVE)
async def resolve_objective(root: strawberry.Parent[ImageRecord], info: Info) -> Objective | None:
    """Return the objective and its settings."""
    return await alone(OBJECTIVE, root, info)


@batched(INSTRUMENT)
async def resolve_instrument(root: strawberry.Parent[ImageRecord], info: Info) -> Instrument | None:
    """Return the microscope or scanner."""
    return await alone(INSTRUMENT, root, info)


@batched(KEY_VALUES)
async def resolve_key_values(
    root: strawberry.Parent[ImageRecord], info: Info, namespace: NamespaceArgument = None
) -> list[KeyValue] | None:
    """Return the key-value pairs."""
    return await alone(KEY_VALUES, root, info, namespace=namespace)


@batched(TAGS)
async def resolve_tags(root: strawberry.Parent[ImageRecord], info: Info) -> list[Tag] | None:
    """Return the tags."""
    return await alone(TAGS, root, info)


@batched(ROI_COUNT)
async def resolve_roi_count(root: strawberry.Parent[ImageRecord], info: Info) -> int | None:
    """Return the number of regions of interest."""
    return await alone(ROI_COUNT, root, info)


@batched(FILESET)
async def resolve_fileset(root: strawberry.Parent[ImageRecord], info: Info) -> Fileset | None:
    """Return the imported files."""
    return await alone(FILESET, root, info)


@batched(DATASETS)
async def resolve_datasets(
    root: strawberry.Parent[ImageRecord], info: Info
) -> list[Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")]] | None:
    """Return all datasets the image is in."""
    return await alone(DATASETS, root, info)


@batched(DATASET)
async def resolve_dataset(
    root: strawberry.Parent[ImageRecord], info: Info
) -> Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")] | None:
    """Return the dataset the image belongs to."""
    return await alone(DATASET, root, info)


@batched(SAMPLE)
async def resolve_sample(
    root: strawberry.Parent[ImageRecord], info: Info
) -> Annotated[Sample, strawberry.lazy("api.types.sample")] | None:
    """Cross the link to the sample."""
    return await alone(SAMPLE, root, info)


@batched(SUBJECT)
async def resolve_subject(
    root: strawberry.Parent[ImageRecord], info: Info
) -> Annotated[Sample, strawberry.lazy("api.types.sample")] | None:
    """Cross the link and climb to the subject."""
    return await alone(SUBJECT, root, info)


def resolve_thumbnail_url(
    root: strawberry.Parent[ImageRecord],
    size: Annotated[
        int, strawberry.argument(description="Length of the longer side, 16 to 512 pixels.")
    ] = 96,
) -> str:
    """Return the address of the thumbnail on this server."""
    return addresses.thumbnail(root.omero_id, size)


@batched(VIEWER_URL)
async def resolve_viewer_url(
    root: strawberry.Parent[ImageRecord],
    info: Info,
    signed_in: Annotated[
        bool,
        strawberry.argument(
            description="Whether the address leads there over this server, which signs the viewer "
            "in with a session made for it; no session stands in the address itself."
        ),
    ] = False,
) -> str | None:
    """Return the address of the image in OMERO.web."""
    return await alone(VIEWER_URL, root, info, signed_in=signed_in)


@batched(IVIEWER_URL)
async def resolve_iviewer_url(root: strawberry.Parent[ImageRecord], info: Info) -> str | None:
    """Return the address of the image in OMERO.iviewer."""
    return await alone(IVIEWER_URL, root, info)


@batched(DOWNLOAD_URL)
async def resolve_download_url(root: strawberry.Parent[ImageRecord], info: Info) -> str | None:
    """Return the address of the original files in OMERO.web."""
    return await alone(DOWNLOAD_URL, root, info)


@strawberry.federation.type(keys=["id"], description="An image in OMERO.")
class Image(Node):
    """Backed by `ImageRecord`."""

    backed_by: ClassVar[type] = ImageRecord

    id: strawberry.ID = global_id("Image", "omero_id")
    omero_id: BigInt = omero("The image's id in OMERO.", "Image.id")
    name: str = omero("The image's name.", "Image.name")
    description: str | None = omero("What it shows.", "Image.description")
    acquired_at: datetime | None = omero(
        "When it was taken; some formats do not tell.", "Image.acquisitionDate"
    )
    imported_at: datetime | None = omero(
        "When it was imported.", "Image.details.creationEvent.time"
    )
    format: str | None = omero("Its file format.", "Image.format")
    size_x: int | None = omero("Width in pixels.", "Pixels.sizeX")
    size_y: int | None = omero("Height in pixels.", "Pixels.sizeY")
    size_z: int | None = omero("Number of planes.", "Pixels.sizeZ")
    size_c: int | None = omero("Number of channels.", "Pixels.sizeC")
    size_t: int | None = omero("Number of time points.", "Pixels.sizeT")
    pixel_type: str | None = omero("How a pixel is stored, such as uint16.", "Pixels.pixelsType")
    significant_bits: int | None = omero("Bits that carry information.", "Pixels.significantBits")
    pixel_size: PixelSize | None = omero(
        "The size of a pixel.", "Pixels.physicalSizeX", resolve_pixel_size
    )
    channels: list[Channel] | None = omero(
        "Its channels in order.", "Pixels.channels", resolve_channels
    )
    objective: Objective | None = omero(
        "The objective it was taken with.", "Image.objectiveSettings", resolve_objective
    )
    instrument: Instrument | None = omero(
        "The microscope or scanner.", "Image.instrument", resolve_instrument
    )
    key_values: list[KeyValue] | None = omero(
        "Its key-value pairs.", "Image.annotationLinks", resolve_key_values
    )
    tags: list[Tag] | None = omero("Its tags.", "Image.annotationLinks", resolve_tags)
    roi_count: int | None = omero(
        "How many regions of interest are drawn on it.", "Image.rois", resolve_roi_count
    )
    fileset: Fileset | None = omero(
        "The files it was imported from.", "Image.fileset", resolve_fileset
    )
    owner: Experimenter | None = omero("Who owns it.", "Image.details.owner", resolve_owner)
    group: Group | None = omero("The group it is shared in.", "Image.details.group", resolve_group)
    datasets: list[Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")]] | None = (
        omero("All datasets it is in.", "Image.datasetLinks", resolve_datasets)
    )
    dataset: Annotated[ImageDataset, strawberry.lazy("api.types.image_dataset")] | None = omero(
        "The dataset it belongs to: where it is in several, the first whose sample you see.",
        "Image.datasetLinks",
        resolve_dataset,
    )
    sample: Annotated[Sample, strawberry.lazy("api.types.sample")] | None = links(
        "The sample it was taken of.", "sample_link.openbis_perm_id", resolve_sample
    )
    subject: Annotated[Sample, strawberry.lazy("api.types.sample")] | None = links(
        "The patient, plant or animal it was taken of.",
        "sample_link.openbis_perm_id",
        resolve_subject,
    )
    thumbnail_url: str = omero(
        "Where this server serves its thumbnail.", "ThumbnailStore", resolve_thumbnail_url
    )
    viewer_url: str | None = omero(
        "Its page in OMERO.web; none where no OMERO.web is configured.",
        "OMERO.web",
        resolve_viewer_url,
    )
    iviewer_url: str | None = omero(
        "Its page in OMERO.iviewer; none where no OMERO.web is configured.",
        "OMERO.web",
        resolve_iviewer_url,
    )
    download_url: str | None = omero(
        "Its original files in OMERO.web; none where no OMERO.web is configured.",
        "OMERO.web",
        resolve_download_url,
    )
