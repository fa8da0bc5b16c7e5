"""Search criteria about the data of data sets: physical data, linked data, the data store.

An empty `PhysicalDataSearchCriteria` or `LinkedDataSearchCriteria` asks for the kind of data set;
the interface has no other word for that. Only `attributes.py` calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import invalid_parameters
from backends.demo.openbis.values import Test, number_test, short_name, string_test

Criterion = dict[str, Any]
PartTest = Callable[[Criterion], Test]

_PHYSICAL_TEXTS = {
    "ShareIdSearchCriteria": "share_id",
    "StatusSearchCriteria": "status",
    "CompleteSearchCriteria": "complete",
}
# What the embedded server has the same for all physical data.
_CONSTANTS = {
    "PresentInArchiveSearchCriteria": False,
    "StorageConfirmationSearchCriteria": True,
    "ArchivingRequestedSearchCriteria": False,
}
_COPY_TEXTS = {
    "ExternalCodeSearchCriteria": "external_code",
    "PathSearchCriteria": "path",
    "GitCommitHashSearchCriteria": "git_commit_hash",
    "GitRepositoryIdSearchCriteria": "git_repository_id",
}
_SYSTEM_TEXTS = {
    "CodeSearchCriteria": "code",
    "LabelSearchCriteria": "label",
    "AddressSearchCriteria": "address",
}


class Unsupported(Exception):  # noqa: N818 - openBIS calls it so
    """The kind has no such criterion; the argument is the criterion's class name."""


def has_wildcards(item: Criterion) -> bool:
    """Whether `*` and `?` are wildcards in this criterion; by default they are."""
    return bool(item.get("useWildcards", True))


def members(item: Criterion) -> list[Criterion]:
    """The criteria inside a group; a bare object is accepted where a list is expected."""
    found = item.get("criteria") or []
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(member, dict) for member in found):
        raise invalid_parameters()
    return found


def data_test(catalog: Catalog, item: Criterion) -> Test:
    """The test of one data set by a criterion about its data.

    Raises:
        Unsupported: data sets have no such criterion.
    """
    name = short_name(item)
    if name == "PhysicalDataSearchCriteria":
        physical = _together(item, _physical)
        return lambda row: row.kind == "PHYSICAL" and physical(row)
    if name == "LinkedDataSearchCriteria":
        linked = _together(item, lambda part: _linked(catalog, part))
        return lambda row: row.kind == "LINK" and linked(row)
    if name == "DataStoreSearchCriteria":
        store_test = _together(item, _code)
        verdict = any(store_test(store) for store in catalog.data_stores.rows.values())
        return lambda _: verdict
    raise Unsupported(name)


def _together(item: Criterion, part_test: PartTest) -> Test:
    """All parts of a group, or any of them; an empty group holds."""
    parts = [part_test(part) for part in members(item)]
    if item.get("operator") == "OR" and parts:
        return lambda row: any(part(row) for part in parts)
    return lambda row: all(part(row) for part in parts)


def _physical(item: Criterion) -> Test:
    name = short_name(item)
    value = item.get("fieldValue")
    if name == "SizeSearchCriteria":
        number = number_test(value)
        return lambda row: row.size is not None and number(row.size)
    if name == "LocationSearchCriteria":
        text = string_test(value, wildcards=has_wildcards(item))
        return lambda row: text(row.location)
    if name == "FileFormatTypeSearchCriteria":
        code = _together(item, _text)
        return lambda row: code(row.file_format)
    if name in _PHYSICAL_TEXTS:
        wanted = value.get("value") if isinstance(value, dict) else value
        attribute = _PHYSICAL_TEXTS[name]
        return lambda row: wanted in {None, getattr(row, attribute)}
    if name in _CONSTANTS:
        wanted = value.get("value") if isinstance(value, dict) else value
        verdict = wanted in {None, _CONSTANTS[name]}
        return lambda _: verdict
    raise Unsupported(name)


def _linked(catalog: Catalog, item: Criterion) -> Test:
    name = short_name(item)
    attribute = _COPY_TEXTS.get(name)
    if attribute is not None:
        text = _text(item)
        return lambda row: any(text(getattr(copy, attribute)) for copy in row.content_copies)
    if name == "ExternalDmsSearchCriteria":
        system_test = _together(item, _system)
        systems = catalog.external_dms.rows
        return lambda row: any(
            copy.external_dms in systems and system_test(systems[copy.external_dms])
            for copy in row.content_copies
        )
    raise Unsupported(name)


def _text(item: Criterion) -> Test:
    return string_test(item.get("fieldValue"), wildcards=has_wildcards(item))


def _code(item: Criterion) -> Test:
    if short_name(item) != "CodeSearchCriteria":
        raise Unsupported(short_name(item))
    text = _text(item)
    return lambda row: text(row.code)


def _system(item: Criterion) -> Test:
    attribute = _SYSTEM_TEXTS.get(short_name(item))
    if attribute is None:
        raise Unsupported(short_name(item))
    text = _text(item)
    return lambda row: text(getattr(row, attribute))
