"""A small openBIS by hand, a client that speaks raw JSON-RPC to it, and a reference resolver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from backends.demo.openbis.server import PATH
from backends.demo.world import (
    DataSet,
    EntityType,
    Experiment,
    ExternalDms,
    OpenbisContent,
    Person,
    Project,
    PropertyType,
    Role,
    Sample,
    Space,
    Term,
    Vocabulary,
)

DAY = 86_400_000
T0 = 1_704_067_200_000  # 2024-01-01T00:00:00Z


def content() -> OpenbisContent:
    def sample(
        number: int, code: str, of_type: str, parents: Iterable[int] = (), **more: Any
    ) -> Sample:
        return Sample(
            perm_id=f"s-{number}",
            code=code,
            type=of_type,
            space=more.pop("space", "A"),
            experiment=more.pop("experiment", "e-1"),
            parents=[f"s-{parent}" for parent in parents],
            registered=T0 + number * DAY,
            modified=T0 + number * DAY + 3_600_000,
            registrator=more.pop("registrator", "alice"),
            project=more.pop("project", None),
            properties=more,
        )

    properties = {
        "NAME": "VARCHAR",
        "NOTE": "MULTILINE_VARCHAR",
        "COUNT": "INTEGER",
        "RATIO": "REAL",
        "TAKEN": "TIMESTAMP",
        "BORN": "DATE",
        "FLAG": "BOOLEAN",
        "ORGANISM": "CONTROLLEDVOCABULARY",
    }
    return OpenbisContent(
        vocabularies=[
            Vocabulary("SPECIES", "d", [Term("9606", "Homo sapiens"), Term("10090", "Mus")]),
            Vocabulary("EMPTY", "none", []),
        ],
        property_types=[
            PropertyType(
                code, code.title(), "d", data_type, "SPECIES" if code == "ORGANISM" else None
            )
            for code, data_type in properties.items()
        ],
        entity_types=[
            EntityType("SAMPLE", "ENTITY", "d", ["NAME", "ORGANISM", "BORN"], "E"),
            EntityType("SAMPLE", "EXTRACT", "d", ["NAME", "NOTE", "COUNT", "RATIO", "FLAG"]),
            EntityType("EXPERIMENT", "DESIGN", "d", ["NAME"]),
            EntityType("DATA_SET", "READS", "d", ["COUNT"]),
            EntityType("DATA_SET", "OMERO_LINK", "d", []),
        ],
        persons=[
            Person("admin", "Ad", "Min", "a@x", "demo", [Role("INSTANCE", "ADMIN")]),
            Person("alice", "Al", "Ice", "b@x", "demo", [Role("SPACE", "USER", "A")]),
            Person("bob", "Bo", "B", "c@x", "demo", [Role("SPACE", "OBSERVER", "B")]),
            Person("petra", "Pe", "Tra", "d@x", "demo", [Role("PROJECT", "OBSERVER", "p-2")]),
            Person("nobody", "No", "Body", "e@x", "demo", []),
        ],
        spaces=[Space("A", "first", T0, "admin"), Space("B", "second", T0, "admin")],
        projects=[
            Project("p-1", "PA", "A", "one", T0, T0 + 5, "admin", leader="alice"),
            Project("p-2", "PB", "B", "two", T0 + 1, T0 + 6, "admin"),
            Project("p-3", "PC", "B", "three", T0 + 2, T0 + 7, "admin"),
        ],
        experiments=[
            Experiment("e-1", "E1", "DESIGN", "p-1", {"NAME": "design one"}, T0, T0, "alice"),
            Experiment("e-2", "E2", "DESIGN", "p-2", {}, T0 + 1, T0 + 1, "admin"),
            Experiment("e-3", "E3", "DESIGN", "p-3", {}, T0 + 2, T0 + 2, "admin"),
        ],
        samples=[
            sample(1, "ENT-1", "ENTITY", NAME="Patient One", ORGANISM="9606", BORN="1970-05-01"),
            sample(2, "ENT-2", "ENTITY", NAME="patient two", ORGANISM="10090", BORN="1980-06-02"),
            sample(
                3, "BIO-1", "EXTRACT", [1], NAME="100% pure", COUNT="9", RATIO="0.5", FLAG="true"
            ),
            sample(4, "BIO-2", "EXTRACT", [1, 2], NAME="a*b", COUNT="10", FLAG="false"),
            sample(5, "RNA-1", "EXTRACT", [3, 4], NOTE="Fresh frozen\ntissue", RATIO="1.5"),
            sample(
                6,
                "RNA-2",
                "EXTRACT",
                [3],
                TAKEN="2024-03-01 23:30:00 +0000",
                registrator="admin",
            ),
            sample(7, "B-1", "EXTRACT", [1], space="B", experiment="e-2", COUNT="100"),
            sample(8, "B-2", "ENTITY", space="B", experiment=None, project="p-2"),
            sample(9, "B-3", "ENTITY", space="B", experiment="e-3"),
        ],
        external_dms=[ExternalDms("OMERO", "OMERO", "https://omero.example/${code}")],
        data_sets=[
            DataSet(
                "d-1",
                "READS",
                "PHYSICAL",
                "e-1",
                "s-5",
                {"COUNT": "42"},
                T0,
                T0,
                "alice",
                size=100,
                location="ab/d-1",
                file_format="FASTQ",
            ),
            DataSet(
                "d-2",
                "READS",
                "PHYSICAL",
                None,
                "s-3",
                {},
                T0 + DAY,
                T0 + DAY,
                "alice",
                parents=["d-1"],
                size=2000,
                location="cd/d-2",
                file_format="BAM",
            ),
            DataSet(
                "d-3",
                "OMERO_LINK",
                "LINK",
                None,
                "s-7",
                {},
                T0,
                T0,
                "admin",
                external_dms="OMERO",
                external_code="Image:1",
            ),
        ],
    )


class Client:
    """Speaks JSON-RPC as pybis does: token first, id "2", no content type."""

    def __init__(self, app: Starlette) -> None:
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://openbis")
        self.token: str | None = None

    async def post(self, method: str, *params: Any) -> httpx.Response:
        body = {"method": method, "params": params, "id": "2", "jsonrpc": "2.0"}
        return await self.http.post(PATH, content=orjson.dumps(body))

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call that succeeds."""
        answer = (await self.post(method, *params)).json()
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def error(self, method: str, *params: Any) -> str:
        """The message of a call that fails behind the interface."""
        response = await self.post(method, *params)
        assert response.status_code == 200
        return str(response.json()["error"]["message"])

    async def login(self, user: str = "admin") -> Client:
        self.token = await self.call("login", user, "demo")
        assert self.token is not None
        return self

    async def search(self, plural: str, criteria: Any, options: Any | None = None) -> Any:
        return await self.call(f"search{plural}", self.token, criteria, options or FETCH[plural]())

    async def get(self, plural: str, ids: Any, options: Any | None = None) -> Any:
        return await self.call(f"get{plural}", self.token, ids, options or FETCH[plural]())

    async def codes(self, plural: str, criteria: Any) -> list[str]:
        """The sorted codes of all that a search finds; the total must agree."""
        found = await self.search(plural, criteria)
        assert found["totalCount"] == len(found["objects"])
        return sorted(each.get("code") or each["userId"] for each in found["objects"])


def options(path: str, **relations: Any) -> dict[str, Any]:
    package, name = path.split(".")
    return {"@type": f"as.dto.{package}.fetchoptions.{name}FetchOptions", **relations}


FETCH: dict[str, Any] = {
    "Spaces": lambda **relations: options("space.Space", **relations),
    "Projects": lambda **relations: options("project.Project", **relations),
    "Experiments": lambda **relations: options("experiment.Experiment", **relations),
    "Samples": lambda **relations: options("sample.Sample", **relations),
    "DataSets": lambda **relations: options("dataset.DataSet", **relations),
    "SampleTypes": lambda **relations: options("sample.SampleType", **relations),
    "ExperimentTypes": lambda **relations: options("experiment.ExperimentType", **relations),
    "DataSetTypes": lambda **relations: options("dataset.DataSetType", **relations),
    "PropertyTypes": lambda **relations: options("property.PropertyType", **relations),
    "Vocabularies": lambda **relations: options("vocabulary.Vocabulary", **relations),
    "VocabularyTerms": lambda **relations: options("vocabulary.VocabularyTerm", **relations),
    "Persons": lambda **relations: options("person.Person", **relations),
    "ExternalDataManagementSystems": lambda **relations: options(
        "externaldms.ExternalDms", **relations
    ),
    "DataStores": lambda **relations: options("datastore.DataStore", **relations),
    "Tags": lambda **relations: options("tag.Tag", **relations),
    "AuthorizationGroups": lambda **relations: options(
        "authorizationgroup.AuthorizationGroup", **relations
    ),
    "RoleAssignments": lambda **relations: options("roleassignment.RoleAssignment", **relations),
    "PersonalAccessTokens": lambda **relations: options("pat.PersonalAccessToken", **relations),
    "Deletions": lambda **relations: options("deletion.Deletion", **relations),
}
PROPERTIES = options("property.Property")


def criteria(path: str, *parts: Any, **more: Any) -> dict[str, Any]:
    package, name = path.split(".")
    return {"@type": f"as.dto.{package}.search.{name}SearchCriteria", "criteria": parts, **more}


def samples(*parts: Any, **more: Any) -> dict[str, Any]:
    return criteria("sample.Sample", *parts, **more)


def value(name: str, text: Any) -> dict[str, Any]:
    return {"@type": f"as.dto.common.search.{name}Value", "value": text}


def by(name: str, text: Any, comparison: str = "StringEqualTo", **more: Any) -> dict[str, Any]:
    """A field criterion such as `by("Code", "X")`."""
    field_value = value(comparison, text) if comparison else text
    return {
        "@type": f"as.dto.common.search.{name}SearchCriteria",
        "fieldValue": field_value,
        **more,
    }


NUMBERS = {
    *("@id", "from", "count", "size", "totalCount", "ordinal", "techId", "speedHint"),
    *("registrationDate", "modificationDate", "accessDate", "deletionDate"),
    *("totalSamplesCount", "totalDataSetsCount", "totalExperimentsCount"),
}


def resolved(result: Any) -> Any:
    """A result with integers at bean positions replaced by what they refer to, `@id`s gone.

    References may precede definitions. A reference to a bean that is still open becomes "cycle".
    """
    return _followed(result, _indexed(result, {}), ())


def _indexed(node: Any, known: dict[int, Any]) -> dict[int, Any]:
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            _indexed(child, known)
    if isinstance(node, dict) and "@id" in node:
        assert node["@id"] not in known, "two beans with one @id"
        known[node["@id"]] = node
    return known


def _followed(node: Any, known: dict[int, Any], above: tuple[int, ...]) -> Any:
    if isinstance(node, int) and not isinstance(node, bool):
        node = known[node]
    if isinstance(node, list):
        return [_followed(child, known, above) for child in node]
    if not isinstance(node, dict):
        return node
    number = node.get("@id")
    if number in above:
        return "cycle"
    below = above if number is None else (*above, number)
    return {
        key: child if key in NUMBERS else _followed(child, known, below)
        for key, child in node.items()
        if key != "@id"
    }
