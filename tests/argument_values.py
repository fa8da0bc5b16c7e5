"""Values for the arguments of random documents: such as there are, and such as nobody expects.

`Reality` is what a house has, as it tells when it is asked once: ids, identifiers, codes, cursors
and words, by type. Beside it stand extreme values for each scalar, and whole inputs that mean
something. `tests/random_arguments.py` puts them into documents.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.house import House

BIGGEST: Final = 2**31 - 1
LENGTHS: Final = (0, 1, 2, 3, 5, 20)
EXTREME_INTS: Final = (0, 1, -1, 499, 500, 501, 10_000, BIGGEST, -BIGGEST - 1)
EXTREME_BIG_INTS: Final = (0, -1, BIGGEST + 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63)
EXTREME_FLOATS: Final = (
    *("0", "-0.0", "-1", "1e-320", "5e-324", "1.7976931348623157e308", "-1.7976931348623157e308"),
    *("0.1", "1e16", "9007199254740993", "1e400", "2147483648", "9223372036854775808"),
)
EXTREME_TIMES: Final = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"),
    *("2024-02-29T12:00:00.123456+05:45", "2024-02-30T00:00:00Z", "2024-01-01T24:00:00Z"),
    *("2024-01-01T00:00:00", "2016-12-31T23:59:60Z", "", "now"),
)
EXTREME_TEXTS: Final = (
    *("", " ", "\t\n", "\x00", "\x7f\u0085", "%", "_", "*", "?", "\\", "'", '"', "a%_b*", "\\%"),
    *("'; drop table x; --", "${x}", "{{x}}", "../../etc/passwd", "/", "//", "/A/B/C/D/E", "null"),
    *("\u0130", "\u00df", "e\u0301", "\u202ered", "\ufeff", "\uffff", "\U0001f9ec" * 3, "\u0000x"),
    *("NaN", "Infinity", "-0", "1e999", "0x10", "\u0661\u0662", "true", "A" * 300, "\u00e9" * 9000),
)
ONE_OF: Final = (
    *(("identifier", "id"), ("permId", "id"), ("omeroId", "id"), ("factorial", "sheet")),
    *(("images", "sheet"), ("omicsDatasets", "sheet"), ("property", "keyValue", "attribute")),
    *(("string", "number", "date", "boolean"), ("kinds", "ids"), ("imageId", "file")),
)
# What an id names, by the field it is given to, or else by the argument's own name.
ID_TYPES: Final = {
    **{name: name[0].upper() + name[1:] for name in ("project", "experiment", "sample", "image")},
    **{name: name[0].upper() + name[1:] for name in ("omicsDataset", "imageProject", "operation")},
    **{name: name[0].upper() + name[1:] for name in ("imageDataset", "cohortSnapshot")},
    "cancelOperation": "Operation",
    "resumeOperation": "Operation",
    "deleteCohortSnapshot": "CohortSnapshot",
    "unlinkProject": "ProjectLink",
    "unlinkSample": "SampleLink",
}
ASKED: Final = """{
  projects(first: 20) { edges { cursor node { id permId identifier code link { id } } } }
  experiments(first: 20) { edges { cursor node { id permId identifier code type { code } } } }
  samples(first: 100) { edges { cursor node { id permId identifier code type { code }
    properties { code value } link { id } } } }
  omicsDatasets(first: 50) { edges { cursor node { id permId code type { code } } } }
  imageProjects(first: 20) { edges { cursor node { id omeroId name } } }
  imageDatasets(first: 50) { edges { cursor node { id omeroId name
    keyValues { key value } tags { value } } } }
  images(first: 50) { edges { cursor node { id omeroId name keyValues { key value }
    channels { name } tags { value } } } }
  links(project: "QCLIN", kind: SAMPLE, first: 20) { edges { cursor node { id } } }
}"""
# Whole inputs that mean something, by their type; {sample} and the like stand for what there is.
INPUTS: Final = {
    "CohortFilter": (
        '{project: {code: {eq: "QCLIN"}}}',
        '{project: {code: {eq: "QCLIN"}}, has: {image: {modality: {eq: "CT"}}}}',
        """{project: {code: {eq: "QCLIN"}}, or: [{has: {image: {tag: {eq: "H&E"}}, atLeast: 5}}
            {not: {has: {omics: {type: {eq: "Q_NGS_RAW_DATA"}}}}}]}""",
        """{and: [{project: {code: {startsWith: "Q"}}} {has: {sample: {property: [
            {code: "Q_PRIMARY_TISSUE", string: {eq: "ABDOMEN"}}]}}}]}""",
        """{project: {code: {eq: "QCLIN"}}, has: {image: {pixelSize: {between: [
            {value: 0.25, unit: MICROMETER} {value: 600, unit: NANOMETER}]}}}}""",
        '{self: {type: {eq: "Q_BIOLOGICAL_SAMPLE"}}}',
    ),
    "CohortSplitInput": (
        '{parts: [{name: "train", fraction: 0.8} {name: "test", fraction: 0.2}]}',
        """{parts: [{name: "a", fraction: 0.5} {name: "b", fraction: 0.5}], salt: "s",
            stratifyBy: "Q_GENDER", together: [POOLED_SAMPLE]}""",
    ),
    "CohortFacetInput": (
        '{property: "Q_GENDER"}',
        '{property: "Q_NCBI_ORGANISM", buckets: 3}',
        '{keyValue: "Modality"}',
    ),
    "CreateProjectInput": (
        '{space: "CLINICAL", code: "QRA{number}", description: "by chance"}',
        '{space: "PLANT_BIOLOGY", code: "QRB{number}", imaging: false}',
    ),
    "UpdateSampleInput": (
        '{properties: [{code: "Q_SECONDARY_NAME", value: "{number}"}]}',
        '{addParents: ["{sample}"]}',
        '{removeParents: ["{sample}"]}',
    ),
    "RegisterDesignInput": (
        """{project: "QRAND", imageLevels: [BIOLOGICAL_SAMPLE], factorial: {studyDesign: "{number}",
            stages: [{level: ENTITY, choices: ["Homo sapiens"], replicates: 2, factors: [
            {label: "dose", values: ["1", "10"], unit: "mg"}]}
            {level: BIOLOGICAL_SAMPLE, choices: ["Liver"]}]}}""",
        """{project: "QRAND", sheet: {delimiter: ",",
            text: "name,level,species\\nP{number},entity,Homo sapiens\\n"}}""",
        '{project: "QRAND", sheet: {delimiter: ",", text: "name,level\\nB,nothing\\n,,\\n"}}',
    ),
    "RegisterImagesInput": (
        """{project: "QCLIN", images: [{sample: "{sample}", imageId: {image}, tags: ["by chance"],
            keyValues: [{key: "a", value: "{number}"}]}]}""",
        """{project: "QCLIN", sheet: {delimiter: ",",
            text: "sample,image id,colour\\n{sample},{image},red\\n"}}""",
    ),
    "AnnotateImageInput": (
        '[{imageId: {image}, keyValues: [{key: "b", value: "{number}"}], tags: ["by chance"]}]',
    ),
    "RegisterOmicsDatasetInput": (
        """{project: "QCLIN", omicsDatasets: [{sample: "{sample}", type: "Q_NGS_RAW_DATA",
            system: "OMERO", externalCode: "{number}", name: "n", workflow: {name: "w",
            version: "1", parameters: [{name: "p", value: "1"}]}}]}""",
        """{project: "QCLIN", sheet: {delimiter: ",", text: "sample,type,system,external code\\n\
{sample},Q_NGS_RAW_DATA,OMERO,{number}\\n"}}""",
    ),
}
WORDS: Final = (
    *("CT", "H&E", "ABDOMEN", "MALIGNANT", "MICROSCOPY", "Stain", "Modality", "FEMALE", "0.5", "5"),
    *("2020-01-01", "DAPI", "Homo sapiens", "9606", "QCLIN", "CLINICAL", "steward", "OMERO"),
)


@dataclass(slots=True, repr=False)
class Reality:
    """What there is in a house: `ids`, `names` and `numbers` by type, `cursors` by root field."""

    ids: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    names: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    numbers: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    cursors: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    words: list[str] = field(default_factory=lambda: list(WORDS))


async def reality(house: House) -> Reality:
    """Ask a house for what it has, after it was given a snapshot and an operation."""
    found = Reality()
    asked = await house.data(ASKED)
    found.ids["SampleLink"] = [edge["node"]["id"] for edge in asked.pop("links")["edges"]]
    for name, connection in asked.items():
        kind = name[0].upper() + name[1:-1]
        for edge in connection["edges"]:
            node = edge["node"]
            found.cursors[name].append(edge["cursor"])
            found.ids[kind].append(node["id"])
            if node.get("link"):
                found.ids[f"{kind}Link"].append(node["link"]["id"])
            found.names[kind] += [node[key] for key in ("identifier", "code") if key in node]
            if "omeroId" in node:
                found.numbers[kind].append(node["omeroId"])
                found.names[kind].append(node["name"])
            if "permId" in node:
                found.names[f"{kind}PermId"].append(node["permId"])
            if "type" in node:
                found.names[f"{kind}Type"].append(node["type"]["code"])
            for each in node.get("properties", ()):
                found.names["Property"].append(each["code"])
                found.words.append(each["value"] or "")
            for each in node.get("keyValues", ()):
                found.names["Key"].append(each["key"])
                found.words.append(each["value"])
            found.words += [each["value"] for each in node.get("tags", ())]
    freeze = """mutation { freezeCohort(name: "random", where: {project: {code: {eq: "QCLIN"}},
        has: {image: {tag: {eq: "CT"}}}}) { snapshot { id } } }"""
    create = """mutation { createProject(input: {space: "CLINICAL", code: "QRAND",
        description: "r"}, idempotencyKey: "random") { operation { id } } }"""
    snapshot = (await house.data(freeze))["freezeCohort"]["snapshot"]
    found.ids["CohortSnapshot"].append(snapshot["id"])
    operation = (await house.data(create))["createProject"]["operation"]
    found.ids["Operation"].append(operation["id"])
    assert set(found.ids) >= set(ID_TYPES.values())
    assert all(found.ids.values())
    return found
