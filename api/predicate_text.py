"""A cohort's filter as text, with the checks that the API makes: for the command line.

The text is what stands after `where:` in a query, or the same as JSON, or a snapshot's `question`.
It goes through the schema's own input type, so a name that is misspelt or a value of another kind
is refused here in the words that the API has for it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from graphql import GraphQLError, GraphQLInputObjectType, Undefined, parse_value
from graphql.utilities import (
    coerce_input_value,
    validate_input_value,
    value_from_ast_untyped,
)
from strawberry.types.arguments import convert_argument

from api.schema import build_schema
from api.types.cohort_filters import CohortFilter
from resolvers.cohorts.predicates import Question, Unit, checked, read_question
from resolvers.errors import BadInput

MOST_FAULTS: Final = 3
EXAMPLE: Final = '{project: {code: {eq: "QCLIN"}}, has: {image: {tag: {eq: "CT"}}}}'


def read_filter(text: str, unit: Unit) -> Question:
    """Return the question that a text and a unit make.

    Raises:
        BadInput: it is not a filter; the message says where.
    """
    given = _value(text.strip())
    if isinstance(given, dict) and given.keys() == {"version", "unit", "where"}:
        return checked(read_question(orjson.dumps(given)))
    schema = build_schema()
    type_ = schema._schema.get_type("CohortFilter")  # noqa: SLF001 - its public form is SDL text
    if not isinstance(type_, GraphQLInputObjectType):
        raise TypeError("CohortFilter")
    faults: list[str] = []
    if given is None or given is Undefined:  # null, or a variable
        raise BadInput(f"Give a filter, such as {EXAMPLE}.")

    def note(error: GraphQLError, path: list[str | int]) -> None:
        place = ".".join(map(str, path))
        faults.append(f"{place}: {error.message}" if place else error.message)

    validate_input_value(given, type_, note)
    if faults:
        raise BadInput("The filter cannot be understood. " + " ".join(faults[:MOST_FAULTS]))
    coerced = coerce_input_value(given, type_)
    registry = schema.schema_converter.scalar_registry
    where: Any = convert_argument(coerced, CohortFilter, registry, schema.config)
    return checked(Question(unit, where.to_predicate()))


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return value_from_ast_untyped(parse_value(text))
    except GraphQLError as error:
        raise BadInput(
            f"The filter is neither a GraphQL value nor JSON: {error.message}; such as {EXAMPLE}."
        ) from None
