"""What a person may write for an end of a link, or for a link: the id here, or the system's own.

Mutations and commands read their arguments with these.
"""

from __future__ import annotations

from typing import Final

from link_store.records import LinkKind, LinkRef
from resolvers.errors import BadInput
from resolvers.paging import decode_id

LONGEST_ID: Final = 19  # digits


def openbis_id(given: str, kind: str) -> str:
    """Take a global id, a permId or an identifier for what it is.

    Raises:
        BadInput: it is the global id of something else.
    """
    try:
        found, native = decode_id(given)
    except BadInput:
        return given.strip()
    if found != kind:
        raise BadInput(f"This is the id of a {found}; give that of a {kind}.")
    return native


def omero_id(given: str, kind: str) -> int:
    """Take a global id or an OMERO id for what it is.

    Raises:
        BadInput: it is neither.
    """
    native = openbis_id(given, kind)
    digits = native.isascii() and native.isdigit() and len(native) <= LONGEST_ID
    if not (digits and 0 < int(native) < 2**63):
        raise BadInput(f"{native!r} is no id of a {kind}; give its number in OMERO, or its `id`.")
    return int(native)


def link_ref(given: str, kind: LinkKind | None = None) -> LinkRef:
    """Take the global id of a link for what it is.

    Raises:
        BadInput: it is none of a link, or of a link of the other kind.
    """
    kinds = {"ProjectLink": LinkKind.PROJECT, "SampleLink": LinkKind.SAMPLE}
    found, native = decode_id(given)
    wanted = [name for name, one in kinds.items() if kind in (None, one)]
    if found not in wanted:
        raise BadInput(f"This is the id of a {found}; give that of a {' or a '.join(wanted)}.")
    return LinkRef(kinds[found], omero_id(native, found))
