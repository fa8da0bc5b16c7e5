"""Whether openBIS would take a draft: its types, properties, values and terms.

Values become what openBIS stores (a species becomes the code of its term); what cannot is a fault,
told once for each value, with the nearest terms. Pure functions over what openBIS declares; the
parents that openBIS should have are looked up by `parents.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from backends.records import EntityTypeRecord, PropertyDefinitionRecord
from backends.sheets.faults import Fault, too_many
from backends.sheets.values import Vocabularies, typed_value
from resolvers.design.draft import Draft, DraftSample
from resolvers.design.levels import LEVELS, NAME_PROPERTY

LONGEST_VALUE: Final = 10_000


@dataclass(frozen=True, slots=True)
class MissingTerm:
    """A value that is no term of its vocabulary, with the codes and labels of the nearest ones."""

    vocabulary: str
    value: str
    nearest: tuple[tuple[str, str | None], ...]


def terms_of(types: Mapping[str, EntityTypeRecord]) -> dict[str, dict[str, str | None]]:
    """Return the terms of all vocabularies that the types' properties use: code → label."""
    return {
        each.vocabulary.code: {term.code: term.label for term in each.vocabulary.terms}
        for declared in types.values()
        for each in declared.properties
        if each.vocabulary is not None
    }


def missing_terms(vocabularies: Vocabularies) -> tuple[MissingTerm, ...]:
    """Return what was looked for in vain."""
    return tuple(
        MissingTerm(code, value, tuple((each, vocabularies.label(code, each)) for each in nearest))
        for (code, value), nearest in vocabularies.missing.items()
    )


class DraftChecks:
    """Checks drafts against what one openBIS declares.

    Args:
        types: the sample types by code.
        vocabularies: their terms; it remembers which were missing.
        coming: property codes that are about to be added, by type: they are not looked at.
    """

    def __init__(
        self,
        types: Mapping[str, EntityTypeRecord],
        vocabularies: Vocabularies,
        coming: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._types = types
        self._vocabularies = vocabularies
        self._coming = coming or {}
        self._declared = {
            code: {each.code: each for each in type_.properties} for code, type_ in types.items()
        }
        self._values: dict[tuple[str, str, str], str | ValueError] = {}

    def complete(self, draft: Draft, faults: list[Fault]) -> Draft:
        """Return the draft with values as openBIS stores them, adding to `faults` what is wrong."""
        told: set[tuple[str, str]] = set()
        samples = []
        for sample in draft.samples:
            if sample.type_code not in self._types:
                if (sample.type_code, "") not in told:
                    told.add((sample.type_code, ""))
                    faults.append(self._unknown_type(sample.type_code))
                continue
            samples.append(self._completed(sample, draft.columns, faults, told))
            if too_many(faults):
                break
        return replace(draft, samples=tuple(samples))

    def _completed(
        self,
        sample: DraftSample,
        columns: Mapping[str, str],
        faults: list[Fault],
        told: set[tuple[str, str]],
    ) -> DraftSample:
        stored: dict[str, str] = {}
        for code, value in sample.properties.items():
            try:
                stored[code] = self._stored(sample.type_code, code, value)
            except ValueError as error:
                # of a sheet each cell is told, of a factorial design each value
                once = (str(error), str(sample.line))
                if once not in told:
                    told.add(once)
                    column = columns.get(code) or _subject(sample, code) or code
                    faults.append(Fault(sample.line, column, str(error)))
        declared = self._declared[sample.type_code]
        if NAME_PROPERTY in declared:
            stored.setdefault(NAME_PROPERTY, sample.name)
        for each in declared.values():
            if each.mandatory and each.code not in {*stored, *sample.properties}:
                column = columns.get(each.code) or _subject(sample, each.code) or each.code
                message = f"{sample.type_code} needs {each.label or each.code}"
                faults.append(Fault(sample.line, column, message))
        return replace(sample, properties=stored)

    def _stored(self, type_code: str, code: str, value: str) -> str:
        """Return a value as openBIS stores it; raise `ValueError` if it does not."""
        if code in self._coming.get(type_code, ()):
            return value
        declared = self._declared[type_code].get(code)
        if declared is None:
            near = difflib.get_close_matches(code, self._declared[type_code], n=1)
            proposal = f": did you mean {near[0]}?" if near else ""
            raise ValueError(f"{type_code} has no property {code}{proposal}")
        key = (declared.data_type, declared.vocabulary.code if declared.vocabulary else "", value)
        if key not in self._values:
            try:
                self._values[key] = self._read(declared, value)
            except ValueError as error:
                self._values[key] = error
        found = self._values[key]
        if isinstance(found, ValueError):
            raise found
        return found

    def _read(self, declared: PropertyDefinitionRecord, value: str) -> str:
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"longer than {LONGEST_VALUE} characters")
        if declared.vocabulary is not None:
            return self._vocabularies.find(declared.vocabulary.code, value)
        return typed_value(declared.data_type, value)

    def _unknown_type(self, code: str) -> Fault:
        near = difflib.get_close_matches(code, self._types, n=1)
        proposal = f": did you mean {near[0]}?" if near else ""
        return Fault(None, "type", f"openBIS has no sample type {code}{proposal}")


def _subject(sample: DraftSample, code: str) -> str | None:
    """The word for a level's choice, where no column has it: species, tissue or analyte."""
    described = LEVELS[sample.level]
    return described.subject if described.property == code else None
