"""Typed predicates and page requests, as the API takes them and the adapters push them down.

An empty predicate matches everything. Within one predicate all that is set must hold; `all_of`,
`any_of` and `none_of` nest. Text comparison is case-sensitive for `eq`, `ne` and `one_of`, and
ignores case for `contains` and `starts_with`, on both systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from backends.records import Quantity

T = TypeVar("T")

Key = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True)
class StringMatch:
    """A condition on a text; `exists` asks whether there is a value at all."""

    eq: str | None = None
    ne: str | None = None
    one_of: tuple[str, ...] | None = None
    contains: str | None = None
    starts_with: str | None = None
    exists: bool | None = None


@dataclass(frozen=True, slots=True)
class NumberMatch:
    """A condition on a number; bounds are combined by and."""

    eq: float | None = None
    lt: float | None = None
    le: float | None = None
    gt: float | None = None
    ge: float | None = None
    between: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class QuantityMatch:
    """A condition on a number with a unit; both sides are compared as one physical quantity."""

    eq: Quantity | None = None
    lt: Quantity | None = None
    le: Quantity | None = None
    gt: Quantity | None = None
    ge: Quantity | None = None
    between: tuple[Quantity, Quantity] | None = None


@dataclass(frozen=True, slots=True)
class DateMatch:
    """A condition on a time: from (inclusive) and before (exclusive), both timezone-aware."""

    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class PropertyMatch:
    """A condition on one openBIS property, given by its code."""

    code: str
    string: StringMatch | None = None
    number: NumberMatch | None = None
    date: DateMatch | None = None
    boolean: bool | None = None


@dataclass(frozen=True, slots=True)
class ProjectFilter:
    """Which openBIS projects."""

    code: StringMatch | None = None
    space: StringMatch | None = None
    perm_id: StringMatch | None = None
    all_of: tuple[ProjectFilter, ...] = ()
    any_of: tuple[ProjectFilter, ...] = ()
    none_of: tuple[ProjectFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class ExperimentFilter:
    """Which openBIS experiments."""

    code: StringMatch | None = None
    perm_id: StringMatch | None = None
    type: StringMatch | None = None
    properties: tuple[PropertyMatch, ...] = ()
    project: ProjectFilter | None = None
    registered: DateMatch | None = None
    modified: DateMatch | None = None
    all_of: tuple[ExperimentFilter, ...] = ()
    any_of: tuple[ExperimentFilter, ...] = ()
    none_of: tuple[ExperimentFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which openBIS samples; `project` holds for the sample's own or its experiment's project."""

    code: StringMatch | None = None
    perm_id: StringMatch | None = None
    type: StringMatch | None = None
    properties: tuple[PropertyMatch, ...] = ()
    project: ProjectFilter | None = None
    experiment: ExperimentFilter | None = None
    parent: SampleFilter | None = None
    child: SampleFilter | None = None
    registered: DateMatch | None = None
    modified: DateMatch | None = None
    all_of: tuple[SampleFilter, ...] = ()
    any_of: tuple[SampleFilter, ...] = ()
    none_of: tuple[SampleFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class OmicsFilter:
    """Which openBIS data sets."""

    code: StringMatch | None = None
    type: StringMatch | None = None
    kind: str | None = None  # PHYSICAL or LINK
    properties: tuple[PropertyMatch, ...] = ()
    sample: SampleFilter | None = None
    experiment: ExperimentFilter | None = None
    registered: DateMatch | None = None
    modified: DateMatch | None = None
    all_of: tuple[OmicsFilter, ...] = ()
    any_of: tuple[OmicsFilter, ...] = ()
    none_of: tuple[OmicsFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyValueMatch:
    """A condition on one key-value pair: namespace, key and value hold for the same pair."""

    key: str
    namespace: str | None = None
    value: StringMatch | None = None


@dataclass(frozen=True, slots=True)
class ContainerFilter:
    """Which OMERO projects or datasets."""

    omero_ids: tuple[int, ...] | None = None
    name: StringMatch | None = None
    key_values: tuple[KeyValueMatch, ...] = ()
    tag: StringMatch | None = None
    all_of: tuple[ContainerFilter, ...] = ()
    any_of: tuple[ContainerFilter, ...] = ()
    none_of: tuple[ContainerFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which OMERO images; `channel` holds for the name or fluorophore of one channel."""

    omero_ids: tuple[int, ...] | None = None
    name: StringMatch | None = None
    key_values: tuple[KeyValueMatch, ...] = ()
    tag: StringMatch | None = None
    channel: StringMatch | None = None
    magnification: NumberMatch | None = None
    pixel_size: QuantityMatch | None = None  # along x
    size_x: NumberMatch | None = None
    size_y: NumberMatch | None = None
    size_z: NumberMatch | None = None
    size_c: NumberMatch | None = None
    size_t: NumberMatch | None = None
    pixel_type: StringMatch | None = None
    format: StringMatch | None = None
    acquired: DateMatch | None = None
    imported: DateMatch | None = None
    image_dataset: ContainerFilter | None = None
    image_project: ContainerFilter | None = None
    all_of: tuple[ImageFilter, ...] = ()
    any_of: tuple[ImageFilter, ...] = ()
    none_of: tuple[ImageFilter, ...] = ()


class Sort(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """An order; the object's own id is always added as the tie-breaker.

    Fields on openBIS: `code`, `perm_id`, `registered`, `modified`. On OMERO: `id`, `name`,
    `acquired` (images; those without a date come last), `imported`.
    """

    field: str
    descending: bool = False


class PageRequest(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """A keyset page: at most `limit` rows strictly beyond `key` in the direction of travel.

    `key` is the (sort value, id) pair of a row; `backward` walks from the end and still returns
    rows in the order of `sort`. `count` asks for the total over all pages.
    """

    limit: int
    sort: Sort
    key: Key | None = None
    backward: bool = False
    count: bool = False

    def beyond(self, key: Key) -> PageRequest:
        """The page that follows a row, in the direction of travel."""
        return msgspec.structs.replace(self, key=key)


class Page(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """Rows in order with the key of each, whether more lie beyond, and the total if asked for."""

    items: tuple[T, ...]
    keys: tuple[Key, ...]
    has_more: bool
    total: int | None = None
