"""Vocabularies and their terms.

Vocabularies are the instance administrators' business. Terms may be added by others as well:
official ones by power users of any space, unofficial ones by its users.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.kinds import TYPE_OF, Kind
from backends.demo.openbis.rights import POWER_USER, USER
from backends.demo.openbis.rows import Term, Vocabulary
from backends.demo.openbis.writing.changes import Update, is_changed, new_value, texts
from backends.demo.openbis.writing.work import Creation, Work, code_of, in_use, not_unique, text_of

_ETL = "SPACE_ETL_SERVER, INSTANCE_ETL_SERVER"
_POWER_USERS = f"SPACE_POWER_USER, SPACE_ADMIN, INSTANCE_ADMIN, {_ETL}"
_USERS = f"SPACE_USER, {_POWER_USERS}"


def create_vocabularies(work: Work, creations: list[Creation]) -> list[str]:
    """Create vocabularies with their terms."""
    keys = []
    for creation in creations:
        chosen = creation.get("chosenFromList")
        row = Vocabulary(
            code_of(creation, lambda code: bool(code.strip("$"))),
            text_of(creation.get("description")),
            work.now,
            work.now,
            work.user,
            bool(creation.get("managedInternally")),
            True if chosen is None else bool(chosen),
            text_of(creation.get("urlTemplate")),
        )
        work.require(Kind.VOCABULARY, row, work.rights.registers)
        key = work.insert(Kind.VOCABULARY, row)
        work.name(creation, Kind.VOCABULARY, key)
        terms = creation.get("terms") or []
        for term in [terms] if isinstance(terms, dict) else terms:
            _insert_term(work, key, term, official=True)
        keys.append(key)
    return keys


def update_vocabularies(work: Work, updates: list[Update]) -> list[str]:
    """Change vocabularies."""
    keys = []
    for update in updates:
        row = work.row(Kind.VOCABULARY, update.get("vocabularyId"), "Vocabulary id")
        work.require(Kind.VOCABULARY, row, work.rights.registers, update["vocabularyId"])
        values = texts(
            update,
            description="description",
            url_template="urlTemplate",
            chosen_from_list="chosenFromList",
        )
        work.change(Kind.VOCABULARY, row, **values)
        keys.append(row.code)
    return keys


def delete_vocabulary(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete a vocabulary with its terms, unless a property type needs it."""
    catalog = work.catalog
    row = catalog.vocabularies.rows[key]
    work.require(Kind.VOCABULARY, row, work.rights.registers, given)
    if catalog.property_types.by("vocabulary", key):
        raise in_use("Vocabulary", key)
    for term in list(catalog.terms.by("vocabulary", key)):
        work.remove(Kind.TERM, term)
    work.remove(Kind.VOCABULARY, key)


def create_terms(work: Work, creations: list[Creation]) -> list[str]:
    """Add terms to vocabularies."""
    keys = []
    for creation in creations:
        if creation.get("vocabularyId") is None:
            raise UserFailure.in_operation("Vocabulary id cannot be null.")
        official = creation.get("official", True) is not False
        rank = POWER_USER if official else USER
        allowed = work.rights.has_somewhere(rank, in_projects=False)
        work.require_role(allowed, _POWER_USERS if official else _USERS)
        vocabulary = work.key(Kind.VOCABULARY, creation["vocabularyId"])
        keys.append(_insert_term(work, vocabulary, creation, official=official))
    return keys


def update_terms(work: Work, updates: list[Update]) -> list[str]:
    """Change terms and their order."""
    keys = []
    for update in updates:
        row = work.row(Kind.TERM, update.get("vocabularyTermId"), "Vocabulary term id")
        _require_power_user(work)
        values = texts(update, label="label", description="description", official="official")
        row = work.change(Kind.TERM, row, **values)
        key = work.catalog.terms.key(row)
        if is_changed(update, "previousTermId"):
            _put_behind(work, row, new_value(update, "previousTermId"))
        keys.append(key)
    return keys


def delete_term(work: Work, key: str, _: dict[str, Any]) -> None:
    """Delete a term, unless a property has it."""
    catalog = work.catalog
    _require_power_user(work)
    term = catalog.terms.rows[key]
    codes = catalog.property_types.by("vocabulary", term.vocabulary)
    for kind in TYPE_OF:
        for row in catalog.table(kind).rows.values():
            if any(row.properties.get(code) == term.code for code in codes):
                raise in_use("Vocabulary term", term.code)
    work.remove(Kind.TERM, key)


def replace_term(work: Work, key: str, replacement: str) -> None:
    """Let all properties have another term in the place of one that is to be deleted."""
    catalog = work.catalog
    old, new = catalog.terms.rows[key], catalog.terms.rows[replacement]
    codes = catalog.property_types.by("vocabulary", old.vocabulary)
    for kind in TYPE_OF:
        for row in list(catalog.table(kind).rows.values()):
            changed = {code: new.code for code in codes if row.properties.get(code) == old.code}
            if changed:
                work.change(kind, row, properties={**row.properties, **changed})


def _require_power_user(work: Work) -> None:
    allowed = work.rights.has_somewhere(POWER_USER, in_projects=False)
    work.require_role(allowed, _POWER_USERS)


def _insert_term(work: Work, vocabulary: str, creation: Creation, *, official: bool) -> str:
    terms = work.catalog.terms
    ordinals = [terms.rows[key].ordinal for key in terms.by("vocabulary", vocabulary)]
    row = Term(
        code_of(creation, lambda code: not any(map(str.isspace, code))),
        vocabulary,
        max(ordinals, default=0) + 1,
        work.now,
        work.now,
        work.user,
        text_of(creation.get("label")),
        text_of(creation.get("description")),
        official,
    )
    if terms.key(row) in terms.rows:
        raise not_unique(Kind.TERM)
    key = work.insert(Kind.TERM, row)
    work.name(creation, Kind.TERM, key)
    if creation.get("previousTermId") is not None:
        _put_behind(work, row, creation["previousTermId"])
    return key


def _put_behind(work: Work, row: Term, given: Any) -> None:
    """Order the vocabulary's terms so that one stands behind another, or first."""
    terms = work.catalog.terms
    previous = work.optional_key(Kind.TERM, given)
    key = terms.key(row)
    others = sorted(
        (terms.rows[each] for each in terms.by("vocabulary", row.vocabulary) if each != key),
        key=lambda term: term.ordinal,
    )
    at = 0
    if previous is not None:
        if terms.rows[previous].vocabulary != row.vocabulary:
            raise UserFailure.in_operation(
                f"Position of term {row.code} could not be found as the specified previous "
                f"term {terms.rows[previous].code} is in a different vocabulary."
            )
        at = 1 + [terms.key(term) for term in others].index(previous)
    others.insert(at, terms.rows[key])
    for ordinal, term in enumerate(others, start=1):
        if term.ordinal != ordinal:
            terms.put(replace(term, ordinal=ordinal))
