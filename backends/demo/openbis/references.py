"""`@id` numbers and integer back-references, in requests and in responses.

A bean that occurs a second time is written as the integer of its first occurrence; identity
counts, not equality. The writer has three modes. `server` does what openBIS does. `none` repeats
every bean in full (only a cycle still needs an integer). `adversarial` puts each definition as
deep and as late as it can, so that integers precede what they refer to: harder than any server,
still unambiguous. The reader resolves references within one parameter, as Jackson does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from backends.demo.openbis.errors import invalid_parameters

Mode = Literal["none", "server", "adversarial"]

# Keys of request beans whose integers are numbers, never references.
_NUMBERS = frozenset(
    {
        *("@id", "from", "count", "value", "hourOffset", "ordinal", "size", "techId", "speedHint"),
        *("validFromDate", "validToDate", "accessDate", "dataProductionDate"),
        *("availabilityTime", "summaryAvailabilityTime", "detailsAvailabilityTime"),
        *("code", "initialValueForExistingEntities"),
    }
)


class Bean(dict[str, Any]):
    """A response object that carries `@type` and `@id`; any other dict is a plain map."""

    __slots__ = ()


def write(result: Any, mode: Mode) -> Any:
    """Number the beans of a result and replace repeated ones; consumes the result."""
    if mode == "none":
        return _Repeating().write(result)
    writer = _Numbering(_latest_edges(result) if mode == "adversarial" else None)
    return writer.write(result)


class _Numbering:
    """Writes each bean once: at its first occurrence, or at the one edge that is prescribed."""

    def __init__(self, edges: dict[int, tuple[int, Any]] | None) -> None:
        self._edges = edges
        self._numbers: dict[int, int] = {}
        self._alive: list[Bean] = []  # keeps ids of Python objects from being reused

    def write(self, result: Any) -> Any:
        return self._value(result, 0, None)

    def _value(self, value: Any, owner: int, slot: Any) -> Any:
        kind = type(value)
        if kind is Bean:
            return self._bean(value, owner, slot)
        if kind is list:
            if self._edges is None:
                return [self._value(item, owner, slot) for item in value]
            return [self._value(item, owner, (slot, at)) for at, item in enumerate(value)]
        if kind is dict:
            return {key: self._value(item, owner, (slot, key)) for key, item in value.items()}
        return value

    def _bean(self, bean: Bean, owner: int, slot: Any) -> Any:
        identity = id(bean)
        number = self._numbers.get(identity)
        if number is None:
            number = self._numbers[identity] = len(self._numbers) + 1
            self._alive.append(bean)
            if self._edges is None:
                return self._define(bean, number)
        elif self._edges is None:
            return number
        if self._edges[identity] == (owner, slot):
            return self._define(bean, number)
        return number

    def _define(self, bean: Bean, number: int) -> Bean:
        identity = id(bean)
        bean["@id"] = number
        for key, value in bean.items():
            if value is None:
                continue  # most slots are
            kind = type(value)
            if kind is Bean:
                bean[key] = self._bean(value, identity, key)
            elif kind is list or kind is dict:
                bean[key] = self._value(value, identity, key)
        return bean


class _Repeating:
    """Writes every occurrence in full, each with a number of its own."""

    def __init__(self) -> None:
        self._last = 0
        self._open: dict[int, int] = {}

    def write(self, value: Any) -> Any:
        if isinstance(value, Bean):
            identity = id(value)
            if identity in self._open:
                return self._open[identity]
            self._last += 1
            number = self._open[identity] = self._last
            copy = Bean({key: self.write(item) for key, item in value.items()})
            copy["@id"] = number
            del self._open[identity]
            return copy
        if isinstance(value, list):
            return [self.write(item) for item in value]
        if isinstance(value, dict):
            return {key: self.write(item) for key, item in value.items()}
        return value


def _latest_edges(root: Any) -> dict[int, tuple[int, Any]]:
    """For each bean the edge to define it at: depth first, the last slots first."""
    edges: dict[int, tuple[int, Any]] = {}
    stack = list(_edges_of(root, 0, None))
    while stack:
        bean, edge = stack.pop()
        if id(bean) not in edges:
            edges[id(bean)] = edge
            for key, value in bean.items():
                stack.extend(_edges_of(value, id(bean), key))
    return edges


def _edges_of(value: Any, owner: int, slot: Any) -> Iterator[tuple[Bean, tuple[int, Any]]]:
    if isinstance(value, Bean):
        yield value, (owner, slot)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _edges_of(item, owner, (slot, at))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _edges_of(item, owner, (slot, key))


def resolve(parameter: Any) -> Any:
    """Replace the integer references inside one parameter by the objects they name.

    A reference must come after the `@id` it names; the object may still be open, which is how a
    caller asks for a whole ancestry. Two objects with one `@id` are refused.
    """
    return _Resolving().value(parameter)


class _Resolving:
    def __init__(self) -> None:
        self._known: dict[int, dict[str, Any]] = {}

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._dict(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _dict(self, raw: dict[str, Any]) -> dict[str, Any]:
        number = raw.get("@id")
        if isinstance(number, int) and not isinstance(number, bool):
            if number in self._known:
                raise invalid_parameters()
            self._known[number] = raw
        if "@type" not in raw:
            return {key: self.value(item) for key, item in raw.items()}
        for key, item in raw.items():
            raw[key] = item if key in _NUMBERS else self._slot(item)
        return raw

    def _slot(self, item: Any) -> Any:
        if isinstance(item, int) and not isinstance(item, bool):
            try:
                return self._known[item]
            except KeyError:
                raise invalid_parameters() from None
        if isinstance(item, list):
            return [self._slot(element) for element in item]
        return self.value(item)
