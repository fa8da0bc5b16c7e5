"""Personal access tokens: each user makes his own, an administrator those of others as well.

A token's permId is the secret. It is valid for no longer than the server allows, whatever was
asked for. That tokens are not managed by tokens is seen to in `execution.py`.
"""

from __future__ import annotations

from typing import Any

from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rows import PersonalAccessToken
from backends.demo.openbis.sessions import new_token
from backends.demo.openbis.writing.changes import Update, texts
from backends.demo.openbis.writing.work import Creation, Work, denied, text_of

VALIDITY_SECONDS = 30 * 24 * 3600
WARNING_SECONDS = 5 * 24 * 3600


def create_tokens(work: Work, creations: list[Creation]) -> list[str]:
    """Create personal access tokens."""
    keys = []
    for creation in creations:
        name = text_of(creation.get("sessionName"))
        if not name:
            raise UserFailure.in_operation("Session name cannot be empty.")
        owner = work.optional_key(Kind.PERSON, creation.get("ownerId")) or work.user
        if owner != work.user and not work.rights.registers:
            raise UserFailure.in_operation(
                f"User '{work.user}' is not allowed to create a personal access token "
                f"for user '{owner}'"
            )
        begin, end = _period(creation)
        row = PersonalAccessToken(
            new_token(owner, work.now / 1000, "$pat-"),
            name,
            owner,
            work.user,
            work.user,
            begin,
            end,
            work.now,
            work.now,
        )
        keys.append(work.insert(Kind.PERSONAL_ACCESS_TOKEN, row))
    return keys


def update_tokens(work: Work, updates: list[Update]) -> list[str]:
    """Set when tokens were last used, as data store servers do."""
    keys = []
    for update in updates:
        given = update.get("personalAccessTokenId")
        row = work.row(Kind.PERSONAL_ACCESS_TOKEN, given, "Personal access token id")
        if not work.rights.registers_somewhere:
            raise denied(Kind.PERSONAL_ACCESS_TOKEN, given or {})
        values = texts(update, accessed="accessDate")
        work.change(Kind.PERSONAL_ACCESS_TOKEN, row, **values)
        keys.append(row.perm_id)
    return keys


def delete_token(work: Work, key: str, given: dict[str, Any]) -> None:
    """Delete a token; it is worth nothing from then on."""
    row = work.catalog.tokens.rows[key]
    if row.owner != work.user and not work.rights.registers:
        raise denied(Kind.PERSONAL_ACCESS_TOKEN, given)
    work.remove(Kind.PERSONAL_ACCESS_TOKEN, key)


def _period(creation: Creation) -> tuple[int, int]:
    begin, end = (_date(creation, name) for name in ("From", "To"))
    if begin > end:
        raise UserFailure.in_operation("Valid from date cannot be after valid to date.")
    return begin, min(end, begin + VALIDITY_SECONDS * 1000)


def _date(creation: Creation, name: str) -> int:
    date = creation.get(f"valid{name}Date")
    if date is None:
        raise UserFailure.in_operation(f"Valid {name.lower()} date cannot be null.")
    if not isinstance(date, int) or isinstance(date, bool):
        raise invalid_parameters()
    return date
