"""From a cell to an openBIS property value, by data type and vocabulary.

A `Vocabularies` knows the installation's vocabularies, which are closed, and those that the mapping
brings along, whose terms are the values that occur. A cell that is no term is told with the nearest
terms. Used by `plan.py`, and by whoever reads values that people typed.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping

from backends.sheets.mapping import PropertyColumn

_INTEGER = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": "true", "false": "false", "yes": "true", "no": "false"}


NEAREST = 3  # terms that are proposed for one that is not there


class Vocabularies:
    """Finds the term of a cell.

    `added` holds the vocabularies that are not there yet, by code, with their terms; `missing` the
    values that are no term of a vocabulary that is there, with the codes of the nearest terms.

    Args:
        known: vocabulary → term code → label (or None) of what the installation has.
    """

    def __init__(self, known: Mapping[str, Mapping[str, str | None]]) -> None:
        self._labels = known
        self._known = {
            code: {
                text.casefold(): term
                for term, label in terms.items()
                for text in (label or term, term)
            }
            for code, terms in known.items()
        }
        self.added: dict[str, dict[str, str]] = {}  # vocabulary → term code → label
        self.missing: dict[tuple[str, str], tuple[str, ...]] = {}

    def find(self, vocabulary: str, text: str) -> str:
        """Return the code of the term with this code or label, in whatever case.

        Raises:
            ValueError: there is none; the message proposes the nearest.
        """
        found = self._known.get(vocabulary, {}).get(text.casefold())
        if found is None:
            near = self.missing.setdefault((vocabulary, text), self.nearest(vocabulary, text))
            raise ValueError(
                f"{text!r} is not a term of {vocabulary}{self._proposal(vocabulary, near)}"
            )
        return found

    def nearest(self, vocabulary: str, text: str) -> tuple[str, ...]:
        """Return the codes of the terms whose code or label is most like a text."""
        texts = self._known.get(vocabulary, {})
        close = difflib.get_close_matches(text.casefold(), texts, n=2 * NEAREST, cutoff=0.55)
        return tuple(dict.fromkeys(texts[each] for each in close))[:NEAREST]

    def label(self, vocabulary: str, code: str) -> str | None:
        """Return the label of a term, if it has one."""
        return self._labels.get(vocabulary, {}).get(code)

    def _proposal(self, vocabulary: str, codes: tuple[str, ...]) -> str:
        if not codes:
            return ""
        labels = self._labels[vocabulary]
        shown = (f"{code} ({labels[code]})" if labels[code] else code for code in codes)
        return f"; nearest: {', '.join(shown)}"

    def term(self, column: PropertyColumn, cell: str) -> str:
        """Return the code of a cell's term; raise `ValueError` if it can have none."""
        vocabulary = column.vocabulary or column.code
        code = column.terms.get(cell) if column.terms else None
        if column.terms and code is None:
            raise ValueError(f"{cell!r} is not among the terms of the mapping")
        if vocabulary in self._known:
            return self.find(vocabulary, code or cell)
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
