"""Edges that are answered for many rows at once, and values that are often there already.

A resolver in `api/types` is written for one row. Where the rows of a page are known together, one
call for all of them is faster than a coroutine for each: a `Batched` is that call. The resolver is
marked with it (`@batched(…)`) and falls back on it itself (`alone`), so that there is one piece of
logic. The compiled plans of `api/execution` call it with whole pages; graphql-core knows nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from api.selection import Info, Tree, selection
from resolvers.context import RequestContext

F = TypeVar("F", bound=Callable[..., Any])


class _Later:
    """The type of `LATER`."""

    def __repr__(self) -> str:
        return "LATER"


LATER: Final = _Later()  # what a row's quick answer says when it has to be fetched


@dataclass(frozen=True, slots=True)
class Ask:
    """What there is to know about a field, the same for all rows.

    Args:
        context: the request.
        tree: what is selected below the field.
        scope: the field's name with its type's (`Sample.images`): whose cursors are valid.
        path: where in the answer the field of the nth row stands; dear, so asked only for errors.
    """

    context: RequestContext
    tree: Tree
    scope: str
    path: Callable[[int], Sequence[str | int]]


Answer = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that answers a field at once, where the record says that it was fetched.

    Args:
        name: the attribute.
        needs: which relations must be among the record's `fetched`.
        or_empty: whether nothing is an empty list.
    """

    name: str
    needs: Callable[[Ask], frozenset[str]]
    or_empty: bool = False


class Batched:
    """How a field is answered for many rows.

    Args:
        many: given the rows, the `Ask` and the field's arguments, returns a value or an exception
            for each row, in their order. What it raises is the answer to every row.
        ready: given the `Ask` and the arguments, returns a function of one row that answers at
            once, or says `LATER`; it has no effects.
        attribute: says the same as `ready` without arguments, for plans to read it themselves.
    """

    __slots__ = ("attribute", "many", "ready")

    def __init__(
        self,
        many: Callable[..., Awaitable[Sequence[Any]]] | None = None,
        ready: Callable[..., Answer] | None = None,
        attribute: Attribute | None = None,
    ) -> None:
        if many is None and ready is None:
            raise TypeError("One of `many` and `ready` is needed.")
        self.ready = ready
        self.attribute = attribute
        self.many = many if many is not None else self._all_ready

    async def _all_ready(self, rows: Sequence[Any], ask: Ask, **arguments: Any) -> Sequence[Any]:
        assert self.ready is not None  # noqa: S101 - the constructor sees to it
        return list(map(self.ready(ask, **arguments), rows))


def batched(how: Batched) -> Callable[[F], F]:
    """Mark the resolver of one row with how many rows are answered."""

    def mark(resolver: F) -> F:
        vars(resolver)["batched"] = how  # read by api/execution/plans.py
        return resolver

    return mark


async def alone(how: Batched, root: Any, info: Info, **arguments: Any) -> Any:
    """Answer one row the way many would be."""
    path = info.path
    ask = Ask(
        info.context,
        selection(info),
        f"{path.typename}.{info.field_name}",
        lambda _row: path.as_list(),
    )
    if how.ready is not None:
        answer = how.ready(ask, **arguments)(root)
        if answer is not LATER:
            return answer
    (answer,) = await how.many([root], ask, **arguments)
    if isinstance(answer, Exception):
        raise answer
    return answer
