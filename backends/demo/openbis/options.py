"""Fetch options: what a caller wants loaded along, parsed from a request parameter.

A node knows its relations, its page and its order. Nodes may refer to themselves (a whole
ancestry in one call). `token` is equal for structurally equal nodes: openBIS translates one
entity once per such options, which decides which response objects are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backends.demo.openbis.errors import invalid_parameters
from backends.demo.openbis.references import Bean

Row = TypeVar("Row")

_PAGING = frozenset({"@type", "@id", "from", "count", "cacheMode", "sort"})


@dataclass(frozen=True, slots=True)
class Ordering:
    """One sort field with its direction."""

    field: str
    ascending: bool


@dataclass(slots=True, eq=False)
class Options:
    """One fetch-options object of the request."""

    type: str
    start: int | None = None
    count: int | None = None
    sort: tuple[Ordering, ...] = ()
    raw_sort: Any = None
    relations: dict[str, Options] = field(default_factory=dict)
    token: int = -1

    def get(self, relation: str) -> Options | None:
        """The options of a relation, or None when it is not fetched."""
        return self.relations.get(relation)

    def page(
        self, rows: list[Row], value_of: Callable[[Row, str], Any], shuffle: Callable[[Row], Any]
    ) -> list[Row]:
        """Order rows and cut the page; without sort the order means nothing, as in a hash set."""
        if self.count == 0:
            return []
        rows.sort(key=shuffle)
        for ordering in reversed(self.sort):
            name = ordering.field
            rows.sort(
                key=lambda row, name=name: _sortable(value_of(row, name)),  # type: ignore[misc]
                reverse=not ordering.ascending,
            )
        start = self.start or 0
        return rows[start:] if self.count is None else rows[start : start + self.count]


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else value)


def parse_options(raw: dict[str, Any], tokens: dict[object, int]) -> Options:
    """Parse one fetch-options parameter, references already resolved.

    `tokens` is that of the response: operations of one request share it, so that a token means
    the same in all of them. Options in a cycle are equal only to themselves.
    """
    parsed: dict[int, Options] = {}
    options = _parse(raw, parsed)
    for identity, node in parsed.items():
        image = _structure(node, ()) or ("cyclic", identity)
        node.token = tokens.setdefault(image, len(tokens))
    return options


def _parse(raw: dict[str, Any], parsed: dict[int, Options]) -> Options:
    known = parsed.get(id(raw))
    if known is not None:
        return known
    options = parsed[id(raw)] = Options(str(raw.get("@type")))
    options.start = _number(raw.get("from"))
    options.count = _number(raw.get("count"))
    options.raw_sort = raw.get("sort")
    options.sort = _orderings(options.raw_sort)
    for name, value in raw.items():
        if name not in _PAGING and isinstance(value, dict):
            options.relations[name] = _parse(value, parsed)
    return options


def _number(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise invalid_parameters()


def _orderings(raw: Any) -> tuple[Ordering, ...]:
    if raw is None:
        return ()
    sortings = raw.get("sortings") or []
    return tuple(
        Ordering(str(sorting["field"]), bool((sorting.get("order") or {}).get("asc", True)))
        for sorting in sortings
    )


def _structure(options: Options, above: Sequence[Options]) -> object | None:
    """A hashable image of the options, or None when they refer to themselves."""
    if any(options is node for node in above):
        return None
    relations = []
    for name, nested in sorted(options.relations.items()):
        image = _structure(nested, (*above, options))
        if image is None:
            return None
        relations.append((name, image))
    return (options.type, options.start, options.count, options.sort, tuple(relations))


def options_bean(options: Options, beans: dict[int, Bean]) -> Bean:
    """The bean of one options object of the request; the same object gives the same bean."""
    bean = beans.get(id(options))
    if bean is None:
        bean = beans[id(options)] = own_options_bean(options.type, {})
        bean["from"], bean["count"] = options.start, options.count
        bean["sort"] = _as_bean(options.raw_sort)
        bean.update(
            {name: options_bean(nested, beans) for name, nested in options.relations.items()}
        )
    return bean


def own_options_bean(options_type: str, relations: dict[str, Bean]) -> Bean:
    """The `fetchOptions` of one entity: new for each, its relations shared."""
    bean = Bean(_template(options_type))
    bean.update(relations)
    return bean


def _as_bean(raw: Any) -> Any:
    if isinstance(raw, dict):
        return Bean({key: _as_bean(value) for key, value in raw.items()})
    return [_as_bean(item) for item in raw] if isinstance(raw, list) else raw


_PERSONS = "registrator modifier"
_HISTORIES = "history propertiesHistory projectHistory experimentHistory unknownHistory"
_FAMILY = f"parents children components tags {_PERSONS} attachments {_HISTORIES}"
_RELATIONS = {
    "SpaceFetchOptions": "registrator samples projects",
    "ProjectFetchOptions": f"experiments samples space leader attachments history {_PERSONS}",
    "ExperimentFetchOptions": (
        f"type project dataSets samples properties materialProperties sampleProperties tags "
        f"attachments {_HISTORIES} {_PERSONS}"
    ),
    "SampleFetchOptions": (
        f"type project space experiment properties materialProperties sampleProperties {_FAMILY} "
        "container dataSets"
    ),
    "DataSetFetchOptions": (
        "type dataStore physicalData linkedData experiment sample properties materialProperties "
        f"sampleProperties containers {_FAMILY}"
    ),
    "SampleTypeFetchOptions": "propertyAssignments semanticAnnotations validationPlugin",
    "ExperimentTypeFetchOptions": "propertyAssignments validationPlugin",
    "DataSetTypeFetchOptions": "propertyAssignments validationPlugin",
    "PropertyAssignmentFetchOptions": (
        "entityType propertyType semanticAnnotations registrator plugin"
    ),
    "PropertyTypeFetchOptions": (
        "vocabulary materialType sampleType semanticAnnotations registrator"
    ),
    "VocabularyFetchOptions": "registrator terms",
    "VocabularyTermFetchOptions": "vocabulary registrator",
    "PersonFetchOptions": "space registrator roleAssignments webAppSettings allWebAppSettings",
    "RoleAssignmentFetchOptions": "space project user authorizationGroup registrator",
    "AuthorizationGroupFetchOptions": "registrator users roleAssignments",
    "TagFetchOptions": "experiments samples dataSets materials owner",
    "PersonalAccessTokenFetchOptions": "owner registrator modifier",
    "DeletionFetchOptions": "deletedObjects",
    "PhysicalDataFetchOptions": "storageFormat fileFormatType locatorType",
    "LinkedDataFetchOptions": "externalDms",
}
_TEMPLATES: dict[str, dict[str, Any]] = {}


def _template(options_type: str) -> dict[str, Any]:
    template = _TEMPLATES.get(options_type)
    if template is None:
        names = _RELATIONS.get(options_type.rpartition(".")[2], "").split()
        keys = ["@id", "from", "count", "cacheMode", "sort", *names]
        template = _TEMPLATES[options_type] = {"@type": options_type, **dict.fromkeys(keys)}
        template["cacheMode"] = "NO_CACHE"
    return template
