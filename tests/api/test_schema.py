from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_scalar_type,
    parse,
)

from api.cli import SCHEMA
from api.schema import build_schema, sdl
from api.types import entities
from resolvers.paging import encode_id
from tests.house import House

FEDERATION = {"_Any", "_Entity", "_Service", "_FieldSet", "link__Import", "link__Purpose"}
# What omnibis itself makes; all else on an object has an owner.
OWN_TYPES = {
    "Backend",
    "Cohort",
    "CohortAvailability",
    "CohortCalls",
    "CohortCell",
    "CohortChange",
    "CohortChangeCount",
    "CohortColumn",
    "CohortComparison",
    "CohortCompleteness",
    "CohortExplanation",
    "CohortExport",
    "CohortFacet",
    "CohortFacetBucket",
    "CohortFunnelStep",
    "CohortGap",
    "CohortLeak",
    "CohortLeakCount",
    "CohortLeakage",
    "CohortMember",
    "CohortModality",
    "CohortPart",
    "CohortSampleAvailability",
    "CohortSpecimen",
    "DesignFactorValue",
    "DesignLevelCount",
    "DesignPreview",
    "DesignSample",
    "CohortSplit",
    "CohortStep",
    "CohortTerm",
    "CohortVerification",
    "DeleteCohortSnapshotPayload",
    "DeletionPayload",
    "FindingCount",
    "ImagesPreview",
    "LinkAmbiguity",
    "FreezeCohortPayload",
    "LinkAudit",
    "LinkFinding",
    "MissingTerm",
    "LinkProposal",
    "LinkRepairResult",
    "Mutation",
    "NearTerm",
    "OmicsPreview",
    "OperationCount",
    "OperationError",
    "OperationPayload",
    "OperationProgress",
    "OperationStep",
    "PageInfo",
    "ProjectPayload",
    "Query",
    "SamplePayload",
    "SheetFault",
    "Subscription",
    "SystemVersion",
    "TypeCatalog",
    "UserError",
    "Viewer",
}
OWN_FIELDS = {
    "CohortSnapshot.changes",
    "CohortSnapshot.exports",
    "CohortSnapshot.mine",
    "CohortSnapshot.split",
    "CohortSnapshot.verification",
    "CohortSnapshot.whole",
    "Project.statistics",
    "Quantity.in",
}
ENTITIES = {
    "CohortSnapshot",
    "Experiment",
    "Image",
    "ImageDataset",
    "ImageProject",
    "OmicsDataset",
    "Operation",
    "Project",
    "ProjectLink",
    "Sample",
    "SampleLink",
}


@pytest.fixture(scope="module")
def graphql() -> GraphQLSchema:
    return build_schema()._schema


def types(graphql: GraphQLSchema) -> Iterator[Any]:
    for name, type_ in sorted(graphql.type_map.items()):
        if not name.startswith("__") and name not in FEDERATION:
            yield type_


def composites(graphql: GraphQLSchema) -> Iterator[Any]:
    for type_ in types(graphql):
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield type_


def is_of_relay(name: str) -> bool:
    return name.endswith(("Connection", "Edge"))


def test_the_schema_that_is_checked_in_is_the_schema_of_the_code() -> None:
    assert Path(SCHEMA).read_text(encoding="utf-8") == sdl(), "run `omnibis schema`"
    parse(sdl())


def test_the_schema_is_built_the_same_each_time() -> None:
    assert sdl() == sdl()


def test_everything_is_described_by_a_sentence(graphql: GraphQLSchema) -> None:
    told: dict[str, str | None] = {}
    for type_ in types(graphql):
        if is_scalar_type(type_) and type_.name != "BigInt":
            continue
        told[type_.name] = type_.description
        if isinstance(type_, GraphQLEnumType | GraphQLUnionType):
            continue
        for name, field in getattr(type_, "fields", {}).items():
            if name in {"_service", "_entities"}:
                continue
            told[f"{type_.name}.{name}"] = field.description
            for argument, declared in getattr(field, "args", {}).items():
                told[f"{type_.name}.{name}({argument}:)"] = declared.description
    undescribed = {place for place, text in told.items() if not text}
    assert undescribed == set()
    assert {
        place
        for place, text in told.items()
        if not re.fullmatch(r"(?s)(?:[A-Z0-9]|openBIS).*\.", text or "")
    } == set()


def test_each_field_of_an_object_names_its_source() -> None:
    without = {
        f"{definition.name.value}.{field.name.value}"
        for definition in parse(sdl()).definitions
        if isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode)
        and definition.name.value not in OWN_TYPES | FEDERATION
        and not is_of_relay(definition.name.value)
        and not definition.name.value.endswith("Payload")  # what mutations answer is ours
        for field in definition.fields or ()
        if field.name.value != "id"
        and "source" not in {directive.name.value for directive in field.directives or ()}
    }
    assert without == OWN_FIELDS


def test_sources_are_systems_that_there_are(graphql: GraphQLSchema) -> None:
    assert set(graphql.type_map["Source"].values) == {"OPENBIS", "OMERO", "LINK_STORE"}  # type: ignore[attr-defined]
    used = set(re.findall(r"@source\(system: (\w+), path: \"[^\"]+\"\)", sdl()))
    assert used == {"OPENBIS", "OMERO", "LINK_STORE"}


def test_every_entity_has_a_key_and_a_way_back(graphql: GraphQLSchema) -> None:
    keyed = set(
        re.findall(r'^type (\w+) implements [\w &]+ @key\(fields: "id"\)', sdl(), re.MULTILINE)
    )
    union = graphql.type_map["_Entity"]
    assert isinstance(union, GraphQLUnionType)
    node = graphql.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    implementing = {type_.name for type_ in graphql.get_possible_types(node)}
    assert keyed == {type_.name for type_ in union.types} == implementing == ENTITIES
    assert set(entities._READERS) == ENTITIES


def test_node_is_as_relay_asks(graphql: GraphQLSchema) -> None:
    node = graphql.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert {name: str(field.type) for name, field in node.fields.items()} == {"id": "ID!"}
    query = graphql.query_type
    assert query is not None
    assert str(query.fields["node"].type) == "Node"
    assert str(query.fields["node"].args["id"].type) == "ID!"
    assert str(query.fields["nodes"].type) == "[Node]!"
    assert str(query.fields["nodes"].args["ids"].type) == "[ID!]!"


def test_page_info_is_as_relay_asks(graphql: GraphQLSchema) -> None:
    info = graphql.type_map["PageInfo"]
    assert isinstance(info, GraphQLObjectType)
    assert {name: str(field.type) for name, field in info.fields.items()} == {
        "hasNextPage": "Boolean!",
        "hasPreviousPage": "Boolean!",
        "startCursor": "String",
        "endCursor": "String",
    }


def test_connections_are_as_relay_asks(graphql: GraphQLSchema) -> None:
    seen = 0
    for type_ in composites(graphql):
        if type_.name.endswith("Connection"):
            subject = type_.name.removesuffix("Connection")
            shape = {name: str(field.type) for name, field in type_.fields.items()}
            assert shape == {
                "edges": f"[{subject}Edge!]!",
                "pageInfo": "PageInfo!",
                "totalCount": "Int",
            }
            edge = graphql.type_map[f"{subject}Edge"]
            assert isinstance(edge, GraphQLObjectType)
            shape = {name: str(field.type) for name, field in edge.fields.items()}
            assert shape == {"node": f"{subject}!", "cursor": "String!"}
            seen += 1
        for name, field in type_.fields.items():
            if get_named_type(field.type).name.endswith("Connection"):
                arguments = {key: str(value.type) for key, value in field.args.items()}
                paging = {key: arguments[key] for key in ("first", "after", "last", "before")}
                assert paging == {
                    "first": "Int",
                    "after": "String",
                    "last": "Int",
                    "before": "String",
                }
                assert not is_non_null_type(field.type), f"{type_.name}.{name}"
    assert seen == 13


def test_nothing_is_untyped(graphql: GraphQLSchema) -> None:
    scalars = {type_.name for type_ in types(graphql) if is_scalar_type(type_)}
    assert scalars == {"BigInt", "Boolean", "DateTime", "Float", "ID", "Int", "String"}


def test_no_field_leaves_open_which_kind_of_dataset_is_meant(graphql: GraphQLSchema) -> None:
    """Below OMERO's own objects there is only one kind; everywhere else the name says which."""
    below_omero = {"Image.dataset", "Image.datasets", "Imaging.dataset"}
    for type_ in types(graphql):
        for name in getattr(type_, "fields", {}):
            if re.fullmatch(r"dataSets?|datasets?", name):
                assert f"{type_.name}.{name}" in below_omero


def test_what_crosses_to_another_system_may_fail_alone(graphql: GraphQLSchema) -> None:
    """A field with a source other than its object's is nullable, or tells its failure itself."""
    crossing = {
        "Project": {
            "imageProject",
            "link",
            "statistics",
            "design",
            "samples",
            "experiments",
            "subjects",
        },
        "Sample": {"imageDataset", "images", "link", "omicsDatasets", "project", "experiment"},
        "ImageProject": {"project", "link", "owner", "group", "keyValues", "tags", "imageDatasets"},
        "ImageDataset": {"sample", "link", "imageProjects", "imageCount", "keyValues", "tags"},
        "Image": {"sample", "subject", "dataset", "datasets", "channels", "fileset", "roiCount"},
        "ProjectLink": {"project", "imageProject", "history"},
        "SampleLink": {"sample", "imageDataset", "history"},
        "SampleType": {"properties", "description"},
        "ExperimentType": {"properties", "description"},
        "OmicsDatasetType": {"properties", "description"},
        "Property": {"label", "dataType", "number", "timestamp", "term"},
        "TypeCatalog": {"sampleTypes", "experimentTypes", "omicsDatasetTypes", "vocabularies"},
        "Viewer": {"openbis", "omero"},
    }
    for name, fields in crossing.items():
        type_ = graphql.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        assert {field for field in fields if is_non_null_type(type_.fields[field].type)} == set()


def test_no_root_takes_another_along(graphql: GraphQLSchema) -> None:
    query = graphql.query_type
    assert query is not None
    strict = {name for name, field in query.fields.items() if is_non_null_type(field.type)}
    # These never fail for a backend's reasons: they hold no data, or each row has its own error.
    assert strict == {"viewer", "backends", "types", "nodes", "_entities", "_service"}


def test_inputs_demand_only_what_makes_them_what_they_are(graphql: GraphQLSchema) -> None:
    required = {
        f"{type_.name}.{name}"
        for type_ in types(graphql)
        if isinstance(type_, GraphQLInputObjectType)
        for name, field in type_.fields.items()
        if isinstance(field.type, GraphQLNonNull)
    }
    assert required == {
        "PropertyCondition.code",
        "KeyValueCondition.key",
        "QuantityInput.value",
        "QuantityInput.unit",
        "CohortPartInput.fraction",
        "CohortPartInput.name",
        "CohortSplitInput.parts",
        "CredentialsInput.username",
        "CredentialsInput.password",
        "CreateProjectInput.space",
        "CreateProjectInput.code",
        "DesignCellInput.where",
        "DesignFactorInput.label",
        "DesignFactorInput.values",
        "DesignPropertyInput.code",
        "DesignPropertyInput.value",
        "DesignStageInput.level",
        "FactorValueInput.label",
        "FactorValueInput.value",
        "FactorialDesignInput.stages",
        "PropertyInput.code",
        "RegisterDesignInput.project",
        "RegisterImagesInput.project",
        "RegisterOmicsDatasetInput.project",
        "ImageInput.sample",
        "KeyValueInput.key",
        "KeyValueInput.value",
        "AnnotateImageInput.imageId",
        "OmicsDatasetInput.sample",
        "OmicsDatasetInput.type",
        "OmicsDatasetInput.system",
        "OmicsDatasetInput.externalCode",
        "WorkflowParameterInput.name",
        "WorkflowParameterInput.value",
        "WorkflowRunInput.name",
        "SheetInput.text",
    }


def test_lists_hold_no_nulls_where_nothing_can_be_missing(graphql: GraphQLSchema) -> None:
    loose = {
        f"{type_.name}.{name}"
        for type_ in composites(graphql)
        for name, field in type_.fields.items()
        if is_list_type(inner := getattr(field.type, "of_type", field.type))
        and not is_non_null_type(inner.of_type)
    }
    assert loose <= {"Query.nodes", "Query._entities"}


# --- asked of the house

IDS = """
query ($project: String!) {
  project(identifier: $project) {
    __typename id
    link { __typename id }
    imageProject { __typename id }
    experiments(first: 1) { edges { node { __typename id } } }
    samples(first: 1, where: {type: {eq: "Q_BIOLOGICAL_SAMPLE"}}) { edges { node {
      __typename id
      link { __typename id }
      imageDataset { __typename id images(first: 1) { edges { node { __typename id } } } }
    } } }
  }
  omicsDatasets(first: 1) { edges { node { __typename id } } }
}
"""


FREEZE = """
mutation ($project: String!) {
  freezeCohort(name: "all", where: {project: {code: {eq: $project}}}) { snapshot { __typename id } }
}
"""


def found_ids(tree: Any) -> dict[str, str]:
    """Every entity of an answer, by its type."""
    found: dict[str, str] = {}
    if isinstance(tree, dict):
        if tree.get("__typename") and tree.get("id"):
            found[tree["__typename"]] = tree["id"]
        for value in tree.values():
            found |= found_ids(value)
    elif isinstance(tree, list):
        for value in tree:
            found |= found_ids(value)
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_every_type_of_entity_is_found_again_by_its_id(open_door: House) -> None:
    (project, *_) = [each.code for each in open_door.world.openbis.projects if each.code[0] == "Q"]
    found = found_ids(await open_door.data(IDS, project=project))
    found |= found_ids(await open_door.data(FREEZE, project=project))
    assert set(found) == ENTITIES - {"Operation"}  # the demonstration begins without any
    read = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for name, global_id in found.items():
        node = (await open_door.data(read, id=global_id))["node"]
        assert node == {"__typename": name, "id": global_id}
    several = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    ids = [*found.values(), *reversed(found.values())]
    assert [node["id"] for node in (await open_door.data(several, ids=ids))["nodes"]] == ids
    entities_ = (
        "query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Node { id } } }"
    )
    asked = [{"__typename": name, "id": global_id} for name, global_id in found.items()]
    assert (await open_door.data(entities_, r=asked))["_entities"] == asked


@pytest.mark.asyncio(loop_scope="module")
async def test_a_gateway_with_the_id_of_something_else_is_told_so(open_door: House) -> None:
    (project, *_) = open_door.world.openbis.projects
    asked = {"__typename": "Sample", "id": encode_id("Project", project.perm_id)}
    gone = {"__typename": "Project", "id": encode_id("Project", "20000101000000000-1")}
    query = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }"
    answer = await open_door.ask(query, r=[asked, gone])
    assert answer["data"]["_entities"] == [None, None]
    codes = {tuple(error["path"]): error["extensions"]["code"] for error in answer["errors"]}
    assert codes == {("_entities", 0): "BAD_USER_INPUT", ("_entities", 1): "NOT_FOUND"}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_gateway_reads_beyond_the_entity(open_door: House) -> None:
    sample = next(each for each in open_door.world.openbis.samples if each.parents)
    query = """query ($r: [_Any!]!) { _entities(representations: $r) { ... on Sample {
        code type { code } properties { code value } parents { code } ancestors { code }
    } } }"""
    asked = [{"__typename": "Sample", "id": encode_id("Sample", sample.perm_id)}]
    (entity,) = (await open_door.data(query, r=asked))["_entities"]
    assert entity["code"] == sample.code
    assert entity["type"] == {"code": sample.type}
    assert {each["code"]: each["value"] for each in entity["properties"]} == sample.properties
    assert len(entity["parents"]) == len(sample.parents) <= len(entity["ancestors"])


@pytest.mark.asyncio(loop_scope="module")
async def test_the_service_tells_its_schema(open_door: House) -> None:
    told = (await open_door.data("{ _service { sdl } }"))["_service"]["sdl"]
    assert told.rstrip() == sdl().rstrip()
    assert 'import: ["@key"]' in told
