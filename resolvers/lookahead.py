"""From the fields that a query selects to what the adapters fetch along: nothing that is not asked.

A `Selection` is the tree of selected field names below an object, aliases and fragments already
merged (by `api/selection.py`). Only fields without arguments are folded into their parent's call;
the others are loaded by batchers, because their arguments may differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.fetch import Fetch

Selection = Mapping[str, Any]  # field name → Selection of what is below it


def project_fetch(selected: Selection) -> Fetch:
    """What a selection below `Project` needs."""
    names = {"space", "registrator", "leader"} & selected.keys()
    return Fetch.of(*names)


def experiment_fetch(selected: Selection) -> Fetch:
    """What a selection below `Experiment` needs."""
    nested = {}
    if "project" in selected:
        nested["project"] = project_fetch(selected["project"])
    return Fetch.of(*_plain(selected, _ENTITY_FIELDS), **nested)


def sample_fetch(selected: Selection) -> Fetch:
    """What a selection below `Sample` needs."""
    nested = {}
    if "project" in selected:
        nested["project"] = project_fetch(selected["project"])
    if "experiment" in selected:
        nested["experiment"] = experiment_fetch(selected["experiment"])
    for field, relation in _SAMPLE_RELATIONS.items():
        if field in selected:
            # The type is needed to answer `ancestors(type:)`; it costs nothing beside the rest.
            fetch = sample_fetch(selected[field]) | Fetch.of("type")
            nested[relation] = nested[relation] | fetch if relation in nested else fetch
    if "omicsDatasets" in selected:
        nested["omics_datasets"] = omics_fetch(selected["omicsDatasets"])
    # Whether a sample is its own subject is told by its type.
    fields = {"space": "space", "subject": "type", **_ENTITY_FIELDS}
    return Fetch.of(*_plain(selected, fields), **nested)


def subject_fetch(selected: Selection) -> Fetch:
    """What is needed of a sample to answer a selection below its subject, itself maybe one."""
    own = sample_fetch(selected) | Fetch.of("type")
    return own | Fetch.of(ancestors=own)


def omics_fetch(selected: Selection) -> Fetch:
    """What a selection below `OmicsDataset` needs."""
    nested = {}
    if "sample" in selected:
        nested["sample"] = sample_fetch(selected["sample"])
    if "experiment" in selected:
        nested["experiment"] = experiment_fetch(selected["experiment"])
    for relation in ("parents", "children"):
        if relation in selected:
            nested[relation] = omics_fetch(selected[relation])
    fields = {
        "size": "location",
        "format": "location",
        "location": "location",
        "status": "location",
        "contentCopies": "content_copies",
        **_ENTITY_FIELDS,
    }
    return Fetch.of(*_plain(selected, fields), **nested)


def image_fetch(selected: Selection) -> Fetch:
    """What a selection below `Image` needs."""
    facets = _IMAGE_FACETS.keys() & selected.keys()
    return Fetch.of(*(image_facet(field, selected[field]) for field in facets))


def image_facet(field: str, selected: Selection) -> str:
    """What a selection below a field of `Image` needs: mostly the short form, if it has one."""
    whole = _IMAGE_FACETS[field]
    short, enough = _SHORT.get(field, (whole, set()))
    return short if selected.keys() <= enough else whole


def image_dataset_fetch(selected: Selection) -> Fetch:
    """What a selection below `ImageDataset` needs; images are counted to choose their plan."""
    return Fetch.of("image_count") if {"imageCount", "images"} & selected.keys() else Fetch()


def image_project_fetch(selected: Selection) -> Fetch:
    """What a selection below `ImageProject` needs."""
    return Fetch.of("image_dataset_count") if "imageDatasetCount" in selected else Fetch()


_ENTITY_FIELDS = {
    "type": "type",
    "properties": "properties",
    "property": "properties",
    "registrator": "registrator",
}
_SAMPLE_RELATIONS = {
    "parents": "parents",
    "children": "children",
    "ancestors": "ancestors",
    "descendants": "descendants",
    "subject": "ancestors",
}
_IMAGE_FACETS = {
    "channels": "channels",
    "objective": "objective",
    "instrument": "instrument",
    "keyValues": "key_values",
    "tags": "tags",
    "roiCount": "roi_count",
    "fileset": "fileset",
}
# The part of a facet that is asked for in fewer columns, and the fields that it is enough for.
_SHORT: dict[str, tuple[str, set[str]]] = {
    "channels": ("channel_names", {"index", "name", "fluor", "__typename"}),
    "keyValues": ("key_value_pairs", {"key", "value", "annotationId", "__typename"}),
    "objective": ("magnification", {"omeroId", "magnification", "__typename"}),
}


def _plain(selected: Selection, fields: Mapping[str, str]) -> set[str]:
    return {relation for field, relation in fields.items() if field in selected}
