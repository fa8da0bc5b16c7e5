"""Writing the images of a planned study into the embedded OMERO.

One dataset for each sample, linked, and one fileset for each file of a sample, whose images are its
series. Acquisition metadata comes from the mapping, and every image says so. Called by
`study.py`.
"""

from __future__ import annotations

from backends.demo.image_import import ImageImport
from backends.demo.linkage import link_sample
from backends.demo.microscopy import (
    Acquisition,
    Channel,
    Instrument,
    Length,
    Objective,
    bright_field,
)
from backends.demo.registration import Registration
from backends.demo.sheet.mapping import StudyMapping
from backends.demo.world import Sample, World
from backends.sheets.mapping import CLIENT_NAMESPACE, AcquisitionDefaults, Scanner
from backends.sheets.plan import Plan

SHEET_NAMESPACE = "omnibis/sheet"
ASSUMED = [("Acquisition metadata", "assumed by the mapping, not part of the sheet")]


def import_images(
    world: World,
    images: ImageImport,
    mapping: StudyMapping,
    plan: Plan,
    *,
    registration: Registration,
    project: int,
    samples: dict[str, Sample],
) -> int:
    """Write a linked dataset with its images for each sample; return the number of images."""
    instruments = {
        name: images.instrument(_instrument(defaults.scanner))
        for name, defaults in mapping.acquisitions.items()
        if defaults.scanner is not None
    }
    acquisitions = {name: _acquisition(defaults) for name, defaults in mapping.acquisitions.items()}
    tagged: dict[str, list[int]] = {}
    everything: list[int] = []
    for name, planned in plan.samples.items():
        images.begin(registration.now)
        registration.pause(hours=0.1)
        dataset = link_sample(world, registration, images, project, samples[name])
        filesets: dict[str, int] = {}
        for series, image in enumerate(planned.images.values()):
            if image.file not in filesets:
                filesets[image.file] = images.fileset(image.file, None)
            kind = mapping.images.kinds[image.kind]
            made = images.image(
                [dataset],
                image.name,
                acquisitions[kind.acquisition],
                fileset=filesets[image.file],
                series=series,
                instrument=instruments.get(kind.acquisition),
            )
            spaces: dict[str, list[tuple[str, str]]] = {}
            for namespace, key, value in image.pairs:
                spaces.setdefault(namespace or CLIENT_NAMESPACE, []).append((key, value))
            for namespace, pairs in spaces.items():
                images.key_values("Image", [made], pairs, namespace)
            for tag in kind.tags:
                tagged.setdefault(tag, []).append(made)
            everything.append(made)
    for tag, ids in tagged.items():
        images.tag("Image", ids, tag)
    images.key_values("Image", everything, ASSUMED, SHEET_NAMESPACE)
    return len(everything)


def _instrument(scanner: Scanner) -> Instrument:
    objectives: tuple[Objective, ...] = ()
    if scanner.magnification is not None:
        objectives = (
            Objective(
                scanner.manufacturer,
                f"{scanner.magnification:g}x",
                scanner.magnification,
                scanner.numerical_aperture,
                "Air",
                "Unknown",
            ),
        )
    return Instrument(scanner.manufacturer, scanner.model, "Other", None, objectives, None)


def _acquisition(defaults: AcquisitionDefaults) -> Acquisition:
    size: Length | None = None
    if defaults.pixel_size is not None:
        size = (defaults.pixel_size, defaults.pixel_unit)
    channels: tuple[Channel, ...]
    if defaults.channels == "RGB":
        channels = bright_field()
    else:
        channels = tuple(Channel(name, (255, 255, 255, 255)) for name in defaults.channels)
    scanned = defaults.scanner is not None and defaults.scanner.magnification is not None
    return Acquisition(
        defaults.format,
        defaults.pixel_type,
        defaults.significant_bits,
        (*defaults.size, defaults.size_z, defaults.size_t),
        (size, size, None),
        channels,
        0 if scanned else None,
    )
