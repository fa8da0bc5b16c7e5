"""From a cell to an openBIS property value, by data type and vocabulary.

A `Vocabularies` knows the installation's vocabularies, which are closed, and those that the mapping
brings along, whose terms are the values that occur. Used by `checks.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from backends.demo.sheet.mapping import PropertyColumn
from backends.demo.world import OpenbisContent

_INTEGER = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": "true", "false": "false", "yes": "true", "no": "false"}


class Vocabularies:
    """Finds the term of a cell; `added` holds the vocabularies that are not there yet."""

    def __init__(self, content: OpenbisContent) -> None:
        self._known = {
            vocabulary.code: {
                text.casefold(): term.code
                for term in vocabulary.terms
                for text in (term.label or term.code, term.code)
            }
            for vocabulary in content.vocabularies
        }
        self.added: dict[str, dict[str, str]] = {}  # vocabulary → term code → label

    def term(self, column: PropertyColumn, cell: str) -> str:
        """Return the code of a cell's term; raise `ValueError` if it can have none."""
        vocabulary = column.vocabulary or column.code
        code = column.terms.get(cell) if column.terms else None
        if column.terms and code is None:
            raise ValueError(f"{cell!r} is not among the terms of the mapping")
        known = self._known.get(vocabulary)
        if known is not None:
            found = known.get((code or cell).casefold())
            if found is None:
                raise ValueError(f"{cell!r} is not a term of {vocabulary}")
            return found
        code = code or re.sub(r"[^A-Z0-9]+", "_", cell.upper()).strip("_")
        if not code:
            raise ValueError(f"no term code can be made of {cell!r}: name one in `terms`")
        label = self.added.setdefault(vocabulary, {}).setdefault(code, cell)
        if label != cell and not column.terms:
            raise ValueError(f"{cell!r} and {label!r} give the same term: name them in `terms`")
        return code


def property_value(column: PropertyColumn, cell: str, vocabularies: Vocabularies) -> str:
    """Return a cell as openBIS stores it; raise `ValueError` if it is not of the data type."""
    if column.data_type == "CONTROLLEDVOCABULARY":
        return vocabularies.term(column, cell)
    return typed_value(column.data_type, cell)


def typed_value(data_type: str, text: str) -> str:
    """Return a text as openBIS stores a value of this type; raise `ValueError` if it is none."""
    if data_type == "INTEGER" and not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is not a whole number")
    if data_type == "REAL" and not (_REAL.fullmatch(text) and math.isfinite(float(text))):
        raise ValueError(f"{text!r} is not a number")
    if data_type == "BOOLEAN":
        truth = _BOOLEANS.get(text.casefold())
        if truth is None:
            raise ValueError(f"{text!r} is neither TRUE nor FALSE")
        return truth
    return text


def declared_types(content: OpenbisContent) -> Mapping[str, tuple[str, str | None]]:
    """Return data type and vocabulary of each property type that is there."""
    return {each.code: (each.data_type, each.vocabulary) for each in content.property_types}
