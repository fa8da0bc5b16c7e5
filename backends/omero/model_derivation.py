"""Derives the typed OMERO model, `backends/demo/omero/model.json`, from omero-py's classes.

`python -m backends.omero.model_derivation` writes the model to standard output; it needs the extra
`omnibis[omero]`. The generated classes say at run time which properties an entity has, but not of
which type, so their definitions are overheard while `omero` is imported for the first time. The
embedded store reads the result and never imports omero.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCALARS = {
    "::omero::RBool": "bool",
    "::omero::RDouble": "double",
    "::omero::RFloat": "double",
    "::omero::RInt": "int",
    "::omero::RLong": "long",
    "::omero::RString": "string",
    "::omero::RTime": "time",
}
NAMED_VALUE = "::omero::model::NamedValue"
ROOT = "::omero::model::IObject"
# Which entities have no owner and group is said in the server's mappings only (`global="true"`);
# enumerations are global as well.
GLOBAL = frozenset(
    {
        "AdminPrivilege",
        "DBPatch",
        "Event",
        "EventLog",
        "Experimenter",
        "ExperimenterGroup",
        "GroupExperimenterMap",
        "Node",
        "Session",
        "Share",
        "ShareMember",
    }
)


NOT_PROPERTIES = frozenset({"_details", "_loaded"})


@dataclass(slots=True)
class Definitions:
    """What the generated modules define, by Slice id (`::omero::model::Image`).

    `classes` maps to base and members with their types, `sequences` to the type of the elements.
    `ordered` holds (class, element class) of the collections with a "primary" element, which are
    lists; `nullable` holds (class, property) in their short names, `packages` the server's package
    of an entity, `symbols` those of a quantity's units.
    """

    classes: dict[str, tuple[str | None, list[tuple[str, str]]]] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    ordered: set[tuple[str, str]] = field(default_factory=set)
    nullable: set[tuple[str, str]] = field(default_factory=set)
    packages: dict[str, str] = field(default_factory=dict)
    symbols: dict[str, dict[str, str]] = field(default_factory=dict)

    def is_entity(self, name: str) -> bool:
        """Say whether a class descends from `IObject`."""
        base = self.classes[name][0] if name in self.classes else None
        return base is not None and (base == ROOT or self.is_entity(base))

    def lineage(self, name: str) -> list[str]:
        """List a class and its superclasses, itself first, `IObject` left out."""
        base = self.classes[name][0]
        return [name] if base in (None, ROOT) else [name, *self.lineage(str(base))]

    def is_quantity(self, name: str) -> bool:
        """Say whether a class is a value with a unit."""
        members = self.classes[name][1] if name in self.classes else []
        return [member for member, _ in members] == ["_value", "_unit"]

    def is_enumeration(self, name: str) -> bool:
        """Say whether a class is one of the enumerations that administrators may extend."""
        if not self.is_entity(name) or self.classes[name][0] != ROOT:
            return False
        members = dict(self.classes[name][1])
        return members.get("_value") == "::omero::RString" and "_version" not in members


def derive(definitions: Definitions) -> dict[str, dict[str, Any]]:
    """Turn definitions into the model.

    Returns:
        `entities`: name → package, superclass, properties, and whether it is global; `units`:
        quantity → unit → symbol.
    """
    model: dict[str, dict[str, Any]] = {}
    for slice_id in sorted(definitions.classes):
        if not definitions.is_entity(slice_id):
            continue
        base, members = definitions.classes[slice_id]
        entity: dict[str, Any] = {"properties": _properties(definitions, slice_id, members)}
        if _short(slice_id) in definitions.packages:
            entity["package"] = definitions.packages[_short(slice_id)]
        else:
            entity["abstract"] = True
        if base is not None and base != ROOT:
            entity["superclass"] = _short(base)
        if definitions.is_enumeration(slice_id) or _short(slice_id) in GLOBAL:
            entity["global"] = True
        model[_short(slice_id)] = entity
    _complete(model)
    units = {name: dict(sorted(units.items())) for name, units in definitions.symbols.items()}
    return {"entities": model, "units": dict(sorted(units.items()))}


def _complete(model: dict[str, dict[str, Any]]) -> None:
    """Add what only the whole model tells: packages of abstract classes, inverses."""
    for name, entity in reversed(model.items()):
        for above in _lineage(model, name):  # an abstract class has its subclasses' package
            if "package" in entity:
                model[above].setdefault("package", entity["package"])
    for name, entity in model.items():
        for collection, described in entity["properties"].items():
            if described["kind"] == "collection" and "target" in described:
                described["inverse"] = _inverse(model, name, collection, described["target"])


def _lineage(model: Mapping[str, Any], name: str) -> list[str]:
    lineage = [name]
    while above := model[lineage[-1]].get("superclass"):
        lineage.append(above)
    return lineage


def _properties(
    definitions: Definitions, owner: str, members: list[tuple[str, str]]
) -> dict[str, dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = {}
    for member, slice_type in members:
        described = _described(definitions, slice_type)
        if described is None or member in NOT_PROPERTIES:
            continue
        name = member.removeprefix("_")
        if described["kind"] == "collection":
            name = name.removesuffix("Seq")
            if (owner, definitions.sequences[slice_type]) in definitions.ordered:
                described["ordered"] = True
        elif (_short(owner), name) in definitions.nullable:
            described["nullable"] = True
        properties[name] = described
    return dict(sorted(properties.items()))


def _described(definitions: Definitions, slice_type: str) -> dict[str, Any] | None:
    """Describe a member by its type; None for what is no property of the model."""
    element = definitions.sequences.get(slice_type, "")
    described: dict[str, Any] | None = None
    if slice_type in SCALARS:
        described = {"kind": "scalar", "type": SCALARS[slice_type]}
    elif definitions.is_quantity(slice_type):
        described = {"kind": "quantity", "type": _short(slice_type)}
    elif definitions.is_enumeration(slice_type):
        described = {"kind": "enum", "target": _short(slice_type)}
    elif definitions.is_entity(slice_type):
        described = {"kind": "reference", "target": _short(slice_type)}
    elif element in (NAMED_VALUE, "string"):
        described = {"kind": "collection", "type": _short(element), "ordered": True}
    elif definitions.is_entity(element):
        described = {"kind": "collection", "target": _short(element)}
    return described


def _inverse(model: Mapping[str, Any], owner: str, collection: str, target: str) -> str | None:
    """Name the reference of `target` that points back, as the server's mappings do.

    A collection of links hangs on `parent` or `child`, whichever has the owner's type; where both
    have it, on `parent`. Elsewhere a single reference to the owner decides.
    """
    lineage = _lineage(model, owner)
    candidates = [
        name
        for name, described in model[target]["properties"].items()
        if described["kind"] == "reference" and described["target"] in lineage
    ]
    if "parent" in candidates:
        return "parent"
    if len(candidates) > 1:
        raise ValueError(f"{owner}.{collection}: which of {candidates} points back?")
    return candidates[0] if candidates else None


def _short(slice_id: str) -> str:
    return slice_id.rpartition("::")[2]


def overhear() -> Definitions:
    """Import omero-py and note what its generated modules define.

    Raises:
        RuntimeError: omero was imported before, so that there is nothing left to overhear.
    """
    if any(name == "omero" or name.startswith("omero_") for name in sys.modules):
        raise RuntimeError("omero has been imported already: derive the model in a fresh process")
    ice_py: Any = importlib.import_module("IcePy")
    definitions = Definitions()
    names: dict[int, str] = {id(ice_py._t_string): "string"}  # noqa: SLF001 - as the generated code
    kept: list[Any] = []  # so that no id() is given twice
    originals = {name: getattr(ice_py, name) for name in ("declareClass", "defineClass")}
    define_sequence = ice_py.defineSequence

    def remember(token: Any, name: str) -> Any:
        kept.append(token)
        names[id(token)] = name
        return token

    def declare(name: str, *rest: Any) -> Any:
        return remember(originals["declareClass"](name, *rest), name)

    def define(name: str, python: type, *rest: Any) -> Any:
        base, members = rest[4], rest[6]
        definitions.classes[name] = (
            None if base is None else names.get(id(base)),
            [(member[0], names.get(id(member[2]), "")) for member in members],
        )
        return remember(originals["defineClass"](name, python, *rest), name)

    def sequence(name: str, meta: Any, element: Any) -> Any:
        definitions.sequences[name] = names.get(id(element), "")
        return remember(define_sequence(name, meta, element), name)

    ice_py.declareClass, ice_py.defineClass, ice_py.defineSequence = declare, define, sequence
    try:
        importlib.import_module("omero.all")
    finally:
        ice_py.declareClass = originals["declareClass"]
        ice_py.defineClass = originals["defineClass"]
        ice_py.defineSequence = define_sequence
    _note_details(definitions)
    return definitions


def _note_details(definitions: Definitions) -> None:
    """Add what only the finished classes tell: which collections are lists, what may be null."""
    module = importlib.import_module("omero.model")
    for slice_id in definitions.classes:
        short = _short(slice_id)
        interface = getattr(module, short, None)
        if interface is None or not slice_id.startswith("::omero::model::"):
            continue
        for operation in vars(interface):
            if operation.startswith("_op_getPrimary"):
                element = "::omero::model::" + operation.removeprefix("_op_getPrimary")
                definitions.ordered.add((slice_id, element))
        implementation = getattr(module, f"{short}I", None)
        if implementation is None:
            continue
        if symbols := getattr(implementation, "SYMBOLS", None):
            definitions.symbols[short] = symbols
        for constant in vars(implementation).values():
            if isinstance(constant, str) and f".{short}_" in constant:
                definitions.packages[short] = constant.partition(f".{short}_")[0]
        described = getattr(implementation, "_field_info", None)
        if described is not None:
            facts = described._asdict().items()
            lineage = [_short(above) for above in definitions.lineage(slice_id)]
            definitions.nullable.update(
                (above, name) for name, fact in facts if fact.nullable for above in lineage
            )


def rendered(model: Mapping[str, Any]) -> str:
    """Render the model as it is checked in: one line per property and per quantity, sorted."""
    lines: list[str] = []
    for name, entity in sorted(model["entities"].items()):
        head = {key: value for key, value in sorted(entity.items()) if key != "properties"}
        body = _lines(entity["properties"], indent="  ")
        lines.append(f'{json.dumps(name)}: {{{json.dumps(head)[1:-1]}, "properties": {{{body}}}}}')
    entities = ",\n".join(lines)
    return f'{{"entities": {{\n{entities}\n}},\n"units": {{{_lines(model["units"])}}}}}\n'


def _lines(mapping: Mapping[str, Any], indent: str = "") -> str:
    lines = [
        f"{indent}{json.dumps(key)}: {json.dumps(value, sort_keys=True, ensure_ascii=False)}"
        for key, value in sorted(mapping.items())
    ]
    return "\n" + ",\n".join(lines) + "\n" if lines else ""


def main() -> None:
    """Write the model to standard output."""
    sys.stdout.write(rendered(derive(overhear())))


if __name__ == "__main__":
    main()
