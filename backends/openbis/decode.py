"""From an answer's JSON to records: references resolved, only what was asked for, each bean once.

openBIS writes an object that occurs again as the bare number of its `@id`. Such a number is
resolved where the plan expects an object, and nowhere else, since sizes, counts and times are
numbers too. One bean read under one plan makes one record, so that 390 samples of one experiment
share a single experiment record. Unknown keys are ignored and missing ones are null.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backends.openbis.fetch_options import LINKS, Plan
from backends.openbis.rpc import unusable
from backends.records import (
    ContentCopyRecord,
    ExperimentRecord,
    Kind,
    OmicsDatasetRecord,
    PersonRecord,
    ProjectRecord,
    PropertyRecord,
    SampleRecord,
    SpaceRecord,
)

Bean = dict[str, Any]

# Nothing that is read as an object first stands below these; they are the bulk of an answer.
UNINDEXED = frozenset({"fetchOptions", "properties"})
CONTAINERS: frozenset[type[Any]] = frozenset({dict, list})
LISTS = frozenset({"parents", "children", "omics_datasets"})


class _Steps(NamedTuple):
    """What to do with every bean under a plan."""

    registrator: bool
    type: bool
    properties: bool
    # Functions of the class, not of the decoder: one that knew itself would outlive its answer.
    links: tuple[tuple[str, str, Callable[[Decoder, Any, Plan], Any], Plan], ...]
    finish: Callable[[Decoder, Bean, Plan, dict[str, Any]], Any]


class Decoder:
    """Reads one answer; keeps the index of its references and the records made so far."""

    def __init__(self, result: Any) -> None:
        self._result = result
        self._met: dict[int, Bean] = {}
        self._all_met = False
        self._records: dict[tuple[int, Plan], Any] = {}
        self._persons: dict[int, PersonRecord] = {}
        self._times: dict[int, datetime] = {}
        self._open: set[tuple[int, Plan]] = set()
        self._steps: dict[Plan, _Steps] = {}
        self._codes: dict[int, str] = {}

    # --- references ---------------------------------------------------------------------------

    def bean(self, value: Any) -> Bean:
        """The object that stands, or is referred to, at a place that must hold one."""
        if value.__class__ is dict:
            number = value.get("@id")
            if number.__class__ is int:
                self._met[number] = value
            return value
        if value.__class__ is int:
            if value not in self._met and not self._all_met:
                # An object is written out where the server meets it first. Nearly always we have
                # been there too; only when we had no business there is the whole answer searched.
                self._met = _indexed(self._result) | self._met
                self._all_met = True
            found = self._met.get(value)
            if found is not None:
                return found
        raise unusable("an object is missing")

    def optional(self, value: Any) -> Bean | None:
        """The object at a place that may be empty."""
        return None if value is None else self.bean(value)

    def beans(self, value: Any) -> list[Bean]:
        """The objects of a list; a list that is absent has none."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise unusable("a list is missing")
        return [self.bean(each) for each in value]

    # --- results ------------------------------------------------------------------------------

    def objects(self, result: Any) -> list[Bean]:
        """The objects of a search result."""
        return self.beans(self.bean(result).get("objects"))

    def pairs(self, result: Any) -> list[tuple[str, Bean]]:
        """Asked id and object of a get result, be it a map or a pair of parallel lists."""
        bean = self.bean(result)
        if "ids" not in bean and "objects" not in bean:
            return [
                (asked, self.bean(value))
                for asked, value in bean.items()
                if value is not None and not asked.startswith("@")
            ]
        ids, objects = bean.get("ids") or [], bean.get("objects") or []
        if len(ids) != len(objects):
            raise unusable("ids and objects differ in number")
        return [
            (self._id(asked), self.bean(value))
            for asked, value in zip(ids, objects, strict=True)
            if value is not None
        ]

    def records(self, beans: list[Bean], plan: Plan) -> list[Any]:
        """One record each."""
        return [self.record(bean, plan) for bean in beans]

    def record(self, bean: Bean, plan: Plan) -> Any:
        """The record of a bean as far as the plan goes."""
        key = (id(bean), plan)
        known = self._records.get(key)
        if known is None:
            if plan.recursive:  # no other plan can come back to itself
                self._open.add(key)
            try:
                known = self._records[key] = self._make(bean, plan)
            except RecursionError:
                raise unusable("its objects are nested too deeply") from None
            finally:
                self._open.discard(key)
        return known

    # --- entities -----------------------------------------------------------------------------

    def _make(self, bean: Bean, plan: Plan) -> Any:
        steps = self._steps.get(plan) or self._study(plan)
        shared: dict[str, Any] = {
            "code": text(bean, "code"),
            "registered_at": self._time(bean.get("registrationDate")),
            "modified_at": self._time(bean.get("modificationDate")),
            "fetched": plan.fetched,
        }
        if steps.registrator:
            shared["registrator"] = self._person(bean.get("registrator"))
        if steps.type:
            shared["type_code"] = self._code(bean.get("type"))
        if steps.properties:
            shared["properties"] = _properties(bean.get("properties"))
        for name, key, read, target in steps.links:
            shared[name] = read(self, bean.get(key), target)
        return steps.finish(self, bean, plan, shared)

    def _study(self, plan: Plan) -> _Steps:
        """What to do with every bean under a plan; said once, since there are many beans."""
        keys = LINKS[plan.kind]
        links = tuple(
            (name, keys[name][0], Decoder._many if name in LISTS else Decoder._one, target)
            for name, target in plan.links.items()
        )
        finish = {
            Kind.SAMPLE: Decoder._sample,
            Kind.OMICS_DATASET: Decoder._omics_dataset,
            Kind.EXPERIMENT: Decoder._experiment,
            Kind.PROJECT: Decoder._project,
            Kind.SPACE: Decoder._space,
        }[plan.kind]
        leaves = plan.leaves
        steps = _Steps(
            "registrator" in leaves, "type" in leaves, "properties" in leaves, links, finish
        )
        self._steps[plan] = steps
        return steps

    def _experiment(self, bean: Bean, _plan: Plan, shared: dict[str, Any]) -> ExperimentRecord:
        return ExperimentRecord(
            perm_id=self._perm_id(bean), identifier=self._identifier(bean), **shared
        )

    def _space(self, bean: Bean, _plan: Plan, shared: dict[str, Any]) -> SpaceRecord:
        return SpaceRecord(
            perm_id=self._perm_id(bean), description=bean.get("description"), **shared
        )

    def _sample(self, bean: Bean, plan: Plan, shared: dict[str, Any]) -> SampleRecord:
        if "project" in plan.links and shared["project"] is None:
            experiment = shared.get("experiment")
            shared["project"] = experiment.project if experiment is not None else None
        if "space" in plan.leaves:
            shared["space"] = self._code(bean.get("space"))
        return SampleRecord(
            perm_id=self._perm_id(bean), identifier=self._identifier(bean), **shared
        )

    def _project(self, bean: Bean, plan: Plan, shared: dict[str, Any]) -> ProjectRecord:
        if "space" in plan.leaves:
            shared["space"] = self._code(bean.get("space"))
        if "leader" in plan.leaves:
            shared["leader"] = self._person(bean.get("leader"))
        return ProjectRecord(
            perm_id=self._perm_id(bean),
            identifier=self._identifier(bean),
            description=bean.get("description"),
            **shared,
        )

    def _omics_dataset(self, bean: Bean, plan: Plan, shared: dict[str, Any]) -> OmicsDatasetRecord:
        physical = (
            self.optional(bean.get("physicalData")) if "physicalData" in plan.leaves else None
        )
        if physical is not None:
            shared["size"] = physical.get("size")
            shared["location"] = physical.get("location")
            shared["status"] = physical.get("status")
            shared["file_format"] = self._code(physical.get("fileFormatType"))
        linked = self.optional(bean.get("linkedData")) if "linkedData" in plan.leaves else None
        if linked is not None:
            shared["content_copies"] = self._copies(linked)
        return OmicsDatasetRecord(
            perm_id=self._perm_id(bean) if bean.get("permId") is not None else shared["code"],
            kind=bean.get("kind"),
            **shared,
        )

    def _copies(self, linked: Bean) -> tuple[ContentCopyRecord, ...]:
        whole = linked.get("externalDms")
        copies = self.beans(linked.get("contentCopies"))
        if not copies and linked.get("externalCode") is not None:
            copies = [{"externalCode": linked["externalCode"]}]  # servers before content copies
        made = []
        for copy in copies:
            system = self.optional(copy.get("externalDms", whole)) or {}
            made.append(
                ContentCopyRecord(
                    external_code=copy.get("externalCode"),
                    path=copy.get("path"),
                    system_code=system.get("code"),
                    system_label=system.get("label"),
                    url_template=system.get("urlTemplate"),
                )
            )
        return tuple(made)

    # --- parts --------------------------------------------------------------------------------

    def _one(self, value: Any, plan: Plan) -> Any:
        bean = self.optional(value)
        if bean is None or (id(bean), plan) in self._open:
            return None  # a circle cannot be held by frozen records
        return self.record(bean, plan)

    def _many(self, value: Any, plan: Plan) -> tuple[Any, ...]:
        beans = self.beans(value)
        if self._open:
            beans = [bean for bean in beans if (id(bean), plan) not in self._open]
        return tuple([self.record(bean, plan) for bean in beans])

    def _person(self, value: Any) -> PersonRecord | None:
        bean = self.optional(value)
        if bean is None:
            return None
        known = self._persons.get(id(bean))
        if known is None:
            known = self._persons[id(bean)] = person(bean)
        return known

    def _code(self, value: Any) -> str | None:
        if value.__class__ is not int:
            bean = self.optional(value)
            return None if bean is None else text(bean, "code")
        known = self._codes.get(value)
        if known is None:
            known = self._codes[value] = text(self.bean(value), "code")
        return known

    def _perm_id(self, bean: Bean) -> str:
        return self._id(bean.get("permId"))

    def _identifier(self, bean: Bean) -> str:
        value = bean.get("identifier")
        return text(value if value.__class__ is dict else self.bean(value), "identifier")

    def _id(self, value: Any) -> str:
        bean: Bean = value if value.__class__ is dict else self.bean(value)
        return text(bean, "permId" if "permId" in bean else "identifier")

    def _time(self, value: Any) -> datetime | None:
        if value is None:
            return None
        if not isinstance(value, int):
            raise unusable("a time is no number")
        known = self._times.get(value)
        if known is None:
            try:
                known = self._times[value] = datetime.fromtimestamp(value / 1000, tz=UTC)
            except (ValueError, OverflowError, OSError):
                raise unusable("a time is out of range") from None
        return known


def person(bean: Bean) -> PersonRecord:
    """The record of a person."""
    return PersonRecord(text(bean, "userId"), bean.get("firstName"), bean.get("lastName"))


def _indexed(root: Any) -> dict[int, Bean]:
    """Every object of an answer by its `@id`; without recursion, since answers nest deeply."""
    index: dict[int, Bean] = {}
    pending: list[Any] = [root] if root.__class__ in CONTAINERS else []
    while pending:
        value = pending.pop()
        if value.__class__ is list:
            pending += [each for each in value if each.__class__ in CONTAINERS]
            continue
        number = value.get("@id")
        if number.__class__ is int:
            index[number] = value
        for key, each in value.items():
            if each.__class__ in CONTAINERS and key not in UNINDEXED:
                pending.append(each)
    return index


def _properties(value: Any) -> tuple[PropertyRecord, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise unusable("properties are missing")
    records = []
    for code, each in value.items():
        if each.__class__ is str:
            texts: tuple[str, ...] = (each,)
        else:  # absent, a list, or from a server that types its values
            values = each if isinstance(each, list) else [each]
            texts = tuple(_spelled(part) for part in values if part is not None)
        if texts and not code.startswith("@"):
            records.append(PropertyRecord(code.upper(), texts))
    return tuple(records)


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def text(bean: Bean, key: str) -> str:
    """A text that every such object has."""
    value = bean.get(key)
    if value.__class__ is not str:
        raise unusable(f"{key} is missing")
    return value
