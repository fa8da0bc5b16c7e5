"""`UserError`: what a payload says the user can mend; all mutations share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import strawberry

from api.types.source import Source, own
from resolvers.links import Remark


@strawberry.type(description="Something that the user can mend.")
class UserError:
    """What a payload says went wrong."""

    code: str = own("The kind of error, as in `extensions.code`, or the kind of finding.")
    message: str = own("What to do.")
    field: str | None = own("The argument it is about.")
    source: Source | None = own("The system that refused, if one did.")


def user_errors(
    remarks: Sequence[Remark], fields: Mapping[str, str] | None = None
) -> list[UserError]:
    """Tell remarks in the words of a mutation's arguments."""
    return [
        UserError(
            code=remark.code.value,
            message=remark.message,
            field=(fields or {}).get(remark.field or "", remark.field),
            source=None if remark.source is None else Source(remark.source.value),
        )
        for remark in remarks
    ]
