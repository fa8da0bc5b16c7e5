from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLError, Source, parse
from graphql.language import Location

from api.types.errors import MASKED, ErrorCode, code_of, collapse, format_error
from backends import errors as backend
from link_store import errors as links
from resolvers import errors as resolver

EXPECTED = {
    backend.Unavailable: "BACKEND_UNAVAILABLE",
    backend.OutcomeUnknown: "BACKEND_UNAVAILABLE",
    backend.TimedOut: "BACKEND_TIMEOUT",
    backend.SessionExpired: "SESSION_EXPIRED",
    backend.AuthenticationFailed: "UNAUTHENTICATED",
    backend.AccessDenied: "FORBIDDEN",
    backend.ChangedMeanwhile: "STALE_REVISION",
    backend.NotFound: "NOT_FOUND",
    backend.InvalidRequest: "BAD_USER_INPUT",
    backend.BudgetSpent: "LIMIT_EXCEEDED",
    backend.ProtocolError: "INTERNAL",
    links.InvalidLink: "BAD_USER_INPUT",
    links.LinkNotFound: "NOT_FOUND",
    links.LinkConflict: "LINK_CONFLICT",
    links.StaleRevision: "STALE_REVISION",
    links.InvalidSnapshot: "BAD_USER_INPUT",
    links.SnapshotNotFound: "NOT_FOUND",
    links.ClaimTaken: "LINK_CONFLICT",
    links.LostOperation: "STALE_REVISION",
    links.StoreUnavailable: "BACKEND_UNAVAILABLE",
    links.MigrationRequired: "INTERNAL",
    resolver.BadInput: "BAD_USER_INPUT",
    resolver.Missing: "NOT_FOUND",
    resolver.NotSignedIn: "UNAUTHENTICATED",
    resolver.LimitExceeded: "LIMIT_EXCEEDED",
    resolver.TooLate: "BAD_USER_INPUT",
    resolver.Busy: "INTERNAL",
    resolver.NotAllowed: "FORBIDDEN",
    resolver.NotInstalled: "INTERNAL",
    resolver.StorageFailed: "BACKEND_UNAVAILABLE",
}
ROOTS = (backend.BackendError, links.LinkStoreError, resolver.ResolverError)


def below(root: type[Exception]) -> Iterator[type[Exception]]:
    for child in root.__subclasses__():
        yield child
        yield from below(child)


def classes() -> set[type[Exception]]:
    """All classes of the three trees that the house itself declares."""
    return {
        class_
        for root in ROOTS
        for class_ in below(root)
        if class_.__module__.split(".")[0] in {"backends", "link_store", "resolvers", "api"}
    }


def make(class_: type[Exception], message: str = "Do something else.") -> Exception:
    if issubclass(class_, backend.BackendError):
        return class_(backend.Source.OMERO, message)
    if class_ is links.LinkConflict:
        return links.LinkConflict(message, links.LinkEnd.OMERO, (3,))
    return class_(message)


def formatted(original: Exception | None, **given: Any) -> dict[str, Any]:
    message = str(original) if original else "A message."
    return format_error(GraphQLError(message, original_error=original, **given), "r-1")


def test_every_class_of_the_three_trees_has_a_code() -> None:
    without = {class_ for class_ in classes() if not issubclass(class_, tuple(EXPECTED))}
    assert without == set(), "give the new class a code in api/types/errors.py"
    assert set(EXPECTED) <= classes()


def test_a_finer_class_has_the_code_of_its_parent() -> None:
    finer = type("Finer", (backend.Unavailable,), {"__module__": "elsewhere"})
    told = formatted(finer(backend.Source.OPENBIS, "Try again."))
    assert told["extensions"]["code"] == "BACKEND_UNAVAILABLE"
    assert told["message"] == "Try again."


@pytest.mark.parametrize("class_", EXPECTED)
def test_the_code_of_each_class(class_: type[Exception]) -> None:
    error = make(class_)
    assert code_of(error) == EXPECTED[class_]
    told = formatted(error)
    assert told["message"] == "Do something else."
    assert told["extensions"]["code"] == EXPECTED[class_]
    assert told["extensions"]["requestId"] == "r-1"
    assert EXPECTED[class_] in set(ErrorCode)


@pytest.mark.parametrize("class_", EXPECTED)
def test_the_source_and_whether_to_try_again(class_: type[Exception]) -> None:
    extensions = formatted(make(class_))["extensions"]
    if issubclass(class_, backend.BackendError):
        assert extensions["source"] == "OMERO"
    elif issubclass(class_, links.LinkStoreError):
        assert extensions["source"] == "LINK_STORE"
    else:
        assert "source" not in extensions
    again = {
        backend.Unavailable,
        backend.TimedOut,
        links.StoreUnavailable,
        resolver.StorageFailed,
    }
    assert extensions["retryable"] is (class_ in again)


def test_codes_are_those_of_the_design() -> None:
    assert set(ErrorCode) == {
        "UNAUTHENTICATED",
        "FORBIDDEN",
        "NOT_FOUND",
        "BAD_USER_INPUT",
        "LINK_CONFLICT",
        "STALE_REVISION",
        "BACKEND_UNAVAILABLE",
        "BACKEND_TIMEOUT",
        "SESSION_EXPIRED",
        "LIMIT_EXCEEDED",
        "INTERNAL",
    }


@pytest.mark.parametrize(
    "original",
    [
        ValueError("password=secret at /srv/house.py"),
        KeyError("token"),
        RuntimeError("https://omero.internal:4064"),
        type("Novel", (backend.BackendError,), {"__module__": "elsewhere"})(
            backend.Source.OMERO, "a text nobody has looked at"
        ),
    ],
)
def test_what_belongs_to_no_tree_is_masked(original: Exception) -> None:
    told = formatted(original)
    assert told["message"] == MASKED
    assert told["extensions"]["code"] == "INTERNAL"
    assert told["extensions"]["retryable"] is False
    assert "secret" not in str(told)


def test_an_error_of_the_document_is_the_users() -> None:
    told = formatted(None)
    assert told["extensions"] == {
        "code": "BAD_USER_INPUT",
        "retryable": False,
        "requestId": "r-1",
    }
    assert told["message"] == "A message."


def test_an_error_keeps_the_extensions_it_came_with() -> None:
    told = formatted(None, extensions={"code": "LIMIT_EXCEEDED", "limit": 12})
    assert told["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert told["extensions"]["limit"] == 12


def test_an_error_within_an_error_is_looked_through() -> None:
    inner = GraphQLError("inner", original_error=make(backend.TimedOut))
    assert formatted(inner)["extensions"]["code"] == "BACKEND_TIMEOUT"


def test_where_an_error_stands_is_told() -> None:
    field = parse("{ a }", no_location=False).definitions[0]
    assert isinstance(field.loc, Location)
    error = GraphQLError("No.", [field], path=["a", 0], source=Source("{ a }"))
    told = format_error(error, "r-1")
    assert told["locations"] == [{"line": 1, "column": 1}]
    assert told["path"] == ["a", 0]
    assert "locations" not in formatted(None)
    assert "path" not in formatted(None)


def test_one_dead_source_is_one_error_with_its_number_of_places() -> None:
    def at(class_: type[Exception], place: int, source: backend.Source) -> dict[str, Any]:
        error = class_(source, "Wait.")
        return formatted(error, path=["rows", place])

    omero, openbis = backend.Source.OMERO, backend.Source.OPENBIS
    told = collapse(
        [
            *(at(backend.Unavailable, place, omero) for place in range(4)),
            at(backend.NotFound, 4, omero),
            at(backend.Unavailable, 5, openbis),
            at(backend.NotFound, 6, omero),
            at(backend.TimedOut, 7, omero),
            at(backend.Unavailable, 8, omero),
            formatted(make(resolver.NotSignedIn), path=["rows", 9]),
        ]
    )
    seen = [
        (each["path"][1], each["extensions"]["code"], each["extensions"].get("occurrences"))
        for each in told
    ]
    assert seen == [
        (0, "BACKEND_UNAVAILABLE", 5),
        (4, "NOT_FOUND", None),
        (5, "BACKEND_UNAVAILABLE", 1),
        (6, "NOT_FOUND", None),
        (7, "BACKEND_TIMEOUT", 1),
        (9, "UNAUTHENTICATED", None),
    ]
    assert collapse([]) == []
