"""Named HQL parameters: checked as OMERO's server and PostgreSQL's driver would, then bound.

`store.py` hands in what a statement says about its parameters and what the caller gave.
Lists become JSON, so that the SQL of a statement does not depend on their length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_values import ParameterUse
from backends.demo.omero.model import omero_model
from backends.omero.transport import RTime

MOST_BINDS = 32_767


def bind(uses: Mapping[str, ParameterUse], params: Mapping[str, object]) -> dict[str, Any]:
    """Return the SQL parameters of a statement.

    Raises:
        StoreQueryError: one is missing, unknown, null, of the wrong type, an empty list, or there
            are more values than the driver can bind.
    """
    if surplus := params.keys() - uses.keys():
        raise StoreQueryError(f"Illegal query: no parameter named {min(surplus)!r} in it")
    bound: dict[str, Any] = {}
    count = 0
    for name, use in uses.items():
        if name not in params:
            raise StoreQueryError(
                f"Illegal query: not all named parameters have been set: {name!r}"
            )
        values = _values(name, use, params[name])
        count += len(values) * use.occurrences
        bound[f"p_{name}"] = json.dumps(values) if use.as_list else values[0]
    if count > MOST_BINDS:
        raise StoreQueryError(f"Illegal query: {count} values are more than {MOST_BINDS}")
    return bound


def _values(name: str, use: ParameterUse, given: object) -> list[Any]:
    """Return what one parameter stands for, as a list of checked values."""
    values: list[Any] = [given]
    if isinstance(given, Sequence | set | frozenset) and not isinstance(given, str):
        values = list(given)
        if use.as_scalar:
            raise StoreQueryError(f"Illegal query: :{name} takes one value, not a list")
        if not values:
            raise StoreQueryError(f"Illegal query: :{name} is an empty list, skip the call")
    kinds = set(map(type, values))
    if type(None) in kinds:
        raise StoreQueryError(f"Illegal query: :{name} is null")
    for kind in kinds:
        for category in use.categories:
            _check(name, kind, category)
    if "unit" in use.categories:
        return [_unit_name(name, str(one)) for one in values]
    return values


def _check(name: str, kind: type, category: str) -> None:
    actual = (
        "boolean"
        if kind is bool
        else "time"
        if issubclass(kind, RTime)
        else "number"
        if issubclass(kind, int | float)
        else "text"
        if issubclass(kind, str)
        else kind.__name__
    )
    expected = "text" if category == "unit" else category
    if actual != expected:
        hint = " (give it as RTime)" if expected == "time" else ""
        raise StoreQueryError(f"Illegal query: :{name} must be a {expected}, not a {actual}{hint}")


def _unit_name(name: str, unit: str) -> str:
    symbols = omero_model().symbols
    if unit in symbols:
        return unit
    for known, symbol in symbols.items():
        if symbol == unit:
            return known
    raise StoreQueryError(f"Illegal query: :{name} is no unit")
