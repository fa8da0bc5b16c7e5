"""RO-Crate 1.1: the files of a frozen cohort with where they come from, as one ZIP.

The crate says who selected what, from which systems, with which predicate, and carries the files
with their digests. The `rocrate` package reads it (a test does); it is written here because that
package dates its crates by the clock, and these bytes must follow from the snapshot alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, Final

import orjson

from resolvers.cohorts.exports.json_lines import Sink
from resolvers.cohorts.exports.table import Table

METADATA: Final = "ro-crate-metadata.json"
_BLOCK: Final = 256 * 1024
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say
_INDENTED: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class CrateFile:
    """A file to be put in: its facts, and how it is opened."""

    name: str
    media_type: str
    description: str
    size: int
    sha256: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def write(table: Table, sink: Sink, files: Sequence[CrateFile]) -> None:
    """Write a crate with these files as a ZIP; nothing in it is compressed again."""
    with zipfile.ZipFile(_Forward(sink), "w", zipfile.ZIP_STORED) as crate:
        crate.writestr(_entry(METADATA), orjson.dumps(_metadata(table, files), option=_INDENTED))
        for file in files:
            with file.open() as source, crate.open(_entry(file.name), "w", force_zip64=True) as to:
                while block := source.read(_BLOCK):
                    to.write(block)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry


class _Forward:
    """What `zipfile` writes to when it cannot go back."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: Any, /) -> int:
        return self._sink.write(data)

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """What is below is closed by whoever opened it."""


def _metadata(table: Table, files: Sequence[CrateFile]) -> dict[str, Any]:
    facts = table.facts
    created = facts.created_at.isoformat()
    author = {"@id": f"#{facts.author}"}
    systems = [
        {
            "@id": f"#{name}",
            "@type": "SoftwareApplication",
            "name": name,
            "version": version,
        }
        for name, version in sorted(facts.versions.items())
    ]
    parts = [{"@id": file.name} for file in files]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "identifier": facts.uri,
        "name": facts.name,
        "description": (
            f"A cohort of {facts.members} members with {facts.rows} images and omics datasets, "
            "selected from openBIS and OMERO and frozen."
        ),
        "datePublished": created,
        "license": {"@id": "#rights"},
        "author": author,
        "hasPart": parts,
        "mentions": {"@id": "#selection"},
    }
    selection = {
        "@id": "#selection",
        "@type": "CreateAction",
        "name": "Selection and freezing of the cohort",
        "description": f"Links at revision {facts.link_revision}; SHA-256 {facts.digest}.",
        "agent": author,
        "endTime": created,
        "instrument": [{"@id": each["@id"]} for each in systems],
        "object": {"@id": "#question"},
        "result": parts,
    }
    question = {
        "@id": "#question",
        "@type": "CreativeWork",
        "name": "Predicate",
        "encodingFormat": "application/json",
        "text": facts.question,
    }
    rights = {
        "@id": "#rights",
        "@type": "CreativeWork",
        "name": "Rights of the source systems",
        "description": "The rights of openBIS and OMERO hold; ask the owners of the projects.",
    }
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [
            {
                "@id": METADATA,
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            },
            root,
            *(_file(file) for file in files),
            selection,
            question,
            rights,
            {"@id": author["@id"], "@type": "Person", "name": facts.author},
            *systems,
        ],
    }


def _file(file: CrateFile) -> dict[str, Any]:
    return {
        "@id": file.name,
        "@type": "File",
        "name": file.name,
        "description": file.description,
        "encodingFormat": file.media_type,
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }
