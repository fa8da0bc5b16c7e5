"""A context whose backends answer with made-up records, some odd: nulls, wrong types, errors.

Nothing here is a backend: it stands where the batchers and adapters stand, so that thousands of
operations can be executed twice over the very same records. What a key has for an answer is decided
by the seed and the key alone.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import types
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any, Union, get_args, get_origin, get_type_hints

from msgspec.structs import replace
from pydantic import SecretStr

from backends.errors import NotFound, Source, Unavailable
from backends.filters import Page
from backends.openbis.client import Count, Search
from backends.records import (
    EntityTypeRecord,
    ExperimenterRecord,
    ExperimentRecord,
    GroupRecord,
    ImageDatasetRecord,
    ImageProjectRecord,
    ImageRecord,
    KeyValueRecord,
    Kind,
    OmicsDatasetRecord,
    ProjectRecord,
    SampleRecord,
    TagRecord,
)
from link_store.records import LinkEventRecord, ProjectLinkRecord, SampleLinkRecord
from resolvers.context import RequestContext, Viewer

CODES = ["Q_BIOLOGICAL_ENTITY", "Q_NCBI_ORGANISM", "Q_OMERO_IDS", "N"]
UNITS = ["MICROMETER", "MILLIMETER", "NANOMETER", "PIXEL"]
RELATIONS = frozenset(
    {
        *("type", "properties", "space", "project", "experiment", "parents", "children"),
        *("ancestors", "descendants", "omics_datasets", "sample", "registrator", "leader"),
        *("location", "content_copies", "channels", "channel_names", "objective", "instrument"),
        *("key_values", "key_value_pairs", "magnification", "tags", "roi_count", "fileset"),
    }
)
# What tells records apart stays what it is: rows of a page are found by it.
SOUND = {"perm_id", "omero_id", "owner_id", "group_id", "openbis_perm_id", "id", "fetched"}
KINDS = {
    Kind.PROJECT: ProjectRecord,
    Kind.EXPERIMENT: ExperimentRecord,
    Kind.SAMPLE: SampleRecord,
    Kind.OMICS_DATASET: OmicsDatasetRecord,
}


class Odd(Enum):
    """A member of an enum that no schema knows."""

    THING = "thing"


def oddities(chance: random.Random) -> Any:
    """Return something that hardly any field may be."""
    return chance.choice(
        [
            *[None] * 3,
            *[7, -(2**40), 2.5, float("nan"), float("inf"), True],
            *["", "text", "12", b"bytes", [], ["a", None], {}, object()],
            *[Odd.THING, ValueError("a value is an error"), datetime(2020, 1, 2, 3)],  # noqa: DTZ001 - odd
            Unavailable(Source.OMERO, "This value is not to be had."),
        ]
    )


class OddWorld:
    """Makes records by key, and the context that hands them out.

    Args:
        seed: decides everything.
        odd: how often a field is odd.
        failing: how often a batcher fails.
    """

    def __init__(self, seed: int, *, odd: float, failing: float) -> None:
        self._seed = seed
        self._odd = odd
        self._failing = failing
        self._made: dict[str, Any] = {}

    def chance(self, *key: Any) -> random.Random:
        """Return the dice of a key."""
        return random.Random(f"{self._seed}:{key!r}")  # noqa: S311 - dice

    def record(self, class_: type, *key: Any) -> Any:
        """Return the record of a key, or None for a few."""
        name = f"{class_.__name__}:{key!r}"
        if name not in self._made:
            chance = self.chance(name)
            self._made[name] = None if chance.random() < 0.05 else self._make(class_, chance, 0)
        return self._made[name]

    def rows(self, class_: type, count: int, *key: Any) -> tuple[Any, ...]:
        """Return the rows of a list."""
        found = (self.record(class_, *key, row) for row in range(count))
        return tuple(each for each in found if each is not None)

    def _make(self, class_: type, chance: random.Random, depth: int) -> Any:
        hints = get_type_hints(class_)
        values = {}
        for name in _fields(class_):
            value = self._value(name, hints[name], chance, depth)
            odd = name not in SOUND and chance.random() < self._odd
            values[name] = oddities(chance) if odd else value
        return class_(**values)

    def _value(  # noqa: PLR0911 - a table of kinds of annotation
        self, name: str, hint: Any, chance: random.Random, depth: int
    ) -> Any:
        arguments = get_args(hint)
        if get_origin(hint) in (Union, types.UnionType):
            inner = next(each for each in arguments if each is not type(None))
            if name == "color" and chance.random() < 0.7:
                return tuple(chance.randint(0, 255) for _ in range(4))
            deep = depth > 2 and (_fields(inner) or get_origin(inner) is tuple)
            return (
                None if deep or chance.random() < 0.2 else self._value(name, inner, chance, depth)
            )
        if get_origin(hint) is tuple:
            count = chance.choice([0, 1, 2, 3]) if depth < 3 else 0
            return tuple(self._value(name, arguments[0], chance, depth + 1) for _ in range(count))
        if get_origin(hint) is frozenset:
            chosen = [each for each in sorted(RELATIONS) if chance.random() < 0.8]
            return RELATIONS if chance.random() < 0.5 else frozenset(chosen)
        if _fields(hint):
            return self._make(hint, chance, depth + 1)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return chance.choice(list(hint))
        return self._scalar(name, hint, chance)

    @staticmethod
    def _scalar(  # noqa: PLR0911 - a table
        name: str, hint: Any, chance: random.Random
    ) -> Any:
        if hint is str:
            if name == "unit":
                return chance.choice(UNITS)
            if name == "kind":
                return chance.choice(["PHYSICAL", "CONTAINER", "LINK"])
            if name in {"code", "type_code"} and chance.random() < 0.5:
                return chance.choice(CODES)
            return f"{name}-{chance.randint(0, 9999)}"
        if hint is int:
            return chance.randint(0, 999)
        if hint is float:
            return round(chance.uniform(0, 100), 3)
        if hint is bool:
            return chance.random() < 0.5
        if hint is datetime:
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randint(0, 10**6))
        raise TypeError(f"{name}: {hint}")

    def context(self) -> RequestContext:
        """Return a fresh context of a request over this world."""
        services: Any = SimpleNamespace(
            openbis=_OddOpenbis(self),
            omero=_OddOmero(self),
            links=SimpleNamespace(),
            cache=None,
            subject_types=("Q_BIOLOGICAL_ENTITY",),
            omero_web="https://omero.example.org/web",
            omero_web_server=1,
        )
        viewer = Viewer("v", "ada", SecretStr("a"), SecretStr("b"))
        made = RequestContext(viewer, services, "r-1")
        made.loaders = _OddLoaders(self)
        return made

    def fail_perhaps(self, name: str) -> None:
        """Fail if this source of the world is down."""
        chance = self.chance("failing", name)
        if chance.random() < self._failing:
            raise chance.choice(
                [
                    Unavailable(Source.OMERO, f"{name} is not reachable."),
                    NotFound(Source.OPENBIS, f"{name} has nothing."),
                ]
            )


class _Loader:
    """Stands where a batcher stands."""

    def __init__(self, world: OddWorld, name: str) -> None:
        self._world = world
        self._name = name

    async def load(self, key: Any) -> Any:
        return (await self.load_many([key]))[0]

    async def load_many(self, keys: Sequence[Any]) -> list[Any]:
        await asyncio.sleep(0)
        self._world.fail_perhaps(self._name)
        return [self._answer(key) for key in keys]

    def _answer(self, key: Any) -> Any:  # noqa: PLR0911 - a table of loaders
        world, name = self._world, self._name
        chance = world.chance(name, _text(key))
        count = chance.choice([0, 1, 1, 2, 3])
        match name:
            case "openbis":
                return self._openbis(key, chance, count)
            case "images_of_datasets":
                return _page(world.rows(ImageRecord, count, "in", _text(key)), chance)
            case "image_datasets_of_projects":
                return _page(world.rows(ImageDatasetRecord, count, "in", _text(key)), chance)
            case "entity_types":
                types_ = world.rows(EntityTypeRecord, 3, "type", str(key))
                return {f"{row}": each for row, each in enumerate(types_) if each.properties}
            case "identities":
                return SimpleNamespace(is_admin=chance.random() < 0.5, user="ada")
        class_, many = _ANSWERS[name]
        if many:
            return world.rows(class_, count, name, _text(key))
        return world.record(class_, name, _text(key))

    def _openbis(self, key: Any, chance: random.Random, count: int) -> Any:
        if isinstance(key, Count):
            return count
        if isinstance(key, Search):
            class_ = KINDS[key.kind]
            rows = self._world.rows(class_, count, "found", _text(key.filter))
            return _page(rows, chance, last=key.page.key is not None)
        record = self._world.record(KINDS[key.kind], key.id)
        fetched = record and replace(record, fetched=RELATIONS)
        return self._world._made.setdefault(f"fetched:{key.kind}:{key.id}", fetched)


_ANSWERS: dict[str, tuple[type, bool]] = {
    "image_projects": (ImageProjectRecord, False),
    "image_datasets": (ImageDatasetRecord, False),
    "images": (ImageRecord, False),
    "image_datasets_of_images": (ImageDatasetRecord, True),
    "image_projects_of_datasets": (ImageProjectRecord, True),
    "key_values": (KeyValueRecord, True),
    "tags": (TagRecord, True),
    "experimenters": (ExperimenterRecord, False),
    "groups": (GroupRecord, False),
    "sample_links": (SampleLinkRecord, False),
    "sample_links_of_omero": (SampleLinkRecord, False),
    "project_links": (ProjectLinkRecord, False),
    "project_links_of_omero": (ProjectLinkRecord, False),
    "histories": (LinkEventRecord, True),
}


class _OddLoaders:
    def __init__(self, world: OddWorld) -> None:
        self._world = world
        self._known: dict[str, _Loader] = {}

    def __getattr__(self, name: str) -> _Loader:
        return self._known.setdefault(name, _Loader(self._world, name))


class _OddOpenbis:
    def __init__(self, world: OddWorld) -> None:
        self._world = world


class _OddOmero:
    """Stands where the OMERO adapter stands."""

    def __init__(self, world: OddWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        class_ = {
            "images": ImageRecord,
            "image_datasets": ImageDatasetRecord,
            "image_projects": ImageProjectRecord,
        }.get(name)

        async def answer(*arguments: Any, **_more: Any) -> Any:
            await asyncio.sleep(0)
            self._world.fail_perhaps(f"omero.{name}")
            chance = self._world.chance(name)
            if class_ is None:
                return chance.randint(0, 9)
            return _page(self._world.rows(class_, 4, name, len(arguments)), chance)

        return answer


def _page(rows: tuple[Any, ...], chance: random.Random, *, last: bool = False) -> Page[Any]:
    keys = tuple((f"k{row}", row) for row in range(len(rows)))
    more = chance.random() < 0.5 and not last  # whoever reads on comes to an end
    return Page(rows, keys, has_more=more, total=chance.randint(0, 99))


def _text(key: Any) -> str:
    """Return what tells a key apart, whatever is fetched along and in whatever pages."""
    if hasattr(key, "id"):
        return f"{type(key).__name__}:{key.id}"
    return repr(key)


def _fields(class_: Any) -> tuple[str, ...]:
    """Return the fields of a class of records, none of anything else."""
    if dataclasses.is_dataclass(class_):
        return tuple(each.name for each in dataclasses.fields(class_))
    return getattr(class_, "__struct_fields__", ())
