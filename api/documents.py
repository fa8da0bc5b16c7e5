"""Parsed and validated documents, remembered: a client sends the same few again and again.

One `Documents` belongs to one schema. It turns a query text into a document, or into the errors it
has, in this order: too long, not GraphQL, beyond a limit, not valid for the schema. Only valid
documents are remembered, so that nobody can push them out with garbage.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    recommended_rules,
    specified_rules,
    validate,
)
from graphql.validation import ASTValidationRule
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from api.guard import NoIntrospection, limit_errors, scan_error
from api.limits import Limits, limit_error

MOST_ERRORS: Final = 20
LONGEST_REMEMBERED: Final = 32_768  # characters


class Refusal(Exception):  # noqa: N818 - the name is the state, as a reader says it
    """A document that cannot be run, with the reasons; each has its code."""

    def __init__(self, errors: tuple[GraphQLError, ...]) -> None:
        super().__init__(*(error.message for error in errors))
        self.errors = errors


class Documents:
    """The documents of one schema.

    Args:
        schema: what documents are validated against.
        limits: how large a document may be.
        introspection: whether `__schema` and `__type` are answered.
        suggestions: whether errors may say "Did you mean …?", which tells names of the schema.
        capacity: how many documents are remembered.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        *,
        introspection: bool,
        suggestions: bool,
        capacity: int = 512,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._hide_suggestions = not suggestions
        self._capacity = capacity
        self._remembered: OrderedDict[str, DocumentNode] = OrderedDict()
        self._rules: tuple[type[ASTValidationRule], ...] = (
            *specified_rules,
            *recommended_rules,
            MaybeNullValidationRule,  # Strawberry's two, which its own execution would add
            OneOfInputValidationRule,
            *(() if introspection else (NoIntrospection,)),
        )

    def __len__(self) -> int:
        return len(self._remembered)

    def known(self, query: str) -> DocumentNode | None:
        """Return a document that is remembered."""
        document = self._remembered.get(query)
        if document is not None:
            self._remembered.move_to_end(query)
        return document

    def get(self, query: str) -> DocumentNode:
        """Return the valid document of a query text.

        Raises:
            Refusal: it is not a valid document of this schema, or too large.
        """
        known = self.known(query)
        if known is not None:
            return known
        document = self._parse(query)
        errors = limit_errors(document, self._limits) or validate(
            self._schema,
            document,
            self._rules,
            max_errors=MOST_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )
        if errors:
            raise Refusal(tuple(map(user_error, errors)))
        if len(query) <= LONGEST_REMEMBERED:
            self._remembered[query] = document
            if len(self._remembered) > self._capacity:
                self._remembered.popitem(last=False)
        return document

    def _parse(self, query: str) -> DocumentNode:
        beyond = scan_error(query, self._limits)
        if beyond is not None:
            raise Refusal((beyond,))
        tokens = self._limits.tokens
        try:
            return parse(query, max_lexical_tokens=tokens, max_comments=tokens)
        except GraphQLError as error:
            if "nested too deeply" in error.message:
                error = limit_error("levels of nested fields", self._limits.depth)
            elif error.message.endswith("Parsing aborted."):
                error = limit_error("tokens or comments in its document", tokens)
            raise Refusal((user_error(error),)) from None


def user_error(error: GraphQLError) -> GraphQLError:
    """Mark an error of the request itself as the client's to mend, unless it has its code."""
    if "code" not in (error.extensions or {}):
        error.extensions = {
            **(error.extensions or {}),
            "code": "BAD_USER_INPUT",
            "retryable": False,
        }
    return error


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Return the operation that a request runs, or None where the executor will explain."""
    operations = [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        and (name is None or (definition.name is not None and definition.name.value == name))
    ]
    return operations[0] if len(operations) == 1 else None
