"""From a `Fetch` to a plan of what to load, and from a plan to v3 fetch options.

The plan is a graph: `ancestors` makes a node that is its own parent relation, which the wire writes
as a reference to the `@id` around it, so that a whole lineage comes in one call. `decode.py` walks
the same plan over the answer, and so decodes exactly what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from backends.errors import InvalidRequest, Source
from backends.fetch import NOTHING_MORE, Fetch
from backends.openbis.names import NAMES
from backends.records import Kind

PROPERTIES = "as.dto.property.fetchoptions.PropertyFetchOptions"
PERSON = "as.dto.person.fetchoptions.PersonFetchOptions"
SPACE = "as.dto.space.fetchoptions.SpaceFetchOptions"

# Relations that lead to another entity: our name → (key on the wire, kind of the target).
LINKS: dict[Kind, dict[str, tuple[str, Kind]]] = {
    Kind.SPACE: {},
    Kind.PROJECT: {},
    Kind.EXPERIMENT: {"project": ("project", Kind.PROJECT)},
    Kind.SAMPLE: {
        "experiment": ("experiment", Kind.EXPERIMENT),
        "project": ("project", Kind.PROJECT),
        "parents": ("parents", Kind.SAMPLE),
        "children": ("children", Kind.SAMPLE),
        "omics_datasets": ("dataSets", Kind.OMICS_DATASET),
    },
    Kind.OMICS_DATASET: {
        "experiment": ("experiment", Kind.EXPERIMENT),
        "sample": ("sample", Kind.SAMPLE),
        "parents": ("parents", Kind.OMICS_DATASET),
        "children": ("children", Kind.OMICS_DATASET),
    },
}

# Relations that end at once: our name → the fetch options to send under each wire key.
LEAVES: dict[Kind, dict[str, dict[str, Any]]] = {
    Kind.SPACE: {"registrator": {"registrator": {"@type": PERSON}}},
    Kind.PROJECT: {
        "space": {"space": {"@type": SPACE}},
        "registrator": {"registrator": {"@type": PERSON}},
        "leader": {"leader": {"@type": PERSON}},
    },
    Kind.EXPERIMENT: {
        "type": {"type": {"@type": NAMES[Kind.EXPERIMENT].type_fetch_options}},
        "properties": {"properties": {"@type": PROPERTIES}},
        "registrator": {"registrator": {"@type": PERSON}},
    },
    Kind.SAMPLE: {
        "type": {"type": {"@type": NAMES[Kind.SAMPLE].type_fetch_options}},
        "properties": {"properties": {"@type": PROPERTIES}},
        "space": {"space": {"@type": SPACE}},
        "registrator": {"registrator": {"@type": PERSON}},
    },
    Kind.OMICS_DATASET: {
        "type": {"type": {"@type": NAMES[Kind.OMICS_DATASET].type_fetch_options}},
        "properties": {"properties": {"@type": PROPERTIES}},
        "registrator": {"registrator": {"@type": PERSON}},
        "location": {
            "physicalData": {
                "@type": "as.dto.dataset.fetchoptions.PhysicalDataFetchOptions",
                "fileFormatType": {
                    "@type": "as.dto.dataset.fetchoptions.FileFormatTypeFetchOptions"
                },
            }
        },
        "content_copies": {
            "linkedData": {
                "@type": "as.dto.dataset.fetchoptions.LinkedDataFetchOptions",
                "externalDms": {"@type": "as.dto.externaldms.fetchoptions.ExternalDmsFetchOptions"},
            }
        },
    },
}

# The relations that a lineage runs along, at every depth.
LINEAGE = {"ancestors": "parents", "descendants": "children"}


@dataclass(eq=False, slots=True)
class Plan:
    """What to load of one entity; `links` may lead back to the plan itself.

    Attributes:
        kind: the entity's kind.
        fetched: the relations that are loaded, as the record will say it.
        leaves: fetch options that end here, by their wire key.
        links: plans of related entities, by the record's name of the relation.
        recursive: whether a link leads back here.
    """

    kind: Kind
    fetched: frozenset[str]
    leaves: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Plan] = field(default_factory=dict)
    recursive: bool = False


@lru_cache(maxsize=512)
def plan(kind: Kind, fetch: Fetch = NOTHING_MORE) -> Plan:
    """The plan for an entity of `kind` with `fetch` beyond it.

    Raises:
        InvalidRequest: the kind has no such relation.
    """
    wanted = dict(fetch.relations)
    lineages = {
        along: _flattened(wanted.pop(name), name, along)
        for name, along in LINEAGE.items()
        if name in wanted
    }
    if kind is Kind.SAMPLE and "project" in wanted:
        # QBiC samples belong to a space; their project is the one of their experiment.
        through = Fetch.of(project=wanted["project"])
        wanted["experiment"] = wanted.get("experiment", NOTHING_MORE) | through
    made = Plan(kind, fetch.names() | wanted.keys() | lineages.keys())
    for name, beyond in wanted.items():
        if name in LINKS[kind]:
            made.links[name] = plan(LINKS[kind][name][1], beyond | _repeat(lineages, name))
        elif name in LEAVES[kind]:
            made.leaves |= LEAVES[kind][name]
        else:
            raise InvalidRequest(Source.OPENBIS, f"{kind} in openBIS has no relation {name!r}.")
    for along, beyond in lineages.items():
        if along not in LINKS[kind]:
            raise InvalidRequest(Source.OPENBIS, f"{kind} in openBIS has no {along}.")
        if along not in made.links:
            made.links[along] = _endless(kind, beyond, along)
    return made


def _repeat(lineages: dict[str, Fetch], along: str) -> Fetch:
    """What a first parent needs when its own ancestors are wanted as well."""
    if along not in lineages:
        return NOTHING_MORE
    name = next(name for name, relation in LINEAGE.items() if relation == along)
    return lineages[along] | Fetch(((name, lineages[along]),))


def _flattened(fetch: Fetch, name: str, along: str) -> Fetch:
    """What to load at every depth: asking for parents of all ancestors asks for nothing new."""
    result = Fetch(tuple(pair for pair in fetch.relations if pair[0] not in {name, along}))
    for inner in (fetch.get(name), fetch.get(along)):
        if inner is not None:
            result = result | _flattened(inner, name, along)
    return result


def _endless(kind: Kind, fetch: Fetch, along: str) -> Plan:
    base = plan(kind, fetch)
    made = Plan(kind, base.fetched | {along}, base.leaves, dict(base.links), recursive=True)
    made.links[along] = made
    return made


def encode(root: Plan, ids: Iterator[int]) -> dict[str, Any]:
    """The fetch options of a plan; `ids` yields numbers unused within the same parameter."""
    return _encode(root, ids, {})


def _encode(node: Plan, ids: Iterator[int], around: dict[Plan, int]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if node.recursive:
        options["@id"] = next(ids)
        around = {**around, node: options["@id"]}
    options["@type"] = NAMES[node.kind].fetch_options
    options |= node.leaves
    for name, target in node.links.items():
        key = LINKS[node.kind][name][0]
        options[key] = around[target] if target in around else _encode(target, ids, around)
    return options
