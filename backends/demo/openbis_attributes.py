"""What a single search criterion tests on one row: attributes, properties, data of data sets.

`Attributes.test` turns a criterion that no index answers into a test of a row. How two values
compare is decided in `openbis_values.py`; how criteria combine in `openbis_criteria.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.demo.openbis_catalog import Catalog
from backends.demo.openbis_errors import UserFailure
from backends.demo.openbis_ids import key_of_id
from backends.demo.openbis_kinds import TYPE_OF, Kind
from backends.demo.openbis_values import (
    Test,
    boolean_test,
    date_test,
    number_test,
    short_name,
    string_test,
    typed_string_test,
)

Criterion = dict[str, Any]

_PROPERTY_CRITERIA = frozenset(
    {
        "StringPropertySearchCriteria",
        "StrictlyStringPropertySearchCriteria",
        "NumberPropertySearchCriteria",
        "DatePropertySearchCriteria",
        "BooleanPropertySearchCriteria",
        "ControlledVocabularyPropertySearchCriteria",
        "SamplePropertySearchCriteria",
    }
)
_TEXT_ATTRIBUTES: dict[str, str] = {
    "DescriptionSearchCriteria": "description",
    "LabelSearchCriteria": "label",
    "UserIdSearchCriteria": "user_id",
    "FirstNameSearchCriteria": "first_name",
    "LastNameSearchCriteria": "last_name",
    "EmailSearchCriteria": "email",
    "AddressSearchCriteria": "url_template",
}
_PHYSICAL_TEXTS: dict[str, Callable[[Any], str | None]] = {
    "LocationSearchCriteria": lambda row: row.location,
    "ShareIdSearchCriteria": lambda _: "1",
}
_PHYSICAL_CHOICES = {"StatusSearchCriteria": "AVAILABLE", "CompleteSearchCriteria": "YES"}
_PHYSICAL_FLAGS = {
    "PresentInArchiveSearchCriteria": False,
    "StorageConfirmationSearchCriteria": True,
    "ArchivingRequestedSearchCriteria": False,
}


class Unsupported(Exception):  # noqa: N818 - openBIS calls it so
    """The kind has no such criterion; the argument is the criterion's class name."""


class Attributes:
    """Tests of single rows."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def test(self, kind: Kind, item: Criterion) -> Test:
        """The test of one row by a criterion that no index answers."""
        name = short_name(item)
        if name in _PROPERTY_CRITERIA and kind in TYPE_OF:
            return self._property(name, item)
        text = self._text(kind, name)
        if text is not None:
            compare = string_test(item.get("fieldValue"), wildcards=_wildcards(item))
            return lambda row: compare(text(row))
        if name in {"RegistrationDateSearchCriteria", "ModificationDateSearchCriteria"}:
            return _date(kind, name, item)
        if name == "AnyPropertySearchCriteria" and kind in TYPE_OF:
            return self._any_property(item)
        if name == "AnyFieldSearchCriteria" and kind in TYPE_OF:
            return self._any_field(kind, item)
        if name == "UserIdsSearchCriteria":
            wanted = set(item.get("fieldValue") or [])
            return lambda row: row.user_id in wanted
        if name == "IdsSearchCriteria" and kind is not Kind.SAMPLE:  # broken there on the server
            keys = {key_of_id(self._catalog, kind, given) for given in item.get("ids") or []}
            return lambda row: self._perm_id(kind, row) in keys
        return self._relation(kind, name, item)

    def _text(self, kind: Kind, name: str) -> Callable[[Any], str | None] | None:
        if name == "CodeSearchCriteria" and kind is not Kind.PERSON:
            return lambda row: str(row.code)
        if name == "PermIdSearchCriteria":
            return lambda row: self._perm_id(kind, row)
        if name == "IdentifierSearchCriteria" and kind in {
            Kind.SAMPLE,
            Kind.EXPERIMENT,
            Kind.PROJECT,
        }:
            return lambda row: self._catalog.identifier(kind, row)
        attribute = _TEXT_ATTRIBUTES.get(name)
        if attribute is None:
            return None
        return lambda row: getattr(getattr(row, "term", row), attribute, None)

    def _perm_id(self, kind: Kind, row: Any) -> str:
        if kind is Kind.PERSON:
            return str(row.user_id)
        return str(getattr(row, "perm_id", None) or row.code)

    def _property(self, name: str, item: Criterion) -> Test:
        code = str(item.get("fieldName") or "").upper()
        known = self._catalog.property_types.rows.get(code)
        data_type = known.data_type if known is not None else "VARCHAR"
        value = item.get("fieldValue")
        if name == "StringPropertySearchCriteria":
            compare = typed_string_test(value, data_type, wildcards=_wildcards(item))
        elif name == "NumberPropertySearchCriteria":
            _require_type(code, data_type, "INTEGER", "REAL")
            compare = number_test(value)
        elif name == "DatePropertySearchCriteria":
            _require_type(code, data_type, "DATE", "TIMESTAMP")
            compare = date_test(value, item.get("timeZone"))
        elif name == "BooleanPropertySearchCriteria":
            _require_type(code, data_type, "BOOLEAN")
            compare = boolean_test(value)
        else:
            compare = string_test(value, wildcards=_wildcards(item))
        return lambda row: code in row.properties and compare(row.properties[code])

    def _any_property(self, item: Criterion) -> Test:
        compare = string_test(item.get("fieldValue"), wildcards=_wildcards(item))
        return lambda row: any(compare(value) for value in row.properties.values())

    def _any_field(self, kind: Kind, item: Criterion) -> Test:
        compare = string_test(item.get("fieldValue"), wildcards=_wildcards(item))

        def test(row: Any) -> bool:
            texts = (
                row.code,
                self._perm_id(kind, row),
                self._catalog.identifier(kind, row),
                row.type,
                row.registrator,
                *row.properties.values(),
            )
            return any(compare(text) for text in texts)

        return test

    def _relation(self, kind: Kind, name: str, item: Criterion) -> Test:
        if name in {"NoExperimentSearchCriteria", "NoSampleSearchCriteria"} and kind in TYPE_OF:
            if name == "NoSampleSearchCriteria":
                return lambda row: row.sample is None
            if kind is Kind.DATA_SET:
                return lambda row: self._catalog.experiment_of_data_set(row) is None
            return lambda row: row.experiment is None
        if kind is Kind.SAMPLE and name == "NoProjectSearchCriteria":
            return lambda row: self._catalog.own_project(row) is None
        if kind is Kind.SAMPLE and name == "NoSpaceSearchCriteria":
            return lambda row: not row.space
        if name in {"NoSampleContainerSearchCriteria", "NoDataSetContainerSearchCriteria"}:
            return lambda _: True
        if name in {
            "SampleContainerSearchCriteria",
            "DataSetContainerSearchCriteria",
            "TagSearchCriteria",
        }:
            return lambda _: False  # the embedded content has neither containers nor tags
        if kind is Kind.DATA_SET and name == "PhysicalDataSearchCriteria":
            return _group(item, lambda row: row.kind == "PHYSICAL", _physical)
        if kind is Kind.DATA_SET and name == "LinkedDataSearchCriteria":
            return _group(item, lambda row: row.kind == "LINK", self._linked)
        if kind is Kind.DATA_SET and name == "DataStoreSearchCriteria":
            stores = [self.test(Kind.DATA_STORE, part) for part in item.get("criteria") or []]
            rows = self._catalog.data_stores.rows.values()
            return lambda _: any(all(test(store) for test in stores) for store in rows)
        raise Unsupported(name)

    def _linked(self, item: Criterion) -> Test:
        name = short_name(item)
        compare = string_test(item.get("fieldValue"), wildcards=_wildcards(item))
        if name == "ExternalCodeSearchCriteria":
            return lambda row: compare(row.external_code)
        if name in {"PathSearchCriteria", "GitCommitHashSearchCriteria"}:
            return lambda _: False
        if name == "ExternalDmsSearchCriteria":
            parts = [self.test(Kind.EXTERNAL_DMS, part) for part in item.get("criteria") or []]
            either = item.get("operator") == "OR"
            systems = self._catalog.external_dms.rows

            def test(row: Any) -> bool:
                system = systems.get(row.external_dms or "")
                if system is None:
                    return False
                verdicts = [part(system) for part in parts]
                return any(verdicts) if either and parts else all(verdicts)

            return test
        raise Unsupported(name)


def _wildcards(item: Criterion) -> bool:
    return bool(item.get("useWildcards", True))


def _require_type(code: str, data_type: str, *allowed: str) -> None:
    if data_type not in allowed:
        wanted = f"neither of data type {' nor '.join(allowed)}"
        raise UserFailure.in_operation(f"Property {code} is {wanted}.")


def _date(kind: Kind, name: str, item: Criterion) -> Test:
    """The test of a date attribute; projects and spaces cannot be asked when they changed."""
    if kind not in TYPE_OF:
        raise Unsupported(name)
    attribute = "registered" if name.startswith("Registration") else "modified"
    compare = date_test(item.get("fieldValue"), item.get("timeZone"))
    return lambda row: compare(getattr(row, attribute))


def _group(item: Criterion, applies: Test, part_test: Callable[[Criterion], Test]) -> Test:
    """A group about the data of a data set; an empty one asks whether there is any."""
    parts = [part_test(part) for part in item.get("criteria") or []]
    if item.get("operator") == "OR" and parts:
        return lambda row: applies(row) and any(part(row) for part in parts)
    return lambda row: applies(row) and all(part(row) for part in parts)


def _physical(item: Criterion) -> Test:
    name = short_name(item)
    value = item.get("fieldValue")
    if name == "SizeSearchCriteria":
        compare = number_test(value)
        return lambda row: row.size is not None and compare(row.size)
    if name in _PHYSICAL_TEXTS:
        text, compare = _PHYSICAL_TEXTS[name], string_test(value, wildcards=_wildcards(item))
        return lambda row: compare(text(row))
    if name in _PHYSICAL_CHOICES:
        verdict = value in {None, _PHYSICAL_CHOICES[name]}
        return lambda _: verdict
    if name in _PHYSICAL_FLAGS:
        verdict = value in {None, _PHYSICAL_FLAGS[name]}
        return lambda _: verdict
    if name == "FileFormatTypeSearchCriteria":
        codes = [
            string_test(part.get("fieldValue"), wildcards=_wildcards(part))
            for part in item.get("criteria") or []
            if short_name(part) == "CodeSearchCriteria"
        ]
        return lambda row: all(code(row.file_format) for code in codes)
    raise Unsupported(name)
