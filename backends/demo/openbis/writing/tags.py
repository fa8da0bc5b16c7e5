"""Tags: each user's own, put on experiments, samples and data sets.

A tag that is put on something and does not exist yet is created. Nobody, not even an
administrator, may use or see another one's tags.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from backends.demo.openbis.errors import UserFailure
from backends.demo.openbis.ids import TAG_CODE, key_of_id
from backends.demo.openbis.kinds import TAGGED, Kind
from backends.demo.openbis.rights import USER
from backends.demo.openbis.rows import Tag
from backends.demo.openbis.writing.changes import Update, has_actions, listed, texts
from backends.demo.openbis.writing.work import Creation, Work, denied, missing, valid_code

_ROLES = (
    "SPACE_USER, SPACE_POWER_USER, SPACE_ADMIN, INSTANCE_ADMIN, "
    "SPACE_ETL_SERVER, INSTANCE_ETL_SERVER"
)
_ID_LISTS = {
    Kind.EXPERIMENT: "experimentIds",
    Kind.SAMPLE: "sampleIds",
    Kind.DATA_SET: "dataSetIds",
}
_NAME = re.compile(r"[^\s,/\\]+")


def create_tags(work: Work, creations: list[Creation]) -> list[str]:
    """Create tags of the caller."""
    work.require_role(work.rights.has_somewhere(USER, in_projects=False), _ROLES)
    keys = []
    for creation in creations:
        key = _create(work, str(creation.get("code") or ""), creation.get("description"))
        things = {
            TAGGED[kind]: tuple(work.keys(kind, creation.get(field)))
            for kind, field in _ID_LISTS.items()
        }
        work.change(Kind.TAG, work.catalog.tags.rows[key], **things)
        work.name(creation, Kind.TAG, key)
        keys.append(key)
    return keys


def update_tags(work: Work, updates: list[Update]) -> list[str]:
    """Describe tags, or put them on other things."""
    keys = []
    for update in updates:
        row = work.row(Kind.TAG, update.get("tagId"), "Tag id")
        values = texts(update, description="description")
        for kind, field in _ID_LISTS.items():
            if has_actions(update, field):
                current = getattr(row, TAGGED[kind])
                resolve = partial(work.keys, kind)
                values[TAGGED[kind]] = listed(current, update, field, resolve)
        work.change(Kind.TAG, row, **values)
        keys.append(work.catalog.tags.key(row))
    return keys


def delete_tag(work: Work, key: str, _: dict[str, Any]) -> None:
    """Delete a tag at once; what it was on stays."""
    work.remove(Kind.TAG, key)


def put_tags(work: Work, kind: Kind, key: str, given: Any) -> None:
    """Put tags on something new."""
    ids = [given] if isinstance(given, dict) else given or []
    for tag in _resolved(work, ids):
        _set(work, kind, key, tag, on=True)


def change_tags(work: Work, kind: Kind, key: str, update: Update) -> None:
    """Change the caller's tags on something."""
    if not has_actions(update, "tagIds"):
        return
    tags = work.catalog.tags
    own = [tag for tag in tags.by("tagged", key) if tags.rows[tag].owner == work.user]
    after = listed(own, update, "tagIds", lambda items: _resolved(work, items))
    for tag in set(own) ^ set(after):
        _set(work, kind, key, tag, on=tag in after)


def _resolved(work: Work, ids: list[Any]) -> list[str]:
    """The keys of tags, which are created when they do not exist."""
    keys = []
    for given in ids:
        key = key_of_id(work.catalog, Kind.TAG, given, work.user)
        if key is None:
            key = _create(work, _new_code(work, given), None)
        elif work.catalog.tags.rows[key].owner != work.user:
            raise denied(Kind.TAG, given)
        keys.append(key)
    return keys


def _new_code(work: Work, given: dict[str, Any]) -> str:
    if given.get("@type") == TAG_CODE and "/" not in str(given.get("code")):
        return str(given["code"])
    owner, _, code = str(given.get("permId") or given.get("code")).strip("/").partition("/")
    if not code:
        raise missing(Kind.TAG, given)
    if owner != work.user:
        raise denied(Kind.TAG, given)
    return code


def _create(work: Work, code: str, description: str | None) -> str:
    if not code:
        raise UserFailure.in_operation("Code cannot be empty.")
    valid_code(code, lambda text: _NAME.fullmatch(text) is not None)
    return work.insert(Kind.TAG, Tag(code, work.user, description, work.now))


def _set(work: Work, kind: Kind, key: str, tag: str, *, on: bool) -> None:
    row = work.catalog.tags.rows[tag]
    things = dict.fromkeys(getattr(row, TAGGED[kind]))
    if on:
        things[key] = None
    else:
        things.pop(key, None)
    work.change(Kind.TAG, row, **{TAGGED[kind]: tuple(things)})
