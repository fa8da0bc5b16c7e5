"""Keyset pages in v3: the sort, the criteria for "beyond this row", and the keys of records.

A page is asked as "the first n beyond the key" and never by offset, so that rows which come or go
between two pages shift nothing. The permanent id breaks ties, in the direction of the sort; walking
backward turns both around. Used by `operations.py` only.
"""

from __future__ import annotations

from typing import Any

from backends.errors import InvalidRequest, Source
from backends.filters import Key, PageRequest, Sort
from backends.openbis.logic import Json, composite
from backends.openbis.names import CODE_IS_PERM_ID, NAMES
from backends.openbis.values import CODE, MODIFIED, PERM_ID, REGISTERED, date, milliseconds
from backends.records import Kind

FIELDS = {
    "code": "CODE",
    "perm_id": "PERM_ID",
    "registered": "REGISTRATION_DATE",
    "modified": "MODIFICATION_DATE",
}
DATES = {"registered": REGISTERED, "modified": MODIFIED}
PAIR = 2


def sort_options(kind: Kind, page: PageRequest) -> Json:
    """The sort to send with a page."""
    ascending = page.sort.descending == page.backward
    fields = [_field(kind, page.sort), "CODE" if kind in CODE_IS_PERM_ID else "PERM_ID"]
    return {
        "@type": NAMES[kind].sort_options,
        "sortings": [
            {
                "@type": "as.dto.common.fetchoptions.Sorting",
                "field": field,
                "order": {"@type": "as.dto.common.fetchoptions.SortOrder", "asc": ascending},
            }
            for field in dict.fromkeys(fields)
        ],
    }


def _field(kind: Kind, sort: Sort) -> str:
    if sort.field not in FIELDS:
        raise InvalidRequest(Source.OPENBIS, f"openBIS sorts by {', '.join(FIELDS)} only.")
    if sort.field == "perm_id" and kind in CODE_IS_PERM_ID:
        return "CODE"
    return FIELDS[sort.field]


def cut_here(kind: Kind, page: PageRequest) -> bool:
    """Whether the page must be cut from the whole sorted list, for want of a criterion.

    Projects and spaces have no date criteria; there are few of them, and their rows are small.
    """
    return page.key is not None and page.sort.field in DATES and kind in {Kind.PROJECT, Kind.SPACE}


def beyond(kind: Kind, page: PageRequest) -> list[Json]:
    """The criteria for rows strictly beyond the page's key."""
    if page.key is None or cut_here(kind, page):
        return []
    value, perm_id = _pair(page.key)
    later = page.sort.descending == page.backward
    identity = CODE if kind in CODE_IS_PERM_ID else PERM_ID
    further = identity.compare("GreaterThan" if later else "LessThan", perm_id)
    if _field(kind, page.sort) == "PERM_ID":
        return [further]
    if page.sort.field in DATES:
        if not isinstance(value, int):
            raise _foreign_key()
        attribute = DATES[page.sort.field]
        past = date(attribute, "LaterThan" if later else "EarlierThan", value)
        same = date(attribute, "EqualTo", value)
    else:
        if identity is CODE:
            return [further]  # the code is the whole key
        past = CODE.compare("GreaterThan" if later else "LessThan", str(value))
        same = CODE.equal(str(value))
    owner = NAMES[kind].criteria
    return [composite(owner, [past, composite(owner, [same, further])], "OR")]


def key_of(record: Any, sort: Sort) -> Key:
    """The (sort value, permanent id) pair of a record."""
    value: str | int | None
    if sort.field in DATES:
        moment = record.registered_at if sort.field == "registered" else record.modified_at
        value = None if moment is None else milliseconds(moment)
    else:
        value = record.code if sort.field == "code" else record.perm_id
    return (value, record.perm_id)


def cut(records: list[Any], page: PageRequest) -> list[Any]:
    """The rows beyond the key out of all, in the order of travel."""
    if page.key is None:
        return records
    value, perm_id = _pair(page.key)
    if not isinstance(value, int):
        raise _foreign_key()
    later = page.sort.descending == page.backward
    border = (value, perm_id)

    def is_beyond(record: Any) -> bool:
        moment, own = key_of(record, page.sort)
        position = (moment if isinstance(moment, int) else 0, str(own))
        return position > border if later else position < border

    return [record for record in records if is_beyond(record)]


def _pair(key: Key) -> tuple[str | int | float | None, str]:
    if len(key) != PAIR or not isinstance(key[1], str):
        raise _foreign_key()
    return key[0], key[1]


def _foreign_key() -> InvalidRequest:
    return InvalidRequest(
        Source.OPENBIS, "The cursor is not of this list; start from its beginning."
    )
