"""The OMERO model as the embedded store knows it: entities, properties, hierarchies, units.

It is read from `model.json`, which `backends/omero/model_derivation.py` derives from
omero-py, so no table of the model is written by hand. The tables of the store and the meaning of
HQL paths both follow from it; no SQL lives here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an entity.

    `kind` is scalar, quantity, enum, reference or collection. `type` is the type of a scalar, the
    quantity, or of a collection's elements if those are values (`NamedValue`, `string`); `target`
    is an entity. `inverse` is the reference by which a collection's elements point back.
    """

    name: str
    kind: str
    type: str | None = None
    target: str | None = None
    nullable: bool = False
    ordered: bool = False
    inverse: str | None = None


@dataclass(slots=True, eq=False)
class Entity:
    """A class of the model; `table` is the topmost class, whose table holds the hierarchy."""

    name: str
    package: str
    is_abstract: bool
    is_global: bool
    superclass: Entity | None
    own: dict[str, Property]
    subclasses: list[Entity] = field(default_factory=list)

    @property
    def table(self) -> Entity:
        """The topmost class."""
        return self if self.superclass is None else self.superclass.table

    @property
    def has_class(self) -> bool:
        """Whether the table holds several classes and therefore has a class column."""
        return bool(self.table.subclasses)

    @property
    def is_enumeration(self) -> bool:
        """Whether its rows are values that administrators may extend, such as pixel types."""
        return self.is_global and "value" in self.own and "version" not in self.own

    def family(self) -> list[Entity]:
        """List the entity and all its subclasses."""
        return [self, *(below for sub in self.subclasses for below in sub.family())]

    def find(self, name: str) -> list[Property]:
        """Find a property, first here and above, then below, where several may bear the name."""
        above: Entity | None = self
        while above is not None:
            if name in above.own:
                return [above.own[name]]
            above = above.superclass
        return [sub.own[name] for sub in self.family() if name in sub.own]


@dataclass(frozen=True, slots=True)
class Model:
    """All entities by name, and the symbols of units by their names (`MICROMETER` → `µm`)."""

    entities: dict[str, Entity]
    symbols: dict[str, str]

    def table_of(self, entity: str) -> str:
        """Name the table that holds the rows of an entity; unknown entities name themselves."""
        known = self.entities.get(entity)
        return entity if known is None else known.table.name


@cache
def omero_model() -> Model:
    """Read the model, once."""
    text = resources.files("backends.demo.omero").joinpath("model.json").read_text("utf-8")
    raw = json.loads(text)
    entities: dict[str, Entity] = {}

    def entity(name: str) -> Entity:
        if name not in entities:
            described = raw["entities"][name]
            above = entity(described["superclass"]) if "superclass" in described else None
            properties = described["properties"].items()
            entities[name] = Entity(
                name=name,
                package=described["package"],
                is_abstract=described.get("abstract", False),
                is_global=described.get("global", above is not None and above.is_global),
                superclass=above,
                own={prop: Property(name=prop, **facts) for prop, facts in properties},
            )
            if above is not None:
                above.subclasses.append(entities[name])
        return entities[name]

    for name in raw["entities"]:
        entity(name)
    symbols = {unit: symbol for units in raw["units"].values() for unit, symbol in units.items()}
    return Model(entities, symbols)
