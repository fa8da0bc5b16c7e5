"""Pages, orders, totals, get, rights, and several operations in one call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.demo.openbis.server import create_openbis_server
from tests.backends.demo.openbis.installation import (
    FETCH,
    PROPERTIES,
    Client,
    by,
    content,
    criteria,
    resolved,
    samples,
)


@pytest.fixture
async def client() -> Client:
    return await Client(create_openbis_server(content())).login()


def sort(*fields: str) -> dict[str, Any]:
    return {
        "@type": "as.dto.sample.fetchoptions.SampleSortOptions",
        "sortings": [
            {
                "@type": "as.dto.common.fetchoptions.Sorting",
                "field": field.removeprefix("-"),
                "order": {
                    "@type": "as.dto.common.fetchoptions.SortOrder",
                    "asc": not field.startswith("-"),
                },
            }
            for field in fields
        ],
    }


def perm_id(text: str) -> dict[str, Any]:
    return {"@type": "as.dto.sample.id.SamplePermId", "permId": text}


def identifier(text: str) -> dict[str, Any]:
    return {"@type": "as.dto.sample.id.SampleIdentifier", "identifier": text}


async def ordered(client: Client, *fields: str, **page: Any) -> list[str]:
    fetch = FETCH["Samples"](sort=sort(*fields), **page)
    return [each["code"] for each in (await client.search("Samples", samples(), fetch))["objects"]]


FIELDS = ["CODE", "PERM_ID", "IDENTIFIER", "REGISTRATION_DATE", "MODIFICATION_DATE", "TYPE"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    size=st.integers(1, 10),
    field=st.sampled_from([*FIELDS, *(f"-{field}" for field in FIELDS), "PROPERTYCOUNT"]),
)
async def test_pages_put_together_are_the_whole(client: Client, size: int, field: str) -> None:
    fields = (field, "PERM_ID")
    whole = await ordered(client, *fields)
    pages = [
        await ordered(client, *fields, **{"from": at, "count": size}) for at in range(0, 20, size)
    ]
    assert [code for page in pages for code in page] == whole
    assert len(whole) == 9
    assert all(len(page) <= size for page in pages)


async def test_orders(client: Client) -> None:
    assert await ordered(client, "CODE") == sorted(await ordered(client, "CODE"))
    assert (await ordered(client, "TYPE", "-CODE"))[:4] == ["ENT-2", "ENT-1", "B-3", "B-2"]
    assert (await ordered(client, "PROPERTYCOUNT", "CODE"))[:3] == ["BIO-1", "BIO-2", "B-1"]
    assert (await ordered(client, "-PROPERTY.RATIO", "CODE"))[-2:] == ["RNA-1", "BIO-1"]
    assert (await ordered(client, "-REGISTRATION_DATE"))[0] == "B-3"
    said = await client.error(
        "searchSamples", client.token, samples(), FETCH["Samples"](sort=sort("COLOUR"))
    )
    assert said == "Sorting by 'COLOUR' is not supported. (Context: [])"


async def test_terms_come_by_ordinal(client: Client) -> None:
    fetch = FETCH["VocabularyTerms"](sort=sort("ORDINAL"))
    found = await client.search("VocabularyTerms", criteria("vocabulary.VocabularyTerm"), fetch)
    assert [(each["code"], each["ordinal"]) for each in found["objects"]] == [
        ("9606", 1),
        ("10090", 2),
    ]


async def test_totals_do_not_depend_on_the_page(client: Client) -> None:
    for page in ({"count": 0}, {"from": 5, "count": 2}, {"from": 100}, {"from": 100, "count": 5}):
        found = await client.search("Samples", samples(), FETCH["Samples"](**page))
        assert found["totalCount"] == 9
        assert len(found["objects"]) == (2 if page.get("from") == 5 else 0)


async def test_without_sort_the_order_is_none_but_the_same_in_one_process(client: Client) -> None:
    runs = [
        [each["code"] for each in (await client.search("Samples", samples()))["objects"]]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 9


async def test_nested_relations_are_sorted_and_cut(client: Client) -> None:
    children = FETCH["Samples"](sort=sort("-CODE"), count=2)
    fetch = FETCH["Samples"](children=children)
    found = await client.get("Samples", [identifier("/A/ENT-1")], fetch)
    assert [each["code"] for each in found["/A/ENT-1"]["children"]] == ["BIO-2", "BIO-1"]


async def test_a_bean_has_all_its_keys_and_null_where_not_fetched(client: Client) -> None:
    found = (await client.get("Samples", [perm_id("s-3")]))["s-3"]
    assert len(found) == 43
    assert found["@type"] == "as.dto.sample.Sample"
    assert found["permId"]["permId"] == "s-3"
    assert found["identifier"]["identifier"] == "/A/BIO-1"
    assert found["registrationDate"] == 1_704_326_400_000
    assert found["modificationDate"] - found["registrationDate"] == 3_600_000
    assert found["frozen"] is False
    nothing = ("type", "properties", "parents", "dataSets", "tags", "registrator", "experiment")
    assert {found[key] for key in nothing} == {None}


async def test_fetched_but_empty_is_not_null(client: Client) -> None:
    relations = {
        "properties": PROPERTIES,
        "parents": FETCH["Samples"](),
        "children": FETCH["Samples"](),
        "components": FETCH["Samples"](),
        "dataSets": FETCH["DataSets"](),
        "tags": {"@type": "as.dto.tag.fetchoptions.TagFetchOptions"},
        "container": FETCH["Samples"](),
        "project": FETCH["Projects"](),
    }
    found = (await client.get("Samples", [perm_id("s-8")], FETCH["Samples"](**relations)))["s-8"]
    assert found["properties"] == {}
    assert [found[key] for key in ("parents", "children", "components", "dataSets", "tags")] == [
        []
    ] * 5
    assert found["container"] is None
    assert found["project"] is None


async def test_data_sets_tell_where_their_data_are(client: Client) -> None:
    fetch = FETCH["DataSets"](
        physicalData={
            "@type": "as.dto.dataset.fetchoptions.PhysicalDataFetchOptions",
            "fileFormatType": {"@type": "as.dto.dataset.fetchoptions.FileFormatTypeFetchOptions"},
        },
        linkedData={
            "@type": "as.dto.dataset.fetchoptions.LinkedDataFetchOptions",
            "externalDms": FETCH["ExternalDataManagementSystems"](),
        },
        dataStore=FETCH["DataStores"](),
        properties=PROPERTIES,
        experiment=FETCH["Experiments"](),
        parents=FETCH["DataSets"](),
    )
    found = await client.search("DataSets", criteria("dataset.DataSet"), fetch)
    by_code = {each["code"]: each for each in resolved(found)["objects"]}
    physical = by_code["d-1"]["physicalData"]
    assert (physical["size"], physical["location"], physical["status"]) == (
        100,
        "ab/d-1",
        "AVAILABLE",
    )
    assert physical["fileFormatType"]["code"] == "FASTQ"
    assert by_code["d-1"]["linkedData"] is None
    assert by_code["d-1"]["properties"] == {"COUNT": "42"}
    assert by_code["d-2"]["experiment"]["code"] == "E1"
    assert [each["code"] for each in by_code["d-2"]["parents"]] == ["d-1"]
    linked = by_code["d-3"]["linkedData"]
    assert by_code["d-3"]["kind"] == "LINK"
    assert by_code["d-3"]["physicalData"] is None
    assert linked["externalDms"]["urlTemplate"] == "https://omero.example/${code}"
    assert linked["contentCopies"][0]["externalCode"] == "Image:1"
    assert linked["contentCopies"][0]["externalDms"]["code"] == "OMERO"
    assert by_code["d-3"]["dataStore"]["code"] == "DSS1"


async def test_the_whole_schema_in_one_call(client: Client) -> None:
    terms = FETCH["VocabularyTerms"]()
    fetch = FETCH["SampleTypes"](
        propertyAssignments=dict(
            FETCH["PropertyTypes"](),
            **{
                "@type": "as.dto.property.fetchoptions.PropertyAssignmentFetchOptions",
                "propertyType": FETCH["PropertyTypes"](
                    vocabulary=FETCH["Vocabularies"](terms=terms)
                ),
            },
        )
    )
    found = resolved(await client.search("SampleTypes", criteria("sample.SampleType"), fetch))
    types = {each["code"]: each for each in found["objects"]}
    entity = types["ENTITY"]
    assert entity["permId"] == {
        "@type": "as.dto.entitytype.id.EntityTypePermId",
        "permId": "ENTITY",
        "entityKind": "SAMPLE",
    }
    assert entity["generatedCodePrefix"] == "E"
    assigned = entity["propertyAssignments"]
    assert [(each["ordinal"], each["propertyType"]["code"]) for each in assigned] == [
        (1, "NAME"),
        (2, "ORGANISM"),
        (3, "BORN"),
    ]
    organism = assigned[1]["propertyType"]
    assert organism["dataType"] == "CONTROLLEDVOCABULARY"
    assert [(each["code"], each["label"]) for each in organism["vocabulary"]["terms"]] == [
        ("9606", "Homo sapiens"),
        ("10090", "Mus"),
    ]


async def test_get_maps_each_id_as_it_was_asked_in_order(client: Client) -> None:
    ids = [identifier("/A/ENT-2"), perm_id("none"), perm_id("s-1"), perm_id("s-2")]
    found = await client.get("Samples", ids)
    assert list(found) == ["/A/ENT-2", "s-1", "s-2"]
    assert found["s-2"] == found["/A/ENT-2"]["@id"]  # the same entity: the same object
    bare = await client.get("Samples", perm_id("s-1"))
    assert list(bare) == ["s-1"]


GETS = [
    ("Spaces", {"@type": "as.dto.space.id.SpacePermId", "permId": "A"}, "A"),
    ("Projects", {"@type": "as.dto.project.id.ProjectIdentifier", "identifier": "/A/PA"}, "/A/PA"),
    ("Projects", {"@type": "as.dto.project.id.ProjectPermId", "permId": "p-2"}, "p-2"),
    ("Experiments", {"@type": "as.dto.experiment.id.ExperimentPermId", "permId": "e-1"}, "e-1"),
    ("DataSets", {"@type": "as.dto.dataset.id.DataSetPermId", "permId": "d-1"}, "d-1"),
    (
        "SampleTypes",
        {"@type": "as.dto.entitytype.id.EntityTypePermId", "permId": "ENTITY"},
        "ENTITY",
    ),
    (
        "SampleTypes",
        {
            "@type": "as.dto.entitytype.id.EntityTypePermId",
            "permId": "ENTITY",
            "entityKind": "SAMPLE",
        },
        "ENTITY (SAMPLE)",
    ),
    ("PropertyTypes", {"@type": "as.dto.property.id.PropertyTypePermId", "permId": "NAME"}, "NAME"),
    (
        "Vocabularies",
        {"@type": "as.dto.vocabulary.id.VocabularyPermId", "permId": "SPECIES"},
        "SPECIES",
    ),
    (
        "VocabularyTerms",
        {
            "@type": "as.dto.vocabulary.id.VocabularyTermPermId",
            "code": "9606",
            "vocabularyCode": "SPECIES",
        },
        "9606 (SPECIES)",
    ),
    ("Persons", {"@type": "as.dto.person.id.PersonPermId", "permId": "bob"}, "bob"),
    ("Persons", {"@type": "as.dto.person.id.Me"}, "Me"),
    (
        "ExternalDataManagementSystems",
        {"@type": "as.dto.externaldms.id.ExternalDmsPermId", "permId": "OMERO"},
        "OMERO",
    ),
]


@pytest.mark.parametrize(("plural", "asked", "name"), GETS)
async def test_get_of_every_kind(
    client: Client, plural: str, asked: dict[str, Any], name: str
) -> None:
    assert list(await client.get(plural, [asked])) == [name]


async def test_an_id_of_another_kind_is_refused(client: Client) -> None:
    ids = [{"@type": "as.dto.space.id.SpacePermId", "permId": "A"}]
    said = await client.error("getSamples", client.token, ids, FETCH["Samples"]())
    assert said.startswith("Unsupported object id [A] of type class as.dto.space.id.SpacePermId")


async def test_roles_of_a_person_are_fetched(client: Client) -> None:
    roles = {
        "@type": "as.dto.roleassignment.fetchoptions.RoleAssignmentFetchOptions",
        "space": FETCH["Spaces"](),
    }
    ids = [{"@type": "as.dto.person.id.PersonPermId", "permId": "alice"}]
    found = await client.get("Persons", ids, FETCH["Persons"](roleAssignments=roles))
    (role,) = found["alice"]["roleAssignments"]
    assert (role["role"], role["roleLevel"], role["space"]["code"]) == ("USER", "SPACE", "A")


VISIBLE = {
    "admin": ("A B", "PA PB PC", "E1 E2 E3", 9, "d-1 d-2 d-3"),
    "alice": ("A", "PA", "E1", 6, "d-1 d-2"),
    "bob": ("B", "PB PC", "E2 E3", 3, "d-3"),
    "petra": ("B", "PB", "E2", 1, "d-3"),
}


@pytest.mark.parametrize("user", VISIBLE)
async def test_each_person_finds_what_their_roles_show(user: str) -> None:
    client = await Client(create_openbis_server(content())).login(user)
    spaces, projects, experiments, count, data_sets = VISIBLE[user]
    assert await client.codes("Spaces", criteria("space.Space")) == spaces.split()
    assert await client.codes("Projects", criteria("project.Project")) == projects.split()
    found = await client.codes("Experiments", criteria("experiment.Experiment"))
    assert found == experiments.split()
    assert len(await client.codes("Samples", samples())) == count
    assert await client.codes("DataSets", criteria("dataset.DataSet")) == data_sets.split()
    assert len(await client.codes("SampleTypes", criteria("sample.SampleType"))) == 2
    counted = await client.search("Samples", samples(), FETCH["Samples"](count=0))
    assert counted["totalCount"] == count


async def test_what_may_not_be_seen_is_missing_everywhere() -> None:
    client = await Client(create_openbis_server(content())).login("bob")
    relations = FETCH["Samples"](parents=FETCH["Samples"]())
    found = await client.get("Samples", [perm_id("s-7"), perm_id("s-1")], relations)
    assert list(found) == ["s-7"]
    assert found["s-7"]["parents"] == []  # its parent lies in a space that bob may not see
    hidden_parent = samples(criteria("sample.SampleParents", by("Code", "ENT-1")))
    assert await client.codes("Samples", hidden_parent) == []
    assert await client.codes("Samples", samples(by("Code", "B-1"), negated=True)) == ["B-2", "B-3"]


async def test_a_project_role_shows_samples_of_the_project_only_when_they_have_one() -> None:
    app = create_openbis_server(content(), project_samples=True)
    client = await Client(app).login("petra")
    assert await client.codes("Samples", samples()) == ["B-1", "B-2"]


async def test_who_has_no_role_is_refused() -> None:
    client = await Client(create_openbis_server(content())).login("nobody")
    said = await client.error("searchSamples", client.token, samples(), FETCH["Samples"]())
    assert "No role assignments could be found for user 'nobody'." in said
    assert said.startswith("Authorization failure: ")
    assert (await client.call("getSessionInformation", client.token))["userName"] == "nobody"


SYNCHRONOUS = {"@type": "as.dto.operation.SynchronousOperationExecutionOptions"}


async def test_several_operations_in_one_call_share_one_scope(client: Client) -> None:
    fetch = FETCH["Samples"](**{"@id": 1, "type": FETCH["SampleTypes"]()})
    operations = [
        {
            "@type": "as.dto.sample.search.SearchSamplesOperation",
            "criteria": samples(by("Code", "ENT-1")),
            "fetchOptions": fetch,
        },
        {
            "@type": "as.dto.project.search.SearchProjectsOperation",
            "criteria": criteria("project.Project"),
            "fetchOptions": FETCH["Projects"](count=0),
        },
        {
            "@type": "as.dto.sample.get.GetSamplesOperation",
            "objectIds": [perm_id("s-1"), perm_id("none"), identifier("/B/B-1")],
            "fetchOptions": 1,
        },
    ]
    results = await client.call("executeOperations", client.token, operations, SYNCHRONOUS)
    assert results["@type"] == "as.dto.operation.SynchronousOperationExecutionResults"
    searched, counted, got = results["results"]
    assert searched["@type"] == "as.dto.sample.search.SearchSamplesOperationResult"
    assert searched["searchResult"]["totalCount"] == 1
    assert counted["searchResult"] | {"@id": 0} == {
        "@type": "as.dto.common.search.SearchResult",
        "@id": 0,
        "objects": [],
        "totalCount": 3,
    }
    assert got["@type"] == "as.dto.sample.get.GetSamplesOperationResult"
    assert [each.get("permId") or each["identifier"] for each in got["ids"]] == ["s-1", "/B/B-1"]
    # the sample that the first operation found is referred to from the third
    assert got["objects"][0] == searched["searchResult"]["objects"][0]["@id"]
    assert got["objects"][1]["code"] == "B-1"
    resolved(results)  # one scope: no number twice, none unknown


@pytest.mark.parametrize("plural", [plural for plural in FETCH if plural != "DataStores"])
async def test_every_kind_has_its_operations(client: Client, plural: str) -> None:
    fetch = FETCH[plural]()
    package, name = fetch["@type"].split(".")[2], fetch["@type"].split(".")[-1]
    where = criteria(f"{package}.{name.removesuffix('FetchOptions')}")
    operations = [
        {
            "@type": f"as.dto.{package}.search.Search{plural}Operation",
            "criteria": where,
            "fetchOptions": fetch,
        },
        {
            "@type": f"as.dto.{package}.get.Get{plural}Operation",
            "objectIds": [],
            "fetchOptions": fetch,
        },
    ]
    result = await client.call("executeOperations", client.token, operations, SYNCHRONOUS)
    searched, got = result["results"]
    none_yet = plural in {"Tags", "AuthorizationGroups", "PersonalAccessTokens", "Deletions"}
    assert (searched["searchResult"]["totalCount"] == 0) is none_yet
    assert (got["ids"], got["objects"]) == ([], [])


async def test_an_unknown_operation_fails_the_whole_call(client: Client) -> None:
    operations = [{"@type": "as.dto.sample.search.PaintSamplesOperation"}]
    response = await client.post("executeOperations", client.token, operations, SYNCHRONOUS)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == -32602


async def test_operations_with_other_options_get_other_objects(client: Client) -> None:
    def found(**relations: Any) -> dict[str, Any]:
        return {
            "@type": "as.dto.sample.search.SearchSamplesOperation",
            "criteria": samples(by("Code", "ENT-1")),
            "fetchOptions": FETCH["Samples"](**relations),
        }

    operations = [found(), found(properties=PROPERTIES), found(properties=PROPERTIES)]
    results = await client.call("executeOperations", client.token, operations, SYNCHRONOUS)
    plain, rich, again = (each["searchResult"]["objects"][0] for each in results["results"])
    assert plain["properties"] is None
    assert rich["properties"]["NAME"] == "Patient One"
    assert again == rich["@id"]
