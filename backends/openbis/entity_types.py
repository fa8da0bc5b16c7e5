"""Entity types with properties and vocabularies: how they are asked for, in one call, and read.

Types are small and rarely change; who calls this decides how long to keep them. Sample, experiment
and data set types only, for nothing else in openBIS has one.
"""

from __future__ import annotations

from typing import Any

from backends.errors import InvalidRequest, Source
from backends.openbis.decode import Bean, Decoder, text
from backends.openbis.logic import Json
from backends.openbis.names import NAMES
from backends.records import (
    EntityTypeRecord,
    Kind,
    PropertyDefinitionRecord,
    TermRecord,
    VocabularyRecord,
)

TYPED = frozenset({Kind.SAMPLE, Kind.EXPERIMENT, Kind.OMICS_DATASET})


def request(kind: Kind) -> tuple[str, list[Json]]:
    """The method and, after the token, its parameters.

    Raises:
        InvalidRequest: entities of that kind have no types.
    """
    if kind not in TYPED:
        raise InvalidRequest(Source.OPENBIS, f"{kind} has no types; ask for samples, for example.")
    names = NAMES[kind]
    terms = {"@type": "as.dto.vocabulary.fetchoptions.VocabularyTermFetchOptions"}
    vocabulary = {"@type": "as.dto.vocabulary.fetchoptions.VocabularyFetchOptions", "terms": terms}
    property_type = {
        "@type": "as.dto.property.fetchoptions.PropertyTypeFetchOptions",
        "vocabulary": vocabulary,
    }
    assignments = {
        "@type": "as.dto.property.fetchoptions.PropertyAssignmentFetchOptions",
        "propertyType": property_type,
    }
    return (
        f"search{names.entity}Types",
        [
            {"@type": names.type_criteria},
            {"@type": names.type_fetch_options, "propertyAssignments": assignments},
        ],
    )


def read(kind: Kind, result: Any) -> tuple[EntityTypeRecord, ...]:
    """The types in an answer, by code."""
    reader = _Reader(kind, Decoder(result))
    return tuple(
        sorted((reader.type(bean) for bean in reader.decoder.objects(result)), key=_by_code)
    )


def _by_code(record: EntityTypeRecord) -> str:
    return record.code


class _Reader:
    """Reads types; many share a vocabulary, which is read once."""

    def __init__(self, kind: Kind, decoder: Decoder) -> None:
        self.decoder = decoder
        self._kind = kind
        self._vocabularies: dict[int, VocabularyRecord] = {}

    def type(self, bean: Bean) -> EntityTypeRecord:
        assignments = self.decoder.beans(bean.get("propertyAssignments"))
        assignments.sort(key=lambda each: each.get("ordinal") or 0)
        return EntityTypeRecord(
            kind=self._kind,
            code=text(bean, "code"),
            description=bean.get("description"),
            generated_code_prefix=bean.get("generatedCodePrefix"),
            properties=tuple(self._property(each) for each in assignments),
        )

    def _property(self, assignment: Bean) -> PropertyDefinitionRecord:
        bean = self.decoder.bean(assignment.get("propertyType"))
        vocabulary = self.decoder.optional(bean.get("vocabulary"))
        return PropertyDefinitionRecord(
            code=text(bean, "code"),
            label=bean.get("label"),
            description=bean.get("description"),
            data_type=bean.get("dataType") or "VARCHAR",
            mandatory=bool(assignment.get("mandatory")),
            multi_valued=bool(bean.get("multiValue")),
            section=assignment.get("section"),
            vocabulary=None if vocabulary is None else self._vocabulary(vocabulary),
        )

    def _vocabulary(self, bean: Bean) -> VocabularyRecord:
        known = self._vocabularies.get(id(bean))
        if known is None:
            terms = [_term(each) for each in self.decoder.beans(bean.get("terms"))]
            terms.sort(key=lambda term: (term.ordinal, term.code))
            known = VocabularyRecord(text(bean, "code"), bean.get("description"), tuple(terms))
            self._vocabularies[id(bean)] = known
        return known


def _term(bean: Bean) -> TermRecord:
    return TermRecord(
        code=text(bean, "code"),
        label=bean.get("label"),
        description=bean.get("description"),
        ordinal=bean.get("ordinal") or 0,
        official=bean.get("official") is not False,
    )
