"""What a single search criterion tests on one row: attributes, properties, missing relations.

`Attributes.test` turns a criterion that no index answers into a test of a row. How two values
compare is decided in `values.py`, how criteria combine in `criteria.py`; criteria
about the data of data sets are in `data_criteria.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.data_criteria import Unsupported, data_test, has_wildcards
from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.ids import key_of_id
from backends.demo.openbis.kinds import TYPE_OF, Kind
from backends.demo.openbis.values import (
    Test,
    boolean_test,
    date_test,
    number_test,
    short_name,
    string_test,
    typed_string_test,
)

Criterion = dict[str, Any]
Maker = Callable[[Kind, Criterion], Test]
Fact = Callable[[Catalog, Any], bool]

_TEXT_ATTRIBUTES = {
    "DescriptionSearchCriteria": "description",
    "LabelSearchCriteria": "label",
    "UserIdSearchCriteria": "user_id",
    "FirstNameSearchCriteria": "first_name",
    "LastNameSearchCriteria": "last_name",
    "EmailSearchCriteria": "email",
    "AddressSearchCriteria": "address",
    "PersonalAccessTokenSessionNameSearchCriteria": "session_name",
}
_CODELESS = frozenset(
    {Kind.PERSON, Kind.ROLE_ASSIGNMENT, Kind.PERSONAL_ACCESS_TOKEN, Kind.DELETION}
)
_IDENTIFIED = frozenset({Kind.PROJECT, Kind.EXPERIMENT, Kind.SAMPLE})
_FACTS: dict[tuple[Kind, str], Fact] = {
    (Kind.SAMPLE, "NoExperimentSearchCriteria"): lambda _, row: row.experiment is None,
    (Kind.SAMPLE, "NoProjectSearchCriteria"): lambda all_, row: all_.own_project(row) is None,
    (Kind.SAMPLE, "NoSpaceSearchCriteria"): lambda _, row: not row.space,
    (Kind.DATA_SET, "NoSampleSearchCriteria"): lambda _, row: row.sample is None,
    (Kind.DATA_SET, "NoExperimentSearchCriteria"): (
        lambda all_, row: all_.experiment_of_data_set(row) is None
    ),
    (Kind.SAMPLE, "NoSampleContainerSearchCriteria"): lambda _, row: row.container is None,
    (Kind.DATA_SET, "NoDataSetContainerSearchCriteria"): lambda _, row: not row.containers,
}


class Attributes:
    """Tests of single rows."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._of_all: dict[str, Maker] = {
            "UserIdsSearchCriteria": _user_ids,
            "IdsSearchCriteria": self._ids,
        }
        self._of_typed: dict[str, Maker] = {  # samples, experiments, data sets
            "RegistrationDateSearchCriteria": _registered,
            "ModificationDateSearchCriteria": _modified,
            "AnyPropertySearchCriteria": _any_property,
            "AnyFieldSearchCriteria": self._any_field,
            "StringPropertySearchCriteria": self._string_property,
            "StrictlyStringPropertySearchCriteria": self._text_property,
            "ControlledVocabularyPropertySearchCriteria": self._text_property,
            "SamplePropertySearchCriteria": self._text_property,
            "NumberPropertySearchCriteria": self._number_property,
            "DatePropertySearchCriteria": self._date_property,
            "BooleanPropertySearchCriteria": self._boolean_property,
        }

    def test(self, kind: Kind, item: Criterion) -> Test:
        """The test of one row by a criterion that no index answers.

        Raises:
            Unsupported: the kind has no such criterion.
        """
        name = short_name(item)
        text = self._text(kind, name)
        if text is not None:
            compare = string_test(item.get("fieldValue"), wildcards=has_wildcards(item))
            return lambda row: compare(text(row))
        fact = _FACTS.get((kind, name))
        if fact is not None:
            return lambda row: fact(self._catalog, row)
        maker = self._of_all.get(name)
        if maker is None and kind in TYPE_OF:
            maker = self._of_typed.get(name)
        if maker is not None:
            return maker(kind, item)
        if kind is Kind.DATA_SET:
            return data_test(self._catalog, item)
        raise Unsupported(name)

    def _text(self, kind: Kind, name: str) -> Callable[[Any], str | None] | None:
        """How to read the text that a criterion is about, or None when it is about no text."""
        if name == "CodeSearchCriteria" and kind not in _CODELESS:
            return lambda row: str(row.code)
        if name == "PermIdSearchCriteria":
            return lambda row: _perm_id(kind, row)
        if name == "IdentifierSearchCriteria" and kind in _IDENTIFIED:
            return lambda row: self._catalog.identifier(kind, row)
        attribute = _TEXT_ATTRIBUTES.get(name)
        if attribute is None:
            return None
        return lambda row: getattr(row, attribute, None)

    def _ids(self, kind: Kind, item: Criterion) -> Test:
        if kind is Kind.SAMPLE:  # broken in the server's translator as well
            raise Unsupported("IdsSearchCriteria")
        keys = {key_of_id(self._catalog, kind, given) for given in item.get("ids") or []}
        return lambda row: _perm_id(kind, row) in keys

    def _any_field(self, kind: Kind, item: Criterion) -> Test:
        compare = string_test(item.get("fieldValue"), wildcards=has_wildcards(item))

        def test(row: Any) -> bool:
            identifier = self._catalog.identifier(kind, row)
            texts = (row.code, _perm_id(kind, row), identifier, row.type, row.registrator)
            return any(map(compare, texts)) or any(map(compare, row.properties.values()))

        return test

    def _data_type(self, code: str, *allowed: str) -> str:
        known = self._catalog.property_types.rows.get(code)
        data_type = known.data_type if known is not None else "VARCHAR"
        if allowed and data_type not in allowed:
            wanted = " nor ".join(allowed)
            raise UserFailure.in_operation(f"Property {code} is neither of data type {wanted}.")
        return data_type

    def _string_property(self, _: Kind, item: Criterion) -> Test:
        code = _property_code(item)
        data_type = self._data_type(code)
        wildcards = has_wildcards(item)
        return _of_property(
            code, typed_string_test(item.get("fieldValue"), data_type, wildcards=wildcards)
        )

    def _text_property(self, _: Kind, item: Criterion) -> Test:
        compare = string_test(item.get("fieldValue"), wildcards=has_wildcards(item))
        return _of_property(_property_code(item), compare)

    def _number_property(self, _: Kind, item: Criterion) -> Test:
        code = _property_code(item)
        self._data_type(code, "INTEGER", "REAL")
        return _of_property(code, number_test(item.get("fieldValue")))

    def _date_property(self, _: Kind, item: Criterion) -> Test:
        code = _property_code(item)
        self._data_type(code, "DATE", "TIMESTAMP")
        return _of_property(code, date_test(item.get("fieldValue"), item.get("timeZone")))

    def _boolean_property(self, _: Kind, item: Criterion) -> Test:
        code = _property_code(item)
        self._data_type(code, "BOOLEAN")
        return _of_property(code, boolean_test(item.get("fieldValue")))


def _perm_id(kind: Kind, row: Any) -> str:
    if kind is Kind.PERSON:
        return str(row.user_id)
    if kind is Kind.TAG:
        return f"/{row.owner}/{row.code}"
    if kind is Kind.ROLE_ASSIGNMENT or kind is Kind.DELETION:
        return str(row.tech_id)
    return str(getattr(row, "perm_id", None) or row.code)


def _property_code(item: Criterion) -> str:
    return str(item.get("fieldName") or "").upper()


def _of_property(code: str, compare: Test) -> Test:
    return lambda row: code in row.properties and compare(row.properties[code])


def _any_property(_: Kind, item: Criterion) -> Test:
    compare = string_test(item.get("fieldValue"), wildcards=has_wildcards(item))
    return lambda row: any(map(compare, row.properties.values()))


def _user_ids(_: Kind, item: Criterion) -> Test:
    wanted = set(item.get("fieldValue") or [])
    return lambda row: row.user_id in wanted


def _registered(_: Kind, item: Criterion) -> Test:
    compare = date_test(item.get("fieldValue"), item.get("timeZone"))
    return lambda row: compare(row.registered)


def _modified(_: Kind, item: Criterion) -> Test:
    compare = date_test(item.get("fieldValue"), item.get("timeZone"))
    return lambda row: compare(row.modified)
