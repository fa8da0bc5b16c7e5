from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.fetch import Fetch
from resolvers import lookahead as look

TYPED = Fetch.of("type")


def tree(text: str) -> dict[str, Any]:
    """`a b{c d}` as a selection."""
    found: dict[str, Any] = {}
    levels = [found]
    name = ""
    for token in text.replace("{", " { ").replace("}", " } ").split():
        if token == "{":
            levels.append(levels[-1][name])
        elif token == "}":
            levels.pop()
        else:
            name = token
            levels[-1].setdefault(name, {})
    return found


@pytest.mark.parametrize(
    ("selected", "fetch"),
    [
        ("", Fetch()),
        ("id permId code identifier registeredAt modifiedAt", Fetch()),
        ("type{code}", Fetch.of("type")),
        ("property{value} properties{code}", Fetch.of("properties")),
        ("space registrator{userId}", Fetch.of("space", "registrator")),
        ("imaging{status} images{totalCount} link{id} imageDataset{name}", Fetch()),
        ("project{code leader{userId}}", Fetch.of(project=Fetch.of("leader"))),
        (
            "experiment{type{code} project{space}}",
            Fetch.of(experiment=Fetch.of("type", project=Fetch.of("space"))),
        ),
        ("parents{code}", Fetch.of(parents=TYPED)),
        ("ancestors{code}", Fetch.of(ancestors=TYPED)),
        (
            "subject{code} ancestors{properties{code}}",
            Fetch.of("type", ancestors=Fetch.of("type", "properties")),
        ),
        (
            "parents{children{omicsDatasets{size}}}",
            Fetch.of(
                parents=TYPED
                | Fetch.of(children=TYPED | Fetch.of(omics_datasets=Fetch.of("location")))
            ),
        ),
        ("descendants{space}", Fetch.of(descendants=Fetch.of("type", "space"))),
        ("omicsDatasets{sample{type{code}}}", Fetch.of(omics_datasets=Fetch.of(sample=TYPED))),
    ],
)
def test_a_sample_is_read_with_what_is_selected(selected: str, fetch: Fetch) -> None:
    assert look.sample_fetch(tree(selected)) == fetch


@pytest.mark.parametrize(
    ("selected", "fetch"),
    [
        ("code statistics{samples} samples{totalCount} link{id} imageProject{name}", Fetch()),
        ("space leader{userId} registrator{userId}", Fetch.of("leader", "registrator", "space")),
    ],
)
def test_a_project_is_read_with_what_is_selected(selected: str, fetch: Fetch) -> None:
    assert look.project_fetch(tree(selected)) == fetch


@pytest.mark.parametrize(
    ("selected", "fetch"),
    [
        ("code samples{totalCount}", Fetch()),
        (
            "type{code} property{value} project{space}",
            Fetch.of("properties", "type", project=Fetch.of("space")),
        ),
    ],
)
def test_an_experiment_is_read_with_what_is_selected(selected: str, fetch: Fetch) -> None:
    assert look.experiment_fetch(tree(selected)) == fetch


@pytest.mark.parametrize(
    ("selected", "fetch"),
    [
        ("code kind registeredAt", Fetch()),
        ("size", Fetch.of("location")),
        ("format location status", Fetch.of("location")),
        ("contentCopies{path}", Fetch.of("content_copies")),
        (
            "parents{type{code}} children{size}",
            Fetch.of(children=Fetch.of("location"), parents=TYPED),
        ),
        (
            "sample{parents{code}} experiment{properties{code}}",
            Fetch.of(experiment=Fetch.of("properties"), sample=Fetch.of(parents=TYPED)),
        ),
    ],
)
def test_an_omics_dataset_is_read_with_what_is_selected(selected: str, fetch: Fetch) -> None:
    assert look.omics_fetch(tree(selected)) == fetch


@pytest.mark.parametrize(
    ("selected", "fetch"),
    [
        ("name sizeX pixelSize{x{value}} acquiredAt owner{userName} dataset{name}", Fetch()),
        ("channels{name} roiCount", Fetch.of("channel_names", "roi_count")),
        ("channels{index name fluor __typename}", Fetch.of("channel_names")),
        ("channels{name emission{value}}", Fetch.of("channels")),
        (
            "objective{magnification} keyValues{key value annotationId}",
            Fetch.of("key_value_pairs", "magnification"),
        ),
        ("keyValues{key namespace}", Fetch.of("key_values")),
        ("keyValues{(namespace) key}", Fetch.of("key_values")),
        (
            "instrument{model} keyValues{namespace} tags{value} fileset{omeroId} objective{model}",
            Fetch.of("fileset", "instrument", "key_values", "objective", "tags"),
        ),
    ],
)
def test_an_image_is_read_with_what_is_selected(selected: str, fetch: Fetch) -> None:
    assert look.image_fetch(tree(selected)) == fetch


def test_containers_are_counted_only_when_it_matters() -> None:
    assert look.image_dataset_fetch(tree("name tags{value}")) == Fetch()
    assert look.image_dataset_fetch(tree("imageCount")) == Fetch.of("image_count")
    assert look.image_dataset_fetch(tree("images{totalCount}")) == Fetch.of("image_count")
    assert look.image_project_fetch(tree("name images{totalCount}")) == Fetch()
    assert look.image_project_fetch(tree("imageDatasetCount")) == Fetch.of("image_dataset_count")


def test_a_subject_may_be_the_sample_itself() -> None:
    own = Fetch.of("properties", "type")
    assert look.subject_fetch(tree("code properties{code}")) == own | Fetch.of(ancestors=own)


NAMES = (
    *("code", "type", "properties", "space", "registrator", "project", "experiment"),
    *("parents", "children", "ancestors", "descendants", "subject", "omicsDatasets", "imaging"),
)
FIELDS = st.sampled_from(NAMES)
SELECTIONS: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(FIELDS, st.just({}), max_size=3),
    lambda inner: st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=8,
)


def merged(first: Any, second: Any) -> Any:
    keys = {*first, *second}
    return {key: merged(first.get(key, {}), second.get(key, {})) for key in keys}


@given(first=SELECTIONS, second=SELECTIONS)
def test_who_selects_more_never_fetches_less(first: Any, second: Any) -> None:
    both = look.sample_fetch(merged(first, second))
    assert both == look.sample_fetch(first) | look.sample_fetch(second)
