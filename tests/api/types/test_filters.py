"""Filters pushed to their owners, against a naive evaluation over the seeded world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.demo.studies import hcc, rup2, synthetic
from tests.atlas import Atlas, nodes
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

Condition = dict[str, Any]
Test = Callable[[Any, Any], bool]


@pytest.fixture(scope="module")
def atlas(open_door: House) -> Atlas:
    return Atlas(open_door.world)


# --- the naive evaluation


def text(condition: Condition, value: str | None, *, differs: bool = False) -> bool:
    """Judge a text; `differs`: one that is missing in OMERO is not equal to anything."""
    if "exists" in condition and condition["exists"] != (value is not None):
        return False
    rest = {key: wanted for key, wanted in condition.items() if key != "exists"}
    if value is None:
        return rest.keys() <= {"ne"} if differs else not rest
    tests: dict[str, Callable[[Any], bool]] = {
        "eq": lambda wanted: value == wanted,
        "ne": lambda wanted: value != wanted,
        "in": lambda wanted: value in wanted,
        "contains": lambda wanted: wanted.lower() in value.lower(),
        "startsWith": lambda wanted: value.lower().startswith(wanted.lower()),
    }
    return all(tests[key](wanted) for key, wanted in rest.items())


def number(condition: Condition, value: float | Fraction | None) -> bool:
    if value is None:
        return False
    tests: dict[str, Callable[[Any], bool]] = {
        "eq": lambda wanted: value == wanted,
        "lt": lambda wanted: value < wanted,
        "le": lambda wanted: value <= wanted,
        "gt": lambda wanted: value > wanted,
        "ge": lambda wanted: value >= wanted,
        "between": lambda wanted: wanted[0] <= value <= wanted[1],
    }
    return all(tests[key](wanted) for key, wanted in condition.items())


_METRES = {
    "NANOMETER": Fraction(1, 10**9),
    "MICROMETER": Fraction(1, 10**6),
    "MILLIMETER": Fraction(1, 1000),
}


def metres(value: float, unit: str) -> Fraction:
    return Fraction(str(value)) * _METRES[unit]


def length(condition: Condition, value: tuple[float, str] | None) -> bool:
    def of(wanted: Any) -> Any:
        if isinstance(wanted, list):
            return [of(each) for each in wanted]
        return metres(wanted["value"], wanted["unit"])

    exact = {key: of(wanted) for key, wanted in condition.items()}
    return number(exact, None if value is None else metres(*value))


def date(condition: Condition, milliseconds: int | None) -> bool:
    if milliseconds is None:
        return False
    bounds = {
        key: datetime.fromisoformat(value).timestamp() * 1000 for key, value in condition.items()
    }
    return (
        bounds.get("since", milliseconds) <= milliseconds < bounds.get("before", milliseconds + 1)
    )


def nested(where: Condition, row: Any, evaluate: Test) -> bool:
    """The connectives; `evaluate` judges the rest."""
    return (
        all(evaluate(part, row) for part in where.get("and", ()))
        and (not where.get("or") or any(evaluate(part, row) for part in where["or"]))
        and ("not" not in where or not evaluate(where["not"], row))
    )


class Naive:
    """Filters of the schema, decided row by row."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas

    def property(self, condition: Condition, properties: dict[str, str]) -> bool:
        value = properties.get(condition["code"].upper())
        rest = {key: wanted for key, wanted in condition.items() if key != "code"}
        if not rest:
            return value is not None
        if "number" in rest and not number(rest["number"], None if value is None else float(value)):
            return False
        if "boolean" in rest and value != str(rest["boolean"]).lower():
            return False
        if "date" in rest:
            stamp = None
            if value is not None:
                parsed = datetime.strptime(value, "%Y-%m-%d %H:%M:%S %z")
                stamp = int(parsed.timestamp() * 1000)
            if not date(rest["date"], stamp):
                return False
        return "string" not in rest or text(rest["string"], value)

    def _common(self, where: Condition, row: Any) -> bool:
        return (
            text(where.get("code", {}), row.code)
            and text(where.get("type", {}), row.type)
            and all(self.property(each, row.properties) for each in where.get("property", ()))
            and date(where.get("registered", {}), row.registered)
            and date(where.get("modified", {}), row.modified)
        )

    def project(self, where: Condition, row: Any) -> bool:
        return (
            text(where.get("code", {}), row.code)
            and text(where.get("space", {}), row.space)
            and text(where.get("permId", {}), row.perm_id)
            and nested(where, row, self.project)
        )

    def experiment(self, where: Condition, row: Any) -> bool:
        return (
            self._common(where, row)
            and text(where.get("permId", {}), row.perm_id)
            and self.project(where.get("project", {}), self.atlas.projects[row.project])
            and nested(where, row, self.experiment)
        )

    def sample(self, where: Condition, row: Any) -> bool:
        atlas = self.atlas
        parents = [atlas.samples[up] for up in row.parents]
        return (
            self._common(where, row)
            and text(where.get("permId", {}), row.perm_id)
            and ("project" not in where or self.project(where["project"], atlas.project_of(row)))
            and (
                "experiment" not in where
                or self.experiment(where["experiment"], atlas.experiments[row.experiment])
            )
            and ("parent" not in where or any(self.sample(where["parent"], up) for up in parents))
            and (
                "child" not in where
                or any(self.sample(where["child"], down) for down in atlas.children[row.perm_id])
            )
            and nested(where, row, self.sample)
        )

    def omics(self, where: Condition, row: Any) -> bool:
        atlas = self.atlas
        return (
            self._common(where, row)
            and where.get("kind", row.kind) == row.kind
            and ("sample" not in where or self.sample(where["sample"], atlas.samples[row.sample]))
            and (
                "experiment" not in where
                or self.experiment(where["experiment"], atlas.experiments[row.experiment])
            )
            and nested(where, row, self.omics)
        )

    def key_value(self, condition: Condition, kind: str, row: Any) -> bool:
        return any(
            pair["key"] == condition["key"]
            and condition.get("namespace", pair["namespace"]) == pair["namespace"]
            and text(condition.get("value", {}), pair["value"])
            for pair in self.atlas.key_values(kind, row["id"])
        )

    def _annotated(self, where: Condition, kind: str, row: Any) -> bool:
        return (
            text(where.get("name", {}), row["name"])
            and row["id"] in where.get("omeroId", (row["id"],))
            and all(self.key_value(each, kind, row) for each in where.get("keyValue", ()))
            and (
                "tag" not in where
                or any(text(where["tag"], tag["value"]) for tag in self.atlas.tags(kind, row["id"]))
            )
        )

    def image_project(self, where: Condition, row: Any) -> bool:
        return self._annotated(where, "Project", row) and nested(where, row, self.image_project)

    def image_dataset(self, where: Condition, row: Any) -> bool:
        return self._annotated(where, "Dataset", row) and nested(where, row, self.image_dataset)

    def image(self, where: Condition, row: Any) -> bool:
        atlas = self.atlas
        pixels = atlas.pixels_of.get(row["id"], {})
        objective = atlas.objective(row) or {}
        channels = atlas.channels(row["id"])
        datasets = atlas.datasets_of.get(row["id"], [])
        event = atlas.rows("Event")[row["details.creationEvent"]]
        return (
            self._annotated(where, "Image", row)
            and (
                "channel" not in where
                or any(
                    text(where["channel"], each[name])
                    for each in channels
                    for name in ("name", "fluor")
                )
            )
            and (
                "magnification" not in where
                or number(where["magnification"], objective.get("magnification"))
            )
            and (
                "pixelSize" not in where or length(where["pixelSize"], pixels.get("physicalSizeX"))
            )
            and all(
                f"size{axis}" not in where
                or number(where[f"size{axis}"], pixels.get(f"size{axis}"))
                for axis in "XYZCT"
            )
            and (
                "pixelType" not in where
                or text(
                    where["pixelType"],
                    atlas.value("PixelsType", pixels.get("pixelsType")),
                    differs=True,
                )
            )
            and (
                "format" not in where
                or text(where["format"], atlas.value("Format", row["format"]), differs=True)
            )
            and ("acquired" not in where or date(where["acquired"], row["acquisitionDate"]))
            and date(where.get("imported", {}), event["time"])
            and (
                "imageDataset" not in where
                or any(
                    self.image_dataset(where["imageDataset"], atlas.rows("Dataset")[each])
                    for each in datasets
                )
            )
            and (
                "imageProject" not in where
                or any(
                    self.image_project(where["imageProject"], row)
                    for row in atlas.rows("Project").values()
                    for each in datasets
                    if each in atlas.datasets_in[row["id"]]
                )
            )
            and nested(where, row, self.image)
        )


# --- what is asked

MIDDLE = "2021-04-12T07:30:20Z"
PROPERTIES: list[Condition] = [
    {"code": "Q_GENDER"},
    {"code": "q_gender", "string": {"eq": "FEMALE"}},
    {"code": "Q_GENDER", "string": {"ne": "FEMALE"}},
    {"code": "Q_GENDER", "string": {"exists": False}},
    {"code": "Q_SECONDARY_NAME", "string": {"contains": "TUMOUR"}},
    {"code": "Q_SECONDARY_NAME", "string": {"startsWith": "patient 00"}},
    {"code": "Q_DIAGNOSIS", "string": {"in": ["C22.0", "C22.1"]}},
    {"code": "Q_IS_METASTASIS", "boolean": True},
    {"code": "Q_IS_METASTASIS", "boolean": False},
    {"code": "Q_CREATION_TIME", "date": {"since": "2016-12-01T00:00:00Z"}},
]
PROJECTS: list[Condition] = [
    {},
    {"code": {"eq": hcc.PROJECT}},
    {"code": {"startsWith": "q"}},
    {"space": {"in": ["CLINICAL", "HEPATOLOGY"]}},
    {"not": {"space": {"eq": "CLINICAL"}}},
    {"or": [{"code": {"contains": "rup"}}, {"space": {"eq": "HEPATOLOGY"}}]},
    {"and": [{"code": {"contains": "Q"}}, {"not": {"code": {"contains": "0"}}}]},
]
EXPERIMENTS: list[Condition] = [
    {"type": {"eq": "Q_SAMPLE_EXTRACTION"}},
    {"code": {"contains": "E1"}},
    {"property": [{"code": "Q_CURRENT_STATUS", "string": {"eq": "FINISHED"}}]},
    {"property": [{"code": "Q_EXPERIMENTAL_SETUP"}]},
    {"project": {"code": {"eq": rup2.PROJECT}}},
    {"registered": {"since": "2019-01-01T00:00:00Z", "before": "2021-12-01T00:00:00+01:00"}},
    {"modified": {"before": "2019-01-01T00:00:00Z"}},
    {"not": {"project": {"space": {"eq": "HEPATOLOGY"}}}},
]
SAMPLES: list[Condition] = [
    {},
    {"type": {"eq": "Q_TEST_SAMPLE"}},
    {"type": {"in": ["Q_TEST_SAMPLE", "Q_NMR_SAMPLE_RUN"]}},
    {"type": {"ne": "Q_BIOLOGICAL_SAMPLE"}},
    {"code": {"startsWith": "ngs"}},
    {"code": {"in": []}},
    *({"property": [each]} for each in PROPERTIES),
    {"property": [PROPERTIES[1], PROPERTIES[6]]},
    {"project": {"code": {"eq": hcc.PROJECT}}},
    {"experiment": {"type": {"eq": "Q_NGS_MEASUREMENT"}}},
    {"experiment": {"project": {"code": {"eq": synthetic.PROJECT}}}},
    {"parent": {"type": {"eq": "Q_BIOLOGICAL_ENTITY"}}},
    {"parent": {"property": [{"code": "Q_GENDER", "string": {"eq": "MALE"}}]}},
    {"child": {"type": {"eq": "Q_BMI_GENERIC_IMAGING_RUN"}}},
    {"parent": {"parent": {"property": [{"code": "Q_GENDER"}]}}},
    {"registered": {"since": MIDDLE}},
    {"registered": {"before": MIDDLE}},
    {"modified": {"since": MIDDLE, "before": "2021-04-12T07:30:25Z"}},
    {"not": {"type": {"eq": "Q_TEST_SAMPLE"}}},
    {"not": {"property": [PROPERTIES[1]]}},
    {"or": [{"type": {"eq": "Q_TEST_SAMPLE"}}, {"code": {"startsWith": "NGS"}}]},
]
OMICS: list[Condition] = [
    {},
    {"type": {"eq": "Q_NGS_RAW_DATA"}},
    {"kind": "LINK"},
    {"kind": "PHYSICAL", "not": {"type": {"eq": "Q_NGS_RAW_DATA"}}},
    {"kind": "CONTAINER"},
    {"property": [{"code": "Q_SEQUENCING_TYPE", "string": {"eq": "WHOLE_GENOME"}}]},
    {"property": [{"code": "Q_READS_COUNT", "number": {"gt": 420_000_000}}]},
    {"property": [{"code": "Q_READS_COUNT", "number": {"between": [4e8, 4.2e8]}}]},
    {"sample": {"type": {"eq": "Q_NMR_SAMPLE_RUN"}}},
    {"sample": {"project": {"code": {"eq": hcc.PROJECT}}}},
    {"experiment": {"type": {"eq": "Q_NGS_MEASUREMENT"}}},
    {"registered": {"since": "2021-04-29T00:00:00Z"}},
    {"or": [{"kind": "LINK"}, {"sample": {"type": {"eq": "Q_NMR_SAMPLE_RUN"}}}]},
]
CLIENT = "openmicroscopy.org/omero/client/mapAnnotation"
IMAGES: list[Condition] = [
    {},
    {"omeroId": [1, 2, 3, 99999999]},
    {"omeroId": []},
    {"name": {"contains": "_he_"}},
    {"name": {"startsWith": rup2.PROJECT.lower()}},
    {"keyValue": [{"key": "Modality"}]},
    {"keyValue": [{"key": "Modality", "value": {"eq": "CT"}}]},
    {"keyValue": [{"key": "Modality", "value": {"ne": "H&E"}, "namespace": CLIENT}]},
    {"keyValue": [{"key": "Modality", "namespace": "no/such"}]},
    {"keyValue": [{"key": "Organism"}, {"key": "Tissue", "value": {"contains": "TUMOUR"}}]},
    {"tag": {"eq": "QC passed"}},
    {"tag": {"startsWith": "conf"}},
    {"channel": {"eq": "EGFP"}},
    {"channel": {"contains": "cherry"}},
    {"magnification": {"ge": 40}},
    {"magnification": {"lt": 40}},
    {"pixelSize": {"lt": {"value": 300, "unit": "NANOMETER"}}},
    {"pixelSize": {"eq": {"value": 0.5, "unit": "MICROMETER"}}},
    {
        "pixelSize": {
            "between": [
                {"value": 200, "unit": "NANOMETER"},
                {"value": 0.0005, "unit": "MILLIMETER"},
            ]
        }
    },
    {"sizeX": {"eq": 1000}},
    {"sizeY": {"gt": 512}},
    {"sizeZ": {"between": [100, 200]}},
    {"sizeC": {"eq": 2}},
    {"sizeT": {"gt": 1}},
    {"pixelType": {"eq": "uint8"}},
    {"pixelType": {"ne": "uint8"}},
    {"format": {"in": ["DICOM", "ZeissLSM"]}},
    {"acquired": {"since": "2019-06-10T00:00:00Z", "before": "2021-04-01T00:00:00Z"}},
    {"imported": {"before": "2019-06-10T00:00:00Z"}},
    {"imageDataset": {"name": {"startsWith": f"{rup2.PROJECT}00"}}},
    {
        "imageDataset": {
            "keyValue": [{"key": "openBIS identifier", "value": {"contains": "/CLINICAL/"}}]
        }
    },
    {"imageProject": {"name": {"eq": hcc.PROJECT}}},
    {"not": {"magnification": {"gt": 10}}},
    {"not": {"pixelSize": {"lt": {"value": 1, "unit": "MICROMETER"}}}},
    {"not": {"tag": {"eq": "QC passed"}}},
    {"or": [{"tag": {"eq": "CT"}}, {"channel": {"eq": "GFP"}}]},
]
CONTAINERS: list[Condition] = [
    {},
    {"omeroId": [1, 2]},
    {"name": {"startsWith": rup2.PROJECT}},
    {"keyValue": [{"key": "openBIS instance", "namespace": "omnibis/link"}]},
    {"keyValue": [{"key": "openBIS identifier", "value": {"contains": "hepatology"}}]},
    {"not": {"keyValue": [{"key": "openBIS permId"}]}},
    {"tag": {"exists": True}},
    {"or": [{"omeroId": [1]}, {"name": {"contains": "0A"}}]},
]
FIELDS = {
    "projects": ("ProjectFilter", "permId", PROJECTS),
    "experiments": ("ExperimentFilter", "permId", EXPERIMENTS),
    "samples": ("SampleFilter", "permId", SAMPLES),
    "omicsDatasets": ("OmicsFilter", "permId", OMICS),
    "imageProjects": ("ContainerFilter", "omeroId", CONTAINERS),
    "imageDatasets": ("ContainerFilter", "omeroId", CONTAINERS),
    "images": ("ImageFilter", "omeroId", IMAGES),
}


_KNOWN: dict[str, list[Any]] = {}


def expected(atlas: Atlas, field: str, where: Condition) -> list[Any]:
    """The ids that match, in the order of the list; worked out once."""
    asked = f"{field} {where}"
    if asked not in _KNOWN:
        _KNOWN[asked] = work_out(atlas, field, where)
    return _KNOWN[asked]


def work_out(atlas: Atlas, field: str, where: Condition) -> list[Any]:
    naive = Naive(atlas)
    if field == "images":
        rows = [row for row in atlas.rows("Image").values() if naive.image(where, row)]
        return [row["id"] for row in rows]
    if field in {"imageProjects", "imageDatasets"}:
        entity, test = {
            "imageProjects": ("Project", naive.image_project),
            "imageDatasets": ("Dataset", naive.image_dataset),
        }[field]
        found = [row for row in atlas.rows(entity).values() if test(where, row)]
        return [row["id"] for row in sorted(found, key=lambda row: (row["name"], row["id"]))]
    records: dict[str, tuple[Any, Test]] = {
        "projects": (atlas.openbis.projects, naive.project),
        "experiments": (atlas.openbis.experiments, naive.experiment),
        "samples": (atlas.openbis.samples, naive.sample),
        "omicsDatasets": (atlas.openbis.data_sets, naive.omics),
    }
    every, test = records[field]
    matching = [row for row in every if test(where, row)]
    if field == "omicsDatasets":
        return sorted(row.code for row in matching)
    return [row.perm_id for row in sorted(matching, key=lambda row: (row.code, row.perm_id))]


async def compare(house: House, atlas: Atlas, field: str, where: Condition) -> int:
    type_, key, _ = FIELDS[field]
    query = f"""query ($where: {type_}) {{ {field}(first: 500, where: $where) {{
        totalCount edges {{ node {{ {key} }} }} }} }}"""
    found = (await house.data(query, where=where))[field]
    known = expected(atlas, field, where)
    assert found["totalCount"] == len(known)
    assert [node[key] for node in nodes(found)] == known[:500]
    return len(known)


CASES = [(field, where) for field, (_, _, all_) in FIELDS.items() for where in all_]


@pytest.mark.parametrize(("field", "where"), CASES, ids=str)
async def test_each_kind_of_condition(
    open_door: House, atlas: Atlas, field: str, where: Condition
) -> None:
    await compare(open_door, atlas, field, where)


async def test_most_conditions_tell_some_rows_from_others(atlas: Atlas) -> None:
    telling = [
        0 < len(expected(atlas, field, where)) < len(expected(atlas, field, {}))
        for field, where in CASES
    ]
    assert sum(telling) > 0.75 * len(CASES)


# openBIS cannot be asked for what has no such relative; the adapter says so
POSITIVE = [leaf for leaf in SAMPLES if not {"parent", "child"} & leaf.keys()]


def trees(leaves: list[Condition]) -> st.SearchStrategy[Condition]:
    """Filters of these conditions, nested by the three connectives."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            st.builds(lambda parts: {"and": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"or": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda part: {"not": part}, inner),
            st.builds(lambda leaf, part: {**leaf, "not": part}, st.sampled_from(leaves), inner),
        ),
        max_leaves=5,
    )


LAW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LAW
@given(where=trees(POSITIVE))
async def test_any_nesting_of_conditions_on_samples(
    open_door: House, atlas: Atlas, where: Condition
) -> None:
    await compare(open_door, atlas, "samples", where)


@LAW
@given(where=trees(OMICS))
async def test_any_nesting_of_conditions_on_omics_datasets(
    open_door: House, atlas: Atlas, where: Condition
) -> None:
    await compare(open_door, atlas, "omicsDatasets", where)


@LAW
@given(where=trees(IMAGES))
async def test_any_nesting_of_conditions_on_images(
    open_door: House, atlas: Atlas, where: Condition
) -> None:
    await compare(open_door, atlas, "images", where)


@pytest.mark.parametrize(
    ("field", "where", "advice"),
    [
        ("samples", {"registered": {"since": "2021-01-01T00:00:00"}}, "needs its zone"),
        (
            "omicsDatasets",
            {"property": [{"code": "Q_READS_COUNT", "number": {"between": [1]}}]},
            "two values",
        ),
        ("samples", {"not": {"parent": {"code": {"eq": "A"}}}}, "leave those out"),
        ("images", {"sizeX": {"between": [1, 2, 3]}}, "two values"),
        ("images", {"pixelSize": {"between": []}}, "two values"),
    ],
)
async def test_conditions_that_cannot_be_meant_are_refused(
    open_door: House, field: str, where: Condition, advice: str
) -> None:
    type_, _, _ = FIELDS[field]
    query = f"query ($where: {type_}) {{ {field}(where: $where) {{ totalCount }} }}"
    answer = await open_door.ask(query, where=where)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert advice in error["message"]
