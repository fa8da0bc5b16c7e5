"""Documents by their SHA-256: those that the operator trusts, and those that clients have sent.

Trusted documents come from a file, as `relay-compiler --persist` and `graphql-codegen` write it
(`{"<sha256>": "query …"}`), or from a folder of `.graphql` files; each must be valid for this
schema, else nothing starts. With `trusted_documents_only`, nothing else runs. Otherwise clients may
name any document by its hash once they have sent it (Apollo's automatic persisted queries); these
are remembered within bounds, in this process.

    {"documentId": "sha256:<hash>"}
    {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "<hash>"}}}
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from cachetools import LRUCache
from graphql import GraphQLError

from api.documents import Refusal
from api.parameters import Parameters, malformed
from api.settings import SettingsError

REMEMBERED: Final = 512
LONGEST_REMEMBERED: Final = 32_768  # characters
UNKNOWN: Final = "PersistedQueryNotFound"  # the text that Apollo's clients look for


class TrustedDocuments:
    """Finds the text of a request's document.

    Args:
        trusted: texts by their hash.
        only: whether nothing else may run.
        remembers: whether documents that clients send are remembered by their hash.
    """

    def __init__(
        self,
        trusted: Mapping[str, str] | None = None,
        *,
        only: bool = False,
        remembers: bool = True,
    ) -> None:
        self._trusted = trusted or {}
        self._only = only
        self._remembers = remembers and not only
        self._sent: LRUCache[str, str] = LRUCache(REMEMBERED)

    def text(self, parameters: Parameters) -> str:
        """Return the document of a request.

        Raises:
            Refused: the text does not have the hash that it is named by.
            Refusal: the hash is not known, or the document is not a trusted one.
        """
        name, query = parameters.document, parameters.query
        if query and (self._only or name is not None):
            found = sha256(query)
            if name not in (None, found):
                raise malformed("The document's SHA-256 is not the one that it is named by.")
            name = found
        if name is None:
            return query
        known = self._trusted.get(name)
        if known is None and not self._only:
            known = query or self._sent.get(name)
        if known is not None:
            return known
        if self._only:
            raise _refusal("FORBIDDEN", "This server runs documents on its list only.")
        raise _refusal("NOT_FOUND", UNKNOWN)

    def remember(self, parameters: Parameters) -> None:
        """Remember a valid document that was sent with its hash."""
        name, query = parameters.document, parameters.query
        if self._remembers and name and query and len(query) <= LONGEST_REMEMBERED:
            self._sent[name] = query


def sha256(text: str) -> str:
    """Return the hash that names a document."""
    return hashlib.sha256(text.encode()).hexdigest()


def _refusal(code: str, message: str) -> Refusal:
    return Refusal((GraphQLError(message, extensions={"code": code, "retryable": False}),))


def load_documents(path: Path, check: Callable[[str], object]) -> dict[str, str]:
    """Read trusted documents.

    Args:
        path: a JSON file, or a folder of `.graphql` files.
        check: raises a Refusal when a document is not valid.

    Raises:
        SettingsError: it cannot be read, or a document is not what it says, or not valid.
    """
    variable = "OMNIBIS_TRUSTED_DOCUMENTS"
    try:
        if path.is_dir():
            texts: dict[str, Any] = {
                str(file): file.read_text("utf-8") for file in sorted(path.glob("*.graphql"))
            }
            named = {sha256(text): (name, text) for name, text in texts.items()}
        else:
            given = orjson.loads(path.read_bytes())
            named = {str(name): (str(name), text) for name, text in given.items()}
    except (OSError, ValueError, AttributeError):
        raise SettingsError(
            f"{variable} must be a JSON object of documents by SHA-256, or a folder: {path}"
        ) from None
    for name, (shown, text) in named.items():
        if not isinstance(text, str) or sha256(text) != name:
            raise SettingsError(f"{variable}: {shown} is not the SHA-256 of its document.")
        try:
            check(text)
        except Refusal as refusal:
            raise SettingsError(f"{variable}: {shown}: {refusal.errors[0].message}") from None
    return {name: text for name, (_, text) in named.items()}
