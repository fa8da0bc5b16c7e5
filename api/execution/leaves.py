"""Scalars and enums in generated code: a test that most values pass, and the way for the rest.

A value of just the type that a scalar expects needs no work. Anything else takes the slow way: the
scalar's own `coerce_output_value`, so that the answer is graphql-core's; what that refuses, and a
null where none may be, gives the whole subtree up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from graphql import GraphQLEnumType, GraphQLLeafType, GraphQLScalarType, Undefined
from graphql.pyutils import is_awaitable

from api.execution.answers import encode


class GiveUp(Exception):  # noqa: N818 - the name is the state, as a reader says it
    """Something irregular: graphql-core executes this subtree, and makes the exact error."""


# The statement that finishes a value `{v}` of each scalar, or leaves it to the slow way `{slow}`.
# Each reads: unless it is what it should be, or null, which the second form lets pass.
_STRING: Final = "if type({v}) is not str{null}: {v} = {slow}({v})"
# CPython compares integers quickest where both have one digit: 30 bits. The slow way knows 32.
_INT: Final = (
    "if (type({v}) is not int or {v} > 1073741823 or {v} < -1073741823){null}: {v} = {slow}({v})"
)
_FLOAT: Final = "if (type({v}) is not float or {v} - {v} != 0.0){null}: {v} = {slow}({v})"
_BOOLEAN: Final = "if {v} is not True and {v} is not False{null}: {v} = {slow}({v})"
_BIG_INT: Final = "if type({v}) is not int{null}: {v} = {slow}({v})"
_MOMENT: Final = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
_QUICK: Final = {
    "String": _STRING,
    "ID": _STRING,
    "Int": _INT,
    "Float": _FLOAT,
    "Boolean": _BOOLEAN,
    "BigInt": _BIG_INT,
}


def leaf_lines(
    type_: GraphQLLeafType, v: str, *, nullable: bool, constant: Callable[[str, Any], str]
) -> list[str]:
    """Return the statements that complete variable `v` in place.

    Args:
        type_: the scalar or enum.
        v: the name of the variable.
        nullable: whether None is an answer.
        constant: gives a name to an object that the statements need.
    """
    slow = constant("slow", _slow(type_, nullable=nullable))
    if isinstance(type_, GraphQLEnumType):
        names = _names(type_)
        known = constant("names", names)
        if names and all(name == value for value, name in names.items()):
            return [f"if {v} not in {known}: {v} = {slow}({v})"]
        return [f"n = {known}.get({v})", f"if n is not None: {v} = n", f"else: {v} = {slow}({v})"]
    if _is_standard(type_, "DateTime"):
        moment, utc = constant("datetime", datetime), constant("utc", UTC)
        null = f"{v} is not None and " if nullable else ""
        # Such a moment becomes its text when the answer is encoded, at a tenth of the cost.
        return [
            f"if {null}(type({v}) is not {moment} or {v}.tzinfo is not {utc}): {v} = {slow}({v})"
        ]
    quick = _QUICK.get(type_.name)
    if quick is None or not _is_standard(type_, type_.name):
        return [f"{v} = {slow}({v})"]
    null = f" and {v} is not None" if nullable else ""
    return [quick.format(v=v, slow=slow, null=null)]


def _is_standard(type_: GraphQLLeafType, name: str) -> bool:
    """Whether a scalar of this name is the one we know, by what it does with a sample."""
    if not isinstance(type_, GraphQLScalarType) or type_.name != name:
        return False
    samples: dict[str, tuple[Any, Any]] = {
        "String": ("a", "a"),
        "ID": ("a", "a"),
        "Int": (3, 3),
        "Float": (2.5, 2.5),
        "Boolean": (True, True),
        "BigInt": (1 << 60, 1 << 60),
        "DateTime": (_MOMENT, encode(_MOMENT).decode().strip('"')),
    }
    value, expected = samples[name]
    return bool(type_.coerce_output_value(value) == expected)


def _slow(type_: GraphQLLeafType, *, nullable: bool) -> Callable[[Any], Any]:
    def slow(value: Any) -> Any:
        if value is None or value is Undefined:
            if nullable:
                return None
            raise GiveUp
        if isinstance(value, Exception) or is_awaitable(value):
            raise GiveUp
        coerced = type_.coerce_output_value(value)
        if coerced is None or coerced is Undefined:
            raise GiveUp
        return coerced

    return slow


def _names(type_: GraphQLEnumType) -> dict[Any, str]:
    """Return the names of an enum's values, where they are texts: equal texts mean the same."""
    values = {name: value.value for name, value in type_.values.items()}
    if not all(isinstance(value, str) for value in values.values()):
        return {}
    return {value: type_.coerce_output_value(value) for value in values.values()}
