"""What to load along, as fetch options; lineages refer to themselves."""

from itertools import count
from typing import Any

import pytest

from backends.errors import InvalidRequest
from backends.fetch import Fetch
from backends.openbis.fetch_options import encode, plan
from backends.records import Kind

SAMPLE = "as.dto.sample.fetchoptions.SampleFetchOptions"
SAMPLE_TYPE = {"@type": "as.dto.sample.fetchoptions.SampleTypeFetchOptions"}
PROPERTIES = {"@type": "as.dto.property.fetchoptions.PropertyFetchOptions"}
SPACE = {"@type": "as.dto.space.fetchoptions.SpaceFetchOptions"}
PERSON = {"@type": "as.dto.person.fetchoptions.PersonFetchOptions"}
PROJECT = {"@type": "as.dto.project.fetchoptions.ProjectFetchOptions"}
EXPERIMENT = "as.dto.experiment.fetchoptions.ExperimentFetchOptions"


def options(kind: Kind, *names: str, **nested: Fetch) -> Any:
    return encode(plan(kind, Fetch.of(*names, **nested)), count(1))


def test_nothing_more() -> None:
    assert options(Kind.SAMPLE) == {"@type": SAMPLE}


def test_a_sample_with_parents_and_data_sets() -> None:
    assert options(
        Kind.SAMPLE,
        "type",
        "properties",
        "space",
        parents=Fetch.of("type", "properties"),
        omics_datasets=Fetch.of("type", "location", "content_copies"),
    ) == {
        "@type": SAMPLE,
        "type": SAMPLE_TYPE,
        "properties": PROPERTIES,
        "space": SPACE,
        "parents": {"@type": SAMPLE, "type": SAMPLE_TYPE, "properties": PROPERTIES},
        "dataSets": {
            "@type": "as.dto.dataset.fetchoptions.DataSetFetchOptions",
            "type": {"@type": "as.dto.dataset.fetchoptions.DataSetTypeFetchOptions"},
            "physicalData": {
                "@type": "as.dto.dataset.fetchoptions.PhysicalDataFetchOptions",
                "fileFormatType": {
                    "@type": "as.dto.dataset.fetchoptions.FileFormatTypeFetchOptions"
                },
            },
            "linkedData": {
                "@type": "as.dto.dataset.fetchoptions.LinkedDataFetchOptions",
                "externalDms": {"@type": "as.dto.externaldms.fetchoptions.ExternalDmsFetchOptions"},
            },
        },
    }


def test_the_project_of_a_sample_is_looked_for_in_both_places() -> None:
    assert options(Kind.SAMPLE, project=Fetch.of("space")) == {
        "@type": SAMPLE,
        "project": PROJECT | {"space": SPACE},
        "experiment": {"@type": EXPERIMENT, "project": PROJECT | {"space": SPACE}},
    }


def test_a_whole_ancestry_in_one_call() -> None:
    assert options(Kind.SAMPLE, ancestors=Fetch.of("properties")) == {
        "@type": SAMPLE,
        "parents": {"@id": 1, "@type": SAMPLE, "properties": PROPERTIES, "parents": 1},
    }


def test_ancestry_beside_richer_parents() -> None:
    assert options(Kind.SAMPLE, parents=Fetch.of("space"), ancestors=Fetch.of("type")) == {
        "@type": SAMPLE,
        "parents": {
            "@type": SAMPLE,
            "space": SPACE,
            "type": SAMPLE_TYPE,
            "parents": {"@id": 1, "@type": SAMPLE, "type": SAMPLE_TYPE, "parents": 1},
        },
    }


def test_references_are_unique_within_one_round_trip() -> None:
    ids = count(1)
    wanted = plan(Kind.SAMPLE, Fetch.of("ancestors", "descendants"))
    first, second = encode(wanted, ids), encode(wanted, ids)
    written = [each[name]["@id"] for each in (first, second) for name in ("parents", "children")]
    assert sorted(written) == [1, 2, 3, 4]
    assert second["parents"]["parents"] == second["parents"]["@id"]


def test_ancestors_of_ancestors_are_ancestors() -> None:
    deep = Fetch.of(ancestors=Fetch.of("type", parents=Fetch.of("properties")))
    flat = Fetch.of(ancestors=Fetch.of("type", "properties"))
    assert encode(plan(Kind.SAMPLE, deep), count(1)) == encode(plan(Kind.SAMPLE, flat), count(1))


def test_projects_and_experiments() -> None:
    assert options(Kind.PROJECT, "space", "leader", "registrator") == PROJECT | {
        "space": SPACE,
        "leader": PERSON,
        "registrator": PERSON,
    }
    assert options(Kind.EXPERIMENT, "project") == {"@type": EXPERIMENT, "project": PROJECT}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.SAMPLE, "leader"),
        (Kind.PROJECT, "ancestors"),
        (Kind.EXPERIMENT, "parents"),
        (Kind.OMICS_DATASET, "space"),
    ],
)
def test_a_relation_that_does_not_exist_is_refused(kind: Kind, name: str) -> None:
    with pytest.raises(InvalidRequest):
        plan(kind, Fetch.of(name))
