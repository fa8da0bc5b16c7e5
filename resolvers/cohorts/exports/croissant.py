"""Croissant 1.0 (MLCommons): a description of `cohort.parquet` that loaders of data sets read.

It names the file beside it with its SHA-256, each column with its type, and the parts of a split as
Croissant's own kind of enumeration. Columns that are lists are marked as repeated. Format: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from resolvers.cohorts.columns import SPLIT, Column, ColumnType
from resolvers.cohorts.exports.json_lines import Sink
from resolvers.cohorts.exports.table import Table

ROWS: Final = "rows"
SPLITS: Final = "splits"
# The vocabulary of the format: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES: Final = {
    ColumnType.TEXT: "sc:Text",
    ColumnType.INTEGER: "sc:Integer",
    ColumnType.REAL: "sc:Float",
    ColumnType.BOOLEAN: "sc:Boolean",
    ColumnType.TIME: "sc:DateTime",
    ColumnType.DATE: "sc:Date",
}
# What parts are usually called, and what Croissant calls them.
_PARTS: Final = {
    "train": "cr:TrainingSplit",
    "training": "cr:TrainingSplit",
    "val": "cr:ValidationSplit",
    "valid": "cr:ValidationSplit",
    "validation": "cr:ValidationSplit",
    "dev": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}


def write(table: Table, sink: Sink, *, file: str, size: int, sha256: str) -> None:
    """Write the description of a table's Parquet file.

    Args:
        table: the table.
        sink: where to.
        file: the Parquet file's name beside the description.
        size: its bytes.
        sha256: its digest in hexadecimal.
    """
    facts = table.facts
    rows = {
        "@type": "cr:RecordSet",
        "@id": ROWS,
        "name": ROWS,
        "description": "One record for each image and each omics dataset.",
        "field": [_field(table, column, file) for column in table.columns],
    }
    form = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts.name,
        "description": (
            f"Cohort of {facts.members} members with {facts.rows} images and omics datasets, "
            f"selected from openBIS and OMERO by {facts.question}"
        ),
        "identifier": facts.uri,
        "version": f"1.0.0+{table.digest[:12]}",
        "creator": {"@type": "sc:Person", "name": facts.author},
        "dateCreated": facts.created_at.isoformat(),
        "datePublished": facts.created_at.date().isoformat(),
        "license": "The rights of openBIS and OMERO hold; ask the owners of the projects.",
        "url": facts.uri,
        "citeAs": f"{facts.name}, omnibis cohort snapshot {facts.id}, {facts.uri}",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "contentSize": f"{size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256,
            }
        ],
        "recordSet": [*_splits(table), rows],
    }
    sink.write(orjson.dumps(form, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _field(table: Table, column: Column, file: str) -> dict[str, Any]:
    unit = f" In {column.unit}." if column.unit else ""
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{ROWS}/{column.name}",
        "name": column.name,
        "description": column.description + unit,
        "dataType": _TYPES[column.type],
        "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
    }
    if column.many:
        field["repeated"] = True
    if column.name == SPLIT and table.parts:
        field["references"] = {"field": {"@id": f"{SPLITS}/name"}}
    return field


def _splits(table: Table) -> list[dict[str, Any]]:
    if not table.parts:
        return []
    known = [(part, _PARTS.get(part.lower())) for part in table.parts]
    described = all(url for _, url in known)  # a record must have all fields
    fields = [{"@type": "cr:Field", "@id": f"{SPLITS}/name", "dataType": "sc:Text"}]
    if described:
        fields.append({"@type": "cr:Field", "@id": f"{SPLITS}/url", "dataType": "sc:URL"})
    return [
        {
            "@type": "cr:RecordSet",
            "@id": SPLITS,
            "name": SPLITS,
            "description": "The parts of the split; all data of a subject is in one of them.",
            "dataType": "cr:Split",
            "key": {"@id": f"{SPLITS}/name"},
            "field": fields,
            "data": [
                {f"{SPLITS}/name": part} | ({f"{SPLITS}/url": url} if described else {})
                for part, url in known
            ],
        }
    ]
