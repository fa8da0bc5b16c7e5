"""Filters on the wire, against the forms of the openBIS v3 API, letter by letter."""

from datetime import UTC, datetime
from typing import Any

import pytest

from backends.errors import InvalidRequest
from backends.filters import (
    DateMatch,
    ExperimentFilter,
    NumberMatch,
    OmicsFilter,
    ProjectFilter,
    PropertyMatch,
    SampleFilter,
    StringMatch,
)
from backends.openbis.criteria import AnyFilter, criteria
from backends.records import Kind

SEARCH = "as.dto.common.search."
SAMPLE = "as.dto.sample.search.SampleSearchCriteria"
SAMPLE_TYPE = "as.dto.sample.search.SampleTypeSearchCriteria"
EXPERIMENT = "as.dto.experiment.search.ExperimentSearchCriteria"
PROJECT = "as.dto.project.search.ProjectSearchCriteria"


def code(value: str, comparison: str = "EqualTo") -> dict[str, Any]:
    return {
        "@type": "as.dto.common.search.CodeSearchCriteria",
        "fieldValue": {"@type": f"{SEARCH}String{comparison}Value", "value": value},
        "useWildcards": False,
    }


def perm_id(value: str) -> dict[str, Any]:
    return code(value) | {"@type": "as.dto.common.search.PermIdSearchCriteria"}


def text_property(name: str, value: str | None, comparison: str = "EqualTo") -> dict[str, Any]:
    field = {"@type": f"{SEARCH}String{comparison}Value", "value": value}
    return {
        "@type": "as.dto.common.search.StringPropertySearchCriteria",
        "fieldName": name,
        "fieldType": "PROPERTY",
        "fieldValue": {"@type": f"{SEARCH}AnyStringValue"} if value is None else field,
        "useWildcards": False,
    }


def group(type_name: str, *parts: dict[str, Any], operator: str = "AND") -> dict[str, Any]:
    return {"@type": type_name, "operator": operator, "criteria": list(parts)}


def negated(*parts: dict[str, Any]) -> dict[str, Any]:
    return group(SAMPLE, *parts) | {"negated": True}


def of_samples(predicate: SampleFilter) -> list[dict[str, Any]]:
    return criteria(Kind.SAMPLE, predicate)


def test_no_filter_and_an_empty_one_match_everything() -> None:
    assert criteria(Kind.SAMPLE, None) == []
    assert of_samples(SampleFilter()) == []
    assert of_samples(SampleFilter(all_of=(SampleFilter(),))) == []
    assert of_samples(SampleFilter(any_of=(SampleFilter(),))) == []


def test_codes_are_exact_and_upper_case() -> None:
    assert of_samples(SampleFilter(code=StringMatch(eq="qabcd001a0"))) == [code("QABCD001A0")]


def test_a_quoted_value_keeps_its_quotation_marks() -> None:
    match = PropertyMatch("Q_NAME", string=StringMatch(eq='"quoted"'))
    assert of_samples(SampleFilter(properties=(match,))) == [text_property("Q_NAME", '""quoted""')]


def test_codes_in_a_list_are_one_array() -> None:
    assert of_samples(SampleFilter(code=StringMatch(one_of=("a1", "B2")))) == [
        {"@type": "as.dto.common.search.CodesSearchCriteria", "fieldValue": ["A1", "B2"]}
    ]


def test_permanent_ids_in_a_list_are_alternatives() -> None:
    assert of_samples(SampleFilter(perm_id=StringMatch(one_of=("1-2", "1-3")))) == [
        group(SAMPLE, perm_id("1-2"), perm_id("1-3"), operator="OR")
    ]


@pytest.mark.parametrize(
    "predicate",
    [
        SampleFilter(code=StringMatch(one_of=())),
        SampleFilter(perm_id=StringMatch(one_of=())),
        SampleFilter(code=StringMatch(exists=False)),
        SampleFilter(none_of=(SampleFilter(),)),
        SampleFilter(properties=(PropertyMatch("Q", string=StringMatch(one_of=())),)),
    ],
)
def test_what_nothing_can_satisfy_asks_for_an_impossible_code(predicate: SampleFilter) -> None:
    assert of_samples(predicate) == [code("NO SUCH CODE")]


def test_the_type_of_a_sample() -> None:
    assert of_samples(SampleFilter(type=StringMatch(eq="Q_BIOLOGICAL_SAMPLE"))) == [
        group(SAMPLE_TYPE, code("Q_BIOLOGICAL_SAMPLE"))
    ]
    assert of_samples(SampleFilter(type=StringMatch(ne="Q_TEST_SAMPLE"))) == [
        negated(group(SAMPLE_TYPE, code("Q_TEST_SAMPLE")))
    ]


def test_a_project_holds_through_the_experiment_or_the_sample_itself() -> None:
    project = group(PROJECT, code("QABCD"))
    assert of_samples(SampleFilter(project=ProjectFilter(code=StringMatch(eq="qabcd")))) == [
        group(SAMPLE, group(EXPERIMENT, project), project, operator="OR"),
    ]


def test_a_project_that_is_not_some_other_is_still_a_project() -> None:
    other, anywhere = group(PROJECT, code("QABCD")), group(PROJECT, text_any_code())
    predicate = SampleFilter(project=ProjectFilter(code=StringMatch(ne="QABCD")))
    assert of_samples(predicate) == [
        group(SAMPLE, group(EXPERIMENT, anywhere), anywhere, operator="OR"),
        group(SAMPLE, group(EXPERIMENT, other), other, operator="OR") | {"negated": True},
    ]


def text_any_code() -> dict[str, Any]:
    return code("") | {"fieldValue": {"@type": f"{SEARCH}AnyStringValue"}}


def test_the_experiment_and_its_project() -> None:
    predicate = SampleFilter(
        experiment=ExperimentFilter(
            code=StringMatch(eq="QABCDE1"),
            project=ProjectFilter(space=StringMatch(eq="lab")),
        )
    )
    space = group("as.dto.space.search.SpaceSearchCriteria", code("LAB"))
    assert of_samples(predicate) == [
        group(EXPERIMENT, code("QABCDE1"), group(PROJECT, space)),
    ]


def test_parents_and_children_that_merely_exist() -> None:
    assert of_samples(SampleFilter(parent=SampleFilter(), child=SampleFilter())) == [
        group("as.dto.sample.search.SampleParentsSearchCriteria", text_any_code()),
        group("as.dto.sample.search.SampleChildrenSearchCriteria", text_any_code()),
    ]


def test_text_properties() -> None:
    match = StringMatch(eq="9606", contains="60", starts_with="9")
    assert of_samples(SampleFilter(properties=(PropertyMatch("q_ncbi_organism", match),))) == [
        text_property("Q_NCBI_ORGANISM", "9606"),
        text_property("Q_NCBI_ORGANISM", "60", "Contains"),
        text_property("Q_NCBI_ORGANISM", "9", "StartsWith"),
    ]


def test_a_property_that_differs_exists() -> None:
    match = PropertyMatch("Q_GENDER", StringMatch(ne="MALE"))
    assert of_samples(SampleFilter(properties=(match,))) == [
        text_property("Q_GENDER", None),
        negated(text_property("Q_GENDER", "MALE")),
    ]


def test_the_existence_of_a_property() -> None:
    there = PropertyMatch("Q_GENDER", StringMatch(exists=True))
    absent = PropertyMatch("Q_GENDER", StringMatch(exists=False))
    assert of_samples(SampleFilter(properties=(there, absent))) == [
        text_property("Q_GENDER", None),
        negated(text_property("Q_GENDER", None)),
    ]


def test_numbers_dates_and_truth_values() -> None:
    since = datetime(2024, 1, 1, 12, tzinfo=UTC)
    predicate = SampleFilter(
        properties=(
            PropertyMatch("Q_RIN", number=NumberMatch(ge=7.0, lt=9.5)),
            PropertyMatch("Q_TAKEN", date=DateMatch(since=since)),
            PropertyMatch("Q_IS_METASTASIS", boolean=True),
        ),
        modified=DateMatch(before=since),
    )
    named = {"fieldName": "Q_RIN", "fieldType": "PROPERTY"}
    number = {"@type": f"{SEARCH}NumberPropertySearchCriteria", **named}
    assert of_samples(predicate) == [
        number | {"fieldValue": {"@type": f"{SEARCH}NumberLessThanValue", "value": 9.5}},
        number | {"fieldValue": {"@type": f"{SEARCH}NumberGreaterThanOrEqualToValue", "value": 7}},
        {
            "@type": f"{SEARCH}DatePropertySearchCriteria",
            "fieldName": "Q_TAKEN",
            "fieldType": "PROPERTY",
            "fieldValue": {
                "@type": "as.dto.common.search.DateObjectLaterThanOrEqualToValue",
                "value": 1704110400000,
            },
        },
        {
            "@type": f"{SEARCH}BooleanPropertySearchCriteria",
            "fieldName": "Q_IS_METASTASIS",
            "fieldType": "PROPERTY",
            "fieldValue": True,
        },
        {
            "@type": "as.dto.common.search.ModificationDateSearchCriteria",
            "fieldValue": {
                "@type": "as.dto.common.search.DateObjectEarlierThanValue",
                "value": 1704110400000,
            },
        },
    ]


def test_groups_are_the_searched_class_nested_in_itself() -> None:
    one, other = SampleFilter(code=StringMatch(eq="A")), SampleFilter(code=StringMatch(eq="B"))
    assert of_samples(SampleFilter(any_of=(one, other), none_of=(one,))) == [
        group(SAMPLE, group(SAMPLE, code("A")), group(SAMPLE, code("B")), operator="OR"),
        negated(code("A")),
    ]


def test_data_sets_of_samples() -> None:
    predicate = OmicsFilter(
        type=StringMatch(eq="Q_NGS_RAW_DATA"),
        sample=SampleFilter(perm_id=StringMatch(eq="20240101120000000-17")),
        kind="PHYSICAL",
    )
    assert criteria(Kind.OMICS_DATASET, predicate) == [
        group("as.dto.dataset.search.DataSetTypeSearchCriteria", code("Q_NGS_RAW_DATA")),
        group("as.dto.dataset.search.PhysicalDataSearchCriteria"),
        group(SAMPLE, perm_id("20240101120000000-17")),
    ]


@pytest.mark.parametrize(
    ("kind", "predicate"),
    [
        (Kind.SAMPLE, ProjectFilter()),
        (Kind.SPACE, ProjectFilter()),
        (Kind.OMICS_DATASET, OmicsFilter(kind="VIRTUAL")),
        (Kind.SAMPLE, SampleFilter(none_of=(SampleFilter(parent=SampleFilter()),))),
        (
            Kind.SAMPLE,
            SampleFilter(properties=(PropertyMatch("Q", number=NumberMatch(eq=float("nan"))),)),
        ),
        (Kind.SAMPLE, SampleFilter(modified=DateMatch(since=datetime(2024, 1, 1)))),  # noqa: DTZ001 - the fault
    ],
)
def test_what_openbis_cannot_be_asked_is_refused(kind: Kind, predicate: AnyFilter) -> None:
    with pytest.raises(InvalidRequest):
        criteria(kind, predicate)
