"""What each criterion finds; groups, negation and relations as openBIS evaluates them."""

from __future__ import annotations

from typing import Any

import pytest

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import (
    DAY,
    T0,
    Client,
    by,
    content,
    criteria,
    samples,
)


@pytest.fixture
async def client() -> Client:
    return await Client(create_openbis_server(content())).login()


def code(text: str | None, comparison: str = "StringEqualTo", **more: Any) -> dict[str, Any]:
    return by("Code", text, comparison, **more)


def prop(name: str, text: Any, comparison: str = "StringEqualTo", **more: Any) -> dict[str, Any]:
    return by("StringProperty", text, comparison, fieldName=name, fieldType="PROPERTY", **more)


def kind(path: str, of: str) -> dict[str, Any]:
    return criteria(path, code(of))


ALL = ["B-1", "B-2", "B-3", "BIO-1", "BIO-2", "ENT-1", "ENT-2", "RNA-1", "RNA-2"]

ATTRIBUTES = [
    ([], ALL),
    ([code("BIO-1")], ["BIO-1"]),
    ([code("bio-1")], []),  # equality heeds case
    ([code("bio-*")], ["BIO-1", "BIO-2"]),  # wildcards are on by default, and then it does not
    ([code("BIO-?")], ["BIO-1", "BIO-2"]),
    ([code("bio-*", useWildcards=False)], []),
    ([code('"BIO-1"')], ["BIO-1"]),
    ([code(None)], ALL),
    ([code("rna", "StringStartsWith")], ["RNA-1", "RNA-2"]),
    ([code("-2", "StringEndsWith")], ["B-2", "BIO-2", "ENT-2", "RNA-2"]),
    ([code("O-", "StringContains")], ["BIO-1", "BIO-2"]),
    ([code("o-", "StringContainsExactly")], ["BIO-1", "BIO-2"]),
    ([code("RNA-1", "StringGreaterThan")], ["RNA-2"]),
    ([code("RNA-1", "StringGreaterThanOrEqualTo")], ["RNA-1", "RNA-2"]),
    ([code("B-2", "StringLessThan")], ["B-1"]),
    ([code("B-2", "StringLessThanOrEqualTo")], ["B-1", "B-2"]),
    ([by("Codes", ["BIO-1", "ENT-2", "nothing"], "")], ["BIO-1", "ENT-2"]),
    ([by("PermId", "s-3")], ["BIO-1"]),
    ([by("PermId", "s-3", fieldName="perm_id")], ["BIO-1"]),
    ([by("PermId", "s-7", "StringGreaterThan")], ["B-2", "B-3"]),
    ([by("Identifier", "/A/BIO-1")], ["BIO-1"]),
    ([by("Identifier", "/b/", "StringStartsWith")], ["B-1", "B-2", "B-3"]),
    (
        [
            {
                "@type": "as.dto.common.search.IdSearchCriteria",
                "id": {"@type": "as.dto.sample.id.SampleIdentifier", "identifier": "/A/ENT-1"},
            }
        ],
        ["ENT-1"],
    ),
]

PROPERTIES = [
    ([prop("NAME", "Patient One")], ["ENT-1"]),
    ([prop("name", "Patient One")], ["ENT-1"]),  # property codes are upper-cased
    ([prop("NAME", "patient one")], []),
    ([prop("NAME", "patient", "StringStartsWith")], ["ENT-1", "ENT-2"]),
    ([prop("NAME", "%", "StringContains")], ["BIO-1"]),  # no wildcard of ours
    ([prop("NAME", "a*b", useWildcards=False)], ["BIO-2"]),
    ([prop("NAME", "a\\*b")], ["BIO-2"]),
    ([prop("NAME", "a*b", "StringContains", useWildcards=False)], ["BIO-2"]),
    ([prop("NAME", "p*t*e", "StringContains")], ["BIO-1", "ENT-1", "ENT-2"][1:]),
    ([prop("NOTE", "frozen\ntissue", "StringEndsWith")], ["RNA-1"]),
    ([prop("NOTE", "tissue fresh", "StringMatches")], ["RNA-1"]),
    ([prop("COUNT", "10")], ["BIO-2"]),
    ([prop("COUNT", "9", "StringGreaterThan")], ["B-1", "BIO-2"]),  # as numbers, not as text
    ([prop("ORGANISM", "9606")], ["ENT-1"]),
    ([prop("FLAG", "true")], ["BIO-1"]),
    ([prop("BORN", "1975-01-01", "StringLessThan")], ["ENT-1"]),
    (
        [{**prop("NAME", None), "fieldValue": {"@type": "as.dto.common.search.AnyStringValue"}}],
        ["BIO-1", "BIO-2", "ENT-1", "ENT-2"],
    ),
    ([by("StrictlyStringProperty", "Patient One", fieldName="NAME")], ["ENT-1"]),
    ([by("ControlledVocabularyProperty", "10090", fieldName="ORGANISM")], ["ENT-2"]),
    ([by("NumberProperty", 10, "NumberEqualTo", fieldName="COUNT")], ["BIO-2"]),
    ([by("NumberProperty", 10, "NumberLessThan", fieldName="COUNT")], ["BIO-1"]),
    ([by("NumberProperty", 10, "NumberGreaterThan", fieldName="COUNT")], ["B-1"]),
    ([by("NumberProperty", 0.5, "NumberLessThanOrEqualTo", fieldName="RATIO")], ["BIO-1"]),
    (
        [by("NumberProperty", 0.5, "NumberGreaterThanOrEqualTo", fieldName="RATIO")],
        ["BIO-1", "RNA-1"],
    ),
    ([by("BooleanProperty", False, "", fieldName="FLAG")], ["BIO-2"]),
    ([by("DateProperty", "2024-03-01", "DateEqualTo", fieldName="TAKEN")], ["RNA-2"]),
    (
        [
            by(
                "DateProperty",
                "2024-03-02",
                "DateEqualTo",
                fieldName="TAKEN",
                timeZone={"@type": "as.dto.common.search.TimeZone", "hourOffset": 1},
            )
        ],
        ["RNA-2"],
    ),
    ([by("DateProperty", "1975-01-01", "DateLaterThan", fieldName="BORN")], ["ENT-2"]),
    ([by("AnyProperty", "9606")], ["ENT-1"]),
    ([by("AnyProperty", "PATIENT", "StringContains")], ["ENT-1", "ENT-2"]),
    ([by("AnyField", "BIO-1")], ["BIO-1"]),
    ([by("AnyField", "/A/BIO-1")], ["BIO-1"]),
    ([by("AnyField", "tissue", "StringContains")], ["RNA-1"]),
]

DATES = [
    ([by("RegistrationDate", T0 + 8 * DAY, "DateObjectLaterThan")], ["B-3"]),
    ([by("RegistrationDate", T0 + 8 * DAY, "DateObjectLaterThanOrEqualTo")], ["B-2", "B-3"]),
    ([by("RegistrationDate", T0 + 8 * DAY, "DateObjectEqualTo")], ["B-2"]),
    ([by("RegistrationDate", T0 + 2 * DAY, "DateObjectEarlierThan")], ["ENT-1"]),
    ([by("RegistrationDate", T0 + 2 * DAY, "DateObjectEarlierThanOrEqualTo")], ["ENT-1", "ENT-2"]),
    ([by("ModificationDate", T0 + 9 * DAY, "DateObjectLaterThan")], ["B-3"]),
    ([by("RegistrationDate", "2024-01-09", "DateLaterThan")], ["B-3"]),
    ([by("RegistrationDate", "2024-01-09", "DateLaterThanOrEqualTo")], ["B-2", "B-3"]),
    ([by("ModificationDate", "2024-01-09", "DateEqualTo")], ["B-2"]),  # a whole day
    ([by("ModificationDate", "2024-01-09 00:30", "DateLaterThan")], ["B-2", "B-3"]),
    ([by("ModificationDate", "2024-01-02 01:00:00", "DateEarlierThanOrEqualTo")], ["ENT-1"]),
]

PARENTS, CHILDREN = "sample.SampleParents", "sample.SampleChildren"
RELATIONS = [
    ([kind("sample.SampleType", "ENTITY")], ["B-2", "B-3", "ENT-1", "ENT-2"]),
    ([kind("entitytype.EntityType", "ENTITY")], ["B-2", "B-3", "ENT-1", "ENT-2"]),
    ([kind("space.Space", "B")], ["B-1", "B-2", "B-3"]),
    ([kind("project.Project", "PA")], []),  # QBiC samples have no project of their own
    ([criteria("experiment.Experiment", kind("project.Project", "PB"))], ["B-1"]),
    (
        [criteria("experiment.Experiment", prop("NAME", "design one"))],
        ["BIO-1", "BIO-2", "ENT-1", "ENT-2", "RNA-1", "RNA-2"],
    ),
    ([criteria("sample.NoExperiment")], ["B-2"]),
    ([criteria("sample.NoProject")], ALL),
    ([criteria("sample.NoSampleContainer")], ALL),
    ([criteria("tag.Tag", code("T"))], []),
    ([criteria(PARENTS, code("ENT-1"))], ["B-1", "BIO-1", "BIO-2"]),
    ([criteria(PARENTS)], ["B-1", "BIO-1", "BIO-2", "RNA-1", "RNA-2"]),
    ([criteria(CHILDREN, code("RNA-1"))], ["BIO-1", "BIO-2"]),
    ([criteria(PARENTS, criteria(PARENTS, code("ENT-2")))], ["RNA-1"]),
    (
        [criteria(CHILDREN, kind("sample.SampleType", "EXTRACT"))],
        ["BIO-1", "BIO-2", "ENT-1", "ENT-2"],
    ),
    ([criteria(PARENTS, code("BIO-1"), code("BIO-2"), operator="OR")], ["RNA-1", "RNA-2"]),
    ([criteria("dataset.DataSet", kind("dataset.DataSetType", "READS"))], ["BIO-1", "RNA-1"]),
    ([criteria("person.Registrator", by("UserId", "admin"))], ["RNA-2"]),
    ([criteria("person.Modifier", by("UserId", "a*"))], ALL),
]

GROUPS = [
    (samples(code("BIO-1"), code("BIO-2")), []),
    (samples(code("BIO-1"), code("BIO-2"), operator="OR"), ["BIO-1", "BIO-2"]),
    (samples(code("BIO-1"), negated=True), [each for each in ALL if each != "BIO-1"]),
    (
        samples(code("B*"), code("*-2"), operator="OR", negated=True),
        ["ENT-1", "RNA-1"],
    ),
    (
        samples(kind("space.Space", "A"), samples(code("*-1"), code("RNA*"), operator="OR")),
        ["BIO-1", "ENT-1", "RNA-1", "RNA-2"],
    ),
    (samples(code("RNA*"), samples(code("RNA-1"), negated=True)), ["RNA-2"]),
    (samples(samples(code("BIO-1")), samples(code("RNA-1")), operator="OR"), ["BIO-1", "RNA-1"]),
    (samples(code("X"), samples(), operator="OR"), ALL),
    # negated turns around only what stands directly in the group
    (samples(samples(code("BIO-1")), negated=True), ["BIO-1"]),
    (samples(criteria(PARENTS, code("ENT-2")), negated=True), ["BIO-2"]),
    (samples(prop("COUNT", "10"), negated=True), [each for each in ALL if each != "BIO-2"]),
    # several parent criteria ask for one parent that meets them all; one without match is skipped
    (samples(criteria(PARENTS, code("BIO-1")), criteria(PARENTS, code("BIO-2"))), []),
    (samples(criteria(PARENTS, code("BIO-1")), criteria(PARENTS, code("no"))), ["RNA-1", "RNA-2"]),
    (
        samples(
            samples(criteria(PARENTS, code("BIO-1"))), samples(criteria(PARENTS, code("BIO-2")))
        ),
        ["RNA-1"],
    ),
    (samples(criteria(PARENTS, code("BIO-1")), code("RNA-2")), ["RNA-2"]),
    (
        samples(criteria(PARENTS, code("BIO-1")), code("B-2"), operator="OR"),
        ["B-2", "RNA-1", "RNA-2"],
    ),
]


@pytest.mark.parametrize(("parts", "expected"), ATTRIBUTES + PROPERTIES + DATES + RELATIONS)
async def test_samples_by_one_criterion(client: Client, parts: list, expected: list[str]) -> None:
    assert await client.codes("Samples", samples(*parts)) == expected


@pytest.mark.parametrize(("parts", "expected"), ATTRIBUTES + PROPERTIES + DATES)
async def test_a_negated_group_is_the_complement(
    client: Client, parts: list, expected: list[str]
) -> None:
    if parts:
        found = await client.codes("Samples", samples(*parts, negated=True))
        assert found == [each for each in ALL if each not in expected]


@pytest.mark.parametrize(("where", "expected"), GROUPS)
async def test_groups(client: Client, where: dict[str, Any], expected: list[str]) -> None:
    assert await client.codes("Samples", where) == expected


PHYSICAL, LINKED = "dataset.PhysicalData", "dataset.LinkedData"
DATA_SETS = [
    ([criteria(PHYSICAL)], ["d-1", "d-2"]),
    ([criteria(LINKED)], ["d-3"]),
    ([by("PermId", "d-1")], ["d-1"]),
    ([criteria(PHYSICAL, by("Size", 1000, "NumberGreaterThan"))], ["d-2"]),
    ([criteria(PHYSICAL, by("Location", "ab/", "StringStartsWith"))], ["d-1"]),
    ([criteria(PHYSICAL, by("Status", "AVAILABLE", ""))], ["d-1", "d-2"]),
    ([criteria(PHYSICAL, by("Status", "ARCHIVED", ""))], []),
    ([criteria(PHYSICAL, criteria("dataset.FileFormatType", code("BAM")))], ["d-2"]),
    ([criteria(LINKED, by("ExternalCode", "Image:1"))], ["d-3"]),
    ([criteria(LINKED, criteria("externaldms.ExternalDms", code("OMERO")))], ["d-3"]),
    ([criteria(LINKED, criteria("externaldms.ExternalDms", code("OTHER")))], []),
    ([samples(by("PermId", "s-3"), by("PermId", "s-7"), operator="OR")], ["d-2", "d-3"]),
    ([samples(criteria(PARENTS, code("ENT-1")))], ["d-2", "d-3"]),
    ([samples(prop("NOTE", "Fresh", "StringContains"))], ["d-1"]),
    ([criteria("experiment.Experiment", code("E1"))], ["d-1", "d-2"]),  # through the sample too
    ([criteria("dataset.DataSetParents", code("d-1"))], ["d-2"]),
    ([criteria("dataset.DataSetChildren", code("d-2"))], ["d-1"]),
    ([criteria("dataset.NoSample")], []),
    ([criteria("datastore.DataStore", code("DSS1"))], ["d-1", "d-2", "d-3"]),
    ([criteria("datastore.DataStore", code("DSS2"))], []),
    ([by("NumberProperty", 42, "NumberEqualTo", fieldName="COUNT")], ["d-1"]),
]


@pytest.mark.parametrize(("parts", "expected"), DATA_SETS)
async def test_data_sets(client: Client, parts: list, expected: list[str]) -> None:
    assert await client.codes("DataSets", criteria("dataset.DataSet", *parts)) == expected


OTHERS = [
    ("Spaces", criteria("space.Space"), ["A", "B"]),
    ("Spaces", criteria("space.Space", code("B")), ["B"]),
    ("Projects", criteria("project.Project", kind("space.Space", "B")), ["PB", "PC"]),
    ("Projects", criteria("project.Project", by("PermId", "p-1")), ["PA"]),
    (
        "Projects",
        criteria("project.Project", kind("project.Project", "PA"), negated=True),
        ["PB", "PC"],
    ),
    ("Experiments", criteria("experiment.Experiment", kind("project.Project", "PB")), ["E2"]),
    ("Experiments", criteria("experiment.Experiment", by("Identifier", "/A/PA/E1")), ["E1"]),
    (
        "Experiments",
        criteria("experiment.Experiment", kind("experiment.ExperimentType", "DESIGN")),
        ["E1", "E2", "E3"],
    ),
    ("Experiments", criteria("experiment.Experiment", samples(code("B-1"))), ["E2"]),
    ("Experiments", criteria("experiment.Experiment", criteria("dataset.DataSet")), ["E1", "E2"]),
    ("SampleTypes", criteria("sample.SampleType"), ["ENTITY", "EXTRACT"]),
    (
        "SampleTypes",
        criteria(
            "sample.SampleType",
            criteria("property.PropertyAssignment", kind("property.PropertyType", "BORN")),
        ),
        ["ENTITY"],
    ),
    ("ExperimentTypes", criteria("experiment.ExperimentType", code("DESIGN")), ["DESIGN"]),
    ("DataSetTypes", criteria("dataset.DataSetType", code("R*")), ["READS"]),
    (
        "PropertyTypes",
        criteria("property.PropertyType", code(None)),
        ["BORN", "COUNT", "FLAG", "NAME", "NOTE", "ORGANISM", "RATIO", "TAKEN"],
    ),
    (
        "PropertyTypes",
        criteria("property.PropertyType", kind("vocabulary.Vocabulary", "SPECIES")),
        ["ORGANISM"],
    ),
    ("Vocabularies", criteria("vocabulary.Vocabulary"), ["EMPTY", "SPECIES"]),
    (
        "VocabularyTerms",
        criteria("vocabulary.VocabularyTerm", kind("vocabulary.Vocabulary", "SPECIES")),
        ["10090", "9606"],
    ),
    ("VocabularyTerms", criteria("vocabulary.VocabularyTerm", by("Label", "homo*")), ["9606"]),
    ("Persons", criteria("person.Person", by("UserId", "anna")), []),
    ("Persons", criteria("person.Person", by("UserIds", ["alice", "bob"], "")), ["alice", "bob"]),
    ("Persons", criteria("person.Person", by("LastName", "Tra")), ["petra"]),
    (
        "ExternalDataManagementSystems",
        criteria("externaldms.ExternalDms", code("OMERO")),
        ["OMERO"],
    ),
    ("DataStores", criteria("datastore.DataStore"), ["DSS1"]),
]


@pytest.mark.parametrize(("plural", "where", "expected"), OTHERS)
async def test_other_kinds(
    client: Client, plural: str, where: dict[str, Any], expected: list[str]
) -> None:
    assert await client.codes(plural, where) == expected


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (prop("COUNT", "1", "StringContains"), "Operator Contains undefined for datatype INTEGER."),
        (
            prop("FLAG", "true", "StringLessThan"),
            "Operator LessThan undefined for datatype BOOLEAN.",
        ),
        (prop("COUNT", "many"), "String does not represent a number: [many]"),
        (prop("FLAG", "yes"), "String does not represent a boolean: [yes]"),
        (prop("BORN", "soon"), "String does not represent a date: [soon]"),
        (
            by("DateProperty", "2024-01-01", "DateEqualTo", fieldName="NAME"),
            "Property NAME is neither of data type DATE nor TIMESTAMP.",
        ),
        (by("Ids", [], ""), "Unsupported criterion type: IdsSearchCriteria"),
        (by("Unicorn", "x"), "Unsupported criterion type: UnicornSearchCriteria"),
    ],
)
async def test_what_cannot_be_asked_is_said_in_the_servers_words(
    client: Client, part: dict[str, Any], message: str
) -> None:
    fetch = {"@type": "as.dto.sample.fetchoptions.SampleFetchOptions"}
    said = await client.error("searchSamples", client.token, samples(part), fetch)
    assert said == f"{message} (Context: [])"


async def test_projects_cannot_be_asked_when_they_changed(client: Client) -> None:
    where = criteria("project.Project", by("ModificationDate", T0, "DateObjectLaterThan"))
    fetch = {"@type": "as.dto.project.fetchoptions.ProjectFetchOptions"}
    assert "ModificationDate" in await client.error("searchProjects", client.token, where, fetch)


async def test_project_samples_have_a_project_when_enabled() -> None:
    app = create_openbis_server(content(), project_samples=True)
    client = await Client(app).login()
    assert await client.codes("Samples", samples(kind("project.Project", "PB"))) == ["B-2"]
    assert await client.codes("Samples", samples(by("Identifier", "/B/PB/B-2"))) == ["B-2"]
